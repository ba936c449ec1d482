"""Corruptions of workbooks: of their cells, and of the XML of their parts."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from tests.fuzz.corrupt import archives, cells
from tests.fuzz.corrupt.entities import declared
from tests.fuzz.packing import Parts, packed, saved, unpacked

WorkbookCorruption = Callable[[Random, bytes], bytes]
MIB = 2**20


def of_cells(change: Callable[[Random, cells.Table], cells.Table]) -> WorkbookCorruption:
    """Return the corruption that changes one sheet's cells by `change` and writes the workbook well."""

    def corrupted(random: Random, content: bytes) -> bytes:
        workbook = openpyxl.load_workbook(io.BytesIO(content))
        sheet = random.choice(workbook.worksheets)
        table = [
            ["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)
        ]
        at = workbook.index(sheet)
        title = sheet.title
        workbook.remove(sheet)
        fresh = workbook.create_sheet(title, at)
        for row in change(random, table):
            fresh.append([_legal(cell) or None for cell in row[:16_384]])
        return saved(workbook)

    corrupted.__name__ = change.__name__
    return corrupted


def other_types(random: Random, content: bytes) -> bytes:
    """Write numbers as text, text as numbers, dates, times, truth values, formulas and errors."""

    def change(sheet: Worksheet) -> None:
        for row in sheet.iter_rows():
            for cell in row:
                if random.random() < 0.1:
                    cell.value = random.choice(VALUES)
                    cell.number_format = random.choice(FORMATS)

    return _changed(random, content, change)


VALUES = (
    *(0, 1, -1, 0.1, 1e300, -1e-300, 2**53, 2**63, 59, 60, 61, 45_000, 45_000.75, 2_958_466, -3),
    *(True, False, datetime(1900, 1, 1), datetime(2021, 3, 28, 2, 30), timedelta(hours=30), None, "45000"),
    *(
        "=1+1",
        "=A1",
        "=1/0",
        "=SUM(A:A)",
        '=HYPERLINK("x","y")',
        "#DIV/0!",
        "#N/A",
        "'1",
        " ",
        "\u00a0",
        "NA",
    ),
)
FORMATS = (
    "General",
    "@",
    "0.00",
    "yyyy-mm-dd",
    "[h]:mm:ss",
    "hh:mm",
    '"x"0',
    "[$-804]yyyy年m月d日",
    "0%",
    "mmm",
)


def of_1904(_: Random, content: bytes) -> bytes:
    """Count days from 1904, as workbooks from old Macintoshes do."""
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    workbook.epoch = CALENDAR_MAC_1904
    return saved(workbook)


def merged_cells(random: Random, content: bytes) -> bytes:
    """Merge cells, also those of the header."""

    def change(sheet: Worksheet) -> None:
        row, column = random.randint(1, 5), random.randint(1, 5)
        sheet.merge_cells(
            start_row=row, start_column=column, end_row=row + random.choice((0, 3)), end_column=column + 2
        )

    return _changed(random, content, change)


def far_cell(random: Random, content: bytes) -> bytes:
    """Leave a stray cell far away."""

    def change(sheet: Worksheet) -> None:
        row, column = random.choice(
            ((1_048_576, 1), (1, 16_384), (1_048_576, 16_384), (5000, 300), (200_000, 20))
        )
        sheet.cell(row, column, "stray")

    return _changed(random, content, change)


def sheet_names(random: Random, content: bytes) -> bytes:
    """Rename, repeat, empty, hide or reorder sheets."""
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    sheet = random.choice(workbook.worksheets)
    match random.randrange(5):
        case 0:
            sheet.title = random.choice(("Sheet1", " Patients", "患者信息 ", "x" * 31))
        case 1:
            workbook.copy_worksheet(sheet)
        case 2:
            sheet.delete_rows(1, sheet.max_row)
        case 3:
            sheet.sheet_state = "hidden"
            workbook.active = 0
        case _:
            workbook.move_sheet(sheet, -len(workbook.worksheets))
    return saved(workbook)


def formulas_of_columns(random: Random, content: bytes) -> bytes:
    """Fill areas with array formulas, up to the whole sheet."""
    area = random.choice(("A2:A9", "B2:XFD1048576", "A1:XFD1048576", "C3:C1048576", "B2:A1", "B2"))

    def change(parts: Parts, name: str) -> None:
        cell = f'<c r="B2"><f t="array" ref="{area}">1+1</f><v>2</v></c>'
        parts[name] = re.sub(rb'<c r="B2".*?</c>|<c r="B2"[^>]*/>', cell.encode(), parts[name], count=1)

    return _repacked(random, content, change)


def part_bytes(random: Random, content: bytes) -> bytes:
    """Change bytes of a part's XML, and pack it well."""
    parts = unpacked(content)
    names = list(parts)
    for _ in range(random.choice((1, 5, 30))):
        name = random.choice(names)
        if parts[name]:
            changed = bytearray(parts[name])
            changed[random.randrange(len(changed))] = random.choice((*range(32, 127), 0, 0xFF, 0x22, 0x3C))
            parts[name] = bytes(changed)
    return packed(parts)


def attributes(random: Random, content: bytes) -> bytes:
    """Write attributes of the sheet that no program writes."""
    old, choices = random.choice(ATTRIBUTES)

    def change(parts: Parts, name: str) -> None:
        chosen = random.choice(choices)
        found = list(re.finditer(old, parts[name]))
        if found:
            at = random.choice(found)
            parts[name] = parts[name][: at.start()] + chosen + parts[name][at.end() :]

    return _repacked(random, content, change)


ATTRIBUTES: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (
        rb'\br="[A-Z]+\d+"',
        (b'r="ZZZZ1"', b'r="A0"', b'r="A99999999999"', b'r=""', b'r="XFD1048576"', b'r="-1"'),
    ),
    (
        rb'<row r="\d+"',
        (b'<row r="0"', b'<row r="9999999"', b'<row r="-5"', b'<row r="x"', b'<row r="2"', b"<row"),
    ),
    (
        rb'<dimension ref="[^"]*"',
        (b'<dimension ref="A1:XFD1048576"', b'<dimension ref="B9:A1"', b"<dimension"),
    ),
    (rb't="[a-zA-Z]+"', (b't="s"', b't="b"', b't="e"', b't="d"', b't="str"', b't="zzz"', b't="inlineStr"')),
    (
        rb"<v>[^<]*</v>",
        (b"<v>99999999</v>", b"<v>-1</v>", b"<v>NaN</v>", b"<v/>", b"<v>1e999</v>", b"<v>x</v>"),
    ),
    (rb'\bs="\d+"', (b's="9999"', b's="-1"', b's="x"')),
)


