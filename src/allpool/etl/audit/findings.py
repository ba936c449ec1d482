"""The audit of what feeds have staged: which rules hold, and which rows break those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

import polars as pl
from sqlalchemy import Connection, Engine, func, or_, select, text

from allpool.errors import BrokenRuleError
from allpool.etl.audit.clinical import published_beside
from allpool.etl.audit.completeness import Delivered
from allpool.etl.audit.earlier import History, histories
from allpool.etl.audit.generated import Staged, rules_for
from allpool.etl.audit.judgement import RuleResult, judged
from allpool.etl.audit.rules import Rule, Severity
from allpool.etl.audit.selection import (
    RELATED_SCHEMA,
    agreed,
    failing_rows,
    related_cells,
    without_waived,
)
from allpool.etl.audit.suite import failing_counts
from allpool.etl.audit.thresholds import Thresholds
from allpool.mappings.dictionary import Dictionary
from allpool.mappings.records import RecordType
from allpool.mappings.terminology import Terminology
from allpool.models import STAGING

FAILURE_SCHEMA: Final = pl.Schema(
    {
        "table": pl.String,
        "id": pl.String,
        "rule": pl.String,
        "column": pl.String,
        "severity": pl.String,
        "expected": pl.String,
        "element": pl.String,
        "source_file": pl.String,
        "source_row": pl.Int64,
    }
)
"""Columns of `Audited.failures`: one row per failing row and rule; keys and places, no values."""


@dataclass(frozen=True)
class Audited:
    """The result of an audit."""

    run: int
    feed: str
    results: tuple[RuleResult, ...]
    failures: pl.DataFrame
    related: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RELATED_SCHEMA))
    """The other cells that take part in a failure (`RELATED_SCHEMA`), for rules that name them."""

    @property
    def blocked(self) -> tuple[RuleResult, ...]:
        """The failed rules that stop the feed."""
        return self._failed("block")

    @property
    def warned(self) -> tuple[RuleResult, ...]:
        """The failed rules that only count."""
        return self._failed("warn")

    @property
    def raised(self) -> tuple[RuleResult, ...]:
        """The rules beyond their threshold or their own history: each needs a person."""
        return tuple(result for result in self.results if result.raised is not None)

    @property
    def held(self) -> pl.DataFrame:
        """The failures whose rows leave staging."""
        return self.failures.filter(pl.col("severity") == "quarantine")

    def quality_rows(self) -> list[dict[str, Any]]:
        """Return rows for the table `quality_result`, one per rule."""
        return [
            {
                "run": self.run,
                "feed": self.feed,
                "rule": result.rule,
                "table_name": result.table,
                "element": result.element,
                "category": result.category,
                "context": result.context,
                "severity": result.severity,
                "rows": result.rows,
                "failed": result.failed,
                "tolerated": result.tolerated,
                "usual": result.usual,
                "raised": result.raised,
                "success": result.success,
                "message": None if result.success else result.expected,
            }
            for result in self.results
        ]

    def _failed(self, severity: Severity) -> tuple[RuleResult, ...]:
        return tuple(result for result in self.results if result.severity == severity and not result.success)


def audit(
    engine: Engine,
    *,
    feeds: Sequence[str],
    run: int,
    dictionary: Dictionary,
    terminology: Terminology,
    today: date,
    thresholds: Thresholds | None = None,
    records: Mapping[str, RecordType] | None = None,
    staged: Mapping[str, Staged] | None = None,
    waived: pl.DataFrame | None = None,
    delivered: Mapping[str, Delivered] | None = None,
) -> dict[str, Audited]:
    """Audit what `feeds` have staged (and committed), for run number `run`; no row is changed.

    The feeds are audited in one pass, since the library's cost is by the rule more than by the row, and
    judged one by one. `today` is the day of the run. `records` defaults to the record types that ship with
    allpool. `staged` gives the number of rows per feed, table and data element to a caller who knows them;
    else they are counted. `waived` lists rows that need not keep a rule as long as they say what they say
    (`WAIVED`): they are counted apart and do not fail.
    `delivered` says per feed what it brings of what it has promised; a feed that is not in it is not asked.

    Raises `BrokenRuleError` where a rule cannot be evaluated, where Great Expectations
    and our own query of the failing rows disagree, or where another feed's rows are staged too.
    """
    with engine.begin() as connection:
        if staged is None:
            staged = staged_rows(connection, feeds=feeds)
        else:
            _check_alone(connection, feeds)
        together = _together(staged)
        _refresh_statistics(connection, together)
        published = published_beside(connection, feeds=feeds)
    rules = rules_for(
        together,
        dictionary=dictionary,
        terminology=terminology,
        today=today,
        records=records,
        published=published,
    )
    counts = failing_counts(engine, rules)
    limits = thresholds or Thresholds()
    with engine.connect() as connection:
        failing = {
            rule.id: _Failing.of(
                connection, rule, agreed(rule, failing_rows(connection, rule), counts[rule.id]), waived
            )
            for rule in rules
            if counts[rule.id]
        }
        earlier = histories(connection, feeds=feeds, run=run, runs=limits.trend.runs)
    return {
        feed: _audited(
            feed,
            run,
            rules,
            staged.get(feed, {}),
            failing,
            thresholds=limits,
            history=earlier[feed],
            delivered=(delivered or {}).get(feed),
        )
        for feed in feeds
    }


def rehearse(
    engine: Engine,
    *,
    feed: str,
    dictionary: Dictionary,
    terminology: Terminology,
    today: date,
    thresholds: Thresholds | None = None,
    records: Mapping[str, RecordType] | None = None,
) -> Audited:
    """Audit what `feed` has staged in a database that holds nothing else, by our own queries alone.

    The rules are those of `audit` but for references: what was published before is not known here. The
    library, whose counts the night compares with ours, is left out: a centre's check would wait for it.
    """
    with engine.begin() as connection:
        staged = staged_rows(connection, feeds=[feed]).get(feed, {})
        _refresh_statistics(connection, staged)
    known = rules_for(staged, dictionary=dictionary, terminology=terminology, today=today, records=records)
    rules = [rule for rule in known if not rule.id.endswith(".reference")]
    with engine.connect() as connection:
        failing = {
            rule.id: _Failing.of(connection, rule, failing_rows(connection, rule), None) for rule in rules
        }
    return _audited(feed, 0, rules, staged, failing, thresholds=thresholds or Thresholds())


@dataclass(frozen=True)
class _Failing:
    """Who fails one rule, by feed."""

    rows: Mapping[str, pl.DataFrame]
    waived: Mapping[str, pl.DataFrame]
    related: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, connection: Connection, rule: Rule, found: pl.DataFrame, waived: pl.DataFrame | None) -> Self:
        """Tell the rows that are waived from the others, and ask what contradicts those."""
        rows = without_waived(rule, found, waived)
        spared = found if rows.is_empty() else found.join(rows, on=["id", "content_hash"], how="anti")
        cells = related_cells(connection, rule, rows)
        whose = cells.join(rows.select("id", "feed").unique("id"), on="id", how="left", maintain_order="left")
        return cls(_by_feed(rows), _by_feed(spared), _by_feed(whose))


def _by_feed(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = rows.partition_by("feed", as_dict=True, include_key=False, maintain_order=True)
    return {str(feed): part for (feed,), part in parts.items()}


def _audited(
    feed: str,
    run: int,
    rules: Sequence[Rule],
    staged: Staged,
    failing: Mapping[str, _Failing],
    *,
    thresholds: Thresholds,
    history: History | None = None,
    delivered: Delivered | None = None,
) -> Audited:
    """Judge one feed by the rules that have rows of it to look at."""
    seen = {rule.id: rule for rule in rules if _rows(rule, staged)}
    found = [_counted(rule, _rows(rule, staged), failing.get(rule.id), feed) for rule in seen.values()]
    results = judged(
        found,
        feed=feed,
        thresholds=thresholds,
        history=history or History(),
        delivered=delivered,
        rows={table: sum(counts.values()) for table, counts in staged.items()},
    )
    failures, related = [pl.DataFrame(schema=FAILURE_SCHEMA)], [pl.DataFrame(schema=RELATED_SCHEMA)]
    for result in results:
        own = failing.get(result.rule)
        if own is not None and feed in own.rows and result.rule in seen:
            failures.append(_failures(own.rows[feed], seen[result.rule], result))
            related += [own.related[feed]] if feed in own.related else []
    return Audited(run, feed, results, pl.concat(failures), pl.concat(related))


def staged_rows(connection: Connection, *, feeds: Sequence[str]) -> dict[str, Staged]:
    """Return how many rows are staged per feed, table and data element.

    Raises `BrokenRuleError` where rows of other feeds are staged.
    """
    staged: dict[str, dict[str, dict[str | None, int]]] = {}
    for name, table in STAGING.items():
        codes = [table.c.data_element] if "data_element" in table.c else []
        query = select(table.c.feed, func.count(), *codes).group_by(table.c.feed, *codes)
        for feed, rows, *element in connection.execute(query):
            if feed not in feeds:
                raise BrokenRuleError(
                    f"table {table.name} holds rows of another feed than {', '.join(feeds)}"
                )
            staged.setdefault(feed, {}).setdefault(str(name), {})[element[0] if element else None] = int(rows)
    return dict(staged)


def _check_alone(connection: Connection, feeds: Sequence[str]) -> None:
    """Raise where rows of other feeds are staged, as `staged_rows` does."""
    for table in STAGING.values():
        other = select(table.c.feed).where(or_(table.c.feed.not_in(feeds), table.c.feed.is_(None)))
        if connection.execute(other.limit(1)).first() is not None:
            raise BrokenRuleError(f"table {table.name} holds rows of another feed than {', '.join(feeds)}")


def _together(staged: Mapping[str, Staged]) -> Staged:
    """Return the rows of all feeds together, per table and data element."""
    total: dict[str, dict[str | None, int]] = {}
    for tables in staged.values():
        for table, counts in tables.items():
            for element, rows in counts.items():
                known = total.setdefault(table, {})
                known[element] = known.get(element, 0) + rows
    return total


def _refresh_statistics(connection: Connection, staged: Staged) -> None:
    """Tell the database how much is staged, or it joins as if a freshly filled table were empty.

    A sample of a tenth of PostgreSQL's usual one tells joins apart, in a seventh of the time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL default_statistics_target = 10"))
    for table in staged:
        connection.execute(text(f"ANALYZE {STAGING[table].name}"))


