"""The binomial-normal likelihood against plain integration, where studies have all their successes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_expit, logsumexp

from allpool.analysis.estimators.binomial_normal import _log_likelihood as likelihood
from allpool.analysis.estimators.binomial_normal import binomial_normal


def integrated(x: np.ndarray, n: np.ndarray, *, mean: float, tau: float) -> float:
    """Return the log-likelihood by the trapezoid rule on a fine grid."""
    u = np.linspace(-12, 12, 100_001)
    logit = mean + tau * u
    terms = x[:, None] * log_expit(logit) + (n - x)[:, None] * log_expit(-logit) - 0.5 * u**2
    return float((logsumexp(terms, axis=1) + np.log(u[1] - u[0]) - 0.5 * np.log(2 * np.pi)).sum())


@pytest.mark.parametrize(("mean", "tau"), [(1.0, 0.5), (2.7, 3.5), (3.0, 4.0), (5.0, 10.0)])
def test_likelihood_equals_plain_integration_where_a_study_is_full(mean: float, tau: float):
    x, n = np.array([6.0, 15.0]), np.array([15.0, 15.0])
    # a full study's integrand is a step times a normal density, for which 31 nodes reach some 1 % at tau 10
    assert likelihood(x, n, mean=mean, tau=tau) == pytest.approx(
        integrated(x, n, mean=mean, tau=tau), abs=0.02
    )


@pytest.mark.parametrize("x", [(6.0, 15.0), (0.0, 10.0), (9.0, 15.0, 15.0), (11.0, 15.0, 15.0, 15.0)])
def test_one_study_that_is_neither_full_nor_empty_is_enough_for_an_estimate(x: tuple[float, ...]):
    happened, trials = np.array(x), np.full(len(x), 15.0)
    fit = binomial_normal(happened, trials)
    best = integrated(happened, trials, mean=fit.logit, tau=np.sqrt(fit.tau2))
    for mean, tau in [
        (fit.logit * 0.8, 1.0),
        (fit.logit * 1.2, 5.0),
        (fit.logit, 1.0),
        (fit.logit * 3, 30.0),
    ]:
        assert integrated(happened, trials, mean=mean, tau=tau) < best
