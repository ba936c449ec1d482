"""Linear mixed model with a random intercept per subject, for values measured again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from allpool.analysis.estimators.arrays import FloatArray, checked_level, labels, numbers
from allpool.analysis.estimators.design import checked_columns, design_matrix
from allpool.analysis.estimators.information import dependent_columns
from allpool.analysis.estimators.random_intercept import RandomIntercept
from allpool.errors import AnalysisError

INTERCEPT = "(intercept)"


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted model; intervals and tests are Student's t on Satterthwaite's degrees of freedom `df`.

    `between_variance` is that of the subjects' intercepts, `within_variance` of values about them,
    `intraclass` the share of the former in both. `log_likelihood` is the restricted one (R's REML). `note`
    says where the variance between subjects is 0: values of one subject are then no more alike than others,
    and the model is that of independent values.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    df: FloatArray
    between_variance: float
    within_variance: float
    log_likelihood: float
    n: int
    subjects: int
    note: str
    level: float

    @property
    def intraclass(self) -> float:
        """The correlation of two values of one subject."""
        return self.between_variance / (self.between_variance + self.within_variance)

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: coefficient, standard_error, lower, upper, df, t and p."""
        error = np.sqrt(np.diag(self.variance))
        margin = student.ppf(1 - (1 - self.level) / 2, self.df) * error
        t = self.coefficients / error
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "coefficient": self.coefficients,
                "standard_error": error,
                "lower": self.coefficients - margin,
                "upper": self.coefficients + margin,
                "df": self.df,
                "t": t,
                "p": 2 * student.sf(np.abs(t), self.df),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table


def mixed(
    frame: pd.DataFrame,
    value: str,
    covariates: str | Sequence[str],
    *,
    subject: str,
    level: float = 0.95,
) -> MixedModel:
    """Fit a linear mixed model with a random intercept per subject by restricted maximum likelihood.

    Subjects may have any number of values, at any times. On complete pairs (before and after) whose values
    within a patient are alike, the coefficient of time and its test are those of the paired t test.

    Parameters
    ----------
    frame
        one row per value.
    value, subject
        names of columns: the number measured (for counts, their logarithm), and whose it is.
    covariates
        names of columns, such as time; may be empty for the mean alone. Numbers and booleans enter as they
        are; text and categories as one 0/1 term `column=level` per level but the first.

    Raises
    ------
    AnalysisError
        an absent column, missing values, one subject only or no subject with two values, fewer values than
        the model needs, a covariate that is constant or a combination of others, values without any spread.
    """
    checked_level(level)
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    checked_columns(frame, [value, subject, *names])
    y = numbers(frame[value], name=value)
    whose, member = labels(frame[subject], name=subject)
    if len(whose) < 2 or len(whose) == len(y):
        raise AnalysisError(
            f"too little data: a random intercept needs two subjects or more, and some with two values; "
            f"here are {len(whose)} subjects with {len(y)} values"
        )
    terms, design = design_matrix(frame, names) if names else ([], np.empty((len(y), 0)))
    mean, spread = _centre_and_spread(design, terms)
    X = np.column_stack((np.ones(len(y)), (design - mean) / spread))
    if len(y) <= X.shape[1]:
        raise AnalysisError(f"too little data: {len(y)} values for {X.shape[1]} coefficients")
    if np.ptp(y) == 0:
        raise AnalysisError(f"{value} is the same in all rows; there is nothing to explain")
    # computed on values in their own standard deviations, about their mean
    about, unit = float(y.mean()), float(y.std())
    model = RandomIntercept(X, (y - about) / unit, member)
    best = model.maximise()
    back = np.diag(np.concatenate(([1.0], 1 / spread)))
    back[0, 1:] = -mean / spread
    coefficients = unit * (back @ best.coefficients)
    coefficients[0] += about
    return MixedModel(
        terms=(INTERCEPT, *terms),
        coefficients=coefficients,
        variance=unit**2 * best.within_variance * (back @ best.covariance @ back.T),
        df=model.degrees_of_freedom(best, back),
        between_variance=unit**2 * best.between_variance,
        within_variance=unit**2 * best.within_variance,
        log_likelihood=best.value - float(np.log(spread).sum()) - model.degrees * float(np.log(unit)),
        n=len(y),
        subjects=len(whose),
        note="" if best.ratio > 0 else "the variance between subjects is 0: values as if independent",
        level=level,
    )


def _centre_and_spread(design: FloatArray, terms: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    flat = [terms[j] for j in range(len(terms)) if np.ptp(design[:, j]) == 0]
    if flat:
        raise AnalysisError(f"covariate {', '.join(flat)} does not vary; leave it out")
    mean, spread = design.mean(axis=0), design.std(axis=0)
    scaled = (design - mean) / spread
    aliased = [terms[j] for j in dependent_columns(scaled.T @ scaled)]
    if aliased:
        raise AnalysisError(
            f"covariate {', '.join(aliased)} is a combination of the covariates before it; leave it out"
        )
    return mean, spread
