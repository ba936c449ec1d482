"""The result of a synthesis over studies: what each brought, at which level, and what they say together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDIES = ["study", "level", "events", "n", "estimate", "lower", "upper", "weight"]
LEFT_OUT = ["omitted", "k", "estimate", "lower", "upper", "tau2", "i2", "note"]


@dataclass(frozen=True)
class Pooled:
    """One pooled estimate, brought back to the scale of the studies' own; nan where it does not exist."""

    estimate: float
    lower: float
    upper: float
    prediction_lower: float = float("nan")
    prediction_upper: float = float("nan")


@dataclass(frozen=True, eq=False)
class PooledStudies:
    """A synthesis.

    `studies`: study, level ("patient-level" or "published"), events, n, estimate, lower, upper, weight in
    percent. `random` and `fixed` are the random-effects and the common-effect estimate, `hartung_knapp` the
    random-effects estimate with that interval, as a sensitivity ("glmm" has none: of logits by `method`).
    `left_out` says who did not enter and why, `notes` what must be read beside it.
    """

    title: str
    measure: str
    model: str
    studies: pd.DataFrame
    random: Pooled
    fixed: Pooled
    hartung_knapp: Pooled
    tau2: float
    tau2_lower: float
    tau2_upper: float
    standard_error: float
    """Of the random-effects estimate, on the scale that it was pooled on."""
    p: float
    """Of that estimate being 0 on that scale."""
    i2: float
    h2: float
    q: float
    q_p: float
    k: int
    level: float
    left_out: tuple[str, ...]
    synthetic: bool
    notes: tuple[str, ...]
    omit: Callable[[], pd.DataFrame] = field(repr=False)
    """Fits all but each study; called once, where the leave-one-out frame is asked for."""

    @cached_property
    def leave_one_out(self) -> pd.DataFrame:
        """One row per study left out: omitted, k, estimate, lower, upper, tau2, i2, note."""
        return self.omit()

    @property
    def estimate(self) -> float:
        """The random-effects estimate on the studies' scale."""
        return self.random.estimate

    @property
    def lower(self) -> float:
        """Lower limit of the random-effects estimate."""
        return self.random.lower

    @property
    def upper(self) -> float:
        """Upper limit of the random-effects estimate."""
        return self.random.upper

    @property
    def prediction_lower(self) -> float:
        """Lower limit of the prediction interval; nan below three studies."""
        return self.random.prediction_lower

    @property
    def prediction_upper(self) -> float:
        """Upper limit of the prediction interval; nan below three studies."""
        return self.random.prediction_upper

    def to_frame(self) -> pd.DataFrame:
        """Return one row: the pooled estimates and the heterogeneity."""
        row = {
            "model": self.model,
            "k": self.k,
            "estimate": self.random.estimate,
            "lower": self.random.lower,
            "upper": self.random.upper,
            "prediction_lower": self.random.prediction_lower,
            "prediction_upper": self.random.prediction_upper,
            "fixed": self.fixed.estimate,
            "fixed_lower": self.fixed.lower,
            "fixed_upper": self.fixed.upper,
            "hartung_knapp_lower": self.hartung_knapp.lower,
            "hartung_knapp_upper": self.hartung_knapp.upper,
            "tau2": self.tau2,
            "i2": self.i2,
            "q": self.q,
            "q_p": self.q_p,
        }
        return pd.DataFrame([row])

    def forest(self, *, hartung_knapp: bool = False) -> Figure:
        """Draw the studies with their level and weight, and the pooled estimates."""
        from allpool.analysis.pages.forest_plot import forest_figure

        return forest_figure(self, hartung_knapp=hartung_knapp)
