"""Which times count as the same time."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray, IntArray

# R's survival merges times closer than this, absolutely or relative to the mean time, since such
# differences come from computing (x - a) - (b - a) and not from the calendar (aeqSurv, "timefix").
TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))


def distinct_times(times: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the sorted distinct times, ties merged as R does, and each entry's position among them."""
    whole = _distinct_whole(times)
    if whole is not None:
        return whole
    order = np.argsort(times)
    ordered = times[order]
    gaps = np.diff(ordered)
    distinct = np.concatenate(([True], gaps > 0))
    values = ordered[distinct]
    closest = TOLERANCE * max(1.0, float(np.abs(values).mean()))
    if (gaps[distinct[1:]] <= closest).any():
        distinct[1:] = gaps > closest
        values = ordered[distinct]
    codes = np.empty(times.size, dtype=np.int64)
    codes[order] = np.cumsum(distinct) - 1
    return values, codes


def _distinct_whole(times: FloatArray) -> tuple[FloatArray, IntArray] | None:
    """Count whole numbers (days) instead of sorting them: some twenty times faster at a million."""
    highest = float(times.max())
    # a mean beyond 1e7 would make the relative tolerance reach whole units: leave that to the sort
    if times.min() < 0 or highest > min(1e7, 4.0 * times.size + 1e5):
        return None
    whole = times.astype(np.int64)
    if not np.array_equal(whole, times):
        return None
    present = np.zeros(int(highest) + 1, dtype=bool)
    present[whole] = True
    values = np.flatnonzero(present)
    position = np.zeros(present.size, dtype=np.int64)
    position[values] = np.arange(values.size)
    return values.astype(np.float64), position[whole]
