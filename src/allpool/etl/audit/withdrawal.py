"""Taking out of staging what the audit holds back, and what would then refer to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl
from sqlalchemy import Connection, delete, select

from allpool.etl.audit.findings import Audited, failure_frame
from allpool.models import STAGING, Base, fhir_element, resource_classes

HELD_WITH: Final = "held-with"
"""Rule of a row that is held back only because the row that it refers to is."""
CHUNK: Final = 500
"""Keys in one statement; SQLite takes 32,766 parameters, older builds 999."""


def withdraw(connection: Connection, audited: Audited, *, appends: bool) -> pl.DataFrame:
    """Delete from staging the rows in quarantine and those that refer to them; return all, as `failures`.

    Parents are looked at before children, so that a patient takes specimens, observations and components
    along. Where the feed `appends`, a row stays if what it refers to was published before: an older version
    of it is still there. In a snapshot that version is retracted, and nothing may refer to it.
    The caller commits.
    """
    gone = audited.held
    withdrawn = [gone]
    ids = {table: set(frame["id"]) for (table,), frame in gone.partition_by("table", as_dict=True).items()}
    for table in map(str, STAGING):
        for column, target in _references(table):
            held = ids.get(target, set())
            if missing := _unpublished(connection, target, held) if appends else held:
                dependants = _dependants(connection, table, column, sorted(missing))
                ids.setdefault(table, set()).update(dependants["id"])
                withdrawn.append(dependants)
    for table, keys in ids.items():
        for chunk in _chunks(sorted(keys)):
            connection.execute(delete(STAGING[table]).where(STAGING[table].c.id.in_(chunk)))
    return pl.concat(withdrawn)


def _references(table: str) -> Iterator[tuple[str, str]]:
    """Yield (reference column, table that it refers to)."""
    tables = {cls.resource_type: cls.__tablename__ for cls in resource_classes()}
    for column in map(str, STAGING[table].columns.keys()):
        element = fhir_element(STAGING[table], column)
        if element is not None and element.target is not None:
            yield column, tables[element.target]


def _unpublished(connection: Connection, table: str, ids: set[str]) -> set[str]:
    published = Base.metadata.tables[table]
    known: set[str] = set()
    for chunk in _chunks(sorted(ids)):
        known.update(connection.execute(select(published.c.id).where(published.c.id.in_(chunk))).scalars())
    return ids - known


def _dependants(connection: Connection, table: str, column: str, ids: Sequence[str]) -> pl.DataFrame:
    staged = STAGING[table]
    found = [
        row
        for chunk in _chunks(ids)
        for row in connection.execute(
            select(staged.c.id, staged.c.source_file, staged.c.source_row).where(staged.c[column].in_(chunk))
        )
    ]
    return failure_frame(
        found,
        table=table,
        rule=HELD_WITH,
        column=column,
        severity="quarantine",
        expected=f"What {column} refers to is not in quarantine itself.",
        element=None,
    )


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
