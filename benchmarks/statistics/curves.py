"""One Kaplan-Meier curve: survival at twelve months, its median, and the mean restricted to twelve months."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.kaplan_meier import INTERVALS
from allpool.analysis.survival import KaplanMeier, kaplan_meier
from benchmarks.statistics.cohorts import HORIZON, follow_up, hazard, restricted_mean
from benchmarks.statistics.settings import Row, Setting, coverage

NAN = (np.nan, np.nan)


def grid() -> list[Setting]:
    """Sizes, survival at twelve months and shares censored."""
    return [
        {"n": n, "survival": survival, "censored": censored}
        for n in (10, 15, 20, 30, 45, 60)
        for survival in (0.3, 0.5, 0.7, 0.9)
        for censored in (0.2, 0.4)
    ]


def tiny() -> list[Setting]:
    """One job."""
    return [{"n": 20, "survival": 0.5, "censored": 0.4}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per quantity and interval."""
    rate = hazard(setting["survival"])
    time, event = follow_up(rng, (replicates, setting["n"]), rate=rate, censored=setting["censored"])
    truths = {
        "survival at 12 months": setting["survival"],
        "median": float(np.log(2) / rate),
        "restricted mean": restricted_mean(setting["survival"]),
    }
    rows = []
    for ci in INTERVALS:
        curves = [kaplan_meier(t, e, ci=ci) for t, e in zip(time, event, strict=True)]
        limits = {
            "survival at 12 months": [_at_horizon(curve) for curve in curves],
            "median": [_median(curve) for curve in curves],
        }
        if ci == "log-log":  # the mean's interval has no scale of its own
            limits["restricted mean"] = [_mean(curve) for curve in curves]
        for quantity, found in limits.items():
            lower, upper = np.array(found).T
            rows.append(
                {
                    "table": "curves",
                    "quantity": quantity,
                    **setting,
                    "interval": "normal" if quantity == "restricted mean" else ci,
                    **coverage(lower, upper, truths[quantity]),
                }
            )
    return rows


def _at_horizon(curve: KaplanMeier) -> tuple[float, float]:
    """Return the interval at twelve months; none where nobody is at risk any more, or nobody has died yet.

    Before the first death R's intervals, and so the package's, are the point 1 or nan: no statement.
    """
    point = curve.at(HORIZON).iloc[0]
    if point["at_risk"] == 0 or point["survival"] == 1:
        return NAN
    return float(point["lower"]), float(point["upper"])


def _median(curve: KaplanMeier) -> tuple[float, float]:
    """Return the interval; one without an upper limit is open, one without a lower says nothing."""
    median = curve.quantile(0.5)
    if np.isnan(median.lower):
        return NAN
    return median.lower, np.inf if np.isnan(median.upper) else median.upper


def _mean(curve: KaplanMeier) -> tuple[float, float]:
    """Return the interval; none where follow-up ends before twelve months with survivors."""
    if curve.time[-1] < HORIZON and curve.survival[-1] > 0:
        return NAN
    mean = curve.restricted_mean(HORIZON)
    return mean.lower, mean.upper
