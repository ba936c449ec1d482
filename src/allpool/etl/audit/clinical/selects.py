"""The rows that a clinical rule is about, as one narrow subquery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    Table,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from allpool.etl.audit.clinical.forms import KEYS, PATIENT, Side
from allpool.etl.audit.clinical.predicates import Scope, all_of, often
from allpool.etl.audit.clinical.published import Published
from allpool.etl.audit.moments import day_key, moment, partial_dates
from allpool.models import STAGING, Base

COMPONENT: Final = "observation_component"
PATIENTS: Final[Mapping[str, str]] = {
    "patient": "id", "research_subject": "individual_id", "consent": "patient_id",
}  # fmt: skip
"""Table -> its reference to the patient, where that is not `subject_id`."""
DATES: Final[Mapping[str, str]] = {
    "patient": "birth",
    "research_subject": "period_start",
    "consent": "date_time",
    "condition": "onset",
    "specimen": "collected",
    "observation": "effective",
    "medication_administration": "effective_start",
    "procedure": "performed",
    "adverse_event": "date",
    "research_study": "period_start",
}
"""Table -> the partial date that says when."""
STUDIES: Final = "research_study"


def rows_of(
    side: Side,
    names: Iterable[str],
    *,
    published: Published | None = None,
    beside: Side | None = None,
    distinct: bool = True,
) -> FromClause:
    """Return the rows of `side`: `id`, `patient`, and the columns, dates and `KEYS` of `names`.

    Distinct, so that the database makes a small table of them and joins by its key. Otherwise SQLite can
    choose to walk all rows of an element, by the index on `data_element`, once per row of the other side.
    A whole table is read as it is (`distinct=False`), unless few rows are beside it.
    With `published`, rows of earlier nights of the patients who have rows of `beside` are among them.
    """
    wanted = tuple(dict.fromkeys((*side.names(), *names)))
    found: Select[Any] = _selected(side, wanted, STAGING)
    if published is not None and beside is not None:
        before = _selected(side, wanted, Base.metadata.tables, published=published, beside=beside)
        every = union_all(found, before).subquery()
        found = select(every)
    # Distinct within a window would mislead SQLite's guess of how many rows there are; and rows have ids.
    if side.pick:
        return _picked(side, found.subquery())
    return found.distinct().subquery() if distinct else found.subquery()


def columns_of(side: Side, names: Iterable[str]) -> Iterator[str]:
    """Yield the real columns behind names: a partial date has several, a number its comparator.

    Raises `KeyError` for a name that is neither a column, a date nor a part of `side`.
    """
    table = STAGING[side.table]
    dates = partial_dates(side.table)
    for name in names:
        if name in dates:
            parts = (f"{name}_{part}" for part in ("date", "precision", "offset_days", "anchor"))
            yield from (part for part in parts if part in table.c)
        elif name not in side.parts and name not in KEYS:
            yield str(table.c[name].name)
            if f"{name}_comparator" in table.c:
                yield f"{name}_comparator"


def patient_of(table: str, source: FromClause) -> ColumnElement[Any]:
    """Return the patient that the rows of `source` are about; none for studies and centres."""
    return source.c.get(PATIENTS.get(table, "subject_id"), null())


def _selected(
    side: Side,
    names: tuple[str, ...],
    tables: Mapping[str, Table],
    *,
    published: Published | None = None,
    beside: Side | None = None,
) -> Select[Any]:
    row = tables[side.table].alias()
    source: FromClause = row
    parts: list[ColumnElement[Any]] = []
    for name, part in side.parts.items():
        component = tables[COMPONENT]
        values = [component.c[part.column].label("value")]
        if f"{part.column}_comparator" in component.c:
            values.append(component.c[f"{part.column}_comparator"].label("comparator"))
        found = (
            select(component.c.observation_id, *values)
            .where(component.c.data_element == part.element, component.c[part.column].is_not(None))
            .distinct()
            .subquery()
        )
        source = source.outerjoin(found, found.c.observation_id == row.c.id)
        parts.append(found.c.value.label(name))
        if "comparator" in found.c:
            parts.append(found.c.comparator.label(f"{name}_comparator"))
    columns = dict.fromkeys(("id", *columns_of(side, names), *_when(side)))
    keys = {name: _key(name, side.table, row) for name in KEYS if name in (PATIENT, *names)}
    inner = select(
        *(row.c[name] for name in columns), *(key.label(name) for name, key in keys.items()), *parts
    ).select_from(source)
    if side.elements:
        inner = inner.where(row.c.data_element.in_(side.elements))
    if published is not None and beside is not None:
        inner = inner.where(*_kept(side, row, published, beside))
    rows = inner.subquery()
    every = select(rows)
    return every.where(often(all_of(side.where, Scope(rows)))) if side.where else every


def _key(name: str, table: str, row: FromClause) -> ColumnElement[Any]:
    """Return what rows can have in common, as `KEYS` says."""
    day = day_key(moment(row, DATES[table])) if table in DATES else null()
    match name:
        case "patient":
            return patient_of(table, row)
        case "occasion" if "course_number" in row.c:
            return func.coalesce(day, literal("course ", String()) + cast(row.c.course_number, String()))
        case "record":
            return row.c.observation_id if table == COMPONENT else row.c.id
        case "study":
            return row.c.identifier if table == STUDIES else row.c.study
    return day


def _when(side: Side) -> Iterator[str]:
    """Yield the columns that say when, where rows are picked by that."""
    if side.pick is not None:
        yield from columns_of(side, [DATES[side.table]])


def _kept(side: Side, row: FromClause, published: Published, beside: Side) -> Iterator[ColumnElement[bool]]:
    """Yield what is true of published rows that stay, and that matter."""
    staged = STAGING[side.table].alias()
    yield row.c.feed.not_in(published.replaced)
    yield row.c.id.not_in(select(staged.c.id))
    if side.table != STUDIES:
        ours = STAGING[beside.table].alias()
        patients = select(patient_of(beside.table, ours))
        if beside.elements:
            patients = patients.where(ours.c.data_element.in_(beside.elements))
        yield patient_of(side.table, row).in_(patients)


def _picked(side: Side, rows: FromClause) -> FromClause:
    when = moment(rows, DATES[side.table])
    keys = [when.date, *([when.offset] if when.offset is not None else [])]
    order = [key.desc() if side.pick == "last" else key.asc() for key in keys]
    calendar = [when.anchor] if when.anchor is not None else []
    place = func.row_number().over(partition_by=[rows.c.patient, *calendar], order_by=[*order, rows.c.id])
    dated = or_(*(key.is_not(None) for key in keys))
    numbered = select(rows, place.label("place")).where(often(dated)).subquery()
    # not `== 1`: SQLite takes a comparison with a constant for one row, and joins it without an index
    return select(numbered).where(often(numbered.c.place <= 1)).distinct().subquery()
