"""Definitions as data: moments, populations and endpoints, each with a version and its source.

A *moment* is something that can be dated in the tables (first dose, CR, relapse, death, last contact).
An *endpoint* has one or more *definitions*: the common one, and those that studies used themselves. A
*population* says who. All are frozen, and their files live beside this module as YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from allpool.analysis.definitions.rules import Criteria, Graded, Limit, Measured, Reported, Window
from allpool.mappings.dictionary import Frozen, Many

__all__ = [
    "Endpoint",
    "EndpointFile",
    "Failure",
    "Moment",
    "MomentFile",
    "Name",
    "Precision",
    "ResponseDefinition",
    "ResponseEndpoint",
    "TimeDefinition",
    "TimeEndpoint",
    "Told",
    "Window",
]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Precision = Literal["day", "month", "year"]


class Told(Frozen):
    """An observation that says that a moment happened, without saying when."""

    element: str
    codes: Many


class Moment(Frozen):
    """Something that can be dated: where it stands in the tables, and which elements it needs.

    `anchor` is the code of `time_anchor` whose offsets count from this moment: on that clock it is day 0.
    `elements` are the data elements whose quarantined cells leave it unknown for a patient.
    """

    title: str
    table: Literal[
        "patient", "research_subject", "observation", "condition", "procedure", "medication_administration"
    ]
    element: str | None = None
    """The row's data element; none for patient and research_subject."""
    time: str
    """Name of the partial date (`effective` means effective_date, effective_precision...)."""
    codes: Many = ()
    """Codes of `value_concept`; none means any."""
    course: int | None = None
    """Only rows of this course, or of no numbered one."""
    unless: str | None = None
    """Boolean column that says that a row is something else (a transplant before this treatment)."""
    only: str | None = None
    """Boolean column that must say yes."""
    where: Mapping[str, Many] = Field(default_factory=dict)
    """Column -> codes: only rows with one of them."""
    besides: Mapping[str, Many] = Field(default_factory=dict)
    """Column -> codes: no row with one of them; a row that does not say stays."""
    after: str | None = None
    """Moment that it must come after; one on the same day or before is not this moment."""
    until: str | None = None
    """Moment that it must not come after; one on the same day still is this moment."""
    measured: Measured | None = None
    """Only measurements that this rule says yes to (their `time` is `effective`)."""
    counts: tuple[Limit, ...] = ()
    """Only days on which `element` and the elements of these limits were measured and all limits are met."""
    days_from: str | None = None
    """Code of `time_anchor`: where a row has no time, its number is days after that."""
    flag: str | None = None
    """Boolean column that says it happened where no time is known."""
    told: Told | None = None
    """An observation that says so."""
    anchor: str | None = None
    elements: Many
    take: Literal["first", "last"] = "first"
    terminal: bool = False
    """Nothing can come after it: its unknown time does not matter where another event is dated."""


class MomentFile(Frozen):
    """The content of `moments.yaml`."""

    moments: Mapping[Name, Moment]

    @model_validator(mode="after")
    def _one_step(self) -> MomentFile:
        for name, moment in self.moments.items():
            bound = self.moments.get(moment.after or "")
            if bound is not None and bound.after is not None:
                raise ValueError(f"{name} comes after {moment.after}, which comes after another one itself")
        return self


class ResponseDefinition(Frozen):
    """One way to call a response."""

    label: str
    studies: Many = ()
    """Studies it is meant for; none means any."""
    reported: Reported | None = None
    measured: Measured | None = None
    graded: Graded | None = None
    derived: Criteria | None = None
    window: Window | None = None
    among: Many = ()
    """Moments that must all have happened for a subject to be evaluable: the denominator."""
    not_assessed: Literal["missing", "no"] = "missing"
    """Whether a subject without any assessment is left out or is a failure (not asked where graded)."""
    source: str
    note: str | None = None

    @property
    def rule(self) -> Reported | Measured | Graded | Criteria:
        """The one rule that assessments are judged by."""
        for rule in (self.reported, self.measured, self.graded, self.derived):
            if rule is not None:
                return rule
        raise AssertionError("a definition has a rule")

    @property
    def moments(self) -> tuple[str, ...]:
        """Each moment that the definition names."""
        since = [window.since for window in self.windows if window.since]
        return (*self.among, *since)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Each window of the definition."""
        before = self.measured.before if self.measured else None
        return tuple(window for window in (self.window, before.window if before else None) if window)

    @model_validator(mode="after")
    def _one_rule(self) -> ResponseDefinition:
        rules = (self.reported, self.measured, self.graded, self.derived)
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("a response is one of `reported`, `measured`, `graded` and `derived`")
        if self.graded is not None and self.not_assessed == "no":
            raise ValueError(
                "`not_assessed` is not asked of adverse events: none recorded is no where collected"
            )
        return self


class Failure(Frozen):
    """A treatment failure counted as an event.

    It counts for who has a `moment` but not the moment `unless` (not within `by_day` days of the origin).
    """

    moment: str
    unless: str
    by_day: float | None = None
    at: Literal["origin", "assessment"] = "origin"
    """When it counts: on the first day (time 0), or on the day of `moment` (of a success that came too late
    without a failed assessment before: on `by_day`).
    """


class TimeDefinition(Frozen):
    """One way to count time to an event."""

    label: str
    studies: Many = ()
    origin: str
    events: Many
    competing: Many = ()
    """Moments that keep the events from happening; whichever comes first counts. On one day the one named
    first counts, events before competing ones, and a terminal moment (death) last.
    """
    censoring: Many
    """Moments at which the subject was last known free of events; the latest counts."""
    entry: str | None = None
    """Moment from which the subject is under observation: where it lies after the origin, entry is delayed
    (adtte.entry_day), and who had an event before is not evaluable.
    """
    among: Many = ()
    """Moments that must all have happened for a subject to be evaluable."""
    failure: Failure | None = None
    collected: Many = ()
    """Moments that the subject's centre must send at all: where it does not, nobody is free of them."""
    assessed: str | None = None
    """Moment without which a subject free of events is not evaluable (response never assessed)."""
    precision: Precision = "day"
    """Least precision of a date that this definition accepts; a coarser one is not evaluable. A month
    counts as its middle, a year as its middle.
    """
    source: str
    note: str | None = None

    @property
    def moments(self) -> tuple[str, ...]:
        """Each moment that the definition names."""
        failure = (self.failure.moment, self.failure.unless) if self.failure else ()
        optional = tuple(name for name in (self.entry, self.assessed) if name)
        named = (self.origin, *self.events, *self.competing, *self.censoring)
        return (*named, *optional, *self.among, *self.collected, *failure)

    @model_validator(mode="after")
    def _apart(self) -> TimeDefinition:
        if both := set(self.events) & set(self.competing):
            raise ValueError(f"{', '.join(sorted(both))}: either an event or a competing one")
        return self


class ResponseEndpoint(Frozen):
    """What is asked, answered by yes, no or not evaluable, under each definition it can be asked."""

    endpoint: Name
    version: str
    title: str
    kind: Literal["response"]
    definitions: Mapping[Name, ResponseDefinition]


class TimeEndpoint(Frozen):
    """What is asked, answered by a time and whether the event happened, under each definition."""

    endpoint: Name
    version: str
    title: str
    kind: Literal["time-to-event"]
    definitions: Mapping[Name, TimeDefinition]


Endpoint = ResponseEndpoint | TimeEndpoint


class EndpointFile(Frozen):
    """One file of endpoints."""

    endpoints: tuple[Annotated[Endpoint, Field(discriminator="kind")], ...]
