"""A database as source: text exactly, never written to, and errors that tell neither password nor value."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text

from allpool.etl.readers import ReadLimits, SourceFailure, SourceTable, read_source
from allpool.mappings.read import Read
from allpool.models.engine import connect

URL = "CENTRE_DB_URL"


def ask(folder: Path, query: str, *, limits: ReadLimits | None = None, **words: object) -> object:
    words = {"url_env": URL, **words} if "url_file" not in words else words
    read: Read = TypeAdapter(Read).validate_python({"format": "sql", "query": query, **words})
    (found,) = read_source(folder, None, read, name="patients", limits=limits)
    return found


def answered(folder: Path, query: str, **words: object) -> SourceTable:
    found = ask(folder, query, **words)
    assert isinstance(found, SourceTable), found
    return found


def refused(folder: Path, query: str, **words: object) -> SourceFailure:
    found = ask(folder, query, **words)
    assert isinstance(found, SourceFailure), found
    return found


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLite file with a table of two patients, whose address stands in the environment."""
    path = tmp_path / "centre.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table patient (id text, wbc real, born text, note text)")
        connection.executemany(
            "insert into patient values (?, ?, ?, ?)",
            [("0001", 12.0, "1987-03", " a\r\nb "), ("0002", 0.1, None, "")],
        )
    connection.close()
    monkeypatch.setenv(URL, f"sqlite:///{path}")
    return path


def test_rows_are_text_and_counted_from_one(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    table = answered(tmp_path, "select id, wbc, born, note from patient order by id;")
    assert table.columns == ("id", "wbc", "born", "note")
    assert table.frame.rows() == [("0001", "12", "1987-03", "a\nb", 1), ("0002", "0.1", None, None, 2)]
    assert (table.facts.path, table.facts.sheet) == ("sql:patients", None)


def test_the_same_answer_has_the_same_hash_and_another_one_another(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    query = "select id from patient order by id"
    first, again = answered(tmp_path, query), answered(tmp_path, query)
    turned = answered(tmp_path, f"{query} desc")
    assert first.facts == again.facts
    assert first.facts.sha256 != turned.facts.sha256


def test_a_decimal_comma_where_declared(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    table = answered(tmp_path, "select wbc from patient order by id", decimal=",")
    assert table.frame["wbc"].to_list() == ["12", "0,1"]


def test_a_percent_sign_and_a_colon_are_the_query_s_own(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    table = answered(tmp_path, "select '12:30' as t from patient where id like '%1'")
    assert table.frame["t"].to_list() == ["12:30"]


@pytest.mark.parametrize(
    "query", ["delete from patient", "insert into patient (id) values ('x')", "drop table patient"]
)
def test_nothing_is_written(tmp_path: Path, database: Path, query: str) -> None:
    assert refused(tmp_path, query).rule == "query_failed"
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from patient").fetchone() == (2,)
    connection.close()


def test_a_query_that_is_wrong_says_how(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    found = refused(tmp_path, "select geboren from patient")
    assert found.rule == "query_failed"
    assert "no such column: geboren" in found.message


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("sqlite:////nowhere/at/all.db", "the SQLite file is not there"),
        ("Geheim im Feld", "no SQLAlchemy URL"),
        ("oracle+oracledb://u:Geheim@host/db", "is not installed"),
        ("nonsense://u:Geheim@host/db", "no SQLAlchemy URL"),
        ("postgresql+psycopg://u:Geheim@127.0.0.1:9/db", "does not answer"),
        ("postgresql+psycopg://u@127.0.0.1:9/db?password=Geheim", "does not answer"),
    ],
)
def test_an_unreachable_database_is_a_failure_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    monkeypatch.setenv(URL, address)
    found = refused(tmp_path, "select 1 as a")
    assert found.rule == "unreachable"
    assert says in found.message
    assert "Geheim" not in found.message
    assert not Path("/nowhere").exists()


def test_an_address_that_nobody_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)
    assert URL in refused(tmp_path, "select 1 as a").message
    found = refused(tmp_path, "select 1 as a", url_file="address.txt")
    assert found.rule == "missing_secret"
    assert "address.txt" in found.message


def test_an_address_in_a_file(tmp_path: Path, database: Path) -> None:
    (tmp_path / "address.txt").write_text(f"sqlite:///{database}\n", encoding="utf-8")
    assert answered(tmp_path, "select id from patient", url_file="address.txt").frame.height == 2


def test_what_has_no_plain_text_is_refused_by_its_column(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    found = refused(tmp_path, "select id, x'00ff' as picture from patient")
    assert (found.rule, found.column) == ("unreadable_column", "picture")


def test_an_answer_past_the_limit(tmp_path: Path, database: Path) -> None:
    assert database.exists()
    found = ask(tmp_path, "select * from patient", limits=ReadLimits(file_bytes=8))
    assert isinstance(found, SourceFailure)
    assert found.rule == "answer_too_large"


def test_text_that_is_none_tells_no_value(tmp_path: Path, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("insert into patient (id, note) values ('0003', cast(x'4e6f76616bff' as text))")
    connection.close()
    found = refused(tmp_path, "select note from patient")
    assert found.rule == "query_failed"
    assert "Novak" not in found.message


def test_postgresql_types_as_text(
    tmp_path: Path, postgresql: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgresql.fresh()  # type: ignore[attr-defined]
    monkeypatch.setenv(URL, address)
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text("create table lab (id text, v numeric, d date, t timestamptz, ok boolean)"))
        connection.execute(
            text("insert into lab values ('0001', 1.10, '2023-01-05', '2023-01-05 12:00:00+00', true)")
        )
    engine.dispose()
    table = answered(
        tmp_path,
        "with found as (select * from lab where id like '%1') select id, v, d, t at time zone 'UTC' as t, "
        "ok, 2::bigint as n, 0.5::float4 as f, 'NaN'::float8 as nan, '1 day 2:00'::interval as i from found",
    )
    assert table.frame.row(0, named=True) == {
        "id": "0001",
        "v": "1.10",
        "d": "2023-01-05",
        "t": "2023-01-05T12:00:00",
        "ok": "true",
        "n": "2",
        "f": "0.5",
        "nan": "NaN",
        "i": "26:00:00",
        "_row": 1,
    }
    for query, says in (
        ("delete from lab returning id", "query_failed"),
        ("select geboren from lab", "geboren"),
        ("select 'Novak'::date as d", "query_failed"),
        ("select '{}'::jsonb as j", "unreadable_column"),
        ("select 'infinity'::date as d", "query_failed"),
    ):
        found = refused(tmp_path, query)
        assert says in (found.rule, *found.message.replace('"', " ").split()), found
        assert "Novak" not in found.message
    assert answered(tmp_path, "select id from lab").frame.height == 1


@pytest.mark.parametrize(
    "words",
    [
        {"url_env": "A"},
        {"url_env": "A", "query": "select 1", "query_file": "q.sql"},
        {"query": "select 1"},
        {"url_env": "A", "url_file": "b", "query": "select 1"},
    ],
)
def test_one_address_and_one_query(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either"):
        TypeAdapter(Read).validate_python({"format": "sql", **words})
