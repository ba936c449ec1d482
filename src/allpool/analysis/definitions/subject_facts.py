"""Facts: one value per subject, defined as data (`facts/*.yaml`) and kept in adfact with its source row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from allpool.analysis.definitions.forms import Name, Window
from allpool.mappings.dictionary import Frozen, Many

VALUE, DAYS_SINCE = "value", "days_since"
Table = Literal["observation", "medication_administration", "procedure", "condition", "adverse_event"]


class Fact(Frozen):
    """What every fact says of itself."""

    fact: Name
    title: str
    known: Literal["baseline", "later"]
    """Whether it is known at time zero; groups by a later one cannot be compared from there."""
    studies: Many = ()
    """Studies that it is read for; none means any."""
    unit: str | None = None
    source: str | None = None
    note: str | None = None


class RowsFact(Fact):
    """Taken from a subject's rows of one table.

    `any` is Y or N, `count` the number of rows, `distinct` the number of different values of `of`; the others
    give `of` of the row that they choose: by date (`first`, `last`) or by size (`least`, `most`). Where a
    subject has no such row, `any` is N and `count` 0 only if its centre sends such rows, and the columns of
    `where` and `of`, at all (its mapping has a rule for them); otherwise, and for the others, the fact is
    unknown.
    """

    kind: Literal["rows"]
    table: Table
    element: Name
    where: Mapping[str, Many] = Field(default_factory=dict)
    """Column -> codes or words; the row counts where each column holds one of them."""
    unless: Mapping[str, Many] = Field(default_factory=dict)
    """Column -> codes or words that keep the row out; `true` for a boolean column."""
    window: Window | None = None
    of: str = VALUE
    """A column; `value` is an observation's value whatever its type, and an adverse event's grade;
    `days_since` is the row's time in days after the moment that the window counts from.
    """
    at_least: float | None = None
    below: float | None = None
    """Bounds on `of`: a row outside, or without a number, does not count."""
    take: Literal["any", "count", "distinct", "first", "last", "least", "most"]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a centre must send for the absence of such rows to say anything."""
        return (*self.where, *(() if self.of in (VALUE, DAYS_SINCE) else (self.of,)))

    @model_validator(mode="after")
    def _whole(self) -> RowsFact:
        if self.of == DAYS_SINCE and (self.window is None or self.window.since is None):
            raise ValueError("`days_since` needs a window that says since when")
        if self.of == DAYS_SINCE and (self.at_least is not None or self.below is not None):
            raise ValueError("`days_since` is bounded by the window's `days`")
        return self


class IntervalFact(Fact):
    """Time from one moment to another; unknown where either is, or they are on different clocks."""

    kind: Literal["interval"]
    start: Name
    end: Name
    unit: Literal["day", "week", "month", "year"] = "day"


class HappenedFact(Fact):
    """Whether a moment happened (Y or N): at all, within days of another, or not after another.

    With `before`, a subject that has the moment but not the other counts as Y.
    """

    kind: Literal["happened"]
    moment: Name
    since: Name | None = None
    days: tuple[float, float] | None = None
    before: Name | None = None

    @model_validator(mode="after")
    def _whole(self) -> HappenedFact:
        if (self.since is None) != (self.days is None):
            raise ValueError("`since` and `days` go together")
        return self


class ComputedFact(Fact):
    """Computed from two number facts, the first after the second: unknown where either is."""

    kind: Literal["computed"]
    operation: Literal["difference", "ratio", "log_ratio"]
    of: tuple[Name, Name]


AnyFact = Annotated[RowsFact | IntervalFact | HappenedFact | ComputedFact, Field(discriminator="kind")]


class FactFile(Frozen):
    """One file of facts."""

    facts: tuple[AnyFact, ...]
