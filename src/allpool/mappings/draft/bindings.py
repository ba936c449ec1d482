"""One suggestion as a field of a record: what the mapping would say, and what a person must say first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from allpool.mappings.compile import Vocabulary
from allpool.mappings.dictionary import ValueType
from allpool.mappings.draft.suggestion import Suggestion
from allpool.mappings.draft.writing import Value
from allpool.mappings.profile import ColumnProfile
from allpool.mappings.records import FieldTarget
from allpool.models import STAGING

OPEN = "?"
"""Stands in a commented line for what a person must say."""
SHOWN = 12
"""Texts and codes that a remark names."""

Kind = Literal["date", "quantity", "code", "boolean", "other"]


@dataclass(frozen=True)
class Binding:
    """A field as the mapping would have it."""

    field: str
    value: Value
    open: str | None
    """What a person must say before the line can stand, None where it stands."""
    remark: str
    """Confidence and reason."""


def binding(
    item: Suggestion, column: ColumnProfile, words: Vocabulary, *, unit_column: str | None
) -> Binding:
    """Return the field that a suggestion fills; `unit_column` is the one that states its units, if any."""
    assert item.record is not None  # noqa: S101  # asked of suggestions with a record alone
    assert item.field is not None  # noqa: S101
    record = words.records[item.record]
    match field_kind(record.fields[item.field], record.table, words):
        case "date":
            more, missing = _date(item, column)
        case "quantity":
            more, missing = _quantity(item, column, unit_column)
        case "code":
            more, missing = _codes(item, words)
        case "boolean":
            more, missing = _boolean(item, words)
        case _:
            more, missing = {}, None
    said = f"{item.confidence:.2f}: {item.reason}"
    if not missing and item.unknown and item.codes:
        said += f" Not known: {_listed(item.unknown)}; say what they stand for under `codes`."
    return Binding(item.field, {"column": item.column, **more}, missing, said)


def field_kind(target: FieldTarget, table: str, words: Vocabulary) -> Kind:
    """Return how a field of a record is read, and so what it must say."""
    type_: ValueType = words.dictionary[target.element].type if target.element else target.type or "string"
    column = target.column or target.component
    if column is None:
        return "code"
    known = STAGING["observation_component" if target.component else table].c.keys()
    if f"{column}_precision" in known:
        return "date"
    if f"{column}_comparator" in known:
        return "quantity"
    return "code" if type_ == "code" else "boolean" if type_ == "boolean" else "other"


def _date(item: Suggestion, column: ColumnProfile) -> tuple[Mapping[str, Value], str | None]:
    formats = [reading.format for reading in column.dates]
    if column.is_order_open:
        return {"format": OPEN}, f"day or month first? {' or '.join(formats)}"
    if item.date_format is None:
        return {"format": OPEN}, "the cells are no dates of one form"
    if "%y" in item.date_format:
        return {
            "format": item.date_format,
            "century": OPEN,
        }, "first of the hundred years that two digits mean?"
    return {"format": item.date_format}, None


def _quantity(
    item: Suggestion, column: ColumnProfile, unit_column: str | None
) -> tuple[Mapping[str, Value], str | None]:
    more: dict[str, Value] = {}
    if column.kinds.get("comparator"):
        more["comparators"] = "true"
    if unit_column is not None:
        return {"unit": {"column": unit_column}, **more}, None
    if item.unit is not None:
        return {"unit": item.unit, **more}, None
    return {"unit": OPEN, **more}, f"unit? {' or '.join(item.units)}" if item.units else "unit?"


def _codes(item: Suggestion, words: Vocabulary) -> tuple[Mapping[str, Value], str | None]:
    if item.codes or not item.unknown:
        return {}, None
    table = words.terminology[item.code_table] if item.code_table else None
    known = f" of {item.code_table}: {_listed(tuple(table.codes))}" if table else ""
    return {"codes": dict.fromkeys(item.unknown[:SHOWN], OPEN)}, f"which codes{known}?"


def _boolean(item: Suggestion, words: Vocabulary) -> tuple[Mapping[str, Value], str | None]:
    table = words.terminology["yes_no"]
    if item.codes and not item.unknown:
        return {"codes": table.table}, None
    texts = item.unknown or tuple(item.codes)
    return {"codes": dict.fromkeys(texts[:SHOWN], OPEN) or OPEN}, "true or false?"


def _listed(texts: tuple[str, ...]) -> str:
    more = ", ..." if len(texts) > SHOWN else ""
    return ", ".join(f"'{text}'" for text in texts[:SHOWN]) + more
