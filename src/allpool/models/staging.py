"""The staging tables: the resource tables' twins, where a feed waits for its audit."""

from __future__ import annotations

from typing import Final, cast

from sqlalchemy import Index, Table
from sqlalchemy.schema import Column

from allpool.models.base import Base, Child, Lineage, Resource

PREFIX: Final = "stage_"


ORDER: Final = (
    "organization",
    "research_study",
    "patient",
    "consent",
    "research_subject",
    "condition",
    "specimen",
    "observation",
    "medication_administration",
    "procedure",
    "adverse_event",
)
"""Publishing order: what is referred to comes first."""


def table_of(cls: type[Lineage]) -> Table:
    """Return the table that a resource or child class declares."""
    return cast("type[Base]", cls).metadata.tables[cls.__tablename__]


def resource_classes() -> tuple[type[Resource], ...]:
    """Return the resource classes in publishing order."""
    found = {cls.__tablename__: cls for cls in Resource.__subclasses__()}
    return tuple(found[name] for name in ORDER)


def child_classes() -> tuple[type[Child], ...]:
    """Return the classes of repeating backbone elements."""
    return tuple(sorted(Child.__subclasses__(), key=lambda cls: cls.__tablename__))


def published_tables() -> tuple[Table, ...]:
    """Return the tables that a feed fills, parents before children."""
    return tuple(table_of(cls) for cls in (*resource_classes(), *child_classes()))


def _twin(table: Table) -> Table:
    """Return the staging twin of `table`: the same columns, no indexes but those that the audit needs."""
    twin = Table(
        f"{PREFIX}{table.name}",
        Base.metadata,
        *(Column(column.name, column.type, nullable=True, info=column.info) for column in table.columns),
    )
    if "data_element" in table.c:
        Index(None, twin.c.data_element)
    return twin


STAGING: Final[dict[str, Table]] = {table.name: _twin(table) for table in published_tables()}
"""Published table's name -> its staging twin."""
