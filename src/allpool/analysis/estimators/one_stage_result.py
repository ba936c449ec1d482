"""The frozen result of a one-stage model: all studies' patients in one likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from allpool.analysis.estimators.arrays import FloatArray, critical_value


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
        error = np.sqrt(np.diag(self.variance))
        margin = critical_value(self.level) * error
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            z = self.coefficients / error
            return pd.DataFrame(
                {
                    "term": list(self.terms),
                    "coefficient": self.coefficients,
                    "standard_error": error,
                    self.ratio: np.exp(self.coefficients),
                    "lower": np.exp(self.coefficients - margin),
                    "upper": np.exp(self.coefficients + margin),
                    "z": z,
                    "p": 2 * ndtr(-np.abs(z)),
                }
            )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of terms."""
        return self.table
