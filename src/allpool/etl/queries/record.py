"""Queries in the store: what a night asks is opened, seen again or mended, and each step is written down."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl
from sqlalchemy import JSON, Connection, String, Table, cast, delete, func, select, update

from allpool.etl.queries.identity import MENDED, with_ids
from allpool.models import Query, QueryEvent
from allpool.models.bulk import append, read, temporary

QUERY: Table = Query.metadata.tables[Query.__tablename__]
EVENT: Table = QueryEvent.metadata.tables[QueryEvent.__tablename__]

OPEN: Final = "open"
WAIVED: Final = "waived"
UNSETTLED: Final = (OPEN, "answered")
"""States in which nobody has decided yet, and no delivery has mended it."""
CONTENT: Final = ("value", "records", "others")
"""What a query is about; where one of these says something else, the question is asked anew."""
KEPT: Final = ("status", "answer", "opened_run", "opened_at", "closed_at")
"""What a query seen again keeps."""


@dataclass(frozen=True)
class Recorded:
    """Queries of one feed by what became of them."""

    opened: int
    """New ones, and those asked anew."""
    again: int
    mended: int
    unsettled: int
    """Those that now wait for an answer or a decision."""


def record(
    connection: Connection,
    asked: pl.DataFrame,
    *,
    feed: str,
    run: int,
    at: datetime,
    owner: str | None,
    staged: pl.DataFrame,
    unread: Collection[str] = (),
    mends: bool = True,
) -> Recorded:
    """Make the queries of `feed` those that the night `run` asks, in the caller's transaction.

    One that is known keeps its id, and its state as long as its content stays; mended or changed it is
    opened again. One that is not asked again is mended, but for those about cells of the files in `unread`,
    and those waived whose record (`staged`: id, content_hash) is as it was. Without `mends` none is: a
    delivery that is held back mends nothing.
    """
    known = _known(connection, feed)
    seen = with_ids(asked, known).join(
        known.select("id", *KEPT, *(pl.col(name).alias(f"{name}_before") for name in CONTENT)),
        on="id",
        how="left",
        maintain_order="left",
    )
    seen = _judged(seen, run=run, at=at, owner=owner)
    gone = _gone(known, seen, staged=staged, unread=unread) if mends else known.clear()
    with temporary(connection, seen.select("id")) as listed:
        connection.execute(delete(QUERY).where(QUERY.c.id.in_(select(listed.c.id))))
    stored = [column.name for column in QUERY.columns if column.name in seen.columns]
    append(connection, QUERY, seen.select(stored).sort("id"))
    with temporary(connection, gone.select("id")) as listed:
        ended = update(QUERY).where(QUERY.c.id.in_(select(listed.c.id)))
        connection.execute(ended.values(status=MENDED, closed_at=at))
    anew = seen.filter("_anew")
    events = pl.concat(
        [anew.select("id", status=pl.lit(OPEN)), gone.select("id", status=pl.lit(MENDED))]
    ).with_columns(at=at, run=run)
    append_events(connection, events)
    return Recorded(
        opened=anew.height,
        again=seen.height - anew.height,
        mended=gone.height,
        unsettled=unsettled(connection, feed=feed),
    )


def unsettled(connection: Connection, *, feed: str | None = None) -> int:
    """Return how many queries wait for an answer or a decision; with `feed` those of that one."""
    query = select(func.count()).select_from(QUERY).where(QUERY.c.status.in_(UNSETTLED))
    return int(connection.scalar(query if feed is None else query.where(QUERY.c.feed == feed)) or 0)


def append_events(connection: Connection, events: pl.DataFrame) -> None:
    """Write down what became of queries: id, status and at, and where known run, by and comment."""
    if events.is_empty():
        return
    with temporary(connection, events.select("id").unique()) as listed:
        numbered = (
            select(EVENT.c.query.label("id"), func.max(EVENT.c.number).label("before"))
            .where(EVENT.c.query.in_(select(listed.c.id)))
            .group_by(EVENT.c.query)
        )
        before = read(connection, numbered)
    rows = events.join(before, on="id", how="left", maintain_order="left").with_columns(
        number=pl.col("before").fill_null(0) + 1
    )
    append(connection, EVENT, rows.rename({"id": "query"}).drop("before").sort("query"))


def _known(connection: Connection, feed: str) -> pl.DataFrame:
    """Return the queries that a feed has had."""
    columns = [
        cast(column, String).label(column.name) if isinstance(column.type, JSON) else column
        for column in QUERY.c
    ]
    wanted: Any = select(*columns)
    return read(connection, wanted.where(QUERY.c.feed == feed))


def _judged(seen: pl.DataFrame, *, run: int, at: datetime, owner: str | None) -> pl.DataFrame:
    """Return queries with their state: as it was, or open where it is asked for the first time or anew."""
    changed = pl.any_horizontal(_said(name).ne_missing(_said(f"{name}_before")) for name in CONTENT)
    status = pl.col("status")
    anew = status.is_null() | (status == MENDED) | (changed & (status != OPEN))
    known = seen.with_columns(_anew=anew)
    fresh = {"status": OPEN, "answer": None, "opened_run": run, "opened_at": at, "closed_at": None}
    return known.with_columns(
        *(
            pl.when("_anew").then(pl.lit(value, dtype=known.schema[name])).otherwise(pl.col(name)).alias(name)
            for name, value in fresh.items()
        ),
        last_run=pl.lit(run),
        owner=pl.lit(owner, dtype=pl.String),
    )


def _said(name: str) -> pl.Expr:
    """Return what a column of a query says; of other cells what they say, wherever they stand by now."""
    if not name.startswith("others"):
        return pl.col(name)
    cells = pl.col(name).str.json_decode(pl.List(pl.Struct({"column": pl.String, "value": pl.String})))
    return (
        cells.list.eval(
            pl.format(
                "{}={}", *(pl.element().struct.field(part).fill_null("") for part in ("column", "value"))
            )
        )
        .list.sort()
        .list.join("\x1f")
    )


def _gone(
    known: pl.DataFrame, seen: pl.DataFrame, *, staged: pl.DataFrame, unread: Collection[str]
) -> pl.DataFrame:
    """Return the queries that the delivery no longer shows."""
    cells = pl.col("scope").is_in(["cell", "row", "column"])
    unknown = cells & pl.col("file").is_in(sorted(unread)).fill_null(value=False)
    left = known.filter(pl.col("status") != MENDED, ~unknown).join(seen, on="id", how="anti")
    waived = left.filter(pl.col("status") == WAIVED)
    if waived.is_empty():
        return left
    there = record_hashes(waived).join(staged, on=["id", "content_hash"], how="semi")["query"]
    return left.filter(~pl.col("id").is_in(there.unique().implode()))


def record_hashes(queries: pl.DataFrame) -> pl.DataFrame:
    """Return query, id, content_hash: the records that queries are about, from their JSON."""
    pairs = pl.List(pl.List(pl.String))
    return (
        queries.select(query="id", pair=pl.col("records").str.json_decode(pairs))
        .explode("pair")
        .drop_nulls("pair")
        .select("query", id=pl.col("pair").list.get(0), content_hash=pl.col("pair").list.get(1))
    )
