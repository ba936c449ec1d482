"""Frames into tables and back by the database's bulk path.

SQLite: `load` goes through ADBC, three times as fast as executemany, which brings a copy of SQLite
of its own. Two copies in one process must never have one file open: POSIX drops all locks of a process on a
file when any of its descriptors closes (https://www.sqlite.org/howtocorrupt.html, section 2.2.1). So `load`
looks whether this process has the file open, and goes through the driver where it has.
PostgreSQL: COPY, in the caller's transaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import JSON, Boolean, Date, Float, Integer, MetaData, String, Table, insert
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import Column
from sqlalchemy.sql import Select
from sqlalchemy.types import TypeEngine

from allpool.errors import BrokenRuleError, StoreError
from allpool.models.engine import database_file, out_of_reach, quietened

CHUNK_ROWS: Final = 50_000
"""Rows held as Python objects at a time, where the path needs Python objects."""

NULL: Final = r"\N"
"""COPY's word for null; a quoted text of the same letters stays a text."""

FRAME_TYPES: Final[tuple[tuple[type[TypeEngine[Any]], pl.DataType], ...]] = (
    (Boolean, pl.Boolean()),
    (Date, pl.Date()),
    (Float, pl.Float64()),
    (Integer, pl.Int64()),
    (JSON, pl.String()),
    (String, pl.String()),
)
"""Type of a column in a frame; JSON is text that is JSON already."""

_names = count(1)


def load(engine: Engine, frames: Mapping[Table, pl.DataFrame]) -> int:
    """Append each frame to its table in one transaction of its own, the fastest way; return the rows written.

    Frames bring columns of the table by name, in any order; those they lack are null.
    """
    filled = {table: frame for table, frame in frames.items() if frame.height}
    path = database_file(engine)
    if path is None or _is_open_here(path):
        with engine.begin() as connection:
            for table, frame in filled.items():
                append(connection, table, frame)
    else:
        _ingest(engine, path, filled)
    return sum(frame.height for frame in filled.values())


def append(connection: Connection, table: Table, frame: pl.DataFrame) -> int:
    """Append `frame` to `table` in the caller's transaction; return the rows written.

    JSON columns take text that is JSON already.
    """
    if not frame.height:
        return 0
    stored = _stored(table, frame, dialect=connection.dialect.name)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, stored)
    else:
        statement = insert(table).values(dict.fromkeys(stored.columns))
        text = str(statement.compile(dialect=connection.dialect))
        for part in stored.iter_slices(CHUNK_ROWS):
            connection.exec_driver_sql(text, part.rows())
    return frame.height


def read(connection: Connection, query: Select[Any]) -> pl.DataFrame:
    """Return what `query` selects as a frame whose types are those of its columns, also where it has no row.

    Rows are fetched in chunks, so that the memory needed is the frame's.
    """
    types = {str(column.key): _polars_type(column.type) for column in query.selected_columns}
    parts = [pl.DataFrame(part, schema=types, orient="row") for part in chunks(connection, query)]
    return pl.concat(parts) if parts else pl.DataFrame(schema=types)


def chunks(connection: Connection, query: Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows that `query` selects, `CHUNK_ROWS` at a time, without holding more."""
    result = connection.execute(query, execution_options={"yield_per": CHUNK_ROWS})
    for part in result.partitions():
        yield [tuple(row) for row in part]


@contextmanager
def temporary(connection: Connection, frame: pl.DataFrame) -> Iterator[Table]:
    """Lend a temporary table of `frame`'s rows, keyed by its first column, in the caller's transaction."""
    columns = [
        Column(name, _sql_type(kind), primary_key=position == 0)
        for position, (name, kind) in enumerate(frame.schema.items())
    ]
    table = Table(f"temporary_{next(_names)}", MetaData(), *columns, prefixes=["TEMPORARY"])
    table.create(connection)
    append(connection, table, frame)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {table.name}")
    yield table
    # Not in a `finally`: after an error the transaction is void, and its temporary table with it.
    table.drop(connection)


def _ingest(engine: Engine, path: Path, frames: Mapping[Table, pl.DataFrame]) -> None:
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import dbapi

    try:
        with dbapi.connect(str(path), autocommit=True) as connection, connection.cursor() as cursor:
            for pragma in ("PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -65536"):
                cursor.execute(pragma)
                cursor.fetchall()
            # The wrapper's own `commit` does nothing on a connection that began in autocommit.
            transaction = connection.adbc_connection
            transaction.set_autocommit(False)
            for table, frame in frames.items():
                stored = _stored(table, frame, dialect="sqlite")
                cursor.adbc_ingest(table.name, stored.to_arrow(), mode="append")
            transaction.commit()
    except Error as error:
        raise StoreError(out_of_reach(engine.url, error)) from None


def _copy(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    import psycopg

    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in frame.columns)
    statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN (FORMAT csv, NULL '{NULL}')"
    driver = connection.connection.driver_connection
    if driver is None:
        raise StoreError(out_of_reach(connection.engine.url, None))
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for part in frame.iter_slices(CHUNK_ROWS):
                text = part.write_csv(include_header=False, quote_style="non_numeric", null_value=NULL)
                copy.write(text.encode())
    except psycopg.Error as error:
        quiet = quietened(error)
        if quiet is not None:
            raise quiet from None
        raise StoreError(out_of_reach(connection.engine.url, error)) from None


def _stored(table: Table, frame: pl.DataFrame, *, dialect: str) -> pl.DataFrame:
    """Return `frame` in the types that the table's columns are stored in, less what is null throughout."""
    unknown = sorted(set(frame.columns) - set(table.c.keys()))
    if unknown:
        raise BrokenRuleError(f"table {table.name} has no column {', '.join(unknown)}")
    said = [name for name in frame.columns if frame[name].null_count() < frame.height]
    kept = said or frame.columns[:1]
    return frame.select(_as_stored(table.c[name], dialect=dialect) for name in kept)


def _as_stored(column: Column[Any], *, dialect: str) -> pl.Expr:
    value = pl.col(column.name).cast(_polars_type(column.type))
    if dialect == "sqlite" and isinstance(column.type, Boolean):
        return value.cast(pl.Int64)
    if dialect == "sqlite" and isinstance(column.type, Date):
        return value.dt.to_string("%Y-%m-%d")
    return value


def _polars_type(kind: TypeEngine[Any]) -> pl.DataType:
    for sql, polars in FRAME_TYPES:
        if isinstance(kind, sql):
            return polars
    raise BrokenRuleError(f"no frame type is known for the column type {kind!r}")


def _sql_type(kind: pl.DataType) -> TypeEngine[Any]:
    found: dict[pl.DataType, TypeEngine[Any]] = {pl.String(): String(), pl.Int64(): Integer()}
    return found[kind]


def _is_open_here(path: Path) -> bool:
    """Return whether this process has `path` open (where it cannot be known, it counts as open)."""
    if os.name == "nt":  # locks belong to the handle there, not to the process
        return False
    try:
        file = path.stat()
        return any(_is_same(int(entry.name), file) for entry in Path("/dev/fd").iterdir())
    except FileNotFoundError:
        return True


def _is_same(descriptor: int, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file)
    except OSError:  # closed since it was listed, as is the listing's own
        return False
