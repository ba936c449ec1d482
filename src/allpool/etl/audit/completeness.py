"""What a centre has promised to send, by its mapping, and how many patients of a delivery have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import polars as pl

from allpool.mappings.plan import CompiledMapping, FieldPlan, RulePlan

OF_PATIENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "patient": "id",
        "consent": "patient_id",
        "research_subject": "individual_id",
        **dict.fromkeys(
            (
                "condition",
                "specimen",
                "observation",
                "medication_administration",
                "procedure",
                "adverse_event",
            ),
            "subject_id",
        ),
    }
)
"""Table -> column that says whose record it is."""
NOTHING: Final = pl.DataFrame()
NOBODY: Final = pl.Series(dtype=pl.String)
PARTS: Final = ("", "_date", "_offset_days", "_start_date", "_end_date")
"""What of an element is given, if anything is: the column itself, or a part of a partial date or period."""


@dataclass(frozen=True)
class ElementShare:
    """How many patients of a delivery have one promised element."""

    element: str
    table: str
    column: str
    patients: int
    given: int


@dataclass(frozen=True)
class Delivered:
    """What one delivery brings: patients, and how many of them have each element that is promised."""

    patients: int
    elements: tuple[ElementShare, ...]


def delivered(tables: Mapping[str, pl.DataFrame], mapping: CompiledMapping) -> Delivered:
    """Return what the mapped `tables` of a delivery bring of what `mapping` has rules for.

    An element is promised where a rule of the mapping fills it; what the mapping lists under `not_collected`
    it has no rule for (checked when it is compiled). A patient has it where any record of theirs has; a
    reason for its absence is none.
    """
    rows = _Rows(tables)
    shares: dict[str, ElementShare] = {}
    had: dict[str, pl.Series] = {}
    patients = len(rows.patients())
    for element, table, column, given in _promised(mapping, rows):
        had[element] = _together([had[element], given]) if element in had else given
        first = shares.get(element)
        place = (first.table, first.column) if first else (table, column)
        shares[element] = ElementShare(element, *place, patients, len(had[element]))
    return Delivered(patients, tuple(sorted(shares.values(), key=lambda share: share.element)))


def _promised(mapping: CompiledMapping, rows: _Rows) -> Iterator[tuple[str, str, str, pl.Series]]:
    """Yield element, table, column and the patients who have it, per rule and field of the mapping."""
    done = set()
    for rule in (rule for plan in mapping.sources for rule in plan.rules):
        if rule.table not in OF_PATIENTS:
            continue
        own: list[FieldPlan | None] = [None] if rule.data_element is not None else []
        for field in (*own, *rule.fields):
            element = rule.data_element if field is None else field.element
            if element is None or (field is not None and element == rule.data_element):
                continue
            column = field.column if field is not None else None
            place = (element, rule.table, rule.data_element, column, tuple(sorted(rule.fixed.items())))
            if place in done:
                continue
            done.add(place)
            given = rows.with_record(rule) if field is None else rows.with_field(rule, field)
            component = field is not None and field.is_component
            yield element, "observation_component" if component else rule.table, column or "value", given


class _Rows:
    """The rows of a delivery by table and data element, taken apart once."""

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self._tables = tables
        self._parts: dict[str, dict[str | None, pl.DataFrame]] = {}

    def patients(self) -> pl.Series:
        """Return everyone whom a record is about."""
        return _together(self._who(table, self._tables.get(table, NOTHING)) for table in OF_PATIENTS)

    def with_record(self, rule: RulePlan) -> pl.Series:
        """Return who has a record of `rule` that says something."""
        rows = self._of(rule)
        if "data_absent_reason" in rows.columns:
            rows = rows.filter(pl.col("data_absent_reason").is_null())
        return self._who(rule.table, rows)

    def with_field(self, rule: RulePlan, field: FieldPlan) -> pl.Series:
        """Return who has a record of `rule` in which `field` is given."""
        rows = self._of(rule)
        if field.is_component:
            parts = self._part("observation_component", field.element)
            if rows.is_empty() or parts.is_empty():
                return NOBODY
            return self._who(
                rule.table, rows.join(parts, left_on="id", right_on="observation_id", how="semi")
            )
        names = [name for part in PARTS if (name := f"{field.column}{part}") in rows.columns]
        given = rows.filter(pl.any_horizontal(pl.col(names).is_not_null())) if names else NOTHING
        return self._who(rule.table, given)

    def _of(self, rule: RulePlan) -> pl.DataFrame:
        """Return the rows of the rule's element, and of its kind where a fixed column tells it."""
        rows = self._part(rule.table, rule.data_element)
        fixed = [pl.col(name) == value for name, value in rule.fixed.items() if name in rows.columns]
        return rows.filter(*fixed) if fixed else rows

    def _part(self, table: str, element: str | None) -> pl.DataFrame:
        rows = self._tables.get(table, NOTHING)
        if element is None or "data_element" not in rows.columns:
            return rows
        if table not in self._parts:
            parts = rows.partition_by("data_element", as_dict=True)
            self._parts[table] = {code: part for (code,), part in parts.items()}
        return self._parts[table].get(element, NOTHING)

    def _who(self, table: str, rows: pl.DataFrame) -> pl.Series:
        name = OF_PATIENTS[table]
        return rows[name].drop_nulls().unique() if name in rows.columns else NOBODY


def _together(parts: Iterable[pl.Series]) -> pl.Series:
    return pl.concat(list(parts)).unique()
