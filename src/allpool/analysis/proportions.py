"""Proportions: exact and score intervals, differences, and tests of one, of many and of a trend."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import betaincinv, chdtrc
from scipy.stats import binomtest

from allpool.analysis.estimators.arrays import (
    checked_level,
    counts,
    critical_value,
    number,
    numbers,
    one_of,
    same_length,
)
from allpool.analysis.estimators.contingency import (
    MantelHaenszel,
    chi_square,
    mantel_haenszel,
    table_of_counts,
)
from allpool.analysis.estimators.fisher_exact import table_probability
from allpool.analysis.estimators.results import Estimate
from allpool.errors import AnalysisError

__all__ = [
    "MantelHaenszel",
    "binomial",
    "chi_square",
    "fisher",
    "mantel_haenszel",
    "proportion",
    "risk_difference",
    "trend",
]

METHODS = ("clopper-pearson", "wilson", "wilson-cc")
Alternative: TypeAlias = Literal["two-sided", "less", "greater"]
ALTERNATIVES = ("two-sided", "less", "greater")


def proportion(x: float, n: float, *, method: str = "clopper-pearson", level: float = 0.95) -> Estimate:
    """Return x / n with a two-sided interval.

    Parameters
    ----------
    method
        "clopper-pearson" (exact; Clopper and Pearson 1934), "wilson" (score; Wilson 1927) or "wilson-cc",
        the score interval with R's continuity correction (`prop.test`, which shrinks the correction
        to |x - n/2| where that is less than a half).

    Raises
    ------
    AnalysisError
        no trials, more successes than trials, counts that are no whole numbers, an unknown method.
    """
    one_of(method, METHODS, name="method")
    _check_counts(x, n)
    p = x / n
    if method == "clopper-pearson":
        lower, upper = _clopper_pearson(x, n, level=checked_level(level))
    else:
        correction = min(0.5, abs(x - n / 2)) if method == "wilson-cc" else 0.0
        lower, upper = _wilson(p, n, shift=correction / n, z=critical_value(level))
    return Estimate(p, float(np.sqrt(p * (1 - p) / n)), lower, upper, level, method)


def risk_difference(x1: float, n1: float, x2: float, n2: float, *, level: float = 0.95) -> Estimate:
    """Return x1 / n1 - x2 / n2 with Newcombe's interval (1998, method 10: from the two score intervals).

    The standard error is the plain one of two independent proportions; the interval does not use it and
    holds also where a proportion is 0 or 1.

    Raises
    ------
    AnalysisError
        no trials, more successes than trials, counts that are no whole numbers.
    """
    _check_counts(x1, n1)
    _check_counts(x2, n2)
    p1, p2, z = x1 / n1, x2 / n2, critical_value(level)
    (lower1, upper1), (lower2, upper2) = _wilson(p1, n1, shift=0.0, z=z), _wilson(p2, n2, shift=0.0, z=z)
    return Estimate(
        estimate=p1 - p2,
        standard_error=float(np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)),
        lower=p1 - p2 - float(np.hypot(p1 - lower1, upper2 - p2)),
        upper=p1 - p2 + float(np.hypot(upper1 - p1, p2 - lower2)),
        level=level,
        method="risk difference, Newcombe interval",
    )


def fisher(table: Any) -> float:
    """Return the two-sided P of Fisher's exact test on an r x c table of counts (Freeman and Halton 1951).

    Tables as likely as the one observed, to a relative 1e-7, count as at least as extreme, as in R.
    A table with a single row or column left after dropping empty ones has P 1.

    Raises
    ------
    AnalysisError
        the table is not two-dimensional, holds no counts, or is too large for the exact test.
    """
    whole = table_of_counts(table).astype(np.int64)
    if min(whole.shape) < 2:
        return 1.0
    return table_probability(whole)


def binomial(x: float, n: float, p0: float, alternative: Alternative = "two-sided") -> float:
    """Return the exact P of the true proportion being `p0`, against "two-sided", "less" or "greater"."""
    one_of(alternative, ALTERNATIVES, name="alternative")
    _check_counts(x, n)
    if not 0 <= number(p0, name="p0") <= 1:
        raise AnalysisError(f"p0 must lie between 0 and 1, not {p0}")
    return float(binomtest(int(x), int(n), p0, alternative=alternative).pvalue)


def trend(x: Any, n: Any, scores: Any = None) -> float:
    """Return the P of the chi-square test for a linear trend in proportions over groups with `scores`.

    Scores are 1, 2, 3... if none are given (Armitage 1955; R's `prop.trend.test`).

    Raises
    ------
    AnalysisError
        fewer than two groups, a group without trials, equal scores, or nothing to test since all
        proportions are 0 or all are 1.
    """
    happened, trials = counts(x, name="x"), counts(n, name="n")
    groups = same_length(x=happened, n=trials, scores=scores)
    score = np.arange(1.0, groups + 1) if scores is None else numbers(scores, name="scores")
    if groups < 2:
        raise AnalysisError("too little data: a trend needs at least two groups")
    if (trials == 0).any() or (happened > trials).any():
        raise AnalysisError("each group needs at least one trial and no more successes than trials")
    total = trials.sum()
    overall = happened.sum() / total
    centred = score - (trials @ score) / total
    spread = overall * (1 - overall) * float(trials @ centred**2)
    if spread <= 0:
        raise AnalysisError(
            "there is no trend to test: all proportions are 0, all are 1, or all scores are equal"
        )
    return float(chdtrc(1, float(happened @ centred) ** 2 / spread))


def _check_counts(x: float, n: float) -> None:
    happened, trials = counts([x, n], name="x and n")
    if trials == 0:
        raise AnalysisError("too little data: n is 0")
    if happened > trials:
        raise AnalysisError("x must not exceed n")


def _clopper_pearson(x: float, n: float, *, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    lower = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    upper = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - tail))
    return lower, upper


def _wilson(p: float, n: float, *, shift: float, z: float) -> tuple[float, float]:
    half = z**2 / (2 * n)

    def limit(moved: float, sign: int) -> float:
        root = z * np.sqrt(moved * (1 - moved) / n + half / (2 * n))
        return float((moved + half + sign * root) / (1 + 2 * half))

    lower = 0.0 if p - shift <= 0 else max(limit(p - shift, -1), 0.0)
    upper = 1.0 if p + shift >= 1 else min(limit(p + shift, +1), 1.0)
    return lower, upper
