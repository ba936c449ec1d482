"""Studies' estimates pooled under a common effect or random effects, as metafor does."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtrc, ndtr, stdtr, stdtrit

from allpool.analysis.estimators.arrays import (
    FloatArray,
    checked_level,
    critical_value,
    numbers,
    one_of,
    same_length,
)
from allpool.analysis.estimators.heterogeneity import (
    METHODS,
    between_study_variance,
    cochran_q,
    q_profile,
    typical_variance,
)
from allpool.analysis.estimators.synthesis import Synthesis
from allpool.errors import AnalysisError

TESTS = ("z", "t", "hksj")
PREDICTIONS = ("hts", "metafor")
NAN = float("nan")


def random_effects(
    y: Any, v: Any, *, method: str = "REML", test: str = "z", prediction: str = "hts", level: float = 0.95
) -> Synthesis:
    """Pool study estimates `y` with sampling variances `v` (not standard errors).

    Parameters
    ----------
    method
        "FE" (common effect) or the estimator of tau2: DL, PM, REML, ML, EB, SJ, HE, HS.
    test
        "z"; "hksj", Hartung-Knapp-Sidik-Jonkman with t on k - 1 degrees of freedom and without
        truncation of its factor; "t", the plain standard error with that t.
    prediction
        "hts": t on k - 2 (Higgins, Thompson and Spiegelhalter 2009), nan below three studies;
        "metafor": the normal for test "z", else t on k - 1; nan for "FE", as there.

    A single study is passed through, as in metafor: its estimate with its own interval by "z" (nan
    otherwise), tau2 0 by convention and no other statement on heterogeneity.

    Raises
    ------
    AnalysisError
        no studies, arrays of different length, missing values, variances that are not positive, an
        unknown method, test or prediction.
    """
    one_of(method, METHODS, name="method")
    one_of(test, TESTS, name="test")
    one_of(prediction, PREDICTIONS, name="prediction")
    checked_level(level)
    effects, variances = numbers(y, name="y"), numbers(v, name="v")
    k = same_length(y=effects, v=variances)
    if (variances <= 0).any():
        raise AnalysisError("v must be sampling variances above 0; mend or drop studies without uncertainty")
    if k == 1:
        return _single(effects, variances, method=method, test=test, prediction=prediction, level=level)
    between = between_study_variance(effects, variances, method=method)
    tau2 = between.tau2
    weight = 1 / (variances + tau2)
    estimate = float(weight @ effects / weight.sum())
    error = float(np.sqrt(1 / weight.sum()))
    if test == "hksj":
        error *= float(np.sqrt(cochran_q(effects, variances, tau2) / (k - 1)))
    q, typical = cochran_q(effects, variances), typical_variance(variances)
    fixed = method == "FE"
    lower, upper, p = wald_interval(estimate, error, df=None if test == "z" else k - 1, level=level)
    tau2_limits = (NAN, NAN) if fixed else q_profile(effects, variances, tau2=tau2, level=level)
    predicted = prediction_interval(
        estimate, float(np.sqrt(error**2 + tau2)), k=k, test=test, level=level, prediction=prediction
    )
    if fixed and prediction == "metafor":
        predicted = (NAN, NAN)
    return Synthesis(
        estimate=estimate,
        standard_error=error,
        lower=lower,
        upper=upper,
        p=p,
        tau2=tau2,
        tau2_standard_error=between.standard_error,
        tau2_lower=tau2_limits[0],
        tau2_upper=tau2_limits[1],
        i2=(100 * max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0) if fixed else 100 * tau2 / (tau2 + typical),
        h2=q / (k - 1) if fixed else tau2 / typical + 1,
        q=q,
        q_p=float(chdtrc(k - 1, q)),
        prediction_lower=predicted[0],
        prediction_upper=predicted[1],
        k=k,
        level=level,
        method=method,
        test=test,
        prediction=prediction,
        weights=shares(weight),
    )


def _single(
    effects: FloatArray, variances: FloatArray, *, method: str, test: str, prediction: str, level: float
) -> Synthesis:
    estimate, error = float(effects[0]), float(np.sqrt(variances[0]))
    lower, upper, p = (NAN, NAN, NAN) if test != "z" else wald_interval(estimate, error, df=None, level=level)
    return Synthesis(
        estimate=estimate,
        standard_error=NAN if test == "hksj" else error,
        lower=lower,
        upper=upper,
        p=p,
        tau2=0.0,
        tau2_standard_error=NAN,
        tau2_lower=NAN,
        tau2_upper=NAN,
        i2=NAN,
        h2=NAN,
        q=0.0,
        q_p=1.0,
        prediction_lower=NAN,
        prediction_upper=NAN,
        k=1,
        level=level,
        method=method,
        test=test,
        prediction=prediction,
        weights=(100.0,),
    )


def wald_interval(
    estimate: float, error: float, *, df: int | None, level: float
) -> tuple[float, float, float]:
    """Return lower, upper and P against 0, by the normal or by t on `df` degrees of freedom."""
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(np.abs(np.float64(estimate) / error))
    if df is None:
        critical, p = critical_value(level), 2 * float(ndtr(-statistic))
    else:
        critical, p = float(stdtrit(df, 1 - (1 - level) / 2)), 2 * float(stdtr(df, -statistic))
    return estimate - critical * error, estimate + critical * error, p


def prediction_interval(
    estimate: float, spread: float, *, k: int, test: str, level: float, prediction: str
) -> tuple[float, float]:
    """Return the limits expected to hold a new study's true effect, `spread` its standard deviation."""
    if prediction == "metafor":
        lower, upper, _ = wald_interval(estimate, spread, df=None if test == "z" else k - 1, level=level)
    elif k < 3:
        return NAN, NAN
    else:
        lower, upper, _ = wald_interval(estimate, spread, df=k - 2, level=level)
    return lower, upper


def shares(weight: FloatArray) -> tuple[float, ...]:
    """Return the studies' weights in percent of their sum."""
    return tuple(float(share) for share in 100 * weight / weight.sum())
