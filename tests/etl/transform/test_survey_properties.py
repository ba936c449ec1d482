"""What must hold of checks on whole columns: no guess, no dependence on order or on how a file is cut."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allpool.etl.transform.source import Scene, SourceFrame
from allpool.etl.transform.survey import Survey
from allpool.etl.transform.transform import Harmonised, survey_sources, transform
from allpool.mappings.plan import CompiledMapping
from tests.etl.transform.spec_runner import KEY, accounts, compiled

MAPPING = """
mapping: columns
version: "1"
centre: {column: site}
timezone: {A: Europe/Prague, B: Asia/Shanghai}
sources:
  rows:
    file: "rows.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{3}"}
    missing: [NA]
    records:
      - record: patient
        birth_date: {column: born, format: "%d/%m/%Y"}
        death_date: {column: died, format: ["%d/%m/%Y", "%m/%d/%Y"]}
      - record: wbc
        value: {column: wbc, unit: "10*9/L"}
        date: {column: at, format: ["%Y-%m-%d %H:%M", iso]}
      - {record: bm_blasts, value: {column: blasts, unit: "%"}}
      - {record: platelets, value: {column: plt, unit: {column: unit}}}
      - record: mrd
        value: {column: mrd, unit: "1"}
        sensitivity: {column: lod, unit: "1"}
"""
COLUMNS = ("id", "site", "born", "died", "wbc", "at", "blasts", "plt", "unit", "mrd", "lod")
SCENE = Scene(feed="f", study="S", centre=None, security="HTEST", key=KEY)
PARTS = 3
NOISE = (None, "NA", "x", "0", "31/31/2020", "05/03/2020")


@cache
def mapping() -> CompiledMapping:
    with TemporaryDirectory() as folder:
        return compiled(Path(folder), MAPPING.lstrip())


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Draw a file whose columns may be in another unit, or have day and month in the other order."""
    height, chance = draw(st.integers(0, 24)), Random(draw(st.integers(0, 2**32)))
    factor = {name: draw(st.sampled_from([1.0, 0.01, 0.001, 1000.0])) for name in ("wbc", "blasts", "mrd")}
    order = draw(st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))

    def cell(text: str) -> str | None:
        return chance.choice(NOISE) if chance.random() < 0.1 else text

    def number(low: float, high: float, factor: float = 1.0) -> str | None:
        return cell(f"{chance.uniform(low, high) * factor:.6g}")

    def moment(form: str) -> str | None:
        return cell((datetime(1950, 1, 1) + timedelta(minutes=chance.randrange(38_000_000))).strftime(form))

    rows = [
        {
            "id": f"{index:03}",
            "site": chance.choice("ABC"),
            "born": moment(order),
            "died": moment(order),
            "wbc": number(0.5, 100, factor["wbc"]),
            "at": moment("%Y-%m-%d %H:%M"),
            "blasts": number(5, 100, factor["blasts"]),
            "plt": number(5, 400),
            "unit": chance.choice(["10*9/L", "G/l", "/uL", "mg/L"]),
            "mrd": number(1e-4, 0.5, factor["mrd"]),
            "lod": "0.0001",
        }
        for index in range(height)
    ]
    made = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))
    return made.with_columns(pl.int_range(2, made.height + 2, dtype=pl.Int64).alias("_row"))


def source(frame: pl.DataFrame) -> SourceFrame:
    return SourceFrame("rows", "rows", "rows.csv", None, COLUMNS, frame)


def cut(frame: pl.DataFrame) -> list[SourceFrame]:
    return [source(frame.filter(pl.col("_row") % PARTS == part)) for part in range(PARTS)]


def of_whole(frame: pl.DataFrame) -> Harmonised:
    return transform([source(frame)], mapping(), SCENE)


def doubts(frame: pl.DataFrame) -> Survey:
    return survey_sources([source(frame)], mapping(), SCENE)


slow = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(frame=frames())
def test_how_a_file_is_cut_does_not_matter(frame: pl.DataFrame) -> None:
    whole, survey = of_whole(frame), survey_sources(cut(frame), mapping(), SCENE)
    assert survey == doubts(frame)
    parts = [transform([part], mapping(), SCENE, survey=survey) for part in cut(frame)]
    for name, rows in whole.tables.items():
        found = [part.tables[name] for part in parts if name in part.tables]
        assert pl.concat(found, how="diagonal").select(rows.columns).sort("id").equals(rows), name
    kept = [part.quarantine for part in parts]
    assert sorted(pl.concat(kept).rows(), key=str) == sorted(whole.quarantine.rows(), key=str)
    read = [account for part in parts for account in accounts(part)]
    (account,) = accounts(whole)
    for part in ("read", "loaded", "quarantined", "ignored", "empty"):
        assert getattr(account, part) == sum(getattr(item, part) for item in read)


@slow
@given(frame=frames(), seed=st.integers(0, 5))
def test_the_order_of_rows_does_not_matter(frame: pl.DataFrame, seed: int) -> None:
    assert doubts(frame) == doubts(frame.sample(fraction=1, shuffle=True, seed=seed))


@slow
@given(frame=frames())
def test_every_cell_is_accounted_for(frame: pl.DataFrame) -> None:
    (account,) = accounts(of_whole(frame))
    assert account.balanced
    assert account.read == frame.height * len(COLUMNS)


@slow
@given(frame=frames())
def test_what_loads_is_what_the_mapping_declares_and_nothing_of_a_doubted_column_loads(
    frame: pl.DataFrame,
) -> None:
    survey, rows = doubts(frame), of_whole(frame).tables.get("observation", pl.DataFrame())
    cells = dict(zip(frame["_row"], frame.drop("_row").rows(named=True), strict=True))
    column = {"wbc": "wbc", "bm_blasts": "blasts", "platelets": "plt", "mrd_value": "mrd"}
    ways = {"10*9/L": 1, "/uL": 0.001, "%": 1, "1": 1}
    doubted = {(group.element, group.unit, group.centre) for group in survey.units}
    for row in rows.iter_rows(named=True):
        if row["value_quantity"] is None:
            continue
        cell, unit = cells[row["source_row"]], row["value_quantity_delivered_unit"]
        assert row["value_quantity_delivered"] == cell[column[row["data_element"]]]
        assert row["value_quantity"] == pytest.approx(float(row["value_quantity_delivered"]) * ways[unit])
        assert (row["data_element"], unit, cell["site"]) not in doubted


@slow
@given(frame=frames())
def test_no_date_loads_that_another_reading_of_its_column_would_contradict(frame: pl.DataFrame) -> None:
    people = of_whole(frame).tables.get("patient", pl.DataFrame())
    texts = frame["born"].drop_nulls().unique().to_list()
    readings = {text: (day(text, "%d/%m/%Y"), day(text, "%m/%d/%Y")) for text in texts}
    other_wins = sum(a is None and b is not None for a, b in readings.values()) > sum(
        a is not None and b is None for a, b in readings.values()
    )
    cells = dict(zip(frame["_row"], frame["born"], strict=True))
    for row in people.iter_rows(named=True):
        if row.get("birth_date") is not None:
            declared, other = readings[cells[row["source_row"]]]
            assert row["birth_date"] == declared
            assert not other_wins or other in (None, declared)
        if row.get("deceased_date") is not None:
            text = dict(zip(frame["_row"], frame["died"], strict=True))[row["source_row"]]
            assert len({day(text, "%d/%m/%Y"), day(text, "%m/%d/%Y")} - {None}) == 1


def day(text: str, form: str) -> object:
    """Return the day that a text says in a format, or None."""
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None
