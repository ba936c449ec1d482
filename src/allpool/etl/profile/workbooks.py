"""Sheets of a workbook, each with the row of its column names found out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from allpool.errors import SourceError
from allpool.etl.profile.table import Table, chosen, read_table, table_of
from allpool.etl.readers import ReadLimits, SourceTable
from allpool.etl.readers.archive import open_archive, sheet_parts
from allpool.mappings.read import WorkbookRead

HEADER_ROWS: Final = 6
"""Rows of a sheet in which the column names are looked for."""


def sheets(path: Path, sheet: str | None) -> Iterator[Table]:
    """Yield the sheets of a workbook, or the one called `sheet`; what is no table is left out.

    Raises SourceError where none can be read.
    """
    names = list(sheet_parts(open_archive(path.read_bytes(), ReadLimits())))
    failures: list[SourceError] = []
    found = 0
    for name in chosen(names, sheet, what="sheet", file=path.name):
        try:
            row, table = _sheet(path, name)
        except SourceError as error:
            failures.append(error)
            continue
        found += 1
        yield table_of(table, sheet=name, format="excel", header_row=row)
    if failures and not found:
        raise failures[0]


def _sheet(path: Path, name: str) -> tuple[int, SourceTable]:
    """Return a sheet with the first row that names most of its columns, and which row that is."""
    best: tuple[int, SourceTable] | None = None
    failure: SourceError | None = None
    for row in range(1, HEADER_ROWS + 1):
        try:
            table = read_table(path, WorkbookRead(format="excel", sheet=(name,), header_row=row))
        except SourceError as error:
            failure = failure or error
            if error.rule not in ("no_header", "duplicate_header"):
                break
            continue
        named = sum(not column.startswith("column_") for column in table.columns)
        if best is None:
            best = (row, table)
        if named * 2 >= len(table.columns):
            return row, table
    if best is None:
        raise failure or SourceError("the sheet has no header row", rule="no_header")
    return best
