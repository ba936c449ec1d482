"""What can be asked of a row, or of two rows that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from allpool.mappings.dictionary import Frozen, Many

OTHER: Final = "other"
"""What the companion itself is called in its `compare`: `other.value_quantity`."""
TESTS: Final = (
    "equals", "differs_from", "in_", "not_in", "given", "above", "at_least", "below", "at_most",
)  # fmt: skip
ORDERED: Final = ("above", "at_least", "below", "at_most")


def _as_operand(value: object) -> object:
    """Let an author write a number or the name of a column."""
    return {"of": value} if isinstance(value, str) else value


class Operand(Frozen):
    """What a column is compared with: a number, or a column (`other.` before that of the companion)."""

    of: str
    by: str | None = None
    """A column that `of` is multiplied with."""
    times: float = 1.0
    plus: float = 0.0

    @property
    def number(self) -> float | None:
        """The number, where it is one."""
        try:
            return float(self.of)
        except ValueError:
            return None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(name for name in (None if self.number is not None else self.of, self.by) if name)


def owner(name: str) -> str | None:
    """Return whose column a name is: that of a companion, or None for the row's own."""
    return name.rpartition(".")[0] or None


Compared = Annotated[Operand, BeforeValidator(_as_operand)]


class Days(Frozen):
    """The days from one date to another, both known to the day."""

    start: str = Field(alias="from")
    to: str


class Condition(Frozen):
    """One thing that is true of a row: a column, or the days between two dates, and what is asked of it.

    A number that was delivered with a comparator (`< 0.01`) is above or below another only where that is
    certain. An empty column meets no condition but `given: no`.
    """

    column: str | None = None
    by: str | None = None
    """A column that `column` is multiplied with before it is compared."""
    days: Days | None = None
    equals: str | None = None
    differs_from: str | None = None
    """A column whose value is another."""
    in_: Many | None = Field(default=None, alias="in")
    not_in: Many | None = None
    given: bool | None = None
    above: Compared | None = None
    at_least: Compared | None = None
    below: Compared | None = None
    at_most: Compared | None = None
    any_of: tuple[Condition, ...] = ()
    """At least one of these, instead of all else."""

    @model_validator(mode="after")
    def _asks_something(self) -> Condition:
        if self.any_of:
            if self.column or self.days or self.asked:
                raise ValueError("any_of stands alone: its conditions name their columns themselves")
            return self
        if (self.column is None) == (self.days is None):
            raise ValueError("a condition is about a column or about days; name one of the two")
        if not self.asked:
            raise ValueError(f"a condition asks one of {', '.join(TESTS).replace('in_', 'in')}")
        if self.days and not set(self.asked) <= set(ORDERED):
            raise ValueError(f"days are asked for {', '.join(ORDERED)}")
        return self

    @property
    def asked(self) -> tuple[str, ...]:
        """The tests that are used."""
        return tuple(test for test in TESTS if getattr(self, test) is not None)

    @property
    def operands(self) -> dict[str, Operand]:
        """The tests of order that are used, and with what."""
        return {test: operand for test in ORDERED if (operand := getattr(self, test)) is not None}

    def names(self) -> Iterator[str]:
        """Yield every column and date that is read."""
        for condition in self.any_of:
            yield from condition.names()
        yield from (name for name in (self.column, self.by, self.differs_from) if name)
        if self.days:
            yield from (self.days.start, self.days.to)
        for operand in self.operands.values():
            yield from operand.names
