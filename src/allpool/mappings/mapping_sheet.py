"""The code sheet that a mapping names under `codes`: what texts of any of its fields become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NoReturn

from allpool.mappings.codes.blocks import Address, places
from allpool.mappings.codes.relations import Relation
from allpool.mappings.codes.sheets import SheetRow, addressed, read_sheet
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.positions import Document

Said = tuple[Relation, Callable[[str], NoReturn]]
"""A relation, and how to fail where it stands."""


class MappingSheet:
    """The filled lines of a mapping's code sheet; those of no field of it fail."""

    def __init__(self, rows: Sequence[SheetRow]) -> None:
        self._rows = addressed(rows)

    def of(self, address: Address) -> list[Said]:
        """Return what the sheet says of one field's texts."""
        return [(row.relation, row.line.fail) for row in self._rows.get(address, ())]

    def check(self, mapping: CompiledMapping) -> None:
        """Raise `MappingError` with file and line where the sheet speaks of a field that reads no words."""
        known = {place.address for place in places(mapping)}
        for address, rows in self._rows.items():
            if address not in known:
                rows[0].line.fail(f"{mapping.file} has no field {address} that reads words")


class SourceSheet:
    """The sheet of one source, whose records are named in their order: `wbc`, then `wbc#2`."""

    def __init__(self, sheet: MappingSheet, source: str) -> None:
        self._sheet, self._source = sheet, source
        self._lines: dict[str, list[int]] = {}

    def of(self, record: str, line: int, fields: Sequence[str]) -> Mapping[str, list[Said]]:
        """Return what the sheet says of the fields of the record in `line`."""
        lines = self._lines.setdefault(record, [])
        if line not in lines:
            lines.append(line)
        place = lines.index(line) + 1
        label = record if place == 1 else f"{record}#{place}"
        return {name: self._sheet.of(Address(self._source, label, name)) for name in fields}


def read_mapping_sheet(document: Document, name: str | None) -> MappingSheet:
    """Return the sheet `name` beside the mapping; an empty one where the mapping names none.

    Raises `MappingError` with file and line.
    """
    if name is None:
        return MappingSheet(())
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        document.fail("a code file stands beside the mapping or beneath it", ("codes",))
    return MappingSheet(read_sheet(document.path.parent / path, mapping=document.path.name).rows)
