"""What the audit found in the earlier deliveries of feeds, as `quality_result` keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_

from allpool.etl.audit.falls import Mode
from allpool.etl.audit.trend import Earlier
from allpool.models import Base

DELIVERY: Final = "delivery."
"""Rules that count what a delivery brings: their series is kept, not their sum."""


@dataclass(frozen=True)
class History:
    """The earlier deliveries of one feed that were published."""

    mode: Mode = "snapshot"
    rules: Mapping[str, Earlier] = field(default_factory=dict)
    """Each row counts once: of a feed that brings its rows again, the mean delivery."""
    delivered: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Rule of what a delivery brings -> its numbers, the latest first."""


def histories(connection: Connection, *, feeds: Sequence[str], run: int, runs: int) -> dict[str, History]:
    """Return what the last `runs` published deliveries of each feed before `run` found.

    A delivery that was held back says nothing of what is usual and is left out.
    """
    results, feed = Base.metadata.tables["quality_result"], Base.metadata.tables["feed"]
    modes: dict[str, Mode] = {
        row.id: row.mode for row in connection.execute(select(feed.c.id, feed.c.mode)) if row.id in feeds
    }
    among = _latest(feeds, run, runs)
    sums: dict[str, dict[str, Earlier]] = {}
    query = (
        select(
            results.c.feed,
            results.c.rule,
            func.sum(results.c.rows),
            func.sum(results.c.failed),
            func.count(),
        )
        .where(among, results.c.rule.not_like(f"{DELIVERY}%"))
        .group_by(results.c.feed, results.c.rule)
    )
    for name, rule, rows, failed, number in connection.execute(query):
        found = Earlier(int(rows), int(failed), int(number))
        once = found if modes.get(name) == "append" else found.as_one()
        sums.setdefault(name, {})[rule] = once
    series: dict[str, dict[str, list[int]]] = {}
    counted = select(results.c.feed, results.c.rule, results.c.rows).where(
        among, results.c.rule.like(f"{DELIVERY}%")
    )
    for name, rule, rows in connection.execute(counted.order_by(results.c.run.desc())):
        series.setdefault(name, {}).setdefault(rule, []).append(int(rows))
    return {
        name: History(modes.get(name, "snapshot"), sums.get(name, {}), series.get(name, {})) for name in feeds
    }


def _latest(feeds: Sequence[str], run: int, runs: int) -> ColumnElement[bool]:
    """Return what is true for results of the last published runs of `feeds`."""
    results, done = Base.metadata.tables["quality_result"], Base.metadata.tables["feed_run"]
    place = func.row_number().over(partition_by=done.c.feed, order_by=done.c.run.desc())
    audited = select(results.c.run, results.c.feed).distinct().subquery()
    numbered = (
        select(done.c.run, done.c.feed, place.label("place"))
        .join(audited, and_(audited.c.run == done.c.run, audited.c.feed == done.c.feed))
        .where(done.c.feed.in_(feeds), done.c.run < run, done.c.status == "published")
        .subquery()
    )
    kept = select(numbered.c.feed, numbered.c.run).where(numbered.c.place <= runs)
    return tuple_(results.c.feed, results.c.run).in_(kept)
