"""Logistic regression of patients in studies: study intercepts fixed, or normal around a common one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from allpool.analysis.estimators.arrays import FloatArray, IntArray
from allpool.errors import AnalysisError

# adaptive Gauss-Hermite nodes per study, as many as the binomial-normal model takes
NODES = 61
MOST_STEPS = 100
LARGEST_LOGIT = 25.0  # a fitted probability of 1e-11: the covariates separate the outcome
BOUNDARY = 1e-4  # a standard deviation of logits this small is 0
STEP = 1e-4
SMALL_GAIN = 1e-9


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """Coefficients with their variance, the variance between studies, and the log-likelihood."""

    coefficients: FloatArray
    variance: FloatArray
    between: float
    log_likelihood: float


def logistic(y: FloatArray, X: FloatArray) -> LogisticFit:
    """Fit by maximum likelihood (Newton); `X` has its intercepts.

    Raises
    ------
    AnalysisError
        columns that determine each other, or that separate the outcome.
    """
    _check_rank(X)
    beta = np.zeros(X.shape[1])
    value = -np.inf
    for _ in range(MOST_STEPS):
        p = expit(X @ beta)
        information = X.T @ (X * (p * (1 - p))[:, None])
        try:
            step = np.linalg.solve(information, X.T @ (y - p))
        except np.linalg.LinAlgError:
            raise AnalysisError(SEPARATED) from None
        beta = beta + step
        linear = X @ beta
        if np.abs(linear).max() > LARGEST_LOGIT:
            raise AnalysisError(SEPARATED)
        gained = float((y * log_expit(linear) + (1 - y) * log_expit(-linear)).sum())
        if abs(gained - value) <= 1e-13 * (1 + abs(gained)) and np.abs(step).max() < 1e-8:
            p = expit(linear)
            information = X.T @ (X * (p * (1 - p))[:, None])
            variance: FloatArray = np.asarray(np.linalg.inv(information), dtype=np.float64)
            return LogisticFit(beta, variance, float("nan"), gained)
        value = gained
    raise AnalysisError(SEPARATED)


SEPARATED = (
    "a covariate separates those with the outcome from those without: its odds ratio is infinite. Use "
    "allpool.analysis.logistic with strata and Firth's penalty, or leave the covariate out"
)


def logistic_normal(y: FloatArray, X: FloatArray, study: IntArray) -> LogisticFit:
    """Fit with normal study effects, by adaptive quadrature; the first column of `X` is the intercept.

    The variance is of the full information in coefficients and standard deviation, as in lme4.
    """
    fixed = logistic(y, X)
    order = np.argsort(study, kind="stable")
    model = _Marginal(y[order], X[order], study[order])
    at_zero = np.append(fixed.coefficients, 0.0)

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
    if best[-1] > LARGEST_LOGIT:
        raise AnalysisError(
            "the variance between studies grows without bound: each study has all or none of its outcomes"
        )
    value, nothing = model(best)[0], model(at_zero)[0]
    if best[-1] < BOUNDARY or value <= nothing + SMALL_GAIN:
        return LogisticFit(fixed.coefficients, fixed.variance, 0.0, nothing)
    variance: FloatArray = np.asarray(np.linalg.inv(_information(model, best)), dtype=np.float64)
    return LogisticFit(best[:-1], variance[:-1, :-1], float(best[-1] ** 2), value)


class _Marginal:
    """The marginal log-likelihood and its gradient in (coefficients, tau), rows sorted by study."""

    def __init__(self, y: FloatArray, X: FloatArray, study: IntArray) -> None:
        self.y, self.X = y, X
        self.starts = np.flatnonzero(np.diff(study, prepend=-1))
        self.of = np.cumsum(np.diff(study, prepend=study[0]) != 0)
        self.nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self.log_weights = np.log(weights) + 0.5 * self.nodes**2

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        beta, tau = parameters[:-1], float(parameters[-1])
        linear = self.X @ beta
        mode, spread = self._modes(linear, tau)
        u = mode[:, None] + spread[:, None] * self.nodes
        logit = linear[:, None] + tau * u[self.of]
        y = self.y[:, None]
        density = self._sum(y * log_expit(logit) + (1 - y) * log_expit(-logit)) - 0.5 * u**2
        terms = self.log_weights + density
        each = logsumexp(terms, axis=1)
        share = np.exp(terms - each[:, None])
        residual = y - expit(logit)
        slope = self.X.T @ (share[self.of] * residual).sum(axis=1)
        of_tau = float((share * u * self._sum(residual)).sum())
        value = float((each + np.log(spread) - 0.5 * np.log(2 * np.pi)).sum())
        return value, np.append(slope, of_tau)

    def _modes(self, linear: FloatArray, tau: float) -> tuple[FloatArray, FloatArray]:
        """Return the mode and the curvature scale of each study's integrand."""
        u = np.zeros(self.starts.size)
        # the slope falls in u, so that the mode stays in a bracket where bare steps would swing about it
        ends = (tau * self._sum(self.y - 1.0), tau * self._sum(self.y))
        low, high = np.minimum(*ends), np.maximum(*ends)
        curvature = np.ones_like(u)
        for _ in range(2 * MOST_STEPS):
            p = expit(linear + tau * u[self.of])
            slope = tau * self._sum(self.y - p) - u
            curvature = 1 + tau**2 * self._sum(p * (1 - p))
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


def _check_rank(X: FloatArray) -> None:
    scale = np.abs(X).max(axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(X / scale) < X.shape[1]:
        raise AnalysisError(
            "the covariates determine each other, or one does not vary within the studies; leave one out"
        )
