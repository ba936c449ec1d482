"""What a centre has promised to send, what it has before, and what it never sends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, insert

from allpool.etl import operations
from allpool.etl.audit import Audited, Delivered, Thresholds, delivered
from allpool.etl.audit.completeness import ElementShare
from allpool.etl.quality import elements, results
from allpool.etl.raised import raised_before
from allpool.mappings.compile import load_mapping, load_vocabulary
from allpool.mappings.plan import CompiledMapping
from allpool.models import Feed, FeedRun, NotCollected
from allpool.models.engine import connect
from tests.etl.audit.cases import quantity, sound
from tests.etl.audit.conftest import FEED

MAPPING = """
mapping: completeness
version: "1"
title: what a centre promises (synthetic)
language: en
timezone: Europe/Prague
sources:
  mrd:
    file: "mrd.csv"
    read: {format: csv, encoding: utf-8, separator: ",", decimal: "."}
    patient: {column: id, pattern: "[0-9]+"}
    records:
      - record: patient
        sex: {column: sex, codes: {F: female, M: male}}
      - record: mrd
        date: {column: day, format: "%Y-%m-%d"}
        value: {column: mrd, unit: "1"}
        sensitivity: {column: lod, unit: "1"}
        method: {column: assay, codes: {flow: mfc}}
      - record: wbc
        date: {column: day, format: "%Y-%m-%d"}
        value: {column: wbc, unit: "10*9/L"}
