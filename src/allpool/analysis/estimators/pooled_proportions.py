"""Proportions pooled on a scale of choice, and what stands where no model of heterogeneity can be fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import FloatArray, checked_level, counts, one_of, same_length
from allpool.analysis.estimators.binomial_normal import binomial_normal
from allpool.analysis.estimators.heterogeneity import typical_variance
from allpool.analysis.estimators.random_effects import (
    NAN,
    PREDICTIONS,
    prediction_interval,
    random_effects,
    shares,
    wald_interval,
)
from allpool.analysis.estimators.results import Estimate
from allpool.analysis.estimators.synthesis import PooledProportion, Synthesis
from allpool.analysis.estimators.transforms import TRANSFORMS, back_transformed, transformed
from allpool.analysis.proportions import proportion
from allpool.errors import AnalysisError


def pool_proportions(
    x: Any,
    n: Any,
    *,
    transform: str = "logit",
    method: str = "REML",
    test: str = "z",
    prediction: str = "hts",
    level: float = 0.95,
) -> PooledProportion:
    """Pool proportions `x` of `n` per study on a transformed scale and bring the result back.

    Parameters
    ----------
    transform
        "logit", "raw" (0.5 added to successes and failures of a study with none of either),
        "freeman-tukey" (back by the harmonic mean of n; Miller 1978), "arcsine", or "glmm": logit with
        the exact binomial likelihood and normal study effects, by adaptive quadrature, which takes
        no correction and no `method` (it is maximum likelihood) and no "hksj" (use "t").
    method, test, prediction
        as for `random_effects`.

    For "glmm" `q` is the likelihood-ratio test of homogeneity, tau2 has no Q-profile interval, and
    i2, h2 compare tau2 with the typical variance of the logits, as metafor's rma.glmm.

    Raises
    ------
    AnalysisError
        as `random_effects`; more successes than trials; for "glmm" fewer than two studies, or no
        successes or no failures in any.
    """
    one_of(transform, TRANSFORMS, name="transform")
    happened, trials = study_counts(x, n)
    if transform == "glmm":
        pooled = _glmm(happened, trials, test=test, prediction=prediction, level=level)
    else:
        y, v = transformed(happened, trials, transform=transform)
        pooled = random_effects(y, v, method=method, test=test, prediction=prediction, level=level)

    def back(value: float) -> float:
        return back_transformed(value, trials, transform=transform)

    return PooledProportion(
        **vars(pooled),
        transform=transform,
        proportion=back(pooled.estimate),
        proportion_lower=back(pooled.lower),
        proportion_upper=back(pooled.upper),
        proportion_prediction_lower=back(pooled.prediction_lower),
        proportion_prediction_upper=back(pooled.prediction_upper),
    )


def exact_common(x: Any, n: Any, *, level: float = 0.95) -> Estimate:
    """Return the proportion of all studies together with its Clopper-Pearson interval.

    It supposes that all studies share one proportion (a common effect). It exists where no study has
    a success or none a failure, of which models with heterogeneity have no estimate.

    Raises
    ------
    AnalysisError
        as `pool_proportions`.
    """
    happened, trials = study_counts(x, n)
    together = proportion(float(happened.sum()), float(trials.sum()), level=level)
    return replace(together, method="common effect, clopper-pearson")


def study_counts(x: Any, n: Any) -> tuple[FloatArray, FloatArray]:
    """Return successes and trials per study, checked: none without trials or with too many successes."""
    happened, trials = counts(x, name="x"), counts(n, name="n")
    same_length(x=happened, n=trials)
    if (trials == 0).any():
        raise AnalysisError("too little data: a study has n = 0; leave it out")
    if (happened > trials).any():
        raise AnalysisError("x must not exceed n")
    return happened, trials


def _glmm(happened: FloatArray, trials: FloatArray, *, test: str, prediction: str, level: float) -> Synthesis:
    one_of(test, ("z", "t"), name="test for the glmm")
    one_of(prediction, PREDICTIONS, name="prediction")
    checked_level(level)
    k = happened.size
    if k < 2:
        raise AnalysisError("too little data: the binomial-normal model needs at least two studies")
    fit = binomial_normal(happened, trials)
    _, v = transformed(happened, trials, transform="logit")
    typical, error = typical_variance(v), fit.standard_error
    lower, upper, p = wald_interval(fit.logit, error, df=None if test == "z" else k - 1, level=level)
    predicted = prediction_interval(
        fit.logit, float(np.sqrt(error**2 + fit.tau2)), k=k, test=test, level=level, prediction=prediction
    )
    return Synthesis(
        estimate=fit.logit,
        standard_error=error,
        lower=lower,
        upper=upper,
        p=p,
        tau2=fit.tau2,
        tau2_standard_error=NAN,
        tau2_lower=NAN,
        tau2_upper=NAN,
        i2=100 * fit.tau2 / (fit.tau2 + typical),
        h2=fit.tau2 / typical + 1,
        q=fit.homogeneity,
        q_p=float(chdtrc(k - 1, fit.homogeneity)),
        prediction_lower=predicted[0],
        prediction_upper=predicted[1],
        k=k,
        level=level,
        method="ML",
        test=test,
        prediction=prediction,
        weights=shares(1 / (v + fit.tau2)),
    )
