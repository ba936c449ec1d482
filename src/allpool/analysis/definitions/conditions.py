"""Who: conditions on a subject, populations, and the facts of baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field, model_validator

from allpool.analysis.definitions.forms import Name
from allpool.mappings.dictionary import Frozen, Many

ELEMENT_OF: Final[Mapping[str, str]] = {
    "age": "age_at_index",
    "disease_status": "disease_status_at_start",
    "sex": "sex",
    "ph_status": "ph_status",
    "cohort_at_enrolment": "cohort_at_enrolment",
}
"""Columns of adsl that hold an element of the dictionary under CDISC ADaM's name or a shorter one."""


class Response(Frozen):
    """A response endpoint under one of its definitions."""

    endpoint: Name
    definition: Name = "common"


class Event(Frozen):
    """A time-to-event endpoint under one of its definitions."""

    endpoint: Name
    definition: Name = "common"


class Condition(Frozen):
    """One condition on a subject: on what is known of it, and what that must be.

    What is known is a column of adsl, a baseline element, a fact, a response (Y or N), whether an event was
    seen (Y or N), or whether it belongs to a population (Y or N). Where that is unknown, the condition is
    neither met nor failed, and the subject is counted as unknown.
    """

    column: str | None = None
    element: str | None = None
    fact: str | None = None
    response: Response | None = None
    event: Event | None = None
    population: Name | None = None
    in_: Many = Field(default=(), alias="in")
    not_in: Many = ()
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    known: bool | None = None
    """True where it is enough that a value is there, false where it must be absent."""

    @model_validator(mode="after")
    def _whole(self) -> Condition:
        named = [name for name in SUBJECTS_OF_CONDITIONS if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"a condition names exactly one of {', '.join(SUBJECTS_OF_CONDITIONS)}")
        bounds = (self.at_least, self.above, self.at_most, self.below)
        asks = bool(self.in_ or self.not_in) or any(bound is not None for bound in bounds)
        if asks == (self.known is not None):
            raise ValueError(
                "a condition says `in`, `not_in`, `at_least`, `above`, `at_most`, `below` or `known`"
            )
        return self

    @property
    def bounds(self) -> list[str]:
        """The bounds on a number in words."""
        named = (
            ("at least", self.at_least),
            ("above", self.above),
            ("at most", self.at_most),
            ("below", self.below),
        )
        return [f"{word} {bound:g}" for word, bound in named if bound is not None]


SUBJECTS_OF_CONDITIONS = ("column", "element", "fact", "response", "event", "population")
"""What a condition can be on: the names of its fields that say so."""


class Population(Frozen):
    """Who: all subjects that meet every condition of `where`, and any one of `any_of` if there are some."""

    id: Name
    version: str
    title: str
    where: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    source: str
    note: str | None = None


class PopulationFile(Frozen):
    """One file of populations."""

    populations: tuple[Population, ...]


class Baseline(Frozen):
    """One baseline value: an element's last one at or before `since`, or that of a listed visit."""

    element: str
    timepoints: Many = ()


class BaselineFile(Frozen):
    """The content of `baseline.yaml`: what of a subject at baseline goes into adsl."""

    since: str
    treated: str
    """Element of medication_administration: a baseline value of its own, true where there is any."""
    baseline: tuple[Baseline, ...]
