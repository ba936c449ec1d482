"""The centre's queries as a workbook: what is asked, and a column to choose the answer in."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from allpool.etl.messages import Catalogue, MessageLanguage
from allpool.etl.queries.wording import CHOICES, AskedLine

COLUMNS: Final = {
    "query": 19,
    "file": 24,
    "sheet": 14,
    "row": 8,
    "column": 20,
    "value": 24,
    "query_others": 36,
    "rule": 34,
    "expected": 40,
    "query_effect": 22,
    "query_since": 12,
    "query_status": 14,
    "answer": 22,
    "comment": 36,
}
"""Column (by its label) -> width in characters."""
FILLED: Final = ("answer", "comment")
"""Columns that the centre fills."""
LONGEST: Final = 32_767
"""Characters of a cell, https://support.microsoft.com/office/excel-specifications-and-limits"""
# XML 1.0, 2.2: characters that no XML document holds
FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
TEXT: Final = "@"
"""Number format of a text: what stands in such a cell is never taken for a formula."""
Label = Callable[[str], str]


def query_workbook(
    lines: Sequence[AskedLine],
    messages: Catalogue,
    language: MessageLanguage,
    *,
    notes: Sequence[str],
) -> bytes:
    """Return an .xlsx: one row per query, and a sheet that says how to answer (`notes`)."""
    from openpyxl import Workbook
    from openpyxl.styles import Font, PatternFill

    def label(name: str) -> str:
        return messages.label(name, language)

    head = {"fill": PatternFill("solid", fgColor="DDE3EA"), "font": Font(bold=True)}
    filled = {"fill": PatternFill("solid", fgColor="FFF8C5")}
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(label("queries"))
    _lay_out(sheet, label, rows=len(lines))
    sheet.append([_cell(sheet, label(name), **head) for name in COLUMNS])
    for line in lines:
        told = _told(line, label)
        sheet.append([_cell(sheet, told[name], **(filled if name in FILLED else {})) for name in COLUMNS])
    about: Any = book.create_sheet(label("queries_how"))
    about.column_dimensions["A"].width = 100
    for note in notes:
        about.append([_cell(about, note)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _lay_out(sheet: Any, label: Label, *, rows: int) -> None:
    """Set widths, the fixed header, the filter, the printed page, and the list to choose an answer from."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letters = {name: get_column_letter(number) for number, name in enumerate(COLUMNS, start=1)}
    for name, width in COLUMNS.items():
        sheet.column_dimensions[letters[name]].width = width
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{letters['comment']}{rows + 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    if rows:
        choices = ",".join(label(f"choice_{choice}") for choice in CHOICES)
        asked = DataValidation(type="list", formula1=f'"{choices}"', allow_blank=True, showErrorMessage=True)
        asked.errorTitle, asked.error = label("answer"), label("choose")
        asked.add(f"{letters['answer']}2:{letters['answer']}{rows + 1}")
        sheet.data_validations.append(asked)


def _cell(sheet: Any, value: object, *, fill: Any = None, font: Any = None) -> Any:
    """Return a cell; what is a text stays one, also where it begins like a formula, and whoever edits it."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment

    made: Any = WriteOnlyCell(sheet)
    if isinstance(value, str):
        made.value = plain(value) or None
        made.data_type, made.number_format, made.quotePrefix = ("s" if value else "n"), TEXT, True
    else:
        made.value = value
    made.alignment = Alignment(vertical="top", wrap_text=True)
    if fill is not None:
        made.fill = fill
    if font is not None:
        made.font = font
    return made


def plain(text: str) -> str:
    """Return a text as a cell can hold it; a character that no workbook holds stands as U+FFFD."""
    return FORBIDDEN.sub("\ufffd", text)[:LONGEST]


def _told(line: AskedLine, label: Label) -> dict[str, object]:
    waiting = label("query_held_with").format(rows=line.held_with) if line.held_with else ""
    return {
        "query": line.id,
        "file": line.file,
        "sheet": line.sheet,
        "row": line.row,
        "column": line.where,
        "value": line.value,
        "query_others": "\n".join(line.others),
        "rule": "\n".join(filter(None, (line.title, line.mend))),
        "expected": line.expected,
        "query_effect": "\n".join(filter(None, (line.effect, waiting))),
        "query_since": line.since,
        "query_status": line.status,
        "answer": line.choice,
        "comment": line.comment,
    }
