"""Findings that are equal but for their row are one, and rows are told as spans."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.check.groups import grouped, spans, spelled

SCHEMA = {
    **dict.fromkeys(
        ("file", "sheet", "column", "scope", "rule", "expected", "record", "element"), pl.String()
    ),
    "row": pl.Int64(),
}


def finding(row: int | None, column: str | None = "sex", **more: str | None) -> dict[str, object]:
    return {
        "file": "p.csv",
        "sheet": None,
        "scope": "cell",
        "rule": "unknown_code",
        "expected": "a word",
        "record": "patient",
        "element": None,
        "column": column,
        "row": row,
        **more,
    }


def test_equal_findings_are_one_group():
    found = pl.DataFrame([finding(4), finding(2), finding(3), finding(2, "born")], schema=SCHEMA)
    first, second = grouped(found)
    assert (first.column, first.cells, first.rows) == ("sex", 3, (2, 3, 4))
    assert (second.column, second.cells, second.rows) == ("born", 1, (2,))


def test_a_cell_that_two_records_read_counts_once():
    found = pl.DataFrame([finding(2), finding(2, record="wbc", element="wbc")], schema=SCHEMA)
    (group,) = grouped(found)
    assert group.cells == 1
    assert group.about == (("patient", None), ("wbc", "wbc"))


def test_what_is_of_a_whole_file_has_no_rows():
    (group,) = grouped(pl.DataFrame([finding(None, None, scope="file", rule="empty_file")], schema=SCHEMA))
    assert (group.cells, group.rows) == (1, ())


def test_no_findings_are_no_groups():
    assert grouped(pl.DataFrame(schema=SCHEMA)) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [([], ""), ([7], "7"), ([2, 3, 4, 9], "2–4, 9"), ([1, 3, 5], "1, 3, 5"), ([1, 2], "1–2")],
)
def test_rows_are_told_as_spans(rows: list[int], told: str):
    assert spelled(spans(rows)) == told


@given(st.sets(st.integers(1, 200)))
def test_spans_hold_every_row_once(rows: set[int]):
    found = spans(sorted(rows))
    assert [row for first, last in found for row in range(first, last + 1)] == sorted(rows)
    assert all(second[0] > first[1] + 1 for first, second in itertools.pairwise(found))
