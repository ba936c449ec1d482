"""A level that an assay sees only in part: numbers, "below x" and "undetectable" in one model.

Each measurement says between which limits the level lies; the logarithm of the level is normal around a mean
that depends on covariates (a Tobit model with limits of its own for each measurement; Tobin 1958). The model
is an assumption, and a sensitivity beside plain proportions, never instead of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from allpool.analysis.estimators.arrays import checked_level, critical_value, numbers
from allpool.analysis.estimators.design import checked_columns, design_matrix
from allpool.analysis.estimators.interval_normal import interval_normal
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class LatentLevel:
    """The fitted model: `table` has term, coefficient (of log10 level), standard_error, ratio of levels with
    lower and upper, z and p; `spread` is the standard deviation of log10 level around its mean.
    """

    table: pd.DataFrame
    intercept: float
    spread: float
    log_likelihood: float
    n: int
    censored: int
    level: float
    covariates: tuple[str, ...]

    def below(self, threshold: float, frame: pd.DataFrame) -> pd.Series:
        """Return the probability of a level below `threshold` for each row of covariates in `frame`.

        `frame` holds every level of each covariate that was fitted, so that the terms are the same.
        """
        terms, matrix = design_matrix(frame, self.covariates)
        if terms != list(self.table["term"]):
            raise AnalysisError("the rows asked do not have the levels of the covariates that were fitted")
        mean = self.intercept + matrix @ self.table["coefficient"].to_numpy()
        return pd.Series(ndtr((np.log10(threshold) - mean) / self.spread), index=frame.index)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table.copy()


def latent_level(
    frame: pd.DataFrame, lower: str, upper: str, covariates: Sequence[str], *, level: float = 0.95
) -> LatentLevel:
    """Fit by maximum likelihood (as R's `survreg` with interval2 times and a log-normal distribution).

    lifelines' interval-censored log-normal model finds no maximum where most levels are undetectable.

    Parameters
    ----------
    lower, upper
        columns of the limits of each measurement: equal for a number, 0 and the limit of detection for an
        undetectable level, a number and infinity for "above".
    covariates
        columns; text enters as one 0/1 term per level but the first.

    Raises
    ------
    AnalysisError
        no measurement with a lower limit above 0, limits that cross or say nothing (0 to infinity), an absent
        column, or a likelihood without a maximum (every measurement of a group is undetectable).
    """
    checked_level(level)
    checked_columns(frame, [*covariates])
    low = numbers(frame[lower], name=lower)
    high = np.asarray(frame[upper], dtype=float)
    if np.isnan(high).any() or (low > high).any() or (low < 0).any():
        raise AnalysisError("each measurement needs limits of at least 0, the lower not above the upper")
    if ((low == 0) & np.isinf(high)).any():
        raise AnalysisError("a measurement between 0 and infinity says nothing; leave it out")
    if not (low > 0).any():
        raise AnalysisError("too little data: no measurement found a level, so none can be modelled")
    terms, matrix = design_matrix(frame, covariates)
    for j, term in enumerate(terms):
        sides = set(np.unique(matrix[:, j]))
        if sides <= {0.0, 1.0} and set(np.unique(matrix[low > 0, j])) != sides:
            raise AnalysisError(f"on one side of {term} no level was found; how it differs has no estimate")
    with np.errstate(divide="ignore"):
        fit = interval_normal(np.log10(low), np.log10(high), np.column_stack((np.ones(len(frame)), matrix)))
    coefficient, error = fit.coefficients[1:], np.sqrt(np.diag(fit.variance))[1:]
    margin = critical_value(level) * error
    table = pd.DataFrame(
        {
            "term": terms,
            "coefficient": coefficient,
            "standard_error": error,
            "ratio": 10**coefficient,
            "lower": 10 ** (coefficient - margin),
            "upper": 10 ** (coefficient + margin),
            "z": coefficient / error,
            "p": 2 * ndtr(-np.abs(coefficient / error)),
        }
    )
    return LatentLevel(
        table,
        float(fit.coefficients[0]),
        fit.sigma,
        fit.log_likelihood,
        len(frame),
        int((low != high).sum()),
        level,
        tuple(covariates),
    )
