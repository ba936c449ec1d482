"""Pointwise limits of a curve of probabilities, by the formulas of R's survfit_confint."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray

INTERVALS = ("log-log", "log", "plain")


def pointwise_limits(
    curve: FloatArray, log_error: FloatArray, *, ci: str, critical: float
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper limits of a survival curve or an incidence, from the error of its logarithm.

    "plain" is cut at 0 and 1. Where the curve is 0 the limits of "log" are nan, and where it is 0 or 1 those
    of "log-log", as in R.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = critical * log_error
        if ci == "plain":
            return np.maximum(curve - margin * curve, 0), np.minimum(curve + margin * curve, 1)
        if ci == "log":
            centre = np.log(np.where(curve == 0, np.nan, curve))
            return np.exp(centre - margin), np.minimum(np.exp(centre + margin), 1)
        log_curve = np.log(np.where((curve == 0) | (curve == 1), np.nan, curve))
        centre, margin = np.log(-log_curve), margin / log_curve
        return np.exp(-np.exp(centre - margin)), np.exp(-np.exp(centre + margin))
