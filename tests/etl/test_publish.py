"""Spec of publishing: what is staged, what stands afterwards, what the history keeps. Both databases."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, select

from allpool.errors import BrokenRuleError
from allpool.etl import history, staging
from allpool.etl.publish import Counts, Mode, Published, publish
from allpool.models import STAGING, Base, published_tables
from allpool.models.bulk import append, load

FEED = "004-brno"


def rows(*specs: str, feed: str = FEED) -> pl.DataFrame:
    """Observations written as `id hash [rule]`."""
    parts = [(*spec.split(), "r1")[:3] for spec in specs]
    return pl.DataFrame(
        {
            "id": [part[0] for part in parts],
            "content_hash": [part[1] for part in parts],
            "rule": [part[2] for part in parts],
            "status": "final",
            "data_element": "wbc",
            "subject_id": [f"patient-of-{part[0]}" for part in parts],
            "value_quantity": [1 / 3 + len(part[1]) for part in parts],
            "value_boolean": [True if part[1] == "yes" else None for part in parts],
            "value_string": [f"says {part[1]}" for part in parts],
            "feed": feed,
            "source_row": 7,
        },
        schema_overrides={"value_boolean": pl.Boolean},
    ).with_columns(effective_date=pl.date(2024, 2, 29))


def night(
    store: Engine,
    run: int,
    *specs: str,
    feed: str = FEED,
    mode: Mode = "snapshot",
    protected: Collection[str] = (),
    **others: pl.DataFrame,
) -> Published:
    tables = {"observation": rows(*specs, feed=feed), **others}
    staging.stage(store, {name: frame for name, frame in tables.items() if frame.height})
    with store.begin() as connection:
        return publish(connection, feed=feed, run=run, mode=mode, protected=protected)


def standing(store: Engine, table: str = "observation") -> set[str]:
    """What stands, written as `id hash vVERSION rRUN`."""
    columns = Base.metadata.tables[table].c
    with store.connect() as connection:
        found = connection.execute(select(columns.id, columns.content_hash, columns.version, columns.run))
        return {f"{row.id} {row.content_hash} v{row.version} r{row.run}" for row in found}


def past(store: Engine) -> set[str]:
    """What the history keeps, written as `id hash vVERSION reason rRUN`."""
    columns = history.HISTORY.c
    with store.connect() as connection:
        found = connection.execute(select(history.HISTORY).order_by(columns.id)).mappings()
        return {
            f"{row['id']} {row['content_hash']} v{row['version']} {row['reason']} r{row['ended_run']}"
            for row in found
        }


def outcomes(published: Published) -> set[str]:
    return {f"{row[1]} {row[2]}" for row in published.outcomes.iter_rows()}


def dump(store: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but staging."""
    with store.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Base.metadata.sorted_tables
            if table not in STAGING.values()
        }


def test_what_is_new_is_inserted(store: Engine) -> None:
    published = night(store, 1, "b x", "a x")
    assert standing(store) == {"a x v1 r1", "b x v1 r1"}
    assert published.counts == {"observation": Counts(inserted=2)}
    assert outcomes(published) == {"a inserted", "b inserted"}
    assert past(store) == set()


def test_a_row_arrives_whole(store: Engine) -> None:
    night(store, 1, "a yes")
    table = Base.metadata.tables["observation"]
    with store.connect() as connection:
        row = connection.execute(select(table)).mappings().one()
    staged = rows("a yes").row(0, named=True)
    said = {name: value for name, value in row.items() if value is not None}
    assert said == {**staged, "version": 1, "run": 1}


