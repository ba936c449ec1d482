"""Rules that the dictionary and the code tables imply for the elements of a feed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Float, Integer, String, and_, not_, or_, select

from allpool.errors import MappingError
from allpool.etl.audit.moments import day_known, partial_dates
from allpool.etl.audit.rules import Between, InSet, NotNull, Rule, key_rule, native_rule
from allpool.etl.audit.uses import COMPONENT, Use, required_columns, uses
from allpool.mappings.dictionary import DataElement, Dictionary
from allpool.mappings.records import RecordType
from allpool.mappings.terminology import Terminology
from allpool.models import STAGING, Base

ANCHORS = "time_anchor"
GRADES = (0.0, 5.0)
"""CTCAE grades run from 1 to 5 (5 is death); centres write 0 for none. CTCAE v5.0, NCI 2017."""


def element_rules(
    table: str,
    *,
    present: Collection[str],
    dictionary: Dictionary,
    terminology: Terminology,
    records: Mapping[str, RecordType],
) -> Iterator[Rule]:
    """Yield the rules for `table` where the rows of a feed are about the elements `present`.

    Raises `MappingError` where the dictionary names a code table that does not exist.
    """
    if "data_element" in STAGING[table].c:
        yield _known(table, dictionary)
    unit_rows: dict[str, list[str]] = {}
    for use in uses(dictionary, records):
        rows = tuple(code for code in use.rows if code in present)
        if use.table != table or use.column not in STAGING[table].c or (use.rows and not rows):
            continue
        yield from _coded(use, rows, terminology)
        yield from _measured(use, rows)
        if use.element and use.element.unit and f"{use.column}_unit" in STAGING[table].c:
            unit_rows.setdefault(use.column, []).extend(rows)
    for column, codes in unit_rows.items():
        yield _unit_given(table, column, codes)
    yield from _anchored(table, terminology)
    yield from _required(table, present, dictionary, records)
    if table == "observation":
        yield _says_something(records)
        yield _absent_or_present()
    if table == COMPONENT:
        yield _component_says_something()


def possible(element: DataElement) -> tuple[float | None, float | None]:
    """Return the bounds that no value of `element` can lie outside, whatever a laboratory says.

    Nothing that the dictionary measures is below zero unless its plausible range is; a percentage ends at
    100 and a fraction at 1 unless its plausible range goes on (a BCR::ABL1 ratio does).
    """
    if element.id.endswith("grade"):
        return GRADES
    low = element.range.low if element.range else None
    high = element.range.high if element.range else None
    floor = None if low is not None and low < 0 else 0.0
    if element.unit == "%" and (high is None or high <= 100):
        return floor, 100.0
    if element.unit == "1" and high == 1:
        return floor, 1.0
    return floor, None


def _known(table: str, dictionary: Dictionary) -> Rule:
    return native_rule(
        InSet("data_element", tuple(sorted(dictionary.elements))),
        rule=f"{table}.data_element.known",
        table=table,
        category="conformance",
        severity="quarantine",
        expected="data_element is an element of the dictionary.",
    )


def _coded(use: Use, rows: tuple[str, ...], terminology: Terminology) -> Iterator[Rule]:
    column = STAGING[use.table].c[use.column]
    if use.codes is None or not isinstance(column.type, String):
        return
    if use.codes not in terminology:
        named = f"element {use.element.id}" if use.element else f"{use.table}.{use.column}"
        raise MappingError(f"{named} names the code table '{use.codes}', which does not exist")
    yield native_rule(
        InSet(use.column, tuple(terminology[use.codes].codes)),
        rule=_id(use, use.column, "code"),
        table=use.table,
        category="conformance",
        severity="quarantine",
        expected=f"{_title(use)} is a code of the table {use.codes}.",
        element=use.element.id if use.element else None,
        rows=rows,
    )


def _measured(use: Use, rows: tuple[str, ...]) -> Iterator[Rule]:
    staged = STAGING[use.table]
    element = use.element
    if element is None or not isinstance(staged.c[use.column].type, Float | Integer):
        return
    unit = f"{use.column}_unit"
    if element.unit and unit in staged.c:
        yield native_rule(
            InSet(unit, (element.unit,)),
            rule=_id(use, unit, "canonical"),
            table=use.table,
            category="conformance",
            severity="quarantine",
            expected=f"{_title(use)} is kept in {element.unit}.",
            element=element.id,
            rows=rows,
        )
    low, high = possible(element)
    if low is not None or high is not None:
        yield native_rule(
            Between(use.column, low, high),
            rule=_id(use, use.column, "possible"),
            table=use.table,
            category="plausibility",
            severity="quarantine",
            expected=f"{_title(use)} is {_span(low, high, element.unit)}: nothing else is possible.",
            element=element.id,
            rows=rows,
        )
    plausible = element.range
    if plausible and (plausible.low, plausible.high) != (low, high):
        doubtful = Between(use.column, plausible.low, plausible.high).failing(staged)
        if low is not None or high is not None:
            # what is impossible waits already, and is not asked about twice
            doubtful = and_(doubtful, not_(Between(use.column, low, high).failing(staged)))
        yield Rule(
            id=_id(use, use.column, "plausible"),
            table=use.table,
            column=use.column,
            category="plausibility",
            severity="warn",
            context="validation",
            expected=f"{_title(use)} is as a rule {_span(plausible.low, plausible.high, element.unit)}.",
            predicate=and_(doubtful, staged.c.data_element.in_(rows)) if rows else doubtful,
            element=element.id,
            rows=rows,
            source=plausible.source,
        )


def _unit_given(table: str, column: str, rows: list[str]) -> Rule:
    staged = STAGING[table]
    missing = and_(staged.c[column].is_not(None), staged.c[f"{column}_unit"].is_(None))
    about = tuple(dict.fromkeys(rows))
    return Rule(
        id=f"{table}.{column}_unit.given",
        table=table,
        column=f"{column}_unit",
        category="conformance",
        severity="quarantine",
        expected=f"{column} says its unit.",
        predicate=and_(missing, staged.c.data_element.in_(about)) if about else missing,
        rows=about,
    )


def _anchored(table: str, terminology: Terminology) -> Iterator[Rule]:
    for name in partial_dates(table):
        if f"{name}_anchor" in STAGING[table].c:
            yield native_rule(
                InSet(f"{name}_anchor", tuple(terminology[ANCHORS].codes)),
                rule=f"{table}.{name}_anchor.code",
                table=table,
                category="conformance",
                severity="quarantine",
                expected=f"{name} counts from an event of the table {ANCHORS}.",
            )


def _required(
    table: str,
    present: Collection[str],
    dictionary: Dictionary,
    records: Mapping[str, RecordType],
) -> Iterator[Rule]:
    staged = STAGING[table]
    dates = partial_dates(table)
    for (where, code), columns in required_columns(records).items():
        if where != table or (code is not None and code not in present):
            continue
        for column in sorted(columns):
            value = table == "observation" and column.startswith("value_")
            if value or (column in staged.c and not _nullable(table, column)):
                continue
            rows = (code,) if code else ()
            name = f"{table}.{column}.complete" + (f".{code}" if code else "")
            expected = f"{column} is given" + (f" for {dictionary[code].title['en']}." if code else ".")
            if column in dates:
                missing = ~day_known(staged, column)
                yield Rule(
                    id=name,
                    table=table,
                    column=f"{column}_date",
                    category="completeness",
                    severity="quarantine",
                    expected=expected,
                    predicate=and_(staged.c.data_element == code, missing) if code else missing,
                    element=code,
                    rows=rows,
                )
            else:
                yield native_rule(
                    NotNull(column),
                    rule=name,
                    table=table,
                    category="completeness",
                    severity="quarantine",
                    expected=expected,
                    element=code,
                    rows=rows,
                )


def _says_something(records: Mapping[str, RecordType]) -> Rule:
    """An observation without value, category, reason for its absence or component says nothing."""
    row, component = STAGING["observation"].alias(), STAGING[COMPONENT].alias()
    dated_only = [
        code
        for (table, code), columns in required_columns(records).items()
        if table == "observation" and code and columns and not any(map(_value_column, columns))
    ]
    empty = (
        select(row.c.id)
        .select_from(row.outerjoin(component, component.c.observation_id == row.c.id))
        .where(
            *(row.c[column].is_(None) for column in _values("observation")),
            row.c.data_absent_reason.is_(None),
            row.c.interpretation.is_(None),
            row.c.data_element.not_in(dated_only),
            component.c.id.is_(None),
        )
    )
    return key_rule(
        empty,
        rule="observation.value.given",
        table="observation",
        column="value",
        category="completeness",
        severity="quarantine",
        expected="An observation has a value, a category, or the reason why it has none.",
    )


def _absent_or_present() -> Rule:
    staged = STAGING["observation"]
    return Rule(
        id="observation.data_absent_reason.obs-6",
        table="observation",
        column="data_absent_reason",
        category="conformance",
        severity="quarantine",
        expected="A reason for absence stands only where there is no value.",
        predicate=and_(
            staged.c.data_absent_reason.is_not(None),
            or_(*(staged.c[column].is_not(None) for column in _values("observation"))),
        ),
        source="FHIR R4, Observation, invariant obs-6",
    )


def _component_says_something() -> Rule:
    staged = STAGING[COMPONENT]
    return Rule(
        id=f"{COMPONENT}.value.given",
        table=COMPONENT,
        column="value",
        category="completeness",
        severity="quarantine",
        expected="A component has a value.",
        predicate=and_(*(staged.c[column].is_(None) for column in _values(COMPONENT))),
    )


def _values(table: str) -> list[str]:
    """Return the columns of which one holds the value."""
    names = ("value_quantity", "value_concept", "value_string", "value_boolean", "value_integer")
    return [*names, *(["value_date_date"] if "value_date_date" in STAGING[table].c else [])]


def _value_column(column: str) -> bool:
    return column.startswith("value_")


def _nullable(table: str, column: str) -> bool:
    return bool(Base.metadata.tables[table].c[column].nullable)


def _id(use: Use, column: str, kind: str) -> str:
    name = f"{use.table}.{column}.{kind}"
    if use.element is not None:
        return f"{name}.{use.element.id}"
    return f"{name}.of-{use.codes}" if use.rows else name


def _title(use: Use) -> str:
    return use.element.title["en"] if use.element else use.column


def _span(low: float | None, high: float | None, unit: str | None) -> str:
    of = f" {unit}" if unit and unit != "1" else ""
    if low is None:
        return f"at most {high:g}{of}"
    if high is None:
        return f"at least {low:g}{of}"
    return f"from {low:g} to {high:g}{of}"
