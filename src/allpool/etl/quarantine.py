"""The quarantine in the store: what waits, since when, what was mended, and how to ask for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import polars_hash as plh
from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select, update
from sqlalchemy.engine import Connection

from allpool.models import Quarantine
from allpool.models.bulk import append, read, temporary

QUARANTINE: Table = Quarantine.metadata.tables[Quarantine.__tablename__]

IDENTITY: Final = ("feed", "file", "sheet", "row", "column", "rule", "value")
"""What makes two entries the same one: the place, the rule and what the source said."""

ID_LENGTH: Final = 32

WHOLE_FEED: Final = "feed"


@dataclass(frozen=True)
class Recorded:
    """Entries of one feed by what became of them."""

    new: int
    again: int
    mended: int
    unread: int
    """Entries that stay open because their file was not read this time."""

    @property
    def open(self) -> int:
        """Entries that wait."""
        return self.new + self.again + self.unread


def record(
    connection: Connection, entries: pl.DataFrame, *, feed: str, run: int, unread: Collection[str] = ()
) -> Recorded:
    """Make the open entries of `feed` those in `entries`, in the caller's transaction.

    `entries` has columns of the quarantine table; id, feed, status and runs are set here, duplicates fall
    together. An entry seen before keeps the run that first saw it, also where it had been mended in between.
    Entries not seen again become mended, but for those of the files (paths) in `unread`, of which nothing is
    known.
    """
    known = read(connection, select(QUARANTINE.c.id, QUARANTINE.c.first_run).where(QUARANTINE.c.feed == feed))
    given = entries if entries.height else pl.DataFrame(schema=dict.fromkeys(IDENTITY, pl.String))
    seen = (
        with_ids(given.with_columns(feed=pl.lit(feed)))
        .unique("id", keep="first", maintain_order=True)
        .join(known, on="id", how="left", maintain_order="left")
    )
    again = seen["first_run"].count()
    seen = seen.with_columns(
        status=pl.lit("open"), first_run=pl.col("first_run").fill_null(run), last_run=pl.lit(run)
    )
    if again:
        with temporary(connection, seen.select("id")) as listed:
            connection.execute(delete(QUARANTINE).where(QUARANTINE.c.id.in_(select(listed.c.id))))
    waiting = and_(QUARANTINE.c.feed == feed, QUARANTINE.c.status == "open")
    spared = _of_files(unread)
    mended = connection.execute(update(QUARANTINE).where(waiting, ~spared).values(status="mended")).rowcount
    left = connection.scalar(select(func.count()).select_from(QUARANTINE).where(waiting))
    append(connection, QUARANTINE, seen.sort("id"))
    return Recorded(new=seen.height - again, again=again, mended=mended, unread=int(left or 0))


def open_entries(connection: Connection, feed: str) -> int:
    """Return how many entries of `feed` wait."""
    waiting = and_(QUARANTINE.c.feed == feed, QUARANTINE.c.status == "open")
    return int(connection.scalar(select(func.count()).select_from(QUARANTINE).where(waiting)) or 0)


def with_ids(entries: pl.DataFrame) -> pl.DataFrame:
    """Return `entries` with their id: SHA-256 over the parts of their identity."""
    parts = [_text(entries, name) for name in IDENTITY]
    return entries.with_columns(identity_hash(entries, parts, length=ID_LENGTH).alias("id"))


def identity_hash(rows: pl.DataFrame, parts: Sequence[pl.Expr], *, length: int) -> pl.Series:
    """Return the first `length` hex digits of SHA-256 over texts, each with its length in bytes.

    The lengths keep ("ab", "c") and ("a", "bc") apart, and a missing part from an empty one.
    """
    told = [
        pl.when(text.is_null()).then(pl.lit("-")).otherwise(pl.format("{}:{}", text.str.len_bytes(), text))
        for text in parts
    ]
    joined = rows.select(pl.concat_str(told, separator=",").alias("identity"))
    return joined.select(plh.col("identity").chash.sha2_256().str.head(length)).to_series()


def _text(entries: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String) if name in entries.columns else pl.lit(None, pl.String)


def _of_files(paths: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that an entry tells of a cell, row or column of one of `paths`."""
    within = QUARANTINE.c.scope.not_in(["file", WHOLE_FEED])
    return and_(QUARANTINE.c.file.in_(sorted(paths)), or_(within, QUARANTINE.c.scope.is_(None)))


PLACE: Final = ("feed", "centre", "file", "sheet", "row", "column", "scope", "rule", "severity", "expected")
"""Where and why; no value."""
WHOLE: Final = ("id", *PLACE, "value", "record", "element", "status", "first_run", "last_run")


def counts(
    connection: Connection, *, centre: str | None = None, run: int | None = None
) -> list[dict[str, Any]]:
    """Return the number of open entries by feed, rule, file and column."""
    table = Quarantine
    query: Any = (
        select(table.feed, table.rule, table.file, table.sheet, table.column, func.count().label("entries"))
        .where(table.status == "open")
        .group_by(table.feed, table.rule, table.file, table.sheet, table.column)
        .order_by(table.feed, func.count().desc(), table.rule, table.file, table.column)
    )
    return _rows(connection, _narrowed(query, centre, run))


def entries(
    connection: Connection, *, centre: str | None = None, run: int | None = None, values: bool = False
) -> list[dict[str, Any]]:
    """Return the open entries one by one; `values` adds what the cells said, for the centre's own eyes."""
    names = WHOLE if values else tuple(name for name in WHOLE if name != "value")
    query: Any = (
        select(*(QUARANTINE.c[name] for name in names))
        .where(Quarantine.status == "open")
        .order_by(Quarantine.feed, Quarantine.file, Quarantine.sheet, Quarantine.row, Quarantine.column)
    )
    return _rows(connection, _narrowed(query, centre, run))


def _narrowed(query: Any, centre: str | None, run: int | None) -> Any:
    if centre is not None:
        query = query.where((Quarantine.centre == centre) | (Quarantine.feed == centre))
    if run is not None:
        query = query.where(Quarantine.first_run <= run, Quarantine.last_run >= run)
    return query


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
