"""The promises of the command line: help, exit codes, JSON, which configuration and store win."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from rich.console import Console

from allpool.cli import run
from allpool.cli.main import allpool
from allpool.cli.progress import progress
from allpool.etl.lock import locked
from allpool.models.engine import connect


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


ALL = tuple(commands(allpool))
WITHOUT_STORE = (
    (),
    ("db",),
    ("quarantine",),
    ("queries",),
    ("overlap",),
    ("terminology",),
    ("init",),
    ("check",),
    ("profile",),
    ("terminology", "export"),
    ("terminology", "import"),
    ("published", "check"),
)
TABLES = (
    ["status"],
    ["quarantine", "list"],
    ["quarantine", "show"],
    ["queries", "list"],
    ["overlap", "list"],
    ["analyse", "plans/demo.yaml"],
    ["check", "data/centre-1", "--mapping", "mappings/centre_1.yaml"],
    ["profile", "data/centre-1/mrd_synthetic.csv"],
    ["export", "--out", "fhir"],
    ["nightly", "--dry-run"],
)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], capsys):
    assert run([*words, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Example: allpool {' '.join(words)}" in " ".join(said.split())


def test_commands_are_those_promised_so_far():
    promised = {
        "init",
        "nightly",
        "profile",
        "check",
        "db",
        "db upgrade",
        "db current",
        "db check",
        "quality",
        "quarantine",
        "quarantine list",
        "quarantine show",
        "quarantine export",
        "queries",
        "queries list",
        "queries show",
        "queries export",
        "queries answer",
        "queries accept",
        "queries waive",
        "overlap",
        "overlap list",
        "overlap export",
        "overlap review",
        "overlap decide",
        "analyse",
        "published",
        "published check",
        "trace",
        "export",
        "report",
        "status",
        "terminology",
        "terminology export",
        "terminology import",
        "terminology worklist",
        "terminology relations",
        "terminology absent",
    }
    assert {" ".join(words) for words in ALL} == {"", *promised}


@pytest.mark.parametrize(
    "words",
    [words for words in ALL if words not in WITHOUT_STORE],
    ids=" ".join,
)
def test_every_command_on_a_store_takes_config_and_store(words: tuple[str, ...], capsys):
    run([*words, "--help"])
    said = capsys.readouterr().out
    assert "--config" in said
    assert "--store" in said


def test_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "allpool", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "nightly" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("words", TABLES, ids=lambda words: " ".join(words[:2]))
def test_json_and_nothing_else_is_printed(calm, words: list[str]):
    said = calm.says(*words, "--json")
    assert said.code == 0
    assert said.err == ""
    assert isinstance(said.json, list | dict)
    assert said.out.count("\n") == 1


def test_json_of_a_night_holds_accounts_and_results(messy_night):
    _, said = messy_night
    report = said.json
    assert report["exit_code"] == said.code == 1
    feeds = {feed["feed"]: feed for feed in report["feeds"]}
    account = feeds["demo-centre-1"]["accounts"]["patients_synthetic.csv"]
    parts = ("loaded", "unchanged", "quarantined", "ignored", "empty")
    assert account["read"] == sum(account[name] for name in parts) == 24 * 17
    assert account["quarantined"] > 0
    assert {line["step"] for line in report["analysis"]} == {"cr", "mrd", "os"}


def test_broken_mapping_costs_its_feed_and_no_other(messy, messy_night):
    feeds = {feed["feed"]: feed for feed in messy_night[1].json["feeds"]}
    assert feeds["demo-centre-1"]["status"] == "published"
    assert feeds["demo-centre-2"]["status"] == "failed"
    assert "centre_2.yaml" in feeds["demo-centre-2"]["message"]
    assert "line 7" in feeds["demo-centre-2"]["message"]
    assert messy.says("status").code == 1
    said = messy.says("check", "data/centre-1", "--mapping", "mappings/centre_2.yaml")
    assert said.code == 2
    assert "line 7" in said.err


def test_failed_feed_alone_asks_for_a_person(copied):
    (copied.path / "mappings" / "centre_1.yaml").write_text("mapping: [", encoding="utf-8")
    assert copied.says("nightly").code == 1
    said = copied.says("status", "--json")
    assert [row["status"] for row in said.json if row["feed"] == "demo-centre-1"] == ["failed"]
    assert said.code == 1


def test_check_says_what_would_wait(messy):
    said = messy.says("check", "data/centre-1", "--mapping", "mappings/centre_1.yaml", "--json")
    assert said.code == 1
    found = {(row["row"], row["column"], row["rule"]) for row in said.json["findings"]}
    expected = {
        (3, "sex", "unknown_code"),
        (4, "patient_id", "patient_id"),
        (5, "vital_status", "unknown_code"),
    }
    assert expected <= found
    assert {row["file"] for row in said.json["cells"]} == {"patients_synthetic.csv", "mrd_synthetic.csv"}


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["nonsense"], 2, "No such command"),
        (["nightly", "--nonsense"], 2, "No such option"),
        (["nightly", "--engine", "dask"], 2, "dask"),
        (["nightly", "--centre", "nowhere"], 2, "there are centre-1, demo-centre-1"),
        (["status", "--config", "none.toml"], 2, "no such file"),
        (["status", "--store", "mysql://host/name"], 2, "SQLite or PostgreSQL"),
        (["status", "--store", "no address"], 2, "is no URL"),
        (["status", "--store", "sqlite:///none.db"], 3, "there is no store"),
        (["db", "current", "--store", "sqlite:///none.db"], 3, "there is no store"),
        (["db", "check", "--store", "sqlite:///none.db"], 3, "there is no store"),
        (["export", "--out", "fhir", "--store", "sqlite:///empty.db"], 3, "allpool db upgrade"),
        (["status", "--store", "sqlite:///empty.db"], 3, "allpool db upgrade"),
        (["status", "--store", "postgresql://127.0.0.1:1/none"], 3, "out of reach"),
        (["quarantine", "list", "--centre", "nowhere"], 2, "no centre or feed 'nowhere'"),
        (["quarantine", "show", "--run", "99"], 2, "no run 99"),
        (["analyse", "none.yaml"], 2, "no such file"),
        (["analyse", "plans/demo.yaml", "--release", "none"], 3, "no release 'none'"),
        (["export", "--study", "none", "--out", "fhir"], 2, "no study 'none'"),
        (["trace", "none"], 2, "no result, subject, resource or quarantine entry"),
        (["profile", "none.csv"], 2, "no such file"),
        (["profile", "data/centre-1/mrd_synthetic.csv", "--minimum", "1"], 2, "not in the range"),
        (["profile", "data/centre-1/mrd_synthetic.csv", "--dictionary", "none.csv"], 2, "no such file"),
        (["check", "none.csv", "--mapping", "mappings/centre_1.yaml"], 2, "no such file"),
        (["check", "data/centre-1", "--mapping", "none.yaml"], 2, "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_say_what_is_wrong_without_a_traceback(calm, words: list[str], code: int, why: str):
    with sqlite3.connect(calm.path / "empty.db") as other:
        other.execute("CREATE TABLE IF NOT EXISTS other (x)")
    other.close()
    said = calm.says(*words)
    assert said.code == code
    assert why in " ".join(said.err.split())
    assert said.out == ""
    assert "Traceback" not in said.err
    assert not (calm.path / "none.db").exists()


def test_no_configuration_here_or_above(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["status"]) == 2
    assert "allpool init" in capsys.readouterr().err


def test_configuration_is_found_above(calm, monkeypatch, capsys):
    monkeypatch.chdir(calm.path / "data" / "centre-1")
    assert run(["status"]) == 0
    assert "demo-centre-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[store]", "[store", "is not TOML"),
        ("[store]\nurl", "[store]\naddress", "store.url"),
        ("synthetic = true", "synthetic = true\nsecret = 1", "consortium.secret"),
    ],
)
def test_broken_configuration_names_the_setting(copied, old: str, new: str, why: str):
    config = copied.path / "allpool.toml"
    config.write_text(config.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    said = copied.says("status")
    assert said.code == 2
    assert why in said.err


def test_night_without_its_key_is_refused_before_the_store_is_made(copied, monkeypatch):
    monkeypatch.delenv("ALLPOOL_PSEUDONYM_KEY", raising=False)
    (copied.path / "allpool.key").unlink()
    said = copied.says("nightly")
    assert said.code == 2
    assert "allpool.key does not exist" in said.err
    config = copied.path / "allpool.toml"
    text = config.read_text(encoding="utf-8").replace('key_file = "allpool.key"', "")
    config.write_text(text, encoding="utf-8")
    said = copied.says("nightly")
    assert said.code == 2
    assert "set ALLPOOL_PSEUDONYM_KEY or name a key_file" in said.err
    monkeypatch.setenv("ALLPOOL_PSEUDONYM_KEY", "short")
    said = copied.says("nightly")
    assert said.code == 2
    assert "short" not in said.err
    assert not (copied.path / "allpool.db").exists()


def test_broken_plan_is_refused_before_the_night(copied):
    (copied.path / "plans" / "other.yaml").write_text("plan: other\nsteps: [{id: a}]\n", encoding="utf-8")
    said = copied.says("nightly")
    assert said.code == 2
    assert "other.yaml" in said.err
    (copied.path / "plans" / "other.yaml").write_text((copied.path / "plans" / "demo.yaml").read_text())
    said = copied.says("nightly")
    assert said.code == 2
    assert "stands in two files" in said.err


def test_locked_store_names_its_holder(calm):
    engine = connect(f"sqlite:///{calm.path / 'allpool.db'}")
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with locked(engine, since=since):
        for words in (
            ["nightly"],
            ["db", "upgrade"],
            ["analyse", "plans/demo.yaml"],
            ["report", "--out", "s"],
        ):
            said = calm.says(*words)
            assert said.code == 3, words
            assert f"process {os.getpid()}" in said.err
            assert "2026-01-02T03:04:05" in said.err
        assert calm.says("status").code == 0  # readers never wait


def test_store_option_wins_over_the_configuration(calm, tmp_path: Path):
    shutil.copy(calm.path / "allpool.db", tmp_path / "other.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("UPDATE feed_run SET status = 'blocked' WHERE feed = 'demo-centre-1'")
    other.close()
    assert calm.says("status").code == 0
    assert calm.says("status", "--store", f"sqlite:///{tmp_path / 'other.db'}").code == 1


def test_config_option_wins_over_the_folder(calm, messy):
    said = calm.says("status", "--config", messy.path / "allpool.toml")
    assert said.code == 1
    assert "demo-centre-2" in said.out


def test_schema_commands_need_only_an_address(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["db", "upgrade", "--store", "sqlite:///new.db"]) == 0
    revision = capsys.readouterr().out.split()[-1]
    assert run(["db", "current", "--store", "sqlite:///new.db"]) == 0
    assert capsys.readouterr().out.strip() == revision
    assert run(["db", "check", "--store", "sqlite:///new.db"]) == 0
    assert run(["status", "--store", "sqlite:///new.db"]) == 0


def test_dry_run_changes_nothing_that_analysts_see(messy):
    before = messy.ids("select count(*) from observation"), messy.says("quarantine", "list", "--json").json
    patients = messy.path / "data" / "centre-1" / "patients_synthetic.csv"
    text = patients.read_text(encoding="utf-8")
    try:
        patients.write_text("\n".join(text.splitlines()[:10]) + "\n", encoding="utf-8")
        said = messy.says("nightly", "--dry-run", "--json")
    finally:
        patients.write_text(text, encoding="utf-8")
    assert said.code == 1
    assert said.json["analysis"] is None
    after = messy.ids("select count(*) from observation"), messy.says("quarantine", "list", "--json").json
    assert after == before


def test_results_are_written_as_csv_and_json(calm, tmp_path: Path):
    assert calm.says("analyse", "plans/demo.yaml", "--out", tmp_path / "out").code == 0
    rows = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    shares = [row["value"] for row in rows if row["step"] == "cr" and row["statistic"] == "proportion"]
    assert shares == [8 / 14]
    lines = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].startswith("id,analysis_id,plan,step")
    assert (tmp_path / "out" / "index.html").is_file()
    assert list((tmp_path / "out" / "figures").glob("*.svg"))


def test_progress_is_shown_on_a_terminal_alone(monkeypatch, capsys):
    def err(*, quiet: bool) -> str:
        with progress("the night begins", quiet=quiet) as say:
            say("demo-centre-1: map")
            time.sleep(0.3)  # a frame is drawn ten times a second
        return capsys.readouterr().err

    assert err(quiet=False) == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "demo-centre-1: map" in err(quiet=False)
    assert err(quiet=True) == ""


def test_bug_says_where_and_never_what_a_cell_said(calm, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("C1-001 was born in 1980")

    monkeypatch.setattr("allpool.etl.operations.overview", broken)
    said = calm.says("status")
    assert said.code == 4
    assert "ValueError" in said.err
    assert "in broken" in said.err
    assert "C1-001" not in said.err
    assert "1980" not in said.err


@pytest.mark.parametrize("columns", [80, 100, 150])
def test_narrow_terminal_loses_no_digit(calm, monkeypatch, columns: int):
    def narrow(width: int = columns) -> Console:
        return Console(width=columns)

    monkeypatch.setattr("allpool.cli.closing.wide_console", narrow)
    said = calm.says("nightly")
    row = next(line.split() for line in said.out.splitlines() if "604" in line)
    assert [word for word in row if word.isdigit()][:7] == ["52", "604", "0", "472", "0", "52", "80"]
    assert "…" not in said.out
