"""What a row said before: superseded and retracted versions, whole, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Boolean, ColumnElement, Table, case, exists, func, literal, select
from sqlalchemy.engine import Connection

from allpool.models import ResourceHistory
from allpool.models.bulk import append, driver_rows, read

HISTORY: Table = ResourceHistory.metadata.tables[ResourceHistory.__tablename__]


def keep(
    connection: Connection, table: Table, changes: Table, *, where: ColumnElement[bool], run: int
) -> int:
    """Copy the rows of `table` that end in `run` to the history; return how many.

    `changes` lists their ids and next version; a row without a next version is retracted. Columns that are
    null are left out of the JSON: it reads the same on every database.
    """
    reason = case((changes.c.version.is_(None), literal("retract")), else_=literal("update"))
    identity = [table.c.id, table.c.version, table.c.feed, table.c.content_hash]
    query = select(reason, *identity, *table.columns).join(changes, changes.c.id == table.c.id).where(where)
    said = _Json(table)
    kept = 0
    with closing(driver_rows(connection, query)) as parts:
        for rows in parts:
            ended = pl.DataFrame(
                [(*row[:5], said.of(row[5:])) for row in rows],
                schema=["reason", "id", "version", "feed", "content_hash", "row"],
                orient="row",
            )
            ended = ended.with_columns(table_name=pl.lit(str(table.name)), ended_run=pl.lit(run))
            kept += append(connection, HISTORY, ended)
    return kept


class _Json:
    """Writes rows of one table as JSON."""

    def __init__(self, table: Table) -> None:
        self.names = table.columns.keys()
        self.booleans = [column.name for column in table.columns if isinstance(column.type, Boolean)]

    def of(self, row: Sequence[Any]) -> str:
        said = {name: value for name, value in zip(self.names, row, strict=True) if value is not None}
        for name in self.booleans:
            if name in said:
                said[name] = bool(said[name])
        return orjson.dumps(said).decode()


def last_versions(connection: Connection, table: Table, changes: Table) -> pl.DataFrame:
    """Return, for the ids in `changes` that were here before, the last version each had."""
    query = (
        select(HISTORY.c.id, func.max(HISTORY.c.version).label("last"))
        .join(changes, changes.c.id == HISTORY.c.id)
        .where(HISTORY.c.table_name == table.name)
        .group_by(HISTORY.c.id)
    )
    return read(connection, query)


def has_any(connection: Connection, table: Table) -> bool:
    """Return whether any row of `table` was ever superseded or retracted."""
    return bool(connection.scalar(select(exists().where(HISTORY.c.table_name == table.name))))
