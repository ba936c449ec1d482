"""Regression with study intercepts that are normal around a common one, by adaptive quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from allpool.analysis.estimators.arrays import FloatArray, IntArray
from allpool.errors import AnalysisError

# adaptive Gauss-Hermite nodes per study, as many as the binomial-normal model takes
NODES = 61
MOST_STEPS = 100
LARGEST = 25.0  # a standard deviation on a log scale that no data have
BOUNDARY = 1e-4  # a standard deviation on a log scale this small is 0
STEP = 1e-4
SMALL_GAIN = 1e-9


class Family(Protocol):
    """What the outcome of a row is: its log-likelihood in the linear predictor, mean and variance."""

    def log_likelihood(self, y: FloatArray, linear: FloatArray) -> FloatArray:
        """Return each row's log-likelihood."""

    def mean(self, linear: FloatArray) -> FloatArray:
        """Return each row's expected outcome."""

    def variance(self, linear: FloatArray) -> FloatArray:
        """Return the derivative of the mean."""


@dataclass(frozen=True, eq=False)
class RegressionFit:
    """Coefficients with their variance, the variance between studies, and the log-likelihood."""

    coefficients: FloatArray
    variance: FloatArray
    between: float
    log_likelihood: float


def normal_intercept(
    family: Family,
    y: FloatArray,
    X: FloatArray,
    study: IntArray,
    *,
    fixed: RegressionFit,
    offset: FloatArray | None = None,
) -> RegressionFit:
    """Fit from the model without study effects, `fixed`, which is returned where they have no variance.

    The variance is of the full information in coefficients and standard deviation, as in lme4.

    Raises
    ------
    AnalysisError
        a variance between studies that grows without bound.
    """
    order = np.argsort(study, kind="stable")
    shift = np.zeros(y.size) if offset is None else offset
    model = _Marginal(family, y[order], X[order], study[order], offset=shift[order])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = model(parameters)
        return -value, -gradient

    fits = [
        minimize(loss, np.append(fixed.coefficients, start), jac=True, method="BFGS", options={"gtol": 1e-9})
        for start in (0.3, 1.0)
    ]
    best = np.asarray(min(fits, key=lambda fit: float(fit.fun)).x, dtype=np.float64)
    best = _polished(model, best)
    best[-1] = abs(best[-1])
    if best[-1] > LARGEST:
        raise AnalysisError(
            "the variance between studies grows without bound: each study has all or none of its outcomes"
        )
    value, nothing = model(best)[0], model(np.append(fixed.coefficients, 0.0))[0]
    if best[-1] < BOUNDARY or value <= nothing + SMALL_GAIN:
        return RegressionFit(fixed.coefficients, fixed.variance, 0.0, nothing)
    variance: FloatArray = np.asarray(np.linalg.inv(_information(model, best)), dtype=np.float64)
    return RegressionFit(best[:-1], variance[:-1, :-1], float(best[-1] ** 2), value)


class _Marginal:
    """The marginal log-likelihood and its gradient in (coefficients, tau), rows sorted by study."""

    def __init__(
        self, family: Family, y: FloatArray, X: FloatArray, study: IntArray, *, offset: FloatArray
    ) -> None:
        self.family, self.y, self.X, self.offset = family, y, X, offset
        self.starts = np.flatnonzero(np.diff(study, prepend=-1))
        self.of = np.cumsum(np.diff(study, prepend=study[0]) != 0)
        self.nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self.log_weights = np.log(weights) + 0.5 * self.nodes**2

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        beta, tau = parameters[:-1], float(parameters[-1])
        linear = self.X @ beta + self.offset
        mode, spread = self._modes(linear, tau)
        u = mode[:, None] + spread[:, None] * self.nodes
        shifted = linear[:, None] + tau * u[self.of]
        y = self.y[:, None]
        density = self._sum(self.family.log_likelihood(y, shifted)) - 0.5 * u**2
        terms = self.log_weights + density
        each = logsumexp(terms, axis=1)
        share = np.exp(terms - each[:, None])
        residual = y - self.family.mean(shifted)
        slope = self.X.T @ (share[self.of] * residual).sum(axis=1)
        of_tau = float((share * u * self._sum(residual)).sum())
        value = float((each + np.log(spread) - 0.5 * np.log(2 * np.pi)).sum())
        return value, np.append(slope, of_tau)

    def _modes(self, linear: FloatArray, tau: float) -> tuple[FloatArray, FloatArray]:
        """Return the mode and the curvature scale of each study's integrand."""
        u = np.zeros(self.starts.size)
        # the score falls in u, so that the mode lies between 0 and the score at 0: in this bracket it stays
        # where bare steps would swing about it
        first = tau * self._sum(self.y - self.family.mean(linear))
        low, high = np.minimum(first, 0.0), np.maximum(first, 0.0)
        curvature = np.ones_like(u)
        for _ in range(2 * MOST_STEPS):
            shifted = linear + tau * u[self.of]
            slope = tau * self._sum(self.y - self.family.mean(shifted)) - u
            curvature = 1 + tau**2 * self._sum(self.family.variance(shifted))
            step = slope / curvature
            if np.abs(step).max() < 1e-12:
                break
            low, high = np.where(slope > 0, u, low), np.where(slope < 0, u, high)
            moved = u + step
            u = np.where((low <= moved) & (moved <= high), moved, (low + high) / 2)
        return u, 1 / np.sqrt(curvature)

    def _sum(self, amount: FloatArray) -> FloatArray:
        return np.asarray(np.add.reduceat(amount, self.starts, axis=0), dtype=np.float64)


def _polished(model: _Marginal, at: FloatArray) -> FloatArray:
    """Take Newton steps with the numerical Hessian of the exact gradient, while they help."""
    for _ in range(5):
        value, gradient = model(at)
        try:
            trial = at + np.linalg.solve(_information(model, at), gradient)
        except np.linalg.LinAlgError:
            return at
        if not model(trial)[0] >= value:
            return at
        at = trial
    return at


def _information(model: _Marginal, at: FloatArray) -> FloatArray:
    """Return minus the Hessian by central differences of the gradient."""
    rows = []
    for j in range(at.size):
        step = np.zeros(at.size)
        step[j] = STEP
        rows.append((model(at - step)[1] - model(at + step)[1]) / (2 * STEP))
    hessian = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)
