"""Confidence intervals of a survival at a time: which method, if any, gives the printed limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import asin, exp, inf, log, sin, sqrt

from allpool.analysis.estimators.arrays import critical_value
from allpool.analysis.published.arithmetic.printed import Printed

Limits = tuple[float, float]


@dataclass(frozen=True)
class Interval:
    """Limits as printed, in percent."""

    lower: Printed
    upper: Printed
    level: float = 0.95

    def methods(self, survival: float, variance: float) -> tuple[str, ...]:
        """Return the methods that give the limits for a survival and its sum of 1/(r (r - 1))."""
        if variance == 0 or not 0 < survival < 1:
            whole = self.lower.holds(100 * survival) and self.upper.holds(100 * survival)
            return ("no width",) if whole else ()
        found = []
        for name, limits in METHODS.items():
            low, high = (
                100 * limit for limit in limits(survival, sqrt(variance), critical_value(self.level))
            )
            given = (low, max(low, 0.0)), (high, min(high, 100.0))
            if any(map(self.lower.holds, given[0])) and any(map(self.upper.holds, given[1])):
                found.append(name)
        return tuple(found)


def most_variance(interval: Interval, low: float, high: float) -> float:
    """Return a variance beyond which no method gives a lower limit as high as the printed one.

    The lower limit falls as the variance grows, and rises with the survival; so the largest survival in reach
    bounds it. Where the printed limit may be cut off at 0, there is no bound.
    """
    limit = float(interval.lower.low) / 100
    if limit <= 0 or low <= 0:
        return inf
    z = critical_value(interval.level)
    bound = 0.0
    for survival in {low, min(high, 1 - 1e-12)}:
        if survival <= limit:
            continue
        own = max(_errors(survival, limit, z))
        bound = max(bound, own**2)
    return bound


def _errors(s: float, limit: float, z: float) -> Limits:
    """Return the largest and the smallest root of the variance by which a method has the lower limit."""
    odds = (log(s / (1 - s)) - log(limit / (1 - limit))) * (1 - s) / z
    found = (
        (s - limit) / (z * s),
        log(s / limit) / z,
        log(log(limit) / log(s)) * -log(s) / z,
        odds,
        2 * (asin(sqrt(s)) - asin(sqrt(limit))) * sqrt((1 - s) / s) / z,
    )
    return max(found), min(found)


def _plain(s: float, error: float, z: float) -> Limits:
    return s - z * s * error, s + z * s * error


def _log(s: float, error: float, z: float) -> Limits:
    return s * exp(-z * error), s * exp(z * error)


def _log_log(s: float, error: float, z: float) -> Limits:
    half = exp(z * error / -log(s))
    return s**half, s ** (1 / half)


def _logit(s: float, error: float, z: float) -> Limits:
    middle, half = log(s / (1 - s)), z * error / (1 - s)
    return 1 / (1 + exp(half - middle)), 1 / (1 + exp(-half - middle))


def _arcsine(s: float, error: float, z: float) -> Limits:
    middle, half = asin(sqrt(s)), 0.5 * z * error * sqrt(s / (1 - s))
    return sin(max(middle - half, 0.0)) ** 2, sin(min(middle + half, asin(1.0))) ** 2


# `error` is the root of Greenwood's sum, the standard error of log S; as R's survival 3 (survfit.confint)
METHODS: dict[str, Callable[[float, float, float], Limits]] = {
    "plain": _plain,
    "log": _log,
    "log-log": _log_log,
    "logit": _logit,
    "arcsine": _arcsine,
}
