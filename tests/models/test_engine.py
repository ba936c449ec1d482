"""Reaching a store, and the errors on the way."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, insert, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from allpool.errors import BrokenRuleError, ConfigError, ExitCode, StoreError
from allpool.models import Base, Patient
from allpool.models.bulk import append
from allpool.models.engine import connect, database_file, store_url

PATIENT = Base.metadata.tables[Patient.__tablename__]


def test_a_relative_path_is_taken_from_the_base(tmp_path: Path) -> None:
    engine = connect("sqlite:///build/store.db", base=tmp_path)
    assert database_file(engine) == tmp_path / "build" / "store.db"
    assert (tmp_path / "build" / "store.db").exists()


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert store_url(f"sqlite:///{tmp_path}/x.db", base=Path("/elsewhere")).database == f"{tmp_path}/x.db"


def test_a_file_is_opened_with_our_pragmas(tmp_path: Path) -> None:
    with connect("sqlite:///x.db", base=tmp_path).connect() as connection:
        said = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "busy_timeout", "page_size")
        }
    assert said == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 30000, "page_size": 8192}


@pytest.mark.parametrize("url", ["allpool.db", "mysql://host/x", "postgresql+asyncpg://host/x"])
def test_an_address_of_no_known_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"write sqlite:///allpool\.db or postgresql"):
        connect(url)


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    password = "pass" + "word"
    with pytest.raises(StoreError, match="is out of reach") as caught:
        connect(f"postgresql://someone:{password}@localhost:1/x")
    assert caught.value.exit_code is ExitCode.OUT_OF_REACH
    assert f":{password}" not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database " * 500)
    with pytest.raises(StoreError, match="SQLITE_NOTADB"):
        connect("sqlite:///x.db", base=tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        connect("sqlite:///file/x.db", base=tmp_path)


def test_reading_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        connect("sqlite:///x.db", base=tmp_path, read_only=True)
    assert not (tmp_path / "x.db").exists()


def test_read_only_refuses_changes(store: Engine, store_url: str) -> None:
    engine = connect(store_url, read_only=True)
    with engine.connect() as connection:
        assert connection.execute(select(PATIENT.c.id)).all() == []
    with pytest.raises((StoreError, DBAPIError), match=r"READONLY|read-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM patient"))
    engine.dispose()


def test_what_a_postgresql_address_says_holds(postgresql: Any) -> None:
    url = make_url(postgresql.fresh()).update_query_dict(
        {"application_name": "night", "options": "-c search_path=pg_temp"}
    )
    for read_only, reads in ((False, "off"), (True, "on")):
        engine = connect(url, read_only=read_only)
        with engine.connect() as connection:
            said = [
                connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("application_name", "search_path", "default_transaction_read_only")
            ]
        engine.dispose()
        assert said == ["night", "pg_temp", reads]


def test_a_transaction_holds_schema_and_rows(empty_store: Engine) -> None:
    with empty_store.connect() as connection:
        connection.execute(text("CREATE TABLE x (a INTEGER)"))
        connection.execute(text("INSERT INTO x VALUES (1)"))
        connection.rollback()
    assert inspect(empty_store).get_table_names() == []


def test_no_error_quotes_what_a_row_says(store: Engine) -> None:
    """Neither the statement's parameters nor PostgreSQL's `Failing row contains` come through."""
    value = "secret" + "-value"
    row = {"id": "1", "content_hash": "x", "feed": "f", "run": 1, "version": 1, "gender": value}
    with pytest.raises((BrokenRuleError, DBAPIError)) as caught, store.begin() as connection:
        connection.execute(insert(PATIENT), row)
    said = "".join(traceback.format_exception(caught.value))
    assert value not in said
    assert "identifier" in said


def test_a_duplicate_is_refused_without_its_key(store: Engine) -> None:
    value = "secret" + "-value"
    row = {"id": value, "content_hash": "x", "feed": "f", "run": 1, "version": 1, "identifier": "p"}
    with pytest.raises((BrokenRuleError, DBAPIError)) as caught, store.begin() as connection:
        connection.execute(insert(PATIENT), [row, row])
    said = "".join(traceback.format_exception(caught.value))
    assert value not in said
    assert "pk_patient" in said or "patient.id" in said


def test_a_copy_that_fails_quotes_no_row(store: Engine) -> None:
    value = "secret" + "-value"
    row = {"id": value, "content_hash": "x", "feed": "f", "run": 1, "version": 1, "gender": value}
    with pytest.raises((BrokenRuleError, DBAPIError)) as caught, store.begin() as connection:
        append(connection, PATIENT, pl.DataFrame([row]))
    said = "".join(traceback.format_exception(caught.value))
    assert value not in said
    assert "identifier" in said
