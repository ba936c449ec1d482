"""The audit of what a feed has staged: which rules hold, and which rows break those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Engine, func, select, text

from allpool.errors import BrokenRuleError
from allpool.etl.audit.generated import Staged, rules_for
from allpool.etl.audit.rules import Category, Context, Rule, Severity
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
class RuleResult:
    """What one rule found; `severity` is that in force once the thresholds were looked at."""

    rule: str
    table: str
    column: str
    element: str | None
    category: Category
    context: Context
    severity: Severity
    rows: int
    failed: int
    expected: str

    @property
    def success(self) -> bool:
        """Whether no row failed."""
        return self.failed == 0


@dataclass(frozen=True)
class Audited:
    """The result of an audit."""

    run: int
    feed: str
    results: tuple[RuleResult, ...]
    failures: pl.DataFrame

    @property
    def blocked(self) -> tuple[RuleResult, ...]:
        """The failed rules that stop the feed."""
        return self._failed("block")

    @property
    def warned(self) -> tuple[RuleResult, ...]:
        """The failed rules that only count."""
        return self._failed("warn")

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
    feed: str,
    run: int,
    dictionary: Dictionary,
    terminology: Terminology,
    today: date,
    thresholds: Thresholds | None = None,
    records: Mapping[str, RecordType] | None = None,
) -> Audited:
    """Audit what `feed` has staged (and committed), for run number `run`; no row is changed.

    `today` is the day of the run. `records` defaults to the record types that ship with allpool.
    Raises `BrokenRuleError` where a rule cannot be evaluated, where Great Expectations and our own query of
    the failing rows disagree, or where another feed's rows are staged too.
    """
    with engine.begin() as connection:
        staged = staged_rows(connection, feed=feed)
        _refresh_statistics(connection, staged)
    rules = rules_for(staged, dictionary=dictionary, terminology=terminology, today=today, records=records)
    counts = failing_counts(engine, rules)
    results = tuple(
        _result(rule, rows=_rows(rule, staged), failed=counts[rule.id], thresholds=thresholds)
        for rule in rules
    )
    with engine.connect() as connection:
        frames = [
            _failing_rows(connection, rule, result)
            for rule, result in zip(rules, results, strict=True)
            if not result.success
        ]
    return Audited(run, feed, results, pl.concat(frames) if frames else pl.DataFrame(schema=FAILURE_SCHEMA))


def staged_rows(connection: Connection, *, feed: str) -> Staged:
    """Return how many rows are staged per table and data element.

    Raises `BrokenRuleError` where rows of another feed are staged.
    """
    staged: dict[str, dict[str | None, int]] = {}
    for name, table in STAGING.items():
        other = select(table.c.id).where(table.c.feed != feed).limit(1)
        if connection.execute(other).first() is not None:
            raise BrokenRuleError(f"table {table.name} holds rows of another feed than {feed}")
        if "data_element" in table.c:
            code = table.c.data_element
            counted = connection.execute(select(code, func.count()).group_by(code)).all()
            counts = {element: int(rows) for element, rows in counted}
        else:
            rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
            counts = {None: int(rows)} if rows else {}
        if counts:
            staged[str(name)] = counts
    return staged


def _refresh_statistics(connection: Connection, staged: Staged) -> None:
    """Tell the database how much is staged, or it joins as if a freshly filled table were empty."""
    for table in staged:
        connection.execute(text(f"ANALYZE {STAGING[table].name}"))


def _rows(rule: Rule, staged: Staged) -> int:
    counts = staged[rule.table]
    return sum(counts.get(code, 0) for code in rule.rows) if rule.rows else sum(counts.values())


def _result(rule: Rule, *, rows: int, failed: int, thresholds: Thresholds | None) -> RuleResult:
    return RuleResult(
        rule=rule.id,
        table=rule.table,
        column=rule.column,
        element=rule.element,
        category=rule.category,
        context=rule.context,
        severity=(thresholds or Thresholds()).severity(rule, failed=failed, rows=rows),
        rows=rows,
        failed=failed,
        expected=rule.expected,
    )


def _failing_rows(connection: Connection, rule: Rule, result: RuleResult) -> pl.DataFrame:
    """Select the keys of the rows that fail `rule`, never the library's truncated list of them."""
    table = STAGING[rule.table]
    found: Sequence[Any] = connection.execute(
        select(table.c.id, table.c.source_file, table.c.source_row).where(rule.predicate).order_by(table.c.id)
    ).all()
    count = len(found) if rule.keys is None else len({row.id for row in found})
    if count != result.failed:
        raise BrokenRuleError(
            f"rule {rule.id}: Great Expectations counts {result.failed} failing rows, our query {count}"
        )
    return failure_frame(
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
    keys = {
        "id": pl.Series([row[0] for row in found], dtype=pl.String),
        "source_file": pl.Series([row[1] for row in found], dtype=pl.String),
        "source_row": pl.Series([row[2] for row in found], dtype=pl.Int64),
    }
    return (
        pl.DataFrame(keys)
        .with_columns(*(pl.lit(value, pl.String).alias(name) for name, value in constants.items()))
        .select(FAILURE_SCHEMA.names())
    )
