"""Entries in the quarantine table: new, seen again, mended, and left where nothing is known."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from allpool.etl.quarantine import IDENTITY, QUARANTINE, Recorded, record, with_ids

FEED = "004-brno"


def entries(*specs: str) -> pl.DataFrame:
    """Cells written as `file row rule value`."""
    parts = [spec.split() for spec in specs]
    return pl.DataFrame(
        {
            "file": [part[0] for part in parts],
            "row": [int(part[1]) for part in parts],
            "rule": [part[2] for part in parts],
            "value": [part[3] for part in parts],
        },
        schema={"file": pl.String, "row": pl.Int64, "rule": pl.String, "value": pl.String},
    ).with_columns(
        column=pl.lit("datum"),
        sheet=pl.lit(None, pl.String),
        scope=pl.lit("cell"),
        severity=pl.lit("quarantine"),
        expected=pl.lit("a date as dd.mm.yyyy"),
        source_file=pl.lit("0123456789abcdef"),
    )


def night(store: Engine, run: int, *specs: str, feed: str = FEED, unread: Collection[str] = ()) -> Recorded:
    with store.begin() as connection:
        return record(connection, entries(*specs), feed=feed, run=run, unread=unread)


def table(store: Engine) -> set[str]:
    """What stands, written as `file row value status FIRST-LAST`."""
    with store.connect() as connection:
        return {
            f"{row.file} {row.row} {row.value} {row.status} {row.first_run}-{row.last_run}"
            for row in connection.execute(select(QUARANTINE))
        }


def test_a_new_entry_is_open(store: Engine) -> None:
    assert night(store, 1, "a.csv 2 date 31.02.2024") == Recorded(new=1, again=0, mended=0, unread=0)
    assert table(store) == {"a.csv 2 31.02.2024 open 1-1"}


def test_an_entry_seen_again_keeps_its_first_run(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x")
    assert night(store, 2, "a.csv 2 date x", "a.csv 3 date y") == Recorded(new=1, again=1, mended=0, unread=0)
    assert table(store) == {"a.csv 2 x open 1-2", "a.csv 3 y open 2-2"}


def test_an_entry_not_seen_again_is_mended(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x", "a.csv 3 date y")
    assert night(store, 2, "a.csv 3 date y") == Recorded(new=0, again=1, mended=1, unread=0)
    assert table(store) == {"a.csv 2 x mended 1-1", "a.csv 3 y open 1-2"}
    assert night(store, 3) == Recorded(new=0, again=0, mended=1, unread=0)
    assert table(store) == {"a.csv 2 x mended 1-1", "a.csv 3 y mended 1-2"}


def test_a_mended_entry_that_returns_is_open_again(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x")
    night(store, 2)
    assert night(store, 3, "a.csv 2 date x") == Recorded(new=0, again=1, mended=0, unread=0)
    assert table(store) == {"a.csv 2 x open 1-3"}


def test_entries_of_a_file_that_was_not_read_stay_open(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x", "b.csv 2 date y")
    found = night(store, 2, unread=["a.csv"])
    assert found == Recorded(new=0, again=0, mended=1, unread=1)
    assert found.open == 1
    assert table(store) == {"a.csv 2 x open 1-1", "b.csv 2 y mended 1-1"}


def test_other_feeds_are_not_touched(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x")
    night(store, 1, "a.csv 2 date x", feed="001")
    assert night(store, 2, feed="001") == Recorded(new=0, again=0, mended=1, unread=0)
    assert table(store) == {"a.csv 2 x open 1-1", "a.csv 2 x mended 1-1"}


def test_the_same_run_twice_changes_nothing(store: Engine) -> None:
    night(store, 1, "a.csv 2 date x", "a.csv 2 date x", "a.csv 3 date y")
    before = table(store)
    assert night(store, 1, "a.csv 2 date x", "a.csv 3 date y").new == 0
    assert table(store) == before
    assert len(before) == 2


def test_no_entries_at_all(store: Engine) -> None:
    with store.begin() as connection:
        found = record(connection, pl.DataFrame(), feed=FEED, run=1)
    assert found == Recorded(new=0, again=0, mended=0, unread=0)
    assert table(store) == set()


def test_an_id_is_the_hash_of_the_identity() -> None:
    found = with_ids(entries("a.csv 2 date x").with_columns(feed=pl.lit(FEED)))["id"].to_list()
    text = "8:004-brno,5:a.csv,-,1:2,5:datum,4:date,1:x"
    assert found == [hashlib.sha256(text.encode()).hexdigest()[:32]]


TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))


@given(st.lists(st.tuples(*[TEXTS] * len(IDENTITY)), unique=True, max_size=8))
def test_different_entries_have_different_ids(parts: list[tuple[str | None, ...]]) -> None:
    frame = pl.DataFrame(parts, schema=dict.fromkeys(IDENTITY, pl.String), orient="row")
    assert with_ids(frame)["id"].n_unique() == len(parts)
