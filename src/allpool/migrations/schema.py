"""Bring a store's schema to a version, and say where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from allpool.errors import StoreError
from allpool.models import Base


@dataclass(frozen=True)
class SchemaState:
    """Where a store's schema stands: its revision, the newest one, and how it differs from the models."""

    current: str | None
    head: str
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the store is at the newest revision and equals the models."""
        return self.current == self.head and not self.differences


def upgrade(engine: Engine, revision: str = "head") -> str | None:
    """Bring the store to `revision` and return the revision it is at.

    Raises StoreError where the store is of a newer allpool, or where it holds tables of another program.
    """
    with engine.begin() as connection:
        _refuse_strangers(connection)
        command.upgrade(configuration(connection), revision)
        return _revision(connection)


def downgrade(engine: Engine, revision: str = "base") -> str | None:
    """Take the store back to `revision`; what only later revisions hold is lost."""
    with engine.begin() as connection:
        _refuse_strangers(connection)
        command.downgrade(configuration(connection), revision)
        return _revision(connection)


def current(engine: Engine) -> str | None:
    """Return the revision the store is at, or None for a store without schema."""
    with engine.connect() as connection:
        return _revision(connection)


def head() -> str:
    """Return the newest revision of this allpool."""
    found = ScriptDirectory.from_config(configuration(None)).get_current_head()
    if found is None:
        raise StoreError("this installation of allpool has no migrations; install it again")
    return found


def check(engine: Engine) -> SchemaState:
    """Return the store's revision and, in words, each difference between its schema and the models."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = tuple(_words(compare_metadata(context, Base.metadata)))
        return SchemaState(context.get_current_revision(), head(), differences)


def require_current(engine: Engine) -> None:
    """Raise StoreError unless the store is at the newest revision (quick: compares no columns)."""
    found, newest = current(engine), head()
    if found == newest:
        return
    place = engine.url.render_as_string(hide_password=True)
    if found is not None and found not in _known():
        raise StoreError(_newer(place, found))
    raise StoreError(
        f"the store {place} is at schema {found or 'none'}, this allpool needs {newest}; "
        "run `allpool db upgrade`"
    )


def configuration(connection: Connection | None) -> Config:
    """Return Alembic's configuration for this package, bound to `connection`."""
    config = Config(attributes={"connection": connection})
    # Alembic reads options through configparser, where % begins an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def _refuse_strangers(connection: Connection) -> None:
    found = _revision(connection)
    if found is not None and found not in _known():
        raise StoreError(_newer(connection.engine.url.render_as_string(hide_password=True), found))


def _newer(place: str, found: str) -> str:
    return (
        f"the store {place} is at schema {found}, which this allpool does not know; "
        "use the newer allpool that wrote it"
    )


def _known() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(configuration(None))
    return frozenset(script.revision for script in scripts.walk_revisions())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _words(differences: Iterable[Any]) -> Iterator[str]:
    """Say each difference that Alembic found; it nests those of one column in a list."""
    for difference in differences:
        if isinstance(difference, list):
            yield from _words(difference)
        else:
            yield _sentence(*difference)


def _sentence(kind: str, *what: Any) -> str:
    if kind.endswith(("_table", "_index", "_constraint")):
        owner = getattr(what[0], "table", None)
        place = "" if owner is None or kind.endswith("_table") else f" of table {owner.name}"
        return f"{kind.replace('_', ' ')} {what[0].name}{place}"
    if kind.endswith("_column"):
        return f"{kind.replace('_', ' ')} {what[1]}.{what[2].name}"
    if kind.startswith("modify_"):
        return f"{kind.replace('_', ' ')} of {what[1]}.{what[2]} from {what[4]!s} to {what[5]!s}"
    return kind.replace("_", " ")
