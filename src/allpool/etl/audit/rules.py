"""What a rule of the audit is: one question about one staging table, in SQL that selects the failing rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, Table, and_, or_

from allpool.models import STAGING

Category = Literal["conformance", "completeness", "plausibility"]
"""Kahn's categories. Kahn MG et al., EGEMS 2016;4(1):1244, doi 10.13063/2327-9214.1244."""
Context = Literal["verification", "validation"]
"""Kahn's contexts: against what the data say of themselves, or against a source outside them."""
Severity = Literal["block", "quarantine", "warn"]
"""`block` stops the feed, `quarantine` holds the row back, `warn` only counts."""


@dataclass(frozen=True)
class NotNull:
    """The column is never empty."""

    column: str

    def failing(self, table: Table) -> ColumnElement[bool]:
        """Return what is true for a row of `table` that breaks this."""
        return table.c[self.column].is_(None)


@dataclass(frozen=True)
class InSet:
    """The column holds one of these values, or nothing."""

    column: str
    values: tuple[str, ...]

    def failing(self, table: Table) -> ColumnElement[bool]:
        """Return what is true for a row of `table` that breaks this."""
        column = table.c[self.column]
        return and_(column.is_not(None), column.not_in(self.values))


@dataclass(frozen=True)
class Between:
    """The column lies within the bounds, both included, or is empty."""

    column: str
    low: float | None = None
    high: float | None = None

    def failing(self, table: Table) -> ColumnElement[bool]:
        """Return what is true for a row of `table` that breaks this."""
        column = table.c[self.column]
        outside = [column < self.low] if self.low is not None else []
        return or_(*outside, *([column > self.high] if self.high is not None else []))


Native = NotNull | InSet | Between
"""The questions that Great Expectations has an expectation of its own for."""


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule.

    `predicate` is true for the rows that fail, on SQLite and on PostgreSQL. A rule that looks into other
    tables or rows has `keys`, a query of the ids that fail, over aliases; its predicate says that the row's
    id is one of them. Never a subquery that leans on the row at hand: staging tables have next to no indexes,
    and a database would run it once per row.
    """

    id: str
    table: str
    column: str
    """The column at fault."""
    category: Category
    severity: Severity
    expected: str
    """What would have been right, as a sentence for the centre; names no value."""
    predicate: ColumnElement[bool]
    context: Context = "verification"
    element: str | None = None
    """The dictionary's element that the column holds, where it holds one."""
    rows: tuple[str, ...] = ()
    """Values of `data_element` that the rule is about; empty for all rows of the table."""
    native: Native | None = None
    keys: Select[Any] | None = None
    others: Select[Any] | None = None
    """Of a rule that looks into other rows: `id` of each row that fails, with `other_table`, `other_id` and
    `other_column` of the cells that contradict it; of some rows several, of a missing companion none."""
    beside: tuple[str, ...] = ()
    """Other columns of the same row that take part in the contradiction; of an observation also the elements
    of its components."""
    source: str | None = None
    title: Mapping[Any, str] | None = None
    """Language -> what is wrong, where the rule is an entry of a data file."""
    words: Mapping[Any, str] | None = None
    """Language -> `expected`, there too."""


def native_rule(
    check: Native,
    *,
    rule: str,
    table: str,
    category: Category,
    severity: Severity,
    expected: str,
    context: Context = "verification",
    element: str | None = None,
    rows: Iterable[str] = (),
    source: str | None = None,
) -> Rule:
    """Return a rule that Great Expectations checks by one of its own expectations.

    Where the rule is about the rows of one element, both sides read them through the staging index; about
    the rows of several, one pass over the table with the other rules is faster, so it is not native then.
    """
    staged = STAGING[table]
    about = tuple(rows)
    failing = check.failing(staged)
    return Rule(
        id=rule,
        table=table,
        column=check.column,
        category=category,
        severity=severity,
        expected=expected,
        predicate=and_(failing, staged.c.data_element.in_(about)) if about else failing,
        context=context,
        element=element,
        rows=about,
        native=check if len(about) < 2 else None,
        source=source,
    )


def key_rule(
    keys: Select[Any],
    *,
    rule: str,
    table: str,
    column: str,
    category: Category,
    severity: Severity,
    expected: str,
    context: Context = "verification",
    element: str | None = None,
    rows: Iterable[str] = (),
    source: str | None = None,
    others: Select[Any] | None = None,
    title: Mapping[Any, str] | None = None,
    words: Mapping[Any, str] | None = None,
) -> Rule:
    """Return a rule that looks into other tables or rows; `keys` selects one column, the ids that fail."""
    return Rule(
        id=rule,
        table=table,
        column=column,
        category=category,
        severity=severity,
        expected=expected,
        predicate=STAGING[table].c.id.in_(keys),
        context=context,
        element=element,
        rows=tuple(rows),
        keys=keys,
        others=others,
        source=source,
        title=title,
        words=words,
    )
