"""The declarative base, and what every resource row carries."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Integer, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped

from allpool.models import systems
from allpool.models.element import Composite, Element, element, not_fhir

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names, so that a migration can name what it drops on every database."""


class Base(DeclarativeBase):
    """Base of all tables; expands composites into their columns when a class is built."""

    metadata = MetaData(naming_convention=NAMING)
    composites: ClassVar[dict[str, Composite]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        found = {name: value for name, value in vars(cls).items() if isinstance(value, Composite)}
        for name, composite in found.items():
            delattr(cls, name)
            for suffix, column in composite.columns.items():
                setattr(cls, f"{name}{suffix}", column)
        cls.composites = {**cls.composites, **found}
        super().__init_subclass__(**kwargs)


LINEAGE = "meta.extension(lineage)"


class Lineage:
    """Where a row came from, which version it is, and a hash of what it says."""

    __tablename__: str

    version: Mapped[int] = element("meta.versionId", "id", sql=Integer, nullable=False, sort_order=900)
    content_hash: Mapped[str] = not_fhir(
        String, "SHA-256 of the row's content columns; recomputed on import", nullable=False, sort_order=901
    )
    security: Mapped[str | None] = element(
        "meta.security[0].code",
        "code",
        beside={"meta.security[0].system": systems.ACT_REASON},
        sort_order=902,
    )
    """HTEST where the data are synthetic (v3-ActReason: test health data)."""
    study: Mapped[str | None] = element(f"{LINEAGE}.extension(study).valueString", sort_order=903)
    centre: Mapped[str | None] = element(f"{LINEAGE}.extension(centre).valueString", sort_order=904)
    feed: Mapped[str] = element(f"{LINEAGE}.extension(feed).valueString", nullable=False, sort_order=905)
    run: Mapped[int] = element(
        f"{LINEAGE}.extension(run).valueInteger", "integer", nullable=False, sort_order=906
    )
    """Number of the ETL run that wrote this version."""
    source_file: Mapped[str | None] = element(f"{LINEAGE}.extension(source-file).valueString", sort_order=907)
    """Id in `source_file`: one file and sheet, at one content."""
    source_row: Mapped[int | None] = element(
        f"{LINEAGE}.extension(source-row).valueInteger", "integer", sort_order=908
    )
    """Row as a person sees it in the file; the header is row 1 unless the mapping says otherwise."""
    rule: Mapped[str | None] = element(f"{LINEAGE}.extension(mapping-rule).valueString", sort_order=909)
    """Id in `mapping_rule`, which says which source column filled which column here."""


class Resource(Lineage):
    """What each FHIR resource table has beside its own elements."""

    resource_type: ClassVar[str]
    data_absent: ClassVar[tuple[str, ...]] = ()
    """Members that FHIR requires and a centre may not know: absent, they say so (data-absent-reason)."""
    id: Mapped[str] = element("id", "id", primary_key=True, sort_order=-1)
    """UUIDv5 of what identifies the row, so that the same source gives the same id."""


PART_LINEAGE = "extension(lineage)"


class Child(Lineage):
    """A repeating backbone element kept as rows of its own; `parent` is its resource's table.

    A part of a resource has no `meta`, so its lineage is an extension of its own. It is written only where
    it differs from its resource's: a part without one has that of its resource.
    """

    parent: ClassVar[type[Resource]]
    parent_path: ClassVar[str]
    id: Mapped[str] = element("id", "string", primary_key=True, sort_order=-1)
    """UUIDv5 of what identifies the row, so that the same source gives the same id."""
    version: Mapped[int] = element(
        f"{PART_LINEAGE}.extension(version).valueInteger", "integer", nullable=False, sort_order=900
    )
    security: Mapped[str | None] = element(
        f"{PART_LINEAGE}.extension(security).valueCode", "code", sort_order=902
    )
    study: Mapped[str | None] = element(f"{PART_LINEAGE}.extension(study).valueString", sort_order=903)
    centre: Mapped[str | None] = element(f"{PART_LINEAGE}.extension(centre).valueString", sort_order=904)
    feed: Mapped[str] = element(f"{PART_LINEAGE}.extension(feed).valueString", nullable=False, sort_order=905)
    run: Mapped[int] = element(
        f"{PART_LINEAGE}.extension(run).valueInteger", "integer", nullable=False, sort_order=906
    )
    source_file: Mapped[str | None] = element(
        f"{PART_LINEAGE}.extension(source-file).valueString", sort_order=907
    )
    source_row: Mapped[int | None] = element(
        f"{PART_LINEAGE}.extension(source-row).valueInteger", "integer", sort_order=908
    )
    rule: Mapped[str | None] = element(f"{PART_LINEAGE}.extension(mapping-rule).valueString", sort_order=909)


def fhir_element(table: Table, column: str) -> Element | None:
    """Return the FHIR element that `column` of `table` holds, or None where it holds none."""
    found = table.c[column].info.get("fhir")
    return found if isinstance(found, Element) else None
