"""The frozen results that several estimators share."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd


@dataclass(frozen=True)
class Estimate:
    """One number with its uncertainty; what is not reached or not defined is nan.

    `standard_error` is on the scale of `estimate`; `lower` and `upper` bound the two-sided interval
    of coverage `level`; `method` names the estimator and the interval.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    level: float
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as a frame of one row."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True)
class ChiSquareTest:
    """A test statistic referred to the chi-square distribution with `df` degrees of freedom."""

    chi2: float
    df: int
    p: float

    def to_frame(self) -> pd.DataFrame:
        """Return the test as a frame of one row."""
        return pd.DataFrame([asdict(self)])
