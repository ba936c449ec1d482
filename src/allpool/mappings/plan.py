"""A compiled mapping: everything resolved, nothing left to look up or to re-check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from allpool.mappings.dates import DateFormat
from allpool.mappings.read import Read
from allpool.mappings.schema import Binding, Condition, Join, PatientKey, Scope

Kind = Literal["coding", "quantity", "partial_date", "text", "integer", "boolean"]

CONTEXT = frozenset({"date", "timepoint", "specimen", "method", "performer", "course", "absent", "site"})
"""Fields that describe a record; they alone do not make one."""


@dataclass(frozen=True)
class Words:
    """What a coded field understands: normalised text -> code, and texts that are known rubbish."""

    codes: Mapping[str, str]
    ignored: frozenset[str]
    table: str | None


@dataclass(frozen=True)
class FieldPlan:
    """One field of one rule: where it comes from, how it is read, and the columns that it fills."""

    name: str
    kind: Kind
    binding: Binding
    element: str | None
    required: bool
    column: str | None
    """Column or composite of the record's table, or of observation_component."""
    is_component: bool = False
    is_specimen: bool = False
    words: Words | None = None
    system: str | None = None
    """Canonical URL of the codes, where the column does not fix it."""
    has_system: bool = False
    has_delivered: bool = False
    has_time: bool = False
    units: Mapping[str, float] | None = None
    unit: str | None = None
    formats: tuple[DateFormat, ...] = ()
    external: tuple[str, str] | None = None
    """System and code of a component's element, where a public one is known."""
    expected: str = ""
    """What is accepted, as a sentence for the centre."""


@dataclass(frozen=True)
class RulePlan:
    """One record of one source."""

    id: str
    source: str
    record: str
    table: str
    data_element: str | None
    external: tuple[str, str] | None
    category: str | None
    singular: bool
    key: tuple[str, ...]
    fixed: Mapping[str, str]
    when: tuple[Condition, ...]
    key_columns: tuple[str, ...]
    fields: tuple[FieldPlan, ...]
    line: int

    @property
    def columns(self) -> dict[str, list[str]]:
        """Target (column, or component element) -> source columns, for the walk back to a cell."""
        return {
            (field.element or field.name) if field.is_component else (field.column or "specimen_id"): list(
                field.binding.column or ()
            )
            for field in self.fields
        }


@dataclass(frozen=True)
class SourcePlan:
    """One source and its rules."""

    name: str
    file: str | None
    """None where the source is no file."""
    read: Read
    required: bool
    patient: PatientKey
    missing: frozenset[str]
    joins: tuple[Join, ...]
    computed: Mapping[str, tuple[str, tuple[tuple[str, ...], ...], Mapping[str, str]]]
    """Name -> function, columns (each as the names it may have), settings."""
    rules: tuple[RulePlan, ...]
    ignore: Mapping[str, str]
    lent: tuple[str, ...] = ()
    """Columns that other sources join."""

    def named_columns(self) -> list[tuple[str, ...]]:
        """Return every column that the source reads, each as the names it may have."""
        found: dict[tuple[str, ...], None] = {self.patient.column: None}
        for _, columns, _ in self.computed.values():
            found.update(dict.fromkeys(columns))
        found.update({(column,): None for column in self.lent})
        for rule in self.rules:
            for field in rule.fields:
                if field.binding.column:
                    found[field.binding.column] = None
                if field.binding.unit is not None and not isinstance(field.binding.unit, str):
                    found[field.binding.unit.column] = None
                found.update(dict.fromkeys(condition_columns(field.binding.when)))
            found.update(dict.fromkeys(condition_columns(rule.when)))
            found.update({(column,): None for column in rule.key_columns})
        made = {
            *self.computed,
            *(f"{join.source}.{column}" for join in self.joins for column in join.columns),
        }
        return [names for names in found if names[0] not in made]


@dataclass(frozen=True)
class CompiledMapping:
    """A mapping that is valid: every element, unit, code and function in it exists."""

    name: str
    version: str
    language: str
    timezone: str
    study: Scope | None
    centre: Scope | None
    sources: tuple[SourcePlan, ...]
    file: str
    hash: str
    """Over the mapping file, the dictionary, the terminology and the record types."""


def condition_columns(conditions: tuple[Condition, ...]) -> list[tuple[str, ...]]:
    """Return the columns that conditions look at."""
    found: list[tuple[str, ...]] = []
    for condition in conditions:
        if condition.column:
            found.append(condition.column)
        found.extend(condition_columns(condition.any))
    return found
