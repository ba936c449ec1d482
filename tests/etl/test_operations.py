"""What the night writes about itself comes back as written, and writing it again changes nothing."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from allpool.etl import operations as ops
from allpool.models import Base

START = datetime(2024, 3, 1, 2, 0, tzinfo=UTC)
END = datetime(2024, 3, 1, 2, 5, tzinfo=UTC)

FEED = ops.FeedEntry("004-brno", "004", "brno", "004_brno.yaml", "snapshot")
FILE = ops.SourceFileEntry(
    "0123456789abcdef", "004-brno", "mrd", "mrd_1.csv", None, "f" * 64, "cp1250", 120, 3, ["číslo", "datum"]
)
CELLS = ops.CellAccountEntry(1, FILE.id, FEED.id, 3, 6, 2, 1, 1, 1, 1, {"mrd.ignore": 1})
RULE = ops.MappingRuleEntry(
    "fedcba9876543210", FEED.id, "mrd", "mrd", "observation", "004_brno.yaml", 12, {"value": ["výsledek"]}
)
QUALITY = ops.QualityResultEntry(
    1,
    FEED.id,
    "observation.mrd.range",
    "observation",
    "mrd",
    "plausibility",
    "verification",
    "warn",
    3,
    1,
    False,
)


def table(store: Engine, name: str) -> list[dict[str, Any]]:
    with store.connect() as connection:
        return [dict(row) for row in connection.execute(select(Base.metadata.tables[name])).mappings()]


def test_runs_are_numbered_and_end(store: Engine) -> None:
    with store.begin() as connection:
        first = ops.start_run(connection, started_at=START, code_version="0.1", engine="local")
        ops.finish_run(connection, run=first, finished_at=END, status="finished")
        second = ops.start_run(connection, started_at=START, code_version="0.1", engine="local")
    assert (first, second) == (1, 2)
    found = {row["run"]: row for row in table(store, "etl_run")}
    assert found[1]["status"] == "finished"
    assert found[1]["finished_at"].replace(tzinfo=UTC) == END
    assert (found[2]["status"], found[2]["finished_at"]) == ("running", None)


def test_a_killed_run_is_called_failed_by_the_next(store: Engine) -> None:
    for _ in range(2):
        with store.begin() as connection:
            ops.start_run(connection, started_at=START, code_version="0.1", engine="local")
    assert {row["run"]: row["status"] for row in table(store, "etl_run")} == {1: "failed", 2: "running"}


def test_a_feed_keeps_what_it_was_published_from(store: Engine) -> None:
    with store.begin() as connection:
        ops.register_feeds(connection, [FEED])
        assert ops.fingerprint(connection, FEED.id) is None
        ops.remember_fingerprint(connection, feed=FEED.id, fingerprint="abc", run=3)
        ops.register_feeds(connection, [replace(FEED, mode="append"), replace(FEED, id="001")])
        assert ops.fingerprint(connection, FEED.id) == "abc"
        assert ops.fingerprint(connection, "elsewhere") is None
    found = {row["id"]: row for row in table(store, "feed")}
    assert found[FEED.id] == {**asdict(FEED), "mode": "append", "fingerprint": "abc", "last_run": 3}
    assert set(found) == {FEED.id, "001"}


def test_entries_come_back_as_written_and_twice_is_once(store: Engine) -> None:
    feed_run = ops.FeedRunEntry(1, FEED.id, "published", inserted=2, seconds=0.5)
    for _ in range(2):
        with store.begin() as connection:
            ops.record_feed_run(connection, feed_run)
            ops.record_source_files(connection, [FILE], run=1)
            ops.record_cells(connection, [CELLS])
            ops.record_mapping_rules(connection, [RULE])
            ops.record_quality(connection, [QUALITY])
    assert table(store, "feed_run") == [asdict(feed_run)]
    assert table(store, "source_file") == [{**asdict(FILE), "first_run": 1}]
    assert table(store, "cell_account") == [asdict(CELLS)]
    assert table(store, "mapping_rule") == [asdict(RULE)]
    assert table(store, "quality_result") == [asdict(QUALITY)]


def test_nothing_to_write_is_fine(store: Engine) -> None:
    with store.begin() as connection:
        ops.register_feeds(connection, [])
        ops.record_cells(connection, [])
    assert table(store, "feed") == []


def test_a_known_file_keeps_its_first_run(store: Engine) -> None:
    for run in (1, 2):
        with store.begin() as connection:
            ops.record_source_files(connection, [FILE], run=run)
    assert [row["first_run"] for row in table(store, "source_file")] == [1]


def test_past_rules_of_a_source_are_found_too(store: Engine) -> None:
    others = [replace(RULE, id="2", source="lab"), replace(RULE, id="3", feed="001"), replace(RULE, id="4")]
    with store.begin() as connection:
        ops.record_mapping_rules(connection, [RULE])
        ops.record_mapping_rules(connection, others)
        assert ops.rules_of_sources(connection, feed=FEED.id, sources=["mrd"]) == {RULE.id, "4"}
        assert ops.rules_of_sources(connection, feed=FEED.id, sources=["mrd", "lab"]) == {RULE.id, "2", "4"}
        assert ops.rules_of_sources(connection, feed=FEED.id, sources=[]) == set()


def test_the_next_run_follows_the_highest(store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(
            insert(Base.metadata.tables["etl_run"]),
            {"run": 41, "started_at": START, "status": "finished", "code_version": "0.1", "engine": "spark"},
        )
        assert ops.start_run(connection, started_at=START, code_version="0.1", engine="local") == 42
