"""A centre that speaks FHIR: its resources land whole and become records too, night after night."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from allpool.analysis.lineage.places import CellPlace
from allpool.analysis.trace import trace, trace_place
from allpool.errors import ExitCode
from allpool.etl.check.precheck import precheck
from allpool.models import (
    CellAccount,
    LandedResource,
    Observation,
    Patient,
    Quarantine,
    ResearchSubject,
    ResourceHistory,
)
from tests.nights.conftest import run

CONFIG = """
[consortium]
name = "FHIR (synthetic)"
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
MAPPING = """
mapping: one
version: "1"
sources:
  patients:
    file: "Patient*.ndjson"
    read: {format: fhir, resource: Patient}
    patient: {column: id, pattern: "p[0-9]+"}
    records:
      - record: patient
        sex: {column: gender}
        birth_date: {column: birthDate, format: iso}
        death_date: {column: deceasedDateTime, format: iso}
  laboratory:
    file: "Observation*.ndjson"
    read: {format: fhir, resource: Observation}
    patient: {column: subject.reference, pattern: "Patient/(?P<id>p[0-9]+)"}
    records:
      - record: wbc
        when: {column: "code.coding[system=http://loinc.org].code", equals: "6690-2"}
        value: {column: valueQuantity.value, unit: {column: valueQuantity.code}}
        date: {column: effectiveDateTime, format: iso}
  rest:
    file: "*.ndjson"
    read: {format: fhir}
"""
STUDY = """
study: s1
title: A study that sends FHIR (synthetic)
design: retrospective
centres: [{id: c1, name: Centre one (synthetic)}]
"""
SECRETS = ("Novakova", "Lipova", "8155220013", "p1", "p2")


def patient(id_: str, **more: Any) -> dict[str, Any]:
    """Return a Patient."""
    return {
        "resourceType": "Patient",
        "id": id_,
        "gender": "female",
        "birthDate": "1981-05-22",
        "name": [{"family": "Novakova"}],
        "address": [{"line": ["Lipova 1"]}],
        "identifier": [{"system": "http://national.example", "value": "8155220013"}],
        **more,
    }


def wbc(id_: str, value: str, *, of: str = "p1") -> str:
    """Return a white blood cell count as text, its digits as given."""
    coding = {"system": "http://loinc.org", "code": "6690-2"}
    said = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{of}"},
        "effectiveDateTime": "2024-04-03",
        "valueQuantity": {"value": 0, "code": "10*9/L", "unit": "10^9/L"},
        "method": {"text": "counted"},
    }
    return json.dumps(said).replace('"value": 0', f'"value": {value}')


def write(folder: Path, name: str, resources: Sequence[Any]) -> None:
    """Write a file of the delivery as NDJSON."""
    lines = [item if isinstance(item, str) else json.dumps(item) for item in resources]
    (folder / "data" / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A consortium of one feed of FHIR files."""
    for name, text in (("allpool.toml", CONFIG), ("mappings/one.yaml", MAPPING), ("studies/s1.yaml", STUDY)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    write(tmp_path, "Patient.ndjson", [patient("p1"), patient("p2")])
    write(tmp_path, "Observation.ndjson", [wbc("o1", "5.10"), wbc("o2", "7.2", of="p2")])
    write(
        tmp_path, "Condition.ndjson", [{"resourceType": "Condition", "id": "c1", "subject": {"display": "x"}}]
    )
    return tmp_path


Night = Callable[..., tuple[Engine, Any, Any]]


@pytest.fixture
def night(folder: Path) -> Iterator[Night]:
    """Run a night; return the store, the report and the feed's result."""
    engines: list[Engine] = []

    def once(store_url: str | None = None) -> tuple[Engine, Any, Any]:
        engine, report = run(folder / "allpool.toml", store_url or f"sqlite:///{folder / 'store.db'}")
        engines.append(engine)
        return engine, report, next(feed for feed in report.feeds if feed.feed == "one")

    yield once
    for engine in engines:
        engine.dispose()


def rows(engine: Engine, entity: Any, **equal: Any) -> list[Any]:
    """Return the rows of a table, ordered by their file's row."""
    with engine.connect() as connection:
        query = select(entity.__table__).filter_by(**equal)
        order = getattr(entity.__table__.c, "source_row", None)
        return list(connection.execute(query if order is None else query.order_by(order)))


def test_resources_land_and_become_records(folder: Path, store_url: str, night: Night):
    engine, report, feed = night(store_url)
    assert (feed.status, feed.waiting, report.exit_code) == ("published", 0, ExitCode.OK)
    landed = rows(engine, LandedResource)
    assert sorted(row.resource_type for row in landed) == [
        *["Condition", "Observation", "Observation", "Patient", "Patient"]
    ]
    assert {(row.feed, row.study, row.centre, row.security, row.version) for row in landed} == {
        ("one", "s1", "c1", "HTEST", 1)
    }
    counts = [row.value_quantity for row in rows(engine, Observation)]
    assert counts == [5.1, 7.2]
    assert [row.gender for row in rows(engine, Patient)] == ["female", "female"]
    observation = rows(engine, LandedResource, resource_type="Observation")[0]
    assert '"value":5.10' in observation.resource
    assert json.loads(observation.resource)["method"] == {"text": "counted"}
    subjects = {row.identifier for row in rows(engine, ResearchSubject)}
    assert {row.patient for row in landed if row.resource_type != "Condition"} == subjects


def test_no_direct_identifier_is_anywhere_in_the_store(folder: Path, night: Night):
    write(folder, "Broken.ndjson", [json.dumps(patient("p1"))[:-30], {**patient("p1"), "name": "Novakova"}])
    engine, _, _ = night()
    with engine.connect() as connection:
        for table in LandedResource.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                said = [value for value in row if isinstance(value, str)]
                assert not {secret for secret in SECRETS[:3] if any(secret in text for text in said)}, (
                    table.name
                )
                assert not {secret for secret in SECRETS[3:] if secret in said}, table.name


def test_every_leaf_is_accounted_for(folder: Path, night: Night):
    _, _, feed = night()
    accounts = feed.accounts
    assert set(accounts) == {
        *("Condition.ndjson", "Observation.ndjson", "Patient.ndjson"),
        *("Observation.ndjson [Observation]", "Patient.ndjson [Patient]"),
    }
    assert all(account.balanced for account in accounts.values())
    mapped = accounts["Observation.ndjson [Observation]"]
    assert mapped.ignored_by["kept in the landed resource"] == 10
    whole = accounts["Patient.ndjson"]
    assert (whole.rows, whole.read, whole.loaded) == (2, 16, 12)
    assert whole.ignored_by == {
        "direct identifier dropped at landing: name": 2,
        "direct identifier dropped at landing: address": 2,
    }
    patients = accounts["Patient.ndjson [Patient]"]
    assert patients.ignored_by["direct identifier dropped at landing: name"] == 2
    assert patients.ignored_by["landed as a pseudonym"] == 2
    engine, _, again = night()
    assert again.status == "unchanged"
    assert again.accounts["Patient.ndjson"] == whole.repeated()
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CellAccount)) == 10


