"""Cox's proportional-hazards model: stratified, with delayed entry, with cluster-robust errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import (
    FloatArray,
    IntArray,
    critical_value,
    indicators,
    labels,
    one_of,
    read_only,
    times,
)
from allpool.analysis.estimators.cox_likelihood import MonotoneLikelihoodWarning, PartialLikelihood, maximise
from allpool.analysis.estimators.design import checked_columns, combined_labels, design_matrix, named_columns
from allpool.analysis.estimators.information import checked_rank, dependent_columns, inverse
from allpool.analysis.estimators.results import ChiSquareTest
from allpool.analysis.estimators.risk_sets import RiskSets, risk_sets
from allpool.analysis.estimators.wald_table import wald_table
from allpool.errors import AnalysisError

TIES = ("efron", "breslow")


@dataclass(frozen=True, eq=False)
class CoxModel:
    """A fitted model; `variance` (of the coefficients) is robust if `cluster` was given.

    `monotone` names the terms whose likelihood rises for ever: their coefficient is where the search
    stopped and means only "beyond any bound in this direction"; error, interval and Wald test are nan.
    The likelihood-ratio and score tests stand.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    naive_variance: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    likelihood_ratio: ChiSquareTest
    wald: ChiSquareTest
    score: ChiSquareTest
    n: int
    events: int
    ties: str
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


def cox(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: str | Sequence[str],
    *,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> CoxModel:
    """Fit Cox's model by maximum partial likelihood.

    Parameters
    ----------
    frame
        one row per subject, or per interval (entry, duration] of a subject in the counting-process form.
    duration, event, entry, strata, cluster
        names of columns. Each combination of the `strata` columns has a baseline hazard of its own;
        `cluster` asks for the robust variance that sums score residuals within a cluster.
    covariates
        names of columns. Numbers and booleans enter as they are; text and categories as one 0/1 term
        `column=level` per level but the first (in sorted or the category's own order).
    ties
        "efron" or "breslow".

    Raises
    ------
    AnalysisError
        an absent column, missing values, negative times, no events, a covariate that is constant or a
        combination of others among those at risk.

    Warns
    -----
    MonotoneLikelihoodWarning
        a coefficient is infinite; the terms are in `.monotone`.
    """
    one_of(ties, TIES, name="ties")
    critical_value(level)
    names = named_columns(covariates)
    by = named_columns(strata)
    checked_columns(frame, [duration, event, *names, *by, *(c for c in (entry, cluster) if c is not None)])
    if not names:
        raise AnalysisError("a Cox model needs at least one covariate")
    exits = times(frame[duration], name=duration)
    happened = indicators(frame[event], name=event)
    entries = None if entry is None else times(frame[entry], name=entry)
    sets = risk_sets(exits, happened, entries=entries, stratum=combined_labels(frame, by))
    terms, design = design_matrix(frame, names)
    centre, scale = design[sets.rows].mean(axis=0), design[sets.rows].std(axis=0)
    scale[scale == 0] = 1.0
    likelihood = PartialLikelihood((design[sets.rows] - centre) / scale, sets, ties=ties)
    at_zero = likelihood.derivatives(np.zeros(len(terms)))
    checked_rank(at_zero.information, terms=terms, events=sets.dead.size)
    best = maximise(likelihood)
    scaled = inverse(best.at.information, without=best.moving)
    naive = scaled / np.outer(scale, scale)
    coefficients = best.coefficients / scale
    variance = naive
    if cluster is not None:
        member = labels(frame[cluster], name=cluster)[1]
        influence = likelihood.score_residuals(best.coefficients) @ np.nan_to_num(scaled) / scale
        variance = np.where(np.isnan(naive), np.nan, _clustered(influence, member, sets))
    monotone = tuple(terms[j] for j in best.moving)
    if monotone:
        warnings.warn(
            f"the likelihood is monotone in {', '.join(monotone)}: the coefficient is infinite, "
            "its error and interval do not exist",
            MonotoneLikelihoodWarning,
            stacklevel=2,
        )
    gain = best.at.value - best.at_zero.value
    gradient = best.at_zero.gradient
    return CoxModel(
        terms=tuple(terms),
        coefficients=read_only(coefficients),
        variance=read_only(variance),
        naive_variance=read_only(naive),
        log_likelihood=best.at.value,
        log_likelihood_null=best.at_zero.value,
        likelihood_ratio=_chi_square(2 * gain, len(terms)),
        wald=_chi_square(_wald(coefficients, variance), len(terms)),
        score=_chi_square(float(gradient @ np.linalg.solve(best.at_zero.information, gradient)), len(terms)),
        n=len(frame),
        events=int(happened.sum()),
        ties=ties,
        level=level,
        monotone=monotone,
    )


def _clustered(influence: FloatArray, member: IntArray, sets: RiskSets) -> FloatArray:
    of_row = member[sets.rows]
    sums = np.column_stack([np.bincount(of_row, weights=column) for column in influence.T])
    return np.asarray(sums.T @ sums)


def _wald(coefficients: FloatArray, variance: FloatArray) -> float:
    """Return b' V^- b; with fewer clusters than terms V is singular and R leaves out the dependent terms."""
    if np.isnan(variance).any():
        return float("nan")
    dropped = dependent_columns(variance)
    kept = [j for j in range(len(coefficients)) if j not in dropped]
    b = coefficients[kept]
    return float(b @ np.linalg.solve(variance[np.ix_(kept, kept)], b)) if kept else float("nan")


def _chi_square(statistic: float, df: int) -> ChiSquareTest:
    statistic = max(statistic, 0.0) if np.isfinite(statistic) else float("nan")
    return ChiSquareTest(chi2=statistic, df=df, p=float(chdtrc(df, statistic)))
