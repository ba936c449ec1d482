"""A copy of one feed's files in memory, its cells reached by what they hold, and written out again."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import yaml

ROOT = Path(__file__).resolve().parents[2] / "examples" / "consortium"
EPOCH = date(1899, 12, 30)
"""Day 0 of Excel's serials (after February 1900)."""


@dataclass(frozen=True)
class Feed:
    """One feed of the example consortium."""

    id: str
    folder: Path
    mapping: Path
    decimal: str
    encoding: str
    separator: str


@dataclass(frozen=True, order=True)
class Cell:
    """Where a cell stands as a person would say it; without a column, the row; without a row, the file."""

    file: str
    sheet: str | None
    row: int | None
    column: str | None


@dataclass
class Sheet:
    """A table as its file has it: header and rows of cells; the first record stands in row 2."""

    file: str
    name: str | None
    header: list[str]
    rows: list[list[Any]]

    def at(self, column: str) -> int:
        """Return the index of a column."""
        return self.header.index(column)


@cache
def feeds() -> tuple[Feed, ...]:
    """Return the feeds of the example consortium."""
    config = tomllib.loads((ROOT / "allpool.toml").read_text(encoding="utf-8"))
    return tuple(
        Feed(
            id=item["id"],
            folder=ROOT / item["folder"],
            mapping=ROOT / "mappings" / item["mapping"],
            decimal="," if item["id"].startswith("004") else ".",
            encoding=_encoding(item["mapping"]),
            separator=";" if item["id"].startswith("004") else ",",
        )
        for item in config["feeds"]
    )


def _encoding(mapping: str) -> str:
    named = {"001.yaml": "gb18030", "004_cp1250.yaml": "cp1250", "004_utf8.yaml": "utf-8-sig"}
    return named.get(mapping, "utf-8")


@cache
def _roles() -> dict[str, Any]:
    return dict(yaml.safe_load((Path(__file__).parent / "roles.yaml").read_text(encoding="utf-8")))


def _style(feed: Feed, sheets: list[Sheet]) -> dict[str, Any]:
    if feed.id.startswith("003"):
        name = "003-zh" if any(sheet.name == "患者信息" for sheet in sheets) else "003-en"
    else:
        name = "004" if feed.id.startswith("004") else feed.id
    return dict(_roles()[name])


