"""Standardized mean differences: how far apart two groups are, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from allpool.analysis.estimators.arrays import FloatArray


def mean_difference(first: FloatArray, second: FloatArray) -> float:
    """Return the absolute difference of means over the root of the mean variance; nan where none is defined.

    Source: Austin, Stat Med 2009;28:3083-107 (doi 10.1002/sim.3697); variances with n - 1.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.size < 2 or two.size < 2:
        return nan
    spread = sqrt((one.var(ddof=1) + two.var(ddof=1)) / 2)
    apart = abs(float(one.mean() - two.mean()))
    if spread == 0:
        return 0.0 if apart == 0 else nan
    return apart / spread


def share_difference(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the Mahalanobis distance of the shares of codes, given how many of each group have each code.

    Source: Yang and Dalton, SAS Global Forum 2012, paper 335, as R's packages tableone and smd have it; codes
    that neither group has are left out. nan where a group is empty or no variance is left.
    """
    counts = np.array([first, second], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.size == 0 or (counts.sum(axis=1) == 0).any():
        return nan
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = (shares[0] - shares[1])[:-1]  # the last share follows from the others
    if apart.size == 0 or not apart.any():
        return 0.0
    spread = sum((_covariance(share[:-1]) for share in shares), np.zeros((apart.size, apart.size))) / 2
    if np.linalg.matrix_rank(spread) < apart.size:
        return nan
    return sqrt(float(apart @ np.linalg.solve(spread, apart)))


def _covariance(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of one draw from a multinomial distribution."""
    return np.diag(shares) - np.outer(shares, shares)
