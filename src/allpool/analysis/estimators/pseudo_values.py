"""Regression of the restricted mean on covariates, through jackknife pseudo-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from allpool.analysis.estimators.arrays import (
    BoolArray,
    FloatArray,
    critical_value,
    indicators,
    number,
    times,
)
from allpool.analysis.estimators.design import (
    checked_columns,
    combined_labels,
    design_matrix,
    named_columns,
)
from allpool.analysis.estimators.kaplan_meier import kaplan_meier
from allpool.analysis.estimators.logistic_normal import check_rank
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class RestrictedMeanModel:
    """Differences of the restricted mean up to `tau`, in the unit of the times, adjusted for each other."""

    tau: float
    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    n: int
    events: int
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: difference, standard_error (robust), lower, upper, z and p."""
        error = np.sqrt(np.diag(self.variance))
        margin = critical_value(self.level) * error
        z = self.coefficients / error
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "difference": self.coefficients,
                "standard_error": error,
                "lower": self.coefficients - margin,
                "upper": self.coefficients + margin,
                "z": z,
                "p": 2 * ndtr(-np.abs(z)),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table


def restricted_mean_regression(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: str | Sequence[str],
    *,
    tau: float,
    strata: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> RestrictedMeanModel:
    """Regress the time lived without the event up to `tau` on covariates.

    Each subject's pseudo-value is n m - (n - 1) m(-i), with m the restricted mean of all and m(-i) that
    without the subject (Andersen, Hansen and Klein 2004, Lifetime Data Anal 10:335). They are regressed by
    least squares with White's robust errors: R's `geepack::geese` with identity link and independence.

    Parameters
    ----------
    frame
        one row per subject.
    covariates
        names of columns, as for `cox`.
    strata
        names of columns (the study). Pseudo-values are taken within a stratum, and each has its own level.

    Raises
    ------
    AnalysisError
        an absent column, missing values, a `tau` beyond the follow-up of a stratum, covariates that
        determine each other, as many terms as subjects.
    """
    names, by = named_columns(covariates), named_columns(strata)
    checked_columns(frame, [duration, event, *names, *by])
    critical_value(level)
    if not names:
        raise AnalysisError("a regression of the restricted mean needs at least one covariate")
    exits, happened = times(frame[duration], name=duration), indicators(frame[event], name=event)
    horizon = number(tau, name="tau")
    stratum = combined_labels(frame, by)
    values = np.empty(exits.size)
    for j in np.unique(stratum):
        mine = stratum == j
        values[mine] = _pseudo_values(exits[mine], happened[mine], horizon)
    terms, covariate = design_matrix(frame, names)
    X = np.column_stack(((stratum[:, None] == np.unique(stratum)).astype(np.float64), covariate))
    check_rank(X)
    if X.shape[0] <= X.shape[1]:
        raise AnalysisError(f"too little data: {X.shape[0]} subjects for {X.shape[1]} coefficients")
    bread = np.linalg.inv(X.T @ X)
    coefficients = bread @ (X.T @ values)
    scores = X * (values - X @ coefficients)[:, None]
    variance = bread @ (scores.T @ scores) @ bread
    shown = slice(X.shape[1] - len(terms), None)
    return RestrictedMeanModel(
        tau=horizon,
        terms=tuple(terms),
        coefficients=coefficients[shown],
        variance=variance[shown, shown],
        n=exits.size,
        events=int(happened.sum()),
        level=level,
    )


def _pseudo_values(exits: FloatArray, happened: BoolArray, tau: float) -> FloatArray:
    """Return the pseudo-value of each subject's restricted mean, those of equal subjects once computed."""
    n = exits.size
    if n < 2:
        raise AnalysisError("too little data: a pseudo-value needs two subjects in each stratum")
    curve = kaplan_meier(exits, happened)
    if tau > exits.max() and curve.survival[-1] > 0:
        raise AnalysisError(
            f"tau {tau:g} lies beyond the follow-up of a stratum; choose a tau of at most {exits.max():g}"
        )
    whole = curve.restricted_mean(tau).estimate
    # whoever is followed beyond tau is alike up to there
    seen = pd.DataFrame({"exit": np.minimum(exits, tau), "happened": happened & (exits <= tau)})
    alike = seen.groupby(["exit", "happened"], sort=False).ngroup().to_numpy()
    without = np.empty(int(alike.max()) + 1)
    _, firsts = np.unique(alike, return_index=True)
    for group, i in enumerate(firsts):
        rest = np.delete(exits, i), np.delete(happened, i)
        without[group] = kaplan_meier(*rest).restricted_mean(tau).estimate
    return np.asarray(n * whole - (n - 1) * without[alike])
