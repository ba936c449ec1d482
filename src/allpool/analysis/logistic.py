"""Logistic regression: study intercepts, cluster-robust errors, and Firth's penalty where data separate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, xlogy

from allpool.analysis.estimators.arrays import (
    FloatArray,
    IntArray,
    critical_value,
    indicators,
    labels,
    one_of,
    tally,
)
from allpool.analysis.estimators.binary_likelihood import BinaryLikelihood, Fit
from allpool.analysis.estimators.design import checked_columns, combined_labels, design_matrix
from allpool.analysis.estimators.logistic_design import ScaledDesign, Subjects, scaled_design
from allpool.analysis.estimators.penalised_profile import profiled
from allpool.analysis.estimators.results import ChiSquareTest
from allpool.analysis.estimators.separation import separating_columns
from allpool.errors import AnalysisError

PENALTIES = ("auto", "none", "firth")
# Newton stopping short of this linear predictor has found a maximum; a separation runs past it
FAR_OUT = 30.0


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A fitted model; `penalty` says which likelihood was maximised and `note` why, if it was not plain.

    `lower` and `upper` bound the coefficients: Wald's interval for "none" (with robust errors where `cluster`
    was given), the profile of the penalised likelihood for "firth". `z` and `p` are Wald's, or for "firth"
    the signed root and the P of the penalised likelihood-ratio test, as in R's logistf. `log_likelihood`
    includes the penalty. With strata their intercepts are fitted, but are no terms.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    lower: FloatArray
    upper: FloatArray
    z: FloatArray
    p: FloatArray
    log_likelihood: float
    likelihood_ratio: ChiSquareTest
    n: int
    events: int
    penalty: str
    note: str
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: coefficient, standard_error, odds_ratio with lower and upper, z and p."""
        with np.errstate(over="ignore"):
            return pd.DataFrame(
                {
                    "term": list(self.terms),
                    "coefficient": self.coefficients,
                    "standard_error": np.sqrt(np.diag(self.variance)),
                    "odds_ratio": np.exp(self.coefficients),
                    "lower": np.exp(self.lower),
                    "upper": np.exp(self.upper),
                    "z": self.z,
                    "p": self.p,
                }
            )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table


def logistic(
    frame: pd.DataFrame,
    outcome: str,
    covariates: str | Sequence[str],
    *,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    penalty: str = "auto",
    level: float = 0.95,
) -> LogisticModel:
    """Fit a logistic model of a 0/1 outcome.

    Parameters
    ----------
    frame
        one row per subject.
    outcome, strata, cluster
        names of columns. Each combination of the `strata` columns (studies) has an intercept of its own;
        `cluster` asks for the sandwich variance that sums scores within a cluster, times G / (G - 1) for G
        clusters (R's `sandwich::vcovCL`).
    covariates
        names of columns. Numbers and booleans enter as they are; text and categories as one 0/1 term
        `column=level` per level but the first (in sorted or the category's own order).
    penalty
        "none": maximum likelihood, as R's `glm`. "firth": Firth's penalised likelihood with profile
        intervals and likelihood-ratio tests, as R's `logistf` (Heinze and Schemper 2002). "auto": "none",
        unless the covariates separate the outcomes completely or quasi-completely and the estimate would
        be infinite; then "firth", and `.note` names the terms.

    Raises
    ------
    AnalysisError
        an absent column, missing values, an outcome that is the same in all (or within every stratum), a
        covariate that is constant or a combination of others, separation with "none", robust errors with
        "firth".
    """
    one_of(penalty, PENALTIES, name="penalty")
    critical_value(level)
    data = _data(frame, outcome, covariates, strata=strata, cluster=cluster)
    if penalty == "firth":
        return _firth(data, level=level, note="penalised likelihood, as asked")
    told, silent = _informative(data)
    design = scaled_design(told)
    likelihood = BinaryLikelihood(design.X, told.happened, penalised=False)
    fit = likelihood.maximise()
    if not fit.settled or np.abs(fit.linear).max() > FAR_OUT:
        separating = separating_columns(design.X, told.happened, first=told.intercepts)
        if separating:
            names = ", ".join(told.terms[j] for j in separating)
            why = f"{names} separates the outcomes: the maximum likelihood estimate is infinite"
            if penalty == "none":
                raise AnalysisError(f"{why}; ask for penalty='firth' or 'auto'")
            return _firth(data, level=level, note=f"{why}; Firth's penalised likelihood instead")
    if not fit.settled:
        raise AnalysisError("the logistic model did not converge; look for extreme covariate values")
    note = f"{silent} strata with one outcome only say nothing of the covariates" if silent else ""
    return _plain(told, design, likelihood, fit, n=len(frame), events=data.events, level=level, note=note)


