"""Rank tests of two sets of values: before and after in the same patients, or two groups of patients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import mannwhitneyu, rankdata
from scipy.stats import wilcoxon as signed_rank

from allpool.analysis.estimators.arrays import FloatArray, numbers, one_of, same_length
from allpool.errors import AnalysisError

ZEROS = ("wilcoxon", "pratt")


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test; positive `z` says that `before` tends to be above `after`.

    `statistic` is R's V, the sum of the ranks of the positive differences before - after; `n` counts the
    pairs, `zeros` those without a difference. The exact test has no z: nan.
    """

    statistic: float
    z: float
    p: float
    n: int
    zeros: int
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return the test as a frame of one row."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True)
class RankSumTest:
    """The Wilcoxon-Mann-Whitney test; positive `z` says that `x` tends to be above `y`.

    `statistic` is R's W, the number of pairs (x, y) with x above y, ties counting a half; W / (n_x n_y)
    estimates P(x > y) + P(x = y) / 2. The exact test has no z: nan.
    """

    statistic: float
    z: float
    p: float
    n_x: int
    n_y: int
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return the test as a frame of one row."""
        return pd.DataFrame([asdict(self)])


def wilcoxon(
    before: Any, after: Any, *, zero: str = "wilcoxon", correction: bool = True, exact: bool = False
) -> PairedTest:
    """Test whether paired differences are symmetric about 0 (Wilcoxon 1945), two-sided.

    Parameters
    ----------
    before, after
        one number per patient each, in the same order. Differences equal in the last bit share a rank.
    zero
        "wilcoxon" drops pairs without a difference before ranking, as R's `wilcox.test`; "pratt" ranks them
        and drops their ranks (Pratt 1959; with `correction=False`, coin's `wilcoxsign_test`).
    correction
        move the statistic half a unit towards its mean, as R does by default.
    exact
        the exact distribution instead of the normal one (R's own default below 50 pairs); there must be
        neither ties nor zeros.

    Raises
    ------
    AnalysisError
        lengths that differ, missing values, no pairs with a difference, an unknown `zero`, or ties or
        zeros where the exact test was asked for.
    """
    one_of(zero, ZEROS, name="zero")
    first, second = numbers(before, name="before"), numbers(after, name="after")
    n = same_length(before=first, after=second)
    difference = first - second
    differs = difference != 0
    if not differs.any():
        raise AnalysisError("too little data: before equals after in every pair; there is nothing to rank")
    ranked = difference if zero == "pratt" else difference[differs]
    rank = rankdata(np.abs(ranked))
    statistic = float(rank[ranked > 0].sum())
    zeros = int(n - differs.sum())
    if exact:
        if zeros or np.unique(rank).size < n:
            raise AnalysisError("the exact signed-rank test needs differences without ties and zeros")
        p = float(signed_rank(difference, method="exact").pvalue)
        return PairedTest(statistic, float("nan"), p, n, zeros, "exact signed-rank test")
    signed = rank[ranked != 0]
    # given the ranks, each sign is a fair coin: this variance holds with ties and for Pratt's ranks alike
    deviation = statistic - float(signed.sum()) / 2
    z = _deviate(deviation, float((signed**2).sum()) / 4, correction=correction)
    method = f"signed-rank test, normal approximation, {zero} zeros{_corrected(correction)}"
    return PairedTest(statistic, z, _two_sided(z), n, zeros, method)


def mann_whitney(x: Any, y: Any, *, correction: bool = True, exact: bool = False) -> RankSumTest:
    """Test whether values of one group tend to lie above another's (Mann and Whitney 1947), two-sided.

    Equals R's `wilcox.test(x, y, exact = FALSE)`; `exact` asks for the exact distribution and needs values
    without ties.

    Raises
    ------
    AnalysisError
        an empty group, missing values, all values equal, or ties where the exact test was asked for.
    """
    first, second = numbers(x, name="x"), numbers(y, name="y")
    for name, group in (("x", first), ("y", second)):
        if group.size == 0:
            raise AnalysisError(f"too little data: {name} is empty")
    n_x, n_y = first.size, second.size
    both = np.concatenate((first, second))
    rank = rankdata(both)
    statistic = float(rank[:n_x].sum()) - n_x * (n_x + 1) / 2
    if exact:
        if np.unique(both).size < both.size:
            raise AnalysisError("the exact rank-sum test needs values without ties")
        p = float(mannwhitneyu(first, second, method="exact").pvalue)
        return RankSumTest(statistic, float("nan"), p, n_x, n_y, "exact rank-sum test")
    variance = _rank_sum_variance(rank, n_x=n_x, n_y=n_y)
    if variance <= 0:
        raise AnalysisError("too little data: all values are equal; there is nothing to rank")
    z = _deviate(statistic - n_x * n_y / 2, variance, correction=correction)
    method = f"rank-sum test, normal approximation{_corrected(correction)}"
    return RankSumTest(statistic, z, _two_sided(z), n_x, n_y, method)


def _rank_sum_variance(rank: FloatArray, *, n_x: int, n_y: int) -> float:
    n = n_x + n_y
    _, tied = np.unique(rank, return_counts=True)
    if tied.size == 1:
        return 0.0
    ties = float((tied.astype(np.float64) ** 3 - tied).sum())
    return n_x * n_y / 12 * (n + 1 - ties / (n * (n - 1)))


def _deviate(deviation: float, variance: float, *, correction: bool) -> float:
    """Standardise; the correction of half a unit goes towards the mean, and is none at it (R)."""
    shift = 0.5 * np.sign(deviation) if correction else 0.0
    return float((deviation - shift) / np.sqrt(variance))


def _two_sided(z: float) -> float:
    return float(min(1.0, 2 * ndtr(-abs(z))))


def _corrected(correction: bool) -> str:
    return ", continuity correction" if correction else ""
