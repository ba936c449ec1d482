"""JSON lines (NDJSON): one object per line, nested ones flattened, numbers as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NoReturn

import numpy as np
import polars as pl

from allpool.errors import SourceError
from allpool.etl.readers.encodings import decode
from allpool.etl.readers.flatten import flatten, parser
from allpool.etl.readers.header import header_names
from allpool.etl.readers.source import Problem, ReadLimits, problem
from allpool.etl.readers.table import Cells
from allpool.etl.readers.texts import one_line_ends
from allpool.mappings.read import JsonLinesRead

BATCH = 20_000
BAD_LINES: Final = 1_000
"""More bad lines than these, and than good ones, mean that the file is something else."""
LONG_LINES: Final = 64
"""A line of so many times the limit fails the file; a shorter one that is too long fails alone."""
SPARSE: Final = 20
"""Cells per value from which a large table is taken for lines that have nothing in common."""


def read_json_lines(content: Iterator[bytes], read: JsonLinesRead, limits: ReadLimits) -> tuple[str, Cells]:
    """Return the encoding, and the lines' values by path (`flatten`) with the physical lines as rows.

    The columns stand in the order in which the lines first name them. Blank lines are no records.
    Row-level problems: `bad_json` (no JSON object, a name twice, a character that no text can hold),
    `line_too_long`. Raises SourceError: `encoding`, `nul_byte`, `line_too_long`, `empty_file`,
    `too_many_columns`, `reserved_header`, `duplicate_header`.
    """
    text = decode(content, declared=read.encoding, line_bytes=LONG_LINES * limits.line_bytes)
    lines = _Lines(parse=parser(read.decimal), limits=limits)
    rows = lines.rows(text.content)
    frames: list[pl.DataFrame] = []
    numbers: list[int] = []
    while batch := list(islice(rows, BATCH)):
        numbers += [number for number, _ in batch]
        paths = dict.fromkeys(name for _, row in batch for name in row)
        columns = {name: [row.get(name) for _, row in batch] for name in paths}
        frames.append(pl.DataFrame(columns, schema=dict.fromkeys(paths, pl.String())))
    if not frames:
        _refuse(lines)
    frame = pl.concat(frames, how="diagonal")
    return text.encoding, Cells(
        names=header_names(frame.columns, row=None),
        frame=frame,
        rows=np.array(numbers, dtype=np.int64),
        header_row=None,
        problems=tuple(lines.problems),
        blank_rows=lines.blank,
    )


def _refuse(lines: _Lines) -> NoReturn:
    """Raise the error of a file of which no line makes a record."""
    if lines.problems:
        raise SourceError(
            "no line is a JSON object; expected one object per line, not an array, nor one object over lines",
            rule="bad_json",
        )
    raise SourceError("the file holds no value; expected one JSON object per line", rule="empty_file")


@dataclass
class _Lines:
    """The lines of a text that are objects, and what is wrong with the others."""

    parse: Callable[[str], Any]
    limits: ReadLimits
    problems: list[Problem] = field(default_factory=list)
    good: int = 0
    blank: int = 0
    """Objects that say nothing."""
    columns: set[str] = field(default_factory=set)
    values: int = 0

    def rows(self, content: bytearray) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield number (from 1) and values of each good line."""
        start, number = 0, 0
        while (end := content.find(b"\n", start)) >= 0:
            line, start, number = bytes(content[start:end]), end + 1, number + 1
            if not line.strip():
                continue
            row = self._row(line)
            if row is None:
                self._set_aside(line, number)
            elif row:
                self._count(row)
                yield number, row
            else:
                self.blank += 1

    def _set_aside(self, line: bytes, number: int) -> None:
        rule, expected = (
            "bad_json",
            "one JSON object, each name in it once; correct the line, or export again",
        )
        if len(line) > self.limits.line_bytes:
            rule, expected = "line_too_long", f"a line of at most {self.limits.line_bytes:,} bytes"
        self.problems.append(problem(rule, scope="row", row=number, expected=expected, cells=1))
        if len(self.problems) > max(BAD_LINES, self.good):
            raise SourceError(
                f"more than {BAD_LINES:,} lines, and most, are no JSON objects; export the file again",
                rule="bad_json",
            )

    def _row(self, line: bytes) -> dict[str, str] | None:
        if len(line) > self.limits.line_bytes:
            return None
        try:
            found = self.parse(line.decode())
            row = flatten(found) if isinstance(found, dict) else None
        except (ValueError, RecursionError):
            return None
        if row is not None and b"\\" in line:
            row = {name: one_line_ends(text) for name, text in row.items()}
            if not all(map(_is_text, (*row, *row.values()))):
                return None
        return row

    def _count(self, row: dict[str, str]) -> None:
        self.good += 1
        self.columns.update(row)
        self.values += len(row)
        cells = len(self.columns) * self.good
        too_sparse = cells > self.limits.sheet_cells and cells > SPARSE * self.values
        if len(self.columns) > self.limits.columns or too_sparse:
            raise SourceError(
                f"the lines have {len(self.columns):,} different paths; expected records of one kind: "
                "split the file by kind",
                rule="too_many_columns",
            )


def _is_text(text: str) -> bool:
    """Return whether a text can be stored: JSON's escapes can also say NUL and half a character."""
    try:
        return "\0" not in text and bool(text.encode() is not None)
    except UnicodeEncodeError:
        return False
