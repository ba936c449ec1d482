"""allpool overlap: the list, the file in which pairs are decided, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from allpool.cli import run
from allpool.etl.linkage import link_patients
from allpool.models.engine import connect
from tests.linkage.hospital import filled, people


class Store:
    """A store with two candidates, and commands on it."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self._capsys = url, capsys

    def says(self, *words: str | Path) -> tuple[int, str, str]:
        code = run([str(word) for word in ("overlap", *words, "--store", self.url)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def listed(self, *words: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.says("list", *words, "--json")[1])
        return found


@pytest.fixture
def pairs(upgraded_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Store:
    url = f"sqlite:///{shutil.copy(upgraded_file, tmp_path / 'allpool.db')}"
    engine = filled(connect(url))
    with engine.begin() as connection:
        link_patients(connection, run=1)
    engine.dispose()
    return Store(url, capsys)


def test_the_list_shows_who_why_and_how_much_and_no_values(pairs: Store) -> None:
    code, out, _ = pairs.says("list")
    assert code == 1  # they wait for a person
    for word in ("001", "002", "003-north", "deterministic", "probabilistic", "equal: ", "near: first_dose"):
        assert word in out
    rows = pairs.listed()
    assert {row["status"] for row in rows} == {"candidate"}
    whole = out + json.dumps(rows)
    for person, _ in people().values():
        assert str(person.born) not in whole
        assert str(person.first_dose) not in whole


def test_the_list_is_narrowed(pairs: Store) -> None:
    assert len(pairs.listed("--study", "002")) == 1
    assert len(pairs.listed("--centre", "001-north")) == 2
    assert pairs.listed("--status", "same") == []
    assert pairs.says("list", "--status", "same")[1] == "overlap: none\n"
    assert pairs.says("list", "--status", "maybe")[0] == 2


def test_one_pair_is_decided_and_taken_back(pairs: Store) -> None:
    link = str(pairs.listed()[0]["id"])
    code, out, _ = pairs.says(
        "decide", link, "same", "--by", "data manager", "--comment", "asked both", "--json"
    )
    assert (code, json.loads(out)) == (
        1,
        [{"decided": 1, "as_before": 0, "without_decision": 0, "waiting": 1}],
    )
    [row] = pairs.listed("--status", "same")
    assert (row["id"], row["decided_by"], row["comment"]) == (link, "data manager", "asked both")
    assert pairs.says("decide", link, "candidate", "--by", "data manager")[0] == 1
    assert len(pairs.listed()) == 2
    assert pairs.says("decide", link, "same")[0] == 2  # by whom?


def fill(file: Path, *, decisions: list[str], **more: str) -> None:
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == len(decisions)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "decision": said, **more} for row, said in zip(rows, decisions, strict=True))


def test_a_file_is_written_filled_and_taken(pairs: Store, tmp_path: Path) -> None:
    file = tmp_path / "out" / "overlap.csv"
    code, out, _ = pairs.says("export", "--out", file)
    assert (code, out) == (1, f"2 pairs written to {file}\n")
    assert file.stat().st_mode & 0o077 == 0
    fill(file, decisions=["same", ""])
    code, out, _ = pairs.says("review", file, "--by", "data manager", "--json")
    assert (code, json.loads(out)[0]) == (
        1,
        {"decided": 1, "as_before": 0, "without_decision": 1, "waiting": 1},
    )
    fill(file, decisions=["same", "Different"], by="data manager")
    code, out, _ = pairs.says("review", file)
    assert code == 0
    assert {row["status"] for row in pairs.listed("--status", "all")} == {"same", "different"}
    assert pairs.says("review", file, "--json")[1] == (
        '[{"decided": 0, "as_before": 2, "without_decision": 0, "waiting": 0}]\n'
    )
    assert pairs.says("list")[0] == 0


def test_a_file_from_a_spreadsheet_with_semicolons_is_taken(pairs: Store, tmp_path: Path) -> None:
    file = tmp_path / "overlap.csv"
    link = str(pairs.listed()[0]["id"])
    file.write_text(f"id;decision;by;comment\n{link};same;data manager;a, b\n", encoding="utf-8")
    assert pairs.says("review", file)[0] == 1
    assert pairs.listed("--status", "same")[0]["comment"] == "a, b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,decision,by\n{0},maybe,x\n", "overlap.csv, row 2, column decision: is no decision"),
        ("id,decision,by\n{0},same,\n", "overlap.csv, row 2, column by: say who decides, by role"),
        (
            "id,decision,by\n{0},same,x\nfeed,same,x\n",
            "overlap.csv, row 3, column id: the store has no such pair",
        ),
        (
            "id,decision,by\n{0},same,x\n{0},different,x\n",
            "overlap.csv, row 3, column decision: this pair is",
        ),
        ("pair,said\n", "overlap.csv, row 1: lacks column id, decision"),
    ],
    ids=["word", "nobody", "unknown pair", "contradiction", "columns"],
)
def test_a_row_that_cannot_be_read_stops_the_file_and_changes_nothing(
    pairs: Store, tmp_path: Path, text: str, message: str
) -> None:
    before = pairs.listed("--status", "all")
    file = tmp_path / "overlap.csv"
    file.write_text(text.format(before[0]["id"]), encoding="utf-8")
    code, _, err = pairs.says("review", file)
    assert code == 2
    assert message in err
    assert pairs.listed("--status", "all") == before


def test_what_is_no_csv_is_said_to_be_none(pairs: Store, tmp_path: Path) -> None:
    file = tmp_path / "overlap.csv"
    assert "there is no such file" in pairs.says("review", file, "--by", "x")[2]
    file.write_bytes(b"id,decision\n\xff\xfe\x00,\n")
    code, _, err = pairs.says("review", file, "--by", "x")
    assert (code, "is not a CSV file in UTF-8" in err) == (2, True)


def test_a_store_that_is_not_there_is_out_of_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Store(f"sqlite:///{tmp_path / 'none.db'}", capsys).says("list")[0] == 3