not_collected: [adverse_event, lab_il6]
"""


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> CompiledMapping:
    file = tmp_path_factory.mktemp("mapping") / "brno.yaml"
    file.write_text(MAPPING, encoding="utf-8")
    return load_mapping(file, load_vocabulary())


def tables() -> dict[str, pl.DataFrame]:
    """Three patients: MRD of two (one with its sensitivity), counts of one and a reason of another."""
    observation = [
        {"id": "m1", "subject_id": "p1", "data_element": "mrd_value", "method": "mfc"},
        {"id": "m2", "subject_id": "p2", "data_element": "mrd_value", "method": None},
        {"id": "m3", "subject_id": "p2", "data_element": "mrd_value", "method": None},
        {"id": "w1", "subject_id": "p1", "data_element": "wbc"},
        {"id": "w2", "subject_id": "p2", "data_element": "wbc", "data_absent_reason": "unknown"},
    ]
    component = {"id": "k1", "observation_id": "m1", "data_element": "mrd_lod", "value_quantity": 1e-5}
    return {
        "patient": pl.DataFrame({"id": ["p1", "p2", "p3"], "gender": ["female", "male", None]}),
        "observation": pl.DataFrame(observation, infer_schema_length=None),
        "observation_component": pl.DataFrame([component]),
    }


def test_patients_who_have_what_is_promised(mapping: CompiledMapping) -> None:
    found = delivered(tables(), mapping)
    assert found.patients == 3
    shares = {share.element: share.given for share in found.elements}
    assert shares == {"sex": 2, "mrd_value": 2, "mrd_lod": 1, "mrd_method": 1, "wbc": 1}


def test_what_is_never_sent_is_not_promised(mapping: CompiledMapping) -> None:
    promised = {share.element for share in delivered(tables(), mapping).elements}
    assert promised.isdisjoint({"ae_term", "ae_grade", "lab_il6"})


def test_a_promised_element_that_nobody_has_is_none_of_all_and_not_missing(mapping: CompiledMapping) -> None:
    without = {**tables(), "observation": tables()["observation"].filter(pl.col("data_element") != "wbc")}
    share = next(share for share in delivered(without, mapping).elements if share.element == "wbc")
    assert (share.patients, share.given) == (3, 0)


def brings(patients: int, given: int) -> dict[str, Delivered]:
    share = ElementShare("wbc", "observation", "value", patients, given)
    return {FEED: Delivered(patients, (share,))}


def test_wholly_absent_is_raised_once_there_are_patients_enough(
    stage: Callable[..., None], run: Callable[..., Audited]
) -> None:
    stage(sound())
    for patients, raised in ((20, "threshold"), (19, None)):
        audited = run(delivered=brings(patients, 0))
        found = next(result for result in audited.results if result.rule == "completeness.wbc")
        assert (found.rows, found.failed, found.raised) == (patients, patients, raised)
        assert found.success is (raised is None)
    some = next(r for r in run(delivered=brings(20, 1)).results if r.rule == "completeness.wbc")
    assert (some.failed, some.raised, some.success) == (19, None, True)
    assert not run().raised, "a delivery of which a file was not read is not asked"


def test_a_nights_history_raises_what_has_changed(
    stage: Callable[..., None], run: Callable[..., Audited], store: Engine
) -> None:
    rows = sound()
    rows["observation"] += [quantity(f"w{i:03}", "wbc", 4.0, "10*9/L") for i in range(99)]
    stage(rows)
    with store.begin() as connection:
        connection.execute(insert(Feed), {"id": FEED, "centre": "brno", "mapping": "m", "mode": "snapshot"})
        entry = {"feed": FEED, "element": "ae_term", "record": "adverse_event"}
        connection.execute(insert(NotCollected), entry)
    for number, status in ((1, "published"), (2, "published"), (3, "blocked")):
        kept(store, run(run=number, delivered=brings(100, 90)), number, status)
    assert not run(run=4, delivered=brings(100, 89), thresholds=Thresholds()).raised
    stage({"observation": [quantity(f"bad{i}", "wbc", 1700.0, "10*9/L") for i in range(30)]})
    audited = run(run=4, delivered=brings(60, 20))
    raised = {result.rule: (result.raised, result.severity) for result in audited.raised}
    expected = {
        "observation.value_quantity.plausible.wbc": ("trend", "warn"),
        "completeness.wbc": ("trend", "warn"),
        "delivery.patients": ("trend", "warn"),
    }
    assert raised.items() >= expected.items()
    usual = {result.rule: result.usual for result in audited.results}
    assert usual["completeness.wbc"] == pytest.approx(0.1)
    assert usual["observation.value_quantity.plausible.wbc"] == 0.0
    kept(store, audited, 4, "published")
    with store.connect() as connection:
        told = {row.rule: str(row) for row in raised_before(connection, FEED)}
        assert told["delivery.patients"] == "delivery.patients: 60 delivered, 40 fewer than before"
        assert told["completeness.wbc"] == "completeness.wbc: 40 of 60 (10.0% usual), raised by its trend"
        shown = {row["rule"]: row for row in results(connection, centre="brno")}
        assert shown["observation.value_quantity.plausible.wbc"]["raised"] == "trend"
        assert "completeness.wbc" not in shown
        lines = {row["element"]: row for row in elements(connection, centre="brno")}
        assert (lines["wbc"]["given"], lines["wbc"]["patients"], lines["wbc"]["usual"]) == (20, 60, 0.9)
        assert lines["ae_term"]["collected"] == "not collected"
        assert lines["ae_term"]["given"] is None, "never zero"
        overview = {row["feed"]: row["raised"] for row in operations.overview(connection)}
        assert overview == {FEED: len(raised)}


def kept(store: Engine, audited: Audited, number: int, status: str) -> None:
    """Write down what an audit found, as the night does."""
    with store.begin() as connection:
        operations.record_quality(
            connection, [operations.QualityResultEntry(**row) for row in audited.quality_rows()]
        )
        connection.execute(insert(FeedRun), {"run": number, "feed": FEED, "status": status})


def test_exit_code_and_table_of_the_command(upgraded_file: Path, tmp_path: Path, capsys: Any) -> None:
    from allpool.cli.main import run as allpool

    store_url = f"sqlite:///{shutil.copy(upgraded_file, tmp_path / 'allpool.db')}"
    store = connect(store_url)
    with store.begin() as connection:
        connection.execute(insert(Feed), {"id": FEED, "centre": "brno", "mapping": "m", "mode": "snapshot"})
    entry = {
        "run": 1,
        "feed": FEED,
        "table_name": "observation",
        "element": "wbc",
        "category": "plausibility",
        "context": "validation",
        "severity": "warn",
        "rows": 40,
        "failed": 12,
        "success": False,
    }
    with store.begin() as connection:
        kept_rule = operations.QualityResultEntry(**entry, rule="observation.value_quantity.plausible.wbc")
        operations.record_quality(connection, [kept_rule])
    assert allpool(["quality", "--store", store_url]) == 0
    assert "30.0%" in capsys.readouterr().out
    with store.begin() as connection:
        jump = operations.QualityResultEntry(**entry, rule="clinical.after-death", raised="trend", usual=0.01)
        operations.record_quality(connection, [jump])
    assert allpool(["quality", "--store", store_url, "--centre", "brno"]) == 1
    assert "trend" in capsys.readouterr().out
    assert allpool(["quality", "--store", store_url, "--run", "7"]) == 2
    assert "run 7 audited nothing" in capsys.readouterr().err
    assert allpool(["quality", "--store", store_url, "--centre", "wien"]) == 2
