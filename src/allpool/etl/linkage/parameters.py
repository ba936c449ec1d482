"""What is compared of two patients, and what agreement is worth: the forms of `comparisons.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isclose
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import read_yaml

Level = Literal["equal", "near", "differs"]
LEVELS: Final[tuple[Level, ...]] = ("equal", "near", "differs")
"""Levels of agreement, in the order in which they are asked."""

Share = Annotated[float, Field(gt=0, lt=1)]


class Comparison(Frozen):
    """One comparison of two patients."""

    column: str
    """Of the frame of persons."""
    unless: str | None = None
    """A finer comparison that takes its place where both sides know it."""
    m: Mapping[Level, Share]
    """Share of one person's two records at each level."""
    unit: Literal["day", "month", "year", "kg"] | None = None
    """Unit of an ordered comparison; None where values are equal or not."""
    equal_within: float = Field(default=0, ge=0)
    near_within: float = Field(default=0, ge=0)
    window: float = Field(default=0, ge=0)
    least: Share = 0.01
    """Below this share of chance no level is taken."""
    reason: str

    @model_validator(mode="after")
    def _whole(self) -> Comparison:
        if not isclose(sum(self.m.values()), 1):
            raise ValueError("the shares m of a comparison add up to 1")
        if self.is_ordered != ("near" in self.m) or "equal" not in self.m or "differs" not in self.m:
            raise ValueError("m has equal and differs, and near where the comparison has a unit")
        if self.is_ordered and not self.equal_within < self.near_within < self.window:
            raise ValueError("equal_within < near_within < window")
        return self

    @property
    def is_ordered(self) -> bool:
        """Whether values can be near each other."""
        return self.unit is not None


class Prior(Frozen):
    """How many patients are expected to stand in the store twice."""

    duplicated: Share
    reason: str


class Candidate(Frozen):
    """From which probability a pair is shown."""

    probability: Share
    reason: str


class Dependent(Frozen):
    """Comparisons that hang together in different people too."""

    given: str
    on: tuple[str, ...]


class Deterministic(Frozen):
    """Agreement that makes a candidate by itself."""

    equal: tuple[str, ...]
    one_of: tuple[str, ...]
    days: tuple[str, ...]
    equal_days: int = Field(ge=1)
    reason: str

    @property
    def named(self) -> tuple[str, ...]:
        """Every comparison that takes part."""
        return (*self.equal, *self.one_of, *self.days)


class Parameters(Frozen):
    """All of it."""

    version: str
    prior: Prior
    candidate: Candidate
    most_alike: int = Field(ge=2)
    weak_tokens: tuple[str, ...] = ()
    comparisons: Mapping[str, Comparison]
    dependent: Dependent
    deterministic: Deterministic

    @model_validator(mode="after")
    def _names_exist(self) -> Parameters:
        finer = [item.unless for item in self.comparisons.values() if item.unless]
        named = {*finer, self.dependent.given, *self.dependent.on, *self.deterministic.named}
        unknown = sorted(named - set(self.comparisons))
        if unknown:
            raise ValueError(f"there is no comparison {', '.join(unknown)}")
        return self


@cache
def load_parameters() -> Parameters:
    """Return the parameters that ship with allpool. Raises `MappingError` with file and line."""
    path = Path(str(files("allpool.etl.linkage").joinpath("comparisons.yaml")))
    return read_yaml(path).parse(Parameters)
