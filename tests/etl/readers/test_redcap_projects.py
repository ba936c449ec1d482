"""Every published sample project of REDCapR: the reader's frame equals what the project's own XML says."""

from __future__ import annotations

import csv
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from allpool.etl.readers import ROW, ReadLimits, SourceFailure, SourceTable, read_source
from allpool.etl.readers.redcap.dictionary import load_data_dictionary
from allpool.mappings.read import RedcapRead
from tests.etl.readers.redcap_project import Key, Project, project_of

OWN = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")

# The XML of some projects was exported on another day than the CSV: what has changed between.
MOVED: dict[str, set[str]] = {
    # sex was a yes-or-no, the file's name was not exported
    "simple": {"sex", "mugshot"},
    # the survey was filled in anew
    "survey": {"prescreening_survey_timestamp"},
    # the calculated field was not yet computed
    "validation-types-1": {"f_calculated"},
}
# `data.csv` is what the tests of REDCapR upload; `data-old.csv` is what the XML was exported with.
OLDER = {"arm-multiple-delete", "arm-single-delete"}
DICTIONARIES = {"decimal-comma": "dictionay.csv", "russian": "project.xml"}
WITH_DATA = (
    *("arm-multiple-delete", "arm-single-delete", "arm-single-longitudinal", "blank-for-gray-status"),
    *("checkboxes-1", "clinical-trial-1", "dag", "dag-write", "decimal-comma", "decimal-comma-and-dot"),
    *("decimal-dot", "file-repo", "longitudinal", "metadata-write", "multilevel-model-1"),
    *("nonnumeric-record-id", "potentially-problematic-values", "repeating-instruments"),
    *("repeating-instruments-sparse", "russian", "simple", "survey", "validation-types-1"),
    "vignette-repeating",
)
# The dictionary was downloaded on another day than the XML: what has changed between.
CHANGED = {("metadata-write", "age"), ("repeating-instruments-sparse", "age")}
WITHOUT_DATA = {
    "empty-rows": ("empty_file", "holds no record"),
    "potentially-problematic-dictionary": ("empty_file", "holds no record"),
    "single-column": ("empty_file", "holds no record"),
    "simple-write": ("missing_file", "no file matches"),
}


@pytest.fixture(scope="session")
def projects(shared: Path) -> Path:
    return shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects"


def read(folder: Path, **words: object) -> SourceTable | SourceFailure:
    name = "data-old.csv" if folder.name in OLDER else "data.csv"
    dictionary = DICTIONARIES.get(folder.name, "dictionary.csv")
    (found,) = read_source(folder, name, RedcapRead(format="redcap", dictionary=dictionary, **words))
    return found


def rows_of(table: SourceTable, project: Project) -> dict[Key, dict[str, str | None]]:
    return {(row[project.record_id], *(row.get(name) for name in OWN)): row for row in table.frame.to_dicts()}


def text(value: str | None) -> str | None:
    """Return a text as both exports have it: blanks and line breaks differ between them."""
    return (" ".join(value.split()) or None) if value else None


def from_r(value: str | None) -> str | None:
    """Return what stood in a cell that R wrote on Windows: NA is empty, `<U+043E>` a letter."""
    if value == "NA":
        return None
    return text(re.sub(r"<U\+([0-9A-F]{4})>", lambda found: chr(int(found[1], 16)), value or ""))


def expected(project: Project, key: Key, column: str) -> str | None:
    """Return what the XML says of a cell; a box only where one of its field is ticked on that row."""
    said = project.values.get(key, {})
    if column == project.record_id:
        return key[0]
    field = project.box_field(column)
    if field is not None and "1" not in [said.get(box) for box in project.boxes[field]]:
        return None
    return text(said.get(column))


def test_no_sample_project_is_forgotten(projects: Path) -> None:
    there = {path.name for path in projects.iterdir() if path.is_dir()}
    assert there == {*WITH_DATA, *WITHOUT_DATA}


@pytest.mark.parametrize("name", WITH_DATA)
def test_a_project_reads_as_its_own_xml_says(projects: Path, name: str) -> None:
    project = project_of(projects / name / "project.xml")
    found = read(projects / name)
    assert isinstance(found, SourceTable), found
    rows = rows_of(found, project)
    assert set(rows) == set(project.values)  # rows per record, event, instrument and instance
    assert len(rows) == found.frame.height
    compared = 0
    for key, row in rows.items():
        for column in found.columns:
            if column in (*OWN, *MOVED.get(name, ())) or column.startswith("column_"):
                continue
            wanted = expected(project, key, column)
            got = from_r(row[column]) if name == "russian" else text(row[column])
            if wanted is None and column.endswith("_complete"):
                # the export calls forms that nobody opened Incomplete; the XML leaves them out
                assert got in (None, "0"), (column, key)
            else:
                assert got == wanted, (column, key)
            compared += 1
    assert compared > 5


@pytest.mark.parametrize("name", WITH_DATA)
def test_rows_per_event_and_instrument(projects: Path, name: str) -> None:
    project = project_of(projects / name / "project.xml")
    found = read(projects / name)
    assert isinstance(found, SourceTable)
    per_event = Counter(key[1] for key in project.values)
    per_instrument = Counter(key[2] for key in project.values)
    rows = rows_of(found, project)
    assert Counter(key[1] for key in rows) == per_event
    assert Counter(key[2] for key in rows) == per_instrument


