"""From a number to its cells and back, what waits and why, and what no command tells."""

from __future__ import annotations

import csv
import re
from pathlib import Path

RESULT = "select id from analysis_result where step = 'cr' and statistic = 'proportion'"
BLASTS = "select id from observation where data_element = 'response_as_reported' order by source_row limit 1"


def test_result_is_walked_back_to_subjects_and_cells(calm):
    (result,) = calm.ids(RESULT)
    found = calm.says("trace", result, "--json").json
    assert found["kind"] == "result"
    assert len(found["subjects"]) == 14
    places = {(cell["file"], cell["source_column"], cell["row"]) for cell in found["cells"]}
    assert ("patients_synthetic.csv", "response", 2) in places
    assert {row for _, column, row in places if column == "response"} == set(range(2, 16))


def test_subject_is_walked_to_its_cells_resources_and_results(calm):
    subject = calm.ids("select id from research_subject order by source_row limit 1")[0]
    found = calm.says("trace", subject, "--json").json
    assert found["kind"] == "research_subject"
    cells = {(cell["file"], cell["row"], cell["source_column"]) for cell in found["cells"]}
    assert cells == {("patients_synthetic.csv", 2, "first_dose")}  # enrolment: the subject record's column
    assert {row["data_element"] for row in found["resources"]} >= {"response_as_reported", "mrd_value"}
    assert {row["step"] for row in found["results that it moves"]} == {"cr", "mrd", "os"}


def test_resource_is_walked_both_ways(calm):
    resource = calm.ids(BLASTS)[0]
    found = calm.says("trace", resource, "--json").json
    cells = {cell["source_column"] for cell in found["cells"]}
    assert cells == {"response", "response_date"}
    assert any(row["id"] == calm.ids(RESULT)[0] for row in found["results that it moves"])
    assert "value_concept" not in found["row"][0]


def test_each_id_is_walked_in_words_too(calm):
    for id_ in (calm.ids(RESULT)[0], calm.ids(BLASTS)[0]):
        said = calm.says("trace", id_)
        assert said.code == 0
        assert "patients_synthetic.csv" in said.out


def test_quarantine_says_place_rule_and_expectation(messy):
    said = messy.says("quarantine", "show", "--centre", "centre-1", "--json")
    assert said.code == 1
    found = {(row["file"], row["row"], row["column"], row["rule"]) for row in said.json}
    file = "patients_synthetic.csv"
    assert {
        (file, 2, "first_dose", "not_a_date"),
        (file, 3, "sex", "unknown_code"),
        (file, 4, "patient_id", "patient_id"),
        (file, 5, "vital_status", "unknown_code"),
    } <= found
    assert all(row["expected"] for row in said.json)
    counted = messy.says("quarantine", "list", "--json")
    assert counted.code == 1
    assert sum(row["entries"] for row in counted.json) == len(said.json)


def test_quarantine_export_holds_the_values_for_one_reader(messy, tmp_path: Path):
    said = messy.says("quarantine", "export", "--centre", "centre-1", "--out", tmp_path / "mine.csv")
    assert said.code == 1
    file = tmp_path / "mine.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open(encoding="utf-8-sig", newline="") as text:
        values = {row["column"]: row["value"] for row in csv.DictReader(text)}
    assert values["sex"] == "Zebra"
    assert values["vital_status"] == "'=HYPERLINK(1)"  # no spreadsheet runs it


def test_bundle_holds_all_resources_of_the_study(calm, tmp_path: Path):
    said = calm.says("export", "--format", "bundle", "--study", "demo", "--out", tmp_path, "--json")
    assert said.code == 0
    (row,) = said.json
    assert row["study"] == "demo"
    assert row["resources"] > 24
    assert Path(row["file"]).stat().st_size == row["bytes"]


def test_no_command_tells_what_a_patients_cell_says(calm, messy, tmp_path: Path):
    """Rule 7 of the design: every command that reads is run, and all that it said is searched.

    Only `allpool profile` tells cells, those that many rows share; tests/cli/test_profile.py looks after it.
    """
    for folder in (calm, messy):
        before = len(folder.heard)
        observation = folder.ids(BLASTS)[0]
        subject = folder.ids("select usubjid from adsl limit 1")[0]
        for words in (
            ["nightly"],
            ["status"],
            ["quarantine", "list"],
            ["quarantine", "show"],
            ["check", "data/centre-1", "--mapping", "mappings/centre_1.yaml"],
            ["analyse", "plans/demo.yaml"],
            ["trace", folder.ids(RESULT)[0]],
            ["trace", observation],
            ["trace", subject],
            ["export", "--out", str(tmp_path / "fhir")],
            ["report", "--out", str(tmp_path / "site")],
        ):
            for more in ([], ["--json"]) if words[0] != "report" else ([],):
                assert folder.says(*words, *more).code in (0, 1), words
        told = folder.heard[before:]
        heard = "\n".join(told)
        assert len(told) > 20
        for name in ("patients_synthetic.csv", "mrd_synthetic.csv"):
            with (folder.path / "data" / "centre-1" / name).open(encoding="utf-8", newline="") as text:
                cells = {value for row in csv.DictReader(text) for value in row.values()}
            secret = {cell for cell in cells if re.fullmatch(r"C1-.*|\d{4}-\d\d-\d\d|Zebra|31\..*|=.*", cell)}
            assert len(secret) > 20
            assert not [cell for cell in sorted(secret) if cell in heard]