def _data(
    frame: pd.DataFrame,
    outcome: str,
    covariates: str | Sequence[str],
    *,
    strata: str | Sequence[str] | None,
    cluster: str | None,
) -> Subjects:
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    by = [strata] if isinstance(strata, str) else list(strata or ())
    checked_columns(frame, [outcome, *names, *by, *([] if cluster is None else [cluster])])
    if not names:
        raise AnalysisError("a logistic model needs at least one covariate")
    happened = indicators(frame[outcome], name=outcome)
    if happened.all() or not happened.any():
        raise AnalysisError(f"too little data: {outcome} is the same in all {len(frame)} subjects")
    terms, covariate = design_matrix(frame, names)
    return Subjects(
        terms=tuple(terms),
        covariate=covariate,
        happened=happened,
        stratum=combined_labels(frame, by),
        stratified=bool(by),
        cluster=None if cluster is None else labels(frame[cluster], name=cluster)[1],
    )


def _informative(data: Subjects) -> tuple[Subjects, int]:
    """Leave out strata with one outcome only: their intercept is infinite, and their likelihood is 1."""
    size = data.intercepts
    happened = tally(data.stratum, data.happened.astype(np.float64), size=size)
    mixed = (happened > 0) & (happened < tally(data.stratum, size=size))
    if not mixed.any():
        raise AnalysisError("too little data: within every stratum the outcome is the same in all subjects")
    return (data if mixed.all() else data.among(mixed[data.stratum])), int((~mixed).sum())


def _plain(
    told: Subjects,
    design: ScaledDesign,
    likelihood: BinaryLikelihood,
    fit: Fit,
    *,
    n: int,
    events: int,
    level: float,
    note: str,
) -> LogisticModel:
    scaled = np.linalg.inv(fit.information)
    if told.cluster is not None:
        scaled = scaled @ _meat(likelihood, fit, told.cluster) @ scaled
    shown = design.back[told.first_shown :]
    coefficients, variance = shown @ fit.coefficients, shown @ scaled @ shown.T
    error = np.sqrt(np.diag(variance))
    margin = critical_value(level) * error
    z = coefficients / error
    gain = 2 * (fit.value - _value_without_covariates(told))
    return LogisticModel(
        terms=told.shown_terms,
        coefficients=coefficients,
        variance=variance,
        lower=coefficients - margin,
        upper=coefficients + margin,
        z=z,
        p=2 * ndtr(-np.abs(z)),
        log_likelihood=fit.value,
        likelihood_ratio=_chi_square(gain, len(told.terms)),
        n=n,
        events=events,
        penalty="none",
        note=note,
        level=level,
    )


def _firth(data: Subjects, *, level: float, note: str) -> LogisticModel:
    if data.cluster is not None:
        raise AnalysisError(
            f"{note}; robust errors do not exist for it: leave out `cluster`, or give the clusters as strata"
        )
    design = scaled_design(data)
    likelihood = BinaryLikelihood(design.X, data.happened, penalised=True)
    fit = likelihood.maximise()
    if not fit.settled:
        raise AnalysisError("the penalised likelihood did not converge; look for extreme covariate values")
    without = likelihood.maximise(along=np.eye(design.X.shape[1])[:, : data.intercepts])
    shown = design.back[data.first_shown :]
    coefficients = shown @ fit.coefficients
    profiles = [profiled(likelihood, fit, combination, level=level) for combination in shown]
    root = np.array([np.sqrt(profile.chi2) for profile in profiles])
    return LogisticModel(
        terms=data.shown_terms,
        coefficients=coefficients,
        variance=shown @ np.linalg.inv(fit.information) @ shown.T,
        lower=np.array([profile.lower for profile in profiles]),
        upper=np.array([profile.upper for profile in profiles]),
        z=np.copysign(root, coefficients),
        p=2 * ndtr(-root),
        log_likelihood=fit.value - float(np.log(np.diag(design.back)).sum()),
        likelihood_ratio=_chi_square(2 * (fit.value - without.value), len(data.terms)),
        n=data.happened.size,
        events=data.events,
        penalty="firth",
        note=note,
        level=level,
    )


def _meat(likelihood: BinaryLikelihood, fit: Fit, cluster: IntArray) -> FloatArray:
    clusters = np.unique(cluster).size
    if clusters < 2:
        raise AnalysisError("too little data: robust errors need at least two clusters")
    size = int(cluster.max()) + 1
    sums = np.column_stack([tally(cluster, fit.residuals * column, size=size) for column in likelihood.X.T])
    return np.asarray(sums.T @ sums) * clusters / (clusters - 1)


def _value_without_covariates(told: Subjects) -> float:
    subjects = tally(told.stratum, size=told.intercepts)
    happened = tally(told.stratum, told.happened.astype(np.float64), size=told.intercepts)
    return float(
        (xlogy(happened, happened / subjects) + xlogy(subjects - happened, 1 - happened / subjects)).sum()
    )


def _chi_square(statistic: float, df: int) -> ChiSquareTest:
    return ChiSquareTest(chi2=max(statistic, 0.0), df=df, p=float(chdtrc(df, max(statistic, 0.0))))