def test_a_landed_resource_is_walked_back_to_its_line_and_forward_to_its_records(folder: Path, night: Night):
    engine, _, _ = night()
    (whole,) = (row for row in rows(engine, LandedResource, resource_type="Patient") if row.source_row == 2)
    with engine.connect() as connection:
        walk = trace(connection, whole.id)
        assert walk.parts["place"][0]["file"] == "Patient.ndjson"
        assert walk.parts["place"][0]["row"] == 2
        assert {row["table"] for row in walk.parts["records of its row"]} == {"patient", "research_subject"}
        back = trace_place(connection, CellPlace("Patient.ndjson", 2))
        assert [row["id"] for row in back.parts["landed whole"]] == [whole.id]
        assert {row["table"] for row in back.parts["resources of its row"]} == {"patient", "research_subject"}
        cell = trace_place(connection, CellPlace("Patient.ndjson", 2, column="gender"))
        assert {row["fills"] for row in cell.parts["resources it fills"]} == {"gender"}
        kept = trace_place(connection, CellPlace("Patient.ndjson", 2, column="address[0].line[0]"))
        assert [row["id"] for row in kept.parts["landed whole"]] == [whole.id]


def test_what_changes_is_a_version_and_what_goes_is_retracted(folder: Path, store_url: str, night: Night):
    night(store_url)
    write(folder, "Patient.ndjson", [patient("p1", active=True), patient("p2")])
    write(folder, "Observation.ndjson", [wbc("o1", "5.10")])
    engine, _, feed = night(store_url)
    versions = {row.source_row: row.version for row in rows(engine, LandedResource, resource_type="Patient")}
    assert versions == {1: 2, 2: 1}
    assert len(rows(engine, LandedResource, resource_type="Observation")) == 1
    ended = rows(engine, ResourceHistory, table_name="landed_resource")
    assert sorted(row.reason for row in ended) == ["retract", "update"]
    before = {row.reason: json.loads(row.row) if isinstance(row.row, str) else row.row for row in ended}
    assert before["retract"]["resource_type"] == "Observation"
    assert '"value":7.2' in before["retract"]["resource"]
    assert feed.accounts["Patient.ndjson"].unchanged == 6
    write(folder, "Observation.ndjson", [wbc("o1", "5.10"), wbc("o2", "7.2", of="p2")])
    night(store_url)
    (again,) = (
        row for row in rows(engine, LandedResource, resource_type="Observation") if row.source_row == 2
    )
    assert again.version == 2


def test_a_file_that_breaks_keeps_what_it_said_before(folder: Path, night: Night):
    night()
    (folder / "data" / "Condition.ndjson").write_bytes(b"\x1f\x8b\x08\x00")
    write(folder, "Observation.ndjson", [wbc("o1", "5.10"), wbc("o2", "7.2", of="p2")[:-9]])
    engine, report, feed = night()
    assert (feed.status, report.exit_code) == ("published", ExitCode.NEEDS_A_PERSON)
    waits = {(row.file, row.row, row.rule, row.value) for row in rows(engine, Quarantine, status="open")}
    assert waits == {
        ("Condition.ndjson", None, "compressed_file", None),
        ("Observation.ndjson", 2, "not_json", None),
    }
    assert len(rows(engine, LandedResource, resource_type="Condition")) == 1


