"""Steps about survival: curves, their tests, restricted means and follow-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.curves import survival_curves
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Grouping, evaluable, punctual
from allpool.analysis.estimators.kaplan_meier import KaplanMeier
from allpool.analysis.plans.steps.base import (
    Answer,
    Drawing,
    EndpointStep,
    Statistic,
    joined,
    limits,
    number,
    pooled_groups,
    stratum,
    unknown_membership,
)
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import as_tuple


def _each_once(times: tuple[float, ...]) -> tuple[float, ...]:
    if not times:
        raise ValueError("at least one time is asked")
    if len(set(times)) < len(times):
        raise ValueError("a time stands here twice")
    return times


Times = Annotated[tuple[float, ...], BeforeValidator(as_tuple), AfterValidator(_each_once)]


class TimeStep(EndpointStep):
    """A step about a time to an event."""

    @property
    def wanted(self) -> str:
        """The kind of endpoint that the step takes."""
        return "time-to-event"


class SurvivalStep(TimeStep):
    """Kaplan-Meier per group: survival at times, median, numbers at risk."""

    estimator: Literal["kaplan-meier"]
    each_alone: ClassVar[bool] = True
    times: Times
    ci: Literal["log-log", "log", "plain"] = "log-log"
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)
    """With fewer at risk at a time, survival then is withheld."""

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return events, survival with its error and the number at risk at each time, and the median."""
        sample = self.sample(cohort)
        curves = survival_curves(
            sample,
            title=cohort.title(self.endpoint, self.definition),
            unit=unit,
            ci=self.ci,
            level=self.level,
            override=self.override,
            measure=cohort.catalogue.endpoint(self.endpoint).title,
        )
        more = pooled_groups(self, sample)
        statistics = []
        for group, curve in curves.items():
            note = joined(more, unknown_membership(sample.note(group), cohort))
            statistics.append(Statistic("events", curve.events, group=group, n=curve.n, note=note))
            for row in curve.at(self.times).to_dict("records"):
                statistics += at_time(row, group=group, n=curve.n, minimum=self.at_risk_minimum, note=note)
            statistics.append(median(curve, group=group, unit=unit, minimum=self.at_risk_minimum))
        return Answer.of(sample, statistics, drawing=Drawing("Kaplan-Meier curves", curves.plot))


def median(curve: KaplanMeier, *, group: str, unit: str, minimum: int) -> Statistic:
    """Return the median; withheld where it is reached with too few at risk."""
    own = curve.quantile(0.5)
    value = number(own.estimate)
    if value is None:
        lower = number(own.lower)
        return Statistic(
            "median", None, group=group, lower=lower, n=curve.n, unit=unit, note="median not reached"
        )
    at_risk = int(curve.at(value)["at_risk"].iloc[0])
    if at_risk < minimum:
        few = f"median withheld: {at_risk} at risk, fewer than {minimum}"
        return Statistic("median", None, group=group, n=curve.n, unit=unit, note=few)
    return Statistic("median", value, group=group, n=curve.n, unit=unit, **limits(own))


def at_time(
    row: Mapping[Any, Any], *, group: str, n: int, minimum: int, note: str | None, what: str = "survival"
) -> list[Statistic]:
    """Return an estimate, its error and the number at risk at one time; withheld where too few are."""
    at, at_risk = row["time"], int(row["at_risk"])
    waiting = Statistic("at_risk", at_risk, group=group, at=at, n=n)
    if at_risk < minimum:
        few = f"withheld: {at_risk} at risk, fewer than {minimum}"
        return [Statistic(what, None, group=group, at=at, n=n, note=few), waiting]
    value, ends = number(row[what]), limits(row)
    if ends["lower"] == ends["upper"]:  # nothing has happened yet: R gives an interval without width
        ends = {"lower": None, "upper": None}
    own = Statistic(what, value, group=group, at=at, n=n, note=note, **ends)
    error = Statistic("standard_error", number(row["standard_error"]), group=group, at=at, n=n)
    return [own, error, waiting]


