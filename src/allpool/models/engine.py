"""The way to a store in SQLite or PostgreSQL; its errors say what to do and never what a row says."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from allpool.errors import AllpoolError, BrokenRuleError, ConfigError, StoreError

SQLITE_PRAGMAS: Final = (
    "PRAGMA page_size = 8192",  # of a new file: rows are wide; loads a tenth faster than with 4096
    "PRAGMA journal_mode = WAL",  # readers never wait for the night
    "PRAGMA synchronous = NORMAL",  # safe with WAL; a power cut can lose the last commit, never the file
    "PRAGMA busy_timeout = 30000",
    "PRAGMA cache_size = -131072",  # KiB: the indexes that a load fills stay in memory
    "PRAGMA mmap_size = 268435456",
    "PRAGMA temp_store = MEMORY",
    # Pages (256 MiB): an index page that many feeds touch is copied into the file once, not at each commit.
    "PRAGMA wal_autocheckpoint = 32768",
)

# Result codes that mean "out of reach": https://www.sqlite.org/rescode.html
SQLITE_OUT_OF_REACH: Final = (
    "SQLITE_AUTH",
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_NOTADB",
    "SQLITE_PERM",
    "SQLITE_READONLY",
)

# Classes of SQLSTATE that mean "out of reach": connection, wrong authorization, unknown database,
# insufficient resources, object in use, operator intervention, system error.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRESQL_OUT_OF_REACH: Final = ("08", "28", "3D", "53", "55", "57", "58", "XX")

# Classes of SQLSTATE whose messages quote what a row says: data exception, integrity constraint violation.
POSTGRESQL_QUOTES_ROWS: Final = ("22", "23")


def connect(url: str | URL, *, base: Path | None = None, read_only: bool = False) -> Engine:
    """Return an engine for the store at `url`, having reached it once.

    A relative SQLite path is taken from `base` (default: the working folder); its folder is made where
    absent. `read_only` refuses every change. Raises ConfigError for a URL that names no store allpool knows,
    and StoreError for a store that is out of reach.
    """
    address = store_url(url, base=base)
    if address.get_backend_name() == "sqlite":
        engine = _sqlite_engine(address, read_only=read_only)
    else:
        engine = _postgresql_engine(address, read_only=read_only)
    event.listen(engine, "handle_error", _say_what_to_do)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except StoreError as error:
        raise error.with_traceback(None) from None
    except DBAPIError as error:
        raise StoreError(out_of_reach(address, error.orig)) from None
    return engine


def store_url(url: str | URL, *, base: Path | None = None) -> URL:
    """Return `url` as allpool uses it: a known driver, and an absolute path for SQLite."""
    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "the store's address is no URL; write sqlite:///allpool.db or postgresql+psycopg://host/name"
        ) from None
    if address.drivername in ("sqlite", "sqlite+pysqlite"):
        if address.database in (None, "", ":memory:") or "uri" in address.query:
            return address
        path = (base or Path.cwd()) / str(address.database)
        return address.set(database=str(path.resolve()))
    if address.drivername in ("postgresql", "postgresql+psycopg"):
        return address.set(drivername="postgresql+psycopg")
    raise ConfigError(
        f"allpool keeps its store in SQLite or PostgreSQL, not in {address.drivername}; "
        "write sqlite:///allpool.db or postgresql+psycopg://host/name"
    )


def database_file(engine: Engine) -> Path | None:
    """Return the file of a SQLite store, or None where the store is no file."""
    name = engine.url.database
    is_file = engine.dialect.name == "sqlite" and name not in (None, "", ":memory:")
    return Path(str(name)) if is_file and "uri" not in engine.url.query else None


def out_of_reach(url: URL, error: BaseException | None) -> str:
    """Return the sentence that says which store did not answer, how, and what to look at."""
    place = url.render_as_string(hide_password=True)
    look = (
        "look at the file, its folder's permissions, the free space and who else has it open"
        if url.get_backend_name() == "sqlite"
        else "look whether the server runs, and at host, database, user and password"
    )
    return f"the store {place} is out of reach ({_kind(error)}); {look}"


def _sqlite_engine(address: URL, *, read_only: bool) -> Engine:
    in_memory = address.database in (None, "", ":memory:") or "uri" in address.query
    if not in_memory:
        path = Path(str(address.database))
        if read_only and not path.exists():
            raise StoreError(f"there is no store at {path}; run a night or `allpool db upgrade` first")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {path.parent} cannot be made ({error.strerror})") from None
    # No pool for a file: the bulk path needs it closed in this process (see bulk.py), and opening is cheap.
    options: dict[str, Any] = {} if in_memory else {"poolclass": NullPool}
    engine = create_engine(address, hide_parameters=True, **options)

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction by itself; `begin` below does
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma).close()
        if read_only:
            connection.execute("PRAGMA query_only = ON").close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql_engine(address: URL, *, read_only: bool) -> Engine:
    said = address.query  # what the URL says holds, beside that a store opened for reading is only read
    arguments: dict[str, Any] = {"connect_timeout": 10, "application_name": "allpool", **said}
    if read_only:
        arguments["options"] = f"{said.get('options', '')} -c default_transaction_read_only=on".lstrip()
    return create_engine(address, hide_parameters=True, connect_args=arguments)


def _say_what_to_do(context: ExceptionContext) -> AllpoolError | None:
    """Return the error to raise instead: StoreError where a user can act, and none that quotes a row."""
    error = context.original_exception
    quiet = quietened(error)
    if quiet is None and context.engine is not None and _is_out_of_reach(error, context.sqlalchemy_exception):
        return StoreError(out_of_reach(context.engine.url, error))
    return quiet


def quietened(error: BaseException) -> BrokenRuleError | None:
    """Return the error to raise instead of one that quotes a row's values, which are taken out of `error`."""
    state = getattr(error, "sqlstate", None)
    if not state or state[:2] not in POSTGRESQL_QUOTES_ROWS:
        return None
    found = getattr(error, "diag", None)
    table, column, constraint = (
        getattr(found, name, None) for name in ("table_name", "column_name", "constraint_name")
    )
    place = ", ".join(
        f"{word} {name}"
        for word, name in (("table", table), ("column", column), ("constraint", constraint))
        if name
    )
    message = f"the database refused a row: {type(error).__name__} ({state}){': ' + place if place else ''}"
    error.args = (message,)
    return BrokenRuleError(message)


def _is_out_of_reach(error: BaseException, wrapped: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return str(getattr(error, "sqlite_errorname", "")).startswith(SQLITE_OUT_OF_REACH)
    state = getattr(error, "sqlstate", None)
    if state is None:
        return isinstance(wrapped, OperationalError)
    return state[:2] in POSTGRESQL_OUT_OF_REACH


def _kind(error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return str(name or type(error).__name__)
