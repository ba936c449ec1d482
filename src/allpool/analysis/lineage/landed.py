"""FHIR resources that landed whole: from one to its place and its records, and from a place to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from allpool.analysis.lineage.cells import Resource, resources_at
from allpool.models import LANDED, SourceFile

FILES = SourceFile.__table__
TOLD = ("id", "resource_type", "source_id", "patient", "version", "run", "feed", "source_row")


def landed_at(connection: Connection, *, feed: str, path: str, row: int) -> list[dict[str, Any]]:
    """Return what landed of a row of a file, without what it says."""
    files = select(FILES.c.id).where(FILES.c.feed == feed, FILES.c.path == path)
    query = select(LANDED).where(LANDED.c.source_file.in_(files), LANDED.c.source_row == row)
    return [told(dict(each._mapping)) for each in connection.execute(query.order_by(LANDED.c.id))]


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a walk says of a landed resource: what it is and where it is from, not what it says."""
    return {name: row[name] for name in TOLD if row[name] is not None}


def place_of(connection: Connection, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the file and row that a landed resource stands in."""
    found = connection.execute(select(FILES).where(FILES.c.id == row["source_file"])).mappings()
    return [
        {"feed": file["feed"], "file": file["path"], "row": row["source_row"], "sha256": file["sha256"][:12]}
        for file in found
    ]


def records_of(connection: Connection, row: dict[str, Any]) -> list[Resource]:
    """Return the records that mapped sources made of the row that a landed resource stands in."""
    own = select(FILES.c.path, FILES.c.sha256).where(FILES.c.id == row["source_file"]).subquery()
    same = select(FILES.c.id).where(
        FILES.c.feed == row["feed"],
        FILES.c.path == select(own.c.path).scalar_subquery(),
        FILES.c.sha256 == select(own.c.sha256).scalar_subquery(),
        FILES.c.sheet == row["resource_type"],
    )
    return resources_at(connection, connection.scalars(same), int(row["source_row"]))