def _rows(rule: Rule, staged: Staged) -> int:
    counts = staged.get(rule.table, {})
    return sum(counts.get(code, 0) for code in rule.rows) if rule.rows else sum(counts.values())


def _counted(rule: Rule, rows: int, failing: _Failing | None, feed: str) -> RuleResult:
    """Return what `rule` found in `feed`, with the severity that the rule has."""
    return RuleResult(
        rule=rule.id,
        table=rule.table,
        column=rule.column,
        element=rule.element,
        category=rule.category,
        context=rule.context,
        severity=rule.severity,
        rows=rows,
        failed=failing.rows[feed].height if failing and feed in failing.rows else 0,
        waived=failing.waived[feed].height if failing and feed in failing.waived else 0,
        expected=rule.expected,
    )


def _failures(found: pl.DataFrame, rule: Rule, result: RuleResult) -> pl.DataFrame:
    return _with_constants(
        found,
        table=rule.table,
        rule=rule.id,
        column=rule.column,
        severity=result.severity,
        expected=rule.expected,
        element=rule.element,
    )


def failure_frame(found: Sequence[Any], **constants: str | None) -> pl.DataFrame:
    """Return rows of (id, source file, source row) as failures, with what is true of all of them."""
    return _with_constants(_keys(found), **constants)


def _keys(found: Sequence[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": pl.Series([row[0] for row in found], dtype=pl.String),
            "source_file": pl.Series([row[1] for row in found], dtype=pl.String),
            "source_row": pl.Series([row[2] for row in found], dtype=pl.Int64),
        }
    )


def _with_constants(keys: pl.DataFrame, **constants: str | None) -> pl.DataFrame:
    named = (pl.lit(value, pl.String).alias(name) for name, value in constants.items())
    return keys.with_columns(*named).select(FAILURE_SCHEMA.names())
