"""Kaplan-Meier figures: what numbers at risk can give, against every way a small group can die."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.published.arithmetic.curve_intervals import METHODS, Interval
from allpool.analysis.published.arithmetic.logranks import Deaths, reproduced
from allpool.analysis.published.arithmetic.printed import printed
from allpool.analysis.published.arithmetic.survival import Curve, at_risk
from allpool.analysis.survival import kaplan_meier, logrank


def curve(survival: str, error: str | None = None) -> Curve:
    return Curve(printed(survival), None if error is None else printed(error))


def test_the_search_equals_every_way_that_eight_can_die() -> None:
    """All falling numbers at risk of 8 patients, tried one by one, against the search for each value."""
    values: dict[str, set[tuple[int, ...]]] = {}
    for deaths in range(9):
        for risks in combinations(range(8, 0, -1), deaths):
            share = np.prod([(r - 1) / r for r in risks])
            values.setdefault(f"{100 * share:.1f}", set()).add(risks)
    for tenth in range(1001):
        text = f"{tenth / 10:.1f}"
        found = at_risk(curve(text), 8, most=1000)
        assert found.decided
        expected = values.get(text, set())
        assert expected <= set(found.found), text
        for risks in found.found:
            share = 100 * float(np.prod([(r - 1) / r for r in risks]))
            assert abs(share - tenth / 10) <= 0.05 + 1e-6


@pytest.mark.parametrize(
    ("survival", "error", "n", "expected"),
    [
        ("94.44", None, 6, ()),
        ("94.44", None, 22, ((18,),)),
        ("88.54", None, 22, ((18, 16),)),
        ("86.7", "6.2", 21, ()),
        ("73.3", "8.1", 11, ()),
        ("73.3", "11.4", 16, ((15, 14, 13, 12),)),
        ("64.2", "12.1", 19, ((19, 18, 17, 14, 13, 9), (19, 18, 16, 15, 13, 9), (18, 17, 16, 15, 14, 9))),
        ("100", None, 6, ((),)),
        ("0", None, 1, ((1,),)),
    ],
)
def test_all_numbers_at_risk_of_a_printed_survival(
    survival: str, error: str | None, n: int, expected: tuple[tuple[int, ...], ...]
) -> None:
    found = at_risk(curve(survival, error), n, most=100)
    assert found.found == expected
    assert found.decided
    assert found.impossible == (not expected)


def test_a_search_left_before_its_end_never_says_impossible() -> None:
    found = at_risk(curve("50.0", "3.10"), 400, steps=50)
    assert not found.decided or found.found
    assert not found.impossible


def test_deaths_that_are_known_bound_the_search() -> None:
    assert at_risk(curve("25"), 4, deaths=3).found
    assert at_risk(curve("25.0"), 4, deaths=1).impossible


def test_a_flag_of_the_catalogue_holds_for_few_deaths_only() -> None:
    """31.68 % of 35 with at most 7 deaths needs a death with 3 or fewer at risk; with more it does not."""
    assert at_risk(curve("31.68"), 35, deaths=7, least=4).impossible
    assert at_risk(curve("31.68"), 35, least=8).found


@st.composite
def followed(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    n = draw(st.integers(1, 60))
    times = draw(st.lists(st.integers(1, 30), min_size=n, max_size=n))
    events = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    return times, events


@settings(max_examples=60)
@given(followed(), st.integers(1, 30), st.integers(0, 2))
def test_no_real_curve_is_impossible(data: tuple[list[int], list[int]], at: int, digits: int) -> None:
    times, events = data
    row = kaplan_meier(times, events).at([at]).iloc[0]
    survival, error = float(row["survival"]), float(row["standard_error"])
    text, n = f"{100 * survival:.{digits}f}", len(times)
    assert not at_risk(curve(text), n).impossible
    if survival > 0:
        assert not at_risk(curve(text, f"{100 * error:.{digits}f}"), n).impossible


@settings(max_examples=25)
@given(followed(), st.integers(1, 30), st.sampled_from(["plain", "log", "log-log"]))
def test_no_interval_of_a_real_curve_is_impossible(
    data: tuple[list[int], list[int]], at: int, method: str
) -> None:
    times, events = data
    row = kaplan_meier(times, events, ci=method).at([at]).iloc[0]
    survival = float(row["survival"])
    if not 0 < survival < 1:
        return
    low, high = (f"{100 * min(max(float(row[name]), 0), 1):.1f}" for name in ("lower", "upper"))
    printed_curve = Curve(printed(f"{100 * survival:.1f}"), None, Interval(printed(low), printed(high)))
    assert not at_risk(printed_curve, len(times)).impossible


def test_our_limits_are_those_of_the_estimator() -> None:
    times, events = [1, 2, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 0, 1, 0, 1, 0, 0, 1, 0]
    for method in ("plain", "log", "log-log"):
        row = kaplan_meier(times, events, ci=method).at([5]).iloc[0]
        s, se = float(row["survival"]), float(row["standard_error"])
        low, high = METHODS[method](s, se / s, 1.959963984540054)
        assert (low, min(high, 1.0)) == pytest.approx((row["lower"], row["upper"]), abs=1e-9)


@settings(max_examples=60)
@given(st.integers(2, 8), st.integers(2, 8), st.data())
def test_the_log_rank_of_real_deaths_is_reproduced(first: int, second: int, data: st.DataObject) -> None:
    """Two groups, deaths at distinct times, nobody censored before the end."""
    n = first + second
    order = data.draw(st.permutations(range(n)))
    deaths = data.draw(st.integers(1, n - 1))
    died = set(order[:deaths])
    times = [order.index(i) + 1 if i in died else n + 1 for i in range(n)]
    group = [0 if i < first else 1 for i in range(n)]
    p = logrank(times, [int(i in died) for i in range(n)], group).p
    risks: tuple[list[int], list[int]] = ([], [])
    left = [first, second]
    for i in order[:deaths]:
        risks[group[i]].append(left[group[i]])
        left[group[i]] -= 1
    pair = Deaths(first, tuple(risks[0])), Deaths(second, tuple(risks[1]))
    found = reproduced([pair], printed(f"{p:.3f}"))
    assert found.p is not None or not found.decided


def test_a_p_value_that_no_order_gives_is_not_reproduced() -> None:
    found = reproduced([(Deaths(10, (10,)), Deaths(10, ()))], printed("0.001"))
    assert found.p is None
    assert found.decided
    assert 0.2 < found.least <= found.most
