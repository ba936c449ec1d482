"""What the dictionary says of each column of a table: which elements it holds, under which codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allpool.mappings.dictionary import DataElement, Dictionary
from allpool.mappings.records import FieldTarget, RecordType
from allpool.models import STAGING

COMPONENT = "observation_component"


@dataclass(frozen=True)
class Use:
    """What a column holds in the rows of some data elements."""

    table: str
    column: str
    """A column, or the name of a partial date."""
    element: DataElement | None
    codes: str | None
    rows: tuple[str, ...]
    """Values of `data_element` that this is true of; empty for every row of the table."""


def uses(dictionary: Dictionary, records: Mapping[str, RecordType]) -> tuple[Use, ...]:
    """Return what each column holds, by table and column; rows are named only where a column is shared."""
    found: dict[tuple[str, str], dict[tuple[str | None, str | None], list[str]]] = {}
    for record in records.values():
        for target in record.fields.values():
            place = _place(record, target)
            if place is None:
                continue
            table, column, code = place
            codes = target.codes or (dictionary[target.element].codes if target.element else None)
            rows = found.setdefault((table, column), {}).setdefault((target.element, codes), [])
            if code and code not in rows:
                rows.append(code)
    return tuple(
        Use(
            table,
            column,
            dictionary[element] if element else None,
            codes,
            tuple(rows) if len(shapes) > 1 or _is_value(column) else (),
        )
        for (table, column), shapes in found.items()
        for (element, codes), rows in shapes.items()
    )


def required_columns(records: Mapping[str, RecordType]) -> Mapping[tuple[str, str | None], frozenset[str]]:
    """Return (table, data element) -> columns that every kind of record of it requires."""
    found: dict[tuple[str, str | None], frozenset[str]] = {}
    for record in records.values():
        columns = frozenset(
            target.column for target in record.fields.values() if target.required and target.column
        )
        place = record.table, record.data_element if "data_element" in STAGING[record.table].c else None
        found[place] = found[place] & columns if place in found else columns
    return found


def _place(record: RecordType, target: FieldTarget) -> tuple[str, str, str | None] | None:
    if target.component:
        return COMPONENT, target.component, target.element
    return (record.table, target.column, record.data_element) if target.column else None


def _is_value(column: str) -> bool:
    """Return whether a column is the value of whatever element the row is about."""
    return column.startswith("value_")
