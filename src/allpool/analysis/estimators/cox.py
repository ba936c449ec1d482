"""Cox's proportional-hazards model: stratified, with delayed entry, with cluster-robust errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from allpool.analysis.estimators.arrays import (
    FloatArray,
    IntArray,
    critical_value,
    indicators,
    labels,
    one_of,
    times,
)
from allpool.analysis.estimators.cox_likelihood import MonotoneLikelihoodWarning, PartialLikelihood, maximise
from allpool.analysis.estimators.design import checked_columns, design_matrix
from allpool.analysis.estimators.results import ChiSquareTest
from allpool.analysis.estimators.risk_sets import RiskSets, risk_sets
from allpool.errors import AnalysisError

TIES = ("efron", "breslow")
# a column whose information is this much explained by those before it is their combination
# (the order of R's toler.chol, loosened for the rounding of a million terms)
ALIASED = 1e-10


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
        error = np.sqrt(np.diag(self.variance))
        margin = critical_value(self.level) * error
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            z = self.coefficients / error
            return pd.DataFrame(
                {
                    "term": list(self.terms),
                    "coefficient": self.coefficients,
                    "standard_error": error,
                    "hazard_ratio": np.exp(self.coefficients),
                    "lower": np.exp(self.coefficients - margin),
                    "upper": np.exp(self.coefficients + margin),
                    "z": z,
                    "p": 2 * ndtr(-np.abs(z)),
                }
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
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    by = [strata] if isinstance(strata, str) else list(strata or ())
    checked_columns(frame, [duration, event, *names, *by, *(c for c in (entry, cluster) if c is not None)])
    if not names:
        raise AnalysisError("a Cox model needs at least one covariate")
    exits = times(frame[duration], name=duration)
    happened = indicators(frame[event], name=event)
    entries = None if entry is None else times(frame[entry], name=entry)
    sets = risk_sets(exits, happened, entries=entries, stratum=_combined(frame, by))
    terms, design = design_matrix(frame, names)
    centre, scale = design[sets.rows].mean(axis=0), design[sets.rows].std(axis=0)
    scale[scale == 0] = 1.0
    likelihood = PartialLikelihood((design[sets.rows] - centre) / scale, sets, ties=ties)
    _check_rank(likelihood, terms)
    best = maximise(likelihood)
    scaled = _inverse(best.at.information, without=best.moving)
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
        coefficients=coefficients,
        variance=variance,
        naive_variance=naive,
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


def _combined(frame: pd.DataFrame, by: list[str]) -> IntArray:
    if not by:
        return np.zeros(len(frame), dtype=np.int64)
    return frame.groupby(by, sort=True, observed=True).ngroup().to_numpy().astype(np.int64)


def _check_rank(likelihood: PartialLikelihood, terms: list[str]) -> None:
    information = likelihood.derivatives(np.zeros(len(terms))).information
    events = likelihood.sets.dead.size
    constant = [terms[j] for j in range(len(terms)) if information[j, j] < 1e-12 * events]
    if constant:
        raise AnalysisError(
            f"covariate {', '.join(constant)} does not vary among those at risk; leave it out"
        )
    aliased = [terms[j] for j in _dependent(information, tolerance=ALIASED)]
    if aliased:
        raise AnalysisError(
            f"covariate {', '.join(aliased)} is a combination of the covariates before it; leave it out"
        )


def _dependent(matrix: FloatArray, *, tolerance: float) -> list[int]:
    """Return the columns of a covariance matrix that those before them determine (unpivoted Cholesky)."""
    left = matrix.astype(np.float64).copy()
    dependent = []
    for j in range(len(left)):
        if left[j, j] <= tolerance * matrix[j, j]:
            dependent.append(j)
            continue
        left[j + 1 :, j + 1 :] -= np.outer(left[j + 1 :, j], left[j, j + 1 :]) / left[j, j]
    return dependent


def _inverse(information: FloatArray, *, without: tuple[int, ...]) -> FloatArray:
    """Return the variance of the coefficients; nan for those that run away."""
    variance = np.full(information.shape, np.nan)
    kept = [j for j in range(len(information)) if j not in without]
    variance[np.ix_(kept, kept)] = np.linalg.inv(information[np.ix_(kept, kept)])
    return variance


def _clustered(influence: FloatArray, member: IntArray, sets: RiskSets) -> FloatArray:
    of_row = member[sets.rows]
    sums = np.column_stack([np.bincount(of_row, weights=column) for column in influence.T])
    return np.asarray(sums.T @ sums)


def _wald(coefficients: FloatArray, variance: FloatArray) -> float:
    """Return b' V^- b; with fewer clusters than terms V is singular and R leaves out the dependent terms."""
    if np.isnan(variance).any():
        return float("nan")
    dropped = _dependent(variance, tolerance=ALIASED)
    kept = [j for j in range(len(coefficients)) if j not in dropped]
    b = coefficients[kept]
    return float(b @ np.linalg.solve(variance[np.ix_(kept, kept)], b)) if kept else float("nan")


def _chi_square(statistic: float, df: int) -> ChiSquareTest:
    statistic = max(statistic, 0.0) if np.isfinite(statistic) else float("nan")
    return ChiSquareTest(chi2=statistic, df=df, p=float(chdtrc(df, statistic)))
