"""What goes in by the bulk path comes out the same, on every path."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, insert, select

from allpool.errors import BrokenRuleError, StoreError
from allpool.migrations import upgrade
from allpool.models import STAGING, Base, QueryEvent
from allpool.models.bulk import append, driver_rows, load, read, temporary
from allpool.models.engine import connect

OBSERVATION = STAGING["observation"]
COLUMNS = (
    "id",
    "value_quantity",
    "value_boolean",
    "value_integer",
    "effective_date",
    "value_string",
    "status",
)

FRAME = pl.DataFrame(
    {
        # not in the table's order, which is not the order that loads happen to need
        "value_string": ["", None, 'say "x"', "完全缓解", "a,b\n\tc", "\\N", "N", "'", "%s :x ?"],
        "id": ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
        "value_quantity": [1 / 3, None, 1e-300, -0.0, 1e22, 5.0, 0.1, 2**53 + 0.0, 1.7976931348623157e308],
        "value_boolean": [True, False, None, True, False, None, True, False, None],
        "value_integer": [1, None, -3, 2**31 - 1, 0, 5, 6, 7, 8],
        "effective_date": [date(2024, 2, 29), None, date(1900, 1, 1), date(9999, 12, 31), *[None] * 5],
        "status": [None] * 9,
    },
    schema_overrides={"status": pl.String},
)
QUERY = select(*(OBSERVATION.c[name] for name in COLUMNS)).order_by(OBSERVATION.c.id)


def test_load_and_read_give_the_same_frame(store: Engine) -> None:
    assert load(store, {OBSERVATION: FRAME}) == FRAME.height
    with store.connect() as connection:
        assert_frame_equal(read(connection, QUERY), FRAME.select(COLUMNS))


def test_append_and_read_give_the_same_frame(store: Engine) -> None:
    with store.begin() as connection:
        assert append(connection, OBSERVATION, FRAME) == FRAME.height
        assert_frame_equal(read(connection, QUERY), FRAME.select(COLUMNS))


def test_load_writes_what_sqlalchemy_writes(store: Engine) -> None:
    """A row loaded and a row inserted are the same row to SQL, dates and booleans included."""
    load(store, {OBSERVATION: FRAME})
    with store.begin() as connection:
        rows = [{**row, "id": f"core-{row['id']}"} for row in FRAME.iter_rows(named=True)]
        connection.execute(insert(OBSERVATION), rows)
        for row in FRAME.iter_rows(named=True):
            conditions = [
                OBSERVATION.c[name] == value
                for name, value in row.items()
                if value is not None and name != "id"
            ]
            found = connection.scalars(select(OBSERVATION.c.id).where(*conditions)).all()
            assert {row["id"], f"core-{row['id']}"} <= set(found)


def test_a_moment_is_in_utc_for_both_paths(store: Engine) -> None:
    """What the bulk path writes SQLAlchemy reads, and the other way round, whatever the offset given."""
    events = Base.metadata.tables[QueryEvent.__tablename__]
    there = datetime(2026, 11, 20, 3, 30, 0, 250, tzinfo=timezone(timedelta(hours=1)))
    frame = pl.DataFrame({"query": ["a"], "number": [1], "status": ["open"], "at": [there]})
    with store.begin() as connection:
        append(connection, events, frame)
        connection.execute(
            insert(events), {"query": "b", "number": 1, "status": "open", "at": there.astimezone(UTC)}
        )
        found = read(connection, select(events.c.query, events.c.at).order_by(events.c.query))
        told = connection.scalars(select(events.c.at).order_by(events.c.query)).all()
    assert found["at"].to_list() == [there, there]
    assert len({moment.replace(tzinfo=None) for moment in told}) == 1


def test_append_is_undone_with_its_transaction(store: Engine) -> None:
    with store.connect() as connection:
        append(connection, OBSERVATION, FRAME)
        connection.rollback()
        assert read(connection, QUERY).is_empty()


def test_load_works_while_the_file_is_open_here(store: Engine) -> None:
    """Then it must not bring in the second copy of SQLite, and goes through the driver."""
    with store.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.rollback()
        load(store, {OBSERVATION: FRAME})
        assert_frame_equal(read(connection, QUERY), FRAME.select(COLUMNS))


def test_a_file_that_breaks_is_said(tmp_path: Path) -> None:
    store = connect("sqlite:///x.db", base=tmp_path)
    (tmp_path / "x.db").write_text("no database " * 1000)
    with pytest.raises(StoreError, match="is out of reach"):
        load(store, {OBSERVATION: FRAME})


def test_no_rows_are_no_rows(store: Engine) -> None:
    assert load(store, {OBSERVATION: FRAME.clear()}) == 0
    with store.begin() as connection:
        assert append(connection, OBSERVATION, FRAME.clear()) == 0
        assert_frame_equal(read(connection, QUERY), FRAME.clear().select(COLUMNS))
        assert list(driver_rows(connection, QUERY)) == []


def test_an_unknown_column_is_a_broken_rule(store: Engine) -> None:
    with pytest.raises(BrokenRuleError, match="table stage_observation has no column shoe_size"):
        load(store, {OBSERVATION: FRAME.with_columns(shoe_size=pl.lit(42))})


def test_driver_rows_come_in_parts(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allpool.models.bulk.CHUNK_ROWS", 4)
    load(store, {OBSERVATION: FRAME})
    with store.connect() as connection:
        parts = list(driver_rows(connection, select(OBSERVATION.c.id).order_by(OBSERVATION.c.id)))
        assert [len(part) for part in parts] == [4, 4, 1]
        assert "".join(row[0] for part in parts for row in part) == "abcdefghi"
        assert read(connection, QUERY).height == FRAME.height


def test_a_temporary_table_is_gone_afterwards(store: Engine) -> None:
    ids = pl.DataFrame(
        {"id": ["a", "c"], "version": [1, None]}, schema={"id": pl.String, "version": pl.Int64}
    )
    load(store, {OBSERVATION: FRAME})
    with store.begin() as connection:
        with temporary(connection, ids) as listed:
            query = select(OBSERVATION.c.id).where(OBSERVATION.c.id.in_(select(listed.c.id)))
            assert set(connection.scalars(query)) == {"a", "c"}
            assert set(connection.execute(select(listed.c.id, listed.c.version))) == {("a", 1), ("c", None)}
        with temporary(connection, ids) as listed:
            assert connection.execute(select(listed.c.id)).all()


def test_two_copies_of_sqlite_keep_each_other_s_rows(tmp_path: Path) -> None:
    """Loads between the driver's transactions lose nothing."""
    store = connect("sqlite:///x.db", base=tmp_path)
    upgrade(store)
    for number in range(20):
        with store.begin() as connection:
            connection.execute(insert(OBSERVATION), {"id": f"core-{number}"})
        load(store, {OBSERVATION: pl.DataFrame({"id": [f"load-{number}"]})})
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert connection.execute("SELECT count(DISTINCT id) FROM stage_observation").fetchone() == (40,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_load_takes_the_fast_path_unless_the_file_is_open_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connect("sqlite:///x.db", base=tmp_path)
    upgrade(store)
    taken: list[str] = []
    monkeypatch.setattr("allpool.models.bulk._ingest", lambda *_: taken.append("fast"))
    monkeypatch.setattr("allpool.models.bulk.append", lambda *_: taken.append("driver"))
    load(store, {OBSERVATION: FRAME})
    with store.connect():
        load(store, {OBSERVATION: FRAME})
    load(store, {OBSERVATION: FRAME})
    assert taken == ["fast", "driver", "fast"]
