"""The binomial-normal model: exact binomial counts, logits normal between studies (Stijnen et al. 2010)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp, xlogy

from allpool.analysis.estimators.arrays import FloatArray
from allpool.errors import AnalysisError

Loss: TypeAlias = Callable[[FloatArray], float]

# adaptive Gauss-Hermite nodes per study; beyond 31 the estimates move by less than 1e-8, but where studies
# have all or none of their successes and tau exceeds 3: there 31 leave the error wrong by 10 %, 61 by 1 %
NODES = 61
LARGEST_TAU = 50.0  # on the logit scale, where 5 already means 0.7 % against 99.3 %
NEAR = 1e-3  # how far gradient steps may end from the maximum
STEEP = 2.5  # a tau from which on gradients are too small to stop at
UNBOUNDED = (
    "the binomial-normal model has no estimate: the studies have all or none of their successes, "
    "so that the variance between them grows without bound; use another transform"
)
BOUNDARY = 1e-5  # a tau this small is 0: the likelihood is flat there to rounding


@dataclass(frozen=True)
class BinomialNormal:
    """The mean logit with its standard error, tau2, and the likelihood-ratio statistic of homogeneity."""

    logit: float
    standard_error: float
    tau2: float
    homogeneity: float


def binomial_normal(x: FloatArray, n: FloatArray) -> BinomialNormal:
    """Fit by maximum likelihood; the standard error comes from the full information in (mean, tau).

    Raises
    ------
    AnalysisError
        no successes in any study or no failures, where the mean logit is infinite; or studies that
        each have none or all, where tau is.
    """
    if x.sum() == 0 or x.sum() == n.sum():
        raise AnalysisError(
            "the binomial-normal model has no estimate: no study has a success, or none has a failure"
        )
    if ((x == 0) | (x == n)).all() and (n > 1).any():
        raise AnalysisError(UNBOUNDED)
    overall = float(np.log(x.sum() / (n.sum() - x.sum())))

    def loss(parameters: FloatArray) -> float:
        return -_log_likelihood(x, n, mean=float(parameters[0]), tau=float(parameters[1]))

    best = _maximum(loss, [np.array([overall, start]) for start in (0.1, 1.0)])
    mean, tau = float(best.x[0]), abs(float(best.x[1]))
    if tau > LARGEST_TAU:
        raise AnalysisError(UNBOUNDED)
    homogeneous = -loss(np.array([overall, 0.0]))
    if tau < BOUNDARY or -best.fun <= homogeneous + 1e-12 * abs(homogeneous):
        mean, tau = overall, 0.0
    variance = np.linalg.inv(_information(loss, np.array([mean, tau])))
    saturated = float((xlogy(x, x / n) + xlogy(n - x, 1 - x / n)).sum())
    return BinomialNormal(
        logit=mean,
        standard_error=float(np.sqrt(variance[0, 0])),
        tau2=tau**2,
        homogeneity=max(2 * (saturated - homogeneous), 0.0),
    )


def _maximum(loss: Loss, starts: list[FloatArray]) -> Any:
    """Return scipy's result at the highest point found from any start.

    Gradient steps come near from each start; a simplex of that size, which needs no derivative of a surface
    that is flat where tau is 0, goes the rest of the way from the best. Where studies differ so much that
    gradients vanish before the maximum, the simplex goes the whole way from each start.
    """
    fine: Any = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000, "maxfev": 8000}
    near = [minimize(loss, start, method="BFGS", options={"gtol": 1e-5}) for start in starts]
    best = min(near, key=lambda fit: float(fit.fun))
    if abs(best.x[1]) < STEEP:
        corners = np.asarray(best.x) + NEAR * np.array([[0, 0], [1, 0], [0, 1]])
        return minimize(loss, best.x, method="Nelder-Mead", options=fine | {"initial_simplex": corners})
    fits = [minimize(loss, start, method="Nelder-Mead", options=fine) for start in starts]
    return min(fits, key=lambda fit: float(fit.fun))


def _log_likelihood(x: FloatArray, n: FloatArray, *, mean: float, tau: float) -> float:
    """Return the marginal log-likelihood but for the binomial coefficients, which no parameter enters."""
    tau = abs(tau)
    nodes, weights = _quadrature()
    mode, spread = _modes(x, n, mean=mean, tau=tau)
    u = mode[:, None] + spread[:, None] * nodes
    logit = mean + tau * u
    density = x[:, None] * log_expit(logit) + (n - x)[:, None] * log_expit(-logit) - 0.5 * u**2
    log_terms = np.log(weights) + 0.5 * nodes**2 + density
    return float((logsumexp(log_terms, axis=1) + np.log(spread) - 0.5 * np.log(2 * np.pi)).sum())


@cache
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of the Gauss-Hermite rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights


def _modes(x: FloatArray, n: FloatArray, *, mean: float, tau: float) -> tuple[FloatArray, FloatArray]:
    """Return the mode and curvature scale of each study's integrand in u, the effect in units of tau."""
    u = np.zeros_like(x)
    p = expit(mean + tau * u)
    # the slope falls in u and ends at u = tau (x - n p): bare Newton steps would swing for ever about
    # the mode where p turns from 0 to 1 within a step (large tau), so the mode is kept in a bracket
    low, high = tau * (x - n), tau * x
    for _ in range(200):
        slope = tau * (x - n * p) - u
        step = slope / (1 + tau**2 * n * p * (1 - p))
        if np.abs(step).max() < 1e-12:
            break
        low, high = np.where(slope > 0, u, low), np.where(slope < 0, u, high)
        moved = u + step
        u = np.where((low <= moved) & (moved <= high), moved, (low + high) / 2)
        p = expit(mean + tau * u)
    return u, 1 / np.sqrt(1 + tau**2 * n * p * (1 - p))


def _information(loss: Loss, at: FloatArray) -> FloatArray:
    """Return the Hessian of the loss by central differences, extrapolated once (error of fourth order)."""
    return (4 * _differences(loss, at, width=5e-4) - _differences(loss, at, width=1e-3)) / 3


def _differences(loss: Loss, at: FloatArray, *, width: float) -> FloatArray:
    size = at.size
    hessian = np.empty((size, size))
    steps = np.eye(size) * width
    for i in range(size):
        for j in range(size):
            corners = [loss(at + a * steps[i] + b * steps[j]) * a * b for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = sum(corners) / (4 * width**2)
    return hessian
