"""Pearson's test, the Mantel-Haenszel test and the risk difference: constants of R, and awkward data."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.proportions import chi_square, mantel_haenszel, proportion, risk_difference
from allpool.errors import AnalysisError

WITHIN = 1e-12
# R's UCBAdmissions (sex by admission in 6 departments) and the penicillin rabbits of ?mantelhaen.test
ADMISSIONS = np.array(
    [
        *[512, 313, 89, 19, 353, 207, 17, 8, 120, 205, 202, 391],
        *[138, 279, 131, 244, 53, 138, 94, 299, 22, 351, 24, 317],
    ]
).reshape(6, 2, 2)
RABBITS = np.array([0, 0, 6, 5, 3, 0, 3, 6, 6, 2, 0, 4, 5, 6, 1, 0, 2, 5, 0, 0]).reshape(5, 2, 2)


@pytest.mark.parametrize(
    ("table", "correction", "chi2", "p"),
    [
        # R 4.2.2: chisq.test(table, correct = ...); the first is the example of ?chisq.test (Agresti 2007)
        ([[762, 327, 468], [484, 239, 477]], False, 30.070149095754672, 2.9535891832117569e-07),
        ([[12, 7], [5, 9]], True, 1.4559963788146839, 0.22756821457580992),
        ([[12, 7], [5, 9]], False, 2.4305755196815575, 0.1189892055321448),
        ([[3, 1], [1, 3]], True, 0.5, 0.47950012218695348),
        # the correction shrinks to the smallest difference
        ([[10, 10], [10, 11]], True, 0.0, 1.0),
    ],
)
def test_pearson_equals_r(table: list[list[int]], correction: bool, chi2: float, p: float) -> None:
    found = chi_square(table, correction)
    assert found.chi2 == pytest.approx(chi2, rel=WITHIN, abs=WITHIN)
    assert found.p == pytest.approx(p, rel=1e-11)
    assert found.df == (len(table[0]) - 1)


@pytest.mark.parametrize(
    ("tables", "correction", "chi2", "p", "interval"),
    [
        # R 4.2.2: mantelhaen.test(tables, correct = ...)
        (
            *(ADMISSIONS, True, 1.4269462285866883, 0.23226346281704827),
            (0.90469682825862308, 0.77190736175935049, 1.0603297644366556),
        ),
        (
            *(ADMISSIONS, False, 1.5246066604434356, 0.21692369705551837),
            (0.90469682825862308, 0.77190736175935049, 1.0603297644366556),
        ),
        (
            *(RABBITS, True, 3.9285714285714288, 0.047472255142918106),
            (7, 1.026712688461668, 47.725133380222566),
        ),
        (
            *([[[5, 3], [0, 4]], [[4, 2], [0, 6]]], True, 6.9911971830985911, 0.0081911548225540969),
            (math.inf, math.nan, math.nan),
        ),
        (
            *([[[5, 3], [1, 4]], [[4, 0], [0, 3]]], True, 4.8250503847563211, 0.028049045356808647),
            (14.095238095238095, 1.6180322009902255, 122.78849385065571),
        ),
    ],
)
def test_mantel_haenszel_equals_r(
    tables: object, correction: bool, chi2: float, p: float, interval: tuple[float, float, float]
) -> None:
    found = mantel_haenszel(tables, correction=correction)
    assert found.chi2 == pytest.approx(chi2, rel=WITHIN)
    assert found.p == pytest.approx(p, rel=1e-11)
    limits = (found.odds_ratio, found.lower, found.upper)
    assert limits == pytest.approx(interval, rel=WITHIN, nan_ok=True)


def test_strata_that_say_nothing_change_nothing() -> None:
    empty = [[[4, 3], [0, 0]], [[0, 2], [0, 5]], [[1, 0], [0, 0]], [[0, 0], [0, 0]]]
    with_them = mantel_haenszel([*RABBITS.tolist(), *empty])
    alone = mantel_haenszel(RABBITS)
    assert (with_them.strata, with_them.informative) == (9, 3)
    assert with_them.to_frame().drop(columns="strata").equals(alone.to_frame().drop(columns="strata"))


def test_undefined_odds_ratio_is_nan_and_zero_is_zero() -> None:
    assert mantel_haenszel([[[0, 3], [4, 0]]]).odds_ratio == 0
    both = mantel_haenszel([[[0, 3], [4, 0]], [[3, 0], [0, 4]]])
    assert both.odds_ratio == 1


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        # the eight examples of Newcombe (1998), table II, method 10; digits of R 4.2.2 from the limits of
        # prop.test(x, n, correct = FALSE)
        ((56, 70, 48, 80), (0.052431472402364926, 0.33387265403690586)),
        ((9, 10, 3, 10), (0.17052272393450307, 0.80901797353548799)),
        ((6, 7, 2, 7), (0.058227927482312314, 0.80624963752422774)),
        ((5, 56, 0, 29), (-0.038137147903536853, 0.19256001385511157)),
        ((0, 10, 0, 20), (-0.1611251580528193, 0.27753279986288915)),
        ((0, 10, 0, 10), (-0.27753279986288915, 0.27753279986288915)),
        ((10, 10, 0, 20), (0.67908603714191484, 1)),
        ((10, 10, 0, 10), (0.60750935043052434, 1)),
    ],
)
def test_risk_difference_equals_newcombe(
    counts: tuple[int, int, int, int], limits: tuple[float, float]
) -> None:
    found = risk_difference(*counts)
    assert (found.lower, found.upper) == pytest.approx(limits, rel=WITHIN)
    assert found.estimate == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])


def test_frames_are_tables() -> None:
    frame = pd.DataFrame({"cr": [12, 5], "none": [7, 9]}, index=["a", "b"])
    assert chi_square(frame) == chi_square(frame.to_numpy())
    assert mantel_haenszel([frame, frame]).strata == 2


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: chi_square([1, 2]), "two dimensions"),
        (lambda: chi_square([[0, 0], [0, 0]]), "table is empty"),
        (lambda: chi_square([[3, 4], [0, 0]]), "two rows and two columns"),
        (lambda: chi_square([[1.5, 2], [3, 4]]), "whole numbers"),
        (lambda: chi_square([[1, 2, 3], [3, 4, 5]], correction=True), "2 x 2 tables; this one has 2 x 3"),
        (lambda: chi_square([[1, 2], [3]]), "same number of cells"),
        (lambda: mantel_haenszel(5), "give a sequence"),
        (lambda: mantel_haenszel([]), "no tables"),
        (lambda: mantel_haenszel([[1, 2], [3, 4]]), "needs a 2 x 2 table"),
        (lambda: mantel_haenszel([[[1, 2, 3], [3, 4, 5]]]), "needs a 2 x 2 table"),
        (lambda: mantel_haenszel([[[1, -2], [3, 4]]]), "whole numbers"),
        (lambda: mantel_haenszel([[[1, 0], [3, 0]]]), "in every stratum a row or a column is empty"),
        (lambda: mantel_haenszel(RABBITS, level=0), "between 0 and 1"),
        (lambda: risk_difference(1, 0, 1, 2), "n is 0"),
        (lambda: risk_difference(3, 2, 1, 2), "must not exceed"),
        (lambda: risk_difference(1, 2, 1, 2, level=95), "between 0 and 1"),
    ],
)
def test_bad_input_is_named(ask: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        ask()  # type: ignore[operator]


COUNTS = st.lists(st.integers(0, 30), min_size=4, max_size=4).map(lambda cells: np.array(cells).reshape(2, 2))


@settings(deadline=None)
@given(COUNTS)
def test_one_stratum_is_pearson_but_for_one_subject(table: np.ndarray) -> None:
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return
    n = table.sum()
    assert mantel_haenszel([table]).chi2 == pytest.approx(chi_square(table).chi2 * (n - 1) / n)
    turned, flipped = mantel_haenszel([table.T]), mantel_haenszel([table[::-1]])
    assert turned.chi2 == pytest.approx(flipped.chi2)
    if table.all():
        assert turned.odds_ratio == pytest.approx(1 / flipped.odds_ratio)
        assert turned.odds_ratio == pytest.approx(table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0]))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_risk_difference_mirrors_and_stays_inside(n1: int, n2: int, data: st.DataObject) -> None:
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    found, mirror = risk_difference(x1, n1, x2, n2), risk_difference(x2, n2, x1, n1)
    assert -1 - 1e-12 <= found.lower <= found.estimate <= found.upper <= 1 + 1e-12
    assert found.lower == pytest.approx(-mirror.upper, abs=1e-12)
    whole = proportion(x1, n1, method="wilson")
    assert (
        found.upper - found.lower >= min(whole.upper - whole.estimate, whole.estimate - whole.lower) - 1e-12
    )
