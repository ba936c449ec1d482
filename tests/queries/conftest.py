"""A small consortium of one centre whose files a test may spoil, and its nights on both stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.models import Query, QueryEvent
from tests.nights.conftest import run

CONFIG = """
[consortium]
name = "Queries (synthetic)"
synthetic = true
example = true
[store]
url = "sqlite:///store.db"
[[feeds]]
id = "one"
study = "s1"
centre = "c1"
mapping = "one.yaml"
folder = "data"
contact = "data manager, centre one"
"""
MAPPING = """
mapping: one
version: "1"
language: cs
sources:
  patients:
    file: "patients*.csv"
    read: {format: csv, encoding: utf-8, separator: ";", decimal: "."}
    patient: {column: id, pattern: "[0-9]{4}"}
    records:
      - record: patient
        sex: {column: sex, codes: {m: male, f: female}}
        birth_date: {column: born, format: "%d.%m.%Y"}
        death_date: {column: died, format: "%d.%m.%Y"}
      - record: wbc
        value: {column: wbc, unit: 10*9/L}
        date: {column: seen, format: "%d.%m.%Y"}
"""
STUDY = """
study: s1
title: A study of queries (synthetic)
design: retrospective
centres: [{id: c1, name: Centre one (synthetic)}]
"""
HEADER = "id;sex;born;died;wbc;seen"
GOOD = ("0001;m;01.02.1980;;5.1;03.04.2024", "0002;f;05.06.1975;;7.2;04.05.2024")


@dataclass(frozen=True)
class Centre:
    """The consortium's folder, and the store of its nights."""

    folder: Path
    url: str
    engine: Engine

    def deliver(self, *rows: str, file: str = "patients.csv") -> None:
        """Put rows into the centre's file, in place of those that it has."""
        for path in (self.folder / "data").glob("*.csv"):
            path.unlink()
        text = "\r\n".join([HEADER, *rows, ""])
        (self.folder / "data" / file).write_text(text, encoding="utf-8", newline="")

    def night(self) -> Any:
        """Run a night; return what it did with the centre's feed."""
        engine, report = run(self.folder / "allpool.toml", self.url)
        engine.dispose()
        (feed,) = [feed for feed in report.feeds if feed.feed == "one"]
        return feed


@pytest.fixture
def centre(tmp_path: Path, store_url: str, store: Engine) -> Centre:
    """The centre with two sound rows delivered, on each store."""
    folder = tmp_path / "consortium"
    for name, text in (("allpool.toml", CONFIG), ("mappings/one.yaml", MAPPING), ("studies/s1.yaml", STUDY)):
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
    (folder / "data").mkdir()
    found = Centre(folder, store_url, store)
    found.deliver(*GOOD)
    return found


def queries(engine: Engine, *rules: str) -> list[dict[str, Any]]:
    """Return the queries in the store, of `rules` alone where there are any, by their place."""
    with engine.connect() as connection:
        rows = connection.execute(select(Query.__table__).order_by(Query.file, Query.row, Query.column))
        return [dict(row._mapping) for row in rows if not rules or row.rule in rules]


def events(engine: Engine, query: str) -> list[str]:
    """Return the states that a query went through."""
    with engine.connect() as connection:
        asked = select(QueryEvent.status).where(QueryEvent.query == query).order_by(QueryEvent.number)
        return list(connection.scalars(asked))


def one(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the only query."""
    (query,) = found
    return query
