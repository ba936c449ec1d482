"""How one field of many rows is read: columns of a rule's working frame, made step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from allpool.etl.transform.wordings import Wordings

MISSING = "missing-data code"
SKIPPED = "read by another field"
IGNORED_CODE = "ignored code"


@dataclass(frozen=True)
class Cell:
    """Where a field's text comes from: the expressions are over the source's frame."""

    text: pl.Expr
    wordings: Wordings
    missing: frozenset[str]
    decimal: Literal[".", ","]
    dates: Mapping[str, pl.Expr]
    """`date`, `precision`, `time`, `error` and `key` of each text, for a field of dates."""
    unit: pl.Expr | None
    """The UCUM unit as its own column says it."""
    shared: bool
    """Whether another field of the record reads the same column."""
    partial: bool
    """Whether the field reads some rows only."""


@dataclass(frozen=True)
class Reading:
    """One field read on n rows; the names are those of columns of the rule's working frame.

    `columns`: target column -> its values; `key`: texts that tell two values apart (null where nothing was
    read); `error`: the rule that the cell breaks; `ignored`: the named rule that passes it over; `number`:
    the values, where they are numbers with a fraction. What no cell can have is None.
    """

    steps: tuple[Mapping[str, pl.Expr], ...]
    """Column -> expression; the first step is over the source's frame, each other over the one before."""
    columns: Mapping[str, str]
    key: str
    error: str | None = None
    ignored: str | None = None
    number: str | None = None

    @property
    def filled(self) -> pl.Expr:
        """Where a value was read."""
        return pl.col(self.key).is_not_null()

    @property
    def faulty(self) -> pl.Expr:
        """Where the cell breaks a rule."""
        return pl.col(self.error).is_not_null() if self.error else pl.lit(value=False)


class Draft:
    """Collects the steps of one field."""

    def __init__(self, field: str) -> None:
        self._field = field
        self.steps: list[dict[str, pl.Expr]] = []

    def name(self, part: str) -> str:
        """Return the name of the field's working column `part`."""
        return f"{self._field}.{part}"

    def step(self, **made: pl.Expr) -> None:
        """Make the working columns of the next step."""
        self.steps.append({self.name(part): made[part] for part in made})

    def __getitem__(self, part: str) -> pl.Expr:
        return pl.col(self.name(part))

    def reading(
        self,
        columns: Mapping[str, str],
        *,
        key: str,
        error: str | None = None,
        ignored: str | None = None,
        number: str | None = None,
    ) -> Reading:
        """Return the reading; `columns` and the rest name parts."""
        return Reading(
            tuple(self.steps),
            {target: self.name(part) for target, part in columns.items()},
            key=self.name(key),
            error=self.name(error) if error else None,
            ignored=self.name(ignored) if ignored else None,
            number=self.name(number) if number else None,
        )
