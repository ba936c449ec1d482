"""The migrations end where the models are, on both databases, and leave nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

import allpool.migrations.revise as revising
from allpool import migrations
from allpool.errors import StoreError
from allpool.migrations import schema
from allpool.models import Base
from allpool.models.engine import connect


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
