"""What waits in quarantine, asked for by centre and run; counted without values, or whole for the centre."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from allpool.models import Quarantine

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
        select(*(getattr(Quarantine, name) for name in names))
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
