"""When something happened (a partial date, or days from an anchor), and which of two came first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    String,
    Table,
    and_,
    case,
    cast,
    extract,
    func,
    or_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from allpool.models import child_classes, resource_classes

DAY = ("day", "second")


@dataclass(frozen=True)
class Moment:
    """The columns of one partial date in a table, alias or subquery."""

    date: ColumnElement[Any]
    precision: ColumnElement[Any]
    offset: ColumnElement[Any] | None = None
    anchor: ColumnElement[Any] | None = None


def moment(source: FromClause, name: str) -> Moment:
    """Return the partial date `name` of `source`."""
    columns = source.c
    relative = f"{name}_offset_days" in columns
    return Moment(
        columns[f"{name}_date"],
        columns[f"{name}_precision"],
        columns[f"{name}_offset_days"] if relative else None,
        columns[f"{name}_anchor"] if relative else None,
    )


def partial_dates(table: str) -> tuple[str, ...]:
    """Return the names of the partial dates that a resource or child table declares."""
    for cls in (*resource_classes(), *child_classes()):
        if cls.__tablename__ == table:
            composites = getattr(cls, "composites", {})
            return tuple(name for name, found in composites.items() if found.kind == "partial_date")
    return ()


def day_known(table: Table, name: str) -> ColumnElement[bool]:
    """Return what is true where the partial date is known at all, by calendar or by offset."""
    found = moment(table, name)
    calendar = found.date.is_not(None)
    return calendar if found.offset is None else or_(calendar, found.offset.is_not(None))


def before(first: Moment, second: Moment) -> ColumnElement[bool]:
    """Return what is true where `first` certainly lies before `second`.

    A date known to its year or month is before another only where no day of that year or month could be
    the same or later. Two relative times compare where they count from the same anchor; a calendar date and
    a relative time never do, since that would need a date that nobody gave.
    """
    year = extract("year", first.date) - extract("year", second.date)
    month = extract("month", first.date) - extract("month", second.date)
    earlier: ColumnElement[bool] = first.date < second.date
    calendar = and_(
        earlier,
        or_(
            first.precision.in_(DAY),
            and_(first.precision == "month", or_(year < 0, and_(year == 0, month < 0))),
            and_(first.precision == "year", year < 0),
        ),
    )
    if first.offset is None or second.offset is None or first.anchor is None or second.anchor is None:
        return calendar
    return or_(calendar, and_(first.anchor == second.anchor, first.offset < second.offset))


def same_day(first: Moment, second: Moment) -> ColumnElement[bool]:
    """Return what is true where both are known to the day and are the same day."""
    calendar = and_(first.date == second.date, first.precision.in_(DAY), second.precision.in_(DAY))
    if first.offset is None or second.offset is None or first.anchor is None or second.anchor is None:
        return calendar
    return or_(calendar, and_(first.anchor == second.anchor, first.offset == second.offset))


def day_key(found: Moment) -> ColumnElement[Any]:
    """Return a text that two moments share where they are the same day: one key for a database to join by."""
    calendar: ColumnElement[Any] = case((found.precision.in_(DAY), cast(found.date, String)))
    if found.offset is None or found.anchor is None:
        return calendar
    relative: Any = case((found.offset.is_not(None), found.anchor + ":" + cast(found.offset, String)))
    return func.coalesce(calendar, relative)


def days_apart(first: Moment, second: Moment) -> ColumnElement[Any]:
    """Return the days from `first` to `second` where both are known to the day, else NULL."""
    calendar: ColumnElement[Any] = case(
        (and_(first.precision.in_(DAY), second.precision.in_(DAY)), days_between(first.date, second.date))
    )
    if first.offset is None or second.offset is None or first.anchor is None or second.anchor is None:
        return calendar
    relative: Any = case((first.anchor == second.anchor, second.offset - first.offset))
    return func.coalesce(calendar, relative)


def fewest_days(first: Moment, second: Moment) -> ColumnElement[Any]:
    """Return the fewest days that can lie between two moments; a month may be its last day, a year too.

    Dates of a month or year are kept as its first day.
    """
    calendar = days_between(first.date, second.date) - _slack(first)
    if first.offset is None or second.offset is None or first.anchor is None or second.anchor is None:
        return calendar
    relative: Any = case((first.anchor == second.anchor, second.offset - first.offset))
    return func.coalesce(calendar, relative)


def most_days(first: Moment, second: Moment) -> ColumnElement[Any]:
    """Return the most days that can lie between two moments."""
    calendar = days_between(first.date, second.date) + _slack(second)
    if first.offset is None or second.offset is None or first.anchor is None or second.anchor is None:
        return calendar
    relative: Any = case((first.anchor == second.anchor, second.offset - first.offset))
    return func.coalesce(calendar, relative)


def _slack(found: Moment) -> ColumnElement[Any]:
    """Return how many days later than its first day a month or year may end."""
    return case((found.precision == "month", 30), (found.precision == "year", 365), else_=0)


class days_between(FunctionElement[float]):  # noqa: N801 # as SQL functions are written
    """The days from the first date to the second, on any database."""

    name = "days_between"
    type = Float()
    inherit_cache = True


@compiles(days_between)
def _subtracted(element: Any, compiler: Any, **more: Any) -> str:
    first, second = (compiler.process(clause, **more) for clause in element.clauses)
    return f"(({second}) - ({first}))"


@compiles(days_between, "sqlite")
def _julian(element: Any, compiler: Any, **more: Any) -> str:
    first, second = (compiler.process(clause, **more) for clause in element.clauses)
    return f"(julianday({second}) - julianday({first}))"
