"""Steps about competing risks: cumulative incidence and Gray's test."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.incidences import incidence_curves
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Grouping, evaluable, punctual
from allpool.analysis.plans.steps.base import (
    Answer,
    Drawing,
    Statistic,
    joined,
    number,
    pooled_groups,
    stratum,
    unknown_membership,
)
from allpool.analysis.plans.steps.survival import Times, TimeStep, at_time

NAMES = {1: "incidence", 2: "competing_incidence"}


class CumulativeIncidenceStep(TimeStep):
    """Aalen-Johansen cumulative incidence per group, of the event and of what competes with it."""

    estimator: Literal["cumulative-incidence"]
    each_alone: ClassVar[bool] = True
    competing: ClassVar[bool] = True
    times: Times
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)
    """With fewer at risk at a time, the incidence then is withheld."""

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the incidence of each cause at each time per group, with the number at risk."""
        sample = evaluable(self.sample(cohort))
        more = pooled_groups(self, sample)
        curves = incidence_curves(
            sample, title=cohort.title(self.endpoint, self.definition), unit=unit, level=self.level
        )
        statistics = []
        for group, frame in sample.groups():
            note = unknown_membership(sample.note(group), cohort)
            for name, code in (("events", 1), ("competing_events", 2)):
                happened = int((frame["cause"] == code).sum())
                statistics.append(
                    Statistic(name, happened, group=group, n=len(frame), note=joined(more, note))
                )
        for row in curves.at(self.times).to_dict("records"):
            group, cause = str(row["group"]), int(row["cause"])
            n = int((sample.frame["group"] == group).sum())
            found = at_time(row, group=group, n=n, minimum=self.at_risk_minimum, note=None, what="incidence")
            if cause == 1:
                statistics += found
            else:
                own = found[0]
                statistics.append(
                    Statistic(
                        NAMES[2],
                        own.value,
                        group=group,
                        at=own.at,
                        lower=own.lower,
                        upper=own.upper,
                        n=n,
                        note=own.note,
                    )
                )
        return Answer.of(sample, statistics, drawing=Drawing("Cumulative incidence curves", curves.plot))


class GrayStep(TimeStep):
    """Gray's test of the cumulative incidence of the event between groups, plain or stratified."""

    estimator: Literal["gray"]
    competing: ClassVar[bool] = True
    by: str | Grouping
    strata: str | None = None

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups and the strata are by."""
        return [*super().groupings_named(), *([("strata", self.strata)] if self.strata else [])]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return P, chi-square and degrees of freedom."""
        from allpool.analysis.competing import gray

        sample = punctual(evaluable(self.sample(cohort)), "Gray's test")
        override = self.override is not None
        frame, strata, said = stratum(self.strata, sample, cohort, override=override)
        test = gray(frame["aval"], frame["cause"], frame["group"], strata=strata)
        note = joined(pooled_groups(self, sample), said, unknown_membership(sample.note(), cohort))
        n = len(frame)
        statistics = [
            Statistic("gray_p", number(test.p), n=n, note=note),
            Statistic("gray_chi2", number(test.chi2), n=n),
            Statistic("gray_df", test.df, n=n),
        ]
        return Answer.of(sample, statistics)
