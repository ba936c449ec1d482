"""SQL: the answer of a database to one reading query, as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from allpool.errors import Place, SourceError
from allpool.etl.readers.header import header_names
from allpool.etl.readers.secret import secret
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.table import Cells, without_nul
from allpool.etl.readers.texts import UnknownTypeError, text_of
from allpool.mappings.read import SqlRead

BATCH = 20_000
SECONDS_TO_CONNECT = 10
# Drivers whose `connect` takes the seconds to wait as `connect_timeout`: libpq's parameter of that name,
# https://www.psycopg.org/psycopg3/docs/api/connections.html, https://pymysql.readthedocs.io
WITH_TIMEOUT: Final = ("psycopg", "psycopg2", "pymysql", "mysqldb", "mariadbconnector")

# What makes a transaction unable to write, by dialect:
# https://www.sqlite.org/pragma.html#pragma_query_only
# https://www.postgresql.org/docs/current/sql-set-transaction.html
# https://dev.mysql.com/doc/refman/8.4/en/set-transaction.html
# https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/SET-TRANSACTION.html
READ_ONLY: Final = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}


def read_query(read: SqlRead, folder: Path, limits: ReadLimits) -> Cells:
    """Return the rows that the database answers, counted from 1, streamed and never written to.

    Text stays text; whole numbers have no decimals, other floating-point numbers their shortest exact text
    with the declared decimal sign, decimals all their digits; dates and times are ISO 8601; booleans are
    `true` and `false`. `folder` is the feed's, from which `url_file` is named.
    Raises SourceError without the address's password and without values: `missing_secret`, `unreachable`,
    `query_failed`, `unreadable_column`, `answer_too_large`, `no_header`, `duplicate_header`,
    `reserved_header`.
    """
    given = secret(env=read.url_env, file=read.url_file, folder=folder, what="address of the database")
    engine = _engine(given)
    try:
        with _said(engine.url, "unreachable"):
            connection = engine.connect()
        with connection, _said(engine.url, "query_failed"):
            return _answer(connection, read, limits)
    finally:
        engine.dispose()


def _engine(given: str) -> Engine:
    try:
        url = make_url(given)
        driver = url.get_dialect().driver
        wait = driver in WITH_TIMEOUT and "connect_timeout" not in url.query
        options = {"connect_timeout": SECONDS_TO_CONNECT} if wait else {}
        engine = create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=options)
    except ArgumentError:
        raise SourceError(
            "the address of the database is no SQLAlchemy URL; write dialect+driver://user:password@host/name",
            rule="unreachable",
        ) from None
    except ImportError as error:
        raise SourceError(
            f"the driver of the database is not installed ({error.name}); install it beside allpool",
            rule="unreachable",
        ) from None
    if engine.dialect.name == "sqlite" and not _sqlite_file_exists(url):
        raise SourceError("the SQLite file is not there; look at its path", rule="unreachable")
    return engine


def _sqlite_file_exists(url: URL) -> bool:
    """Return whether there is something to read: SQLite makes an absent file."""
    return "uri" in url.query or Path(url.database or "").is_file()


@contextmanager
def _said(url: URL, rule: str) -> Iterator[None]:
    """Raise what a driver raises as SourceError; a message that may quote an address or a row is left out."""
    try:
        yield
    except SourceError:
        raise
    except SQLAlchemyError as error:
        reason = _reason(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
    except Exception as error:
        # a driver's own, such as a date that Python cannot hold; its message may quote the cell
        reason = type(error).__name__
    else:
        return
    # parameters of an address may hold a password too
    place = f"{url.drivername}://{url.host or ''}" if url.query else url.render_as_string(hide_password=True)
    raise SourceError(f"{place}: {SAID[rule].format(reason=reason)}", rule=rule)


SAID: Final = {
    "unreachable": "the database does not answer ({reason}); look whether it runs, and at host, database, "
    "user and password",
    "query_failed": "the query failed ({reason}); try it in the database's own client, as the same user",
}


def _reason(error: BaseException | None) -> str:
    """Return what the driver says, as far as it is of the query and not of the rows."""
    state = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    kind = f"{type(error).__name__} {state}" if state else type(error).__name__
    if state == "SQLITE_ERROR":
        return f"{kind}: {error}"
    # class 42, syntax error or access rule violation:
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    told = getattr(getattr(error, "diag", None), "message_primary", None)
    return f"{kind}: {told}" if told and str(state).startswith("42") else kind


def _answer(connection: Connection, read: SqlRead, limits: ReadLimits) -> Cells:
    statement = READ_ONLY.get(connection.dialect.name)
    if statement is not None:
        connection.exec_driver_sql(statement)
        if "SESSION" in statement:
            connection.rollback()  # MySQL: from the next transaction on
    streaming = connection.execution_options(stream_results=True, yield_per=BATCH, no_parameters=True)
    result = streaming.exec_driver_sql((read.query or "").strip().rstrip(";"))
    if not result.returns_rows:
        raise SourceError("the query gives no rows; write one that only reads", rule="query_failed")
    names = header_names(list(result.keys()), row=None)
    schema = {str(index): pl.String() for index in range(len(names))}
    frames, size, height = [pl.DataFrame(schema=schema)], 0, 0
    for batch in result.partitions():
        columns = (
            _texts(column, name, read.decimal)
            for name, column in zip(names, zip(*batch, strict=True), strict=True)
        )
        frames.append(pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema))
        height += frames[-1].height
        size += int(frames[-1].estimated_size())
        if size > limits.file_bytes:
            raise SourceError(
                f"the answer is larger than {limits.file_bytes:,} bytes; select less",
                rule="answer_too_large",
            )
    connection.rollback()
    cells = Cells(
        names=names,
        frame=pl.concat(frames),
        rows=np.arange(1, height + 1, dtype=np.int64),
        header_row=None,
    )
    return without_nul(cells)


def _texts(values: tuple[Any, ...], name: str | None, decimal: str) -> list[str | None]:
    try:
        return [text_of(value, decimal) for value in values]
    except UnknownTypeError as error:
        raise SourceError(
            f"the column holds what has no plain text ({error}); cast it to text in the query, "
            "or leave it out",
            rule="unreadable_column",
            place=Place(column=name),
        ) from None
