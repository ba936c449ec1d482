"""The seeded generator: same seed same bytes, committed files are its output, figures come out of them."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples.generate import consortium, measures  # noqa: E402
from examples.generate.figures import NOT_CHECKABLE  # noqa: E402

EXAMPLE = ROOT / "examples" / "consortium"
DAYS_PER_MONTH = 30.4375


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    consortium.write_example(folder)
    return folder


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scaled")
    consortium.write_benchmark(folder, patients=640)
    return folder


def files(folder: Path) -> dict[str, Path]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path for path in paths}


def content(path: Path) -> dict[str, bytes]:
    """The bytes of a file; of a workbook its members, since compression differs between zlib versions."""
    if path.suffix != ".xlsx":
        return {"": path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(path: Path, *, encoding: str = "utf-8", separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding=encoding).splitlines(), delimiter=separator))


def test_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    consortium.write_example(tmp_path)
    again, first = files(tmp_path), files(written)
    assert again.keys() == first.keys()
    assert [name for name in first if first[name].read_bytes() != again[name].read_bytes()] == []


def test_another_seed_gives_other_values(tmp_path: Path) -> None:
    consortium.write_example(tmp_path, seed=7)
    name = "data/001/blina_rr_synthetic.csv"
    assert (tmp_path / name).read_bytes() != (EXAMPLE / name).read_bytes()


def test_committed_files_are_the_generators_output(written: Path) -> None:
    made = files(written)
    committed = {f"data/{name}" for name in files(EXAMPLE / "data")} | {"figures.csv"}
    assert committed == made.keys()
    assert [name for name in made if content(EXAMPLE / name) != content(made[name])] == []
    assert sum((EXAMPLE / name).stat().st_size for name in made) < 3_000_000


def test_running_the_file_itself_works(tmp_path: Path) -> None:
    script = ROOT / "examples" / "generate" / "__main__.py"
    command = [sys.executable, str(script), "--patients", "20", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "data" / "002" / "redcap_records_synthetic.csv").is_file()


def test_every_figure_is_met_as_printed_or_as_corrected() -> None:
    figures = rows(EXAMPLE / "figures.csv")
    assert {row["met"] for row in figures} == {"yes", "corrected"}
    for row in figures:
        expected = row["corrected"] if row["met"] == "corrected" else row["printed"]
        assert row["generated"] == expected, row["record"]
        assert row["note"] or row["met"] == "yes", row["record"]


@pytest.mark.parametrize("study", ["000", "001", "002", "003", "004"])
def test_every_published_record_is_checked_or_named(study: str, shared: Path) -> None:
    document = YAML(typ="safe").load(shared / "seeds" / "published" / f"{study}.yaml")
    own = {record["id"] for record in document["records"] if record["scope"] != "external"}
    checked = {row["record"] for row in rows(EXAMPLE / "figures.csv") if row["study"] == study}
    assert own == checked | set(NOT_CHECKABLE[study])
    assert not checked & set(NOT_CHECKABLE[study])


@pytest.mark.parametrize("study", ["000", "001", "002", "003", "004"])
def test_flags_named_in_notes_exist(study: str, shared: Path) -> None:
    flags = {flag["code"] for flag in YAML(typ="safe").load(shared / "seeds" / "flags.yaml")}
    notes = " ".join(row["note"] for row in rows(EXAMPLE / "figures.csv") if row["study"] == study)
    assert set(re.findall(r"F\d{3}-\d\d", notes)) <= flags


@pytest.mark.parametrize("study", ["001", "004"])
def test_patients_are_those_of_the_seed_cohorts(study: str, shared: Path) -> None:
    for name in [f"{study}.csv"] + (["004_ae.csv"] if study == "004" else []):
        seed = rows(shared / "seeds" / f"cohort_{name}")
        ours = rows(ROOT / "examples" / "generate" / "designs" / f"design_{name}")
        assert ours == seed


def chinese_date(text: str) -> date | None:
    return date(*(int(part) for part in text.split("/"))) if text else None


def test_study_001_from_its_file() -> None:
    patients = rows(EXAMPLE / "data" / "001" / "blina_rr_synthetic.csv", encoding="gb18030")
    overt = [row for row in patients if float(row["基线骨髓原始细胞(%)"]) >= 5]
    complete = [row for row in overt if float(row["评估骨髓原始细胞(%)"]) < 5 and row["疗效"] == "完全缓解"]
    assert (len(complete), len(overt)) == (12, 15)
    assert [round(x, 1) for x in measures.clopper_pearson(12, 15)] == [51.9, 95.7]
    negative = [row["评估MRD"] == "<0.01%" for row in patients]
    assert sum(negative) == 12
    assert [round(x, 1) for x in measures.clopper_pearson(12, 19)] == [38.4, 83.7]
    first = [chinese_date(row["首次用药日期"]) for row in patients]
    last = [chinese_date(row["末次随访日期"]) for row in patients]
    months = [(b - a).days / DAYS_PER_MONTH for a, b in zip(first, last, strict=True) if a and b]
    death = [row["死亡日期"] != "" for row in patients]
    survival, error = measures.survival_at(months, death, 12)
    assert (round(100 * survival, 1), round(100 * error, 1)) == (64.2, 12.1)
    assert round(measures.logrank(months, death, negative), 3) == 0.023


def test_study_001_assesses_within_two_weeks_of_the_course() -> None:
    for row in rows(EXAMPLE / "data" / "001" / "blina_rr_synthetic.csv", encoding="gb18030"):
        end, assessed = chinese_date(row["疗程1结束"]), chinese_date(row["疗效评估日期"])
        assert end
        assert assessed
        assert timedelta(0) < assessed - end <= timedelta(days=14)


def czech(centre: str, name: str) -> list[dict[str, str]]:
    encoding = "cp1250" if centre in ("brno", "ostrava") else "utf-8-sig"
    return rows(EXAMPLE / "data" / "004" / centre / f"{name}_synthetic.csv", encoding=encoding, separator=";")


def czech_date(text: str) -> date:
    day, month, year = text.split(".")
    return date(int(year), int(month), int(day))


def test_study_004_from_its_files() -> None:
    centres = ("praha", "brno", "ostrava", "hradec")
    patients = [row for centre in centres for row in czech(centre, "pacienti")]
    assert len(patients) == 29
    treated = [row for row in patients if row["hodnotitelný"] == "ano"]
    free, overall = [], []
    for row in treated:
        last = czech_date(row["poslední_kontakt"])
        event = row["datum_události"]
        clock = (czech_date(event) if event else last) - czech_date(row["datum_hodnocení"])
        free.append((clock.days / DAYS_PER_MONTH, event != ""))
        whole = last - czech_date(row["zahájení_léčby"])
        overall.append((whole.days / DAYS_PER_MONTH, row["datum_úmrtí"] != ""))
    for curve, printed in ((free, (75, 59, 91)), (overall, (86, 73, 99))):
        survival, error = measures.survival_at([t for t, _ in curve], [e for _, e in curve], 24)
        interval = (100 * survival, 100 * (survival - 1.959964 * error), 100 * (survival + 1.959964 * error))
        assert tuple(round(x) for x in interval) == printed
    mrd = [row for centre in centres for row in czech(centre, "mrd") if row["metoda"] == "IG/TR qPCR"]
    week11 = [
        row["výsledek"] for row in mrd if row["týden"] == "týden 11" and row["výsledek"] != "nehodnotitelné"
    ]
    assert (week11.count("negativní"), len(week11)) == (21, 25)
    day40 = [
        row["výsledek"] for row in mrd if row["týden"] == "den 40" and row["výsledek"] != "nehodnotitelné"
    ]
    low = day40.count("negativní") + day40.count("pozitivní nekvantifikovatelné")
    assert (low, len(day40)) == (24, 25)
    assert all(float(text.replace(",", ".")) >= 1e-4 for text in (*day40, *week11) if text[0].isdigit())


@pytest.mark.parametrize("study", ["000", "001", "002", "003", "004"])
def test_dates_follow_each_other(study: str) -> None:
    tables = consortium.cohorts()[study]
    patients = tables["patients"]
    start = "start" if study == "004" else "first_dose"
    birth = "birth_year" if study == "004" else "birth"
    assert patients.filter(pl.col(birth) >= pl.col("diagnosis_date")).is_empty()
    assert patients.filter(pl.col("diagnosis_date") >= pl.col(start)).is_empty()
    relapse = "event_date" if study == "004" else "relapse_date"
    for later in (relapse, "hsct_date", "death_date", "last_contact"):
        assert patients.filter(pl.col(later) <= pl.col(start)).is_empty(), later
        assert patients.filter(pl.col(later) > pl.col("last_contact")).is_empty(), later
    assert patients.filter(pl.col("death_date") != pl.col("last_contact")).is_empty()
    assert (
        patients.select(["centre", "patient"] if "centre" in patients.columns else "patient")
        .is_unique()
        .all()
    )
    keys = ["centre", "patient"] if study == "000" else ["patient"]
    contact = patients.select(*keys, "last_contact")
    for name, frame in tables.items():
        if name == "patients":
            continue
        joined = frame.join(contact, on=keys, how="left")
        assert joined["last_contact"].null_count() == 0
        column = "date" if "date" in frame.columns else "end"
        assert joined.filter(pl.col(column) > pl.col("last_contact")).is_empty(), name


def dictionary_columns(study: str) -> set[tuple[str, str, str]]:
    lines = rows(EXAMPLE / "dictionary" / f"{study}.csv")
    assert all(line["meaning"] for line in lines)
    return {(line["file"], line["sheet"], line["column"]) for line in lines}


def test_the_dictionary_has_every_column_of_every_file() -> None:
    for study in ("000", "001", "002", "003", "004"):
        lines = dictionary_columns(study)
        seen: set[tuple[str, str, str]] = set()
        for path in (EXAMPLE / "data" / study).rglob("*_synthetic.*"):
            for sheet, headers in tables_of(path).items():
                known = {(f, s, c) for f, s, c in lines if s == sheet and matches(f, path)}
                assert {column for _, _, column in known} == headers, (path.name, sheet)
                seen |= known
        assert seen == lines


def matches(pattern: str, path: Path) -> bool:
    name = str(path.relative_to(EXAMPLE))
    if "{" in pattern:
        folder, choices, rest = re.split(r"[{}]", pattern)
        return name in {f"{folder}{choice}{rest}" for choice in choices.split(",")}
    span = re.search(r"hospital_(\d\d)\.\.(\d\d)", pattern)
    if span:
        number = re.search(r"hospital_(\d\d)", name)
        return bool(number) and span[1] <= number[1] <= span[2]  # type: ignore[index]
    return name == pattern


def tables_of(path: Path) -> dict[str, set[str]]:
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        sheets = {
            name: {cell.value for cell in next(book[name].rows)}
            for name in book.sheetnames
            if name != "SYNTHETIC"
        }
        book.close()
        return sheets
    folder = path.parent.name
    encoding = {"001": "gb18030", "brno": "cp1250", "ostrava": "cp1250"}.get(folder, "utf-8-sig")
    separator = ";" if path.parent.parent.name == "004" else ","
    return {"": set(rows(path, encoding=encoding, separator=separator)[0])}


def test_every_table_says_that_it_is_synthetic() -> None:
    for path in (EXAMPLE / "data").rglob("*.*"):
        assert path.stem.endswith("_synthetic")
        if path.suffix == ".xlsx":
            book = openpyxl.load_workbook(path, read_only=True)
            assert "SYNTHETIC" in str(book["SYNTHETIC"]["A1"].value)
            book.close()
        else:
            headers = next(iter(tables_of(path).values()))
            assert headers & {"synthetic", "数据说明", "syntetická_data"}


def test_scaled_files_keep_names_and_columns(scaled: Path) -> None:
    small, large = files(EXAMPLE / "data"), files(scaled / "data")
    assert small.keys() == large.keys()
    for name in small:
        example, grown = tables_of(small[name]), tables_of(large[name])
        assert example == grown, name


def test_scaled_patients_are_counted_and_unique(scaled: Path) -> None:
    records = rows(scaled / "data" / "002" / "redcap_records_synthetic.csv")
    baseline = [row["record_id"] for row in records if row["redcap_event_name"] == "baseline_arm_1"]
    assert len(baseline) == len(set(baseline)) == 640 * 105 // 320
    assert {row["record_id"] for row in records} == set(baseline)
    chinese = rows(scaled / "data" / "001" / "blina_rr_synthetic.csv", encoding="gb18030")
    numbers = [row["编号"] for row in chinese]
    assert len(numbers) == len(set(numbers)) == 640 * 19 // 320


def test_scaling_is_seeded(scaled: Path, tmp_path: Path) -> None:
    consortium.write_benchmark(tmp_path, patients=640)
    first, again = files(scaled), files(tmp_path)
    assert [name for name in first if first[name].read_bytes() != again[name].read_bytes()] == []