def test_an_element_at_fault_waits_once(folder: Path, night: Night):
    write(folder, "Patient.ndjson", [patient("p1", gender=["female"]), patient("p2", birthDate="in May")])
    engine, _, feed = night()
    waits = sorted((row.row, row.sheet or "", row.column, row.rule) for row in rows(engine, Quarantine))
    assert waits == [
        (1, "Patient", "gender[0]", "fhir_type"),
        (2, "", "birthDate", "fhir_value"),
        (2, "Patient", "birthDate", "not_a_date"),
    ]
    assert feed.accounts["Patient.ndjson"].quarantined == 2
    assert all(account.balanced for account in feed.accounts.values())


def test_check_tells_what_would_land_and_what_is_refused(folder: Path):
    write(
        folder, "Condition.ndjson", [{"resourceType": "Condition", "id": "c1"}, {"resourceType": "Nope"}, "{"]
    )
    found = precheck([folder / "data"], folder / "mappings" / "one.yaml", today=date(2026, 11, 20))
    kinds = {(kind.record, kind.element): kind.records for kind in found.kinds}
    assert kinds == {
        ("patient", None): 2,
        ("wbc", "wbc"): 2,
        ("landed_resource", "Condition"): 1,
        ("landed_resource", "Observation"): 2,
        ("landed_resource", "Patient"): 2,
    }
    assert [(row["file"], row["row"], row["rule"]) for row in found.findings] == [
        ("Condition.ndjson", 2, "unknown_resource"),
        ("Condition.ndjson", 3, "not_json"),
    ]
    assert {"Condition.ndjson", "Patient.ndjson", "Patient.ndjson [Patient]"} <= set(found.accounts)
    assert all(account.balanced for account in found.accounts.values())


def test_what_one_source_refuses_by_its_structure_no_source_takes(folder: Path):
    mapping = folder / "mappings" / "one.yaml"
    mapping.write_text(
        MAPPING.replace("read: {format: fhir}", "read: {format: fhir, check: structure}"), "utf-8"
    )
    without = json.loads(wbc("o2", "7.2", of="p2"))
    del without["status"]
    write(folder, "Observation.ndjson", [wbc("o1", "5.10"), without])
    found = precheck([folder / "data"], mapping)
    assert [(row["file"], row["row"], row["rule"]) for row in found.findings] == [
        ("Observation.ndjson", 2, "fhir_structure")
    ]
    kinds = {(kind.record, kind.element): kind.records for kind in found.kinds}
    assert kinds["wbc", "wbc"] == kinds["landed_resource", "Observation"] == 1


def test_check_of_one_file_tells_of_that_file(folder: Path):
    named = folder / "data" / "Condition.ndjson"
    found = precheck([named], folder / "mappings" / "one.yaml")
    assert not found.findings
    assert set(found.accounts) == {"Condition.ndjson"}
    assert [(kind.record, kind.element) for kind in found.kinds] == [("landed_resource", "Condition")]


BREAST = """
mapping: breast
version: "1"
sources:
  patients:
    file: "*.json"
    read: {format: fhir, resource: Patient}
    patient: {column: fullUrl, pattern: "urn:uuid:(?P<id>[0-9a-f-]{36})"}
    records:
      - record: patient
        sex: {column: gender}
        birth_date: {column: birthDate, format: iso}
        death_date: {column: deceasedDateTime, format: iso}
  laboratory:
    file: "*.json"
    read: {format: fhir, resource: Observation}
    patient: {column: subject.reference, pattern: "urn:uuid:(?P<id>[0-9a-f-]{36})"}
    records:
      - record: wbc
        when: {column: "code.coding[system=http://loinc.org].code", equals: "6690-2"}
        value: {column: valueQuantity.value, unit: {column: valueQuantity.code}}
        date: {column: effectiveDateTime, format: iso}
"""


def test_published_bundles_land_and_are_mapped(folder: Path, shared: Path, night: Night):
    """Synthetic patients of Synthea, five Bundles; one Observation of them has no subject."""
    (folder / "mappings" / "one.yaml").write_text(BREAST, encoding="utf-8")
    config = CONFIG.replace('folder = "data"', f'folder = "{shared / "fhir" / "synthea-mcode-breast"}"')
    (folder / "allpool.toml").write_text(config, encoding="utf-8")
    engine, _, feed = night()
    assert feed.status == "published"
    landed = rows(engine, LandedResource)
    assert len(landed) == 1_555
    assert len(rows(engine, Patient)) == 5
    assert len(rows(engine, Observation)) == 6
    assert [(row.row, row.column, row.rule) for row in rows(engine, Quarantine)] == [
        (306, "subject.reference", "patient_id")
    ]
    subjects = {row.identifier for row in rows(engine, ResearchSubject)}
    assert {row.patient for row in landed if row.patient} == subjects
    assert all(account.balanced for account in feed.accounts.values())
    _, _, again = night()
    assert (again.status, again.counts.inserted) == ("unchanged", 0)
