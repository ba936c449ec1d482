"""What is corrupted: the example consortium's feeds, cut short, and one small table in other formats."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from allpool.config import load_config
from allpool.mappings.compile import load_mapping
from allpool.mappings.read import DelimitedRead, Read, WorkbookRead
from tests.fuzz import formats
from tests.fuzz.corrupt.cells import Table
from tests.fuzz.packing import saved
from tests.fuzz.planting import planted
from tests.fuzz.process import ROOT

CONFIG = ROOT / "examples" / "consortium" / "allpool.toml"
MAPPINGS = CONFIG.parent / "mappings"
ROWS = 12
"""So many records of each file (and sheet) are kept."""
LEFT_OUT = tuple(f"003-hospital-{number:02d}" for number in range(4, 11))
"""Workbooks of one layout with others that are kept."""
TELLING = 6
"""A patient's key of fewer characters might stand in a message by chance, so it is not looked for."""


@dataclass(frozen=True)
class Example:
    """One feed: its mapping, the bytes of its files by name, and the keys of its patients."""

    name: str
    mapping: Path
    files: Mapping[str, bytes]
    keys: tuple[str, ...]


def consortium() -> tuple[Example, ...]:
    """Return the example consortium's feeds, each file with its first records."""
    found = []
    for feed in load_config(CONFIG).feeds:
        if feed.id not in LEFT_OUT:
            folder, mapping = CONFIG.parent / feed.folder, MAPPINGS / feed.mapping
            keys: set[str] = set()
            files = {path.name: _cut(path, mapping, keys) for path in sorted(folder.iterdir())}
            telling = sorted(key for key in keys if len(key) >= TELLING)
            found.append(Example(feed.id, mapping, files, tuple(telling)))
    return tuple(found)


def other_formats() -> tuple[Example, ...]:
    """Return the small table in each format that the consortium does not send."""
    here = Path(__file__).parent / "mappings"
    return tuple(
        Example(name, here / f"{name}.yaml", files, formats.keys()) for name, files in formats.files().items()
    )


@cache
def compiled(mapping: Path) -> Any:
    """Return a mapping, compiled once."""
    return load_mapping(mapping)


def read_of(example: Example, file: str) -> Read:
    """Return how the mapping reads a file; what lies beside the records (a data dictionary) is CSV."""
    for plan in compiled(example.mapping).sources:
        if plan.file is not None and Path(file).match(plan.file):
            read: Read = plan.read
            return read
    return DelimitedRead(format="csv")


def _cut(path: Path, mapping: Path, keys: set[str]) -> bytes:
    """Return a file with its first records, planted; note the patients' keys in the others."""
    names = {name for plan in compiled(mapping).sources for name in plan.patient.column}
    read = next(plan.read for plan in compiled(mapping).sources if path.match(plan.file))
    if isinstance(read, WorkbookRead):
        return _cut_workbook(path.read_bytes(), names, keys)
    text = path.read_bytes().decode(read.encoding or "utf-8")
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=read.field_separator))[: ROWS + 1]
    _note_keys(table, names, keys)
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=read.field_separator, lineterminator="\n").writerows(planted(table))
    return out.getvalue().encode(read.encoding or "utf-8")


def _cut_workbook(content: bytes, names: set[str], keys: set[str]) -> bytes:
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in workbook:
        sheet.delete_rows(ROWS + 2, sheet.max_row)
        _plant_sheet(sheet, names, keys)
    return saved(workbook)


def _plant_sheet(sheet: Worksheet, names: set[str], keys: set[str]) -> None:
    table = [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    _note_keys(table, names, keys)
    for row, (old, new) in enumerate(zip(table, planted(table), strict=True), start=1):
        for column, (was, told) in enumerate(zip(old, new, strict=True), start=1):
            if was != told:
                sheet.cell(row, column).value = told


def _note_keys(table: Table, names: set[str], keys: set[str]) -> None:
    at = next((place for place, name in enumerate(table[0]) if name in names), None)
    if at is not None:
        keys.update(row[at] for row in table[1:] if len(row) > at)
