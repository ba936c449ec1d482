"""The frozen result of a one-stage model: all studies' patients in one likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from allpool.analysis.estimators.arrays import FloatArray
from allpool.analysis.estimators.wald_table import wald_table


@dataclass(frozen=True, eq=False)
class OneStage:
    """A model of patients from several studies.

    `ratio` names what exp(coefficient) is: "odds_ratio" or "hazard_ratio". `effect` says how studies enter:
    "stratified" (an intercept or a baseline hazard each), "random" (normal on the logit scale) or "frailty"
    (gamma on the hazard); `between` is the variance of those effects, nan where stratified. `studies` has
    study, n, events; `left_out` names studies that say nothing of the covariates, and why.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    variance: FloatArray
    ratio: str
    effect: str
    between: float
    log_likelihood: float
    studies: pd.DataFrame
    left_out: tuple[str, ...]
    level: float

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.studies["n"].sum())

    @property
    def events(self) -> int:
        """Number of patients with the outcome."""
        return int(self.studies["events"].sum())

    @property
    def table(self) -> pd.DataFrame:
        """One row per term: coefficient, standard_error, the ratio with lower and upper, z and p."""
        return wald_table(self.terms, self.coefficients, self.variance, ratio=self.ratio, level=self.level)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table
