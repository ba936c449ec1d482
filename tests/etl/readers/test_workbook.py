"""Excel workbooks: values as text, formulas and errors as findings, what is no workbook refused."""

from __future__ import annotations

import io
import math
import re
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.etl.readers import ROW, ReadLimits, SourceFailure, SourceTable, read_source
from allpool.mappings.read import WorkbookRead

Read = Callable[..., SourceTable]
Fail = Callable[..., SourceFailure]
EXCEL = {"format": "excel", "name": "f.xlsx"}


def workbook(rows: list[list[object]], *, sheet: str = "数据") -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def sheet_as(xml: str) -> bytes:
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    body = f"{head}{xml}</sheetData></worksheet>".encode()
    return repacked(workbook([["a"]]), lambda name, old: body if name.endswith("sheet1.xml") else old)


def rows(table: SourceTable) -> list[tuple[object, ...]]:
    return table.frame.select(ROW, *table.columns).rows()


def findings(table: SourceTable) -> list[tuple[object, ...]]:
    return table.problems.select("row", "column", "scope", "rule", "value").rows()


def test_values_of_every_kind_become_text(table: Read) -> None:
    found = table(
        workbook(
            [
                ["id", "value"],
                ["007", 1234.0],
                ["two\nlines ", 0.1],
                [True, False],
                [date(2023, 1, 5), datetime(2023, 1, 5, 7, 30)],
                [time(7, 30), timedelta(hours=30, minutes=5)],
                [-3, 1e-05],
                [2**53, 1e300],
                ["1.10", "NA"],
            ]
        ),
        **EXCEL,
    )
    assert found.facts.sheet == "数据"
    assert found.facts.encoding is None
    assert rows(found) == [
        (2, "007", "1234"),
        (3, "two\nlines", "0.1"),
        (4, "TRUE", "FALSE"),
        (5, "2023-01-05", "2023-01-05T07:30:00"),
        (6, "07:30:00", "30:05:00"),
        (7, "-3", "1e-05"),
        (8, "9007199254740992.0", "1e+300"),
        (9, "1.10", "NA"),
    ]
    assert findings(found) == []


def test_numbers_take_the_declared_decimal_sign(table: Read) -> None:
    found = table(workbook([["x"], [1.5], ["2,5"], [3]]), decimal=",", **EXCEL)
    assert [row[1] for row in rows(found)] == ["1,5", "2,5", "3"]


def test_rows_and_columns_are_counted_as_the_sheet_shows_them(table: Read) -> None:
    content = workbook([["Title"], [], [None, "id", None, "x"], [None, 1, None, 2], [], [None, 3, 9, 4]])
    found = table(content, header_row=3, **EXCEL)
    assert found.columns == ("id", "column_3", "x")
    assert rows(found) == [(4, "1", None, "2"), (6, "3", "9", "4")]
    assert found.blank_rows == 1


def test_a_table_that_starts_far_from_the_corner(table: Read) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for address, value in {"C4": "id", "D4": "x", "C5": 1, "D5": "=C5", "E5": 7}.items():
        page[address] = value
    found = table(saved(book), header_row=4, **EXCEL)
    assert found.columns == ("id", "x", "column_5")
    assert rows(found) == [(5, "1", None, "7")]
    assert findings(found) == [(5, "x", "cell", "formula_cell", "=C5")]


def test_formulas_and_errors_cost_their_cell(table: Read) -> None:
    content = workbook(
        [
            ["id", "x", "y"],
            ["P1", "=1+1", 1],
            ["P2", 2, "#REF!"],
            [None, None, '=IF(A2="","",1)'],
            ["P3", 3, "=1/0"],
        ]
    )
    found = table(content, **EXCEL)
    assert rows(found) == [
        (2, "P1", None, "1"),
        (3, "P2", "2", None),
        (4, None, None, None),
        (5, "P3", "3", None),
    ]
    assert findings(found) == [
        (2, "x", "cell", "formula_cell", "=1+1"),
        (3, "y", "cell", "excel_error", "#REF!"),
        (4, "y", "cell", "formula_cell", '=IF(A2="","",1)'),
        (5, "y", "cell", "formula_cell", "=1/0"),
    ]