class LogRankStep(TimeStep):
    """Log-rank test of groups, plain or stratified."""

    estimator: Literal["log-rank"]
    by: str | Grouping
    strata: str | None = None

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups and the strata are by."""
        return [*super().groupings_named(), *([("strata", self.strata)] if self.strata else [])]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return P, chi-square and degrees of freedom, and events observed and expected per group."""
        from allpool.analysis.survival import logrank

        sample = evaluable(self.sample(cohort))
        override = self.override is not None
        frame, strata, said = stratum(self.strata, sample, cohort, override=override)
        entry = frame["entry"] if sample.delayed else None
        test = logrank(frame["aval"], frame["event"], frame["group"], strata=strata, entry=entry)
        note = joined(pooled_groups(self, sample), said, unknown_membership(sample.note(), cohort))
        statistics = [
            Statistic("logrank_p", number(test.p), n=len(frame), note=note),
            Statistic("logrank_chi2", number(test.chi2), n=len(frame)),
            Statistic("logrank_df", test.df, n=len(frame)),
        ]
        rows = zip(test.groups, test.n, test.observed, test.expected, strict=True)
        for group, n, observed, expected in rows:
            statistics.append(Statistic("observed", float(observed), group=str(group), n=int(n)))
            statistics.append(Statistic("expected", float(expected), group=str(group), n=int(n)))
        return Answer.of(sample, statistics)


class RestrictedMeanStep(TimeStep):
    """Mean time without the event up to a horizon, per group; of two groups also the difference."""

    estimator: Literal["restricted-mean"]
    tau: float = Field(gt=0)

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the restricted mean of each group, and the difference (second less first) of two."""
        from allpool.analysis.survival import kaplan_meier, restricted_mean_difference

        sample = punctual(evaluable(self.sample(cohort)), "the restricted mean")
        more = pooled_groups(self, sample)
        days = days_per(unit)
        statistics = []
        for group, frame in sample.groups():
            curve = kaplan_meier(frame["aval"] / days, frame["event"], level=self.level)
            last = float(frame["aval"].max()) / days
            beyond = self.tau > last and curve.at(last)["survival"].iloc[0] > 0
            carried = (
                f"nobody is followed beyond {last:.1f} {unit}s: the curve is carried on level from there"
            )
            own = curve.restricted_mean(self.tau)
            note = joined(more, carried if beyond else None, unknown_membership(sample.note(group), cohort))
            statistics.append(
                _mean(own, "restricted_mean", self.tau, unit, group=group, n=curve.n, note=note)
            )
        frame = sample.frame
        names = sorted(set(frame["group"]))
        if len(names) == 2:
            between, name = f"{names[1]} less {names[0]}", "restricted_mean_difference"
            try:
                own = restricted_mean_difference(
                    frame["aval"] / days, frame["event"], frame["group"], self.tau, level=self.level
                )
            except AnalysisError as error:  # the means stand by themselves
                statistics.append(
                    Statistic(name, None, group=between, at=self.tau, n=len(frame), note=error.message)
                )
            else:
                statistics.append(_mean(own, name, self.tau, unit, group=between, n=len(frame), note=None))
        return Answer.of(sample, statistics)


def _mean(
    own: Any, statistic: str, tau: float, unit: str, *, group: str, n: int, note: str | None
) -> Statistic:
    value = number(own.estimate)
    return Statistic(statistic, value, group=group, at=tau, n=n, unit=unit, note=note, **limits(own))


class FollowUpStep(TimeStep):
    """How long subjects were followed: the median of the reverse Kaplan-Meier curve, per group."""

    estimator: Literal["follow-up"]
    each_alone: ClassVar[bool] = True

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the median follow-up of each group; nan where it is not reached."""
        from allpool.analysis.survival import follow_up

        sample = punctual(evaluable(self.sample(cohort)), "the median follow-up")
        more = pooled_groups(self, sample)
        statistics = []
        for group, frame in sample.groups():
            curve = follow_up(frame["aval"] / days_per(unit), frame["event"], level=self.level)
            own = curve.quantile(0.5)
            note = joined("reverse Kaplan-Meier", more, unknown_membership(sample.note(group), cohort))
            statistics.append(
                Statistic(
                    "median_follow_up",
                    number(own.estimate),
                    group=group,
                    n=curve.n,
                    unit=unit,
                    note=note,
                    **limits(own),
                )
            )
        return Answer.of(sample, statistics)
