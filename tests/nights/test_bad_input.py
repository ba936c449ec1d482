"""Bad input costs what is bad, and is found again with file, sheet, row, column and rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine

from allpool.models import Observation, Patient, Quarantine
from tests.nights.conftest import run

CONFIG = """
[consortium]
name = "Broken files (synthetic)"
synthetic = true
example = true
[store]
url = "sqlite:///store.db"
[[feeds]]
id = "one"
study = "s1"
centre = "c1"
mapping = "one.yaml"
folder = "data"
"""
MAPPING = """
mapping: one
version: "1"
sources:
  patients:
    file: patients.csv
    read: {format: csv, encoding: utf-8, separator: ";", decimal: "."}
    patient: {column: id, pattern: "[0-9]{4}"}
    records:
      - record: patient
        sex: {column: sex, codes: {m: male, f: female}}
        birth_date: {column: born, format: "%d.%m.%Y"}
        death_date: {column: died, format: "%d.%m.%Y"}
      - record: wbc
        value: {column: wbc, unit: 10*9/L}
        date: {column: seen, format: "%d.%m.%Y"}
  visits:
    file: visits.xlsx
    read: {format: excel, sheet: Visits}
    patient: {column: id, pattern: "[0-9]{4}"}
    records:
      - record: patient
        death_date: {column: died, format: iso}
      - record: mrd
        date: {column: date, format: iso}
        value: {column: mrd, unit: "1"}
        method: mfc
        specimen: bone_marrow
"""
STUDY = """
study: s1
title: A study of broken files (synthetic)
design: retrospective
centres: [{id: c1, name: Centre one (synthetic)}]
"""
HEADER = "id;sex;born;died;wbc;seen"
GOOD = ["0001;m;01.02.1980;;5.1;03.04.2024", "0002;f;05.06.1975;;7.2;04.05.2024"]
VISITS = [
    ["id", "date", "mrd", "died"],
    ["0001", "2024-04-03", "0.001", None],
    ["0002", "2024-05-04", "0.0002", None],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A consortium of one small feed, without faults."""
    for name, text in (("allpool.toml", CONFIG), ("mappings/one.yaml", MAPPING), ("studies/s1.yaml", STUDY)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    patients(tmp_path, GOOD)
    visits(tmp_path, VISITS)
    return tmp_path


def patients(folder: Path, rows: list[str], *, header: str = HEADER, encoding: str = "utf-8") -> None:
    (folder / "data" / "patients.csv").write_bytes("\r\n".join([header, *rows, ""]).encode(encoding))


def visits(folder: Path, rows: list[list[Any]], *, sheet: str = "Visits") -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(folder / "data" / "visits.xlsx")


def night(folder: Path) -> tuple[Engine, list[dict[str, Any]], int]:
    """Run a night and return the store, the open quarantine and the exit code."""
    engine, report = run(folder / "allpool.toml", f"sqlite:///{folder / 'store.db'}")
    for feed in report.feeds:
        for name, account in feed.accounts.items():
            assert account.balanced, name
    with engine.connect() as connection:
        query = select(Quarantine.__table__).where(Quarantine.status == "open")
        rows = [dict(row._mapping) for row in connection.execute(query)]
    return engine, rows, int(report.exit_code)


def places(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(row["file"], row["sheet"], row["row"], row["column"], row["rule"]) for row in rows}


def count(engine: Engine, table: Any) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(table.id)).all())


def test_the_good_files_leave_nothing_waiting(folder: Path) -> None:
    engine, rows, code = night(folder)
    assert (rows, code) == ([], 0)
    assert (count(engine, Patient), count(engine, Observation)) == (2, 4)