def shared_strings(random: Random, content: bytes) -> bytes:
    """Lie about how many shared strings there are, or cut them."""
    parts = unpacked(content)
    name = "xl/sharedStrings.xml"
    if name in parts:
        lie = random.choice((b"4294967295", b"18446744073709551615", b"-1", b"0", b"x"))
        parts[name] = re.sub(rb'(count|uniqueCount)="\d+"', rb'\1="' + lie + b'"', parts[name])
        if random.random() < 0.5:
            parts[name] = parts[name].replace(b"</si>", b"", 3)
    return packed(parts)


def entity_bomb(random: Random, content: bytes) -> bytes:
    """Declare entities that grow, or that reach out of the file."""
    parts = unpacked(content)
    name = random.choice([name for name in parts if name.endswith((".xml", ".rels"))])
    body = re.sub(rb"^<\?xml[^>]*\?>", b"", parts[name].lstrip())
    used = b"&l9;" * random.choice((1, 500))
    body = re.sub(rb"(<v>|<t>|<t [^>]*>)", rb"\1" + used, body, count=3)
    parts[name] = b'<?xml version="1.0"?>' + declared(random, "x") + body
    return packed(parts)


def deep_nesting(random: Random, content: bytes) -> bytes:
    """Nest elements deeper than any parser likes."""
    depth = random.choice((1000, 100_000, 1_000_000))

    def change(parts: Parts, name: str) -> None:
        parts[name] = parts[name].replace(b"<sheetData>", b"<sheetData>" + b"<a>" * depth, 1)

    return _repacked(random, content, change)


