"""Rules that the tables' own declarations imply: what must be there, refer to something, be well formed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, FromClause, and_, func, not_, or_, select

from allpool.etl.audit.bindings import BINDINGS, COMPARATORS
from allpool.etl.audit.moments import before, moment, partial_dates
from allpool.etl.audit.rules import Category, InSet, NotNull, Rule, Severity, key_rule, native_rule
from allpool.models import STAGING, Base, child_classes, fhir_element, resource_classes

PRECISIONS: Final = ("year", "month", "day", "second")
PUBLISHED_LATER: Final = frozenset({"version", "run"})
"""Columns that publishing fills."""
OUR_OWN: Final = frozenset({"id", "content_hash", "feed"})
"""Columns that no source can leave empty: where one is, allpool is at fault, and nothing of it is let in."""
EARLIEST: Final = date(1900, 1, 1)
"""No patient of a study on blinatumomab (first given in 2001) was born, diagnosed or treated before."""
PLANNED: Final = frozenset({("research_study", "period_end"), ("research_subject", "period_end")})
"""Dates that may lie ahead: a study's planned end, and with it that of a patient's part in it."""
PERIODS: Final = (
    ("research_study", "period_start", "period_end"),
    ("research_subject", "period_start", "period_end"),
    ("medication_administration", "effective_start", "effective_end"),
    ("medication_administration", "interruption_start", "interruption_end"),
    ("adverse_event", "date", "end"),
)
"""(table, start, end)."""


def structure_rules(table: str, *, today: date) -> Iterator[Rule]:
    """Yield the rules that the declaration of `table` implies; `today` is the day no event can lie after."""
    yield from _required(table)
    yield from _bound(table)
    yield _unique(table)
    yield from _references(table)
    for name in partial_dates(table):
        yield from _date_form(table, name)
        yield from _date_bounds(table, name, today)
    for where, start, end in PERIODS:
        if where == table:
            yield _period(table, start, end)


def _required(table: str) -> Iterator[Rule]:
    for column in Base.metadata.tables[table].c:
        if column.nullable or column.name in PUBLISHED_LATER:
            continue
        yield native_rule(
            NotNull(str(column.name)),
            rule=f"{table}.{column.name}.required",
            table=table,
            category="conformance",
            severity="block" if column.name in OUR_OWN else "quarantine",
            expected=f"{column.name} is given in every row of {table}.",
        )


def _bound(table: str) -> Iterator[Rule]:
    staged = STAGING[table]
    sets = {column: codes for (where, column), codes in BINDINGS.items() if where == table}
    for column in map(str, staged.columns.keys()):
        element = fhir_element(staged, column)
        if element is not None and element.part == "precision":
            sets[column] = PRECISIONS
        elif column.endswith("_comparator"):
            sets[column] = COMPARATORS
    for column, codes in sets.items():
        yield native_rule(
            InSet(column, codes),
            rule=f"{table}.{column}.binding",
            table=table,
            category="conformance",
            severity="quarantine",
            expected=f"{column} is one of {', '.join(codes)}.",
            source="FHIR R4, required binding" if (table, column) in BINDINGS else None,
        )


def _unique(table: str) -> Rule:
    row = STAGING[table].alias()
    twice = select(row.c.id).group_by(row.c.id, row.c.feed).having(func.count() > 1)
    return key_rule(
        twice,
        rule=f"{table}.id.unique",
        table=table,
        column="id",
        category="conformance",
        severity="block",
        expected=f"No two rows of {table} in one feed are the same record.",
    )


def _references(table: str) -> Iterator[Rule]:
    """Yield one rule per reference: its target is staged with this feed, or was published before."""
    tables = {cls.resource_type: cls.__tablename__ for cls in resource_classes()}
    staged = STAGING[table]
    for column in map(str, staged.columns.keys()):
        element = fhir_element(staged, column)
        if element is None or element.target is None:
            continue
        target = tables[element.target]
        row, now, then = staged.alias(), _staged_ids(table, target), Base.metadata.tables[target].alias()
        yield key_rule(
            select(row.c.id)
            .select_from(
                row.outerjoin(now, now.c.id == row.c[column]).outerjoin(then, then.c.id == row.c[column])
            )
            .where(row.c[column].is_not(None), now.c.id.is_(None), then.c.id.is_(None)),
            rule=f"{table}.{column}.reference",
            table=table,
            column=column,
            category="conformance",
            severity="quarantine",
            expected=f"The {target} that {column} refers to is delivered with it, or was published before.",
        )


def _staged_ids(table: str, target: str) -> FromClause:
    """Return the staged ids of `target`; of a child's parents only those with children, which are few."""
    now = STAGING[target].alias()
    for child in child_classes():
        if child.__tablename__ == table and child.parent.__tablename__ == target:
            referring = STAGING[table].alias()
            parent = next(
                column
                for column in map(str, referring.columns.keys())
                if (element := fhir_element(STAGING[table], column)) and element.path == ".."
            )
            return select(now.c.id).where(now.c.id.in_(select(referring.c[parent]))).distinct().subquery()
    return now


def _date_form(table: str, name: str) -> Iterator[Rule]:
    staged = STAGING[table]
    found = moment(staged, name)
    known = found.date.is_not(None)
    yield _row(
        table, f"{name}_precision", "pair", known != found.precision.is_not(None),
        f"{name} has a date and says how precise it is, or has neither.",
    )  # fmt: skip
    if f"{name}_time" in staged.c:
        time = staged.c[f"{name}_time"]
        formed = or_(time.like("__:__:__+__:__"), time.like("__:__:__-__:__"))
        yield _row(
            table, f"{name}_time", "form",
            and_(time.is_not(None), or_(not_(known), found.precision != "second", not_(formed))),
            f"{name} has a time of day only with its date, as hours:minutes:seconds and UTC offset.",
        )  # fmt: skip
    if found.offset is None or found.anchor is None:
        return
    relative = found.offset.is_not(None)
    yield _row(
        table, f"{name}_offset_days", "either", and_(known, relative),
        f"{name} is a calendar date or days from an anchor, not both.",
    )  # fmt: skip
    yield _row(
        table, f"{name}_anchor", "pair", relative != found.anchor.is_not(None),
        f"{name} in days says from which event they count.",
    )  # fmt: skip


def _date_bounds(table: str, name: str, today: date) -> Iterator[Rule]:
    column = moment(STAGING[table], name).date
    if (table, name) not in PLANNED:
        yield _row(
            table, f"{name}_date", "future", column > today,
            f"{name} is not later than the day of the run.", category="plausibility",
        )  # fmt: skip
    yield _row(
        table, f"{name}_date", "ancient", column < EARLIEST,
        f"{name} is not before {EARLIEST.year}.", category="plausibility",
    )  # fmt: skip


def _period(table: str, start: str, end: str) -> Rule:
    staged = STAGING[table]
    rule = _row(
        table, f"{end}_date", "order", before(moment(staged, end), moment(staged, start)),
        f"{end} is not before {start}.", category="plausibility",
    )  # fmt: skip
    return replace(rule, beside=(f"{start}_date",))


def _row(
    table: str,
    column: str,
    kind: str,
    predicate: ColumnElement[bool],
    expected: str,
    *,
    category: Category = "conformance",
    severity: Severity = "quarantine",
) -> Rule:
    return Rule(
        id=f"{table}.{column}.{kind}",
        table=table,
        column=column,
        category=category,
        severity=severity,
        expected=expected,
        predicate=predicate,
    )
