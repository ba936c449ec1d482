"""What a reader yields and refuses: limits, file facts, table, problems, failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import polars as pl

ROW: Final = "_row"
"""The frame's column that says where a record stands, as a person counts in an editor or spreadsheet."""

PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "row": pl.Int64,
    "column": pl.String,
    "scope": pl.String,
    "rule": pl.String,
    "expected": pl.String,
    "value": pl.String,
    "cells": pl.Int64,
}
"""One line per finding. Scope `cell`: the cell is null in the frame and counted there. Scope `row`: the row
is not in the frame; `cells` says how many it had, and `value` stays empty because what cannot be put under a
column may be a direct identifier. Scope `file`: a notice about the whole file."""

Problem = Mapping[str, Any]
Decimal = Literal[".", ","]

PASSED_SCHEMA: Final[Mapping[str, Any]] = {"row": pl.Int64, "column": pl.String, "rule": pl.String}
"""Cells that a named rule of the reader passes over: null in the frame, counted as ignored by that rule."""


@dataclass(frozen=True, kw_only=True)
class ReadLimits:
    """What a reader refuses, so that no file can take the night down with it."""

    file_bytes: int = 4 * 2**30
    line_bytes: int = 2**20
    """Of one physical line, in UTF-8."""
    cell_characters: int = 32_767
    # Excel specifications and limits: total number of characters that a cell can contain.
    workbook_bytes: int = 2 * 2**30
    """Of a workbook's parts together, uncompressed."""
    workbook_ratio: int = 200
    """Uncompressed over compressed size, asked of workbooks beyond 16 MiB; of a table some 10 to 50."""
    text_characters: int = 64 * 2**20
    text_ratio: int = 4
    """Characters that cells say by shared strings, over the sheet's bytes; asked beyond `text_characters`."""
    sheet_cells: int = 32_000_000
    """Rows times columns of the rectangle in use."""
    stray_cells: int = 3_000_000
    stray_ratio: int = 50
    """A rectangle beyond `stray_cells`, and of so many times the cells that are there, has stray cells."""
    columns: int = 20_000
    """Of one table."""
    packed_text_ratio: int = 400
    """Bytes of texts per byte of a Parquet file, asked beyond `text_characters`."""
    packed_ratio: int = 40
    """Cells per byte, asked of Parquet and SAS files with more than `sheet_cells`."""


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What is known of one file and sheet at one content."""

    path: str
    """Relative to the feed's folder, with forward slashes."""
    sheet: str | None
    sha256: str
    encoding: str | None
    bytes: int


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """One file or sheet as text.

    `frame` has one pl.String column per name in `columns`, in the file's order, and `_row` (pl.Int64). Values
    are stripped of outer blanks (Unicode White_Space), line breaks inside them are line feeds, and blank
    cells are null. Cells read = (frame.height + blank_rows) * len(columns) + sum of `cells` over problems of
    scope `row`.
    """

    facts: FileFacts
    columns: tuple[str, ...]
    frame: pl.DataFrame
    problems: pl.DataFrame
    """By PROBLEM_SCHEMA, ordered by row."""
    blank_rows: int
    """Rows left out because they hold no value at all."""
    passed_over: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(PASSED_SCHEMA)))
    """By PASSED_SCHEMA."""
    decimals: Mapping[str, Decimal] = field(default_factory=dict)
    """Columns whose numbers have a decimal sign of their own, whatever the mapping says of the file."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Column -> what the file calls it in words, where it does (SAS)."""


@dataclass(frozen=True, kw_only=True)
class SourceFailure:
    """A file or sheet that yields nothing; the others go on."""

    path: str
    sheet: str | None
    rule: str
    message: str
    """What is wrong, what was expected, what to do; no value from the file's rows."""
    row: int | None
    column: str | None
    facts: FileFacts | None
    """None where the content could not be read, or changed meanwhile."""


def problem(
    rule: str,
    *,
    scope: Literal["cell", "row", "file"],
    expected: str,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
    cells: int = 0,
) -> Problem:
    """Return one finding as a row of PROBLEM_SCHEMA."""
    return {
        "row": row,
        "column": column,
        "scope": scope,
        "rule": rule,
        "expected": expected,
        "value": value,
        "cells": cells,
    }


def problem_frame(problems: Iterable[Problem]) -> pl.DataFrame:
    """Return findings as a frame of PROBLEM_SCHEMA, by row; findings of the whole file come first."""
    frame = pl.DataFrame(list(problems), schema=dict(PROBLEM_SCHEMA), orient="row")
    return frame.sort("row", nulls_last=False, maintain_order=True)
