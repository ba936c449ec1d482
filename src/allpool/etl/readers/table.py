"""From raw cells to the one form of all readers: blanks to null, columns named, over-long text set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from allpool.etl.readers.header import placeholder, refuse_duplicates
from allpool.etl.readers.layout import Integers
from allpool.etl.readers.source import (
    ROW,
    Decimal,
    FileFacts,
    Problem,
    ReadLimits,
    SourceTable,
    problem,
    problem_frame,
)

PASSED_CELLS = {"row": pl.Int64, "index": pl.Int64, "rule": pl.String}
SHOWN_CHARACTERS = 200
"""Of a cell that is too long, what its problem keeps."""


@dataclass(frozen=True, kw_only=True)
class CellFinding:
    """A cell that cannot be taken: its row, its index among the columns, and why."""

    row: int
    index: int
    rule: str
    expected: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class Cells:
    """What one format's reader hands over.

    `frame` has one pl.String column per entry of `names` (any column names), `rows` the row of each record.
    """

    names: tuple[str | None, ...]
    frame: pl.DataFrame
    rows: Integers
    header_row: int | None
    """None where names and records do not stand in one sheet of rows."""
    problems: tuple[Problem, ...] = ()
    findings: tuple[CellFinding, ...] = ()
    may_be_empty: bool = False
    """Whether there may be no record, and then no column (FHIR: resources of other types are in the file)."""
    blank_rows: int = 0
    labels: tuple[str | None, ...] = ()
    """What the file calls each column in words; empty where it does not."""
    first_position: int = 1
    """Where the first column stands in the file or sheet, from 1."""
    passed_over: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PASSED_CELLS))
    """Row, index among the columns and rule of cells that are null in `frame` because a rule passes them."""
    decimals: Mapping[int, Decimal] = field(default_factory=dict)
    """Index of a column -> decimal sign of its numbers, where it has one of its own."""


def source_table(cells: Cells, facts: FileFacts, limits: ReadLimits) -> SourceTable:
    """Return the table of `cells`.

    A column without a name is left out if it holds nothing, else called `column_<n>` by its position. Rows
    that hold nothing are left out and counted. Adds problems `cell_too_long` (scope `cell`) and `header_only`
    (scope `file`). Raises SourceError `duplicate_header` if a column is already called `column_<n>`.
    """
    indices = [str(index) for index in range(len(cells.names))]
    frame = cells.frame.rename(dict(zip(cells.frame.columns, indices, strict=True)))
    frame = frame.select(pl.all().str.strip_chars())
    frame = frame.select(pl.when(pl.all() != "").then(pl.all()))
    frame, long = _without_long_cells(
        frame.with_columns(pl.Series(ROW, cells.rows, pl.Int64)), indices, limits
    )
    findings = (*cells.findings, *long)

    told = {*(finding.row for finding in findings), *cells.passed_over["row"].unique().to_list()}
    found_rows = pl.Series(sorted(told), dtype=pl.Int64)
    blank = pl.all_horizontal(pl.col(indices).is_null()) & ~pl.col(ROW).is_in(found_rows.implode())
    full = frame.filter(~blank)

    names = _names(cells, full, indices, used={finding.index for finding in findings})
    problems = [*cells.problems, *(_cell_problem(finding, names) for finding in findings)]
    if full.is_empty() and not problems and not cells.may_be_empty:
        problems.append(
            problem(
                "header_only",
                scope="file",
                row=cells.header_row,
                expected="at least one record below the header",
            )
        )
    return SourceTable(
        facts=facts,
        columns=tuple(names.values()),
        frame=full.select(*(pl.col(index).alias(name) for index, name in names.items()), ROW),
        problems=problem_frame(problems),
        blank_rows=cells.blank_rows + frame.height - full.height,
        labels={
            names[index]: label
            for index, label in zip(indices, cells.labels or [None] * len(indices), strict=True)
            if label and index in names
        },
        passed_over=_passed_over(cells, names),
        decimals={names[str(index)]: sign for index, sign in cells.decimals.items() if str(index) in names},
    )


def without_nul(cells: Cells) -> Cells:
    """Return cells whose texts databases take: one that holds NUL is null, and a finding `nul_byte`."""
    frame, findings = cells.frame, list[CellFinding]()
    has_nul = pl.all().str.contains("\0", literal=True)
    for index, (name, found) in enumerate(frame.select(has_nul.any()).to_dict(as_series=False).items()):
        if not found[0]:
            continue
        wrong = frame.select(pl.col(name).str.contains("\0", literal=True).fill_null(value=False)).to_series()
        findings += [
            CellFinding(
                row=row,
                index=index,
                rule="nul_byte",
                expected="text; this cell holds a byte 0, which no text has",
                value=text.replace("\0", "\N{SYMBOL FOR NULL}"),
            )
            for row, text in zip(
                cells.rows[wrong.to_numpy()].tolist(), frame[name].filter(wrong), strict=True
            )
        ]
        frame = frame.with_columns(pl.when(~wrong).then(pl.col(name)).alias(name))
    return replace(cells, frame=frame, findings=(*cells.findings, *findings)) if findings else cells


def _passed_over(cells: Cells, names: dict[str, str]) -> pl.DataFrame:
    """Return the cells passed over, by the names of their columns."""
    named = pl.col("index").cast(pl.String).replace_strict(names, default=None, return_dtype=pl.String)
    return cells.passed_over.select("row", named.alias("column"), "rule").drop_nulls("column")


def _without_long_cells(
    frame: pl.DataFrame, indices: list[str], limits: ReadLimits
) -> tuple[pl.DataFrame, list[CellFinding]]:
    if not indices:
        return frame, []
    limit = limits.cell_characters
    longest = frame.select(pl.col(indices).str.len_bytes().max()).row(0)
    findings: list[CellFinding] = []
    for index, size in zip(indices, longest, strict=True):
        if size is None or size <= limit:
            continue
        is_long = pl.col(index).str.len_chars() > limit
        shown = pl.col(index).str.slice(0, SHOWN_CHARACTERS)
        findings += [
            CellFinding(
                row=row,
                index=int(index),
                rule="cell_too_long",
                expected=f"at most {limit:,} characters; this cell has {characters:,}",
                value=f"{text}...",
            )
            for row, text, characters in frame.filter(is_long)
            .select(ROW, shown.alias("shown"), pl.col(index).str.len_chars().alias("characters"))
            .iter_rows()
        ]
        frame = frame.with_columns(pl.when(~is_long).then(pl.col(index)).alias(index))
    return frame, findings


def _names(cells: Cells, frame: pl.DataFrame, indices: list[str], *, used: set[int]) -> dict[str, str]:
    named: dict[str, str] = {}
    for index, name in zip(indices, cells.names, strict=True):
        if name is not None:
            named[index] = name
        elif int(index) in used or frame[index].null_count() < frame.height:
            named[index] = placeholder(cells.first_position + int(index))
    refuse_duplicates(list(named.values()), row=cells.header_row)
    return named


def _cell_problem(finding: CellFinding, names: dict[str, str]) -> Problem:
    return problem(
        finding.rule,
        scope="cell",
        row=finding.row,
        column=names[str(finding.index)],
        expected=finding.expected,
        value=finding.value,
        cells=1,
    )
