"""Frames into tables and back by the database's bulk path.

SQLite: `load` goes through ADBC, three times as fast as executemany, which brings a copy of SQLite
of its own. Two copies in one process must never have one file open: POSIX drops all locks of a process on a
file when any of its descriptors closes (https://www.sqlite.org/howtocorrupt.html, section 2.2.1). So `load`
looks whether this process has the file open, and goes through the driver where it has.
PostgreSQL: COPY, in the caller's transaction.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import JSON, Boolean, Date, DateTime, Float, Integer, MetaData, String, Table, insert
from sqlalchemy.engine import Connection, CursorResult, Engine
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
    (DateTime, pl.Datetime("us", "UTC")),
    (Float, pl.Float64()),
    (Integer, pl.Int64()),
    (JSON, pl.String()),
    (String, pl.String()),
)
"""Type of a column in a frame; JSON is text that is JSON already, a moment is in UTC."""
MOMENT: Final = "%Y-%m-%d %H:%M:%S%.6f"
"""How SQLAlchemy writes a moment into SQLite, which has no type for one: without its offset, here UTC's."""

_names = count(1)


def load(engine: Engine, *parts: Mapping[Table, pl.DataFrame]) -> int:
    """Append each frame to its table in one transaction of its own, the fastest way; return the rows written.

    The `parts` follow each other. Frames bring columns of the table by name, in any order; those they lack
    are null.
    """
    filled = [(table, frame) for part in parts for table, frame in part.items() if frame.height]
    path = database_file(engine)
    if path is None or _is_open_here(path):
        with engine.begin() as connection:
            for table, frame in filled:
                append(connection, table, frame)
    else:
        _ingest(engine, path, filled)
    return sum(frame.height for _, frame in filled)


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
    """Return what `query` selects as a frame of its columns' types, also where it has no row."""
    schema = {str(column.key): _polars_type(column.type) for column in query.selected_columns}
    raw = {name: _raw_type(kind, dialect=connection.dialect.name) for name, kind in schema.items()}
    # SQLAlchemy sends the query; the driver's tuples go into the frame as they are, in half the time.
    with closing(connection.execute(query)) as result:
        parts = [
            pl.DataFrame(rows, schema=raw, orient="row").select(
                _from_raw(name, raw[name], kind) for name, kind in schema.items()
            )
            for rows in _fetched(result)
        ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def driver_rows(connection: Connection, query: Select[Any]) -> Generator[Sequence[Sequence[Any]]]:
    """Yield the rows that `query` selects as the driver has them, at most `CHUNK_ROWS` at a time.

    SQLite's driver has a date as ISO text and a boolean as 0 or 1. Whoever may stop before the end closes it.
    """
    # PostgreSQL's plain cursor fetches the whole result at once.
    named = {"yield_per": CHUNK_ROWS} if connection.dialect.name == "postgresql" else {}
    with closing(connection.execute(query, execution_options=named)) as result:
        yield from result.partitions() if named else _fetched(result)


def _fetched(result: CursorResult[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    cursor = result.cursor
    while cursor is not None and (rows := cursor.fetchmany(CHUNK_ROWS)):
        yield rows


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


def _ingest(engine: Engine, path: Path, frames: Sequence[tuple[Table, pl.DataFrame]]) -> None:
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
            for table, frame in frames:
                stored = _stored(table, frame, dialect="sqlite")
                for part in stored.iter_slices(CHUNK_ROWS):
                    cursor.adbc_ingest(table.name, part.to_arrow(), mode="append")
            transaction.commit()
    except Error as error:
        raise StoreError(out_of_reach(engine.url, error)) from None


def _copy(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    import psycopg

    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in frame.columns)
    statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN (FORMAT csv, NULL '{NULL}')"
    if not connection.in_transaction():  # SQLAlchemy does not see that the driver begins one
        connection.begin()
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
    # In the table's order, in which SQLAlchemy writes an insert's columns.
    columns = [column for column in table.columns if column.name in frame.columns]
    said = [column for column in columns if frame[column.name].null_count() < frame.height]
    return frame.select(_as_stored(column, dialect=dialect) for column in said or columns[:1])


def _as_stored(column: Column[Any], *, dialect: str) -> pl.Expr:
    value = pl.col(column.name).cast(_polars_type(column.type))
    if dialect == "sqlite" and isinstance(column.type, Boolean):
        return value.cast(pl.Int64)
    if dialect == "sqlite" and isinstance(column.type, Date):
        return value.dt.to_string("%Y-%m-%d")
    if dialect == "sqlite" and isinstance(column.type, DateTime):
        return value.dt.to_string(MOMENT)
    return value


def _polars_type(kind: TypeEngine[Any]) -> pl.DataType:
    for sql, polars in FRAME_TYPES:
        if isinstance(kind, sql):
            return polars
    raise BrokenRuleError(f"no frame type is known for the column type {kind!r}")


def _raw_type(kind: pl.DataType, *, dialect: str) -> pl.DataType:
    """Return the type in which the driver hands over a column of type `kind`."""
    if dialect == "sqlite" and kind == pl.Boolean():
        return pl.Int64()
    if dialect == "sqlite" and kind.is_temporal():
        return pl.String()
    return kind


def _from_raw(name: str, raw: pl.DataType, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Date() and raw == pl.String():
        return pl.col(name).str.to_date("%Y-%m-%d")
    if isinstance(kind, pl.Datetime) and raw == pl.String():
        return pl.col(name).str.to_datetime(MOMENT, time_unit="us").dt.replace_time_zone("UTC")
    return pl.col(name).cast(kind)


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
