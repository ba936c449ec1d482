"""Every format that the readers read is profiled, its sheets, data sets, forms and types each as a table."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from allpool.errors import ConfigError, SourceError
from allpool.etl.profile import profile
from allpool.mappings.profile import TableProfile

VISITS = {"id": ["a", "b", "c"], "grade": ["1", "2", "2"], "seen": ["2021-01-05", None, "2021-03-05"]}


def summary(table: TableProfile) -> tuple[str, str | None, int, dict[str, int]]:
    """Return format, sheet, rows, and the filled cells by column."""
    return table.format, table.sheet, table.rows, {item.name: item.filled for item in table.columns}


def test_workbook(tmp_path: Path):
    path = tmp_path / "visits.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        notes, first, second = (book.add_worksheet(name) for name in ("Notes", "Visits", "Lab"))
        notes.write(0, 0, "made for a test")
        first.write(0, 0, "Visits of a study")  # a title above the names of the columns
        for at, (name, cells) in enumerate(VISITS.items()):
            first.write_column(1, at, [name, *cells])
        second.write_row(0, 0, ["id", "wbc"])
        second.write_row(1, 0, ["a", 5.1])
    tables = profile(path)
    assert [summary(table) for table in tables] == [
        ("excel", "Visits", 3, {"id": 3, "grade": 3, "seen": 2}),
        ("excel", "Lab", 1, {"id": 1, "wbc": 1}),
    ]
    assert tables[0].header_row == 2
    assert [table.sheet for table in profile(path, sheet="Lab")] == ["Lab"]
    with pytest.raises(ConfigError, match="there is no sheet 'None'; there is Notes, Visits, Lab"):
        profile(path, sheet="None")


def test_parquet_and_json_lines(tmp_path: Path):
    frame = pl.DataFrame(VISITS)
    frame.write_parquet(tmp_path / "visits.parquet")
    frame.write_ndjson(tmp_path / "visits.jsonl")
    for name, kind in (("visits.parquet", "parquet"), ("visits.jsonl", "jsonl")):
        (table,) = profile(tmp_path / name)
        assert summary(table) == (kind, None, 3, {"id": 3, "grade": 3, "seen": 2})


def test_sas_transport_with_labels(shared: Path):
    (table,) = profile(shared / "sources" / "cdisc-pilot" / "dm.xpt")
    assert summary(table)[:3] == ("xpt", None, 306)
    columns = {item.name: item for item in table.columns}
    assert columns["SEX"].label == "Sex"
    assert {value.text for value in columns["SEX"].values} == {"F", "M"}
    assert columns["RFSTDTC"].dates[0].format == "%Y-%m-%d"
    assert columns["USUBJID"].identifier is not None
    assert columns["USUBJID"].values == ()


def test_forms_of_odm(shared: Path):
    project = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects" / "simple"
    tables = profile(project / "project.xml")
    assert [(table.sheet, table.rows) for table in tables] == [
        ("Form.demographics", 5),
        ("Form.health", 5),
        ("Form.race_and_ethnicity", 5),
    ]
    assert {table.format for table in tables} == {"odm"}
    assert tables[0].read == {"form": "Form.demographics"}
    assert next(item for item in tables[0].columns if item.name == "name_first").label == "First Name"
    assert [table.sheet for table in profile(project / "project.xml", sheet="Form.health")] == ["Form.health"]


def test_instruments_of_a_redcap_export(shared: Path, tmp_path: Path):
    projects = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects"
    project = projects / "repeating-instruments"
    dictionary = next(
        path for path in sorted(project.iterdir()) if "dictionary" in path.name or "metadata" in path.name
    )
    tables = profile(project / "data.csv", dictionary=dictionary)
    forms = profile(project / "project.xml")
    assert [f"Form.{table.sheet}" for table in tables] == [table.sheet for table in forms]
    assert [table.rows for table in tables] == [table.rows for table in forms]
    assert tables[0].format == "redcap"
    assert tables[0].read == {"dictionary": dictionary.name, "instrument": tables[0].sheet}


def test_types_of_fhir_resources(tmp_path: Path):
    patient = {"resourceType": "Patient", "id": "p1", "gender": "female"}
    observations = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "x"}}
        for n in range(3)
    ]
    resources = [patient, *observations]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    (tmp_path / "lines.ndjson").write_text("\n".join(map(json.dumps, resources)))
    for name in ("bundle.json", "lines.ndjson"):
        tables = profile(tmp_path / name)
        assert [(table.sheet, table.rows) for table in tables] == [("Patient", 1), ("Observation", 3)]
        assert tables[0].read == {"resource": "Patient"}


def test_json_that_is_no_table(tmp_path: Path):
    (tmp_path / "export.json").write_text('[{"record_id": "1"}]')
    with pytest.raises(SourceError, match="data dictionary"):
        profile(tmp_path / "export.json")
