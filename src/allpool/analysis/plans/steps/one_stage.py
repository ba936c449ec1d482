"""Steps that put the patients of all studies into one likelihood, to tell a level and not a ratio."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import evaluable
from allpool.analysis.plans.steps.base import (
    Answer,
    Statistic,
    joined,
    limits,
    number,
    pooled_studies,
    unknown_membership,
)
from allpool.analysis.plans.steps.survival import Times, TimeStep
from allpool.analysis.units import days_per
from allpool.mappings.dictionary import as_tuple


class OneStageSurvivalStep(TimeStep):
    """Survival in a study of the mean level: a hazard constant between cuts, normal study intercepts."""

    estimator: Literal["one-stage-survival"]
    times: Times
    cuts: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] = ()
    """Times at which the hazard may change."""
    test: Literal["t", "z"] = "t"
    """Intervals by t on studies - 1 degrees of freedom, or normal ones."""

    @property
    def grouped(self) -> bool:
        """No: all studies share one curve."""
        return False

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return survival at each time and the variance between the studies' log hazards."""
        from allpool.analysis.one_stage import one_stage_curve

        sample = evaluable(self.sample(cohort))
        days = days_per(unit)
        frame = sample.frame.assign(aval=sample.frame["aval"] / days, entry=sample.frame["entry"] / days)
        curve = one_stage_curve(
            frame,
            "aval",
            "event",
            study="studyid",
            cuts=self.cuts,
            entry="entry" if sample.delayed else None,
            test=self.test,
            level=self.level,
        )
        note = joined(pooled_studies(self, sample), unknown_membership(sample.note(), cohort))
        found = [
            Statistic("events", curve.events, n=curve.n, note=note),
            Statistic("tau2", number(curve.between), n=curve.n),
        ]
        found += [
            Statistic("survival", number(row["survival"]), at=row["time"], n=curve.n, **limits(row))
            for row in curve.at(self.times).to_dict("records")
        ]
        return Answer.of(sample, found)
