"""Excel workbooks (.xlsx, .xlsm): values by calamine, all written as text."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from python_calamine import CalamineSheet, CalamineWorkbook

from allpool.errors import Place, SourceError
from allpool.etl.readers.archive import Archive, open_archive, sheet_parts, unreadable
from allpool.etl.readers.header import header_names
from allpool.etl.readers.shared_strings import refuse_false_tables, refuse_repeated_texts
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.special_cells import Survey, reach, special_cells, survey
from allpool.etl.readers.table import CellFinding, Cells
from allpool.etl.readers.texts import duration_text, number_text, one_line_ends
from allpool.etl.readers.xml import refuse_malformed
from allpool.mappings.read import WorkbookRead

BATCH = 20_000


def read_workbook(content: bytes, read: WorkbookRead, limits: ReadLimits) -> tuple[str, Cells]:
    """Return the sheet that was read, and the cells under its header.

    Integers are written without decimals (1234.0 is `1234`), other numbers by their shortest exact text and
    the declared decimal sign, booleans as `TRUE` and `FALSE`, dates and times as ISO 8601 (the time only
    where it is not midnight), durations as hours, minutes, seconds; text stays text. A merged cell's value
    stands in its first cell. Findings: `formula_cell`, `excel_error`.
    Raises SourceError: `unreadable_workbook`, `missing_sheet`, `sheet_too_large`, `empty_file`, `no_header`,
    `duplicate_header`, `reserved_header`, and `formula_cell` or `excel_error` if the header holds one.
    """
    archive = open_archive(content, limits)
    refuse_false_tables(archive)
    parts = sheet_parts(archive)
    name = _chosen(list(parts), read)
    refuse_malformed(archive.stream(parts[name]))
    seen = survey(archive.stream(parts[name]))
    _refuse_too_large(seen, archive, parts[name], sheet=name, limits=limits)
    refuse_repeated_texts(archive, parts[name], cells=seen.cells, limits=limits)
    try:
        with _calamine(content) as workbook:
            cells = _cells(workbook.get_sheet_by_name(name), read)
    except SourceError as error:
        raise _in_sheet(error, name) from None
    if seen.is_special:
        cells = _with_findings(cells, archive, parts[name], sheet=name, header_row=read.header_row)
    return name, cells


def _refuse_too_large(seen: Survey, archive: Archive, part: str, *, sheet: str, limits: ReadLimits) -> None:
    """Raise SourceError `sheet_too_large` if a sheet's cells are many, or few and far from each other."""
    rows, columns = seen.rows, seen.columns
    sparse = max(limits.stray_cells, limits.stray_ratio * seen.cells)
    if rows * columns > sparse:
        last_row, last_column = reach(archive.stream(part))
        rows, columns = min(rows, last_row), min(columns, last_column)
    if rows * columns > min(sparse, limits.sheet_cells) or columns > limits.columns:
        raise SourceError(
            f"the sheet reaches over {rows:,} rows and {columns:,} columns; expected at most "
            f"{limits.sheet_cells:,} cells: delete stray cells far from the table, or split it",
            rule="sheet_too_large",
            place=Place(sheet=sheet),
        )


def _chosen(names: list[str], read: WorkbookRead) -> str:
    wanted = read.sheet
    if not names:
        unreadable("it has no worksheet")
    if wanted is None:
        return names[0]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise SourceError(
            f"expected a sheet {' or '.join(map(repr, wanted))}; there is {', '.join(map(repr, names))}; "
            "correct sheet in the mapping, or the export",
            rule="missing_sheet",
            place=Place(sheet=wanted[0]),
        )
    return found


@contextmanager
def _calamine(content: bytes) -> Iterator[CalamineWorkbook]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            yield workbook
    except SourceError:
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        # A panic of the library below is no Exception; a message of its own may quote cells.
        unreadable(f"its content is damaged ({type(error).__name__})")


