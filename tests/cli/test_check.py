"""allpool check: what the terminal, the page and --json say, in which language, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Folder, Said
from tests.etl.check.broken import CELLS, FAULTS, GOOD, SECRETS, healthy, patients

WAIT = {"en": "What will not load, and why", "zh": "不能导入的内容及原因", "cs": "Co se nenačte a proč"}
WELL = {"en": "Everything would load.", "zh": "全部内容均可导入", "cs": "Vše by se načetlo."}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A delivery without fault."""
    return Folder(healthy(tmp_path_factory.mktemp("sound") / "one"))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A delivery with bad cells of every kind, each on a row of its own."""
    folder = Folder(healthy(tmp_path_factory.mktemp("faulty") / "one"))
    patients(
        folder.path, [*GOOD, *(row for row, _, _ in CELLS.values()), "0004;m;01.02.1980;;5.1;03.04.2031"]
    )
    return folder


def check(folder: Folder, *more: str | Path) -> Said:
    return folder.says("check", "data", "--mapping", "mappings/one.yaml", *more)


@pytest.mark.parametrize("language", sorted(WAIT))
def test_files_without_fault_end_in_0(sound: Folder, language: str):
    said = check(sound, "--language", language)
    assert said.code == 0
    assert said.err == ""
    assert WELL[language] in said.out
    assert WAIT[language] not in said.out


@pytest.mark.parametrize("language", sorted(WAIT))
def test_findings_end_in_1_and_stand_in_the_terminal(faulty: Folder, language: str):
    said = check(faulty, "--language", language)
    assert said.code == 1
    assert WAIT[language] in said.out
    lines = [line.split() for line in said.out.splitlines()]
    rows = {line[1]: line[-1] for line in lines if line[:1] == ["patients.csv"] and line[-1].isdigit()}
    assert {"sex", "wbc", "seen"} <= rows.keys()
    assert rows["sex"] == "4"
    assert not [secret for secret in SECRETS if secret in said.out]


def test_the_terminal_shows_no_more_groups_than_a_person_reads(tmp_path: Path):
    folder = Folder(healthy(tmp_path / "one"))
    file = folder.path / "data" / "patients.csv"
    more = "".join(f";extra{number}" for number in range(250))
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([header + more, *(row + ";1" * 250 for row in rows)]), encoding="utf-8")
    said = check(folder, "--report", tmp_path / "check.html")
    assert said.code == 1
    assert said.out.count("extra") == 200
    assert "250 findings in 250 groups need a person." in said.out
    assert "50 more groups stand on the page (--report) and in --json." in said.out
    assert (tmp_path / "check.html").read_text(encoding="utf-8").count("<code>extra") == 250


def test_the_terminal_shows_that_the_sum_holds(faulty: Folder):
    said = check(faulty)
    (line,) = [line for line in said.out.splitlines() if line.strip().startswith("patients.csv ")][-1:]
    _, rows, read, *parts = (int(part) if part.isdigit() else part for part in line.split())
    assert rows == 13 - 1
    assert read == sum(int(part) for part in parts)
    assert "The sum holds for every file" in said.out


def test_the_mapping_says_the_language_unless_asked_otherwise(faulty: Folder):
    mapping = faulty.path / "mappings" / "czech.yaml"
    text = (faulty.path / "mappings" / "one.yaml").read_text(encoding="utf-8")
    mapping.write_text(text.replace('version: "1"', 'version: "1"\nlanguage: cs'), encoding="utf-8")
    said = faulty.says("check", "data", "--mapping", "mappings/czech.yaml")
    assert WAIT["cs"] in said.out
    said = faulty.says("check", "data", "--mapping", "mappings/czech.yaml", "--language", "zh")
    assert WAIT["zh"] in said.out
    assert WAIT["cs"] not in said.out


@pytest.mark.parametrize(("language", "lang"), [("en", "en"), ("zh", "zh-Hans"), ("cs", "cs")])
def test_a_page_is_written_beside_the_table(faulty: Folder, language: str, lang: str):
    said = check(faulty, "--language", language, "--report", f"out/{language}.html")
    assert said.out.rstrip().endswith(f"{language}.html")
    page = (faulty.path / "out" / f"{language}.html").read_text(encoding="utf-8")
    assert f'<html lang="{lang}">' in page
    assert WAIT[language] in page


def test_json_has_every_finding_by_itself(faulty: Folder):
    said = check(faulty, "--json", "--language", "cs")
    assert said.code == 1
    assert said.json.keys() == {
        *("language", "findings", "warnings", "patient_keys", "blocked", "records", "cells"),
    }
    found = {(row["file"], row["row"], row["column"], row["rule"]) for row in said.json["findings"]}
    for row, (_, column, rule) in enumerate(CELLS.values(), start=4):
        assert ("patients.csv", row, column, rule) in found
    (future,) = [row for row in said.json["findings"] if row["rule"].endswith(".future")]
    assert (future["row"], future["column"]) == (13, "seen")
    assert future["expected"] == "Datum nesmí být pozdější než den kontroly."
    assert not any("value" in row for row in said.json["findings"])
    for account in said.json["cells"]:
        parts = ("loaded", "unchanged", "quarantined", "ignored", "empty")
        assert account["read"] == sum(account[part] for part in parts)
    assert not [secret for secret in SECRETS if secret in json.dumps(said.json, ensure_ascii=False)]


def test_a_warning_alone_ends_in_0(tmp_path: Path):
    folder = Folder(healthy(tmp_path / "one"))
    patients(folder.path, [*GOOD, "0003;m;01.02.1980;;9000;03.04.2024"])
    said = check(folder)
    assert said.code == 0
    assert "worth a look" in said.out
    assert [row["row"] for row in check(folder, "--json").json["warnings"]] == [4]


def test_single_files_are_told_of_with_their_neighbours_known(faulty: Folder):
    said = faulty.says("check", "data/visits.xlsx", "--mapping", "mappings/one.yaml")
    assert said.code == 0
    assert "patients.csv" not in said.out


def test_no_store_no_key_and_no_trace(sound: Folder):
    before = sorted(sound.path.rglob("*"))
    assert check(sound).code == 0
    assert sorted(sound.path.rglob("*")) == before


def test_a_mapping_that_is_wrong_ends_in_2_with_its_line(sound: Folder):
    wrong = sound.path / "mappings" / "wrong.yaml"
    text = (sound.path / "mappings" / "one.yaml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("record: wbc", "record: wcb"), encoding="utf-8")
    said = sound.says("check", "data", "--mapping", "mappings/wrong.yaml")
    assert said.code == 2
    assert "wrong.yaml, line 14" in said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["absent", "--mapping", "mappings/one.yaml"], "no such file"),
        (["data", "--mapping", "mappings/absent.yaml"], "no such file"),
        (["data", "--mapping", "mappings/one.yaml", "--language", "de"], "de"),
        (["data/patients.csv", "mappings/one.yaml", "--mapping", "mappings/one.yaml"], "one folder"),
        (
            ["data", "--mapping", "mappings/one.yaml", "--report", "data/visits.xlsx/r.html"],
            "cannot be written",
        ),
    ],
    ids=["no files", "no mapping", "no such language", "two folders", "no place for the page"],
)
def test_wrong_use_ends_in_2(sound: Folder, words: list[str], why: str):
    said = sound.says("check", *words)
    assert said.code == 2
    assert why in " ".join(said.err.split())
    assert "Traceback" not in said.err


def test_help_shows_an_example_with_a_report(sound: Folder):
    said = sound.says("check", "--help")
    assert said.code == 0
    assert re.search(
        r"Example: allpool check \S+ --mapping \S+ --report \S+\.html", " ".join(said.out.split())
    )


@pytest.mark.parametrize("fault", ["a missing file", "an empty file", "a missing sheet", "a wrong encoding"])
def test_a_file_that_cannot_be_read_ends_in_1(tmp_path: Path, fault: str):
    make, _ = FAULTS[fault]
    folder = Folder(healthy(tmp_path / "one"))
    make(folder.path)
    said = check(folder)
    assert said.code == 1
    assert WAIT["en"] in said.out
