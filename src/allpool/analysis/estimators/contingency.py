"""Chi-square tests of counts: one table (Pearson), or one 2 x 2 table per stratum (Mantel-Haenszel)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import FloatArray, counts, critical_value
from allpool.analysis.estimators.results import ChiSquareTest
from allpool.errors import AnalysisError


@dataclass(frozen=True)
class MantelHaenszel:
    """The Cochran-Mantel-Haenszel test over strata, and the odds ratio they have in common.

    The interval is on the log scale with the variance of Robins, Breslow and Greenland (1986); where the odds
    ratio is 0, infinite or undefined, the interval is nan, as in R. `strata` counts those that were given,
    `informative` those in which neither margin is empty.
    """

    chi2: float
    df: int
    p: float
    odds_ratio: float
    lower: float
    upper: float
    level: float
    strata: int
    informative: int

    def to_frame(self) -> pd.DataFrame:
        """Return the test as a frame of one row."""
        return pd.DataFrame([asdict(self)])


def chi_square(table: Any, correction: bool = False) -> ChiSquareTest:
    """Test whether rows and columns of an r x c table of counts are independent (Pearson 1900).

    Empty rows and columns are dropped first. `correction` asks for Yates' correction, which exists for 2 x 2
    tables only and shrinks to the smallest difference from expectation, as in R's `chisq.test`. Where
    fewer than 5 are expected in a cell, `fisher` is the better test.

    Raises
    ------
    AnalysisError
        the table is not two-dimensional, holds no counts, has fewer than two rows or columns that are not
        empty, or is not 2 x 2 where a correction was asked for.
    """
    cells = table_of_counts(table)
    if min(cells.shape) < 2:
        raise AnalysisError("too little data: a chi-square test needs two rows and two columns with counts")
    if correction and cells.shape != (2, 2):
        raise AnalysisError(
            f"Yates' correction is for 2 x 2 tables; this one has {cells.shape[0]} x {cells.shape[1]} "
            "rows and columns that are not empty"
        )
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    away = np.abs(cells - expected)
    if correction:
        away = away - min(0.5, float(away.min()))
    chi2 = float((away**2 / expected).sum())
    df = (cells.shape[0] - 1) * (cells.shape[1] - 1)
    return ChiSquareTest(chi2=chi2, df=df, p=float(chdtrc(df, chi2)))


def mantel_haenszel(tables: Any, *, correction: bool = False, level: float = 0.95) -> MantelHaenszel:
    """Test a 2 x 2 association within strata, and estimate the common odds ratio (Mantel and Haenszel 1959).

    Parameters
    ----------
    tables
        one 2 x 2 table of counts per stratum (study, centre): a sequence of tables or an array (k, 2, 2).
        A stratum in which a row or a column is empty says nothing and changes nothing.
    correction
        the continuity correction of half a unit, as R's `mantelhaen.test` has it by default.

    Raises
    ------
    AnalysisError
        no tables, tables that are not 2 x 2 or hold no counts, or no stratum with both rows and both columns.
    """
    critical = critical_value(level)
    stack = _stack(tables)
    (a, b), (c, d) = (stack[:, 0, 0], stack[:, 0, 1]), (stack[:, 1, 0], stack[:, 1, 1])
    n = a + b + c + d
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    informative = margins > 0
    if not informative.any():
        raise AnalysisError("too little data: in every stratum a row or a column is empty")
    a, b, c, d, n, margins = (column[informative] for column in (a, b, c, d, n, margins))
    deviation = abs(float((a - (a + b) * (a + c) / n).sum()))
    variance = float((margins / (n**2 * (n - 1))).sum())
    shift = 0.5 if correction and deviation >= 0.5 else 0.0
    chi2 = (deviation - shift) ** 2 / variance
    odds_ratio, log_error = _common_odds_ratio(a, b, c, d, n)
    with np.errstate(over="ignore"):
        margin = np.exp(critical * log_error)
    return MantelHaenszel(
        chi2=chi2,
        df=1,
        p=float(chdtrc(1, chi2)),
        odds_ratio=odds_ratio,
        lower=float(odds_ratio / margin),
        upper=float(odds_ratio * margin),
        level=level,
        strata=len(stack),
        informative=int(informative.sum()),
    )


def table_of_counts(table: Any) -> FloatArray:
    """Return a two-dimensional table of counts without its empty rows and columns.

    Raises
    ------
    AnalysisError
        not two-dimensional, not counts, or nothing counted.
    """
    cells = _array(table)
    if cells.ndim != 2:
        raise AnalysisError(f"a table has two dimensions, rows and columns; this one has {cells.ndim}")
    whole = counts(cells.ravel(), name="table").reshape(cells.shape)
    if whole.sum() == 0:
        raise AnalysisError("too little data: the table is empty")
    return np.asarray(whole[whole.sum(axis=1) > 0][:, whole.sum(axis=0) > 0])


def _array(table: Any) -> NDArray[Any]:
    try:
        return np.asarray(table)
    except ValueError:
        raise AnalysisError("the rows of a table must have the same number of cells") from None


def _stack(tables: Any) -> FloatArray:
    if not isinstance(tables, Iterable):
        raise AnalysisError("each stratum needs a 2 x 2 table of counts; give a sequence of such tables")
    each = [_array(table) for table in tables]
    if not each:
        raise AnalysisError("too little data: no tables were given")
    shapes = {table.shape for table in each}
    if shapes != {(2, 2)}:
        raise AnalysisError("each stratum needs a 2 x 2 table of counts; give a sequence of such tables")
    return counts(np.stack(each).ravel(), name="tables").reshape(len(each), 2, 2)


def _common_odds_ratio(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, n: FloatArray
) -> tuple[float, float]:
    """Return the odds ratio, and the standard error of its logarithm (Robins, Breslow and Greenland 1986)."""
    r, s = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    R, S = float(r.sum()), float(s.sum())
    if R == 0 or S == 0:
        return (float("nan") if R == S else 0.0 if R == 0 else float("inf")), float("nan")
    variance = float(p @ r) / (2 * R**2) + float(p @ s + q @ r) / (2 * R * S) + float(q @ s) / (2 * S**2)
    return R / S, float(np.sqrt(variance))
