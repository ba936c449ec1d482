"""The audit of one delivery without a store: staged into a database of its own, judged, and forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from allpool.etl.audit.findings import Audited, rehearse
from allpool.etl.audit.judgement import RuleResult
from allpool.etl.audit.withdrawal import withdraw
from allpool.mappings.compile import Vocabulary
from allpool.models import STAGING, Base
from allpool.models.bulk import load


@dataclass(frozen=True)
class Rehearsal:
    """What the night's audit would say of the records of one delivery."""

    blocked: tuple[RuleResult, ...]
    """Rules that would hold back the delivery as a whole."""
    held: pl.DataFrame
    """Failures whose rows would wait, with those that only wait because what they refer to does."""
    warned: pl.DataFrame
    """Failures whose rows would load all the same."""
    audited: Audited
    """The audit as it is, with the other cells of contradictions."""

    def left(self, tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Return the rows of `tables` that would load."""
        if self.blocked:
            return {}
        gone = {str(table): rows for (table,), rows in self.held.partition_by("table", as_dict=True).items()}
        return {
            table: rows.join(gone[table], on="id", how="anti", maintain_order="left")
            if table in gone
            else rows
            for table, rows in tables.items()
        }


def rehearsed(
    tables: Mapping[str, pl.DataFrame], *, feed: str, vocabulary: Vocabulary, today: date
) -> Rehearsal:
    """Return what the audit of a night on the day `today` would say of the rows in `tables`.

    Rules that ask what was published before are left out: only the store knows it.
    """
    with _database() as engine:
        load(engine, {STAGING[name]: rows for name, rows in tables.items() if name in STAGING})
        audited = rehearse(
            engine,
            feed=feed,
            dictionary=vocabulary.dictionary,
            terminology=vocabulary.terminology,
            records=vocabulary.records,
            today=today,
        )
        with engine.begin() as connection:
            withdrawn = withdraw(connection, audited, appends=False).rows
    severity = pl.col("severity")
    return Rehearsal(
        blocked=audited.blocked,
        held=pl.concat([audited.failures.filter(severity == "block"), withdrawn]),
        warned=audited.failures.filter(severity == "warn"),
        audited=audited,
    )


@contextmanager
def _database() -> Iterator[Engine]:
    """Lend a SQLite database without a name: in memory as long as it is small, and gone when it closes."""
    # An empty name is a private temporary database, https://www.sqlite.org/inmemorydb.html#temp_db
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect("", isolation_level=None),
        poolclass=StaticPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    try:
        Base.metadata.create_all(engine, tables=list(STAGING.values()))
        yield engine
    finally:
        engine.dispose()


def _begin(connection: Connection) -> None:
    """Open the transaction that the driver does not open by itself."""
    connection.exec_driver_sql("BEGIN")