CELLS = {
    "an unknown code": ("0003;x;01.02.1980;;5.1;03.04.2024", "sex", "unknown_code"),
    "a day that is none": ("0003;m;31.02.2024;;5.1;03.04.2024", "born", "impossible_date"),
    "no date at all": ("0003;m;soon;;5.1;03.04.2024", "born", "not_a_date"),
    "a year of two digits": ("0003;m;01.02.80;;5.1;03.04.2024", "born", "not_a_date"),
    "a comparator": ("0003;m;01.02.1980;;<0.01;03.04.2024", "wbc", "comparator"),
    "the other decimal sign": ("0003;m;01.02.1980;;1,5;03.04.2024", "wbc", "decimal_sign"),
    "a word for a number": ("0003;m;01.02.1980;;high;03.04.2024", "wbc", "not_a_number"),
    "an id read as a number": ("1234.0;m;01.02.1980;;5.1;03.04.2024", "id", "patient_id"),
    "an id that lost its zeros": ("3;m;01.02.1980;;5.1;03.04.2024", "id", "patient_id"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell_costs_that_cell(folder: Path, case: str) -> None:
    row, column, rule = CELLS[case]
    patients(folder, [*GOOD, row])
    engine, rows, code = night(folder)
    assert ("patients.csv", None, 4, column, rule) in places(rows)
    assert code == 1
    lost = column == "id"
    assert count(engine, Patient) == (2 if lost else 3)
    entry = next(item for item in rows if item["rule"] == rule)
    assert (entry["value"] is None) == lost  # a patient's id is not kept, other values are
    assert entry["expected"]


def test_a_date_in_the_future(folder: Path) -> None:
    patients(folder, [*GOOD, "0003;m;01.02.1980;;5.1;03.04.2031"])
    engine, rows, code = night(folder)
    assert {(row["file"], row["row"], row["column"]) for row in rows} == {("patients.csv", 4, "seen")}
    assert "future" in rows[0]["rule"]
    assert (count(engine, Observation), code) == (4, 1)


def test_two_deaths_with_different_dates(folder: Path) -> None:
    patients(folder, [*GOOD, "0003;m;01.02.1980;01.06.2024;5.1;03.04.2024"])
    visits(folder, [*VISITS, ["0003", "2024-04-03", "0.001", "2024-06-09"]])
    engine, rows, _ = night(folder)
    assert places(rows) == {
        ("patients.csv", None, 4, "died", "conflict"),
        ("visits.xlsx", "Visits", 4, "died", "conflict"),
    }
    with engine.connect() as connection:
        assert connection.execute(select(Patient.__table__.c.deceased_date)).scalars().all() == [None] * 3


def test_a_formula_cell(folder: Path) -> None:
    visits(folder, [*VISITS[:2], ["0002", "2024-05-04", "=0.0001*2", None]])
    _, rows, _ = night(folder)
    assert ("visits.xlsx", "Visits", 3, "mrd", "formula_cell") in places(rows)


def test_a_missing_file_keeps_what_it_said_before(folder: Path) -> None:
    engine, _, _ = night(folder)
    (folder / "data" / "visits.xlsx").unlink()
    engine, rows, code = night(folder)
    assert [(row["file"], row["rule"], row["scope"]) for row in rows] == [
        ("visits.xlsx", "missing_file", "file")
    ]
    assert (count(engine, Observation), code) == (4, 1)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (HEADER.encode(), "header_only"),
        (f"{HEADER}\r\n0001;m;01.02.1980;;5.1;03.04.2024 \u0159".encode("cp1250"), "encoding"),
        (b"id;sex;born;died;wbc;wbc\r\n0001;m;01.02.1980;;5.1;5.2", "duplicate_header"),
        (b"id;sex;born;died;wbc;seen\r\n0001;m;" + b"x" * 2**21, "line_too_long"),
    ],
)
def test_a_bad_file_costs_that_file(folder: Path, content: bytes, rule: str) -> None:
    (folder / "data" / "patients.csv").write_bytes(content)
    engine, rows, code = night(folder)
    entry = next(row for row in rows if row["rule"] == rule)
    assert (entry["file"], entry["scope"], code) == ("patients.csv", "file", 1)
    assert count(engine, Patient) == 2  # the workbook introduces its patients still


def test_a_line_of_200_megabytes(folder: Path) -> None:
    with (folder / "data" / "patients.csv").open("wb") as file:
        file.write(HEADER.encode() + b"\r\n0001;m;")
        for _ in range(200):
            file.write(b"x" * 2**20)
    _, rows, _ = night(folder)
    assert "line_too_long" in {row["rule"] for row in rows}
    (folder / "data" / "patients.csv").unlink()


