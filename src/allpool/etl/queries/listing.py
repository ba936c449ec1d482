"""Which queries there are: by centre and state, with their age, and what became of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from allpool.errors import ConfigError
from allpool.etl.queries.record import EVENT, QUERY
from allpool.models import Feed

STATUSES: Final = ("open", "answered", "accepted", "waived", "mended")
PLACE: Final = ("file", "sheet", "row", "column")
VALUES: Final = ("value", "others", "answer", "records")
"""What cells or centres said, and what only a program needs: not in a list."""


def queries(
    connection: Connection,
    *,
    now: datetime,
    centre: str | None = None,
    statuses: Collection[str] = (),
    values: bool = False,
) -> list[dict[str, Any]]:
    """Return the queries of a centre (or feed) in some states, by feed and place, with their age in days.

    Without `values` they hold nothing that a cell said.
    """
    columns = [column for column in QUERY.columns if values or column.name not in VALUES]
    wanted: Any = select(*columns)
    if centre is not None:
        wanted = wanted.where((QUERY.c.centre == centre) | (QUERY.c.feed == centre))
    if statuses:
        wanted = wanted.where(QUERY.c.status.in_(sorted(statuses)))
    order = [QUERY.c.feed, *(QUERY.c[name] for name in PLACE), QUERY.c.rule, QUERY.c.id]
    return [aged(dict(row._mapping), now) for row in connection.execute(wanted.order_by(*order))]


def query_of(connection: Connection, id_: str, *, now: datetime) -> dict[str, Any]:
    """Return one query. Raises `ConfigError` where there is none of that id."""
    row = connection.execute(select(QUERY).where(QUERY.c.id == id_)).first()
    if row is None:
        raise ConfigError(f"the store has no query {id_}; `allpool queries list` shows them")
    return aged(dict(row._mapping), now)


def history(connection: Connection, id_: str) -> list[dict[str, Any]]:
    """Return what became of a query, step by step."""
    steps = select(EVENT).where(EVENT.c.query == id_).order_by(EVENT.c.number)
    return [dict(row._mapping) for row in connection.execute(steps)]


def centres(connection: Connection) -> list[str]:
    """Return the centres and feeds that may be named."""
    columns = (Feed.id, Feed.centre, QUERY.c.feed, QUERY.c.centre)
    found = {name for column in columns for name in connection.scalars(select(column).distinct())}
    return sorted(name for name in found if name)


def aged(query: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a query with its moments in UTC and its age: days since it was asked, until it was closed."""
    opened, closed = (in_utc(query[name]) for name in ("opened_at", "closed_at"))
    days = ((closed or now) - opened).days if opened else None
    return {**query, "opened_at": opened, "closed_at": closed, "days": days}


def in_utc(at: datetime | None) -> datetime | None:
    """Return a moment of the store, which SQLite gives without its offset."""
    if at is None:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
