"""A new consortium folder: what it holds, that it runs, and what it keeps to itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from allpool.cli import run
from allpool.config import load_config

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "src" / "allpool" / "cli" / "template"
HELD = {
    ".gitignore",
    "README.md",
    "allpool.key",
    "allpool.toml",
    "data/centre-1/mrd_synthetic.csv",
    "data/centre-1/patients_synthetic.csv",
    "mappings/centre_1.yaml",
    "plans/demo.yaml",
    "studies/demo.yaml",
}


def test_holds_all_that_a_night_needs(fresh: Path):
    assert {path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()} == HELD


def test_key_is_random_private_and_ignored(fresh: Path, tmp_path: Path):
    key = fresh / "allpool.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(load_config(fresh / "allpool.toml").pseudonym_key({})) == 64
    assert "allpool.key" in (fresh / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert run(["init", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "allpool.key").read_bytes() != key.read_bytes()


def test_is_no_example_but_says_that_its_patients_are_synthetic(fresh: Path):
    consortium = load_config(fresh / "allpool.toml")
    assert not consortium.content.consortium.example
    assert consortium.synthetic
    for path in fresh.rglob("*.*"):
        if path.is_file() and path.name not in (".gitignore", "allpool.key"):
            assert "synthetic" in path.read_text(encoding="utf-8").lower(), path


def test_says_what_the_key_is_and_never_the_key(tmp_path: Path, capsys):
    assert run(["init", str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    assert "key of the pseudonyms" in said.out
    assert (tmp_path / "new" / "allpool.key").read_text().strip() not in said.out + said.err


def test_folder_that_is_not_empty_is_refused(tmp_path: Path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert run(["init", str(tmp_path / "mine.txt")]) == 2
    assert run(["init", str(tmp_path / "mine.txt" / "below")]) == 2


def test_first_night_ends_well_with_results(first_night):
    folder, said = first_night
    assert said.code == 0, said.err
    assert said.err == ""  # no progress where no terminal is
    lines = said.out.splitlines()
    row = next(line.split() for line in lines if "demo-centre-1" in line)
    # state, rows, cells read, loaded, unchanged, quarantined, ignored, empty
    assert row[1:9] == ["published", "52", "604", "472", "0", "0", "52", "80"]
    assert "SYNTHETIC" in said.out
    assert any("57.1 %" in line and "28.9 % to 82.3 %" in line for line in lines)  # 8 of 14 in CR
    assert (folder.path / "build" / "index.html").is_file()


def test_eight_of_fourteen_in_the_sample_reach_cr(fresh: Path):
    rows = (fresh / "data" / "centre-1" / "patients_synthetic.csv").read_text(encoding="utf-8").splitlines()
    overt = [row.split(",")[10] for row in rows[1:] if ",R/R," in row]
    assert (overt.count("CR"), len(overt)) == (8, 14)


def test_template_ships_in_the_wheel(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = ZipFile(next(tmp_path.glob("*.whl")))
    shipped = {name for name in wheel.namelist() if name.startswith("allpool/cli/template/")}
    here = {
        path.relative_to(TEMPLATE.parents[2]).as_posix() for path in TEMPLATE.rglob("*") if path.is_file()
    }
    assert shipped == here
