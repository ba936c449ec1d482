"""The cells of a file counted by other programs than allpool reads with, where these can still parse it."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile

import openpyxl

from allpool.mappings.read import (
    DelimitedRead,
    FhirRead,
    JsonLinesRead,
    OdmRead,
    ParquetRead,
    Read,
    RedcapRead,
    SasRead,
    WorkbookRead,
)
from tests.fuzz.counting_nested import fhir_leaves, json_line_cells, json_record_cells, odm_cells
from tests.fuzz.counting_packed import parquet_cells, transport_cells

LARGEST = 2_000_000
"""Bytes of a workbook's part beyond which openpyxl is not asked."""


def counted_cells(content: bytes, read: Read, name: str) -> int | None:
    """Return how many cells a file delivers; None where no other program can say."""
    match read:
        case DelimitedRead():
            return delimited_cells(content, read)
        case RedcapRead() if name.endswith(".json"):
            return json_record_cells(content)
        case RedcapRead():
            return delimited_cells(
                content, DelimitedRead(format="csv", encoding=read.encoding, separator=read.separator)
            )
        case WorkbookRead():
            return workbook_cells(content, read)
        case JsonLinesRead():
            return json_line_cells(content)
        case FhirRead():
            return fhir_leaves(content)
        case OdmRead():
            return odm_cells(content, str(read.form))
        case ParquetRead():
            return parquet_cells(content)
        case SasRead() if read.format == "xpt":
            return transport_cells(content)
        case _:
            return None


def delimited_cells(content: bytes, read: DelimitedRead) -> int | None:
    """Return how many cells stand under the header, by Python's csv; None where that cannot parse it.

    A blank line is no record. A record of blanks counts as wide as the table, any other with the cells it
    has; a column without a name that holds nothing is none.
    """
    text = _text(content, read)
    if text is None or "\0" in text:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = text.split("\n", read.header_row - 1)
    if len(head) < read.header_row:
        return None
    csv.field_size_limit(2**31 - 1)
    quoting = csv.QUOTE_MINIMAL if read.quote else csv.QUOTE_NONE
    rows = csv.reader(
        io.StringIO(head[-1], newline=""),
        delimiter=read.field_separator,
        quotechar=read.quote or None,
        quoting=quoting,
        strict=True,
    )
    try:
        header, *records = [row for row in rows if row] if head[-1].strip() else [[]]
    except (csv.Error, ValueError):
        return None
    full = [row for row in records if any(cell.strip() for cell in row)]
    width = sum(
        bool(name.strip()) or any(len(row) == len(header) and row[at].strip() for row in full)
        for at, name in enumerate(header)
    )
    whole = [row for row in full if len(row) == len(header)]
    ragged = sum(len(row) for row in full if len(row) != len(header))
    return width * (len(whole) + len(records) - len(full)) + ragged


def _text(content: bytes, read: DelimitedRead) -> str | None:
    encoding = read.encoding
    if encoding is None:
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if marked else "utf-8"
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        return None


def workbook_cells(content: bytes, read: WorkbookRead) -> int | None:
    """Return how many cells stand under the header of the sheet, by openpyxl; None where it cannot."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if any(entry.file_size > LARGEST for entry in packed.infolist()):
                return None
            if any(b"<!DOCTYPE" in packed.read(entry) for entry in packed.infolist()):
                return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(content))
        names = [read.sheet] if isinstance(read.sheet, str) else list(read.sheet or workbook.sheetnames[:1])
        sheet = next((workbook[name] for name in names if name in workbook.sheetnames), None)
        if sheet is None or sheet.max_row * sheet.max_column > LARGEST:
            return None
        used = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    except Exception:  # whatever another program says of a broken workbook
        return None
    if not used:
        return None
    if any(isinstance(cell.value, str) and re.search(r"_x[0-9A-F]{4}_", cell.value) for cell in used):
        return None
    last = max(cell.row for cell in used)
    columns = {
        cell.column
        for cell in used
        if cell.row >= read.header_row and (cell.data_type == "f" or str(cell.value).strip())
    }
    return (last - read.header_row) * len(columns)
