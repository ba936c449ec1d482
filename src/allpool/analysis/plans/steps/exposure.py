"""Steps about an exposure that comes after time zero: a landmark, or time-dependent from the start."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import Field, model_validator

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.curves import survival_curves
from allpool.analysis.cohorts.exposures import exposure_times
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Grouping, Sample, evaluable
from allpool.analysis.definitions.conditions import Event, Response
from allpool.analysis.plans.steps.base import (
    Answer,
    Drawing,
    Statistic,
    design,
    joined,
    number,
    pooled_studies,
    term_statistics,
    unknown_membership,
)
from allpool.analysis.plans.steps.regression import cox_model
from allpool.analysis.plans.steps.survival import Times, TimeStep, at_time
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import Frozen, Many

EXPOSED = {0: "not exposed", 1: "exposed"}


class Exposure(Frozen):
    """What exposes: an event with its time, or a response with the day of its assessment."""

    event: Event | None = None
    response: Response | None = None

    @model_validator(mode="after")
    def _one(self) -> Exposure:
        if (self.event is None) == (self.response is None):
            raise ValueError("an exposure is one of `event` and `response`")
        return self

    def times(self, cohort: Cohort, sample: Sample, *, endpoint: str, definition: str) -> pd.Series:
        """Return days from the endpoint's origin to the exposure, missing where it never came."""
        return exposure_times(
            cohort, sample, endpoint=endpoint, definition=definition, event=self.event, response=self.response
        )


class ExposureStep(TimeStep):
    """A step about a time to an event by an exposure that comes later."""

    exposure: Exposure
    covariates: Many = ()
    strata: Many = ()

    @property
    def grouped(self) -> bool:
        """No: the groups are the exposed and the others."""
        return False

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """The covariates and the strata."""
        named = [("covariates", name) for name in self.covariates]
        return [*super().groupings_named(), *named, *(("strata", name) for name in self.strata)]

    def endpoints_named(self) -> list[tuple[str, str, str]]:
        """What exposes."""
        asked = self.exposure.event or self.exposure.response
        return [("exposure", asked.endpoint, asked.definition)] if asked else []

    def exposed(self, cohort: Cohort) -> tuple[Sample, pd.DataFrame, str | None]:
        """Return the sample, its frame with covariates, strata and `exposure_time` in days, and a note."""
        sample = evaluable(self.sample(cohort))
        override = self.override is not None
        frame, lost = design(self.covariates, sample, cohort, others=self.strata, override=override)
        times = self.exposure.times(cohort, sample, endpoint=self.endpoint, definition=self.definition)
        frame["exposure_time"] = frame["usubjid"].map(times).astype(float)
        note = joined(
            pooled_studies(self, sample),
            f"{lost} left out: a covariate or stratum is unknown" if lost else None,
            f"stratified by {', '.join(self.strata)}" if self.strata else None,
            unknown_membership(sample.note(), cohort),
        )
        return sample, frame, note

    def strata_of(self, frame: pd.DataFrame) -> pd.Series | None:
        """Return the number of each row's stratum, one for each combination; none where none are asked."""
        return frame.groupby(list(self.strata)).ngroup() if self.strata else None


class TimeDependentStep(ExposureStep):
    """Cox model with the exposure as a time-dependent covariate, and Mantel and Byar's test."""

    estimator: Literal["time-dependent"]
    ties: Literal["efron", "breslow"] = "efron"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the hazard ratio of the exposure and of the covariates, and P of Mantel and Byar."""
        from allpool.analysis.time_dependent import counting_process, mantel_byar

        sample, frame, note = self.exposed(cohort)
        rows = counting_process(frame, time="aval", event="event", exposure_time="exposure_time")
        rows = rows.assign(start=rows[["start", "entry"]].max(axis=1)).query("start < stop")
        model, said = cox_model(
            rows,
            ["exposed", *self.covariates],
            time="stop",
            entry="start",
            strata=self.strata,
            ties=self.ties,
            level=self.level,
        )
        ever = int((rows["exposed"] == 1).sum())
        statistics = [
            Statistic("events", model.events, n=len(frame), note=joined(*said, note)),
            Statistic("exposed", ever, n=len(frame), note="subjects exposed while at risk"),
            *term_statistics(model.table, "hazard_ratio", n=len(frame), said=said),
        ]
        strata = self.strata_of(frame)
        entry = frame["entry"] if sample.delayed else None
        test = mantel_byar(frame["aval"], frame["event"], frame["exposure_time"], entry=entry, strata=strata)
        statistics.append(Statistic("mantel_byar_p", number(test.p), n=len(frame)))
        return Answer.of(sample, statistics)


class LandmarkStep(ExposureStep):
    """Comparison by what was known at a landmark, among those still followed then."""

    estimator: Literal["landmark"]
    at: float = Field(gt=0)
    """The landmark, in the plan's unit, counted from the endpoint's origin."""
    times: Times = ()
    """Times after the landmark at which survival is given."""
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return survival after the landmark by exposure, the log-rank P and the hazard ratio."""
        from allpool.analysis.survival import landmark, logrank

        sample, frame, note = self.exposed(cohort)
        late = int((frame["entry"] > self.at * days_per(unit)).sum())
        frame = frame[frame["entry"] <= self.at * days_per(unit)]
        note = joined(f"{late} under observation only after the landmark" if late else None, note)
        days = days_per(unit)
        if not (frame["aval"] > self.at * days).any():
            raise AnalysisError(
                f"too little data: nobody is followed past the landmark at {self.at:g} {unit}s"
            )
        kept = landmark(frame, at=self.at * days, time="aval", event="event", exposure_time="exposure_time")
        after = kept.assign(aval=kept["time_from_landmark"], group=kept["exposed"].map(EXPOSED))
        before = len(frame) - len(kept)
        said = joined(f"landmark at {self.at:g} {unit}s: {before} not followed past it", note)
        own = Sample(sample.kind, "exposure at the landmark", after.reset_index(drop=True), sample.left_out)
        title = f"{cohort.title(self.endpoint, self.definition)}, from {self.at:g} {unit}s on"
        measure = cohort.catalogue.endpoint(self.endpoint).title
        curves = survival_curves(own, title=title, unit=unit, level=self.level, measure=measure)
        statistics = [
            Statistic("events", curve.events, group=group, n=curve.n, note=said)
            for group, curve in curves.items()
        ]
        for group, curve in curves.items():
            for row in curve.at(self.times).to_dict("records") if self.times else ():
                statistics += at_time(row, group=group, n=curve.n, minimum=self.at_risk_minimum, note=None)
        if len(curves) < 2:
            raise AnalysisError(
                f"at the landmark of {self.at:g} {unit}s all are {next(iter(curves))}; choose another one"
            )
        strata = self.strata_of(after)
        test = logrank(after["aval"], after["event"], after["group"], strata=strata)
        statistics.append(Statistic("logrank_p", number(test.p), n=len(after), note=said))
        model, warned = cox_model(after, ["exposed", *self.covariates], strata=self.strata, level=self.level)
        statistics += term_statistics(model.table, "hazard_ratio", n=model.n, said=warned)
        return Answer.of(
            own, statistics, drawing=Drawing("Kaplan-Meier curves from the landmark", curves.plot)
        )
