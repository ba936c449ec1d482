"""A centre's own check says what the night would, of the files that it is asked about, without any value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from allpool.errors import ConfigError
from allpool.etl.check.precheck import precheck

MAPPING = """\
mapping: m
version: "1"
sources:
  patients:
    file: "patients*.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{4}"}
    records: [{record: patient, sex: {column: sex}}]
  lab:
    file: "lab*.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{4}"}
    records: [{record: wbc, value: {column: wbc, unit: "10*9/L"}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    (delivery / "patients.csv").write_text("id,sex\n0001,M\n0002,Nováková\n", encoding="utf-8")
    (delivery / "lab.csv").write_text("id,wbc\n0001,1.5\n,\n0001,2,3\n", encoding="utf-8")
    (delivery / "notes.csv").write_text("a,b\n", encoding="utf-8")
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    found = precheck([folder / "delivery"], folder / "m.yaml")
    assert {(item["file"], item["row"], item["rule"]) for item in found.findings} == {
        ("patients.csv", 3, "unknown_code"),
        ("lab.csv", 4, "ragged_row"),
    }
    assert not any("value" in item or "Nováková" in str(item.values()) for item in found.findings)
    assert found.accounts.keys() == {"patients.csv", "lab.csv"}
    lab = found.accounts["lab.csv"]
    assert lab.balanced
    assert (lab.loaded, lab.empty, lab.quarantined, lab.read) == (2, 2, 3, 7)


def test_named_files_alone_are_told_of_while_their_neighbours_are_known(folder: Path) -> None:
    found = precheck([folder / "delivery" / "lab.csv"], folder / "m.yaml")
    assert [(item["file"], item["rule"]) for item in found.findings] == [("lab.csv", "ragged_row")]
    assert found.accounts.keys() == {"lab.csv"}


def test_a_file_that_no_source_reads(folder: Path) -> None:
    found = precheck([folder / "delivery" / "notes.csv"], folder / "m.yaml")
    assert [(item["file"], item["rule"]) for item in found.findings] == [("notes.csv", "unmapped_file")]
    assert "patients*.csv, lab*.csv" in found.findings[0]["expected"]


def test_paths_that_are_not_there_or_of_two_deliveries(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        precheck([folder / "delivery" / "none.csv"], folder / "m.yaml")
    with pytest.raises(ConfigError, match="one folder"):
        precheck([folder / "delivery", folder / "m.yaml"], folder / "m.yaml")


def test_a_name_that_holds_an_identifier_is_not_repeated(folder: Path) -> None:
    number = next(str(number) for number in range(8001011000, 8001012000) if number % 11 == 0)  # synthetic
    path = folder / "delivery" / f"{number}.csv"
    path.write_text("a,b\n", encoding="utf-8")
    (finding,) = precheck([path], folder / "m.yaml").findings
    assert (finding["rule"], finding["file"]) == ("direct_identifier", None)
    assert number not in str(finding)


def test_what_a_record_says_is_audited_where_the_day_is_known(folder: Path) -> None:
    (folder / "delivery" / "lab.csv").write_text("id,wbc\n0001,-5\n0002,6\n", encoding="utf-8")
    paths, mapping = [folder / "delivery"], folder / "m.yaml"
    without = precheck(paths, mapping)
    audited = precheck(paths, mapping, today=date(2026, 11, 20))
    assert "lab.csv" not in {item["file"] for item in without.findings}
    (found,) = [item for item in audited.findings if item["file"] == "lab.csv"]
    assert (found["row"], found["column"]) == (2, "wbc")
    assert ".possible." in found["rule"]
    assert without.accounts["lab.csv"].loaded == 4
    assert audited.accounts["lab.csv"].loaded == 2
    assert audited.accounts["lab.csv"].balanced
