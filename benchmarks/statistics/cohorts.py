"""Simulated follow-up: exponential survival and censoring, so that truths and shares censored are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics.batch import Array

HORIZON = 12.0
"""Months at which survival is read and to which means are restricted."""


def hazard(survival: float) -> float:
    """Return the monthly hazard that leaves this share alive at the horizon."""
    return float(-np.log(survival) / HORIZON)


def follow_up(
    rng: np.random.Generator, shape: tuple[int, ...], *, rate: float | Array, censored: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Return times and events of subjects with hazard `rate`, of whom a share `censored` is censored."""
    death = rng.exponential(1.0, shape) / rate
    end = rng.exponential(1.0, shape) * (1 - censored) / (censored * np.broadcast_to(rate, shape))
    return np.minimum(death, end), death <= end


def restricted_mean(survival: float) -> float:
    """Return the true mean time lived up to the horizon."""
    return float((1 - survival) / hazard(survival))
