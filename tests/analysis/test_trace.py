"""The walk between results and cells, both ways, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select

from allpool.analysis.lineage.places import CellPlace, read_place
from allpool.analysis.plans.night import analyse
from allpool.analysis.trace import Trace, trace, trace_place
from allpool.errors import AnalysisError
from allpool.models import AnalysisResult, Base, MappingRule, Quarantine, SourceFile
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

PLAN = """
plan: walk
title: Walk
steps:
  - {id: os, question: S, population: all_treated, endpoint: os, by: study, times: 1, estimator: kaplan-meier}
  - {id: cr, question: CR, population: all_treated, endpoint: cr, by: study, estimator: proportion}
  - {id: ph, question: OS by Ph, population: all_treated, endpoint: os, by: ph_status, estimator: log-rank}
  - {id: base, question: Baseline, population: all_treated, by: study, estimator: baseline-table}
  - {id: ae, question: Adverse events, population: all_treated, estimator: adverse-events}
"""
COLUMNS = {
    "drug_blinatumomab": {"effective_start": ["first_dose"]},
    "response_as_reported": {"value_concept": ["response"], "effective": ["response_date"]},
    "last_contact_date": {"effective": ["last_contact"]},
    "ph_status": {"value_concept": ["bcr_abl"]},
    "ae_term": {"term": ["toxicity"], "grade": ["toxicity_grade"]},
    "patient": {"deceased": ["death"], "gender": ["sex"]},
    "research_subject": {"status": ["status"]},
}
TABLES = {"drug_blinatumomab": "medication_administration", "ae_term": "adverse_event"}
HEADER = [
    "id",
    *dict.fromkeys(names[0] for columns in COLUMNS.values() for names in columns.values()),
    "note",
]


def filled(store: Engine, folder: Path) -> None:
    """Two centres of two studies with eight patients each, one row of one file for each patient."""
    built = HandBuilt()
    for study in ("001", "002"):
        for number in range(8):
            key = f"{study}-{number}"
            built.patient(
                key,
                study=study,
                first_dose="2022-01-01",
                response="cr 2022-01-29" if number < 5 else "nr 2022-01-29",
                death=f"2022-0{number + 1}-15" if number in (3, 6) else None,
                last_contact="2022-12-01",
                sex="female" if number < 4 else "male",
            )
            built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
    built.event(
        "adverse_event",
        "001-2",
        "ae_term",
        "date",
        "2022-01-03",
        term="cytokine_release_syndrome",
        grade=2,
        grade_system="astct",
        actuality="actual",
    )
    built.quarantined("001-4", "death_date")
    for table, row in built.rows:
        if "run" in row:
            key = str(row.get("subject_id") or row.get("individual_id") or row["id"]).removeprefix("P-")
            row |= {
                "feed": f"{row['study']}-north",
                "source_file": f"file-{row['study']}",
                "source_row": int(key.split("-")[1]) + 2,
                "rule": str(row.get("data_element", table)),
            }
        if table == "quarantine":
            row |= {"feed": "001-north", "file": "patients.csv", "row": 6, "column": "death"}
    built.into(store)
    with store.begin() as connection:
        for study in ("001", "002"):
            connection.execute(
                insert(SourceFile).values(
                    id=f"file-{study}",
                    feed=f"{study}-north",
                    source="patients",
                    path="patients.csv",
                    sha256="0123456789abcdef",
                    bytes=1,
                    rows=8,
                    columns=HEADER,
                    first_run=1,
                )
            )
            for rule, columns in COLUMNS.items():
                connection.execute(
                    insert(MappingRule).values(
                        id=rule,
                        feed=f"{study}-north",
                        source="patients",
                        record=rule,
                        table_name=TABLES.get(rule, rule if rule in Base.metadata.tables else "observation"),
                        mapping="north.yaml",
                        line=7,
                        columns=columns,
                    )
                )
    (folder / "plan.yaml").write_text(PLAN)
    analyse(store, plans=[folder / "plan.yaml"], output=None)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to a store after its night; not to be changed."""
    folder = tmp_path_factory.mktemp("walk")
    engine = connect(f"sqlite:///{folder / 'store.db'}")
    filled(engine, folder)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def result(connection: Connection, step: str, statistic: str, group: str | None, **more: Any) -> str:
    own = Base.metadata.tables[AnalysisResult.__tablename__]
    query = select(own.c.id).where(
        own.c.step == step,
        own.c.statistic == statistic,
        own.c.group_value.is_not_distinct_from(group),
        *(own.c[name] == value for name, value in more.items()),
    )
    return str(connection.execute(query).scalars().first())


def cells(found: Trace, usubjid: str) -> set[tuple[int, str]]:
    return {
        (cell["row"], cell["source_column"]) for cell in found.parts["cells"] if cell["usubjid"] == usubjid
    }


def moved(connection: Connection, place: str) -> set[str]:
    asked = read_place(place)
    assert asked is not None
    return {row["id"] for row in trace_place(connection, asked).parts.get("results that it moves", ())}


def test_both_ways(store: Engine, tmp_path: Path) -> None:
    filled(store, tmp_path)
    with store.connect() as connection:
        check_both_ways(connection)


