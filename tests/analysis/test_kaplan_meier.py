"""Kaplan-Meier, follow-up, restricted means and landmark where the data are awkward."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.survival import (
    KaplanMeier,
    follow_up,
    kaplan_meier,
    landmark,
    restricted_mean_difference,
)
from allpool.errors import AnalysisError

subjects = st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 3)), min_size=1, max_size=60)
LIMITS = ["survival", "standard_error", "lower", "upper"]


def test_no_events_keeps_survival_at_one() -> None:
    curve = kaplan_meier([1, 2, 3], [0, 0, 0])
    assert curve.events == 0
    at = curve.at([0, 2, 5])
    assert at["survival"].tolist() == [1, 1, 1]
    assert at["at_risk"].tolist() == [3, 2, 0]
    assert np.isnan(curve.quantile(0.5).estimate)
    assert curve.restricted_mean(3).estimate == pytest.approx(3)
    assert curve.restricted_mean(3).standard_error == 0


@pytest.mark.parametrize("ci", ["log-log", "log", "plain"])
def test_all_events_end_at_zero_without_interval(ci: str) -> None:
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1], ci=ci)
    last = curve.at(9).iloc[0]
    assert last["survival"] == 0
    assert last["at_risk"] == 0
    assert np.isnan([last["standard_error"], last["lower"], last["upper"]]).all()
    # S is 0.5 from 2 to 3: the middle, as R
    assert curve.quantile(0.5).estimate == 2.5
    # S reaches exactly 0 at the last time, where the flat has no width
    assert curve.quantile(1.0).estimate == 4
    assert curve.quantile(0.0).estimate == 0
    assert curve.restricted_mean(10).estimate == pytest.approx(2.5)


def test_log_log_has_no_interval_at_one_after_a_first_censoring_as_in_r() -> None:
    at = kaplan_meier([1, 2, 3], [0, 1, 0]).at([0.5, 1])
    assert at["lower"][0] == 1
    assert np.isnan(at["lower"][1])
    assert kaplan_meier([1, 2, 3], [0, 1, 0], ci="plain").at(1)["lower"][0] == 1


def test_time_zero_counts_as_at_risk() -> None:
    curve = kaplan_meier([0, 1, 2], [1, 1, 0])
    assert curve.at(0)["at_risk"][0] == 3
    assert curve.at(0)["survival"][0] == pytest.approx(2 / 3)


def test_censored_at_a_death_is_still_at_risk() -> None:
    table = kaplan_meier([2, 2, 3], [1, 0, 1]).to_frame()
    assert table[["at_risk", "events", "censored"]].to_numpy().tolist() == [[3, 1, 1], [1, 1, 0]]


def test_times_apart_by_rounding_are_one_time() -> None:
    curve = kaplan_meier([0.1 + 0.2, 0.3, 1.0], [1, 1, 0])
    assert len(curve.time) == 2
    assert curve.survival[0] == pytest.approx(1 / 3)


def test_delayed_entry_by_hand() -> None:
    # at risk at 3: those entered before 3 and not yet gone (1, 2); at 5: (2, 3); at 8: (3)
    curve = kaplan_meier([3, 5, 8], [1, 1, 0], entry=[0, 1, 4])
    assert curve.to_frame()["at_risk"].tolist() == [2, 2, 1]
    assert curve.survival.tolist() == [0.5, 0.25, 0.25]


def test_an_empty_risk_set_between_entries_leaves_the_curve_flat() -> None:
    curve = kaplan_meier([2, 10, 11], [0, 1, 0], entry=[0, 5, 5])
    assert curve.survival.tolist() == [1, 0.5, 0.5]
    assert curve.to_frame()["at_risk"].tolist() == [1, 2, 1]


def test_an_early_lone_death_ends_a_curve_with_delayed_entry() -> None:
    curve = kaplan_meier([2, 10, 11], [1, 1, 0], entry=[0, 5, 5])
    assert curve.survival.tolist() == [0, 0, 0]
    assert np.isnan(curve.standard_error).all()


def test_weight_zero_takes_no_part_but_is_counted_as_given() -> None:
    with_zero = kaplan_meier([1, 2, 3, 9], [1, 0, 1, 1], weights=[1, 1, 1, 0])
    without = kaplan_meier([1, 2, 3], [1, 0, 1])
    pd.testing.assert_frame_equal(with_zero.to_frame(), without.to_frame())
    assert (with_zero.n, without.n) == (4, 3)


def test_whole_weights_repeat_subjects() -> None:
    weighted = kaplan_meier([1, 2, 3], [1, 0, 1], weights=[2, 1, 3])
    repeated = kaplan_meier([1, 1, 2, 3, 3, 3], [1, 1, 0, 1, 1, 1])
    pd.testing.assert_frame_equal(weighted.to_frame(), repeated.to_frame())


def _jackknife(time: np.ndarray, event: np.ndarray, weight: np.ndarray, entry: np.ndarray, t: float) -> tuple:
    """Differentiate S(t) and the mean to t numerically in each weight."""

    def estimates(w: np.ndarray) -> np.ndarray:
        curve = kaplan_meier(time, event, weights=w, entry=entry)
        return np.array([curve.at(t)["survival"][0], curve.restricted_mean(t).estimate])

    step = 1e-5
    total = np.zeros(2)
    for i in range(len(weight)):
        shift = np.eye(len(weight))[i] * step
        slope = (estimates(weight + shift) - estimates(weight - shift)) / (2 * step)
        total += (weight[i] * slope) ** 2
    return tuple(np.sqrt(total))


@pytest.mark.parametrize("t", [3.0, 6.5, 9.0])
def test_fractional_weights_have_the_infinitesimal_jackknife_error(t: float) -> None:
    rng = np.random.default_rng(4)
    time, entry = rng.integers(4, 12, 25).astype(float), rng.integers(0, 4, 25).astype(float)
    event, weight = rng.random(25) < 0.6, rng.uniform(0.3, 2.0, 25)
    curve = kaplan_meier(time, event, weights=weight, entry=entry)
    error, mean_error = _jackknife(time, event, weight, entry, t)
    assert curve.at(t)["standard_error"][0] == pytest.approx(error, abs=1e-8)
    assert curve.restricted_mean(t).standard_error == pytest.approx(mean_error, abs=1e-7)


def test_follow_up_by_either_rule_of_ties() -> None:
    # two deaths and one end of follow-up at 2: at risk for it 4 (survfit) or 2 (prodlim)
    time, event = [1, 2, 2, 2, 3], [0, 1, 1, 0, 0]
    assert follow_up(time, event).survival.tolist() == pytest.approx([4 / 5, 3 / 5, 0])
    assert follow_up(time, event, ties="prodlim").survival.tolist() == pytest.approx([4 / 5, 2 / 5, 0])
    # at the middle: prodlim takes the first time at or below 1 - p
    assert follow_up([1, 2, 4, 5], [0, 0, 0, 0], ties="prodlim").quantile(0.5).estimate == 2
    assert follow_up([1, 2, 4, 5], [0, 0, 0, 0]).quantile(0.5).estimate == 3


def test_follow_up_where_everybody_dies_is_never_reached() -> None:
    for ties in ("survfit", "prodlim"):
        assert np.isnan(follow_up([1, 1, 2], [1, 1, 1], ties=ties).quantile(0.5).estimate)


def test_results_are_frozen() -> None:
    curve = kaplan_meier([1, 2], [1, 0])
    with pytest.raises(AttributeError):
        curve.n = 7  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        curve.survival[0] = 2


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (([], []), {}, "too little data"),
        (([1, -2], [1, 0]), {}, "negative"),
        (([1, np.nan], [1, 0]), {}, "missing"),
        (([1, 2], [1, np.nan]), {}, "missing"),
        (([1, 2], [1, 2]), {}, "1 .* or 0"),
        (([1, 2, 3], [1, 0]), {}, "differ in length"),
        (([1, 2], [1, 0]), {"ci": "exact"}, "unknown ci"),
        (([1, 2], [1, 0]), {"level": 95}, "between 0 and 1"),
        (([1, 2], [1, 0]), {"weights": [1, -1]}, "weights"),
        (([1, 2], [1, 0]), {"weights": [0, 0]}, "too little data"),
        (([1, 2], [1, 0]), {"entry": [0, 2]}, "entry must lie before"),
        ((["a", 2], [1, 0]), {}, "text or dates"),
        ((["1", "2"], [1, 0]), {}, "text or dates"),
        ((np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), [1, 0]), {}, "text or dates"),
        ((pd.Series([1, None], dtype="Int64"), [1, 0]), {}, "missing"),
        ((pd.Series([1, None], dtype="object"), [1, 0]), {}, "missing"),
        (([1, 2], pd.Series([True, None], dtype="boolean")), {}, "missing"),
        (([[1, 2]], [1]), {}, "one-dimensional"),
    ],
)
def test_bad_input_is_named(arguments: tuple, options: dict, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        kaplan_meier(*arguments, **options)


def test_bad_questions_are_named() -> None:
    curve = kaplan_meier([1, 2], [1, 0])
    for ask in (lambda: curve.at(-1), lambda: curve.quantile(2), lambda: curve.restricted_mean(0)):
        with pytest.raises(AnalysisError):
            ask()
    with pytest.raises(AnalysisError, match="unknown ties"):
        follow_up([1], [0], ties="none")


@given(subjects)
def test_the_curve_falls_and_its_limits_enclose_it(rows: list[tuple[int, bool, int]]) -> None:
    time, event, _ = map(np.array, zip(*rows, strict=True))
    for ci in ("log-log", "log", "plain"):
        curve = kaplan_meier(time, event, ci=ci)
        assert (np.diff(curve.survival) <= 0).all()
        assert ((curve.survival >= 0) & (curve.survival <= 1)).all()
        known = ~np.isnan(curve.lower)
        assert (curve.lower[known] <= curve.survival[known] + 1e-12).all()
        assert (curve.upper[known] >= curve.survival[known] - 1e-12).all()
        assert curve.events == event.sum()


@given(subjects, st.randoms(use_true_random=False))
def test_the_order_of_subjects_does_not_matter(rows: list[tuple[int, bool, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (_curve(order) for order in (rows, shuffled))
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame(), check_exact=True)


@given(subjects)
def test_counting_whole_days_equals_sorting_them(rows: list[tuple[int, bool, int]]) -> None:
    time, event, _ = map(np.array, zip(*rows, strict=True))
    days, months = kaplan_meier(time, event), kaplan_meier(time / 30.4375, event)
    np.testing.assert_allclose(months.time * 30.4375, days.time, atol=1e-12)
    np.testing.assert_array_equal(months.survival, days.survival)


@given(subjects)
def test_entry_at_once_changes_nothing(rows: list[tuple[int, bool, int]]) -> None:
    time, event, _ = map(np.array, zip(*rows, strict=True))
    later = kaplan_meier(time + 1, event, entry=np.zeros(len(rows)))
    pd.testing.assert_frame_equal(later.to_frame(), kaplan_meier(time + 1, event).to_frame())


def _curve(rows: list[tuple[int, bool, int]]) -> KaplanMeier:
    time, event, _ = map(np.array, zip(*rows, strict=True))
    return kaplan_meier(time, event)


def test_a_difference_of_means_needs_two_groups_followed_to_tau() -> None:
    time, event = [1, 2, 3, 4], [1, 0, 1, 0]
    found = restricted_mean_difference(time, event, ["a", "a", "b", "b"], 2)
    assert found.estimate == pytest.approx(0.5)
    assert found.method.endswith("b minus a")
    with pytest.raises(AnalysisError, match="beyond the follow-up"):
        restricted_mean_difference(time, event, ["a", "a", "b", "b"], 3)
    with pytest.raises(AnalysisError, match="exactly two groups"):
        restricted_mean_difference(time, event, ["a", "b", "c", "c"], 1)
    # a group whose curve reached 0 is known for ever after
    assert restricted_mean_difference([1, 2, 9], [1, 1, 0], ["a", "a", "b"], 5).estimate == pytest.approx(3.5)


def test_landmark_knows_nothing_of_the_future() -> None:
    frame = pd.DataFrame(
        {"time": [5, 10, 20, 30, 40], "event": [1, 1, 0, 1, 0], "graft": [2.0, 3.0, 10.0, 15.0, None]}
    )
    kept = landmark(frame, at=10, time="time", event="event", exposure_time="graft")
    assert kept["time"].tolist() == [20, 30, 40]  # the one who ends at 10 is not followed past it
    assert kept["exposed"].tolist() == [1, 0, 0]  # a graft at 15 is not yet known at 10
    assert kept["time_from_landmark"].tolist() == [10, 20, 30]
    for options, sentence in (
        ({"at": 40}, "nobody is followed"),
        ({"at": -1}, "at least 0"),
        ({"exposure_time": "none"}, "no column none"),
    ):
        how = {"at": 10, "time": "time", "event": "event", "exposure_time": "graft", **options}
        with pytest.raises(AnalysisError, match=sentence):
            landmark(frame, **how)
    with pytest.raises(AnalysisError, match="already has a column exposed"):
        landmark(kept, at=10, time="time", event="event", exposure_time="graft")