def test_a_column_that_is_gone_and_one_that_is_new(folder: Path) -> None:
    patients(folder, GOOD, header="id;sex;born;died;leukocytes;seen")
    engine, rows, _ = night(folder)
    assert {(row["column"], row["rule"], row["scope"]) for row in rows} == {
        ("wbc", "missing_column", "column"),
        ("leukocytes", "unmapped_column", "column"),
    }
    assert (count(engine, Patient), count(engine, Observation)) == (2, 2)


def test_a_missing_sheet(folder: Path) -> None:
    visits(folder, VISITS, sheet="Other")
    _, rows, _ = night(folder)
    assert [(row["file"], row["rule"]) for row in rows] == [("visits.xlsx", "missing_sheet")]


def test_a_dead_centre_costs_that_centre(folder: Path) -> None:
    text = (
        CONFIG
        + '[[feeds]]\nid = "two"\nstudy = "s1"\ncentre = "c2"\nmapping = "one.yaml"\nfolder = "absent"\n'
    )
    (folder / "allpool.toml").write_text(text, encoding="utf-8")
    engine, rows, code = night(folder)
    assert {row["feed"] for row in rows} == {"two"}
    assert {row["rule"] for row in rows} == {"missing_file"}
    assert (count(engine, Patient), code) == (2, 1)


def test_a_wrong_mapping_costs_that_feed_and_says_where(folder: Path) -> None:
    (folder / "mappings" / "two.yaml").write_text(
        MAPPING.replace("record: wbc", "record: wcb"), encoding="utf-8"
    )
    text = (
        CONFIG + '[[feeds]]\nid = "two"\nstudy = "s1"\ncentre = "c2"\nmapping = "two.yaml"\nfolder = "data"\n'
    )
    (folder / "allpool.toml").write_text(text, encoding="utf-8")
    engine, report = run(folder / "allpool.toml", f"sqlite:///{folder / 'store.db'}")
    failed = next(feed for feed in report.feeds if feed.feed == "two")
    assert failed.status == "failed"
    assert "two.yaml, line 14" in (failed.message or "")
    assert count(engine, Patient) == 2


def test_a_mended_cell_leaves_quarantine_and_lands(folder: Path) -> None:
    patients(folder, [*GOOD, "0003;m;01.02.1980;;1,5;03.04.2024"])
    engine, rows, _ = night(folder)
    assert len(rows) == 1
    patients(folder, [*GOOD, "0003;m;01.02.1980;;1.5;03.04.2024"])
    engine, rows, code = night(folder)
    assert (rows, code, count(engine, Observation)) == ([], 0, 5)
    with engine.connect() as connection:
        mended = connection.execute(select(Quarantine.__table__.c.status)).scalars().all()
    assert mended == ["mended"]


def test_a_retracted_row_goes_and_its_history_stays(folder: Path) -> None:
    night(folder)
    patients(folder, GOOD[:1])
    visits(folder, VISITS[:2])
    engine, rows, _ = night(folder)
    assert (rows, count(engine, Patient), count(engine, Observation)) == ([], 1, 2)
    from allpool.models import ResourceHistory

    with engine.connect() as connection:
        reasons = connection.execute(select(ResourceHistory.__table__.c.reason)).scalars().all()
    assert set(reasons) == {"retract"}


def test_the_whole_store_holds_no_patient_id(folder: Path) -> None:
    patients(folder, ["8462;m;01.02.1980;;5.1;03.04.2024", "94.0;m;01.02.1980;;5.1;03.04.2024"])
    engine, _, _ = night(folder)
    engine.dispose()
    content = b"".join(path.read_bytes() for path in folder.glob("store.db*"))
    assert b"8462" not in content
    assert b"94.0" not in content


def test_a_dry_run_changes_nothing_that_analysts_see(folder: Path) -> None:
    from allpool.cli.nightly import make_ready
    from allpool.config import load_config
    from allpool.etl.night import run_night
    from allpool.models.engine import connect
    from tests.nights.conftest import NOW, Silent

    consortium = load_config(folder / "allpool.toml")
    engine = connect(consortium.store_url)
    for dry_run, patients_there in ((True, 0), (False, 2)):
        report = run_night(consortium, engine, now=NOW, watch=Silent(), prepare=make_ready, dry_run=dry_run)
        assert [feed.counts.inserted for feed in report.feeds if feed.feed == "one"] == [10]
        assert count(engine, Patient) == patients_there
