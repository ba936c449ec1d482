"""Fine and Gray's model of the subdistribution hazard, with the robust variance of cmprsk's crr."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import FloatArray, critical_value, read_only, times
from allpool.analysis.estimators.causes import CENSORED, cause_numbers, cause_of_interest
from allpool.analysis.estimators.cox_likelihood import MonotoneLikelihoodWarning
from allpool.analysis.estimators.design import checked_columns, combined_labels, design_matrix, named_columns
from allpool.analysis.estimators.information import checked_rank, inverse
from allpool.analysis.estimators.subdistribution import SubdistributionLikelihood, censoring
from allpool.analysis.estimators.subdistribution_maximum import maximise_as_crr
from allpool.analysis.estimators.ties import distinct_times
from allpool.analysis.estimators.wald_table import wald_table
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class FineGrayModel:
    """A fitted model of the incidence of cause `of`; its hazard ratios are of the subdistribution.

    `variance` (of the coefficients) is robust and counts the estimation of the censoring weights;
    `naive_variance` is the inverse information. `monotone` names the terms whose likelihood rises for ever:
    their coefficient is where the search stopped; error, interval and test are nan.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    naive_variance: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    n: int
    events: int
    competing: int
    of: int
    level: float
    monotone: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: coefficient, standard_error, hazard_ratio with lower and upper, z and p."""
        return wald_table(
            self.terms, self.coefficients, self.variance, ratio="hazard_ratio", level=self.level
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table


def fine_gray(
    frame: pd.DataFrame,
    duration: str,
    cause: str,
    covariates: str | Sequence[str],
    *,
    of: int = 1,
    censoring_strata: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> FineGrayModel:
    """Fit the proportional subdistribution hazards model of Fine and Gray (1999), as `cmprsk::crr`.

    Parameters
    ----------
    frame
        one row per subject.
    duration, cause
        names of columns: follow-up times, and 0 if censored, else the number of the cause.
    covariates
        names of columns. Numbers and booleans enter as they are; text and categories as one 0/1 term
        `column=level` per level but the first (in sorted or the category's own order).
    of
        the cause that is modelled; all others compete with it.
    censoring_strata
        columns within whose combinations the censoring distribution is estimated (crr's `cengroup`).

    Raises
    ------
    AnalysisError
        an absent column, missing values, negative times, no events of the cause, a covariate that is constant
        or a combination of others.

    Warns
    -----
    MonotoneLikelihoodWarning
        a coefficient is infinite; the terms are in `.monotone`.
    """
    critical_value(level)
    names = named_columns(covariates)
    by = named_columns(censoring_strata)
    checked_columns(frame, [duration, cause, *names, *by])
    if not names:
        raise AnalysisError("a Fine-Gray model needs at least one covariate")
    exits, found = times(frame[duration], name=duration), cause_numbers(frame[cause], name=cause)
    interest = cause_of_interest(of, found=found)
    kind = np.where(found == CENSORED, 0, np.where(found == interest, 1, 2))
    values, codes = distinct_times(exits)
    terms, design = design_matrix(frame, names)
    centre, scale = design.mean(axis=0), design.std(axis=0)
    scale[scale == 0] = 1.0
    uncensored = censoring(values, codes, kind, combined_labels(frame, by))
    likelihood = SubdistributionLikelihood((design - centre) / scale, codes, kind, uncensored)
    events = int((kind == 1).sum())
    checked_rank(likelihood.derivatives(np.zeros(len(terms))).information, terms=terms, events=events)
    best = maximise_as_crr(likelihood, scale)
    scaled = inverse(best.at.information, without=best.moving)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # where coefficients run away
        influence = likelihood.influence(best.coefficients) @ np.nan_to_num(scaled) / scale
        variance = influence.T @ influence
    naive = scaled / np.outer(scale, scale)
    monotone = tuple(terms[j] for j in best.moving)
    if monotone:
        warnings.warn(
            f"the likelihood is monotone in {', '.join(monotone)}: the coefficient is infinite, "
            "its error and interval do not exist",
            MonotoneLikelihoodWarning,
            stacklevel=2,
        )
    return FineGrayModel(
        terms=tuple(terms),
        coefficients=read_only(best.coefficients / scale),
        variance=read_only(np.where(np.isnan(naive), np.nan, variance)),
        naive_variance=read_only(naive),
        log_likelihood=best.at.value,
        log_likelihood_null=best.at_zero.value,
        n=len(frame),
        events=events,
        competing=int((kind == 2).sum()),
        of=interest,
        level=level,
        monotone=monotone,
    )
