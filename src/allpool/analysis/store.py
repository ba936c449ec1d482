"""The store as an analyst opens it: read only, frames in Pandas, cohorts by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
from sqlalchemy import JSON, Connection, Engine, Text, cast, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from allpool.analysis.cohorts.cohort import Cohort, cohort_of
from allpool.analysis.cohorts.duplicates import LINKS
from allpool.analysis.cohorts.membership import DerivedTables
from allpool.analysis.definitions.catalogue import Catalogue, load_catalogue
from allpool.errors import AnalysisError, StoreError
from allpool.models import (
    Adae,
    Adex,
    Adfact,
    Admrd,
    Adrs,
    Adsl,
    Adtte,
    Base,
    EtlRun,
    PatientLink,
    PublishedEstimate,
    Release,
    bulk,
)
from allpool.models.engine import connect

if TYPE_CHECKING:
    from allpool.analysis.definitions.conditions import Population

CHANGES = re.compile(r"\b(into|update\b.+\bset|delete\s+from)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Store:
    """A store opened for reading; `release` is the frozen cut it was opened at, if any."""

    engine: Engine
    catalogue: Catalogue
    release: str | None = None

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return what a query selects; `:name` in it is taken from `parameters`.

        The connection is read only. `AnalysisError` for a statement that changes anything or is not SQL.
        """
        _check_query(query)
        with self.engine.connect() as connection:
            try:
                return pd.read_sql_query(text(query), connection, params=dict(parameters or {}))
            except pd.errors.DatabaseError as error:  # pandas wraps what the database says of a query
                cause = error.__cause__
                raise AnalysisError(
                    _plain(cause) if isinstance(cause, StatementError) else str(error)
                ) from None
            except StatementError as error:
                raise AnalysisError(_plain(error)) from None

    def subjects(self) -> pd.DataFrame:
        """Return adsl: one row per subject and study, `baseline` as a mapping."""
        return self.tables.adsl.copy()

    def responses(self) -> pd.DataFrame:
        """Return adrs: one row per subject, response endpoint and definition."""
        return self.tables.adrs.copy()

    def times_to_event(self) -> pd.DataFrame:
        """Return adtte: one row per subject, time-to-event endpoint and definition; `aval` in days."""
        return self.tables.adtte.copy()

    def adverse_events(self) -> pd.DataFrame:
        """Return adae: one row per adverse event."""
        with self.engine.connect() as connection:
            return _frame(connection, Adae)

    def mrd(self) -> pd.DataFrame:
        """Return admrd: one row per MRD measurement, `aval` as a fraction of cells."""
        with self.engine.connect() as connection:
            return _frame(connection, Admrd)

    def cohort(self, population: str | Population, *, studies: Sequence[str] | None = None) -> Cohort:
        """Return the subjects of a population, by name or as an object, in some studies or all."""
        return cohort_of(self.tables, self.catalogue, population, studies=studies)

    @cached_property
    def tables(self) -> DerivedTables:
        """The derived tables as they were when first asked for.

        `StoreError` where the store lacks tables or columns of this version.
        """
        with self.engine.connect() as connection:
            try:
                return read_derived(connection)
            except DBAPIError:
                raise StoreError(
                    "the store's tables are not those of this version of allpool; `allpool db upgrade` "
                    "brings them up to date, and a night fills them"
                ) from None


def open_store(url: str, *, release: str | None = None) -> Store:
    """Open a store for reading, now or at a frozen release.

    Raises `ConfigError` for a URL that names no store, `StoreError` for one out of reach or for a release
    that does not exist or that the store has moved on from.
    """
    engine = connect(url, read_only=True)
    if release is not None:
        with engine.connect() as connection:
            check_release(connection, release)
    return Store(engine, load_catalogue(), release)


def check_release(connection: Connection, name: str) -> None:
    """Refuse a release that does not exist, or after which the tables were changed by a later run."""
    known = {row.name: row.run for row in connection.execute(select(Release.name, Release.run))}
    if name not in known:
        raise StoreError(f"there is no release '{name}'; there are: {', '.join(sorted(known)) or 'none'}")
    changed = connection.execute(
        text(
            "SELECT max(run) FROM feed_run WHERE status = 'published' AND inserted + updated + retracted > 0"
        )
    ).scalar()
    if changed is not None and changed > known[name]:
        raise StoreError(
            f"the store has changed since release '{name}' (run {known[name]}, last change in run {changed}"
            "); its stored results stay in analysis_result, but its subjects can no longer be read"
        )


def read_derived(connection: Connection) -> DerivedTables:
    """Return the derived tables and what papers print as frames, rows in the order of their keys."""
    adsl = _frame(connection, Adsl)
    known = [value if isinstance(value, dict) else json.loads(value or "{}") for value in adsl["baseline"]]
    adsl["baseline"] = pd.Series(known, index=adsl.index, dtype=object)
    adsl["synthetic"] = adsl["synthetic"].astype(bool)
    adrs, adtte, adfact, adae, adex, admrd = (
        _frame(connection, table) for table in (Adrs, Adtte, Adfact, Adae, Adex, Admrd)
    )
    return DerivedTables(
        adsl, adrs, adtte, adfact, adae, adex, admrd, read_printed(connection), read_links(connection)
    )


def read_printed(connection: Connection) -> pd.DataFrame:
    """Return what papers print, with what the last night recomputed of it."""
    return _frame(connection, PublishedEstimate)


def read_links(connection: Connection) -> pd.DataFrame:
    """Return the pairs of patients who may be, are or are not one person, in the order of their ids."""
    own = PatientLink.__table__.c
    query = select(*(own[name] for name in LINKS)).where(own.status != "gone").order_by(own.id)
    return pd.DataFrame(connection.execute(query).all(), columns=list(LINKS), dtype=object)


def last_run(connection: Connection) -> int | None:
    """Return the number of the last night, if there was one."""
    return connection.execute(select(EtlRun.run).order_by(EtlRun.run.desc()).limit(1)).scalar()


def _frame(connection: Connection, table: type[Base]) -> pd.DataFrame:
    """Return a table as pandas has it: days as dates, columns without any value as objects."""
    own = table.__table__
    columns = [  # JSON as its text, whatever the driver makes of it
        cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column for column in own.c
    ]
    rows = bulk.read(connection, select(*columns).order_by(*own.primary_key))
    frame = rows.to_pandas()
    for name, kind in rows.schema.items():
        if kind == pl.Date:
            frame[name] = pd.Series(rows[name].to_list(), index=frame.index, dtype=object)
    return frame.astype({name: object for name in frame.columns if frame[name].isna().all()})


def _check_query(query: str) -> None:
    """Refuse what is not one query: the read-only connection could be told to write by another statement."""
    if not isinstance(query, str):
        raise AnalysisError("`sql` takes one SELECT, as text")
    bare = (
        re.sub(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", "", query, flags=re.DOTALL).strip().removesuffix(";")
    )
    words = bare.lower().split(None, 1)
    reads = bool(words) and words[0] in ("select", "with", "values", "explain")
    if not reads or ";" in bare or CHANGES.search(bare):
        raise AnalysisError("`sql` takes one SELECT; the store is open for reading only")


def _plain(error: StatementError) -> str:
    """Say what is wrong with a statement, without what its rows say."""
    message = str(error.orig).splitlines()[0] if error.orig is not None else type(error).__name__
    if "readonly" in message or "read-only" in message:
        return "the store is open for reading only; data change through the night alone"
    return f"the statement was refused: {message}"
