"""Confidence intervals of shares: which method, if any, gives the printed limits."""

from __future__ import annotations

from collections.abc import Callable
from math import asin, exp, log, sin, sqrt

from scipy.optimize import brentq
from scipy.stats import beta, binom

from allpool.analysis.estimators.arrays import critical_value
from allpool.analysis.proportions import proportion
from allpool.analysis.published.arithmetic.printed import Printed

Limits = tuple[float, float]


def methods(count: int, of: int, lower: Printed, upper: Printed, *, level: float = 0.95) -> tuple[str, ...]:
    """Return the names of the methods whose interval of `count` among `of` is printed so, in percent.

    Limits below 0 or above 100 may be printed as these. Of the methods in use: Brown, Cai & DasGupta 2001,
    Stat Sci 16:101; with continuity correction: Newcombe 1998, Stat Med 17:857.
    """
    found = []
    for name, limits in METHODS.items():
        low, high = (100 * limit for limit in limits(count, of, level))
        given = (low, max(low, 0.0)), (high, min(high, 100.0))
        if any(map(lower.holds, given[0])) and any(map(upper.holds, given[1])):
            found.append(name)
    return tuple(found)


def _ours(method: str) -> Callable[[int, int, float], Limits]:
    def limits(count: int, of: int, level: float) -> Limits:
        estimate = proportion(count, of, method=method, level=level)
        return estimate.lower, estimate.upper

    return limits


def _wald(count: int, of: int, level: float) -> Limits:
    p = count / of
    half = critical_value(level) * sqrt(p * (1 - p) / of)
    return p - half, p + half


def _wald_corrected(count: int, of: int, level: float) -> Limits:
    low, high = _wald(count, of, level)
    return low - 0.5 / of, high + 0.5 / of


def _agresti_coull(count: int, of: int, level: float) -> Limits:
    z = critical_value(level)
    n = of + z**2
    p = (count + z**2 / 2) / n
    half = z * sqrt(p * (1 - p) / n)
    return p - half, p + half


def _jeffreys(count: int, of: int, level: float) -> Limits:
    a, b = count + 0.5, of - count + 0.5
    low, high = float(beta.ppf((1 - level) / 2, a, b)), float(beta.ppf((1 + level) / 2, a, b))
    return (0.0 if count == 0 else low), (1.0 if count == of else high)


def _logit(count: int, of: int, level: float) -> Limits:
    if count in (0, of):
        return _exact(count, of, level)  # the log odds have no error there
    odds, half = log(count / (of - count)), critical_value(level) * sqrt(1 / count + 1 / (of - count))
    return 1 / (1 + exp(half - odds)), 1 / (1 + exp(-half - odds))


def _arcsine(count: int, of: int, level: float) -> Limits:
    middle, half = asin(sqrt(count / of)), critical_value(level) / (2 * sqrt(of))
    return sin(max(middle - half, 0.0)) ** 2, sin(min(middle + half, asin(1.0))) ** 2


def _mid_p(count: int, of: int, level: float) -> Limits:
    """Half of the observed count's probability is in each tail (Lancaster 1961, JASA 56:223)."""

    def above(p: float) -> float:
        return float(binom.sf(count, of, p) + binom.pmf(count, of, p) / 2)

    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(brentq(lambda p: above(p) - tail, 0.0, 1.0))
    high = 1.0 if count == of else float(brentq(lambda p: 1 - above(p) - tail, 0.0, 1.0))
    return low, high


_exact = _ours("clopper-pearson")
METHODS: dict[str, Callable[[int, int, float], Limits]] = {
    "Clopper-Pearson": _exact,
    "Wilson": _ours("wilson"),
    "Wilson with continuity correction": _ours("wilson-cc"),
    "Wald": _wald,
    "Wald with continuity correction": _wald_corrected,
    "Agresti-Coull": _agresti_coull,
    "Jeffreys": _jeffreys,
    "logit": _logit,
    "arcsine": _arcsine,
    "mid-P": _mid_p,
}
