"""Rules by which an assessment is judged: reported, measured, graded, or derived from marrow and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from allpool.mappings.dictionary import Frozen, Many, as_tuple


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
    """As the centre called it: yes where the code is one of `codes`, no where it is another.

    Codes under `silent` say nothing: such a row is no assessment. Codes under `unclear` say something that
    may be either (a composite remission, asked whether it was complete): the answer stays open.
    """

    element: str
    codes: Many
    silent: Many = ()
    unclear: Many = ()
    told_apart: bool = False
    """Whether a study that uses none of `codes` may not tell them from other calls, and stays open."""


class Before(Frozen):
    """What the same measurement must have been before, for a subject to be evaluable.

    The last measurement in `window` that can be judged counts; without one the answer stays open.
    """

    was: Literal["below", "not_below"]
    window: Window


class Measured(Frozen):
    """A measurement held against a threshold, with the sensitivity that makes a negative one worth it."""

    element: Literal["mrd_value"]
    below: float = Field(gt=0)
    """The threshold, a fraction of cells: a level is below it or not."""
    answer: Literal["below", "not_below"] = "below"
    """Which of the two is yes; a loss of negativity asks for a level that is not below."""
    before: Before | None = None
    """With `was: not_below` the rule asks for conversion, with `was: below` for reversion."""
    undetectable_only: bool = False
    """Below is undetectable only; positive but not quantifiable is not below."""
    sensitivity: float = Field(gt=0)
    """Least sensitivity (limit of detection) that makes a negative measurement count; a worse or unknown one
    leaves the answer open.
    """
    methods: Many = ()
    """Assays that count; one that is not stated leaves the answer open."""
    specimens: Many = ()
    """Kinds of sample that count; one that is not stated leaves the answer open."""


class Graded(Frozen):
    """The worst grade of adverse events: yes where one of `terms` reached `at_least`.

    Where the centre collects adverse events, none recorded is no; where it does not, the answer is `not
    collected`. An event without a grade, or graded by another system than those asked, leaves it open.
    """

    terms: Many = ()
    """Codes of `ae_term`; none means any."""
    elements: Mapping[str, str] = Field(default_factory=dict)
    """Observations that hold a grade of the same event (0 is none), and the system that grades them."""
    systems: Many = ()
    """Systems whose grades count; none means any, and an unknown one too."""
    at_least: int = Field(default=1, ge=1, le=5)


class Limit(Frozen):
    """A value of one element on the right side of a limit, in the element's canonical unit."""

    element: str
    below: float | None = None
    at_least: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Limit:
        if sum(part is not None for part in (self.below, self.at_least, self.above)) != 1:
            raise ValueError("a limit is one of `below`, `at_least` and `above`")
        return self


class Criteria(Frozen):
    """A response derived from the marrow and the counts nearest to it.

    Yes where the marrow is within its limit and each of `counts` is met; a count is taken from the same visit
    or course, else the nearest within `days` of the marrow. Where all of `short_of` is met as well, the
    response is a better one, and the subject's answer is no.
    """

    marrow: Limit
    counts: tuple[Limit, ...] = ()
    short_of: tuple[Limit, ...] = ()
    days: tuple[float, float] = (-7, 7)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """All limits, the marrow's first."""
        return (self.marrow, *self.counts, *self.short_of)
