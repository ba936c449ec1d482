"""One centre (synthetic) in seven formats: the same records arrive, and each file's cells add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.cli.main import run as command
from allpool.models import Observation, Patient, Quarantine
from tests.nights.centre_in_formats import FORMATS
from tests.nights.conftest import run

CONFIG = """
[consortium]
name = "One centre, many formats (synthetic)"
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
"""
STUDY = """
study: s1
title: A study in many formats (synthetic)
design: retrospective
centres: [{id: c1, name: Centre one (synthetic)}]
"""
PLACES = {"source_file", "source_row", "rule", "run", "content_hash", "version"}
"""Columns that say where a record was found, and not what it says; the hash covers texts as delivered."""


class Delivered:
    """A centre's folder in one format, and the nights run on it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.format = folder, FORMATS[name]
        self.engine: Engine | None = None
        for file, text in (
            ("allpool.toml", CONFIG),
            ("studies/s1.yaml", STUDY),
            ("mappings/one.yaml", self.format.mapping(name)),
        ):
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (folder / "data").mkdir()
        self.format.write(folder / "data")

    def night(self) -> Any:
        """Run a night and return its one feed's result."""
        self.engine, report = run(self.folder / "allpool.toml", f"sqlite:///{self.folder / 'store.db'}")
        assert report.exit_code == 1  # one cell waits
        return next(feed for feed in report.feeds if feed.feed == "one")

    def said(self, table: Any) -> list[dict[str, Any]]:
        """Return what the records of a table say, by id."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.__table__).order_by(table.id)).mappings().all()
        return [
            {name: value for name, value in row.items() if name not in PLACES and "delivered" not in name}
            for row in rows
        ]

    def waiting(self) -> list[dict[str, Any]]:
        """Return what waits in quarantine."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(Quarantine.__table__)).mappings()]


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Deliver the centre in one format."""
    made: list[Delivered] = []

    def deliver(name: str) -> Delivered:
        folder = tmp_path / name
        folder.mkdir()
        if name == "sql":
            monkeypatch.setenv("CLINIC_URL", f"sqlite:///{folder / 'data' / 'clinic.db'}")
        made.append(Delivered(folder, name))
        return made[-1]

    yield deliver
    for centre in made:
        if centre.engine is not None:
            centre.engine.dispose()


def test_the_same_records_arrive_whatever_the_format(delivered: Any) -> None:
    centres = {name: delivered(name) for name in FORMATS}
    for centre in centres.values():
        centre.night()
    patients, observations = (centres["csv"].said(table) for table in (Patient, Observation))
    assert len(patients) == 3
    # two white counts, three MRDs, and two organs of two patients: of the third nobody was asked
    assert len(observations) == 2 + 3 + 4
    assert sorted(row["birth_date"].isoformat() for row in patients) == [
        "1968-11-30",
        "1975-06-05",
        "1980-01-31",
    ]
    assert sorted(row["gender"] or "" for row in patients) == ["", "female", "male"]
    quantities = sorted(
        float(row["value_quantity"]) for row in observations if row["value_quantity"] is not None
    )
    assert quantities == [0.0002, 0.001, 0.01, 5.1, 72.5]
    for name, centre in centres.items():
        assert centre.said(Patient) == patients, name
        assert centre.said(Observation) == observations, name


@pytest.mark.parametrize("name", FORMATS)
def test_every_cell_is_accounted_for(delivered: Any, name: str) -> None:
    centre = delivered(name)
    first = centre.night()
    assert {file: account.read for file, account in first.accounts.items()} == centre.format.cells
    for account in first.accounts.values():
        assert account.balanced
        assert account.loaded > 0
    (entry,) = centre.waiting()  # the sex that nobody knows
    assert (entry["rule"], entry["file"]) == ("unknown_code", next(iter(first.accounts)).partition(" [")[0])
    assert entry["column"] == centre.format.words.get("sex", "sex")
    assert sum(account.quarantined for account in first.accounts.values()) == 1
    note = sum(account.ignored for account in first.accounts.values())
    own = {"redcap": 3 + 2 + 3 * 3, "odm": 6}.get(name, 0)  # REDCap's and ODM's own columns, boxes not ticked
    assert note == 1 + own

    again = centre.night()
    assert again.counts.inserted == again.counts.updated == again.counts.retracted == 0
    for file, account in again.accounts.items():
        assert account.balanced
        assert account.read == centre.format.cells[file]
        assert account.loaded == 0
    assert len(centre.waiting()) == 1


def test_a_database_that_is_down_keeps_what_it_said(delivered: Any) -> None:
    centre = delivered("sql")
    centre.night()
    patients, observations = centre.said(Patient), centre.said(Observation)
    database = centre.folder / "data" / "clinic.db"
    database.rename(database.with_suffix(".away"))
    down = centre.night()
    assert {row["rule"] for row in centre.waiting() if row["status"] == "open"} >= {"unreachable"}
    assert down.counts.retracted == 0
    assert (centre.said(Patient), centre.said(Observation)) == (patients, observations)

    database.with_suffix(".away").rename(database)
    again = centre.night()
    assert again.counts.inserted == again.counts.updated == again.counts.retracted == 0
    assert [row["rule"] for row in centre.waiting() if row["status"] == "open"] == ["unknown_code"]


@pytest.mark.parametrize("name", ["odm", "xpt", "parquet", "jsonl", "redcap"])
def test_a_damaged_delivery_keeps_what_the_last_one_said(delivered: Any, name: str) -> None:
    centre = delivered(name)
    centre.night()
    observations = centre.said(Observation)
    (centre.folder / "data" / centre.format.main).write_bytes(bytes(range(256)) * 20)
    damaged = centre.night()
    assert damaged.counts.retracted == 0
    assert centre.said(Observation) == observations


SAID = ("0001", "0002", "0003", "1980-01-31", "31.01.1980", "free text", "72.5", "72,5")
"""What stands in the files' cells, and must not be shown."""
DAMAGE = {
    "cut off": lambda content: content[: len(content) * 6 // 10],
    "something else": lambda _: bytes(range(256)) * 20,
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_told_by_name_without_a_value(
    delivered: Any, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    centre = delivered(name)
    file = centre.format.main
    path = centre.folder / "data" / file
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    code = command(
        ["check", str(path.parent), "--mapping", str(centre.folder / "mappings" / "one.yaml"), "--json"]
    )
    told = capsys.readouterr()
    assert code == 1, told
    findings = json.loads(told.out)["findings"]
    called = "sql:patients" if name == "sql" else file
    assert any(row["file"] == called and row["expected"] for row in findings)
    for value in SAID:
        assert value not in told.out + told.err