def test_shared_and_array_formulas_are_seen_in_each_cell_they_fill(table: Read) -> None:
    found = table(
        sheet_as(
            '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c>'
            '<c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
            '<row r="2"><c r="A2"><f t="shared" ref="A2:A3" si="0">B2*2</f><v>2</v></c>'
            '<c r="B2"><v>1</v></c></row>'
            '<row r="3"><c r="A3"><f t="shared" si="0"/><v>4</v></c><c r="B3"><v>2</v></c></row>'
            '<row><c><f t="array" ref="A4:B1000000">1</f><v>1</v></c><c><v>1</v></c></row>'
            '<row r="5"><c r="A5"><v>8</v></c><c r="B5" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        ),
        **EXCEL,
    )
    assert rows(found) == [(2, None, "1"), (3, None, "2"), (4, None, None), (5, None, None)]
    assert findings(found) == [
        (2, "a", "cell", "formula_cell", "=B2*2"),
        (3, "a", "cell", "formula_cell", "=B2*2 (shared)"),
        (4, "a", "cell", "formula_cell", "=1"),
        (4, "b", "cell", "formula_cell", "=1"),
        (5, "a", "cell", "formula_cell", "=1"),
        (5, "b", "cell", "formula_cell", "=1/0"),
    ]


def test_text_that_looks_like_a_formula_or_an_error_stays_text(table: Read) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        for row, text in enumerate(["x", '<f>= t="e"', "=1+1", "#REF!"]):
            page.write_string(row, 0, text)
    found = table(out.getvalue(), **EXCEL)
    assert [row[1] for row in rows(found)] == ['<f>= t="e"', "=1+1", "#REF!"]
    assert findings(found) == []


def test_a_formula_in_the_header(failure: Fail) -> None:
    found = failure(workbook([["id", '="visit "&1'], [1, 2]]), **EXCEL)
    assert (found.rule, found.row, found.sheet) == ("formula_cell", 1, "数据")


def test_sheets_are_chosen_by_name_first_alternative_or_order(table: Read, failure: Fail) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.append(["a"])
    first.append([1])
    hidden = book.create_sheet("MRD & more")
    hidden.sheet_state = "hidden"
    hidden.append(["b"])
    hidden.append([2])
    book.create_chartsheet("chart", 0)
    content = saved(book)
    assert table(content, **EXCEL).columns == ("a",)
    assert table(content, sheet="MRD & more", **EXCEL).columns == ("b",)
    assert table(content, sheet=("mrd", "MRD & more"), **EXCEL).facts.sheet == "MRD & more"
    missing = failure(content, sheet="AE", **EXCEL)
    assert (missing.rule, missing.sheet) == ("missing_sheet", "AE")
    assert "'Sheet', 'MRD & more'" in missing.message


def test_an_empty_sheet_a_header_alone_and_a_duplicated_header(table: Read, failure: Fail) -> None:
    assert failure(workbook([]), **EXCEL).rule == "empty_file"
    assert failure(workbook([["a"], [1]]), header_row=5, **EXCEL).rule == "no_header"
    alone = table(workbook([["a", "b"]]), **EXCEL)
    assert findings(alone) == [(1, None, "file", "header_only", None)]
    twice = failure(workbook([["a", "b", "a "], [1, 2, 3]]), **EXCEL)
    assert (twice.rule, twice.sheet, twice.row, twice.column) == ("duplicate_header", "数据", 1, "a")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"id,x\n1,2\n",
        b"PK\x03\x04 not really",
        bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600),
        workbook([["a"], [1]])[:-200],
        repacked(workbook([["a"], [1]]), lambda name, old: old[:-9] if name.endswith("sheet1.xml") else old),
        repacked(workbook([["a"], [1]]), lambda name, old: b"" if name.endswith("workbook.xml") else old),
    ],
    ids=["empty", "csv", "zip-like", "old-or-encrypted", "cut", "bad-sheet", "bad-workbook"],
)
def test_what_is_no_workbook(failure: Fail, content: bytes) -> None:
    found = failure(content, **EXCEL)
    assert found.rule == "unreadable_workbook"
    assert found.facts is not None


