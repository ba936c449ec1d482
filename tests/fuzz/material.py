"""What is corrupted: the example consortium's feeds, cut to their first rows to be read quickly."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from allpool.config import load_config

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "examples" / "consortium" / "allpool.toml"
MAPPINGS = CONFIG.parent / "mappings"
ROWS = 12
"""So many records of each file (and sheet) are kept."""
LEFT_OUT = tuple(f"003-hospital-{number:02d}" for number in range(4, 11))
"""Workbooks of one layout with others that are kept."""


@dataclass(frozen=True)
class Example:
    """One feed: its mapping and the bytes of its files, by name."""

    name: str
    mapping: Path
    files: Mapping[str, bytes]


def examples() -> tuple[Example, ...]:
    """Return the example consortium's feeds, each file with its first records."""
    found = []
    for feed in load_config(CONFIG).feeds:
        if feed.id not in LEFT_OUT:
            folder = CONFIG.parent / feed.folder
            files = {path.name: _cut(path) for path in sorted(folder.iterdir())}
            found.append(Example(feed.id, MAPPINGS / feed.mapping, files))
    return tuple(found)


def _cut(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".xlsx":
        return _first_rows(content)
    # none of the examples' encodings has 0x0A inside a character
    return b"".join(content.splitlines(keepends=True)[: ROWS + 1])


def _first_rows(content: bytes) -> bytes:
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in workbook:
        sheet.delete_rows(ROWS + 2, sheet.max_row)
    return saved(workbook)


def saved(workbook: openpyxl.Workbook) -> bytes:
    """Return the bytes of a workbook."""
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def texts(example: Example) -> Iterator[str]:
    """Yield the names of the files that are text with a separator."""
    return (name for name in example.files if name.endswith((".csv", ".tsv")))
