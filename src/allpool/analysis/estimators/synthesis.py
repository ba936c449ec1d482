"""The frozen results of a meta-analysis."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd


@dataclass(frozen=True)
class Synthesis:
    """A pooled estimate, its heterogeneity, and the interval expected to hold a new study's true effect.

    `i2` is in percent. `tau2_lower` and `tau2_upper` are the Q-profile interval. `weights` are the
    studies' shares of the pooled estimate in percent, in the order given. What the model or the
    number of studies does not define is nan.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    p: float
    tau2: float
    tau2_standard_error: float
    tau2_lower: float
    tau2_upper: float
    i2: float
    h2: float
    q: float
    q_p: float
    prediction_lower: float
    prediction_upper: float
    k: int
    level: float
    method: str
    test: str
    prediction: str
    weights: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the synthesis as a frame of one row; the studies' weights are left out."""
        row = asdict(self)
        del row["weights"]
        return pd.DataFrame([row])


@dataclass(frozen=True)
class PooledProportion(Synthesis):
    """A synthesis on a transformed scale, with the pooled proportion and its limits brought back."""

    transform: str
    proportion: float
    proportion_lower: float
    proportion_upper: float
    proportion_prediction_lower: float
    proportion_prediction_upper: float
