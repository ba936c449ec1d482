"""The log-rank test where the data are awkward, and rules it must always keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from allpool.analysis.survival import LogRank, logrank
from allpool.errors import AnalysisError

rows = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 2), st.integers(0, 2)),
    min_size=6,
    max_size=60,
)


def _test(data: list[tuple], *, strata: bool) -> LogRank | None:
    time, event, group, stratum = map(np.array, zip(*data, strict=True))
    try:
        return logrank(time, event, group, strata=stratum if strata else None)
    except AnalysisError:
        return None


def test_by_hand() -> None:
    # deaths at 1 (a; 2 and 2 at risk), 2 (b; 1 and 2), 4 (b; 0 and 1: no comparison)
    found = logrank([1, 2, 3, 4], [1, 1, 0, 1], ["a", "b", "a", "b"])
    expected_a = 1 / 2 + 1 / 3
    assert found.expected.tolist() == pytest.approx([expected_a, 3 - expected_a])
    variance = 1 / 4 + 2 / 9
    assert found.chi2 == pytest.approx((1 - expected_a) ** 2 / variance)
    assert found.to_frame()["n"].tolist() == [2, 2]


def test_a_category_without_subjects_is_no_group() -> None:
    group = pd.Categorical(["b", "a", "b", "a"], categories=["b", "a", "never"], ordered=True)
    found = logrank([1, 2, 3, 4], [1, 1, 0, 1], group)
    assert found.groups == ("b", "a")
    assert found.df == 1


def test_a_group_gone_before_the_first_event_has_no_say() -> None:
    found = logrank([1, 5, 6, 7, 8], [0, 1, 1, 1, 0], ["gone", "a", "b", "a", "b"])
    without = logrank([5, 6, 7, 8], [1, 1, 1, 0], ["a", "b", "a", "b"])
    assert found.chi2 == pytest.approx(without.chi2)
    assert found.df == 1
    assert found.expected[found.groups.index("gone")] == 0


@pytest.mark.parametrize(
    ("arguments", "strata", "sentence"),
    [
        (([1, 2], [1, 1], ["a", "a"]), None, "at least two groups"),
        (([1, 2], [0, 0], ["a", "b"]), None, "no events"),
        (([1, 2], [1, 0], ["a", None]), None, "missing"),
        (([1, 2], [1, 0], [{"a"}, {"b"}]), None, "plain labels"),
        (([1, 2], [1, 0], ["a"]), None, "differ in length"),
        (([1, 2], [1, 0], ["a", "b"]), [1, np.nan], "missing"),
        (([1, 2], [1, 1], ["a", "b"]), ["x", "y"], "never at risk together"),
        (([1, 2], [0, 1], ["a", "b"]), None, "fewer than two groups"),
        (([], [], []), None, "too little data"),
    ],
)
def test_bad_input_is_named(arguments: tuple, strata: list | None, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        logrank(*arguments, strata=strata)


@given(rows)
def test_one_stratum_is_no_stratum(data: list[tuple]) -> None:
    plain = _test(data, strata=False)
    assume(plain is not None)
    alike = _test([(*row[:3], 1) for row in data], strata=True)
    assert (plain.chi2, plain.p) == (alike.chi2, alike.p)
    np.testing.assert_array_equal(plain.expected, alike.expected)


@given(rows, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_subjects_does_not_matter(data: list[tuple], strata: bool, random: object) -> None:
    found = _test(data, strata=strata)
    assume(found is not None)
    shuffled = list(data)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = _test(shuffled, strata=strata)
    assert again.chi2 == pytest.approx(found.chi2, rel=1e-9, abs=1e-12)


@given(rows, st.booleans())
def test_expected_events_add_up_to_observed(data: list[tuple], strata: bool) -> None:
    found = _test(data, strata=strata)
    assume(found is not None)
    assert found.expected.sum() == pytest.approx(found.observed.sum())
    assert 0 <= found.p <= 1


@pytest.mark.parametrize("names", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_groups_that_meet_in_no_stratum_are_not_compared(names: tuple[int, int, int]) -> None:
    # the first group is alone in its stratum; that its variance is 0 must not depend on rounding
    group = [names[g] for g in (0, 1, 2, 2, 2, 2)]
    with pytest.raises(AnalysisError, match="never at risk together"):
        logrank([0, 0, 1, 1, 2, 2], [1, 1, 0, 1, 0, 1], group, strata=[1, 0, 0, 0, 0, 0])


@given(rows)
def test_names_of_groups_do_not_matter(data: list[tuple]) -> None:
    found = _test(data, strata=True)
    assume(found is not None)
    renamed = _test([(t, e, 2 - g, s) for t, e, g, s in data], strata=True)
    assert renamed.chi2 == pytest.approx(found.chi2, rel=1e-8, abs=1e-10)