@pytest.mark.parametrize("name", WITH_DATA)
def test_only_zeros_of_boxes_are_passed_over_and_all_others_stay(projects: Path, name: str) -> None:
    """Beside the frame stands the raw file: each of its cells is in the frame or passed over by rule."""
    found = read(projects / name)
    assert isinstance(found, SourceTable)
    path = projects / name / ("data-old.csv" if name in OLDER else "data.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        header, *raw = list(csv.reader(lines))
    passed = {(row, column) for row, column, _ in found.passed_over.iter_rows()}
    assert len(passed) == found.passed_over.height
    names = [column or "column_1" for column in header]
    got = found.frame.to_dicts()
    assert len(got) == len(raw)
    for cells, row in zip(raw, got, strict=True):
        for column, cell in zip(names, cells, strict=True):
            if (row[ROW], column) in passed:
                assert (cell, row[column]) == ("0", None)
            else:
                assert text(row[column]) == text(cell), column


@pytest.mark.parametrize("name", sorted(WITHOUT_DATA))
def test_a_project_without_data_says_why(projects: Path, name: str) -> None:
    found = read(projects / name)
    assert isinstance(found, SourceFailure)
    rule, words = WITHOUT_DATA[name]
    assert found.rule == rule
    assert words in found.message


def test_data_dictionary_and_project_xml_say_the_same_fields(projects: Path) -> None:
    compared = 0
    for folder in sorted(path for path in projects.iterdir() if (path / "dictionary.csv").exists()):
        plain = load_data_dictionary(folder, "dictionary.csv", encoding=None, limits=ReadLimits())
        own = load_data_dictionary(folder, "project.xml", encoding=None, limits=ReadLimits())
        assert plain.instruments == own.instruments, folder.name
        for item in plain.fields:
            if (folder.name, item.name) not in CHANGED:
                assert item == own[item.name], folder.name
                compared += 1
    assert compared > 200


def test_a_table_wider_than_spreadsheets(projects: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(projects / "super-wide-1.zip") as packed:
        packed.extractall(tmp_path)
    folder = tmp_path / "super-wide-1"
    project = project_of(folder / "project.xml")
    found = read(folder)
    assert isinstance(found, SourceTable), found
    assert len(found.columns) > 3_000
    rows = rows_of(found, project)
    assert set(rows) == set(project.values)
    for key, row in rows.items():
        for column in found.columns:
            if not column.endswith("_complete"):
                assert text(row[column]) == expected(project, key, column), column


def test_columns_with_a_decimal_comma_are_known_by_their_validation(projects: Path) -> None:
    found = read(projects / "decimal-comma-and-dot")
    assert isinstance(found, SourceTable)
    assert found.decimals == {"height_comma": ",", "weight_comma": ","}
    forced = read(projects / "decimal-comma-and-dot", decimal=",")
    assert isinstance(forced, SourceTable)
    assert forced.decimals == {}


@pytest.mark.parametrize("name", WITH_DATA)
def test_each_filled_cell_lies_in_the_sheet_of_one_instrument(projects: Path, name: str) -> None:
    whole = read(projects / name)
    assert isinstance(whole, SourceTable)
    dictionary = load_data_dictionary(
        projects / name, DICTIONARIES.get(name, "dictionary.csv"), encoding=None, limits=ReadLimits()
    )
    shared = {dictionary.record_id, *(c for c in whole.columns if c.startswith(("redcap_", "column_")))}
    seen: Counter[tuple[int, str]] = Counter()
    passed: Counter[tuple[int, str]] = Counter()
    for instrument in dictionary.instruments:
        sheet = read(projects / name, instrument=instrument)
        assert isinstance(sheet, SourceTable), sheet
        assert sheet.facts.sheet == instrument
        for row in sheet.frame.to_dicts():
            seen.update((row[ROW], c) for c in sheet.columns if c not in shared and row[c] is not None)
        passed.update((row, column) for row, column, _ in sheet.passed_over.iter_rows())
    filled = Counter(
        (row[ROW], column)
        for row in whole.frame.to_dicts()
        for column in whole.columns
        if column not in shared and row[column] is not None
    )
    assert seen == filled
    assert passed == Counter((row, column) for row, column, _ in whole.passed_over.iter_rows())


def test_dates_are_iso_whatever_their_validation(projects: Path) -> None:
    """An export writes dates by year, month and day, though a form shows them d/m/y or m/d/y."""
    seen: Counter[str] = Counter()
    for name in sorted(
        {*WITH_DATA} - {"potentially-problematic-values"}
    ):  # typed before there was a validation
        found = read(projects / name)
        assert isinstance(found, SourceTable)
        dictionary = load_data_dictionary(
            projects / name, DICTIONARIES.get(name, "dictionary.csv"), encoding=None, limits=ReadLimits()
        )
        for field in dictionary.fields:
            if field.validation.startswith("date") and field.name in found.columns:
                for cell in filter(from_r, found.frame[field.name].drop_nulls()):
                    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?", cell), (
                        name,
                        field.name,
                    )
                    seen[field.validation] += 1
    assert seen == {"date_ymd": 765, "date_mdy": 3}  # no published project has a filled d/m/y field
