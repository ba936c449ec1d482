"""Places in the sources: which file, sheet, row and column are meant, in the words of a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from allpool.errors import AnalysisError
from allpool.models import Quarantine, SourceFile


@dataclass(frozen=True)
class CellPlace:
    """A cell, or with no column a row, as it is asked for."""

    file: str
    row: int
    sheet: str | None = None
    column: str | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.sheet, self.row, self.column) if part)


@dataclass(frozen=True)
class FoundPlace:
    """A place in the store: the feed, and the ids of the file's contents over time, newest first."""

    place: CellPlace
    feed: str
    source: str
    path: str
    sheet: str | None
    contents: tuple[str, ...]


def read_place(text: str) -> CellPlace | None:
    """Understand `FILE:ROW`, `FILE:ROW:COLUMN`, `FILE:SHEET:ROW:COLUMN`; None for what is no place.

    Rows count as a person sees them in an editor or spreadsheet. A column's name may hold colons.
    """
    found = re.fullmatch(r"(?P<file>.+?)(?::(?P<sheet>[^:]*))?:(?P<row>\d+)(?::(?P<column>.+))?", text)
    if found is None:
        return None
    return CellPlace(found["file"], int(found["row"]), found["sheet"] or None, found["column"])


def find_place(connection: Connection, place: CellPlace) -> FoundPlace:
    """Return where a place stands in the store.

    The file is named by its path in its feed's folder, with or without the feed before it. Raises
    `AnalysisError`, with the nearest names, for one that was never read, that several feeds have, or that has
    no such sheet or column.
    """
    table = SourceFile.__table__
    rows = [
        dict(row._mapping)
        for row in connection.execute(select(table).order_by(table.c.first_run.desc(), table.c.id))
    ]
    mine = [row for row in rows if _is(row, place.file)]
    if not mine:
        names = sorted({f"{row['feed']}/{row['path']}" for row in rows})
        raise AnalysisError(f"no file '{place.file}' was read{_near(place.file, names)}")
    feeds = sorted({row["feed"] for row in mine})
    if len(feeds) > 1:
        raise AnalysisError(
            f"{place.file} stands in the feeds {', '.join(feeds)}; write {feeds[0]}/{mine[0]['path']}"
        )
    sheets = list(dict.fromkeys(row["sheet"] for row in mine))
    if place.sheet is None and None in sheets:  # a FHIR file as a whole; a sheet of it holds the columns
        has = [row["sheet"] for row in mine if place.column in row["columns"]]
        sheets = [None] if place.column is None else list(dict.fromkeys(has)) or [None]
    if place.sheet is None and len(sheets) > 1:
        said = ", ".join(str(sheet) for sheet in sheets)
        raise AnalysisError(f"{place.file} has the sheets {said}; write {place.file}:{sheets[0]}:{place.row}")
    sheet = place.sheet if place.sheet is not None else sheets[0]
    own = [row for row in mine if sheet in (None, row["sheet"])]
    if not own:
        names = [str(sheet) for sheet in sheets if sheet]
        raise AnalysisError(f"{place.file} has no sheet '{place.sheet}'{_near(place.sheet or '', names)}")
    columns = list(dict.fromkeys(name for row in own for name in row["columns"]))
    if place.column is not None and place.column not in columns:
        raise AnalysisError(f"{place.file} has no column '{place.column}'{_near(place.column, columns)}")
    newest, contents = own[0], tuple(str(row["id"]) for row in own)
    return FoundPlace(place, feeds[0], str(newest["source"]), str(newest["path"]), sheet, contents)


def waiting_at(connection: Connection, found: FoundPlace) -> list[dict[str, Any]]:
    """Return the quarantine entries at a place, without what the source said: of its cell, row or file."""
    table = Quarantine.__table__
    query = select(table).where(table.c.feed == found.feed, table.c.file == found.path)
    entries = []
    for entry in connection.execute(query.order_by(table.c.id)):
        row = dict(entry._mapping)
        if found.sheet is not None and row["sheet"] not in (None, found.sheet):
            continue
        if row["row"] not in (None, found.place.row):
            continue
        if found.place.column is not None and row["column"] not in (None, found.place.column):
            continue
        entries.append(told(row))
    return entries


def told(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what may be said of a quarantine entry: place, rule and state, never the value."""
    names = ("id", "feed", "file", "sheet", "row", "column", "scope", "rule", "element", "status")
    return {name: entry[name] for name in names}


def _is(row: dict[str, Any], file: str) -> bool:
    path, feed = str(row["path"]), str(row["feed"])
    asked = file.replace("\\", "/").removeprefix("./")
    return asked in (path, f"{feed}/{path}") or path.endswith(f"/{asked}")


def _near(name: str, names: Sequence[str]) -> str:
    """Return a hint: the nearest names, or those there are."""
    tails = {each.rsplit("/", 1)[-1]: each for each in names}
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    close += [
        tails[tail] for tail in get_close_matches(name.rsplit("/", 1)[-1], list(tails), n=3, cutoff=0.5)
    ]
    near = list(dict.fromkeys(close))[:3]
    if near:
        return f"; nearest: {', '.join(near)}"
    return f"; there are: {', '.join(list(names)[:8])}" if names else "; there is none"
