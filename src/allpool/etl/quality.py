"""What the store knows of quality: results of rules, what is raised, completeness of what is promised."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from allpool.etl.audit.judgement import COMPLETENESS
from allpool.models import Base

_TABLES = Base.metadata.tables
NOT_COLLECTED = "not collected"


def results(
    connection: Connection, *, centre: str | None = None, run: int | None = None, every: bool = False
) -> list[dict[str, Any]]:
    """Return what the rules found in each feed's last audit (or in `run`), those raised first.

    Without `every`, those that fail or are raised alone; promised elements are in `elements`.
    """
    found = _TABLES["quality_result"]
    wanted = true() if every else (found.c.success.is_(False) | found.c.raised.is_not(None))
    query = (
        _of(found, centre, run)
        .where(wanted, found.c.rule.not_like(f"{COMPLETENESS}%"))
        .order_by(found.c.feed, found.c.raised.is_(None), found.c.failed.desc(), found.c.rule)
    )
    return [_with_share(dict(row)) for row in connection.execute(query).mappings()]


def elements(
    connection: Connection, *, centre: str | None = None, run: int | None = None
) -> list[dict[str, Any]]:
    """Return each promised element of a feed, with the share of patients who have it.

    What the mapping declares not to be sent stands there as `not collected`, without numbers: it is no zero.
    """
    found, never, feeds = _TABLES["quality_result"], _TABLES["not_collected"], _TABLES["feed"]
    query = _of(found, centre, run).where(found.c.rule.like(f"{COMPLETENESS}%"))
    rows = []
    for row in connection.execute(query).mappings():
        given = row["rows"] - row["failed"]
        rows.append(
            {
                "feed": row["feed"],
                "element": row["element"],
                "collected": "promised",
                "patients": row["rows"],
                "given": given,
                "share": given / row["rows"] if row["rows"] else None,
                "usual": None if row["usual"] is None else 1 - row["usual"],
                "raised": row["raised"],
            }
        )
    silent = select(never.c.feed, never.c.element).join(feeds, feeds.c.id == never.c.feed)
    if centre is not None:
        silent = silent.where((feeds.c.centre == centre) | (feeds.c.id == centre))
    told = dict.fromkeys(("patients", "given", "share", "usual", "raised"))
    for feed, element in connection.execute(silent):
        rows.append({"feed": feed, "element": element, "collected": NOT_COLLECTED, **told})
    return sorted(rows, key=lambda row: (row["feed"], row["element"]))


def centres(connection: Connection) -> list[str]:
    """Return the centres and feeds that the store knows."""
    feeds = _TABLES["feed"]
    found = {name for row in connection.execute(select(feeds.c.id, feeds.c.centre)) for name in row}
    return sorted(name for name in found if name)


def runs(connection: Connection) -> list[int]:
    """Return the runs that audited anything."""
    column = _TABLES["quality_result"].c.run
    return list(connection.scalars(select(column).distinct().order_by(column)))


def _of(found: Any, centre: str | None, run: int | None) -> Any:
    feeds = _TABLES["feed"]
    query = select(found).join(feeds, feeds.c.id == found.c.feed)
    if centre is not None:
        query = query.where((feeds.c.centre == centre) | (feeds.c.id == centre))
    return query.where(found.c.run == run) if run is not None else query.where(_last(found))


def _last(found: Any) -> ColumnElement[bool]:
    """Return what is true of the results of each feed's last audit."""
    other = found.alias()
    last = select(func.max(other.c.run)).where(other.c.feed == found.c.feed).scalar_subquery()
    return and_(found.c.run == last)


def _with_share(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "share": row["failed"] / row["rows"] if row["rows"] else None}
