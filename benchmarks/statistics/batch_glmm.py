"""The binomial-normal model of many simulated data sets at once, by the same adaptive quadrature.

Gradient and information come from the posterior moments of the study effects (Louis 1982) in place of the
package's simplex search and differences, so that a thousand data sets take a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit, xlogy

from allpool.analysis.meta import pool_proportions
from benchmarks.statistics.batch import Array

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
LOG_WEIGHTS = np.log(WEIGHTS) + 0.5 * NODES**2 - 0.5 * np.log(2 * np.pi)
BOUNDARY = 1e-5
STARTS = (0.1, 1.0)
LARGE = 1.0


@dataclass(frozen=True)
class Fits:
    """Mean logit, its error, tau2 and the homogeneity statistic per row; nan where there is no estimate."""

    mean: Array
    error: Array
    tau2: Array
    homogeneity: Array


@dataclass(frozen=True)
class _Moments:
    value: Array
    gradient: Array  # (rows, 2): by the mean and by tau
    information: Array  # (rows, 2, 2)


def fits(x: Array, n: Array) -> Fits:
    """Fit every row of counts `x` of `n`; rows without a finite estimate, refused by the package, are nan."""
    refused = (x.sum(axis=1) == 0) | (x.sum(axis=1) == n.sum()) | ((x == 0) | (x == n)).all(axis=1)
    rows = np.flatnonzero(~refused)
    result = {name: np.full(len(x), np.nan) for name in ("mean", "error", "tau2", "homogeneity")}
    if rows.size:
        found = _fit(x[rows], np.broadcast_to(n, x[rows].shape))
        for name, values in found.items():
            result[name][rows] = values
    return Fits(**result)


def check_rows(x: Array, n: Array, found: Fits, rows: NDArray[np.int64]) -> None:
    """Stop where the package's own model gives another answer for one of the rows."""
    for i in rows:
        expected = pool_proportions(x[i], n, transform="glmm")
        got = (found.mean[i], found.error[i], found.tau2[i], found.homogeneity[i])
        wanted = (expected.estimate, expected.standard_error, expected.tau2, expected.q)
        # at a large tau the nodes resolve a full study's integrand to a few percent only
        close = 0.1 if expected.tau2 > LARGE else 1e-4
        if not np.allclose(got, wanted, rtol=close, atol=close):
            raise RuntimeError("batch and pool_proportions differ for the glmm")


def _fit(x: Array, n: Array) -> dict[str, Array]:
    overall = logit(x.sum(axis=1) / n.sum(axis=1))
    homogeneous = _moments(x, n, overall, np.zeros(len(x))).value
    best = np.full(len(x), -np.inf)
    mean, tau = overall.copy(), np.zeros(len(x))
    for start in STARTS:
        at, value = _climb(x, n, np.column_stack([overall, np.full(len(x), start)]))
        better = value > best
        best = np.where(better, value, best)
        mean, tau = np.where(better, at[:, 0], mean), np.where(better, np.abs(at[:, 1]), tau)
    flat = (tau < BOUNDARY) | (best <= homogeneous + 1e-12 * np.abs(homogeneous))
    mean, tau = np.where(flat, overall, mean), np.where(flat, 0.0, tau)
    information = _moments(x, n, mean, tau).information
    determinant = information[:, 0, 0] * information[:, 1, 1] - information[:, 0, 1] ** 2
    variance = np.where(flat, 1 / information[:, 0, 0], information[:, 1, 1] / determinant)
    saturated = (xlogy(x, x / n) + xlogy(n - x, 1 - x / n)).sum(axis=1)
    return {
        "mean": mean,
        "error": np.sqrt(variance),
        "tau2": tau**2,
        "homogeneity": np.maximum(2 * (saturated - homogeneous), 0.0),
    }


def _climb(x: Array, n: Array, at: Array) -> tuple[Array, Array]:
    """Newton's method with halved steps in (mean, tau), each row until its own end."""
    here = _moments(x, n, at[:, 0], at[:, 1])
    value, gradient, information = here.value, here.gradient, here.information
    active = np.arange(len(x))
    for _ in range(60):
        before = value[active]
        step = _ascent(gradient[active], information[active])
        scale = np.ones(active.size)
        pending = np.arange(active.size)
        for _ in range(30):
            rows = active[pending]
            trial = at[rows] + scale[pending, None] * step[pending]
            there = _moments(x[rows], n[rows], trial[:, 0], trial[:, 1])
            good = there.value >= value[rows] - 1e-13 * np.abs(value[rows])
            accepted = rows[good]
            at[accepted] = trial[good]
            value[accepted] = there.value[good]
            gradient[accepted], information[accepted] = there.gradient[good], there.information[good]
            pending = pending[~good]
            if pending.size == 0:
                break
            scale[pending] /= 2
        size = np.abs(step * scale[:, None]).max(axis=1)
        going = (size > 1e-9) & (value[active] - before > 1e-14 * np.abs(before))
        going[pending] = False  # no step up was found: this is the top, to rounding
        active = active[going]
        if active.size == 0:
            break
    return at, value


