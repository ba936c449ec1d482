"""Tables of files that are no plain text, by the readers: workbooks, and what needs no declaration."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from allpool.errors import ConfigError, Place, SourceError
from allpool.etl.readers import ROW, ReadLimits, SourceFailure, SourceTable, read_source
from allpool.etl.readers.archive import open_archive, sheet_parts
from allpool.mappings.read import JsonLinesRead, ParquetRead, Read, SasRead, WorkbookRead


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a file, whole: its columns are of text."""

    sheet: str | None
    format: str
    frame: pl.DataFrame
    header_row: int = 1


HEADER_ROWS: Final = 6
"""Rows of a sheet in which the column names are looked for."""
BEGINNINGS: Final = (
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"PAR1", "parquet"),
    (b"HEADER RECORD*******LIB", "xpt"),
    (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc2\xea\x81\x60", "sas7bdat"),
)
"""First bytes of formats (ECMA-376 part 2; [MS-CFB]; Parquet format; SAS TS-140; SAS7BDAT by Shotwell)."""
ELSEWHERE: Final = {
    "xls": "this is an old Excel workbook (.xls); save it as .xlsx",
    "json": "this is one JSON document; send records as CSV, or one JSON object per line (.jsonl, .ndjson)",
    "xml": "this is XML, which a mapping reads by its format and a profile does not: export it as a table",
    "fhir": "these are FHIR resources, which need no mapping: see docs/fhir.md",
}


def text_format(path: Path) -> Literal["csv", "tsv"] | None:
    """Return `csv` or `tsv` for a text with separators, None for all else."""
    if _format(path) != "text":
        return None
    return "tsv" if path.suffix.lower() in (".tsv", ".tab") else "csv"


def tables(path: Path, sheet: str | None) -> Iterator[Table]:
    """Yield the tables of a file: each sheet of a workbook, or the one called `sheet`.

    Raises SourceError where none can be read, ConfigError where no sheet is called so.
    """
    kind = _format(path)
    if kind in ELSEWHERE:
        raise SourceError(ELSEWHERE[kind], rule="format")
    if kind == "excel":
        yield from _sheets(path, sheet)
    else:
        found = _read(path, _form(kind))
        yield Table(sheet=found.facts.sheet, format=kind, frame=found.frame.drop(ROW))


def _format(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(4096)
    known = next((name for beginning, name in BEGINNINGS if first.startswith(beginning)), None)
    if known is not None:
        return known
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        return "xml"
    if path.suffix.lower() in (".jsonl", ".ndjson") or text.startswith((b'{"', b"[{", b"{\n", b"[\n")):
        return _json(text, path)
    return "text"


def _json(text: bytes, path: Path) -> str:
    line = text.split(b"\n", 1)[0].rstrip()
    if b'"resourceType"' in text:
        return "fhir"
    is_lines = path.suffix.lower() in (".jsonl", ".ndjson") or (line.startswith(b"{") and line.endswith(b"}"))
    return "jsonl" if is_lines else "json"


def _form(kind: str) -> Read:
    match kind:
        case "parquet":
            return ParquetRead(format="parquet")
        case "jsonl":
            return JsonLinesRead(format="jsonl")
        case "xpt":
            return SasRead(format="xpt")
        case _:
            return SasRead(format="sas7bdat")


def _sheets(path: Path, sheet: str | None) -> Iterator[Table]:
    names = list(sheet_parts(open_archive(path.read_bytes(), ReadLimits())))
    if sheet is not None and sheet not in names:
        raise ConfigError(
            f"there is no sheet '{sheet}'; there is {', '.join(names)}", place=Place(file=path.name)
        )
    failures: list[SourceError] = []
    found = 0
    for name in [sheet] if sheet is not None else names:
        try:
            row, table = _sheet(path, name)
        except SourceError as error:
            failures.append(error)
            continue
        found += 1
        yield Table(sheet=name, format="excel", frame=table.frame.drop(ROW), header_row=row)
    if failures and not found:
        raise failures[0]


def _sheet(path: Path, name: str) -> tuple[int, SourceTable]:
    """Return a sheet with the first row that names most of its columns, and which row that is."""
    best: tuple[int, SourceTable] | None = None
    failure: SourceError | None = None
    for row in range(1, HEADER_ROWS + 1):
        try:
            table = _read(path, WorkbookRead(format="excel", sheet=(name,), header_row=row))
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


def _read(path: Path, read: Read) -> SourceTable:
    found = next(iter(read_source(path.parent, glob.escape(path.name), read)))
    if isinstance(found, SourceFailure):
        place = Place(sheet=found.sheet, row=found.row, column=found.column)
        raise SourceError(found.message, rule=found.rule, place=place)
    return found
