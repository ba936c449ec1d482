"""Tables of files that are no plain text, by the readers: what a file is, and what tables are in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from allpool.errors import SourceError
from allpool.etl.profile.projects import forms, instruments
from allpool.etl.profile.resources import resources
from allpool.etl.profile.table import Table, chosen, read_table, table_of
from allpool.etl.profile.workbooks import sheets
from allpool.etl.readers.sas.transport import members
from allpool.mappings.read import JsonLinesRead, ParquetRead, SasRead

BEGINNINGS: Final = (
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"PAR1", "parquet"),
    (b"HEADER RECORD*******LIB", "xpt"),
    (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc2\xea\x81\x60", "sas7bdat"),
    (b"\x1f\x8b", "packed"),
)
"""First bytes of formats (ECMA-376 part 2; [MS-CFB]; Parquet format; SAS TS-140; SAS7BDAT by Shotwell; RFC
1952)."""
ELSEWHERE: Final = {
    "xls": "this is an old Excel workbook (.xls); save it as .xlsx",
    "packed": "the file is compressed; unpack it first",
    "json": "this is one JSON document; send records as CSV, or one JSON object per line (.jsonl, .ndjson); "
    "of a REDCap export name the data dictionary (--dictionary)",
}


def text_format(path: Path) -> Literal["csv", "tsv"] | None:
    """Return `csv` or `tsv` for a text with separators, None for all else."""
    if _format(path) != "text":
        return None
    return "tsv" if path.suffix.lower() in (".tsv", ".tab") else "csv"


def tables(path: Path, sheet: str | None, dictionary: Path | None) -> Iterator[Table]:
    """Yield the tables of a file: sheets, data sets, forms, instruments, types of resources; or only `sheet`.

    With a data dictionary the file is an export of that REDCap project.
    Raises SourceError where none can be read, ConfigError where none is called `sheet`.
    """
    if dictionary is not None:
        yield from instruments(path, dictionary, sheet)
        return
    kind = _format(path)
    if kind in ELSEWHERE:
        raise SourceError(ELSEWHERE[kind], rule="format")
    match kind:
        case "excel":
            yield from sheets(path, sheet)
        case "xml":
            yield from forms(path, sheet)
        case "fhir":
            yield from resources(path, sheet)
        case "xpt":
            yield from _data_sets(path, sheet)
        case "parquet":
            yield table_of(read_table(path, ParquetRead(format="parquet")), sheet=None, format=kind)
        case "jsonl":
            yield table_of(read_table(path, JsonLinesRead(format="jsonl")), sheet=None, format=kind)
        case _:
            yield table_of(read_table(path, SasRead(format="sas7bdat")), sheet=None, format=kind)


def _data_sets(path: Path, sheet: str | None) -> Iterator[Table]:
    """Yield the data sets of a SAS transport file; one that is alone needs no name."""
    names = [member.name for member in members(path.read_bytes())]
    for name in chosen(names, sheet, what="data set", file=path.name):
        member = (name,) if len(names) > 1 else None
        found = read_table(path, SasRead(format="xpt", member=member))
        yield table_of(found, sheet=name if member else None, format="xpt")


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
