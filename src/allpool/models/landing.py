"""FHIR resources as a centre sent them, beside the tables that hold what a mapping reads of them."""

from __future__ import annotations

from typing import Final, cast

from sqlalchemy import Index, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import Column

from allpool.models.base import Base
from allpool.models.staging import PREFIX, STAGING, published_tables


class LandedResource(Base):
    """One resource of a FHIR feed, whole but for the direct identifiers of persons."""

    __tablename__ = "landed_resource"
    __table_args__ = (Index(None, "feed", "resource_type"), Index(None, "patient"))

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """UUIDv5 of feed, type and the source's id (or its address or place, where it has none)."""
    resource_type: Mapped[str] = mapped_column(String)
    source_id: Mapped[str | None] = mapped_column(String)
    """The resource's id as landed, a pseudonym."""
    patient: Mapped[str | None] = mapped_column(String)
    """Id, as landed, of the patient that the resource is, or is about: `research_subject.identifier` of the
    same centre, where the mapping's patient key is the Patient's id."""
    resource: Mapped[str] = mapped_column(Text)
    """JSON: members in the order of their names, numbers with the digits that they were sent with."""
    entries: Mapped[str | None] = mapped_column(Text)
    """Of a Bundle, whose `resource` lacks those of its entries: JSON list of their ids here, in order; null
    where an entry has no resource or its resource did not land."""
    version: Mapped[int] = mapped_column(Integer)
    content_hash: Mapped[str] = mapped_column(String)
    """32 hex digits of SHA-256 over what was landed."""
    security: Mapped[str | None] = mapped_column(String)
    """HTEST where the data are synthetic."""
    study: Mapped[str | None] = mapped_column(String)
    centre: Mapped[str | None] = mapped_column(String)
    feed: Mapped[str] = mapped_column(String)
    run: Mapped[int] = mapped_column(Integer)
    source_file: Mapped[str | None] = mapped_column(String)
    """Id in `source_file`; of several places that say the same, the first."""
    source_row: Mapped[int | None] = mapped_column(Integer)
    """Line of NDJSON, number of the Bundle's entry, 1 for a resource alone, 0 for a Bundle with entries."""
    rule: Mapped[str | None] = mapped_column(String)
    """Id in `mapping_rule`: the source of the mapping that names the file."""


LANDED: Final[Table] = cast("Table", LandedResource.__table__)

STAGED_LANDING: Final = Table(
    f"{PREFIX}{LANDED.name}",
    Base.metadata,
    *(Column(column.name, column.type, nullable=True) for column in LANDED.columns),
)
"""Where landed resources wait for the audit of their feed."""

STAGED: Final[dict[str, Table]] = {**STAGING, LANDED.name: STAGED_LANDING}
"""Every table that a feed fills, by name -> its staging twin."""


def filled_tables() -> tuple[Table, ...]:
    """Return the tables that a feed fills: the published ones, parents before children, and the landed."""
    return (*published_tables(), LANDED)
