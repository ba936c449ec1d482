"""One writer per store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from allpool.errors import ExitCode, StoreError
from allpool.etl.lock import locked
from allpool.models.engine import connect, database_file

SINCE = datetime(2024, 3, 1, 2, 30, tzinfo=UTC)
LATER = datetime(2024, 3, 1, 2, 31, tzinfo=UTC)

HOLD = """
import sys, time
from datetime import datetime
from allpool.etl.lock import locked
from allpool.models.engine import connect
with locked(connect(sys.argv[1]), since=datetime.fromisoformat("2024-03-01T02:30:00+00:00")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_comer_is_told_who_holds_the_store(store: Engine, store_url: str) -> None:
    other = connect(store_url)
    with locked(store, since=SINCE):
        with pytest.raises(StoreError) as caught, locked(other, since=LATER):
            pytest.fail("two hold the lock")
        said = f"process {os.getpid()} on {socket.gethostname()} since 2024-03-01T02:30:00+00:00"
        assert said in str(caught.value)
        assert caught.value.exit_code is ExitCode.OUT_OF_REACH
        with pytest.raises(StoreError, match="since 2024-03-01T02:30:00"), locked(other, since=LATER):
            pytest.fail("the second comer freed the lock")
    with locked(other, since=LATER):
        pass
    other.dispose()


def test_an_error_frees_the_store(store: Engine) -> None:
    with pytest.raises(ZeroDivisionError), locked(store, since=SINCE):
        raise ZeroDivisionError
    with locked(store, since=LATER):
        pass


def test_a_store_that_was_let_go_is_free_at_once(store: Engine) -> None:
    """As where a script runs one command after the other; a server takes its time to end a session."""
    for _ in range(200):
        with locked(store, since=SINCE):
            pass


def test_a_killed_process_frees_the_store(store: Engine, store_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, store_url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=f"process {process.pid} "), locked(store, since=LATER):
            pytest.fail("two hold the lock")
        process.kill()
    for _ in range(100):  # the server may take a moment to see that its client is gone
        try:
            with locked(store, since=LATER):
                return
        except StoreError:
            continue
    pytest.fail("the lock outlived its process")


def test_a_note_that_cannot_be_read_is_no_obstacle(tmp_path: Path) -> None:
    store = connect("sqlite:///x.db", base=tmp_path)
    with locked(store, since=SINCE):
        (tmp_path / "x.db.holder").write_text("{")
        with pytest.raises(StoreError, match="written by another process"), locked(store, since=LATER):
            pytest.fail("two hold the lock")


def test_a_store_in_memory_needs_no_lock() -> None:
    store = connect("sqlite://")
    with locked(store, since=SINCE), locked(store, since=LATER):
        assert database_file(store) is None
    store.dispose()