def _ascent(gradient: Array, information: Array) -> Array:
    """Return the Newton step, with the information's eigenvalues made positive where it is no maximum yet."""
    a, b, c = information[:, 0, 0], information[:, 0, 1], information[:, 1, 1]
    centre, radius = (a + c) / 2, np.hypot((a - c) / 2, b)
    angle = 0.5 * np.arctan2(2 * b, a - c)
    cosine, sine = np.cos(angle), np.sin(angle)
    first = (cosine * gradient[:, 0] + sine * gradient[:, 1]) / np.maximum(np.abs(centre + radius), 1e-3)
    second = (cosine * gradient[:, 1] - sine * gradient[:, 0]) / np.maximum(np.abs(centre - radius), 1e-3)
    step = np.column_stack([cosine * first - sine * second, sine * first + cosine * second])
    length = np.abs(step).max(axis=1)
    return np.asarray(step * np.minimum(1.0, 2.0 / np.maximum(length, 1e-300))[:, None])


def _moments(x: Array, n: Array, mean: Array, tau: Array) -> _Moments:
    """Return the log-likelihood of each row with its gradient and information."""
    mode, spread = _modes(x, n, mean[:, None], tau[:, None])
    u = mode[..., None] + spread[..., None] * NODES
    at = mean[:, None, None] + tau[:, None, None] * u
    log_p = log_expit(at)
    p = np.exp(log_p)
    logs = n[..., None] * log_p - (n - x)[..., None] * at - 0.5 * u**2 + LOG_WEIGHTS
    highest = logs.max(axis=-1, keepdims=True)
    weight = np.exp(logs - highest)
    total = weight.sum(axis=-1)
    value = (highest[..., 0] + np.log(total) + np.log(spread)).sum(axis=1)
    weight /= total[..., None]
    score = x[..., None] - n[..., None] * p
    curve = n[..., None] * p * (1 - p)

    def expected(amount: Array) -> Array:
        return np.asarray((weight * amount).sum(axis=-1))

    s0, s1 = expected(score), expected(score * u)
    gradient = np.stack([s0.sum(axis=1), s1.sum(axis=1)], axis=1)
    information = np.empty((len(x), 2, 2))
    information[:, 0, 0] = (expected(curve - score**2) + s0**2).sum(axis=1)
    cross = (expected((curve - score**2) * u) + s0 * s1).sum(axis=1)
    information[:, 0, 1] = information[:, 1, 0] = cross
    information[:, 1, 1] = (expected((curve - score**2) * u**2) + s1**2).sum(axis=1)
    return _Moments(value=value, gradient=gradient, information=information)


def _modes(x: Array, n: Array, mean: Array, tau: Array) -> tuple[Array, Array]:
    """Return mode and curvature scale of each integrand, by Newton within a bracket."""
    shape = x.shape
    x, n = x.ravel(), n.ravel()
    mean, tau = (np.broadcast_to(value, shape).ravel() for value in (mean, tau))
    u, low, high = np.zeros_like(x), tau * (x - n), tau * x
    active = np.arange(x.size)
    for _ in range(200):
        m, t, at = mean[active], tau[active], u[active]
        p = expit(m + t * at)
        slope = t * (x[active] - n[active] * p) - at
        step = slope / (1 + t**2 * n[active] * p * (1 - p))
        low[active] = np.where(slope > 0, at, low[active])
        high[active] = np.where(slope < 0, at, high[active])
        moved = at + step
        inside = (low[active] <= moved) & (moved <= high[active])
        u[active] = np.where(inside, moved, (low[active] + high[active]) / 2)
        active = active[np.abs(step) > 1e-10]
        if active.size == 0:
            break
    p = expit(mean + tau * u)
    return u.reshape(shape), (1 / np.sqrt(1 + tau**2 * n * p * (1 - p))).reshape(shape)
