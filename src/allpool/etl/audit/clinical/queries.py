"""Clinical rules as SQL: the ids that fail, and the other cells that take part in each contradiction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Date,
    Float,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from allpool.etl.audit.clinical.conditions import OTHER
from allpool.etl.audit.clinical.forms import (
    DAYS,
    KEYS,
    Companion,
    ElapsedForm,
    Form,
    GroupForm,
    OrderForm,
    OverlapForm,
    PairForm,
    RowForm,
    Side,
    TotalForm,
    read_by,
    read_of,
)
from allpool.etl.audit.clinical.predicates import Scope, all_of
from allpool.etl.audit.clinical.published import Published
from allpool.etl.audit.clinical.selects import STUDIES, rows_of
from allpool.etl.audit.moments import DAY as DAY_KNOWN
from allpool.etl.audit.moments import Moment, before, days_between, fewest_days, moment, most_days

EPOCH: Final = date(2000, 1, 1)
"""Any day would do: ends of periods are compared as days since."""
FEW: Final = 10
"""Elements; the rows of more are most of the table, which is then read as it is."""
OTHERS: Final = ("id", "other_table", "other_id", "other_column")


@dataclass(frozen=True)
class Queries:
    """What a rule asks: `keys` has the column `id`, `others` those of `OTHERS`."""

    keys: Select[Any]
    others: Select[Any] | None


def queries(row: Side, column: str, form: Form, *, published: Published | None = None) -> Queries:
    """Return the queries of a form for the rows of `row`; `column` is the column at fault."""
    many = not row.elements or len(row.elements) > FEW
    whole = many and not row.where and not any(other.pick for other in form.companions())
    rows = rows_of(row, read_by(form), distinct=not whole)

    def beside(other: Companion) -> FromClause:
        # what belongs to the same record is staged with it
        known = published is not None and (other.table == STUDIES or published.patients)
        earlier = published if known and "record" not in other.link else None
        return rows_of(other, read_of(form, other), published=earlier, beside=row)

    match form:
        case RowForm():
            return Queries(select(rows.c.id), None)
        case OrderForm():
            other = beside(form.other)
            return _together(rows, [(form.other, other)], [_wrong_order(form, rows, other)])
        case ElapsedForm():
            ends = [(other, beside(other)) for other in form.companions()]
            return _together(rows, ends, [_wrong_time(form, rows, ends)])
        case PairForm():
            present, absent = ([(one, beside(one)) for one in side] for side in (form.present, form.absent))
            return _together(rows, present, [], absent)
        case GroupForm() | TotalForm():
            return _grouped(row, column, rows, form)
        case OverlapForm():
            return _overlapping(row, column, rows, form)


def _together(
    rows: FromClause,
    present: Sequence[tuple[Companion, FromClause]],
    conditions: Iterable[ColumnElement[bool]],
    absent: Sequence[tuple[Companion, FromClause]] = (),
) -> Queries:
    source, known = rows, {companion.name: other for companion, other in present}
    for companion, other in present:
        source = source.join(other, _linked(companion, rows, other, known))
    for companion, other in absent:
        source = source.outerjoin(other, _linked(companion, rows, other, known))
    wrong = [*conditions, *(other.c.id.is_(None) for _, other in absent)]
    keys = select(rows.c.id).select_from(source).where(*wrong).distinct()
    found = [
        select(
            rows.c.id,
            literal(companion.table, String()).label("other_table"),
            other.c.id.label("other_id"),
            literal(companion.column, String()).label("other_column"),
        )
        .select_from(source)
        .where(*wrong)
        .distinct()
        for companion, other in present
    ]
    return Queries(keys, _either(found))


def _linked(
    companion: Companion, rows: FromClause, other: FromClause, known: Mapping[str, FromClause]
) -> ColumnElement[bool]:
    """Return what is true of a row and its companion."""
    links = [_same(name, rows, other) for name in companion.link]
    if not companion.compare:
        return and_(*links)
    return and_(*links, all_of(companion.compare, Scope(rows, {**known, OTHER: other})))


def _same(name: str, rows: FromClause, other: FromClause) -> ColumnElement[bool]:
    if name in KEYS:
        return rows.c[name] == other.c[name]
    return or_(rows.c[name] == other.c[name], and_(rows.c[name].is_(None), other.c[name].is_(None)))


def _wrong_order(form: OrderForm, rows: FromClause, other: FromClause) -> ColumnElement[bool]:
    first, second = moment(rows, form.date), moment(other, form.other_date)
    if form.fails == "after":
        first, second = second, first
    if form.more_than_days == 0:
        return before(first, second)
    return fewest_days(first, second) > literal(form.more_than_days)


def _wrong_time(
    form: ElapsedForm, rows: FromClause, ends: Sequence[tuple[Companion, FromClause]]
) -> ColumnElement[bool]:
    (_, since), *until = ends
    then = moment(since, form.since_date)
    now = moment(until[0][1], str(form.until_date)) if until else moment(rows, str(form.date))
    days = rows.c[form.value] * literal(DAYS[form.unit], Float())
    slack = literal(form.tolerance * DAYS[form.unit], Float())
    return or_(days < fewest_days(then, now) - slack, days > most_days(then, now) + slack)


def _grouped(row: Side, column: str, rows: FromClause, form: GroupForm | TotalForm) -> Queries:
    """Return the rows of the groups that are wrong; beside each stands another of its group."""
    known = [rows.c[name].is_not(None) for name in form.by if name in KEYS]
    by = [rows.c[name] for name in form.by]
    each = func.count().over(partition_by=[*by, rows.c.data_element]) if _whole(form) else literal(1)
    once = select(rows, each.label("repeated")).where(*known).subquery()
    group = [once.c[name] for name in form.by]
    counted = select(
        once.c.id,
        func.min(once.c.id).over(partition_by=group).label("first_id"),
        func.max(once.c.id).over(partition_by=group).label("last_id"),
        *(measure.over(partition_by=group).label(name) for name, measure in _measures(form, once)),
    ).subquery()
    wrong = _wrong_group(form, counted, len(row.elements))
    another = case((counted.c.id == counted.c.first_id, counted.c.last_id), else_=counted.c.first_id)
    others = (
        select(
            counted.c.id,
            literal(row.table, String()).label("other_table"),
            another.label("other_id"),
            literal(column, String()).label("other_column"),
        )
        .where(wrong, counted.c.first_id != counted.c.last_id)
        .distinct()
    )
    return Queries(select(counted.c.id).where(wrong).distinct(), others)


def _whole(form: GroupForm | TotalForm) -> bool:
    return isinstance(form, TotalForm) and form.whole


def _measures(form: GroupForm | TotalForm, rows: FromClause) -> Iterator[tuple[str, Any]]:
    yield "members", func.count()
    if isinstance(form, TotalForm):
        yield "total", func.sum(rows.c[form.of])
        yield "most_repeated", func.max(rows.c.repeated)
    elif form.distinct is not None:
        said = cast(rows.c[form.distinct], String())  # a database has no greatest boolean
        yield "least", func.min(said)
        yield "greatest", func.max(said)


def _wrong_group(form: GroupForm | TotalForm, groups: FromClause, elements: int) -> ColumnElement[bool]:
    if isinstance(form, GroupForm):
        if form.distinct is not None:
            return groups.c.least != groups.c.greatest
        return groups.c.members > literal(form.more_than)
    outside = [groups.c.total > literal(form.above, Float())] if form.above is not None else []
    outside += [groups.c.total < literal(form.below, Float())] if form.below is not None else []
    if not form.whole:
        return or_(*outside)
    return and_(groups.c.members == literal(elements), groups.c.most_repeated == literal(1), or_(*outside))


def _overlapping(row: Side, column: str, rows: FromClause, form: OverlapForm) -> Queries:
    """Return the periods that begin before an earlier one ended: one pass in the order of their starts."""
    start, end = moment(rows, form.start), moment(rows, form.end)
    calendar = start.anchor if start.anchor is not None else literal("", String())
    each = (
        select(
            rows.c.id,
            rows.c.patient,
            func.coalesce(calendar, "").label("calendar"),
            func.coalesce(cast(rows.c[form.of], String()), rows.c.id).label("period"),
            _number(start).label("start"),
            _number(end).label("end"),
        )
        .where(_number(start).is_not(None), _number(end).is_not(None))
        .distinct()
        .subquery()
    )
    placed = (
        select(
            func.min(each.c.id).label("id"),
            each.c.patient,
            each.c.calendar,
            func.min(each.c.start).label("start"),
            func.max(each.c.end).label("end"),
        )
        .group_by(each.c.patient, each.c.calendar, each.c.period)
        .subquery()
    )
    until = func.max(placed.c.end).over(
        partition_by=[placed.c.patient, placed.c.calendar],
        order_by=[placed.c.start, placed.c.end, placed.c.id],
        rows=(None, -1),
    )
    running = select(placed, until.label("until")).subquery()
    wrong = running.c.until - running.c.start > literal(form.more_than_days)
    earlier = placed.alias()
    joined = running.join(
        earlier,
        and_(
            earlier.c.patient == running.c.patient,
            earlier.c.calendar == running.c.calendar,
            earlier.c.end == running.c.until,
            earlier.c.start <= running.c.start,
            earlier.c.id != running.c.id,
        ),
    )
    others = (
        select(
            running.c.id,
            literal(row.table, String()).label("other_table"),
            earlier.c.id.label("other_id"),
            literal(column, String()).label("other_column"),
        )
        .select_from(joined)
        .where(wrong)
        .distinct()
    )
    return Queries(select(running.c.id).where(wrong), others)


def _number(found: Moment) -> ColumnElement[Any]:
    """Return a moment that is known to the day as a number of days."""
    day: Any = case((found.precision.in_(DAY_KNOWN), days_between(literal(EPOCH, Date()), found.date)))
    calendar = cast(day, Float())
    return calendar if found.offset is None else func.coalesce(calendar, found.offset)


def _either(found: Sequence[Select[Any]]) -> Select[Any] | None:
    if len(found) < 2:
        return found[0] if found else None
    every = union_all(*found).subquery()
    return select(*(every.c[name] for name in OTHERS))
