"""A finding names the cell that told the very field, whichever row, sheet or source that was."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from allpool.config import FeedSection
from allpool.etl.delivery import read_delivery
from allpool.etl.places import Places
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import Harmonised, transform
from allpool.mappings.compile import load_mapping, load_vocabulary

MAPPING = """
mapping: places
version: "1"
title: two tables of one patient
language: en
sources:
  people:
    file: "people.csv"
    read: {format: csv, encoding: utf-8}
    patient: &id {column: id, pattern: "[0-9]{3}"}
    compute:
      recovery_days: {function: days_between, of: [start, recovered]}
    records:
      - record: patient
        sex: {column: sex}
        birth_date: {column: born, format: "%Y"}
      - record: count_recovery_days
        value: {column: recovery_days, unit: d}
        date: {column: recovered, format: iso}
    ignore: {}
  follow_up:
    file: "a_follow_up.csv"
    read: {format: csv, encoding: utf-8}
    patient: *id
    join:
      - {source: people, columns: [sex]}
    records:
      - record: patient
        death_date: {column: died, format: iso}
      - record: mrd
        value: {column: level, unit: "%"}
        date: {column: sampled, format: iso}
        specimen: bone_marrow
        method: mfc
        sensitivity: {column: limit, unit: "%"}
      - record: response
        value: {column: people.sex, codes: {female: cr, male: nr}}
        date: {column: sampled, format: iso}
"""
PEOPLE = """id,sex,born,start,recovered
001,female,1980,2023-01-01,2023-01-20
002,male,1970,2023-02-01,2023-02-25
"""
FOLLOW_UP = (
    "id,died,sampled,level,limit\n002,2024-03-01,2023-03-01,1.5,0.01\n001,2024-05-01,2023-02-01,2.5,0.01\n"
)


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[Harmonised, Places]:
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (tmp_path / "a_follow_up.csv").write_text(FOLLOW_UP, encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    mapping = load_mapping(tmp_path / "mapping.yaml", load_vocabulary())
    feed = FeedSection(id="f", mapping="mapping.yaml", folder=str(tmp_path), study="s", centre="c")
    scene = Scene(feed="f", study="s", centre="c", security=None, key=b"key")
    delivery = read_delivery(tmp_path, feed, mapping, scene)
    harmonised = transform([file.frame for file in delivery.files], mapping, scene)
    return harmonised, Places(delivery, harmonised, mapping)


def place(mapped: tuple[Harmonised, Places], table: str, column: str, **where: object) -> tuple[object, ...]:
    """Return file, row, column and value behind one column of the one row that `where` picks."""
    harmonised, places = mapped
    rows = harmonised.tables[table].filter(*(pl.col(name) == value for name, value in where.items()))
    assert rows.height == 1
    cells = rows.select(table=pl.lit(table), id="id", column=pl.lit(column))
    return places.find(cells).select("file", "row", "source_column", "value").row(0)


def test_a_merged_patient_has_each_column_where_it_was_told(mapped: tuple[Harmonised, Places]) -> None:
    assert place(mapped, "patient", "gender", gender="female") == ("people.csv", 2, "sex", "female")
    assert place(mapped, "patient", "birth_date", gender="male") == ("people.csv", 3, "born", "1970")
    death = place(mapped, "patient", "deceased_date", gender="female")
    assert death == ("a_follow_up.csv", 3, "died", "2024-05-01")


def test_the_row_of_a_merged_patient_is_of_the_first_source(mapped: tuple[Harmonised, Places]) -> None:
    """By the mapping's order and then by path, not by a hash; the key itself is kept nowhere."""
    assert place(mapped, "patient", "id", gender="female") == ("people.csv", 2, "id", None)


def test_a_component_stands_in_its_own_column(mapped: tuple[Harmonised, Places]) -> None:
    found = place(mapped, "observation", "value_quantity", data_element="mrd_value", value_quantity=0.025)
    assert found == ("a_follow_up.csv", 3, "level", "2.5")
    limit = place(mapped, "observation", "mrd_lod", data_element="mrd_value", value_quantity=0.025)
    assert limit == ("a_follow_up.csv", 3, "limit", "0.01")
    components = mapped[0].tables["observation_component"]
    found = place(mapped, "observation_component", "value_quantity", id=components["id"][0])
    assert found[0] == "a_follow_up.csv"
    assert found[2:] == ("limit", "0.01")


def test_a_specimen_stands_where_its_record_says_the_day(mapped: tuple[Harmonised, Places]) -> None:
    specimen = mapped[0].tables["specimen"].sort("collected_date")["id"][0]
    found = place(mapped, "specimen", "collected_date", id=specimen)
    assert found == ("a_follow_up.csv", 3, "sampled", "2023-02-01")


def test_a_joined_column_stands_in_the_source_that_lends_it(mapped: tuple[Harmonised, Places]) -> None:
    found = place(mapped, "observation", "value_concept", value_concept="cr")
    assert found == ("people.csv", 2, "sex", "female")


def test_a_computed_column_stands_in_a_column_that_it_is_made_of(mapped: tuple[Harmonised, Places]) -> None:
    found = place(mapped, "observation", "value_quantity", value_quantity=19.0)
    assert found == ("people.csv", 2, "recovered", "2023-01-20")


def test_a_row_that_is_not_staged_has_no_place(mapped: tuple[Harmonised, Places]) -> None:
    cells = pl.DataFrame({"table": ["patient"], "id": ["nobody"], "column": ["gender"]})
    found = mapped[1].find(cells)
    assert found.select("file", "row", "source_column").row(0) == (None, None, None)
