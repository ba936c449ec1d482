"""Where feeds wait for their audit: filled in bulk, emptied after publishing. Analysts never read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.engine import Connection

from allpool.errors import BrokenRuleError
from allpool.models import STAGED
from allpool.models.bulk import load, temporary


def stage(engine: Engine, *feeds: Mapping[str, pl.DataFrame]) -> int:
    """Fill the staging tables with the rows of `feeds` (published table's name -> rows); return how many.

    What is staged already goes. Columns that a frame lacks are null. The rows of a feed are stored together
    and sorted by id, so that publishing fills the indexes of the primary keys from left to right (unsorted
    UUIDs cost five times as much at 8 million rows).
    On a SQLite file the caller holds no connection of its own meanwhile, or the slower path is taken.
    """
    unknown = sorted({name for tables in feeds for name in tables} - set(STAGED))
    if unknown:
        raise BrokenRuleError(f"there is no staging table for {', '.join(unknown)}")
    clear(engine)
    return load(
        engine, *({STAGED[name]: frame.sort("id") for name, frame in tables.items()} for tables in feeds)
    )


def clear(engine: Engine) -> None:
    """Empty all staging tables."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            names = ", ".join(table.name for table in STAGED.values())
            connection.execute(text(f"TRUNCATE {names}"))
            return
        for table in STAGED.values():
            connection.execute(delete(table))


def remove(engine: Engine, table: str, ids: Collection[str]) -> int:
    """Take the rows with `ids` out of the staging table of `table`; return how many there were."""
    if not ids:
        return 0
    with engine.begin() as connection:
        return _remove(connection, table, pl.DataFrame({"id": sorted(set(ids))}))


def _remove(connection: Connection, table: str, ids: pl.DataFrame) -> int:
    staged = STAGED[table]
    with temporary(connection, ids) as listed:
        return connection.execute(delete(staged).where(staged.c.id.in_(select(listed.c.id)))).rowcount
