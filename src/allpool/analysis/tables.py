"""Tables of the store as Polars frames, and derived tables written back whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Boolean, Connection, Date, Float, Integer, Table, column, select, table

from allpool.models import Base
from allpool.models.bulk import append


def read(
    connection: Connection, name: str, columns: Sequence[str], *, elements: Iterable[str] | None = None
) -> pl.DataFrame:
    """Return `columns` of table `name`, with its own types; only rows of the data elements given, if any.

    Rows are fetched raw from the driver: the ORM's row objects would cost five times the query.
    """
    own: Table = Base.metadata.tables[name]
    query: Any = select(*(column(part) for part in columns)).select_from(table(name))
    if elements is not None:
        query = query.where(column("data_element").in_(sorted(elements)))
    result = connection.execute(query)
    rows: Sequence[Any] = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    data = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return pl.DataFrame([_series(part, values, own) for part, values in zip(columns, data, strict=True)])


def replace(connection: Connection, name: str, frame: pl.DataFrame) -> int:
    """Put `frame` in place of the whole content of table `name`; return the number of rows."""
    own = Base.metadata.tables[name]
    connection.execute(own.delete())
    return append(connection, own, frame)


def _series(name: str, values: Sequence[Any], own: Table) -> pl.Series:
    kind = own.c[name].type
    if isinstance(kind, Date):
        if any(isinstance(value, str) for value in values):
            return pl.Series(name, values, dtype=pl.String).str.to_date("%Y-%m-%d")
        return pl.Series(name, values, dtype=pl.Date)
    if isinstance(kind, Boolean):
        return pl.Series(name, values).cast(pl.Boolean)
    if isinstance(kind, Float):
        return pl.Series(
            name, [None if value is None else float(value) for value in values], dtype=pl.Float64
        )
    if isinstance(kind, Integer):
        return pl.Series(name, values, dtype=pl.Int64)
    return pl.Series(name, values, dtype=pl.String)