@dataclass
class Copy:
    """The files of one feed, to be changed."""

    feed: Feed
    sheets: list[Sheet]
    style: dict[str, Any] = field(default_factory=dict)

    def sheet_of(self, table: str) -> Sheet | None:
        """Return the sheet that a table of the roles stands in."""
        wanted = self.style["tables"].get(table)
        if wanted is None:
            return None
        return next(
            (
                sheet
                for sheet in self.sheets
                if wanted.get("sheet", sheet.name) == sheet.name
                and wanted.get("file", sheet.file) == sheet.file
            ),
            None,
        )

    def place(self, role: str) -> tuple[Sheet, str] | None:
        """Return sheet and column of a role, where the feed has it."""
        named = self.style["roles"].get(role)
        if named is None:
            return None
        table, column = named.split(".", 1)
        sheet = self.sheet_of(table)
        return (sheet, column) if sheet is not None and column in sheet.header else None

    def rows(self, role: str, patient: str | None = None) -> list[int]:
        """Return the indices of rows in which `role` stands and is filled, of one patient or all."""
        found = self.place(role)
        if found is None:
            return []
        sheet, column = found
        table = self.style["tables"][self.style["roles"][role].split(".", 1)[0]]
        where, filled = table.get("where", {}), table.get("filled")
        key, index = sheet.at(self.style["key"]), sheet.at(column)
        return [
            number
            for number, row in enumerate(sheet.rows)
            if row[index] not in (None, "")
            and (patient is None or row[key] == patient)
            and all(row[sheet.at(name)] == value for name, value in where.items())
            and (filled is None or row[sheet.at(filled)] not in (None, ""))
        ]

    def all_rows(self, role: str, patient: str) -> list[int]:
        """Return the rows of a patient in the table of `role`, whether it is filled or not."""
        found = self.place(role)
        if found is None:
            return []
        sheet, _ = found
        table = self.style["tables"][self.style["roles"][role].split(".", 1)[0]]
        where, filled = table.get("where", {}), table.get("filled")
        key = sheet.at(self.style["key"])
        return [
            number
            for number, row in enumerate(sheet.rows)
            if row[key] == patient
            and all(row[sheet.at(name)] == value for name, value in where.items())
            and (filled is None or row[sheet.at(filled)] not in (None, ""))
        ]

    @property
    def patients(self) -> list[str]:
        """Return the patients, in the order of their table."""
        sheet = self.sheet_of("patients")
        assert sheet is not None  # every feed of the example has one
        key = sheet.at(self.style["key"])
        return list(dict.fromkeys(str(row[key]) for row in sheet.rows))

    def get(self, role: str, row: int) -> Any:
        """Return what a cell says."""
        sheet, column = self._required(role)
        return sheet.rows[row][sheet.at(column)]

    def put(self, role: str, row: int, value: Any) -> None:
        """Change a cell."""
        sheet, column = self._required(role)
        sheet.rows[row][sheet.at(column)] = value

    def number(self, role: str, row: int) -> float | None:
        """Return the number that a cell says."""
        try:
            return float(str(self.get(role, row)).replace(self.feed.decimal, "."))
        except ValueError:
            return None

    def put_number(self, role: str, row: int, value: float) -> None:
        """Change a cell to a number, as the file would write it."""
        said = f"{value:.10g}"
        plain: Any = float(said) if self.is_workbook(role) else said.replace(".", self.feed.decimal)
        self.put(role, row, plain)

    def is_workbook(self, role: str) -> bool:
        """Return whether the role stands in a workbook."""
        return self._required(role)[0].name is not None

    def day(self, role: str, row: int) -> date | None:
        """Return the day that a cell says."""
        said = self.get(role, row)
        if said in (None, ""):
            return None
        if isinstance(said, datetime):
            return said.date()
        kind = self._format(role)
        if kind == "excel":
            return EPOCH + timedelta(days=int(said))
        try:
            return datetime.strptime(str(said), kind).date()
        except ValueError:
            return None

    def put_day(self, role: str, row: int, day: date) -> None:
        """Change a cell to a day, as the file would write it."""
        self.put(role, row, self.written(role, day))

    def written(self, role: str, day: date) -> Any:
        """Return a day as the file would write it."""
        kind = self._format(role)
        if kind == "excel":
            serial = (day - EPOCH).days
            return serial if self.is_workbook(role) else str(serial)
        if kind == "cell":
            return datetime(day.year, day.month, day.day)
        text = day.strftime(kind) if day.year >= 1000 else day.isoformat()
        return re.sub(r"(?<![0-9])0([0-9])", r"\1", text) if self.feed.id.startswith("001") else text

    def _format(self, role: str) -> str:
        if role == "birth":
            return str(self.style["birth"])
        kind = str(self.style.get("formats", {}).get(role, self.style["dates"]))
        return "%Y-%m-%d" if kind == "iso" else kind

    def word(self, name: str) -> Any:
        """Return how the centre writes something."""
        return self.style["words"].get(name)

    def cell(self, role: str, row: int) -> Cell:
        """Return the place of a cell."""
        sheet, column = self._required(role)
        return Cell(sheet.file, sheet.name, row + 2, column)

    def _required(self, role: str) -> tuple[Sheet, str]:
        found = self.place(role)
        if found is None:
            raise KeyError(role)
        return found

    def write(self, folder: Path) -> None:
        """Write all files into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        books: dict[str, list[Sheet]] = {}
        for sheet in self.sheets:
            books.setdefault(sheet.file, []).append(sheet)
        for name, sheets in books.items():
            if sheets[0].name is None:
                (folder / name).write_bytes(_csv(sheets[0], self.feed))
            else:
                _workbook(sheets, folder / name)


def copied(feed: Feed) -> Copy:
    """Return a fresh copy of a feed's files."""
    sheets = [
        Sheet(file, name, list(header), [list(row) for row in rows])
        for file, name, header, rows in _read(feed)
    ]
    return Copy(feed, sheets, _style(feed, sheets))


@cache
def _read(feed: Feed) -> tuple[tuple[str, str | None, list[str], list[list[Any]]], ...]:
    return tuple(_tables(feed))


def _tables(feed: Feed) -> Iterator[tuple[str, str | None, list[str], list[list[Any]]]]:
    for path in sorted(feed.folder.iterdir()):
        if path.suffix == ".xlsx":
            for sheet in openpyxl.load_workbook(path):
                header, *rows = [list(row) for row in sheet.iter_rows(values_only=True)]
                yield path.name, sheet.title, [str(name) for name in header], rows
        elif path.suffix == ".csv":
            text = path.read_bytes().decode(feed.encoding)
            header, *rows = list(csv.reader(io.StringIO(text), delimiter=feed.separator))
            yield path.name, None, header, rows


def _csv(sheet: Sheet, feed: Feed) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=feed.separator, lineterminator="\n")
    writer.writerows([sheet.header, *sheet.rows])
    return out.getvalue().encode(feed.encoding, errors="xmlcharrefreplace")


def _workbook(sheets: list[Sheet], path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for row in [sheet.header, *sheet.rows]:
            page.append(row)
    book.save(path)
