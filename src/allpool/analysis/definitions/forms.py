"""Definitions as data: moments, populations and endpoints, each with a version and its source.

A *moment* is something that can be dated in the tables (first dose, CR, relapse, death, last contact).
An *endpoint* has one or more *definitions*: the common one, and those that studies used themselves. A
*population* says who. All are frozen, and their files live beside this module as YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from allpool.mappings.dictionary import Frozen, Many, as_tuple

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


class Window(Frozen):
    """Which assessments count: by visit, else by days from a moment, else by course.

    An assessment at a listed visit counts, whatever its date. Another counts if it lies within `days`
    (bounds included) of `since`; where that cannot be computed, if its course is listed; where it has neither
    visit, time nor course it cannot be placed, and leaves the answer open.
    """

    timepoints: Many = ()
    since: str | None = None
    days: tuple[float, float] | None = None
    courses: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Window:
        if (self.since is None) != (self.days is None):
            raise ValueError("`since` and `days` go together")
        if self.days is not None and self.days[0] > self.days[1]:
            raise ValueError("`days` are first and last, in this order")
        if not (self.timepoints or self.days or self.courses):
            raise ValueError("a window names timepoints, days or courses")
        return self


class Reported(Frozen):
    """Response as the centre called it: yes where the code is one of `codes`, no where it is another.

    Codes under `silent` say nothing: such a row is no assessment. Codes under `unclear` say something that
    may be either (a composite remission, asked whether it was complete): the answer stays open.
    """

    element: str
    codes: Many
    silent: Many = ()
    unclear: Many = ()


class Measured(Frozen):
    """A measurement held against a threshold, with the sensitivity that makes a negative one worth it."""

    element: Literal["mrd_value"]
    below: float = Field(gt=0)
    """Yes is a level below this (a fraction of cells)."""
    undetectable_only: bool = False
    """Yes is undetectable only; positive but not quantifiable is no."""
    sensitivity: float = Field(gt=0)
    """Least sensitivity (limit of detection) that makes a negative measurement count; a worse or unknown one
    leaves the answer open.
    """
    methods: Many = ()


class ResponseDefinition(Frozen):
    """One way to call a response."""

    label: str
    studies: Many = ()
    """Studies it is meant for; none means any."""
    reported: Reported | None = None
    measured: Measured | None = None
    window: Window | None = None
    among: str | None = None
    """Moment that must have happened for a subject to be evaluable."""
    not_assessed: Literal["missing", "no"] = "missing"
    """Whether a subject without any assessment is left out or counts as a failure."""
    source: str
    note: str | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> ResponseDefinition:
        if (self.reported is None) == (self.measured is None):
            raise ValueError("a response is either `reported` or `measured`")
        return self


class Failure(Frozen):
    """A treatment failure counted as an event at the origin itself (time 0).

    It counts for who has a `moment` but not the moment `unless` (not within `by_day` days of the origin).
    """

    moment: str
    unless: str
    by_day: float | None = None


class TimeDefinition(Frozen):
    """One way to count time to an event."""

    label: str
    studies: Many = ()
    origin: str
    events: Many
    censoring: Many
    """Moments at which the subject was last known free of events; the latest counts."""
    among: str | None = None
    failure: Failure | None = None
    assessed: str | None = None
    """Moment without which a subject free of events is not evaluable (response never assessed)."""
    precision: Precision = "day"
    """Least precision of a date that this definition accepts; a coarser one is not evaluable. A month
    counts as its middle, a year as its middle.
    """
    source: str
    note: str | None = None


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
