"""Partial and relative dates: several columns, one FHIR element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from allpool.errors import BrokenRuleError
from allpool.etl.fhir.leaves import Row, decimal
from allpool.etl.fhir.template import Skeleton
from allpool.models import systems
from allpool.models.element import Element
from allpool.models.paths import Step

DAYS: Final = {"unit": "days", "system": systems.UCUM, "code": "d"}
"""The offset is a Duration, which R4 wants in a UCUM unit of time (invariant drt-1)."""

PRECISION: Final = systems.extension_url("precision")

LENGTH: Final[Mapping[str, int]] = {"year": 4, "month": 7, "day": 10}
"""How much of YYYY-MM-DD each precision keeps."""


@dataclass(frozen=True)
class RelativeDate:
    """Positions in the row of the days after an anchor, and of the anchor's code."""

    offset: int
    anchor: int

    def days(self, row: Row) -> bytes:
        """Write the size of the offset; its sign is in the relationship."""
        return decimal(abs(row[self.offset]))

    def relationship(self, row: Row) -> bytes:
        """Write the code of http://hl7.org/fhir/ValueSet/action-relationship-type (R4)."""
        return b'"before"' if row[self.offset] < 0 else b'"after"'


@dataclass(frozen=True)
class PartialDate:
    """Positions in the row of the columns of one partial date; None where the table lacks them."""

    date: int
    precision: int
    time: int | None
    relative: RelativeDate | None

    def write(self, skeleton: Skeleton, trail: Sequence[Step], row: Row) -> bool:
        """Write what `row` knows of the date; False where its columns do not fit together."""
        relative = self.relative
        date, precision = row[self.date] is not None, row[self.precision] is not None
        time = self.time is not None and row[self.time] is not None
        offset = relative is not None and row[relative.offset] is not None
        anchor = relative is not None and row[relative.anchor] is not None
        if relative is not None and offset and anchor and not date and not time:
            self._write_relative(skeleton, trail, relative)
            if precision:
                known = (*_relative(trail), Step("extension", url=PRECISION), Step("valueCode"))
                skeleton.leaf(known, lambda row: orjson.dumps(row[self.precision]))
            return True
        if date and precision and not offset and not anchor:
            skeleton.leaf(trail, self.text)
            return True
        return not (date or precision or time or offset or anchor)

    def text(self, row: Row) -> bytes:
        """Write the date to the precision that is known."""
        precision, day = row[self.precision], str(row[self.date])
        time = None if self.time is None else row[self.time]
        if precision == "second" and time is not None:
            return orjson.dumps(f"{day}T{time}")
        if precision not in LENGTH or time is not None:
            raise BrokenRuleError(
                f"a date in the store has precision {precision!r} that its time contradicts"
            )
        return orjson.dumps(day[: LENGTH[precision]])

    def _write_relative(self, skeleton: Skeleton, trail: Sequence[Step], relative: RelativeDate) -> None:
        """Write the time as days from an anchor: R4 core extension relative-date."""

        def part(url: str, *members: str) -> tuple[Step, ...]:
            return (*_relative(trail), Step("extension", url=url), *(Step(member) for member in members))

        event = (*part("event", "valueCodeableConcept"), Step("coding", 0))
        skeleton.constant((*event, Step("system")), systems.ANCHOR)
        skeleton.leaf((*event, Step("code")), lambda row: orjson.dumps(row[relative.anchor]))
        skeleton.leaf(part("relationship", "valueCode"), relative.relationship)
        skeleton.leaf(part("offset", "valueDuration", "value"), relative.days)
        for member, constant in DAYS.items():
            skeleton.constant(part("offset", "valueDuration", member), constant)


def partial_dates(elements: Sequence[Element]) -> dict[str, PartialDate]:
    """Return the partial dates among the columns of a table, by path."""
    by_path: dict[str, dict[str, int]] = {}
    for index, found in enumerate(elements):
        if found.part != "value":
            by_path.setdefault(found.path, {})[found.part] = index
    return {
        path: PartialDate(
            parts["date"],
            parts["precision"],
            parts.get("time"),
            RelativeDate(parts["offset"], parts["anchor"]) if "offset" in parts else None,
        )
        for path, parts in by_path.items()
    }


def _relative(trail: Sequence[Step]) -> tuple[Step, ...]:
    """Return where the relative time of the element at `trail` stands: beside it, as FHIR writes it."""
    *before, last = trail
    return (*before, Step(f"_{last.name}"), Step("extension", url=systems.RELATIVE_DATE))
