"""Tables of the store as Polars frames, and derived tables written back whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl
from sqlalchemy import Connection, Table, or_, select

from allpool.models import Base, bulk

SAYS: Final = (
    *("value_quantity", "value_concept", "value_string", "value_boolean", "value_integer"),
    *("value_date_date", "interpretation"),
)
"""Columns of an observation that say what was found."""


def read(
    connection: Connection, name: str, columns: Sequence[str], *, elements: Iterable[str] | None = None
) -> pl.DataFrame:
    """Return `columns` of table `name`, with its own types; only rows of the data elements given, if any.

    Without observations that only say why there is no value: not performed is neither a no nor a result
    that is open, and nothing that happened.
    """
    own: Table = Base.metadata.tables[name]
    query = select(*(own.c[part] for part in columns))
    if name == "observation":
        query = query.where(
            or_(own.c.data_absent_reason.is_(None), *(own.c[part].is_not(None) for part in SAYS))
        )
    if elements is not None:
        query = query.where(own.c.data_element.in_(sorted(elements)))
    return bulk.read(connection, query)


def replace(connection: Connection, name: str, frame: pl.DataFrame) -> int:
    """Put `frame` in place of the whole content of table `name`; return the number of rows."""
    own = Base.metadata.tables[name]
    connection.execute(own.delete())
    return bulk.append(connection, own, frame)