def xml_encoding(random: Random, content: bytes) -> bytes:
    """Declare another encoding in a part, or write in it."""

    def change(parts: Parts, name: str) -> None:
        body = re.sub(rb"^<\?xml[^>]*\?>", b"", parts[name].lstrip())
        lie = random.choice(("UTF-16", "UTF-7", "GB18030", "EBCDIC-CP-US", "x-unknown"))
        written = body if random.random() < 0.5 else body.decode().encode("utf-16")
        parts[name] = f'<?xml version="1.0" encoding="{lie}"?>'.encode() + written

    return _repacked(random, content, change)


def cell_bomb(random: Random, content: bytes) -> bytes:
    """Let a sheet be of millions of cells that pack into very little, each well formed."""

    def change(parts: Parts, name: str) -> None:
        row = random.choice(
            (b"<row><c><v>1</v></c></row>", b"<row/>", b"<row>" + b"<c><v>1</v></c>" * 200 + b"</row>")
        )
        filled = row * (random.choice((5, 40)) * MIB // len(row))
        parts[name] = parts[name].replace(b"</sheetData>", filled + b"</sheetData>", 1)

    return _repacked(random, content, change)


def string_bomb(random: Random, content: bytes) -> bytes:
    """Let many cells say one long shared string."""
    parts = unpacked(content)
    length, times = random.choice(((30_000, 20_000), (30_000, 1000), (200_000, 300)))
    name = _a_sheet(random, parts)
    cell = f'<row><c t="inlineStr"><is><t>{"x" * length}</t></is></c></row>'.encode()
    if "xl/sharedStrings.xml" in parts:
        parts["xl/sharedStrings.xml"] = re.sub(
            rb"<t[^>]*>[^<]*</t>", b"<t>" + b"x" * length + b"</t>", parts["xl/sharedStrings.xml"], count=1
        )
        cell = b'<row><c t="s"><v>0</v></c></row>'
    else:
        times = min(times, 40 * MIB // len(cell))
    parts[name] = parts[name].replace(b"</sheetData>", cell * times + b"</sheetData>", 1)
    return packed(parts)


OF_CELLS = tuple(of_cells(change) for change in cells.ALL)
OF_PARTS: tuple[WorkbookCorruption, ...] = (
    other_types,
    of_1904,
    merged_cells,
    far_cell,
    sheet_names,
    formulas_of_columns,
    part_bytes,
    attributes,
    shared_strings,
    entity_bomb,
    deep_nesting,
    xml_encoding,
    cell_bomb,
    string_bomb,
)
ALL = (*OF_CELLS, *OF_PARTS, *archives.ALL)


def _changed(random: Random, content: bytes, change: Callable[[Worksheet], None]) -> bytes:
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    change(random.choice(workbook.worksheets))
    return saved(workbook)


def _repacked(random: Random, content: bytes, change: Callable[[Parts, str], None]) -> bytes:
    parts = unpacked(content)
    change(parts, _a_sheet(random, parts))
    return packed(parts)


def _a_sheet(random: Random, parts: Parts) -> str:
    return random.choice(sorted(name for name in parts if name.startswith("xl/worksheets/sheet")))


def _legal(text: str) -> str:
    """Return the text without the characters that XML has no place for, as spreadsheet programs do."""
    return openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", text)[:700_000].replace("\uffff", "")
