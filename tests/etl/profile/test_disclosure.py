"""No rare value and no identifier leaves a profile, in whatever part of it."""

from __future__ import annotations

import json
import string
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allpool.etl.profile import profile
from allpool.mappings.draft import draft
from tests.etl.personal_numbers import birth_number, resident_id

WORDS = st.text(string.ascii_letters + "áčžě中文 -", min_size=3, max_size=12).map(str.strip)
DAYS = st.dates().map(lambda day: f"{day:%d.%m.%Y}")
NUMBERS = st.floats(0.001, 1e6).map(lambda number: f"{number:.5f}")
CELLS = st.one_of(WORDS, DAYS, NUMBERS, st.sampled_from(["CR", "NR", "yes", ""]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELLS, min_size=1, max_size=60), minimum=st.integers(2, 7))
def test_values_stand_in_enough_cells(tmp_path: Path, cells: list[str], minimum: int):
    path = tmp_path / "file.csv"
    pl.DataFrame({"answer": cells, "all": "same"}).write_csv(path)
    (table,) = profile(path, minimum_frequency=minimum)
    counts = Counter(cell.strip() for cell in cells if cell.strip())
    answer = table.columns[0]
    assert all(counts[value.text] == value.cells >= minimum for value in answer.values)
    assert answer.rare == counts.total() - sum(value.cells for value in answer.values)
    assert answer.distinct == len(counts)
    for reading in answer.dates:
        assert reading.first_year is None or counts.total() >= minimum
    found = draft([table])
    said = json.dumps(found.rows(), ensure_ascii=False) + found.render()
    rare = [text for text, number in counts.items() if number < minimum and len(text) > 8]
    assert not [text for text in rare if text in said]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("身份证号", [resident_id(row // 6) for row in range(60)]),
        ("rodné číslo", [birth_number(row // 6) for row in range(60)]),
        ("contact", [f"1391234{5000 + row // 6}" for row in range(60)]),
        ("note", [f"person{row // 6}@example.org" for row in range(60)]),
        ("Příjmení", [("Nováková", "Dvořák")[row % 2] for row in range(60)]),
        ("姓名", [("王小明", "李小红")[row % 2] for row in range(60)]),
    ],
)
def test_identifiers_are_flagged_and_never_told_however_often_they_stand(
    tmp_path: Path, name: str, cells: list[str]
):
    path = tmp_path / "file.csv"
    pl.DataFrame({name: cells, "sex": ["M", "F"] * 30}).write_csv(path)
    (table,) = profile(path)
    said, sex = table.columns
    assert said.identifier is not None
    assert sex.identifier is None
    assert (said.values, said.quantiles) == ((), {})
    found = draft([table])
    rows = found.rows()
    assert [(row["column"], row["identifier"]) for row in rows] == [(name, True), ("sex", False)]
    told = json.dumps([asdict(table), rows], ensure_ascii=False, default=str) + found.render()
    assert not [cell for cell in cells if cell in told]


def test_single_identifiers_among_other_texts_are_not_told(tmp_path: Path):
    path = tmp_path / "file.csv"
    cells = ["discharged"] * 40 + ["call +420 601 123 456"] * 10 + [birth_number(1)] * 10
    pl.DataFrame({"remark": cells, "sex": ["M", "F"] * 30}).write_csv(path)
    (table,) = profile(path)
    assert [value.text for value in table.columns[0].values] == ["discharged"]
    assert table.columns[0].rare == 20


def test_dates_of_birth_are_told_by_their_years_alone(tmp_path: Path):
    path = tmp_path / "file.csv"
    pl.DataFrame({"date_of_birth": ["1980-05-17"] * 30, "sex": ["M", "F"] * 15}).write_csv(path)
    (table,) = profile(path)
    born = table.columns[0]
    assert born.quasi_identifier is not None
    assert born.values == ()
    assert (born.dates[0].first_year, born.dates[0].last_year) == (1980, 1980)
