"""One bundle per study: valid, complete, the same bytes each time, and said to be synthetic."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pyfhircheck import Validator
from sqlalchemy import Engine, select, update

from allpool.errors import ConfigError
from allpool.etl.fhir.bundle import export_bundles
from allpool.etl.fhir.parser import parse, unread
from allpool.models import Patient, published_tables, resource_classes
from allpool.models.engine import connect
from allpool.models.staging import ORDER, table_of
from tests.etl.fhir.store import LINEAGE, ROWS, small_store
from tests.fhir_checks import FALSE_ALARMS, PACKAGE, bundle_problems, resource_errors, validator


@pytest.fixture(scope="module")
def store() -> Engine:
    return small_store()


@pytest.fixture(scope="module")
def checker(shared: Path) -> Validator:
    return validator(shared / PACKAGE)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_the_small_store_fills_every_column() -> None:
    for table in published_tables():
        filled = {name for row in ROWS[table.name] for name, value in row.items() if value is not None}
        missing = set(table.c.keys()) - filled - set(LINEAGE)
        assert [name for name in sorted(missing) if not name.endswith("_time")] == [], table.name


def test_every_resource_is_valid_r4(store: Engine, checker: Validator, tmp_path: Path) -> None:
    for file in export_bundles(store, tmp_path):
        assert bundle_problems(file.path, checker, every=True) == []
        assert bundle_problems(file.path, checker) == []


def test_the_check_sees_faults(store: Engine, checker: Validator, tmp_path: Path) -> None:
    """The validation above would not pass for anything."""
    (file,) = export_bundles(store, tmp_path, study="900")
    bundle = read(file.path)
    by_type = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}
    by_type["Observation"]["status"] = "fertig"
    by_type["Patient"]["gender"] = "女"
    by_type["Condition"]["subject"]["reference"] = "Patient/00000000-0000-0000-0000-000000000000"
    by_type["Procedure"]["unknownMember"] = 1
    by_type["AdverseEvent"]["extension"][0]["extension"] = [{"url": "x", "valueString": "y"}]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(bundle))
    problems = " ".join(bundle_problems(broken, checker))
    for part in (
        "Observation.status",
        "Patient.gender",
        "leads nowhere",
        "unknownMember",
        "AdverseEvent.extension",
    ):
        assert part in problems


def test_the_known_false_alarms_are_still_given(store: Engine, checker: Validator, tmp_path: Path) -> None:
    """An entry that a newer pyfhircheck no longer needs is to be taken off the list."""
    (file,) = export_bundles(store, tmp_path, study="900")
    given = {e for entry in read(file.path)["entry"] for e in resource_errors(entry["resource"], checker)}
    assert given == FALSE_ALARMS


def test_again_gives_the_same_bytes(store: Engine, tmp_path: Path) -> None:
    first = export_bundles(store, tmp_path / "1")
    second = export_bundles(small_store(), tmp_path / "2")
    assert [(f.study, f.resources, f.bytes, f.sha256) for f in first] == [
        (f.study, f.resources, f.bytes, f.sha256) for f in second
    ]
    for file in first:
        content = file.path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.bytes
        assert content == (tmp_path / "2" / file.path.name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "1").iterdir()) == ["900.bundle.json", "901.bundle.json"]


def test_every_database_gives_the_same_bytes(store: Engine, store_url: str, tmp_path: Path) -> None:
    engine = small_store(connect(store_url))
    there = [file.sha256 for file in export_bundles(engine, tmp_path / "there")]
    engine.dispose()
    assert there == [file.sha256 for file in export_bundles(store, tmp_path / "here")]


def test_the_bundle_is_ordered_whole_and_synthetic(store: Engine, tmp_path: Path) -> None:
    (file,) = export_bundles(store, tmp_path, study="900")
    bundle = read(file.path)
    assert list(bundle) == ["resourceType", "id", "meta", "identifier", "type", "entry"]
    assert bundle["type"] == "collection"
    assert bundle["meta"]["security"][0]["code"] == "HTEST"
    assert bundle["meta"]["tag"][0]["code"] == "synthetic"
    assert all(e["resource"]["meta"]["security"][0]["code"] == "HTEST" for e in bundle["entry"])
    types = {cls.resource_type: ORDER.index(cls.__tablename__) for cls in resource_classes()}
    keys = [(types[e["resource"]["resourceType"]], e["resource"]["id"]) for e in bundle["entry"]]
    assert keys == sorted(keys)
    expected = sum(len(rows) for name, rows in ROWS.items() if name in ORDER) - 1
    assert len(keys) == file.resources == expected


def test_the_bundle_read_back_gives_the_rows_of_the_store(store: Engine, tmp_path: Path) -> None:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in export_bundles(store, tmp_path):
        for entry in read(file.path)["entry"]:
            assert unread(entry["resource"]) == ()
            parsed = parse(entry["resource"])
            found[parsed.table, parsed.row["id"]] = parsed.row
            for table, rows in parsed.parts.items():
                found.update({(table, row["id"]): row for row in rows})
    with store.connect() as connection:
        stored = {
            (table.name, row["id"]): {name: value for name, value in row.items() if name != "content_hash"}
            for table in published_tables()
            for row in connection.execute(select(table)).mappings()
        }
    assert found == stored


def test_real_data_are_not_marked_synthetic(tmp_path: Path) -> None:
    store = small_store()
    with store.begin() as connection:
        for table in published_tables():
            connection.execute(update(table).values(security=None))
    (file,) = export_bundles(store, tmp_path, study="900")
    assert "meta" not in read(file.path)
    assert b"HTEST" not in file.path.read_bytes()


def test_one_synthetic_row_marks_the_bundle(tmp_path: Path) -> None:
    store = small_store()
    with store.begin() as connection:
        for table in published_tables():
            if table is not table_of(Patient):
                connection.execute(update(table).values(security=None))
    (file,) = export_bundles(store, tmp_path, study="900")
    assert read(file.path)["meta"]["tag"][0]["code"] == "synthetic"


def test_an_unknown_study_is_refused(store: Engine, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no study '777'; it has 900, 901"):
        export_bundles(store, tmp_path, study="777")
    assert list(tmp_path.iterdir()) == []
