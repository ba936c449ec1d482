"""A profile says what a file holds: kinds, counts, dates, units; exactly, or that it is an estimate."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from allpool.errors import ConfigError, SourceError
from allpool.etl.profile import blocks, profile
from allpool.mappings.profile import ColumnProfile, TableProfile, ValueCount


def profiled(path: Path, text: str, *, encoding: str = "utf-8") -> TableProfile:
    path.write_bytes(text.encode(encoding))
    (table,) = profile(path)
    return table


def column(cells: list[str], path: Path, *, name: str = "x") -> ColumnProfile:
    """Return the profile of one column beside another."""
    lines = [f'other,"{name}"', *(f'a,"{cell}"' for cell in cells)]
    return profiled(path, "\n".join(lines) + "\n").columns[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def test_counts_of_a_small_file_are_exact(path: Path):
    found = column(["CR"] * 7 + ["NR"] * 5 + ["PR"] * 4 + ["", "  "], path)
    assert (found.rows, found.filled, found.distinct, found.rare) == (18, 16, 3, 4)
    assert found.values == (ValueCount(text="CR", cells=7), ValueCount(text="NR", cells=5))
    assert found.missing_share == pytest.approx(2 / 18)
    assert found.kinds == {"text": 16}
    assert not found.is_approximate


@pytest.mark.parametrize(
    ("cells", "kinds"),
    [
        (["1", "-2", "+3"], {"integer": 3}),
        (["1.5", "1e-4", "0.01 %", ".5"], {"decimal": 4}),
        (["1,5", "0,0001", "7"], {"decimal_comma": 2, "integer": 1}),
        (["<0.01", "≥ 5", "<=3,2"], {"comparator": 3}),
        (["2023-01-05", "5.1.2023", "2023年1月5日", "3-Jan-2020"], {"date": 4}),
        (["nan", "inf", "n/a", "1 of 2", "CR"], {"text": 5}),
        (["12 %", "７"], {"integer": 1, "text": 1}),
    ],
)
def test_each_cell_has_one_kind(path: Path, cells: list[str], kinds: dict[str, int]):
    assert column(cells, path).kinds == kinds


def test_numbers_are_told_by_quantiles_with_enough_cells_beyond(path: Path):
    found = column([str(number) for number in range(1, 101)], path)
    assert found.quantiles == {0.01: 5, 0.25: 25, 0.5: 50, 0.75: 75, 0.99: 96}
    assert column([str(number) for number in range(8)], path).quantiles == {}


@pytest.mark.parametrize(
    ("cells", "formats", "order"),
    [
        (["2021-02-03"] * 9, ["%Y-%m-%d"], False),
        (["03.02.2021", "14.2.2021"] * 5, ["%d.%m.%Y"], False),
        (["03/02/2021", "14/02/2021"] * 5, ["%d/%m/%Y"], False),
        (["03/02/2021", "02/28/2021"] * 5, ["%m/%d/%Y"], False),
        (["03/02/2021", "04/05/2020"] * 5, ["%d/%m/%Y", "%m/%d/%Y"], True),
        (["03/03/2021", "05/05/2020"] * 5, ["%d/%m/%Y", "%m/%d/%Y"], False),
        (["2021年2月3日"] * 9, ["%Y年%m月%d日"], False),
        (["20210203", "20211231"] * 5, ["%Y%m%d"], False),
        (["44230", "44561"] * 5, ["excel"], False),
        (["1950", "1999"] * 5, ["%Y"], False),
        (["2021-02", "2021-02-03", "2021"] * 5, ["iso"], False),
        (["31.02.2021"] * 9, [], False),
        (["120", "4000"] * 5, [], False),
    ],
)
def test_date_formats(path: Path, cells: list[str], formats: list[str], order: bool):
    found = column(cells, path)
    assert [reading.format for reading in found.dates] == formats
    assert found.is_order_open is order


def test_years_are_told_where_enough_cells_reach_them(path: Path):
    cells = ["1950-01-01"] * 2 + ["1990-05-05"] * 20 + ["2010-01-01"] * 5 + ["2024-01-01"]
    (found,) = column(cells, path).dates
    assert (found.first_year, found.last_year) == (1990, 2010)
    (found,) = column([f"{year}-01-01" for year in range(2000, 2008)], path).dates
    assert (found.first_year, found.last_year) == (None, None)


@pytest.mark.parametrize(
    ("name", "cells", "unit"),
    [
        ("wbc [10^9/L]", ["5.1"] * 6, "10^9/L"),
        ("hmotnost_kg", ["71"] * 6, "kg"),
        ("blasts", ["5 %", "12%"] * 3, "%"),
        ("dose", ["9 µg", "28 µg"] * 3, "µg"),
        ("grade", ["1", "2"] * 3, None),
    ],
)
def test_units_as_written(path: Path, name: str, cells: list[str], unit: str | None):
    assert column(cells, path, name=name).unit == unit


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "číslo;疗效\n1;完全缓解\n"),
        ("utf-8-sig", "číslo;疗效\n1;完全缓解\n"),
        ("utf-16", "číslo;疗效\n1;完全缓解\n"),
        ("gb18030", "病例;疗效\n1;完全缓解\n2;部分缓解\n"),
        ("big5", "病歷;療效\n1;完全緩解\n2;部分緩解\n"),
        ("cp1250", "číslo;odpověď\n1;částečná\n2;úplná\n"),
        ("iso8859-2", "číslo;odpověď\n1;částečná žádná\n2;úplná šťastná\n"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found_out(path: Path, encoding: str, text: str, separator: str):
    text = text.replace(";", separator)
    found = profiled(path, text, encoding=encoding)
    assert found.separator == separator
    assert [item.name for item in found.columns] == text.split("\n", 1)[0].split(separator)
    assert found.encoding in (encoding, encoding.removesuffix("-sig"))
    assert found.columns[0].kinds == {"integer": text.count("\n") - 1}


def test_first_letter_that_is_not_ascii_tells_the_encoding_however_late_it_comes(path: Path, monkeypatch):
    monkeypatch.setattr(blocks, "SAMPLE", 64)
    monkeypatch.setattr(blocks, "BLOCK", 64)
    lines = ["id,response"] + [f"{row},none" for row in range(200)] + [f"{row},částečná" for row in range(9)]
    found = profiled(path, "\n".join(lines) + "\n", encoding="cp1250")
    assert found.encoding == "cp1250"
    assert found.columns[1].values[1] == ValueCount(text="částečná", cells=9)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [16, 50, 333])
def test_blocks_change_nothing(path: Path, monkeypatch, line_end: str, size: int):
    chance = random.Random(7)
    words = ["CR", "a,b", 'said ""no""', "two\nlines", "částečná", "完全缓解", ""]
    rows = [f'{row},"{chance.choice(words)}",{chance.randint(0, 9)}' for row in range(300)]
    text = "\n".join(["id,answer,grade", *rows, ""]).replace("\n", line_end)
    whole = profiled(path, text)
    monkeypatch.setattr(blocks, "SAMPLE", size)
    monkeypatch.setattr(blocks, "BLOCK", size)
    assert profiled(path, text) == whole
    assert whole.rows == 300
    assert whole.columns[0].distinct == 300
    assert {value.text for value in whole.columns[1].values} >= {"two\nlines", 'said "no"', "a,b"}


def test_bare_returns_end_lines(path: Path):
    found = profiled(path, "id,sex\r1,F\r2,M\r")
    assert [(item.name, item.filled) for item in found.columns] == [("id", 2), ("sex", 2)]


def test_many_texts_are_estimated_and_said_to_be(path: Path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 2**18)
    chance = random.Random(7)
    first = [f"R{row:06d}" for row in range(30_000)] + ["none"] * 1_500
    second = [f"R{row:06d}" for row in range(30_000, 60_000)] + ["none"] * 1_500 + ["later"] * 900
    chance.shuffle(first)
    chance.shuffle(second)
    cells = first + second
    frame = pl.DataFrame({"code": cells, "lab": [f"{chance.uniform(0, 1):.7f}" for _ in cells]})
    frame.write_csv(path)
    (table,) = profile(path)
    code, lab = table.columns
    assert code.is_approximate
    assert code.distinct == pytest.approx(60_002, rel=0.03)
    assert (code.filled, code.kinds) == (63_900, {"text": 63_900})  # these are counted
    assert [value.text for value in code.values] == ["none", "later"]
    assert code.values[0].cells == pytest.approx(3_000, rel=0.2)
    assert code.values[0].cells <= 3_000
    assert code.shapes[0].text == "A999999"
    assert code.shapes[0].cells == pytest.approx(60_000, rel=0.05)
    assert lab.kinds == {"decimal": 63_900}
    assert lab.quantiles[0.5] == pytest.approx(0.5, abs=0.02)
    assert lab.quantiles[0.99] == pytest.approx(0.99, abs=0.01)


def test_titles_above_the_header_are_passed_over(path: Path):
    found = profiled(path, "Registry of a study\n\nid,sex,grade\n1,F,2\n2,M,3\n")
    assert found.header_row == 3
    assert [item.name for item in found.columns] == ["id", "sex", "grade"]
    assert found.rows == 2


def test_ragged_rows_and_columns_without_a_name(path: Path):
    found = profiled(path, "id,,sex\n1,,F\n2,x\n3,,M,9\n,,\n")
    assert [item.name for item in found.columns] == ["id", "column_2", "sex"]
    assert [item.filled for item in found.columns] == [3, 1, 2]
    assert found.rows == 3


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"id,sex\n1,\0\n", "nul_byte"),
        (b"id,id\n1,2\n", "duplicate_header"),
        (b"0001,1,2020-01-05\n0002,0,2020-02-07\n", "no_header"),
        (b"p@example.org,F,5\nq@example.org,M,3\n", "no_header"),
        (b"\xd0\xcf\x11\xe0 old workbook", "format"),
        (b"\x1f\x8b packed", "format"),
        (b'[{"a": 1}]', "format"),
        (b"PK\x03\x04 no workbook", "unreadable_workbook"),
        (b"<html><body/></html>", "unreadable_odm"),
    ],
)
def test_files_that_cannot_be_told_of_say_why(path: Path, content: bytes, rule: str):
    path.write_bytes(content)
    with pytest.raises(SourceError) as error:
        profile(path)
    assert error.value.rule == rule
    assert "file.csv" in str(error.value)
    assert "example.org" not in str(error.value)


def test_what_is_not_there_is_wrong_use(path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        profile(path)
    path.write_text("id,sex\n1,F\n")
    with pytest.raises(ConfigError, match="at least 2"):
        profile(path, minimum_frequency=1)
