"""Tables of the store as Polars frames, and derived tables written back whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from sqlalchemy import Connection, Table, select

from allpool.models import Base, bulk


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
