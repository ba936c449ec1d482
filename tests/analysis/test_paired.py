"""Rank tests against R (constants with their commands), and where the data are awkward."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.paired import mann_whitney, wilcoxon
from allpool.errors import AnalysisError

WITHIN = 1e-12
# the data of R's ?wilcox.test (Hollander and Wolfe 1973): depression scores, and permeability constants
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]
# with ties and three pairs without a difference
TIED_BEFORE = [5, 7, 3, 9, 4, 6, 8, 2, 5, 7, 3, 6]
TIED_AFTER = [5, 4, 3, 6, 5, 3, 8, 4, 1, 6, 5, 2]
# R's airquality, ozone of May and August
MAY = [
    *[41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18],
    *[14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37],
]
AUGUST = [
    *[39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22],
    *[59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85],
]


@pytest.mark.parametrize(
    ("before", "after", "options", "statistic", "p"),
    [
        # R 4.2.2: wilcox.test(x, y, paired = TRUE, exact = FALSE, correct = ...)
        (BEFORE, AFTER, {}, 40, 0.044010984012951455),
        (BEFORE, AFTER, {"correction": False}, 40, 0.038151710173415156),
        (TIED_BEFORE, TIED_AFTER, {}, 36.5, 0.10756083954066654),
        (TIED_BEFORE, TIED_AFTER, {"correction": False}, 36.5, 0.095145946312965884),
        ([3], [1], {}, 1, 1),
        # R 4.2.2: wilcox.test(x, y, paired = TRUE)
        (BEFORE, AFTER, {"exact": True}, 40, 0.0390625),
    ],
)
def test_signed_rank_equals_r(
    before: list[float], after: list[float], options: dict[str, bool], statistic: float, p: float
) -> None:
    found = wilcoxon(before, after, **options)
    assert found.statistic == statistic
    assert found.p == pytest.approx(p, rel=WITHIN)
    assert found.n == len(before)


def test_pratt_equals_coin() -> None:
    # coin 1.4-2: wilcoxsign_test(before ~ after, zero.method = "Pratt"); its statistic is z
    found = wilcoxon(TIED_BEFORE, TIED_AFTER, zero="pratt", correction=False)
    assert found.z == pytest.approx(1.4711991291019568, rel=WITHIN)
    assert found.p == pytest.approx(0.14123727265288788, rel=WITHIN)
    assert found.zeros == 3


@pytest.mark.parametrize(
    ("x", "y", "options", "statistic", "p"),
    [
        # R 4.2.2: wilcox.test(x, y, exact = FALSE, correct = ...)
        (TERM, EARLY, {}, 35, 0.24462360512698336),
        (TERM, EARLY, {"correction": False}, 35, 0.22067136191984679),
        (MAY, AUGUST, {}, 127.5, 0.00012080783077),
        (TIED_BEFORE, TIED_AFTER, {}, 93, 0.23175526335241822),
        ([1], [2], {}, 0, 1),
        # R 4.2.2: wilcox.test(x, y)
        (TERM, EARLY, {"exact": True}, 35, 0.2544122544122544),
    ],
)
def test_rank_sum_equals_r(
    x: list[float], y: list[float], options: dict[str, bool], statistic: float, p: float
) -> None:
    found = mann_whitney(x, y, **options)
    assert found.statistic == statistic
    assert found.p == pytest.approx(p, rel=1e-11)


def test_z_has_the_sign_of_the_change_and_exact_tests_have_none() -> None:
    assert wilcoxon(BEFORE, AFTER).z > 0 > wilcoxon(AFTER, BEFORE).z
    assert mann_whitney(AUGUST, MAY).z > 0 > mann_whitney(MAY, AUGUST).z
    assert math.isnan(wilcoxon(BEFORE, AFTER, exact=True).z)
    assert math.isnan(mann_whitney(TERM, EARLY, exact=True).z)


def test_series_and_frames() -> None:
    frame = wilcoxon(pd.Series(BEFORE), pd.Series(AFTER, dtype="Float64")).to_frame()
    assert list(frame) == ["statistic", "z", "p", "n", "zeros", "method"]
    assert mann_whitney(pd.Series(TERM), EARLY).to_frame().loc[0, ["n_x", "n_y"]].tolist() == [10, 5]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: wilcoxon([1, 2], [1, 2]), "before equals after in every pair"),
        (lambda: wilcoxon([1], [1], zero="pratt"), "before equals after in every pair"),
        (lambda: wilcoxon([], []), "too little data"),
        (lambda: wilcoxon([1, 2], [1]), "differ in length: before 2, after 1"),
        (lambda: wilcoxon([1, np.nan], [1, 2]), "before has 1 missing"),
        (lambda: wilcoxon([1, 2], [1, None]), "after has 1 missing"),
        (lambda: wilcoxon(["a"], ["b"]), "before must be numbers"),
        (lambda: wilcoxon([1], [2], zero="zsplit"), "unknown zero 'zsplit'"),
        (lambda: wilcoxon([1, 2], [1, 5], exact=True), "without ties and zeros"),
        (lambda: wilcoxon([1, 2], [2, 3], exact=True), "without ties and zeros"),
        (lambda: mann_whitney([], [1]), "x is empty"),
        (lambda: mann_whitney([1, 2], []), "y is empty"),
        (lambda: mann_whitney([1, 1], [1]), "all values are equal"),
        (lambda: mann_whitney([1, 2], [2, 3], exact=True), "without ties"),
        (lambda: mann_whitney([np.inf], [1]), "x has 1 missing or infinite"),
    ],
)
def test_errors_are_sentences(call: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        call()  # type: ignore[operator]


PAIRS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=15)


@settings(deadline=None)
@given(PAIRS, st.sampled_from(["wilcoxon", "pratt"]), st.booleans())
def test_signed_rank_properties(pairs: list[tuple[int, int]], zero: str, correction: bool) -> None:
    before, after = np.array(pairs).T
    if (before == after).all():
        return
    forward = wilcoxon(before, after, zero=zero, correction=correction)
    backward = wilcoxon(after, before, zero=zero, correction=correction)
    assert forward.z == pytest.approx(-backward.z)
    assert forward.p == backward.p
    assert 0 <= forward.p <= 1
    assert wilcoxon(2 * before, 2 * after, zero=zero, correction=correction) == forward
    # the two statistics share all ranks that were kept
    shared = forward.statistic + backward.statistic
    used = forward.n - forward.zeros
    assert shared >= used * (used + 1) / 2
    assert zero == "pratt" or shared == used * (used + 1) / 2


@settings(deadline=None)
@given(PAIRS)
def test_the_normal_approximation_has_the_moments_of_all_signs(pairs: list[tuple[int, int]]) -> None:
    difference = np.array([a - b for a, b in pairs[:8]])
    if not difference.any():
        return
    statistics = []
    for signs in np.ndindex(*(2,) * difference.size):
        flipped = difference * (1 - 2 * np.array(signs))
        found = wilcoxon(flipped, np.zeros(difference.size), zero="pratt", correction=False)
        statistics.append(found.statistic)
    observed = wilcoxon(difference, np.zeros(difference.size), zero="pratt", correction=False)
    z = (observed.statistic - np.mean(statistics)) / np.std(statistics)
    assert observed.z == pytest.approx(z, abs=1e-9)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=12), st.lists(st.integers(0, 6), min_size=1, max_size=12)
)
def test_rank_sum_properties(x: list[int], y: list[int]) -> None:
    if len(set(x + y)) == 1:
        return
    forward, backward = mann_whitney(x, y), mann_whitney(y, x)
    assert forward.statistic + backward.statistic == len(x) * len(y)
    assert forward.p == pytest.approx(backward.p)
    above = sum((a > b) + (a == b) / 2 for a in x for b in y)
    assert forward.statistic == above
