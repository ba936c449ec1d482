"""One writer per store: the second comer is told who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from allpool.errors import StoreError
from allpool.models.engine import database_file

ADVISORY_KEY: Final = int.from_bytes(b"allpool\0", "big")
"""Key of PostgreSQL's advisory lock; such a lock counts within one database."""


@dataclass(frozen=True)
class Holder:
    """Who holds a store: a process, its machine, and since when."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def locked(engine: Engine, *, since: datetime) -> Iterator[None]:
    """Hold the store at `engine` for writing; a killed process frees it.

    Raises StoreError where another holds it. A SQLite store in memory needs no lock.
    """
    holder = Holder(os.getpid(), socket.gethostname(), since.isoformat(timespec="seconds"))
    path = database_file(engine)
    if engine.dialect.name == "postgresql":
        with _advisory_lock(engine, holder):
            yield
    elif path is not None:
        with _file_lock(path, holder):
            yield
    else:
        yield


@contextmanager
def _file_lock(path: Path, holder: Holder) -> Iterator[None]:
    """Lock `<store>.lock`; the holder's name lies beside it in `<store>.holder`."""
    note = path.with_name(f"{path.name}.holder")
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _taken(str(path), _read(note)) from None
    try:
        note.write_text(json.dumps(asdict(holder)))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _read(note: Path) -> str:
    try:
        return str(Holder(**json.loads(note.read_text())))
    except (OSError, ValueError, TypeError):
        return "another process"


@contextmanager
def _advisory_lock(engine: Engine, holder: Holder) -> Iterator[None]:
    """Hold a session's advisory lock on a connection of its own, named after the holder."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY}):
            place = engine.url.render_as_string(hide_password=True)
            raise _taken(place, _session(connection))
        name = f"allpool {holder.pid} {holder.since} {holder.host}"
        connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name[:63]})
        try:
            yield
        finally:
            # The server ends a closed session when it comes to it, and would hold the lock until then; where
            # the connection is broken, it has seen that, or will.
            with suppress(SQLAlchemyError):
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})
            connection.invalidate()  # given back to the pool, the session would keep the name


def _session(connection: Connection) -> str:
    found = connection.execute(
        text(
            "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :high AND l.objid = :low "
            "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        {"high": ADVISORY_KEY >> 32, "low": ADVISORY_KEY & 0xFFFFFFFF},
    ).first()
    words = (found.application_name or "").split(" ", 3) if found else []
    if len(words) != len(("allpool", "pid", "since", "host")) or not words[1].isdigit():
        return "another session" + (f" (server process {found.pid})" if found else "")
    return str(Holder(int(words[1]), words[3], words[2]))


def _taken(place: str, holder: str) -> StoreError:
    return StoreError(
        f"the store {place} is being written by {holder}; wait until it has ended, or end it, and run again"
    )
