"""Cells of a worksheet that are no plain values: formulas and errors; and how far a sheet reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from allpool.etl.readers.archive import unreadable
from allpool.etl.readers.xml import parse

# ECMA-376-1, 18.3.1.40: f (formula); 18.3.1.4 and 18.18.11: c with t="e" (error).
FORMULA = re.compile(rb"<f[\s/>]")
PREFIXED_FORMULA = re.compile(rb"<[\w.-]+:f[\s/>]")
ERROR_TYPE = (b'"e"', b"'e'")
FAR_COLUMN = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{2,9})[A-Za-z]*\d""")
FAR_ROW = re.compile(rb"""\br\s*=\s*["'][A-Za-z]*(\d{6,9})""")
ROW_TAG = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]")
CELL_TAG = re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,9})[A-Za-z]*(\d+)""")
NEAR_COLUMNS, NEAR_ROWS = 26, 99_999
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
LONGEST_TAG = 16 * 2**20

Position = tuple[int, int]
"""Row and column, both from 1."""


@dataclass(frozen=True)
class Survey:
    """What a glance at a sheet tells: bounds that no cell lies beyond, and whether to look closer."""

    rows: int
    columns: int
    is_special: bool
    cells: int
    """Cells that the sheet has, empty ones too."""


def survey(chunks: Iterator[bytes]) -> Survey:
    """Return the bounds of a sheet's XML; they may be too wide, never too narrow."""
    rows, columns, tags, cells, is_special = NEAR_ROWS, NEAR_COLUMNS, 0, 0, False
    for piece in _whole_tags(chunks):
        is_special = is_special or _may_be_special(piece)
        columns = max([columns, *(column_number(name.decode()) for name in set(FAR_COLUMN.findall(piece)))])
        rows = max([rows, *(int(digits) for digits in set(FAR_ROW.findall(piece)))])
        tags += len(ROW_TAG.findall(piece))
        cells += len(CELL_TAG.findall(piece))
    return Survey(rows=max(rows, tags), columns=columns, is_special=is_special, cells=cells)


def reach(chunks: Iterator[bytes]) -> Position:
    """Return the last row and the last column in which a cell of a sheet's XML says that it stands."""
    row = column = 0
    for piece in _whole_tags(chunks):
        for letters, digits in set(PLACE.findall(piece)):
            row, column = max(row, int(digits[:9])), max(column, column_number(letters.decode()))
    return row, column


def _may_be_special(piece: bytes) -> bool:
    return (
        FORMULA.search(piece) is not None
        or any(quoted in piece for quoted in ERROR_TYPE)
        or (b":f" in piece and PREFIXED_FORMULA.search(piece) is not None)
    )


def special_cells(chunks: Iterator[bytes]) -> tuple[dict[Position, str], dict[Position, str], list[Area]]:
    """Return formulas by cell, error values by cell, and the areas that one formula fills together."""
    scan = _Scan()
    parse(chunks, start=scan.start, end=scan.end, text=scan.text)
    return scan.formulas, scan.errors, scan.areas


@dataclass(frozen=True)
class Area:
    """The cells that an array formula or data table fills; only its first cell carries the formula."""

    first: Position
    last: Position
    formula: str

    def cells(self, *, rows: int, columns: int) -> Iterator[Position]:
        """Yield its cells within the sheet's first `rows` and `columns`."""
        for row in range(self.first[0], min(self.last[0], rows) + 1):
            for column in range(self.first[1], min(self.last[1], columns) + 1):
                yield row, column


def column_number(letters: str) -> int:
    """Return the number of a column from 1: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def position(reference: str) -> Position:
    """Return row and column of a reference such as B2."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        unreadable("a cell has no valid address")
    return int(match[2]), column_number(match[1])


@dataclass
class _Scan:
    formulas: dict[Position, str] = field(default_factory=dict)
    errors: dict[Position, str] = field(default_factory=dict)
    areas: list[Area] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    row: int = 0
    column: int = 0
    reference: str | None = None
    """Of the cell now read, until its place is asked for."""
    is_error: bool = False
    formula: dict[str, str] | None = None
    heard: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            if "r" in attributes:
                self.reference = attributes["r"]
            else:
                row, column = self.place
                self.row, self.column = row, column + 1
            self.is_error = attributes.get("t") == "e"
        elif name == "row":
            row = self.place[0]
            self.row = int(attributes["r"]) if attributes.get("r", "").isdecimal() else row + 1
            self.column = 0
        elif name == "f":
            self.formula, self.heard = attributes, []
        elif name == "v" and self.is_error:
            self.heard = []

    @property
    def place(self) -> Position:
        """Where the cell now read stands."""
        if self.reference is not None:
            self.row, self.column = position(self.reference)
            self.reference = None
        return self.row, self.column

    def text(self, text: str) -> None:
        if self.heard is not None:
            self.heard.append(text)

    def end(self, name: str) -> None:
        if self.heard is None or name not in ("f", "v"):
            return
        heard, self.heard = "".join(self.heard), None
        if name == "v":
            self.errors[self.place] = heard
        elif self.formula is not None:
            self._keep(self.formula, heard)
            self.formula = None

    def _keep(self, attributes: dict[str, str], formula: str) -> None:
        # ECMA-376-1, 18.3.1.40: the first cell of a shared formula carries the text, the others its index si.
        shared = attributes.get("si", "")
        if attributes.get("t") == "shared" and formula:
            self.shared[shared] = f"={formula} (shared)"
        elif attributes.get("t") == "shared":
            self.formulas[self.place] = self.shared.get(shared, "= (shared)")
            return
        self.formulas[self.place] = f"={formula}"
        if attributes.get("t") in ("array", "dataTable") and "ref" in attributes:
            first, _, last = attributes["ref"].partition(":")
            self.areas.append(Area(position(first), position(last or first), f"={formula}"))


def _whole_tags(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes in pieces that end where a tag begins."""
    rest = b""
    for chunk in chunks:
        piece = rest + chunk
        cut = piece.rfind(b"<")
        if cut < 0 or len(piece) - cut > LONGEST_TAG:
            if len(piece) > LONGEST_TAG:
                unreadable("a cell is larger than a workbook allows")
            rest = piece
            continue
        yield piece[:cut]
        rest = piece[cut:]
    yield rest
