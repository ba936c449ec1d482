"""allpool profile: what it prints, the JSON list, the draft it writes, and what a bad file costs."""

from __future__ import annotations

import json
from pathlib import Path

from allpool.cli import run
from allpool.mappings.compile import load_mapping
from tests.cli.conftest import Folder

PATIENTS = "data/centre-1/patients_synthetic.csv"
PROMISED = {"file", "sheet", "column", "element", "confidence", "reason", "identifier"}


def test_json_has_one_entry_per_column(calm: Folder):
    said = calm.says("profile", PATIENTS, "--json")
    assert said.code == 0
    rows = {row["column"]: row for row in said.json}
    header = (calm.path / PATIENTS).read_text(encoding="utf-8").splitlines()[0].split(",")
    assert [row["column"] for row in said.json] == header
    assert all(row.keys() >= PROMISED for row in rows.values())
    assert all(0 <= row["confidence"] <= 1 for row in rows.values())
    assert all(isinstance(row["identifier"], bool) for row in rows.values())
    assert [name for name, row in rows.items() if row["identifier"]] == ["patient_id"]
    assert rows["patient_id"]["profile"]["values"] == []
    assert rows["sex"]["element"] == "sex"
    assert rows["sex"]["confidence"] >= 0.8
    assert {value["text"] for value in rows["sex"]["profile"]["values"]} == {"M", "F"}
    assert rows["diagnosed"]["profile"]["dates"][0]["format"] == "%Y-%m-%d"
    assert rows["remarks"]["profile"]["missing_share"] > 0.5


def test_table_shows_no_rare_value(calm: Folder):
    said = calm.says("profile", PATIENTS)
    assert said.code == 0
    assert said.err == ""
    assert "24 rows, 17 columns (csv, utf-8, separator ,)" in said.out
    assert "dates %Y-%m-%d" in said.out
    assert "patient key (identifier)" in said.out
    assert "C1-0" not in said.out
    assert "fewer than 5 cells" in said.out


def test_draft_is_a_mapping_and_is_not_written_over(copied: Folder):
    said = copied.says("profile", "data/centre-1", "--draft", "mappings/drafted.yaml")
    assert said.code == 0
    assert "allpool check FILES --mapping mappings/drafted.yaml" in said.out
    draft = copied.path / "mappings" / "drafted.yaml"
    mapping = load_mapping(draft)
    assert {plan.file for plan in mapping.sources} == {"mrd_synthetic.csv", "patients_synthetic.csv"}
    first = draft.read_text(encoding="utf-8")
    assert copied.says("profile", "data/centre-1", "--draft", draft).code == 0  # the same again
    assert draft.read_text(encoding="utf-8") == first

    draft.write_text(first + "# worked on\n", encoding="utf-8")
    refused = copied.says("profile", "data/centre-1", "--draft", draft)
    assert refused.code == 2
    assert "--force" in refused.err
    assert draft.read_text(encoding="utf-8").endswith("# worked on\n")
    assert copied.says("profile", "data/centre-1", "--draft", draft, "--force").code == 0
    assert draft.read_text(encoding="utf-8") == first


def test_draft_checks_what_it_was_drafted_from(copied: Folder):
    copied.says("profile", "data/centre-1", "--draft", "drafted.yaml")
    said = copied.says("check", "data/centre-1", "--mapping", "drafted.yaml", "--json")
    assert said.code in (0, 1)
    assert sum(kind["records"] for kind in said.json["records"]) > 20
    assert all(cells["rows"] in (24, 28) for cells in said.json["cells"])


def test_bad_file_costs_that_file(copied: Folder):
    (copied.path / "data" / "centre-1" / "empty.csv").write_text("", encoding="utf-8")
    said = copied.says("profile", "data/centre-1", "--json")
    assert said.code == 1
    assert {row["file"] for row in said.json} == {"mrd_synthetic.csv", "patients_synthetic.csv"}
    assert "file empty.csv: the file is empty" in said.err
    alone = copied.says("profile", "data/centre-1/empty.csv", "--draft", "none.yaml")
    assert (alone.code, alone.out) == (1, "")
    assert not (copied.path / "none.yaml").exists()


def test_sheet_that_is_not_there_is_wrong_use(tmp_path: Path, capsys):
    import polars as pl

    pl.DataFrame({"id": ["a"]}).write_excel(tmp_path / "book.xlsx", worksheet="Visits")
    assert run(["profile", str(tmp_path / "book.xlsx"), "--sheet", "Visits", "--json"]) == 0
    assert [row["sheet"] for row in json.loads(capsys.readouterr().out)] == ["Visits"]
    assert run(["profile", str(tmp_path / "book.xlsx"), "--sheet", "Lab"]) == 2
    assert "there is no sheet 'Lab'; there is Visits" in capsys.readouterr().err


def test_empty_folder_is_wrong_use(tmp_path: Path, capsys):
    assert run(["profile", str(tmp_path)]) == 2
    assert "the folder is empty" in capsys.readouterr().err
