"""How one field of many rows is read: columns of a rule's working frame, made step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from allpool.etl.transform.wordings import Wordings
from allpool.mappings.units.conversion import Conversion

MISSING = "missing-data code"
SKIPPED = "read by another field"
IGNORED_CODE = "ignored code"
UNMATCHED = "unmatched code"
DOUBTFUL = "doubtful_unit"
"""Rule of a cell whose column, as a whole, looks like another unit than the one declared."""


@dataclass(frozen=True)
class UnitCell:
    """What a column of units says: which of its texts are known, and what is near to those that are not."""

    text: pl.Expr
    known: Mapping[str, tuple[str, Conversion]]
    """Text -> UCUM unit, and how its numbers become canonical ones."""
    near: Mapping[str, str]
    """Text -> the sentence of what would be accepted."""


@dataclass(frozen=True)
class Cell:
    """Where a field's text comes from: the expressions are over the source's frame."""

    text: pl.Expr
    wordings: Wordings
    missing: Mapping[str, str | None]
    """Text that says nothing -> why there is no value, where that is known; "" is the empty cell."""
    decimal: Literal[".", ","]
    dates: Mapping[str, pl.Expr]
    """`date`, `precision`, `time`, `error` and `key` of each text, for a field of dates."""
    unit: UnitCell | None
    """The unit, where a column of its own says it."""
    shared: bool
    """Whether another field of the record reads the same column."""
    doubts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """UCUM unit and centre -> why the column, read in this unit, is in doubt there."""
    here: pl.Expr | None = None
    """Where the field reads its cell; None where on every row."""

    @property
    def partial(self) -> bool:
        """Whether the field reads some rows only."""
        return self.here is not None


@dataclass(frozen=True)
class Reading:
    """One field read on n rows; the names are those of columns of the rule's working frame.

    `columns`: target column -> its values; `key`: texts that tell two values apart (null where nothing was
    read); `error`: the rule that the cell breaks; `ignored`: the named rule that passes it over; `number`:
    the values, where they are numbers with a fraction; `absent`: why there is no value, as the cell says it,
    and `text`: the cell. What no cell can have is None.
    """

    steps: tuple[Mapping[str, pl.Expr], ...]
    """Column -> expression; the first step is over the source's frame, each other over the one before."""
    columns: Mapping[str, str]
    key: str
    error: str | None = None
    ignored: str | None = None
    number: str | None = None
    absent: str | None = None
    text: str | None = None
    hint: str | None = None
    """What was expected, where that is more than the field's own sentence."""

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
        self.absent: str | None = None
        """Part that says why there is no value, where the field's texts can."""

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
        hint: str | None = None,
    ) -> Reading:
        """Return the reading; `columns` and the rest name parts."""
        return Reading(
            tuple(self.steps),
            {target: self.name(part) for target, part in columns.items()},
            key=self.name(key),
            error=self.name(error) if error else None,
            ignored=self.name(ignored) if ignored else None,
            number=self.name(number) if number else None,
            absent=self.name(self.absent) if self.absent else None,
            text=self.name("text"),
            hint=self.name(hint) if hint else None,
        )
