"""The quarantine in the store: what waits, since when, and what was mended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

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


def with_ids(entries: pl.DataFrame) -> pl.DataFrame:
    """Return `entries` with their id: SHA-256 over the identity's parts, each with its length in bytes.

    The lengths keep ("ab", "c") and ("a", "bc") apart, and a missing part from an empty one.
    """
    parts = [
        pl.when(text.is_null()).then(pl.lit("-")).otherwise(pl.format("{}:{}", text.str.len_bytes(), text))
        for text in (_text(entries, name) for name in IDENTITY)
    ]
    joined = entries.select(pl.concat_str(parts, separator=",").alias("identity"))
    ids = joined.select(plh.col("identity").chash.sha2_256().str.head(ID_LENGTH)).to_series()
    return entries.with_columns(ids.alias("id"))


def _text(entries: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String) if name in entries.columns else pl.lit(None, pl.String)


def _of_files(paths: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that an entry tells of a cell, row or column of one of `paths`."""
    within = QUARANTINE.c.scope.not_in(["file", WHOLE_FEED])
    return and_(QUARANTINE.c.file.in_(sorted(paths)), or_(within, QUARANTINE.c.scope.is_(None)))
