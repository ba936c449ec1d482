"""Generated rows of the published tables, within what the contract allows them to say."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Boolean, Float, Integer

from allpool.etl.fhir.serializer import LINEAGE
from allpool.models import Child, Resource, child_classes, resource_classes
from allpool.models.element import Element
from allpool.models.paths import PARENT, steps
from allpool.models.staging import table_of

Row = dict[str, Any]

IDS = st.uuids().map(str)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
SYSTEMS = st.sampled_from(["http://loinc.org", "http://snomed.info/sct", "urn:oid:1.2.3"])
DAYS = st.dates(date(1850, 1, 1), date(2100, 12, 31))
TIMES = st.sampled_from(["07:30:00+01:00", "00:00:00Z", "23:59:59.125-05:00"])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rows(draw: st.DrawFn, cls: type[Resource | Child]) -> Row:
    """A row of the class's table, without content hash."""
    table = table_of(cls)
    row: Row = dict.fromkeys(c.name for c in table.columns if c.name != "content_hash")
    values = sorted({steps(e.path)[0].name for e in elements(cls).values() if is_value(e)})
    value = draw(st.sampled_from(values)) if values else None
    for name, found in elements(cls).items():
        if is_value(found) and steps(found.path)[0].name != value:
            continue  # FHIR takes one type of value[x]
        if found.part == "date":
            row |= draw(dates(name.removesuffix("_date"), set(row), found.type))
        elif found.part == "value" and (not table.c[name].nullable or draw(st.booleans())):
            row[name] = draw(of_type(table.c[name].type, found))
    return row


def elements(cls: type[Resource | Child]) -> dict[str, Element]:
    return {name: c.info["fhir"] for name, c in table_of(cls).c.items() if name != "content_hash"}


def is_value(found: Element) -> bool:
    return found.path != PARENT and steps(found.path)[0].name.startswith("value")


def of_type(type_: object, found: Element) -> st.SearchStrategy[Any]:
    if found.target is not None or found.path == "id":
        return IDS
    if isinstance(type_, Boolean):
        return st.booleans()
    if isinstance(type_, Integer):
        return st.integers(1, 2**31 - 1)
    if isinstance(type_, Float):
        return FLOATS
    return SYSTEMS if found.type == "uri" else TEXT


@st.composite
def dates(draw: st.DrawFn, stem: str, columns: set[str], type_: str) -> Row:
    """The columns of a partial date: none, a date as precise as it is, or days from an anchor."""
    kinds = ["none", "year", "month", "day"]
    kinds += ["second"] if type_ == "dateTime" else []
    kinds += ["relative"] if f"{stem}_anchor" in columns else []
    kind = draw(st.sampled_from(kinds))
    if kind == "none":
        return {}
    if kind == "relative":
        return {
            f"{stem}_offset_days": draw(FLOATS),
            f"{stem}_anchor": draw(TEXT),
            f"{stem}_precision": draw(st.sampled_from([None, "day", "month"])),
        }
    day: date = draw(DAYS)
    first = {"year": day.replace(month=1, day=1), "month": day.replace(day=1)}.get(kind, day)
    found: Row = {f"{stem}_date": first, f"{stem}_precision": kind}
    return found | ({f"{stem}_time": draw(TIMES)} if kind == "second" else {})


@st.composite
def families(draw: st.DrawFn, cls: type[Resource]) -> tuple[Row, dict[str, list[Row]]]:
    """A resource's row with the rows of its parts; some parts have the lineage of their resource."""
    row = draw(rows(cls))
    parts: dict[str, list[Row]] = {}
    for child in child_classes():
        if child.parent is not cls:
            continue
        found = draw(st.lists(rows(child), max_size=3))
        parent = next(name for name, e in elements(child).items() if e.path == PARENT)
        for part in found:
            part[parent] = row["id"]
            if draw(st.booleans()):
                part |= {name: row[name] for name in LINEAGE}
        if found:
            parts[child.__tablename__] = found
    return row, parts


ALL = resource_classes()
