"""Which cells of a feed are read as what, by its mapping: where a slip of the pen would matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

from allpool.mappings.compile import load_mapping, load_vocabulary
from allpool.mappings.plan import CompiledMapping, SourcePlan
from allpool.mappings.schema import Condition
from benchmarks.quality.copies import Copy, Feed, Sheet


@dataclass(frozen=True)
class Target:
    """A column of a sheet that a rule reads, where its conditions hold."""

    sheet: int
    column: str
    kind: str
    required: bool
    element: str | None
    unit: str | None
    conditions: tuple[Condition, ...]

    def rows(self, copy: Copy, patient: str) -> list[int]:
        """Return the rows of a patient on which the column is filled and read."""
        sheet = copy.sheets[self.sheet]
        key, index = sheet.at(copy.style["key"]), sheet.at(self.column)
        return [
            number
            for number, row in enumerate(sheet.rows)
            if row[key] == patient
            and row[index] not in (None, "", "NA")
            and all(_holds(condition, sheet, row) for condition in self.conditions)
        ]


def targets(copy: Copy, *kinds: str) -> list[Target]:
    """Return the columns of a feed that are read as one of `kinds` (of the mapping's fields)."""
    return [target for target in _targets(copy.feed, _shape(copy)) if target.kind in kinds]


@cache
def compiled(feed: Feed) -> CompiledMapping:
    """Return the mapping of a feed."""
    return load_mapping(feed.mapping, load_vocabulary())


Shape = tuple[tuple[str, str | None, tuple[str, ...]], ...]


def _shape(copy: Copy) -> Shape:
    return tuple((sheet.file, sheet.name, tuple(sheet.header)) for sheet in copy.sheets)


@cache
def _targets(feed: Feed, shape: Shape) -> tuple[Target, ...]:
    found: dict[tuple[int, str], Target] = {}
    for plan in compiled(feed).sources:
        for number, (file, name, header) in enumerate(shape):
            if not _reads(plan, file, name):
                continue
            for rule in plan.rules:
                for item in rule.fields:
                    column = next((n for n in item.binding.column or () if n in header), None)
                    if column is None or column in plan.patient.column:
                        continue
                    unit = item.binding.unit if isinstance(item.binding.unit, str) else None
                    found.setdefault(
                        (number, column),
                        Target(
                            number,
                            column,
                            item.kind,
                            item.required,
                            item.element or rule.data_element,
                            unit,
                            (*rule.when, *item.binding.when),
                        ),
                    )
    return tuple(found.values())


def _reads(plan: SourcePlan, file: str, sheet: str | None) -> bool:
    if plan.file is None or not fnmatch(file, plan.file):
        return False
    named = getattr(plan.read, "sheet", None)
    return sheet is None or sheet in ((named,) if isinstance(named, str) else tuple(named or ()))


def _holds(condition: Condition, sheet: Sheet, row: Sequence[object]) -> bool:
    if condition.any:
        return any(_holds(part, sheet, row) for part in condition.any)
    column = next((name for name in condition.column or () if name in sheet.header), None)
    said = row[sheet.at(column)] if column else None
    if said in (None, ""):
        return condition.filled is False
    if condition.equals is not None:
        return said == condition.equals
    if condition.in_ is not None:
        return said in condition.in_
    if condition.not_in is not None:
        return said not in condition.not_in
    return condition.filled is not False
