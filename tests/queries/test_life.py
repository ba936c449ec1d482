"""A query's life on both stores: a bad cell, the centre's workbook, its answer, the cell mended or waived."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select, update

from allpool.cli.main import run as allpool
from allpool.models import Observation, Patient, Query, ResearchSubject
from tests.queries.conftest import GOOD, Centre, events, one, queries

BAD = "0003;m;01.02.1980;;5.1;31.02.2024"
ODD = "0004;f;03.03.1870;;4.8;03.04.2024"  # born before 1900: the patient waits, and what refers to them


def answered(file: Path, **answers: str) -> None:
    """Fill the answers of a centre's workbook, by the column that each query is about."""
    book = openpyxl.load_workbook(file)
    page = book.worksheets[0]
    names = [cell.value for cell in page[1]]
    for row in page.iter_rows(min_row=2):
        answer, _, comment = answers[str(row[names.index("Sloupec")].value)].partition("|")
        row[names.index("Odpověď")].value = answer
        row[names.index("Poznámka")].value = comment or None
    book.save(file)


@pytest.fixture
def options(centre: Centre) -> list[str]:
    return ["--config", str(centre.folder / "allpool.toml"), "--store", centre.url]


def test_the_life_of_a_query(
    centre: Centre, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    centre.deliver(*GOOD, BAD, ODD)
    centre.night()
    found = {query["column"]: query for query in queries(centre.engine)}
    assert set(found) == {"seen", "born"}

    # the centre's file, in the language of its mapping
    file = tmp_path / "c1.xlsx"
    assert allpool(["queries", "export", "--centre", "c1", "--out", str(file), *options]) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    page = openpyxl.load_workbook(file).worksheets[0]
    told = [{cell.value: cell for cell in row} for row in page.iter_rows(min_row=2)]
    assert {row[3].value for row in page.iter_rows(min_row=2)} == {4, 5}
    assert all("31.02.2024" in cells or "03.03.1870" in cells for cells in told)

    # a file with a mistake is refused whole
    answered(file, seen="opravíme někdy", born="hodnota je správná")
    assert allpool(["queries", "answer", str(file), "--centre", "c1", *options]) == 2
    assert "row 2: the answer is none of the list" in capsys.readouterr().err
    assert {query["status"] for query in queries(centre.engine)} == {"open"}

    answered(file, seen="bude opraveno", born="hodnota je správná|ověřeno v matrice")
    assert allpool(["queries", "answer", str(file), "--centre", "c1", *options]) == 0
    assert "2 answers taken, 0 taken before" in capsys.readouterr().out
    assert allpool(["queries", "answer", str(file), "--centre", "c1", *options]) == 0
    assert "0 answers taken, 2 taken before" in capsys.readouterr().out
    found = {query["column"]: query for query in queries(centre.engine)}
    assert {query["status"] for query in found.values()} == {"answered"}
    assert found["born"]["answer"] == "is_correct: ověřeno v matrice"

    # what cannot be read cannot be waived; a rule of plausibility can
    waive = ["queries", "waive", "--by", "medical monitor", "--comment", "seen in the registry"]
    assert allpool([*waive, found["seen"]["id"], *options]) == 2
    assert "cannot be waived" in capsys.readouterr().err
    assert allpool([*waive, found["born"]["id"], *options]) == 0

    # the files are the same, and yet the feed is looked at: the patient passes with all that refers to them
    feed = centre.night()
    assert feed.status == "published"
    with centre.engine.connect() as connection:
        assert len(connection.execute(select(Patient.id)).all()) == 4
        assert len(connection.execute(select(ResearchSubject.id)).all()) == 4
        waived = found["born"]["patient_id"]
        assert connection.execute(select(Observation.id).where(Observation.subject_id == waived)).all()
    states = {query["column"]: query["status"] for query in queries(centre.engine)}
    assert states == {"seen": "answered", "born": "waived"}
    feed = centre.night()
    assert feed.status == "unchanged"

    # the centre corrects its cell, and the query closes
    centre.deliver(*GOOD, BAD.replace("31.02", "28.02"), ODD)
    feed = centre.night()
    assert feed.waiting == 0
    states = {query["column"]: query["status"] for query in queries(centre.engine)}
    assert states == {"seen": "mended", "born": "waived"}
    assert events(centre.engine, found["seen"]["id"]) == ["open", "answered", "mended"]

    # the waiver is for what the record said: other content is asked anew, under the same id
    centre.deliver(*GOOD, ODD.replace("1870", "1871"))
    centre.night()
    again = {query["column"]: query for query in queries(centre.engine)}["born"]
    assert (again["id"], again["status"], again["answer"]) == (found["born"]["id"], "open", None)
    assert events(centre.engine, again["id"]) == ["open", "answered", "waived", "open"]
    with centre.engine.connect() as connection:
        assert len(connection.execute(select(Patient.id)).all()) == 2

    # an accepted answer closes the question and not the rule
    accept = ["queries", "accept", again["id"], "--by", "data manager", "--comment", "wrong at the source"]
    assert allpool([*accept, *options]) == 0
    assert allpool(["queries", "list", *options]) == 0
    centre.deliver(ODD.replace("1870", "1871"), *GOOD)
    feed = centre.night()
    assert feed.waiting > 0
    assert {query["column"]: query["status"] for query in queries(centre.engine)}["born"] == "accepted"


def test_the_night_says_how_many_queries_wait(
    centre: Centre, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    centre.deliver(*GOOD, BAD)
    assert allpool(["nightly", *options]) == 1
    assert "1 query waits for an answer or a decision: allpool queries list" in capsys.readouterr().out


def test_a_waiver_ends_with_its_record(centre: Centre, options: list[str]) -> None:
    centre.deliver(*GOOD, ODD)
    centre.night()
    query = one(queries(centre.engine))
    waive = ["queries", "waive", query["id"], "--by", "medical monitor", "--comment", "seen in the registry"]
    assert allpool([*waive, *options]) == 0
    centre.night()
    assert one(queries(centre.engine))["status"] == "waived"
    centre.deliver(*GOOD)
    centre.night()
    assert one(queries(centre.engine))["status"] == "mended"


def test_what_blocks_or_does_not_conform_cannot_be_waived(
    centre: Centre, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    centre.deliver(*GOOD, *(f"{number:04};m;01.02.1880;;5.1;03.04.2024" for number in range(100, 125)))
    centre.night()
    blocking = one(queries(centre.engine))
    waive = ["queries", "waive", "--by", "medical monitor", "--comment", "fine", *options]
    assert allpool([*waive, blocking["id"]]) == 2
    assert "it blocks the delivery" in capsys.readouterr().err
    centre.deliver(*GOOD, ODD)
    centre.night()
    query = one([query for query in queries(centre.engine) if query["status"] == "open"])
    # as if the same record broke a rule of conformance
    with centre.engine.begin() as connection:
        rule = "patient.birth_precision.pair"
        connection.execute(update(Query).where(Query.id == query["id"]).values(rule=rule))
    assert allpool([*waive, query["id"]]) == 2
    assert "is a rule of conformance" in capsys.readouterr().err
    assert allpool([*waive, blocking["id"]]) == 2
    assert "was mended" in capsys.readouterr().err
    assert allpool([*waive, "0123456789abcdef"]) == 2
    assert "no query 0123456789abcdef" in capsys.readouterr().err
