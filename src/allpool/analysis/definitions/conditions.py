"""Who: conditions on a subject, populations, and the facts of baseline."""

from __future__ import annotations

from pydantic import Field, model_validator

from allpool.analysis.definitions.forms import Name
from allpool.mappings.dictionary import Frozen, Many


class Response(Frozen):
    """A response endpoint under one of its definitions."""

    endpoint: Name
    definition: Name = "common"


class Condition(Frozen):
    """One condition on a subject: on a column of adsl, a baseline element or a response.

    Where the value is unknown, the condition is neither met nor failed, and the subject is counted as
    unknown.
    """

    column: str | None = None
    element: str | None = None
    response: Response | None = None
    in_: Many = Field(default=(), alias="in")
    at_least: float | None = None
    below: float | None = None
    known: bool | None = None
    """True where it is enough that a value is there."""

    @model_validator(mode="after")
    def _whole(self) -> Condition:
        if sum(part is not None for part in (self.column, self.element, self.response)) != 1:
            raise ValueError("a condition names exactly one of column, element and response")
        if not (self.in_ or self.known or self.at_least is not None or self.below is not None):
            raise ValueError("a condition says `in`, `at_least`, `below` or `known`")
        return self


class Population(Frozen):
    """Who: all subjects that meet every condition."""

    id: Name
    version: str
    title: str
    where: tuple[Condition, ...] = ()
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