def test_what_changed_is_updated_and_its_past_kept(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    published = night(store, 2, "a y", "b x")
    assert standing(store) == {"a y v2 r2", "b x v1 r1"}
    assert past(store) == {"a x v1 update r2"}
    assert published.counts == {"observation": Counts(updated=1, unchanged=1)}
    assert outcomes(published) == {"a updated", "b unchanged"}


def test_the_history_holds_the_row_whole(store: Engine) -> None:
    """As JSON without nulls: the same on both databases, floats to their last digit."""
    night(store, 1, "a yes")
    night(store, 2)
    with store.connect() as connection:
        kept = connection.execute(select(history.HISTORY)).mappings().one()
    whole = {name: value for name, value in rows("a yes").row(0, named=True).items() if value is not None}
    assert kept["row"] == orjson.loads(orjson.dumps({**whole, "version": 1, "run": 1}))
    assert (kept["table_name"], kept["feed"]) == ("observation", FEED)


def test_unchanged_rows_are_not_touched(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    before = dump(store)
    published = night(store, 2, "a x", "b x")
    assert dump(store) == before
    assert published.total == Counts(unchanged=2)


def test_the_same_call_twice_changes_nothing(store: Engine) -> None:
    night(store, 1, "a x", "b x", "c x")
    night(store, 2, "a y", "c x", "d x")
    before = dump(store)
    published = night(store, 2, "a y", "c x", "d x")
    assert dump(store) == before
    assert published.total == Counts(unchanged=3)


def test_what_a_snapshot_no_longer_has_is_retracted(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    published = night(store, 2, "a x")
    assert standing(store) == {"a x v1 r1"}
    assert past(store) == {"b x v1 retract r2"}
    assert published.total == Counts(unchanged=1, retracted=1)
    assert outcomes(published) == {"a unchanged"}


def test_an_empty_snapshot_retracts_all(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    assert night(store, 2).total == Counts(retracted=2)
    assert standing(store) == set()


def test_appending_retracts_nothing(store: Engine) -> None:
    night(store, 1, "a x", "b x", mode="append")
    published = night(store, 2, "a y", "c x", mode="append")
    assert standing(store) == {"a y v2 r2", "b x v1 r1", "c x v1 r2"}
    assert published.total == Counts(inserted=1, updated=1)


def test_rows_of_a_source_that_could_not_be_read_stay(store: Engine) -> None:
    night(store, 1, "a x lab", "b x mrd", "c x mrd")
    published = night(store, 2, "c y mrd", protected={"lab"})
    assert standing(store) == {"a x v1 r1", "c y v2 r2"}
    assert published.total == Counts(updated=1, retracted=1)


def test_a_row_without_rule_is_not_protected(store: Engine) -> None:
    unruled = rows("a x").with_columns(rule=pl.lit(None, pl.String))
    staging.stage(store, {"observation": unruled})
    with store.begin() as connection:
        publish(connection, feed=FEED, run=1, mode="snapshot")
    assert night(store, 2, protected={"lab"}).total == Counts(retracted=1)


def test_what_comes_back_goes_on_from_its_last_version(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    night(store, 2, "a y", "b x")
    night(store, 3, "b x")
    published = night(store, 4, "a z", "b x", "c x")
    assert standing(store) == {"a z v3 r4", "b x v1 r1", "c x v1 r4"}
    assert past(store) == {"a x v1 update r2", "a y v2 retract r3"}
    assert published.total == Counts(inserted=2, unchanged=1)
    night(store, 5)
    assert past(store) >= {"a z v3 retract r5", "b x v1 retract r5"}


def test_all_at_once(store: Engine) -> None:
    night(store, 1, "a x", "b x", "c x", "d x")
    night(store, 2, "a x", "b x", "c x")
    published = night(store, 3, "b y", "c x", "d x", "e x")
    assert standing(store) == {"b y v2 r3", "c x v1 r1", "d x v2 r3", "e x v1 r3"}
    assert past(store) == {"d x v1 retract r2", "a x v1 retract r3", "b x v1 update r3"}
    assert published.total == Counts(inserted=2, updated=1, unchanged=1, retracted=1)
    assert outcomes(published) == {"b updated", "c unchanged", "d inserted", "e inserted"}


def test_feeds_do_not_touch_each_other(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    night(store, 1, "c x", feed="004-praha")
    before = standing(store)
    assert night(store, 2, "c x", feed="004-praha").total == Counts(unchanged=1)
    assert night(store, 2, feed="004-praha").total == Counts(retracted=1)
    assert standing(store) == before - {"c x v1 r1"}


def test_an_id_of_another_feed_is_left_alone_and_said(store: Engine) -> None:
    night(store, 1, "a x", "b x")
    before = dump(store)
    published = night(store, 2, "a x", "b y", feed="004-praha")
    assert dump(store) == before
    assert outcomes(published) == {"a unchanged", "b conflict"}
    assert published.total == Counts(unchanged=1, conflict=1)
    published = night(store, 3, "a x", "b y", "c x", feed="004-praha")
    assert outcomes(published) == {"a unchanged", "b conflict", "c inserted"}
    night(store, 4)
    published = night(store, 5, "a x", "b y", "c y", feed="004-praha")
    assert standing(store) == {"a x v2 r5", "b y v2 r5", "c y v2 r5"}
    assert past(store) == {"a x v1 retract r4", "b x v1 retract r4", "c x v1 update r5"}


def test_every_table_is_published(store: Engine) -> None:
    """Parents and children, each with the columns that must not be null."""
    frames = {}
    for table in published_tables():
        needed = {
            column.name: pl.lit("x")
            for column in table.columns
            if not column.nullable and column.name not in ("version", "run")
        }
        frames[str(table.name)] = pl.DataFrame({"id": ["1"]}).with_columns(
            **{**needed, "id": pl.col("id"), "feed": pl.lit(FEED)}
        )
    assert staging.stage(store, frames) == len(frames)
    with store.begin() as connection:
        published = publish(connection, feed=FEED, run=1, mode="snapshot")
    assert published.counts == dict.fromkeys(frames, Counts(inserted=1))
    assert set(published.outcomes["table"]) == set(frames)
    assert all(standing(store, name) == {"1 x v1 r1"} for name in frames)
    staging.clear(store)
    with store.begin() as connection:
        published = publish(connection, feed=FEED, run=2, mode="snapshot")
    assert published.counts == dict.fromkeys(frames, Counts(retracted=1))
    assert len(past(store)) == 1
    assert len(dump(store)["resource_history"]) == len(frames)


@pytest.mark.parametrize("broken", ["history", "insert"])
def test_a_crash_in_the_middle_leaves_the_store_as_it_was(
    store: Engine, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    night(store, 1, "a x", "b x")
    before = dump(store)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    if broken == "history":
        monkeypatch.setattr("allpool.etl.history.append", fail)
    else:
        monkeypatch.setattr("allpool.etl.publish._Publication._insert", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        night(store, 2, "a y", "c x")
    monkeypatch.undo()
    assert dump(store) == before
    assert night(store, 2, "a y", "c x").total == Counts(inserted=1, updated=1, retracted=1)


def test_what_the_caller_writes_beside_stands_or_falls_with_it(store: Engine) -> None:
    staging.stage(store, {"observation": rows("a x")})
    with store.connect() as connection:
        publish(connection, feed=FEED, run=1, mode="snapshot")
        connection.rollback()
    assert standing(store) == set()


def test_an_id_staged_twice_is_a_broken_rule(store: Engine) -> None:
    with pytest.raises(
        BrokenRuleError, match="stage_observation of feed 004-brno holds 1 ids more than once"
    ):
        night(store, 1, "a x", "a y")


def test_rows_of_another_feed_in_staging_are_left_alone(store: Engine) -> None:
    staging.stage(store, {"observation": pl.concat([rows("a x"), rows("b x", feed="001")])})
    with store.begin() as connection:
        first = publish(connection, feed=FEED, run=1, mode="snapshot")
        assert (first.total.inserted, first.outcomes.height) == (1, 1)
        second = publish(connection, feed="001", run=1, mode="snapshot")
    assert second.total.inserted == 1
    assert len(standing(store)) == 2


def test_feeds_are_staged_together_and_published_one_by_one(store: Engine) -> None:
    ours, theirs = {"observation": rows("b x", "a x")}, {"observation": rows("c x", feed="001")}
    assert staging.stage(store, ours, theirs) == 3
    with store.begin() as connection:
        first = publish(connection, feed=FEED, run=1, mode="snapshot", staged=ours)
    assert standing(store) == {"a x v1 r1", "b x v1 r1"}
    with store.begin() as connection:
        second = publish(connection, feed="001", run=1, mode="snapshot", staged=theirs)
    assert (first.total, second.total) == (Counts(inserted=2), Counts(inserted=1))


def test_staged_rows_that_the_caller_knows_are_published_as_those_that_are_read(store: Engine) -> None:
    night(store, 1, "a x", "b x", "c x")
    tables = {"observation": rows("a x", "b y", "d x")}
    staging.stage(store, tables)
    with store.begin() as connection:
        known = publish(connection, feed=FEED, run=2, mode="snapshot", staged=tables)
        connection.rollback()
    assert known.total == Counts(inserted=1, updated=1, unchanged=1, retracted=1)
    assert known.outcomes.sort("id").equals(night(store, 2, "a x", "b y", "d x").outcomes.sort("id"))


def test_a_caller_who_knows_of_more_than_is_staged_is_a_broken_rule(store: Engine) -> None:
    staging.stage(store, {"observation": rows("a x")})
    with store.begin() as connection, pytest.raises(BrokenRuleError, match="2 rows to write, 1 written"):
        publish(connection, feed=FEED, run=1, mode="snapshot", staged={"observation": rows("a x", "b x")})


def test_a_row_that_lacks_what_it_must_have_stops_the_feed_without_its_values(store: Engine) -> None:
    staging.stage(store, {"observation": rows("a x").with_columns(status=pl.lit(None, pl.String))})
    with pytest.raises(Exception, match="status") as caught, store.begin() as connection:
        publish(connection, feed=FEED, run=1, mode="snapshot")
    assert "patient-of-a" not in str(caught.value)
    assert standing(store) == set()


def test_staging_is_emptied_before_it_is_filled(store: Engine) -> None:
    table = STAGING["observation"]
    load(store, {table: rows("old x")})
    staging.stage(store, {"observation": rows("b x", "a x")})
    with store.connect() as connection:
        assert connection.scalars(select(table.c.id)).all() == ["a", "b"]
    staging.clear(store)
    with store.connect() as connection:
        assert connection.scalars(select(table.c.id)).all() == []


def test_failing_rows_leave_staging(store: Engine) -> None:
    staging.stage(store, {"observation": rows("a x", "b x", "c x")})
    assert staging.remove(store, "observation", []) == 0
    assert staging.remove(store, "observation", ["a", "c", "c", "elsewhere"]) == 2
    with store.connect() as connection:
        assert connection.scalars(select(STAGING["observation"].c.id)).all() == ["b"]


def test_an_unknown_table_cannot_be_staged(store: Engine) -> None:
    with pytest.raises(BrokenRuleError, match="there is no staging table for shoes"):
        staging.stage(store, {"shoes": rows("a x")})


def test_large_tables_go_in_parts(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a part holds, through every path: load, append, read, history."""
    monkeypatch.setattr("allpool.models.bulk.CHUNK_ROWS", 3)
    first = [f"{number:02d} x" for number in range(10)]
    night(store, 1, *first)
    published = night(store, 2, *(f"{number:02d} y" for number in range(2, 14)))
    assert published.total == Counts(inserted=4, updated=8, retracted=2)
    assert len(past(store)) == 10
    assert_frame_equal(
        published.outcomes.select("id"), pl.DataFrame({"id": [f"{number:02d}" for number in range(2, 14)]})
    )


def test_appended_rows_are_seen_by_publish_in_one_transaction(store: Engine) -> None:
    with store.begin() as connection:
        append(connection, STAGING["observation"], rows("a x"))
        assert publish(connection, feed=FEED, run=1, mode="snapshot").total == Counts(inserted=1)
    assert standing(store) == {"a x v1 r1"}
