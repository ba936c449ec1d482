"""Meta-regression: estimates explained by what the studies differ in, as metafor's `rma(mods = ~)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc, ndtr, stdtr, stdtrit

from allpool.analysis.estimators.arrays import FloatArray, critical_value, numbers, one_of, same_length
from allpool.analysis.estimators.design import checked_columns, design_matrix
from allpool.analysis.estimators.heterogeneity import (
    METHODS,
    Projection,
    between_study_variance,
    typical_variance,
)
from allpool.analysis.estimators.random_effects import TESTS
from allpool.errors import AnalysisError

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class MetaRegression:
    """A fitted meta-regression.

    `qm` tests all moderators together (chi-square on `qm_df`, or F on `qm_df` and `qe_df` with "t" and
    "hksj"); `qe` tests what heterogeneity they leave. `i2` and `r2` are in percent: `r2` is the share of
    tau2 without moderators that they explain, nan where there was none to explain.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    qm: float
    qm_df: int
    qm_p: float
    qe: float
    qe_df: int
    qe_p: float
    tau2: float
    tau2_standard_error: float
    i2: float
    h2: float
    r2: float
    k: int
    level: float
    method: str
    test: str

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: coefficient, standard_error, lower, upper, statistic (z or t) and p."""
        error = np.sqrt(np.diag(self.variance))
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.coefficients / error
        if self.test == "z":
            critical, p = critical_value(self.level), 2 * ndtr(-np.abs(statistic))
        else:
            critical = float(stdtrit(self.qe_df, 1 - (1 - self.level) / 2))
            p = 2 * stdtr(self.qe_df, -np.abs(statistic))
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "coefficient": self.coefficients,
                "standard_error": error,
                "lower": self.coefficients - critical * error,
                "upper": self.coefficients + critical * error,
                "statistic": statistic,
                "p": p,
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table


def meta_regression(
    y: Any, v: Any, moderators: pd.DataFrame, *, method: str = "REML", test: str = "z", level: float = 0.95
) -> MetaRegression:
    """Regress study estimates `y` with sampling variances `v` on the columns of `moderators`.

    Parameters
    ----------
    moderators
        a row per study, in the order of `y`. Numbers and booleans enter as they are, text and
        categories as one 0/1 term `column=level` per level but the first; an intercept is added.
    method, test
        as for `random_effects`; tau2 is what the moderators leave.

    Raises
    ------
    AnalysisError
        no more studies than coefficients, a moderator that is constant or a combination of others,
        missing values, variances that are not positive, an unknown method or test.
    """
    one_of(method, METHODS, name="method")
    one_of(test, TESTS, name="test")
    critical_value(level)
    if not isinstance(moderators, pd.DataFrame) or not len(moderators.columns):
        raise AnalysisError("moderators must be a DataFrame with a column per moderator and a row per study")
    effects, variances = numbers(y, name="y"), numbers(v, name="v")
    k = same_length(y=effects, v=variances, moderators=moderators)
    if (variances <= 0).any():
        raise AnalysisError("v must be sampling variances above 0; mend or drop studies without uncertainty")
    names = [str(name) for name in moderators.columns]
    frame = moderators.set_axis(names, axis=1)
    checked_columns(frame, names)
    terms, columns = design_matrix(frame, names)
    X = np.column_stack([np.ones(k), columns])
    _check(X, terms)
    between = between_study_variance(effects, variances, method=method, design=X)
    coefficients, variance, residual = _weighted(effects, 1 / (variances + between.tau2), X)
    df = k - X.shape[1]
    if test == "hksj":
        variance = variance * (residual / df)
    slopes, of_slopes = coefficients[1:], variance[1:, 1:]
    qm = float(slopes @ np.linalg.solve(of_slopes, slopes))
    qe = Projection(effects, 1 / variances, X).rss
    typical = typical_variance(variances, X)
    fixed = method == "FE"
    return MetaRegression(
        terms=("intercept", *terms),
        coefficients=coefficients,
        variance=variance,
        qm=qm if test == "z" else qm / len(terms),
        qm_df=len(terms),
        qm_p=float(chdtrc(len(terms), qm) if test == "z" else fdtrc(len(terms), df, qm / len(terms))),
        qe=qe,
        qe_df=df,
        qe_p=float(chdtrc(df, qe)),
        tau2=between.tau2,
        tau2_standard_error=between.standard_error,
        i2=(100 * max(0.0, 1 - df / qe) if qe > 0 else 0.0)
        if fixed
        else 100 * between.tau2 / (between.tau2 + typical),
        h2=qe / df if fixed else between.tau2 / typical + 1,
        r2=_explained(effects, variances, qe / df if fixed else between.tau2, method=method),
        k=k,
        level=level,
        method=method,
        test=test,
    )


def _check(X: FloatArray, terms: list[str]) -> None:
    k, p = X.shape
    if k <= p:
        raise AnalysisError(
            f"too little data: {k} studies cannot tell {p} coefficients; with few studies take one moderator"
        )
    constant = [term for term, column in zip(terms, X.T[1:], strict=True) if np.ptp(column) == 0]
    if constant:
        raise AnalysisError(f"moderator {', '.join(constant)} is the same in all studies; leave it out")
    scaled = X / np.abs(X).max(axis=0)
    if np.linalg.matrix_rank(scaled) < p:
        raise AnalysisError("a moderator is a combination of the others; leave one out")


def _weighted(y: FloatArray, w: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, their variance and the weighted residual sum of squares."""
    root = np.sqrt(w)
    Q, R = np.linalg.qr(root[:, None] * X)
    coefficients = np.linalg.solve(R, Q.T @ (root * y))
    inverse = np.linalg.solve(R, np.eye(len(R)))
    residual = root * (y - X @ coefficients)
    return coefficients, inverse @ inverse.T, float(residual @ residual)


def _explained(y: FloatArray, v: FloatArray, left: float, *, method: str) -> float:
    """Return R2 in percent: how much less heterogeneity is left than without moderators."""
    if method == "FE":
        without = Projection(y, 1 / v, np.ones((y.size, 1))).rss / (y.size - 1)
    else:
        without = between_study_variance(y, v, method=method).tau2
    return max(0.0, 100 * (1 - left / without)) if without > 0 else NAN
