"""When something happened (a partial date, or days from an anchor), and which of two came first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, and_, extract, or_

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
