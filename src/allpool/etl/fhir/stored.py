"""The published resources of one study as FHIR JSON, streamed from the store in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Date, Integer, Select, String, Table, or_, select, type_coerce
from sqlalchemy.schema import Column
from sqlalchemy.sql.elements import ColumnElement

from allpool.etl.fhir.serializer import Serializer, serializer
from allpool.models import Organization, Patient, ResearchStudySite, child_classes, resource_classes
from allpool.models.element import Element
from allpool.models.paths import PARENT
from allpool.models.staging import table_of

BATCH: Final = 5_000
"""Rows that a cursor holds at a time."""

BINARY: Final = {"sqlite": "BINARY", "postgresql": "C"}
"""Collation that orders text by its bytes, so that every store gives the same order."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """One resource, ready to be written."""

    resource_type: str
    id: str
    json: bytes


def stored_resources(connection: Connection, study: str) -> Iterator[StoredResource]:
    """Yield the resources of `study`: by type in publishing order (what is referred to first), then by id.

    Memory is that of one batch per cursor, whatever the size of the study.
    """
    for cls in resource_classes():
        plan = serializer(cls.__tablename__)
        yield from _resources(connection, plan, of_study(plan.table, study))


def of_study(table: Table, study: str) -> ColumnElement[bool]:
    """Return the condition that a row of `table` belongs to `study`.

    A centre belongs to each study that names it as a site or has patients under its care.
    """
    if table.name != Organization.__tablename__:
        return table.c.study == study
    sites, patients = table_of(ResearchStudySite), table_of(Patient)
    return or_(
        table.c.study == study,
        table.c.id.in_(select(sites.c.organization_id).where(sites.c.study == study)),
        table.c.id.in_(select(patients.c.managing_organization_id).where(patients.c.study == study)),
    )


def _resources(
    connection: Connection, plan: Serializer, condition: ColumnElement[bool]
) -> Iterator[StoredResource]:
    own = plan.table.c.id
    query = select(*_raw(plan.table, plan.columns)).where(condition).order_by(_binary(connection, own))
    parts = {name: _parts(connection, plan, name, condition) for name in plan.children}
    place = plan.columns.index("id")
    for row in _stream(connection, query):
        found = {name: rows for name, stream in parts.items() if (rows := stream.of(row[place]))}
        yield StoredResource(plan.resource_type, row[place], plan.dumps(row, found))


def _parts(connection: Connection, plan: Serializer, name: str, condition: ColumnElement[bool]) -> _Parts:
    """Return the parts in table `name` of the resources that meet `condition`, in the resources' order."""
    child = next(cls for cls in child_classes() if cls.__tablename__ == name)
    table, columns = table_of(child), plan.children[name]
    parent = next(c for c in table.columns if _is_parent(c))
    query = (
        select(*_raw(table, columns))
        .join(plan.table, plan.table.c.id == parent)
        .where(condition)
        .order_by(_binary(connection, parent), _binary(connection, table.c.id))
    )
    return _Parts(_stream(connection, query), columns.index(parent.name))


class _Parts:
    """Parts in the order of their resources, handed out resource by resource."""

    def __init__(self, rows: Iterator[Sequence[Any]], parent: int) -> None:
        self._rows = rows
        self._parent = parent
        self._next = next(rows, None)

    def of(self, parent: str) -> list[Sequence[Any]]:
        """Return the parts of the next resource, whose id is `parent`."""
        found: list[Sequence[Any]] = []
        while self._next is not None and self._next[self._parent] == parent:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found


def _is_parent(column: Column[Any]) -> bool:
    found = column.info.get("fhir")
    return isinstance(found, Element) and found.path == PARENT


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    result = connection.execution_options(stream_results=True, yield_per=BATCH).execute(query)
    for batch in result.partitions():
        yield from batch


def _raw(table: Table, columns: Sequence[str]) -> list[ColumnElement[Any]]:
    """Return the columns as the driver gives them: the serializer takes dates and truth in either form."""
    return [_as_stored(table.c[name]) for name in columns]


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, Date):
        return type_coerce(column, String)
    return type_coerce(column, Integer) if isinstance(column.type, Boolean) else column


def _binary(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    collation = BINARY.get(connection.dialect.name)
    return column.collate(collation) if collation else column
