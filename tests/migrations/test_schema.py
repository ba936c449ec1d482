"""The migrations end where the models are, on both databases, and leave nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import Script, ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Double,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Text,
    inspect,
    select,
    text,
)

import allpool.migrations.revise as revising
from allpool import migrations
from allpool.errors import StoreError
from allpool.migrations import schema
from allpool.models import Base
from allpool.models.engine import connect

EXAMPLES = {
    String: "a",
    Text: "a text",
    Integer: 7,
    Float: 0.25,
    Double: 0.25,
    Boolean: True,
    Date: date(2024, 2, 29),
    DateTime: datetime(2024, 2, 29, 12, tzinfo=UTC),
    JSON: {"a": [1, None]},
}
REPLACED = ("published_estimate",)
"""Tables that a revision made anew, since nothing had written into them."""


def test_the_newest_revision_equals_the_models(empty_store: Engine) -> None:
    assert migrations.upgrade(empty_store) == migrations.head()
    state = migrations.check(empty_store)
    assert state.differences == ()
    assert state.ok
    assert set(inspect(empty_store).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_going_back_leaves_nothing_and_going_up_again_works(empty_store: Engine) -> None:
    migrations.upgrade(empty_store)
    assert migrations.downgrade(empty_store) is None
    assert inspect(empty_store).get_table_names() == ["alembic_version"]
    assert migrations.current(empty_store) is None
    assert migrations.upgrade(empty_store) == migrations.head()
    assert migrations.check(empty_store).ok


def test_upgrading_twice_changes_nothing(store: Engine) -> None:
    assert migrations.upgrade(store) == migrations.head()
    assert migrations.check(store).ok


def test_rows_of_every_older_schema_survive_the_way_up_and_back(empty_store: Engine) -> None:
    older = [
        script.revision for script in reversed(list(revisions())) if script.revision != migrations.head()
    ]
    assert older[0] == "0001"
    for revision in older:
        migrations.upgrade(empty_store, revision)
        before = filled(empty_store)
        assert len(before) > 20
        migrations.upgrade(empty_store)
        assert migrations.check(empty_store).ok
        assert rows_of(empty_store, before) == before
        migrations.downgrade(empty_store, revision)
        assert rows_of(empty_store, before) == before
        migrations.downgrade(empty_store)


def revisions() -> Iterator[Script]:
    return ScriptDirectory.from_config(schema.configuration(None)).walk_revisions()


def filled(engine: Engine) -> dict[str, dict[str, Any]]:
    """Write a row into each table of the store that is to stay, and return the rows as the store has them."""
    found = MetaData()
    found.reflect(engine)
    rows: dict[str, dict[str, Any]] = {}
    with engine.begin() as connection:
        for table in found.sorted_tables:
            if table.name != "alembic_version" and table.name not in REPLACED:
                row = {column.name: EXAMPLES[type(column.type.as_generic())] for column in table.columns}
                connection.execute(table.insert(), row)
                rows[table.name] = row
    return rows_of(engine, rows)


def rows_of(engine: Engine, before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the row of each table that `before` has, in its columns."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: dict(
                connection.execute(select(*(found.tables[name].c[column] for column in row))).mappings().one()
            )
            for name, row in before.items()
        }


def test_a_difference_is_said_in_words(store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(text("ALTER TABLE patient ADD COLUMN shoe_size INTEGER"))
        connection.execute(text("DROP INDEX ix_observation_feed"))
        connection.execute(text("DROP TABLE adtte"))
    state = migrations.check(store)
    assert not state.ok
    assert set(state.differences) == {
        "remove column patient.shoe_size",
        "add index ix_observation_feed of table observation",
        "add table adtte",
    }


def test_a_store_without_schema_says_what_to_run(empty_store: Engine) -> None:
    assert migrations.current(empty_store) is None
    with pytest.raises(StoreError, match=r"at schema none, this allpool needs .* run `allpool db upgrade`"):
        migrations.require_current(empty_store)
    migrations.upgrade(empty_store)
    migrations.require_current(empty_store)


def test_a_store_of_a_newer_allpool_is_left_alone(store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (migrations.upgrade, migrations.downgrade, migrations.require_current):
        with pytest.raises(StoreError, match="at schema 9999, which this allpool does not know"):
            act(store)


def test_a_failing_migration_leaves_the_store_as_it_was(
    empty_store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrations.upgrade(empty_store)
    assert inspect(empty_store).get_table_names() == []


def test_there_is_one_head() -> None:
    scripts = ScriptDirectory.from_config(schema.configuration(None))
    assert scripts.get_heads() == [migrations.head()]
    assert all(script.doc and script.revision.isdigit() for script in scripts.walk_revisions())


def test_a_revision_is_drafted_from_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the package without its newest revision drafts that revision again."""
    package = tmp_path / "migrations"
    shutil.copytree(Path(schema.__file__).parent, package)
    monkeypatch.setattr(schema, "__file__", str(package / "schema.py"))
    monkeypatch.setattr(revising, "VERSIONS", package / "versions")
    newest = next((package / "versions").glob(f"r{migrations.head()}_*.py"))
    before = newest.read_text()
    message = before.partition("\n")[0].strip('".')
    assert revising.revise(message, replace=True) == newest
    assert newest.read_text() == before
    with pytest.raises(revising.click.ClickException, match="nothing to write"):
        revising.revise("Nothing")


def test_an_installed_wheel_can_upgrade(tmp_path: Path) -> None:
    """The package's files alone, elsewhere on disk and in another folder, bring a store up."""
    source = Path(schema.__file__).parents[1]
    shutil.copytree(source, tmp_path / "site 100%" / "allpool", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "from allpool import migrations; from allpool.models.engine import connect; import allpool;"
        "assert 'site 100%' in allpool.__file__;"
        "migrations.upgrade(connect('sqlite:///allpool.db'))"
    )
    environment = {"PYTHONPATH": str(tmp_path / "site 100%")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert migrations.check(connect(f"sqlite:///{tmp_path / 'allpool.db'}")).ok
