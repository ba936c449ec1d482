"""One-stage models: the patients of all studies in one likelihood, each study with a level of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    critical_value,
    indicators,
    labels,
    one_of,
    times,
)
from allpool.analysis.estimators.cox import cox
from allpool.analysis.estimators.design import checked_columns, design_matrix
from allpool.analysis.estimators.logistic_normal import logistic, logistic_normal
from allpool.analysis.estimators.one_stage_result import OneStage
from allpool.analysis.estimators.piecewise_exponential import OneStageCurve, one_stage_curve
from allpool.analysis.estimators.shared_frailty import gamma_frailty
from allpool.errors import AnalysisError

__all__ = ["OneStage", "OneStageCurve", "one_stage_curve", "one_stage_logistic", "one_stage_survival"]

LOGISTIC_EFFECTS = ("stratified", "random")
SURVIVAL_EFFECTS = ("stratified", "frailty")
TIES = ("efron", "breslow")


def one_stage_logistic(
    frame: pd.DataFrame,
    outcome: str,
    covariates: str | Sequence[str] = (),
    *,
    study: str,
    effect: str = "stratified",
    level: float = 0.95,
) -> OneStage:
    """Fit a logistic model of a response in patients of several studies.

    Parameters
    ----------
    frame
        one row per patient; `outcome` is 1 or 0.
    covariates
        names of columns. Numbers enter as they are; text as one 0/1 term `column=level` per level but the
        first. May be empty with `effect` "random": the intercept is then the mean logit of the studies.
    effect
        "stratified": each study has an intercept of its own, and covariates are compared within studies
        only. Studies in which all or none respond say nothing of them and are left out by name.
        "random": study intercepts are normal around a common one (a binomial-normal model with
        covariates, by adaptive quadrature); needs enough studies to know their variance.

    Raises
    ------
    AnalysisError
        an absent column, missing values, fewer than two studies, a covariate that separates the outcome
        or that does not vary within the studies.
    """
    one_of(effect, LOGISTIC_EFFECTS, name="effect")
    names = _names(covariates)
    checked_columns(frame, [outcome, study, *names])
    critical_value(level)
    y = indicators(frame[outcome], name=outcome)
    found, codes = _studies(frame[study], name=study)
    counted = _counted(found, codes, y)
    if effect == "random":
        terms, X = _with_intercept(frame, names)
        fit = logistic_normal(y.astype(np.float64), X, codes)
        return OneStage(
            terms=("intercept", *terms),
            coefficients=fit.coefficients,
            variance=fit.variance,
            ratio="odds_ratio",
            effect=effect,
            between=fit.between,
            log_likelihood=fit.log_likelihood,
            studies=counted,
            left_out=(),
            level=level,
        )
    if not names:
        raise AnalysisError(
            "a stratified model without covariates is each study's own proportion; say effect='random', or "
            "pool the proportions"
        )
    silent = counted[(counted["events"] == 0) | (counted["events"] == counted["n"])]
    kept = ~np.isin(codes, silent.index.to_numpy())
    if not kept.any():
        raise AnalysisError("too little data: in each study all respond or none does")
    inside = frame[kept].reset_index(drop=True)
    terms, X = design_matrix(inside, names)
    dummies = codes[kept][:, None] == np.unique(codes[kept])
    fit = logistic(y[kept].astype(np.float64), np.column_stack((dummies.astype(np.float64), X)))
    slopes = slice(dummies.shape[1], None)
    return OneStage(
        terms=tuple(terms),
        coefficients=fit.coefficients[slopes],
        variance=fit.variance[slopes, slopes],
        ratio="odds_ratio",
        effect=effect,
        between=float("nan"),
        log_likelihood=fit.log_likelihood,
        studies=counted.drop(silent.index).reset_index(drop=True),
        left_out=tuple(
            f"{row['study']}: {'none of' if row['events'] == 0 else 'all'} {row['n']} responded, which says "
            "nothing of the covariates within the study"
            for row in silent.to_dict("records")
        ),
        level=level,
    )


def one_stage_survival(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: str | Sequence[str],
    *,
    study: str,
    effect: str = "stratified",
    ties: str = "efron",
    level: float = 0.95,
) -> OneStage:
    """Fit Cox's model in patients of several studies.

    Parameters
    ----------
    effect
        "stratified": each study has a baseline hazard of its own (`cox` with strata).
        "frailty": a common baseline hazard, times a gamma frailty that the patients of a study share;
        `between` is its variance. As R's `coxph(frailty(study))`.
    others
        as for `cox` and `one_stage_logistic`.

    Raises
    ------
    AnalysisError
        as `cox`; fewer than two studies.
    """
    one_of(effect, SURVIVAL_EFFECTS, name="effect")
    one_of(ties, TIES, name="ties")
    names = _names(covariates)
    checked_columns(frame, [duration, event, study, *names])
    critical_value(level)
    if not names:
        raise AnalysisError("a one-stage survival model needs at least one covariate")
    happened = indicators(frame[event], name=event)
    found, codes = _studies(frame[study], name=study)
    counted = _counted(found, codes, happened)
    if effect == "stratified":
        model = cox(frame, duration, event, names, strata=study, ties=ties, level=level)
        terms, coefficients, variance = model.terms, model.coefficients, model.variance
        between, log_likelihood = float("nan"), model.log_likelihood
    else:
        if not happened.any():
            raise AnalysisError("too little data: there are no events")
        named, X = design_matrix(frame, names)
        fit = gamma_frailty(times(frame[duration], name=duration), happened, X, codes, ties=ties)
        terms, coefficients, variance = tuple(named), fit.coefficients, fit.variance
        between, log_likelihood = fit.theta, fit.log_likelihood
    return OneStage(
        terms=terms,
        coefficients=coefficients,
        variance=variance,
        ratio="hazard_ratio",
        effect=effect,
        between=between,
        log_likelihood=log_likelihood,
        studies=counted,
        left_out=(),
        level=level,
    )


def _names(covariates: str | Sequence[str]) -> list[str]:
    return [covariates] if isinstance(covariates, str) else list(covariates)


def _studies(column: pd.Series, *, name: str) -> tuple[list[str], IntArray]:
    found, codes = labels(column, name=name)
    if len(found) < 2:
        raise AnalysisError(f"too little data: a one-stage model needs two studies, and {name} has one")
    return [str(label) for label in found], codes


def _counted(found: list[str], codes: IntArray, happened: BoolArray) -> pd.DataFrame:
    size = len(found)
    events = np.bincount(codes[happened], minlength=size)
    return pd.DataFrame({"study": found, "n": np.bincount(codes, minlength=size), "events": events})


def _with_intercept(frame: pd.DataFrame, names: list[str]) -> tuple[list[str], FloatArray]:
    ones = np.ones((len(frame), 1))
    if not names:
        return [], ones
    terms, X = design_matrix(frame, names)
    return terms, np.column_stack((ones, X))
