"""Code sheets: the relations of many fields in one CSV file, as it is exported, filled and taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allpool.mappings.codes.blocks import Address, Place, places
from allpool.mappings.codes.files import relation_of
from allpool.mappings.codes.relations import Relation
from allpool.mappings.codes.spreadsheets import Line, read_lines, written
from allpool.mappings.plan import CompiledMapping

ADDRESS: Final = ("source", "record", "field")
RELATION: Final = ("text", "code", "equivalence", "comment")
EXPORTED: Final = ("mapping", *ADDRESS, "column", "code_table", *RELATION)
"""Columns of an export."""
WORKLIST: Final = (
    *("centre", "study", "feed", "mapping", *ADDRESS, "column", "code_table"),
    *("cells", "suggestions", *RELATION),
)
"""Columns of a work-list; `code`, `equivalence` and `comment` are for a person to fill."""
KNOWN: Final = tuple(dict.fromkeys((*WORKLIST, *EXPORTED)))
NEEDED: Final = (*ADDRESS, "text", "code")


@dataclass(frozen=True)
class SheetRow:
    """One filled line of a code sheet."""

    address: Address
    relation: Relation
    line: Line


@dataclass(frozen=True)
class Sheet:
    """A code sheet as far as it concerns one mapping: what is filled, and how many lines are not."""

    rows: tuple[SheetRow, ...]
    open: int = 0
    others: int = 0
    """Lines of other mappings."""


def mapping_sheet(mapping: CompiledMapping) -> str:
    """Return what a mapping says of texts as the text of a code sheet."""
    return written(EXPORTED, _rows(mapping))


def _rows(mapping: CompiledMapping) -> Iterator[Mapping[str, object]]:
    for place in places(mapping):
        for relation in place.relations:
            yield sheet_cells(mapping, place, relation)


def sheet_cells(mapping: CompiledMapping, place: Place, relation: Relation) -> Mapping[str, object]:
    """Return the cells of one line of an export."""
    return {
        "mapping": mapping.file,
        "source": place.address.source,
        "record": place.address.record,
        "field": place.address.field,
        "column": place.column,
        "code_table": place.table,
        **relation_cells(relation),
    }


def relation_cells(relation: Relation) -> dict[str, object]:
    """Return a relation as the cells of its columns."""
    return {name: getattr(relation, name) for name in RELATION}


def read_sheet(path: Path, *, mapping: str) -> Sheet:
    """Return the lines of a code sheet for the mapping file `mapping`; an empty `mapping` cell is any.

    A line is filled where it has a code or an equivalence. Raises `MappingError` with file and line.
    """
    rows: list[SheetRow] = []
    unfilled = others = 0
    for line in sheet_lines(path):
        cells = line.cells
        if cells.get("mapping") and Path(cells["mapping"]).name != mapping:
            others += 1
        elif not cells["code"] and not cells.get("equivalence"):
            unfilled += 1
        else:
            rows.append(_filled(line))
    return Sheet(tuple(rows), unfilled, others)


def sheet_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a code sheet as they stand."""
    return read_lines(path, name=path.name, needed=NEEDED, known=KNOWN)


def _filled(line: Line) -> SheetRow:
    if not line.cells["text"]:
        line.fail("the text is missing")
    absent = [name for name in ADDRESS if not line.cells[name]]
    if absent:
        line.fail(
            f"{' and '.join(absent)} is empty: no single field of the mapping reads this text (a computed "
            "column, or a mapping that has changed since); say it in the mapping itself"
        )
    return SheetRow(Address(*(line.cells[name] for name in ADDRESS)), relation_of(line), line)


def addressed(rows: Iterable[SheetRow]) -> dict[Address, list[SheetRow]]:
    """Return rows by the field that they are of, in their order."""
    found: dict[Address, list[SheetRow]] = {}
    for row in rows:
        found.setdefault(row.address, []).append(row)
    return found
