"""The normal linear model of values known exactly or between limits, by maximum likelihood.

In the parameters delta = beta / sigma and gamma = 1 / sigma the log-likelihood is concave (Olsen,
Econometrica 1978;46:1211; for intervals Burridge, JRSS B 1981;43:41): Newton's steps find its one maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from allpool.analysis.estimators.arrays import BoolArray, FloatArray
from allpool.errors import AnalysisError

MOST_STEPS = 200
CLOSE = 1e-12  # of the Newton decrement: the log-likelihood that a further step could gain
LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class IntervalNormal:
    """Coefficients of the mean with their variance, the standard deviation, and the log-likelihood."""

    coefficients: FloatArray
    variance: FloatArray
    sigma: float
    log_likelihood: float


def interval_normal(low: FloatArray, high: FloatArray, design: FloatArray) -> IntervalNormal:
    """Fit values between `low` and `high` (equal where known, infinite where open) on columns of `design`.

    Raises
    ------
    AnalysisError
        a likelihood without a maximum.
    """
    known = low == high
    middle = np.where(np.isfinite(low), np.where(np.isfinite(high), (low + high) / 2, low), high)
    start, *_ = np.linalg.lstsq(design, middle, rcond=None)
    gamma = 1 / max(float(np.std(middle - design @ start)), 1e-3)
    theta = np.append(start * gamma, gamma)
    value, gradient, hessian = _likelihood(theta, low, high, design, known)
    for _ in range(MOST_STEPS):
        try:
            step = np.linalg.solve(-hessian, gradient)
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(step).all():
            break
        if float(gradient @ step) < CLOSE:
            return _result(theta, hessian, value)
        size = 1.0
        while size > 1e-10:
            tried = theta + size * step
            if tried[-1] > 0:
                found = _likelihood(tried, low, high, design, known)
                if np.isfinite(found[0]) and found[0] >= value:
                    theta, (value, gradient, hessian) = tried, found
                    break
            size /= 2
        else:
            break
    raise AnalysisError(
        "the likelihood of the levels has no maximum: too few of them are known, or all are alike"
    )


def _likelihood(
    theta: FloatArray, low: FloatArray, high: FloatArray, design: FloatArray, known: BoolArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood with its gradient and Hessian in (delta, gamma)."""
    gamma, size = float(theta[-1]), theta.size
    mean = design @ theta[:-1]
    gradient, hessian = np.zeros(size), np.zeros((size, size))
    rows = np.column_stack((-design[known], low[known]))
    z = gamma * low[known] - mean[known]
    value = float(known.sum() * (np.log(gamma) - LOG_ROOT_2PI) - 0.5 * z @ z)
    gradient -= rows.T @ z
    gradient[-1] += known.sum() / gamma
    hessian -= rows.T @ rows
    hessian[-1, -1] -= known.sum() / gamma**2
    between = ~known
    if not between.any():
        return value, gradient, hessian
    x, centre = design[between], mean[between]
    sides = []
    for limit in (low[between], high[between]):
        there = np.isfinite(limit)
        at = np.where(there, gamma * np.where(there, limit, 0.0) - centre, limit)
        sides.append((at, np.where(there, limit, 0.0), there))
    (u, a, has_a), (v, b, has_b) = sides
    log_p = _log_between(u, v)
    value += float(log_p.sum())
    dens_a = np.where(has_a, np.exp(_log_density(u) - log_p), 0.0)
    dens_b = np.where(has_b, np.exp(_log_density(v) - log_p), 0.0)
    w_a, w_b = np.column_stack((-x, a)), np.column_stack((-x, b))
    each = dens_b[:, None] * w_b - dens_a[:, None] * w_a
    gradient += each.sum(axis=0)
    curve_a = np.where(has_a, np.where(has_a, u, 0.0) * dens_a, 0.0)
    curve_b = np.where(has_b, np.where(has_b, v, 0.0) * dens_b, 0.0)
    hessian += (w_a * curve_a[:, None]).T @ w_a - (w_b * curve_b[:, None]).T @ w_b - each.T @ each
    return value, gradient, hessian


def _log_between(u: FloatArray, v: FloatArray) -> FloatArray:
    """Return log(Phi(v) - Phi(u)), in the tail where it can be told."""
    right = u > 0
    lower, upper = np.where(right, -v, u), np.where(right, -u, v)
    top = log_ndtr(upper)
    return np.asarray(top + np.log1p(-np.exp(np.minimum(log_ndtr(lower) - top, -1e-300))))


def _log_density(z: FloatArray) -> FloatArray:
    finite = np.where(np.isfinite(z), z, 0.0)
    return np.asarray(-0.5 * finite**2 - LOG_ROOT_2PI)


def _result(theta: FloatArray, hessian: FloatArray, value: float) -> IntervalNormal:
    delta, gamma = theta[:-1], float(theta[-1])
    covariance = np.linalg.inv(-hessian)
    change = np.column_stack((np.eye(delta.size) / gamma, -delta / gamma**2))
    return IntervalNormal(delta / gamma, change @ covariance @ change.T, 1 / gamma, value)
