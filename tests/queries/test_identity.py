"""The id of a query: stable where the question is the same, and never shared by two."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.queries.identity import ID_LENGTH, with_ids

SCHEMA = {
    **dict.fromkeys(("feed", "rule", "column", "record", "resource_id", "patient_id"), pl.String),
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "value": pl.String,
}
KNOWN = {**SCHEMA, "id": pl.String, "status": pl.String}
NOBODY = pl.DataFrame(schema=KNOWN)


def cell(row: int, value: str = "x", **more: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(SCHEMA),
        "feed": "one",
        "rule": "not_a_date",
        "column": "seen",
        "record": "wbc",
        "patient_id": "p1",
        "file": "a.csv",
        "row": row,
        "value": value,
        **more,
    }


def asked(*cells: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(cells), schema=SCHEMA)


def known(found: pl.DataFrame, *mended: int) -> pl.DataFrame:
    """What the store has after a night; the queries on the rows `mended` were closed since."""
    closed = pl.col("row").is_in(list(mended))
    state = pl.when(closed).then(pl.lit("mended")).otherwise(pl.lit("open"))
    return found.with_columns(status=state).select(*KNOWN)


def by_value(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("value", "id").iter_rows())


def test_a_record_of_the_store_is_known_by_its_id() -> None:
    one = with_ids(asked(cell(4, resource_id="r1")), NOBODY)["id"][0]
    moved = cell(9, "other", resource_id="r1", file="b.csv", patient_id="p2", record="blasts")
    assert with_ids(asked(moved), NOBODY)["id"][0] == one
    for part in ({"resource_id": "r2"}, {"rule": "other"}, {"column": "other"}, {"feed": "two"}):
        assert with_ids(asked(cell(4, **{"resource_id": "r1", **part})), NOBODY)["id"][0] != one
    assert len(one) == ID_LENGTH


def test_without_a_record_it_is_known_by_patient_and_kind_of_record() -> None:
    one = with_ids(asked(cell(4)), NOBODY)["id"][0]
    assert with_ids(asked(cell(9, "other", file="b.csv")), NOBODY)["id"][0] == one
    for part in ({"patient_id": "p2"}, {"record": "blasts"}):
        assert with_ids(asked(cell(4, **part)), NOBODY)["id"][0] != one


def test_without_both_it_is_known_by_its_place() -> None:
    nobody = {"patient_id": None, "record": None}
    one = with_ids(asked(cell(4, **nobody)), NOBODY)["id"][0]
    assert with_ids(asked(cell(4, "other", **nobody)), NOBODY)["id"][0] == one
    for part in ({"row": 5}, {"file": "b.csv"}, {"sheet": "s"}):
        assert with_ids(asked(cell(**{"row": 4, **nobody, **part})), NOBODY)["id"][0] != one


def test_of_several_each_keeps_its_id_when_rows_move() -> None:
    first = with_ids(asked(cell(4, "x"), cell(5, "y"), cell(6, "z")), NOBODY)
    moved = with_ids(asked(cell(14, "x"), cell(5, "y"), cell(9, "z")), known(first))
    assert by_value(moved) == by_value(first)
    renamed = with_ids(
        asked(*(cell(n, v, file="b.csv") for n, v in ((7, "z"), (8, "y"), (9, "x")))), known(first)
    )
    assert by_value(renamed) == by_value(first)


def test_the_one_that_is_left_keeps_its_id() -> None:
    first = with_ids(asked(cell(4, "x"), cell(5, "y")), NOBODY)
    for row, value in ((4, "x"), (5, "y"), (8, "y")):
        left = with_ids(asked(cell(row, value)), known(first))
        assert left["id"][0] == by_value(first)[value]


def test_one_that_was_mended_comes_back_as_itself() -> None:
    first = with_ids(asked(cell(4, "x"), cell(5, "y")), NOBODY)
    again = with_ids(asked(cell(4, "x"), cell(5, "y")), known(first, 4))
    assert by_value(again) == by_value(first)


def test_another_one_is_another_query() -> None:
    first = with_ids(asked(cell(4, "x")), NOBODY)
    second = with_ids(asked(cell(4, "x"), cell(5, "y")), known(first))
    assert by_value(second)["x"] == first["id"][0]
    assert by_value(second)["y"] != first["id"][0]


CELLS = st.lists(
    st.tuples(st.integers(2, 9), st.sampled_from(["x", "y", None]), st.sampled_from(["p1", "p2", None])),
    unique_by=lambda item: item[0],
    max_size=6,
)


@given(CELLS, CELLS, st.sets(st.integers(2, 9)))
def test_no_two_queries_share_an_id_and_a_second_night_changes_none(
    one: list[Any], two: list[Any], mended: set[int]
) -> None:
    first = with_ids(asked(*(cell(row, value, patient_id=who) for row, value, who in one)), NOBODY)
    assert first["id"].n_unique() == first.height
    second = with_ids(
        asked(*(cell(row, value, patient_id=who) for row, value, who in two)), known(first, *mended)
    )
    assert second["id"].n_unique() == second.height
    before = known(first, *mended).filter(~pl.col("id").is_in(second["id"].implode()))
    after = pl.concat([before, known(second)])
    again = with_ids(second.drop("id"), after)
    assert dict(again.select("row", "id").iter_rows()) == dict(second.select("row", "id").iter_rows())
