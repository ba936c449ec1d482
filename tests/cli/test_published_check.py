"""allpool published check: findings for a person and for a program, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allpool.cli import run

PAPER = """
document: made
study: {n_total: 40}
records:
- {id: cr, population: 11 treated, statistic: proportion, percent: 90.1}
- {id: n, population: all, statistic: count, value: 40}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made.yaml").write_text(PAPER, encoding="utf-8")
    return tmp_path


def test_findings_are_said_with_place_reason_and_what_would_fit(folder: Path, capsys) -> None:
    assert run(["published", "check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "made cr (made.yaml, line 5): error, share-of-no-count" in said
    assert "no count of 11 gives 90.1 %: 9 is 81.82 %, 10 is 90.91 %" in said
    assert "2 records of 1 studies: 1 errors, 0 warnings, 0 not decided; 1 checked, 1 not" in said
    assert "not checked" not in said


def test_json_holds_every_record_that_is_not_checked(folder: Path, capsys) -> None:
    assert run(["published", "check", str(folder / "made.yaml"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"records", "findings", "undecided", "not_checked", "unread"}
    assert found["findings"][0]["rule"] == "share-of-no-count"
    assert found["not_checked"] == [
        {"study": "made", "record": "n", "reason": "a count without the number it is of"}
    ]


def test_records_without_a_check_are_listed_on_demand(folder: Path, capsys) -> None:
    run(["published", "check", str(folder), "--unchecked"])
    assert "not checked: made n: a count without the number it is of" in capsys.readouterr().out


def test_a_paper_without_findings_is_well(folder: Path, capsys) -> None:
    (folder / "made.yaml").write_text(PAPER.replace("90.1", "90.9"), encoding="utf-8")
    assert run(["published", "check", str(folder)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_a_wrong_file_is_wrong_use(folder: Path, capsys) -> None:
    assert run(["published", "check", str(folder / "absent.yaml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_without_a_path_the_configuration_says_where(tmp_path: Path, capsys) -> None:
    config = Path(__file__).resolve().parents[2] / "examples" / "consortium" / "allpool.toml"
    assert run(["published", "check", "--config", str(config), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["records"] > 379
