"""Taking out of staging what the audit holds back, and what would then refer to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, delete, select

from allpool.etl.audit.findings import Audited, failure_frame
from allpool.models import STAGING, Base, fhir_element, resource_classes

HELD_WITH: Final = "held-with"
"""Rule of a row that is held back only because the row that it refers to is."""
CHUNK: Final = 500
"""Keys in one statement; SQLite takes 32,766 parameters, older builds 999."""

HOLDER_SCHEMA: Final = pl.Schema({"table": pl.String, "id": pl.String, "rows": pl.Int64})
Key = tuple[str, str]


@dataclass(frozen=True)
class Withdrawn:
    """What left staging."""

    rows: pl.DataFrame
    """By `FAILURE_SCHEMA`: the rows that fail, then those that wait with them, once each."""
    holders: pl.DataFrame
    """By `HOLDER_SCHEMA`: the failing rows that others wait for, and how many."""

    @property
    def along(self) -> pl.DataFrame:
        """The rows that wait only because the row that they refer to does."""
        return self.rows.filter(pl.col("rule") == HELD_WITH)


def withdraw(connection: Connection, audited: Audited, *, appends: bool) -> Withdrawn:
    """Delete from staging the rows in quarantine and those that refer to them; return all.

    Parents are looked at before children, so that a patient takes specimens, observations and components
    along. Where the feed `appends`, a row stays if what it refers to was published before: an older version
    of it is still there. In a snapshot that version is retracted, and nothing may refer to it.
    The caller commits.
    """
    gone = audited.held
    withdrawn = [gone]
    ids = {str(table): set(part["id"]) for (table,), part in gone.partition_by("table", as_dict=True).items()}
    first: dict[Key, Key] = {}
    for table in map(str, STAGING):
        for column, target in _references(table):
            held = ids.get(target, set())
            missing = _unpublished(connection, target, held) if appends else held
            if not missing:
                continue
            known = ids.setdefault(table, set())
            rows = {
                row.id: row for row in _dependants(connection, table, column, missing) if row.id not in known
            }
            known.update(rows)
            for row in rows.values():
                holder = (target, str(row.parent))
                first[table, row.id] = first.get(holder, holder)
            withdrawn.append(_along(list(rows.values()), table=table, column=column))
    for table, keys in ids.items():
        for chunk in _chunks(sorted(keys)):
            connection.execute(delete(STAGING[table]).where(STAGING[table].c.id.in_(chunk)))
    return Withdrawn(pl.concat(withdrawn), _holders(first.values()))


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


def _dependants(connection: Connection, table: str, column: str, ids: set[str]) -> Iterator[Any]:
    """Yield (id, source file, source row, parent) of the rows whose `column` refers to one of `ids`."""
    staged = STAGING[table]
    wanted = select(staged.c.id, staged.c.source_file, staged.c.source_row, staged.c[column].label("parent"))
    for chunk in _chunks(sorted(ids)):
        yield from connection.execute(wanted.where(staged.c[column].in_(chunk)))


def _along(rows: Sequence[Any], *, table: str, column: str) -> pl.DataFrame:
    return failure_frame(
        rows,
        table=table,
        rule=HELD_WITH,
        column=column,
        severity="quarantine",
        expected=f"What {column} refers to is not in quarantine itself.",
        element=None,
    )


def _holders(found: Iterable[Key]) -> pl.DataFrame:
    """Return how many rows wait for each holder."""
    counted = Counter(found)
    rows = [(table, id_, rows) for (table, id_), rows in sorted(counted.items())]
    return pl.DataFrame(rows, schema=HOLDER_SCHEMA, orient="row")


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
