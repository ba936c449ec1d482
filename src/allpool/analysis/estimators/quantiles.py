"""Where a step curve reaches a share, as R's quantile.survfit finds it."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray

# two levels closer than this are one level (R: quantile.survfit, argument tolerance)
TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))


def curve_quantile(time: FloatArray, level: FloatArray, p: float, *, midpoint: bool = True) -> float:
    """Return the time at which the rising step curve `level` reaches `p`; nan if it never does.

    A curve flat at exactly `p` gives the middle of the flat stretch; one that ends flat at `p`, the
    middle between reaching it and the last time; without `midpoint` the time of reaching it counts.
    `level` may hold nan (limits where none exist).
    """
    x, y = np.concatenate(([0.0], time)), np.concatenate(([0.0], level))
    if p == 0:
        return float(x[0])
    last_time = float(x[-1])
    _, first = np.unique(y, return_index=True)  # a level counts where it is first reached
    first.sort()
    x, y = x[first], y[first]
    end = y[-1]
    x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    reached = int(np.searchsorted(y, p - TOLERANCE, side="left"))
    passed = int(np.searchsorted(y, p + TOLERANCE, side="left"))
    if reached == y.size:
        return float("nan")
    if not midpoint:
        return float(x[reached])
    if abs(p - end) < TOLERANCE:
        return float((x[reached] + last_time) / 2)
    if passed == y.size:
        return float("nan")
    return float((x[reached] + x[passed]) / 2)
