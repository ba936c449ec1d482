"""Survival curves of groups: one Kaplan-Meier estimate per group, with what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from allpool.analysis.cohorts.samples import Sample, evaluable
from allpool.analysis.estimators.kaplan_meier import KaplanMeier, kaplan_meier
from allpool.analysis.estimators.logrank import LogRank, logrank
from allpool.analysis.units import days_per

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class SurvivalCurves(Mapping[str, KaplanMeier]):
    """Group name -> `KaplanMeier`, times in `unit`; a lone group is called `all`.

    `override` is the reason why groups known only after time zero are drawn all the same.
    """

    curves: Mapping[str, KaplanMeier]
    sample: Sample
    title: str
    unit: str
    override: str | None
    measure: str = "Event-free probability"
    """What the curves show: the endpoint, as its axis is labelled."""

    def __getitem__(self, group: str) -> KaplanMeier:
        if group not in self.curves:
            raise KeyError(f"{group}; the groups are {', '.join(self.curves)}")
        return self.curves[group]

    def __iter__(self) -> Iterator[str]:
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    @property
    def n(self) -> int:
        """Number of subjects in all groups."""
        return sum(curve.n for curve in self.curves.values())

    @property
    def events(self) -> int:
        """Number of events in all groups."""
        return int(sum(curve.events for curve in self.curves.values()))

    @property
    def synthetic(self) -> bool:
        """Whether any of the subjects is synthetic."""
        return bool(self.sample.frame["synthetic"].any())

    def at(self, times: float | Sequence[float]) -> pd.DataFrame:
        """Return group, time, at_risk, survival, standard_error, lower, upper at given times."""
        return pd.concat(
            [curve.at(times).assign(group=group) for group, curve in self.curves.items()], ignore_index=True
        )[["group", "time", "at_risk", "survival", "standard_error", "lower", "upper"]]

    def median(self) -> pd.DataFrame:
        """Return group, n, events, median, lower, upper; nan where it is not reached."""
        rows = []
        for group, curve in self.curves.items():
            median = curve.quantile(0.5)
            rows.append((group, curve.n, curve.events, median.estimate, median.lower, median.upper))
        return pd.DataFrame(rows, columns=["group", "n", "events", "median", "lower", "upper"])

    def logrank(self) -> LogRank:
        """Return the log-rank test of the groups."""
        frame, days = self.sample.frame, days_per(self.unit)
        entry = frame["entry"] / days if self.sample.delayed else None
        return logrank(frame["aval"] / days, frame["event"], frame["group"], entry=entry)

    def to_frame(self) -> pd.DataFrame:
        """Return the whole step tables with their group."""
        return pd.concat(
            [curve.to_frame().assign(group=group) for group, curve in self.curves.items()], ignore_index=True
        )

    def plot(self) -> Figure:
        """Draw the curves with their numbers at risk."""
        from allpool.analysis.pages.plots import survival_figure

        return survival_figure(self)


def survival_curves(
    sample: Sample,
    *,
    title: str,
    unit: str = "month",
    ci: str = "log-log",
    level: float = 0.95,
    override: str | None = None,
    measure: str = "Event-free probability",
) -> SurvivalCurves:
    """Estimate one curve per group of a time-to-event sample; `AnalysisError` where nobody is evaluable."""
    days = days_per(unit)
    curves = {
        group: kaplan_meier(
            frame["aval"] / days,
            frame["event"],
            entry=frame["entry"] / days if sample.delayed else None,
            ci=ci,
            level=level,
        )
        for group, frame in evaluable(sample).groups()
    }
    return SurvivalCurves(curves, sample, title, unit, override, measure)