def check_both_ways(walked: Connection) -> None:
    survival = result(walked, "os", "survival", "001")
    found = trace(walked, survival)
    assert found.kind == "result"
    subjects = {row["usubjid"]: row for row in found.parts["subjects"]}
    assert len(subjects) == 8, "study 001 alone"
    assert subjects["S-001-3"]["description"] == "death of any cause"
    assert subjects["S-001-0"]["description"] == "last contact"
    assert "waits in quarantine" in subjects["S-001-4"]["description"]
    roles = {(row["usubjid"], row["table"]): row["role"] for row in found.parts["resources"]}
    assert roles["S-001-3", "patient"].startswith("answer: death of any cause")
    assert "origin: first dose of blinatumomab" in roles["S-001-3", "medication_administration"]
    assert {(5, "death"), (5, "first_dose"), (5, "last_contact")} <= cells(found, "S-001-3")
    for row, column in cells(found, "S-001-3"):
        assert survival in moved(walked, f"001-north/patients.csv:{row}:{column}"), column
    assert survival not in moved(walked, "002-north/patients.csv:5:death"), "another study's group"
    assert survival not in moved(walked, "001-north/patients.csv:5:toxicity")


@pytest.mark.parametrize(
    ("column", "steps"),
    [
        (
            "first_dose",
            {"os", "ph", "cr", "base", "ae"},
        ),  # the dose says who was treated: the population of all
        ("death", {"os", "ph"}),
        ("response", {"cr"}),
        ("bcr_abl", {"ph", "base"}),
        ("sex", {"base"}),
        ("toxicity", {"ae"}),
        ("note", set()),
    ],
)
def test_a_cell_moves_what_rests_on_it(walked: Connection, column: str, steps: set[str]) -> None:
    found = trace_place(walked, CellPlace("001-north/patients.csv", 4, column=column))
    if column == "note":  # no rule reads it
        assert found.parts["resources of its row"]
        assert "results that it moves" not in found.parts
        assert "ignores its column" in found.parts["why it fills nothing"][0]["why"]
        return
    assert all(row["fills"] for row in found.parts["resources it fills"])
    rows = found.parts["results that it moves"]
    assert {row["step"] for row in rows} == steps
    assert all(row["through"] for row in rows)


def test_a_group_is_moved_only_by_its_own(walked: Connection) -> None:
    found = trace_place(walked, CellPlace("001-north/patients.csv", 4, column="response"))
    groups = {row["group_value"] for row in found.parts["results that it moves"]}
    assert groups == {"001"}
    by_ph = trace_place(walked, CellPlace("001-north/patients.csv", 4, column="bcr_abl"))
    observed = {
        r["group_value"] for r in by_ph.parts["results that it moves"] if r["statistic"] == "observed"
    }
    assert observed == {"negative", "positive"}, "another code would move both groups"


def test_tables_are_walked_too(walked: Connection) -> None:
    found = trace(walked, result(walked, "base", "n", "001", variable="ph_status", variable_level="positive"))
    assert (3, "bcr_abl") in cells(found, "S-001-1")
    events = trace(
        walked, result(walked, "ae", "n", None, variable="any adverse event", variable_level="any")
    )
    assert (4, "toxicity") in cells(events, "S-001-2")


def test_a_quarantine_entry_would_move(walked: Connection) -> None:
    own = Base.metadata.tables[Quarantine.__tablename__]
    (entry,) = walked.execute(select(own.c.id)).scalars()
    found = trace(walked, entry)
    assert found.kind == "quarantine entry"
    assert {row["step"] for row in found.parts["results that it would move"]} == {"os", "ph"}
    assert "value" not in found.parts["quarantine entry"][0]
    at_cell = trace_place(walked, CellPlace("001-north/patients.csv", 6, column="death"))
    assert [row["id"] for row in at_cell.parts["waits in quarantine"]] == [entry]
    assert "a secret value" not in str(found.parts) + str(at_cell.parts)


def test_persons_are_counted_where_they_are_not_to_be_listed(walked: Connection) -> None:
    found = trace(walked, result(walked, "os", "survival", "001"))
    assert not found.real
    counted = found.counted()
    assert "S-001" not in str(counted.parts)
    assert {(row["description"], row["count"]) for row in counted.parts["subjects"]} >= {
        ("death of any cause", 2),
        ("last contact", 5),
    }
    assert counted.parts["result"] == found.parts["result"]


def test_a_row_of_a_file(walked: Connection) -> None:
    found = trace_place(walked, CellPlace("001-north/patients.csv", 4))
    assert found.kind == "row"
    assert {row["data_element"] for row in found.parts["resources of its row"]} >= {"ph_status", "ae_term"}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("001-north/patient.csv:4:death", "no file .* nearest: 001-north/patients.csv"),
        ("patients.csv:4:death", "stands in the feeds 001-north, 002-north; write 001-north/patients.csv"),
        ("001-north/patients.csv:4:deth", "no column 'deth'; nearest: death"),
        ("001-north/patients.csv:MRD:4:death", "no sheet 'MRD'"),
    ],
)
def test_what_cannot_be_found_is_said(walked: Connection, place: str, message: str) -> None:
    asked = read_place(place)
    assert asked is not None
    with pytest.raises(AnalysisError, match=message):
        trace_place(walked, asked)


def test_unknown_ids(walked: Connection) -> None:
    with pytest.raises(AnalysisError, match="FILE:ROW:COLUMN"):
        trace(walked, "nothing")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.csv:3", CellPlace("a.csv", 3)),
        ("f/a.csv:3:death", CellPlace("f/a.csv", 3, column="death")),
        ("a.xlsx:MRD:12:结果", CellPlace("a.xlsx", 12, "MRD", "结果")),
        ("a.csv:3:x: y", CellPlace("a.csv", 3, column="x: y")),
        ("4d0d00f7-0aa0-5a9a-9bd1-ede877dc07e3", None),
        ("000e4f2549bff909ecce58ab534a30da", None),
    ],
)
def test_places_are_read(text: str, place: CellPlace | None) -> None:
    assert read_place(text) == place
