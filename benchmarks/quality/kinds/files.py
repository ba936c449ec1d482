"""Whole files and columns: renamed, missing, doubled, cut off, in another encoding."""

from __future__ import annotations

from pathlib import Path
from random import Random

from benchmarks.quality.copies import Cell, Copy, Sheet
from benchmarks.quality.planting import CATALOGUE, Planted
from benchmarks.quality.targets import targets


def _read_sheet(copy: Copy, rng: Random) -> Sheet:
    return rng.choice([sheet for sheet in copy.sheets if copy.style["key"] in sheet.header])


def _read_column(copy: Copy, rng: Random) -> tuple[Sheet, str]:
    target = rng.choice(targets(copy, "quantity", "partial_date", "coding"))
    return copy.sheets[target.sheet], target.column


@CATALOGUE.file("columns", "unmapped_column")
def column_too_many(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A column that nobody has mapped."""
    sheet = _read_sheet(copy, rng)
    sheet.header.append("extra")
    for number, row in enumerate(sheet.rows):
        row.append(str(number % 7))
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, "extra"),))


@CATALOGUE.file("columns", "missing_column")
def column_missing(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A column that the mapping reads is not there."""
    sheet, column = _read_column(copy, rng)
    index = sheet.at(column)
    for row in [sheet.header, *sheet.rows]:
        del row[index]
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, column),))


@CATALOGUE.file("columns", "missing_column unmapped_column")
def column_renamed(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A column under another name."""
    sheet, column = _read_column(copy, rng)
    sheet.header[sheet.at(column)] = f"{column}_new"
    copy.write(folder)
    places = (column, f"{column}_new")
    return Planted(tuple(Cell(sheet.file, sheet.name, None, name) for name in places))


@CATALOGUE.file("columns", "duplicate_header")
def two_columns_of_one_name(copy: Copy, folder: Path, rng: Random) -> Planted:
    """The same header twice."""
    sheet, column = _read_column(copy, rng)
    sheet.header.append(column)
    for row in sheet.rows:
        row.append("1")
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, None),))


@CATALOGUE.file("files", "ragged_row broken_quotes unreadable_workbook encoding unreadable_file")
def file_cut_off(copy: Copy, folder: Path, rng: Random) -> Planted:
    """The end of a file is lost on the way."""
    copy.write(folder)
    sheet = _read_sheet(copy, rng)
    path = folder / sheet.file
    data = path.read_bytes()
    if sheet.name is not None:
        path.write_bytes(data[: len(data) // 2])
        return Planted((Cell(sheet.file, None, None, None),))
    lines = data.split(b"\n")
    kept = max(2, len(lines) // 2)
    path.write_bytes(b"\n".join(lines[:kept]) + b"\n" + lines[kept][: len(lines[kept]) // 3])
    return Planted((Cell(sheet.file, None, kept + 1, None),))


@CATALOGUE.file("files", "missing_file missing_sheet")
def file_or_sheet_missing(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A file was forgotten."""
    sheet = _read_sheet(copy, rng)
    copy.sheets.remove(sheet)
    if not any(other.file == sheet.file for other in copy.sheets):
        copy.write(folder)
        return Planted((Cell(sheet.file, None, None, None),))
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, None),))


@CATALOGUE.file("files", "empty_file header_only no_header")
def file_without_records(copy: Copy, folder: Path, rng: Random) -> Planted:
    """The header alone."""
    sheet = _read_sheet(copy, rng)
    sheet.rows.clear()
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, None),))


@CATALOGUE.file("files", "no_header missing_column unmapped_column ragged_row")
def title_above_the_header(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A line with a title before the header."""
    sheet = _read_sheet(copy, rng)
    width = len(sheet.header)
    sheet.rows.insert(0, sheet.header)
    sheet.header = ["Export", *([""] * (width - 1))]
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, None, None),))


@CATALOGUE.file("files", "encoding nul_byte no_header missing_column unreadable_workbook")
def file_in_another_encoding(copy: Copy, folder: Path, rng: Random) -> Planted:
    """Saved as UTF-16, as a spreadsheet's "Unicode text" is."""
    copy.write(folder)
    sheet = _read_sheet(copy, rng)
    path = folder / sheet.file
    text = path.read_bytes().decode(copy.feed.encoding, errors="ignore")
    path.write_bytes(text.encode("utf-16"))
    return Planted((Cell(sheet.file, None, None, None),))


@CATALOGUE.file("files", "no_header missing_column unmapped_column ragged_row broken_quotes duplicate_header")
def other_separator(copy: Copy, folder: Path, rng: Random) -> Planted | None:
    """Tabs instead of commas or semicolons."""
    sheet = _read_sheet(copy, rng)
    if sheet.name is not None:
        return None
    copy.write(folder)
    path = folder / sheet.file
    path.write_bytes(path.read_bytes().replace(copy.feed.separator.encode(), b"\t"))
    return Planted((Cell(sheet.file, None, None, None),))


@CATALOGUE.file("files", "encoding")
def bytes_that_are_no_text(copy: Copy, folder: Path, rng: Random) -> Planted | None:
    """Some bytes that the encoding does not have."""
    sheet = _read_sheet(copy, rng)
    if sheet.name is not None or copy.feed.encoding == "cp1250":
        return None
    copy.write(folder)
    path = folder / sheet.file
    lines = path.read_bytes().split(b"\n")
    lines[-2] = lines[-2] + b"\xff\xfe"
    path.write_bytes(b"\n".join(lines))
    return Planted((Cell(sheet.file, None, None, None),))


@CATALOGUE.file("files", "patient_id")
def totals_below_the_records(copy: Copy, folder: Path, rng: Random) -> Planted:
    """A line with sums at the end."""
    sheet = _read_sheet(copy, rng)
    row: list[object] = ["" if sheet.name is None else None] * len(sheet.header)
    at = sheet.at(copy.style["key"])
    row[at] = "Total"
    row[-1] = str(len(sheet.rows))
    sheet.rows.append(row)
    copy.write(folder)
    return Planted((Cell(sheet.file, sheet.name, len(sheet.rows) + 1, copy.style["key"]),))
