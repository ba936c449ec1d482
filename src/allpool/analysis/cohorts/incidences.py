"""Cumulative incidence of groups: the event's and its competitors', with what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from allpool.analysis.cohorts.samples import Sample, evaluable, punctual
from allpool.analysis.units import days_per

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from allpool.analysis.competing import CumulativeIncidence, GrayTest


@dataclass(frozen=True, eq=False)
class IncidenceCurves:
    """Aalen-Johansen curves of the groups of a sample, times in `unit`; a lone group is called `all`.

    Cause 1 is the event, cause 2 whatever competes with it.
    """

    estimate: CumulativeIncidence
    sample: Sample
    title: str
    unit: str

    @property
    def synthetic(self) -> bool:
        """Whether any of the subjects is synthetic."""
        return bool(self.sample.frame["synthetic"].any())

    def at(self, times: float | Sequence[float]) -> pd.DataFrame:
        """Return group, cause, time, at_risk, incidence, standard_error, lower, upper at given times."""
        return self.estimate.at(times)

    def gray(self) -> GrayTest:
        """Return Gray's test of the groups for the event."""
        from allpool.analysis.competing import gray

        frame = punctual(self.sample, "Gray's test").frame
        return gray(frame["aval"] / days_per(self.unit), frame["cause"], frame["group"])

    def to_frame(self) -> pd.DataFrame:
        """Return the whole step tables with their group and cause."""
        return self.estimate.to_frame()

    def plot(self) -> Figure:
        """Draw the event's curves in full and those of what competes with it dashed, with numbers at risk."""
        from allpool.analysis.pages.incidence_plot import incidence_figure

        return incidence_figure(self)


def incidence_curves(
    sample: Sample, *, title: str, unit: str = "month", level: float = 0.95
) -> IncidenceCurves:
    """Estimate the curves of a time-to-event sample; `AnalysisError` where nobody is evaluable."""
    from allpool.analysis.competing import cumulative_incidence

    frame = evaluable(sample).frame
    days = days_per(unit)
    estimate = cumulative_incidence(
        frame["aval"] / days,
        frame["cause"],
        group=frame["group"],
        entry=frame["entry"] / days if sample.delayed else None,
        level=level,
    )
    return IncidenceCurves(estimate, sample, title, unit)