def test_a_flipped_byte_never_crashes_the_run(tmp_path: Path) -> None:
    content = workbook([["id", "x"], *([f"P{i}", i / 7] for i in range(40))])
    for place in range(0, len(content), 23):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / "f.xlsx").write_bytes(damaged)
        (found,) = read_source(tmp_path, "f.xlsx", WorkbookRead(format="excel"))
        assert found.facts is not None


def test_a_bomb_is_refused_whether_it_is_declared_or_not(failure: Fail) -> None:
    content = repacked(
        workbook([["a"], [1]]), lambda name, old: bytes(100 * 2**20) if name.endswith("styles.xml") else old
    )
    assert len(content) < 2**18
    assert failure(content, **EXCEL).rule == "unreadable_workbook"
    lying = bytearray(content)
    true_size = (100 * 2**20).to_bytes(4, "little")
    while (place := lying.find(true_size)) >= 0:
        lying[place : place + 4] = (1_000).to_bytes(4, "little")
    assert failure(bytes(lying), **EXCEL).rule == "unreadable_workbook"


def test_a_document_type_is_refused(failure: Fail) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    content = repacked(workbook([["a"]]), lambda name, old: bomb if name == "xl/workbook.xml" else old)
    assert failure(content, **EXCEL).rule == "unreadable_workbook"


def test_a_stray_cell_at_the_far_corner_is_refused_before_memory_is_asked_for(failure: Fail) -> None:
    cell = '<c r="{}" t="inlineStr"><is><t>x</t></is></c>'
    near, far = cell.format("A1"), cell.format("XFD1048576")
    for xml in (
        f'<row r="1">{near}</row><row r="1048576">{far}</row>',
        f'<row r="1">{near}{far}</row>',
        f"<row r='1'>{near}</row><row>{far.replace(chr(34), chr(39))}</row>",
        f'<row r="1">{near}{cell.format("ZZZZ1")}</row>',
        f'<row r="1">{near}{cell.format("ZZZZZZZZZZZZ99999999999")}</row>',
    ):
        found = failure(sheet_as(xml), **EXCEL)
        assert (found.rule, found.sheet) == ("sheet_too_large", "数据")


def test_a_stray_cell_far_below_a_small_table_is_refused(failure: Fail, table: Read) -> None:
    cell = '<c r="{}" t="inlineStr"><is><t>x</t></is></c>'
    header = "".join(cell.format(f"{letter}1").replace(">x<", f">{letter}<") for letter in "ABCDEFGHIJ")
    near, far = (
        sheet_as(f'<row r="1">{header}</row><row r="{row}">{cell.format(f"A{row}")}</row>')
        for row in (90_000, 1_048_576)
    )
    assert failure(far, **EXCEL).rule == "sheet_too_large"
    assert table(near, **EXCEL).frame[ROW].to_list() == [90_000]


def test_rows_that_pack_into_almost_nothing_are_refused(failure: Fail) -> None:
    assert failure(sheet_as("<row><c><v>1</v></c></row>" * 800_000), **EXCEL).rule == "unreadable_workbook"


@pytest.mark.parametrize(
    ("part", "old", "new"), [("shared", b"</si>", b""), ("sheet1", b"</sheetData>", b"")]
)
def test_a_part_that_is_not_well_formed_is_refused_before_cells_are_lost_or_mixed_up(
    failure: Fail, part: str, old: bytes, new: bytes
) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet().write_row(0, 0, ["id", "sex"])

    def changed(name: str, said: bytes) -> bytes:
        return said.replace(old, new, 1) if part in name.lower() else said

    assert failure(repacked(out.getvalue(), changed), **EXCEL).rule == "unreadable_workbook"


