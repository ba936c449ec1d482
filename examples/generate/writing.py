"""Turn neutral tables into the text of a study's own style: dates, decimals, encodings, CSV bytes,
workbooks."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl
import xlsxwriter

Row = dict[str, object]
Tables = dict[str, pl.DataFrame]
DAYS_PER_MONTH = 30.4375
DESIGNS = Path(__file__).parent / "designs"
# fixed so that the same tables always give the same workbook, byte for byte
WORKBOOK_CREATED = datetime(2025, 1, 1)
NOTICE = "SYNTHETIC DATA. No real patient. Made by examples/generate of allpool."


def design(name: str) -> list[dict[str, str]]:
    """The rows of a design file, every value as text."""
    with (DESIGNS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def table(rows: Sequence[Row]) -> pl.DataFrame:
    """A frame of rows that may lack keys; column order by first appearance."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return pl.DataFrame([{name: row.get(name) for name in names} for row in rows], infer_schema_length=None)


def days(months: float) -> int:
    return round(months * DAYS_PER_MONTH)


def dated(column: str, pattern: str) -> pl.Expr:
    """A date column as text by a chrono pattern, for example `%d.%m.%Y` or `%Y/%-m/%-d`."""
    return pl.col(column).dt.strftime(pattern)


def serial(column: str) -> pl.Expr:
    """A date column as the serial number of Excel's 1900 date system."""
    return (pl.col(column) - date(1899, 12, 30)).dt.total_days()


def comma(column: str) -> pl.Expr:
    """A number as text with a decimal comma."""
    return pl.col(column).cast(pl.String).str.replace(".", ",", literal=True)


def coded(column: str, codes: Mapping[object, object]) -> pl.Expr:
    """A column's values by a code table; null stays null, an unlisted value is an error."""
    return (
        pl.col(column)
        .cast(pl.String)
        .replace_strict({str(key): value for key, value in codes.items()}, return_dtype=pl.String)
    )


def write_csv(
    frame: pl.DataFrame, path: Path, *, encoding: str = "utf-8", separator: str = ",", bom: bool = False
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = frame.write_csv(separator=separator, line_terminator="\r\n", null_value="")
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode(encoding))


def write_workbook(sheets: Mapping[str, pl.DataFrame], path: Path) -> None:
    """One sheet per frame and a sheet SYNTHETIC; dates become date cells, text stays text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False}) as book:
        book.set_properties({"title": "SYNTHETIC DATA", "comments": NOTICE, "created": WORKBOOK_CREATED})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, frame in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, frame.columns)
            for place, row in enumerate(frame.iter_rows(), start=1):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(place, column, value)
                    elif isinstance(value, date):
                        sheet.write_datetime(place, column, datetime(value.year, value.month, value.day), day)
                    elif value is not None:
                        sheet.write_number(place, column, value)
        book.add_worksheet("SYNTHETIC").write_string(0, 0, NOTICE)
