"""Logistic regression of patients in studies: study intercepts fixed, or normal around a common one."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from allpool.analysis.estimators.arrays import FloatArray, IntArray
from allpool.analysis.estimators.normal_intercept import RegressionFit, normal_intercept
from allpool.errors import AnalysisError

MOST_STEPS = 100
LARGEST_LOGIT = 25.0  # a fitted probability of 1e-11: the covariates separate the outcome


def logistic(y: FloatArray, X: FloatArray) -> RegressionFit:
    """Fit by maximum likelihood (Newton); `X` has its intercepts.

    Raises
    ------
    AnalysisError
        columns that determine each other, or that separate the outcome.
    """
    check_rank(X)
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
            return RegressionFit(beta, variance, float("nan"), gained)
        value = gained
    raise AnalysisError(SEPARATED)


SEPARATED = (
    "a covariate separates those with the outcome from those without: its odds ratio is infinite. Use "
    "allpool.analysis.logistic with strata and Firth's penalty, or leave the covariate out"
)


class Bernoulli:
    """Outcomes of 0 and 1, the linear predictor on the logit scale."""

    def log_likelihood(self, y: FloatArray, linear: FloatArray) -> FloatArray:
        """Return each row's log-likelihood."""
        return np.asarray(y * log_expit(linear) + (1 - y) * log_expit(-linear))

    def mean(self, linear: FloatArray) -> FloatArray:
        """Return each row's probability."""
        return np.asarray(expit(linear))

    def variance(self, linear: FloatArray) -> FloatArray:
        """Return p (1 - p)."""
        p = expit(linear)
        return np.asarray(p * (1 - p))


def logistic_normal(y: FloatArray, X: FloatArray, study: IntArray) -> RegressionFit:
    """Fit with normal study effects, by adaptive quadrature; the first column of `X` is the intercept."""
    return normal_intercept(Bernoulli(), y, X, study, fixed=logistic(y, X))


def check_rank(X: FloatArray) -> None:
    """Raise `AnalysisError` where columns of `X` determine each other."""
    scale = np.abs(X).max(axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(X / scale) < X.shape[1]:
        raise AnalysisError(
            "the covariates determine each other, or one does not vary within the studies; leave one out"
        )