@pytest.mark.parametrize("lie", [b"18446744073709551615", b"4294967295", b"-1", b"x"])
def test_a_table_of_strings_that_lies_about_their_number_is_refused(
    failure: Fail, capfd: pytest.CaptureFixture[str], lie: bytes
) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet().write_string(0, 0, "name")

    def changed(name: str, old: bytes) -> bytes:
        return re.sub(rb'uniqueCount="\d+"', b'uniqueCount="%s"' % lie, old) if "shared" in name else old

    assert failure(repacked(out.getvalue(), changed), **EXCEL).rule == "unreadable_workbook"
    assert capfd.readouterr().err == ""  # the library below panics aloud


def test_a_long_text_that_every_cell_repeats_is_refused_before_memory_is_asked_for(
    failure: Fail, table: Read
):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(3_000):
            sheet.write_string(row, 0, "name" if row == 0 else "x" * 30_000)
    assert failure(out.getvalue(), **EXCEL).rule == "unreadable_workbook"
    limits = ReadLimits(text_characters=2**30)
    assert table(out.getvalue(), limits=limits, **EXCEL).frame.height == 2_999


def test_limits_are_the_callers(failure: Fail) -> None:
    content = workbook([["a"], [1]])
    assert failure(content, limits=ReadLimits(workbook_bytes=100), **EXCEL).rule == "unreadable_workbook"
    assert failure(content, limits=ReadLimits(sheet_cells=100), **EXCEL).rule == "sheet_too_large"


TEXT = st.text(alphabet="ab 1\t\n=#<&>\"'é性,", max_size=8)
VALUE = st.one_of(
    st.none(),
    TEXT,
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.booleans(),
    st.dates(date(1900, 3, 1), date(2199, 12, 31)),
    st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31)).map(lambda when: when.replace(microsecond=0)),
    st.sampled_from(["A1+1", "SUM(A1:A2)"]).map(lambda formula: ("formula", formula)),
)


@settings(max_examples=150, deadline=None)
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(VALUE, min_size=width, max_size=width), max_size=8)
    )
)
def test_what_xlsxwriter_writes_is_read_back(table: list[list[object]]) -> None:
    width = len(table[0]) if table else 2
    expected, formulas = [], []
    with tempfile.TemporaryDirectory() as folder:
        with xlsxwriter.Workbook(Path(folder) / "f.xlsx") as book:
            formats = {
                date: book.add_format({"num_format": "yyyy-mm-dd"}),
                datetime: book.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"}),
            }
            page = book.add_worksheet("s")
            page.write_row(0, 0, [f"c{i}" for i in range(width)])
            for row, values in enumerate(table, start=1):
                cells = []
                for column, value in enumerate(values):
                    write(page, row, column, value, formats)
                    cells.append(expected_text(value))
                    if isinstance(value, tuple):
                        formulas.append((row + 1, f"c{column}", "cell", "formula_cell", f"={value[1]}"))
                if any(cells) or any(isinstance(value, tuple) for value in values):
                    expected.append((row + 1, *cells))
        (found,) = read_source(Path(folder), "*.xlsx", WorkbookRead(format="excel"))
    assert isinstance(found, SourceTable), found
    assert rows(found) == expected
    assert [entry for entry in findings(found) if entry[2] == "cell"] == formulas


def write(page: xlsxwriter.worksheet.Worksheet, row: int, column: int, value: object, formats: dict) -> None:
    if isinstance(value, tuple):
        page.write_formula(row, column, f"={value[1]}")
    elif isinstance(value, str):
        page.write_string(row, column, value)
    elif isinstance(value, date):
        page.write_datetime(row, column, value, formats[type(value)])
    elif value is not None:
        page.write(row, column, value)


def expected_text(value: object) -> str | None:
    if value is None or isinstance(value, tuple):
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, float):
        # xlsxwriter keeps 16 significant digits of a number, one fewer than some need.
        value = float(f"{value:.16G}")
        return str(int(value)) if value.is_integer() and math.fabs(value) < 2**53 else repr(value)
    return str(value).strip() or None
