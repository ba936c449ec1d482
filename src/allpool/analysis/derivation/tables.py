"""Tables of the store as Polars frames, and derived tables written back whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from sqlalchemy import Connection, Table, select

from allpool.models import Base, bulk

CALENDAR = "calendar"
TIME = ("effective_date", "effective_precision", "effective_offset_days", "effective_anchor")


def read(
    connection: Connection, name: str, columns: Sequence[str], *, elements: Iterable[str] | None = None
) -> pl.DataFrame:
    """Return `columns` of table `name`, with its own types; only rows of the data elements given, if any."""
    own: Table = Base.metadata.tables[name]
    query = select(*(own.c[part] for part in columns))
    if elements is not None:
        query = query.where(own.c.data_element.in_(sorted(elements)))
    return bulk.read(connection, query)


def replace(connection: Connection, name: str, frame: pl.DataFrame) -> int:
    """Put `frame` in place of the whole content of table `name`; return the number of rows."""
    own = Base.metadata.tables[name]
    connection.execute(own.delete())
    return bulk.append(connection, own, frame)


def clocked(frame: pl.DataFrame, time: str = "effective") -> pl.DataFrame:
    """Replace the partial date `time` by clock, day and coarse, as on the timeline."""
    names = [f"{time}_{part}" for part in ("date", "precision", "offset_days", "anchor")]
    date, precision, offset, anchor = (pl.col(name) for name in names)
    return frame.with_columns(
        pl.when(date.is_not_null())
        .then(pl.lit(CALENDAR))
        .when(offset.is_not_null())
        .then(anchor)
        .alias("clock"),
        pl.when(date.is_not_null()).then(date.cast(pl.Int32).cast(pl.Float64)).otherwise(offset).alias("day"),
        pl.when(date.is_not_null() & (precision == "month"))
        .then(1)
        .when(date.is_not_null() & (precision == "year"))
        .then(2)
        .otherwise(0)
        .cast(pl.Int8)
        .alias("coarse"),
    ).drop(names)