def _cells(sheet: CalamineSheet, read: WorkbookRead) -> Cells:
    if sheet.start is None:
        raise SourceError("the sheet is empty; expected a header row and records", rule="empty_file")
    as_text = _writer(read.decimal)
    lines = sheet.iter_rows()
    header = next(islice(lines, read.header_row - 1, None), None)
    if header is None:
        raise SourceError(
            f"the sheet has fewer than {read.header_row} rows; set header_row to the row of column names",
            rule="no_header",
        )
    names = [as_text(cell) for cell in header]
    schema = {str(index): pl.String() for index in range(len(names))}
    frames = [pl.DataFrame(schema=schema)]
    while batch := list(islice(lines, BATCH)):
        columns = zip(*batch, strict=True)
        texts = {key: [as_text(cell) for cell in column] for key, column in zip(schema, columns, strict=True)}
        frames.append(pl.DataFrame(texts, schema=schema))
    frame = pl.concat(frames)
    first = read.header_row + 1
    return Cells(
        names=header_names(names, row=read.header_row),
        frame=frame,
        rows=np.arange(first, first + frame.height, dtype=np.int64),
        header_row=read.header_row,
        first_position=sheet.start[1] + 1,
    )


def _writer(decimal: str) -> Callable[[Any], str]:
    """Return the function from a cell's value to its text."""

    writers: dict[type, Callable[[Any], str]] = {
        str: one_line_ends,
        float: lambda value: number_text(value, decimal),
        int: str,
        bool: lambda value: "TRUE" if value else "FALSE",
        date: date.isoformat,
        datetime: _date_time,
        time: time.isoformat,
        timedelta: duration_text,
    }
    return lambda value: writers[type(value)](value)


def _date_time(value: datetime) -> str:
    return value.date().isoformat() if value.time() == time() else value.isoformat()


def _with_findings(cells: Cells, archive: Archive, part: str, *, sheet: str, header_row: int) -> Cells:
    formulas, errors, areas = special_cells(archive.stream(part))
    last_row = header_row + cells.frame.height
    last_column = cells.first_position + len(cells.names) - 1
    for area in areas:
        for place in area.cells(rows=last_row, columns=last_column):
            formulas.setdefault(place, area.formula)
    found = [(place, "formula_cell", text) for place, text in formulas.items()]
    found += [(place, "excel_error", text) for place, text in errors.items() if place not in formulas]
    found.sort()
    findings = []
    for (row, column), rule, text in found:
        if row == header_row:
            raise _special_header(row, column, rule=rule, sheet=sheet)
        index = column - cells.first_position
        if row > header_row and row <= last_row and 0 <= index < len(cells.names):
            findings.append(CellFinding(row=row, index=index, rule=rule, expected=EXPECTED[rule], value=text))
    return _nulled(cells, findings, header_row=header_row)


EXPECTED = {
    "formula_cell": "a value; formulas are not read: copy the cell and paste its value",
    "excel_error": "a value, or an empty cell",
}


def _special_header(row: int, column: int, *, rule: str, sheet: str) -> SourceError:
    return SourceError(
        f"the header of column {column} is a formula or an error; paste its text as a value",
        rule=rule,
        place=Place(sheet=sheet, row=row),
    )


def _nulled(cells: Cells, findings: list[CellFinding], *, header_row: int) -> Cells:
    columns = dict(enumerate(cells.frame.get_columns()))
    first = header_row + 1
    by_index: dict[int, list[int]] = {}
    for finding in findings:
        by_index.setdefault(finding.index, []).append(finding.row - first)
    for index, rows in by_index.items():
        columns[index] = columns[index].scatter(rows, None)
    return Cells(
        names=cells.names,
        frame=pl.DataFrame(list(columns.values())),
        rows=cells.rows,
        header_row=header_row,
        findings=tuple(findings),
        first_position=cells.first_position,
    )


def _in_sheet(error: SourceError, sheet: str) -> SourceError:
    place = error.place or Place()
    return SourceError(
        error.message, rule=error.rule, place=Place(sheet=sheet, row=place.row, column=place.column)
    )
