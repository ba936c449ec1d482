"""A rule that jumps against its own history: the test's rate of false alarms, and what it must see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.audit.falls import falls
from allpool.etl.audit.trend import Earlier, Trend, jumps, usual_shares

SETTINGS = Trend()
RULE = "observation.value_quantity.plausible.wbc"


def one(rows: int, failed: int, before: Earlier) -> bool:
    return bool(jumps({RULE: (rows, failed)}, {RULE: before}, SETTINGS))


def test_a_jump_is_seen_long_before_a_threshold_is() -> None:
    assert one(500, 40, Earlier(10_000, 100, 20))
    assert not one(500, 8, Earlier(10_000, 100, 20))


def test_where_nothing_ever_failed_a_few_rows_are_a_jump() -> None:
    assert one(200, 5, Earlier(4_000, 0, 20))
    assert not one(200, 2, Earlier(4_000, 0, 20)), "two rows are slips"


def test_a_significant_trifle_is_no_jump() -> None:
    assert not one(1_000_000, 11_000, Earlier(1_000_000, 10_000, 1)), "ten per cent more, p < 1e-11"
    assert one(1_000_000, 16_000, Earlier(1_000_000, 10_000, 1))


@pytest.mark.parametrize(
    ("rows", "failed", "before"),
    [
        pytest.param(9, 9, Earlier(1_000, 0, 5), id="too few rows now"),
        pytest.param(1_000, 900, Earlier(9, 0, 1), id="too few rows before"),
        pytest.param(100, 0, Earlier(1_000, 500, 5), id="it got better"),
        pytest.param(100, 50, Earlier(1_000, 500, 5), id="as bad as ever"),
    ],
)
def test_what_is_not_raised(rows: int, failed: int, before: Earlier) -> None:
    assert not one(rows, failed, before)


def test_without_history_nothing_is_usual_and_nothing_raised() -> None:
    assert jumps({RULE: (100, 100)}, {}, SETTINGS) == frozenset()
    assert usual_shares({RULE: Earlier(9, 3, 1), "other": Earlier(10, 3, 1)}, SETTINGS) == {"other": 0.3}


@given(
    rows=st.integers(10, 2_000),
    failed=st.integers(0, 2_000),
    more=st.integers(0, 500),
    before=st.integers(10, 20_000),
    share=st.floats(0, 1),
)
def test_more_failing_rows_never_lower_an_alarm(
    rows: int, failed: int, more: int, before: int, share: float
) -> None:
    earlier = Earlier(before, int(before * share), 3)
    fewer = min(failed, rows)
    if one(rows, fewer, earlier):
        assert one(rows, min(fewer + more, rows), earlier)


@given(rows=st.integers(10, 500), failed=st.integers(0, 500), runs=st.integers(1, 20))
def test_the_same_delivery_again_is_never_raised(rows: int, failed: int, runs: int) -> None:
    found = min(failed, rows)
    mean = Earlier(rows * runs, found * runs, runs).as_one()
    assert (mean.rows, mean.failed) == (rows, found)
    assert not one(rows, found, mean)


def test_false_alarms_over_a_hundred_rules_stay_under_their_rate() -> None:
    rng = np.random.default_rng(20261120)
    shares = rng.uniform(0, 0.1, 100)
    shares[:60] = 0.0  # most rules of a feed never fail
    alarms = 0
    for _ in range(1_000):
        rows = rng.integers(20, 400, 100)
        now = {
            f"r{i}": (int(n), int(rng.binomial(n, p)))
            for i, (n, p) in enumerate(zip(rows, shares, strict=True))
        }
        before = {
            f"r{i}": Earlier(int(n) * 5, int(rng.binomial(int(n) * 5, p)), 5)
            for i, (n, p) in enumerate(zip(rows, shares, strict=True))
        }
        alarms += bool(jumps(now, before, SETTINGS))
    assert alarms <= 1_000 * SETTINGS.false_alarms


def test_a_snapshot_that_loses_a_third_of_its_patients_is_raised() -> None:
    earlier = {"delivery.patients": [30, 30, 29]}
    assert falls({"delivery.patients": 20}, earlier, mode="snapshot", settings=SETTINGS) == {
        "delivery.patients": 10
    }
    assert falls({"delivery.patients": 28}, earlier, mode="snapshot", settings=SETTINGS) == {}
    assert falls({"delivery.patients": 45}, earlier, mode="snapshot", settings=SETTINGS) == {}


def test_a_table_that_no_longer_comes_is_raised() -> None:
    earlier = {"delivery.rows.adverse_event": [120], "delivery.patients": [60]}
    now = {"delivery.rows.adverse_event": 0, "delivery.patients": 60}
    assert falls(now, earlier, mode="snapshot", settings=SETTINGS) == {"delivery.rows.adverse_event": 120}


def test_deliveries_that_always_varied_may_vary() -> None:
    wide, steady = [200, 20, 310, 90, 150, 40, 260], [150, 148, 155, 151, 149, 152, 147]
    for before, raised in ((wide, False), (steady, True)):
        found = falls({"rows": 60}, {"rows": before}, mode="append", settings=SETTINGS)
        assert bool(found) is raised
    assert falls({"rows": 0}, {"rows": steady[:4]}, mode="append", settings=SETTINGS) == {}, "too few to know"


def test_false_alarms_of_appending_feeds_stay_under_their_rate() -> None:
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(2_000):
        counts = rng.poisson(40, 11).tolist()
        alarms += bool(falls({"rows": counts[0]}, {"rows": counts[1:]}, mode="append", settings=SETTINGS))
    assert alarms <= 2_000 * SETTINGS.false_alarms
