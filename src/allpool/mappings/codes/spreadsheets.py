"""CSV files that people edit in a spreadsheet: read with line numbers, written so that no cell runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from allpool.errors import MappingError, Place

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters that a spreadsheet takes for a formula (OWASP, CSV injection)."""
SEPARATORS: Final = (",", ";", "\t")
"""A spreadsheet writes the one of its language; the header tells which."""


@dataclass(frozen=True)
class Line:
    """One record of the file: its line, and the text in each column (empty where there is none)."""

    file: str
    line: int
    cells: Mapping[str, str]

    def fail(self, message: str) -> NoReturn:
        """Raise `MappingError` at this line."""
        raise MappingError(message, place=Place(file=self.file, line=self.line))


def read_lines(path: Path, *, name: str, needed: Sequence[str], known: Sequence[str]) -> Iterator[Line]:
    """Yield the records of a UTF-8 CSV file that are not blank; outer blanks of cells do not count.

    Raises `MappingError` with file and line where the file is absent, not UTF-8, not CSV, lacks a column of
    `needed`, or has one that is not among `known`.
    """
    text = _text(path, name)
    separator = _separator(text, needed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    before = 0
    try:
        for cells in reader:
            first, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, Line(name, first, {}), needed, known)
                continue
            line = Line(name, first, {})
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                line.fail(
                    f"has {len(cells)} cells under {len(header)} columns; "
                    f"quote a text that holds '{separator}'"
                )
            plain = [_plain(cell.strip()) for cell in cells] + [""] * (len(header) - len(cells))
            yield Line(name, first, dict(zip(header, plain, strict=False)))
    except csv.Error as wrong:
        raise MappingError(f"not CSV: {wrong}", place=Place(file=name, line=reader.line_num)) from None
    if not header:
        raise MappingError(f"is empty; its first line names {', '.join(needed)}", place=Place(file=name))


def written(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV text that `read_lines` reads back; a byte order mark tells spreadsheets UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_harmless(row.get(name)) for name in columns] for row in rows])
    return "\ufeff" + out.getvalue()


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MappingError("there is no such file", place=Place(file=name)) from None
    except UnicodeDecodeError:
        raise MappingError("is not UTF-8; save it as CSV UTF-8", place=Place(file=name)) from None
    except OSError:
        raise MappingError("cannot be read", place=Place(file=name)) from None


def _separator(text: str, needed: Sequence[str]) -> str:
    """Return the separator under which the first line that says something has most of the columns needed."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def fits(separator: str) -> int:
        names = {cell.strip().strip('"') for cell in first.split(separator)}
        return len(names & set(needed))

    return max(SEPARATORS, key=fits)


def _header(cells: Sequence[str], line: Line, needed: Sequence[str], known: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    absent = [name for name in needed if name not in names]
    strange = [name for name in names if name not in known]
    twice = sorted({name for name in names if names.count(name) > 1})
    if absent:
        line.fail(f"the column {' and '.join(absent)} is missing; the columns are {', '.join(known)}")
    if strange:
        line.fail(f"'{strange[0]}' is not a column of this file; the columns are {', '.join(known)}")
    if twice:
        line.fail(f"the column {twice[0]} stands here twice")
    return names


def _harmless(value: object) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe stands before what would be a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) or _is_marked(text) else text


def _plain(text: str) -> str:
    return text[1:] if _is_marked(text) else text


def _is_marked(text: str) -> bool:
    """Whether `_harmless` has put an apostrophe before the text, or one stands there like it."""
    return text.startswith("'") and text.lstrip("'").startswith(FORMULA)
