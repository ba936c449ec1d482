"""What the night keeps about itself: runs, files, accounting, quarantine, quality, history, releases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allpool.models.base import Base


class Feed(Base):
    """One centre's delivery as the configuration names it, and the state it was last read in."""

    __tablename__ = "feed"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    study: Mapped[str | None] = mapped_column(String)
    centre: Mapped[str | None] = mapped_column(String)
    mapping: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)
    """`snapshot` (what is absent is retracted) or `append`."""
    fingerprint: Mapped[str | None] = mapped_column(String)
    """Hash of files, mapping, dictionary and code version at the last publish; equal means nothing to do."""
    last_run: Mapped[int | None] = mapped_column(Integer)


class EtlRun(Base):
    """One night."""

    __tablename__ = "etl_run"

    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(String)
    """`running`, `finished`, `needs-a-person` or `failed`."""
    code_version: Mapped[str] = mapped_column(String)
    engine: Mapped[str] = mapped_column(String)


class SourceFile(Base):
    """One file and sheet at one content."""

    __tablename__ = "source_file"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """16 hex digits of SHA-256 over feed, path, sheet and content hash."""
    feed: Mapped[str] = mapped_column(String, index=True)
    source: Mapped[str] = mapped_column(String)
    """Name of the source in the mapping."""
    path: Mapped[str] = mapped_column(String)
    """Relative to the feed's folder."""
    sheet: Mapped[str | None] = mapped_column(String)
    sha256: Mapped[str] = mapped_column(String)
    encoding: Mapped[str | None] = mapped_column(String)
    bytes: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(Integer)
    columns: Mapped[Any] = mapped_column(JSON)
    """Column names in the file's order."""
    first_run: Mapped[int] = mapped_column(Integer)


class CellAccount(Base):
    """Design rule 1: read = loaded + unchanged + quarantined + ignored + empty, per file and run."""

    __tablename__ = "cell_account"

    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    source_file: Mapped[str] = mapped_column(String, primary_key=True)
    feed: Mapped[str] = mapped_column(String)
    rows: Mapped[int] = mapped_column(Integer)
    read: Mapped[int] = mapped_column(Integer)
    loaded: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)
    quarantined: Mapped[int] = mapped_column(Integer)
    ignored: Mapped[int] = mapped_column(Integer)
    empty: Mapped[int] = mapped_column(Integer)
    ignored_by: Mapped[Any] = mapped_column(JSON)
    """Rule name -> number of cells that it ignored."""


class FeedRun(Base):
    """What one night did with one feed."""

    __tablename__ = "feed_run"

    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String, primary_key=True)
    status: Mapped[str] = mapped_column(String)
    """`published`, `unchanged`, `blocked` or `failed`."""
    message: Mapped[str | None] = mapped_column(Text)
    inserted: Mapped[int] = mapped_column(Integer, default=0)
    updated: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    retracted: Mapped[int] = mapped_column(Integer, default=0)
    seconds: Mapped[float | None] = mapped_column(Float)


class MappingRule(Base):
    """Which source column filled which column of a table: the middle of every walk back to a cell."""

    __tablename__ = "mapping_rule"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """16 hex digits of SHA-256 over the rule's own text; a changed rule is another rule."""
    feed: Mapped[str] = mapped_column(String, primary_key=True)
    source: Mapped[str] = mapped_column(String)
    record: Mapped[str] = mapped_column(String)
    table_name: Mapped[str] = mapped_column(String)
    mapping: Mapped[str] = mapped_column(String)
    line: Mapped[int | None] = mapped_column(Integer)
    columns: Mapped[Any] = mapped_column(JSON)
    """Column of the table (or component element) -> list of source columns."""


class CodeRelation(Base):
    """A text that a feed's mapping brings to a code that does not mean the same, or to none.

    Of the mapping as it was last published. A row whose `<column>_delivered` is this text, and whose code is
    this code, was reached by this relation: counts per centre come from the rows.
    """

    __tablename__ = "code_relation"

    feed: Mapped[str] = mapped_column(String, primary_key=True)
    rule: Mapped[str] = mapped_column(String, primary_key=True)
    """Id in `mapping_rule`."""
    target: Mapped[str] = mapped_column(String, primary_key=True)
    """Column of the table (or component element), as in `mapping_rule.columns`."""
    text: Mapped[str] = mapped_column(String, primary_key=True)
    """As the mapping writes it; case and repeated blanks do not matter."""
    table_name: Mapped[str] = mapped_column(String)
    record: Mapped[str] = mapped_column(String)
    data_element: Mapped[str | None] = mapped_column(String)
    """Of the rows that the rule makes."""
    source_column: Mapped[str] = mapped_column(String)
    """Column of the file, or the first of the names that it may have."""
    code: Mapped[str | None] = mapped_column(String)
    """Empty where the text is `unmatched`."""
    equivalence: Mapped[str] = mapped_column(String)
    """`wider`, `narrower` or `unmatched`: the code's meaning beside the text's (FHIR R4
    ConceptMapEquivalence)."""
    comment: Mapped[str | None] = mapped_column(Text)


class NotCollected(Base):
    """A data element that a feed's mapping declares never to be sent: its absence tells nothing."""

    __tablename__ = "not_collected"

    feed: Mapped[str] = mapped_column(String, primary_key=True)
    element: Mapped[str] = mapped_column(String, primary_key=True)
    """Data element of the dictionary."""
    record: Mapped[str] = mapped_column(String)
    """Record that it would stand in."""
    target: Mapped[str | None] = mapped_column(String)
    """Column (or component element) that it would fill; empty where the whole record is not collected."""
    line: Mapped[int | None] = mapped_column(Integer)
    """Line of the mapping that says so."""


class Quarantine(Base):
    """What did not load, where it stands, why, and what it said. Values live here and nowhere else."""

    __tablename__ = "quarantine"
    __table_args__ = (Index(None, "feed", "status"), Index(None, "patient_id"))

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """32 hex digits of SHA-256 over feed, path, sheet, row, column, rule and value."""
    feed: Mapped[str] = mapped_column(String)
    centre: Mapped[str | None] = mapped_column(String)
    study: Mapped[str | None] = mapped_column(String)
    source_file: Mapped[str | None] = mapped_column(String)
    file: Mapped[str | None] = mapped_column(String)
    sheet: Mapped[str | None] = mapped_column(String)
    row: Mapped[int | None] = mapped_column(Integer)
    column: Mapped[str | None] = mapped_column(String)
    scope: Mapped[str] = mapped_column(String)
    """`cell`, `row`, `column`, `file` or `feed`: how much waits because of this entry."""
    rule: Mapped[str] = mapped_column(String)
    severity: Mapped[str] = mapped_column(String)
    """`quarantine` or `block`."""
    expected: Mapped[str | None] = mapped_column(Text)
    """What would have been accepted, for the centre's report."""
    value: Mapped[str | None] = mapped_column(Text)
    """What the source said; empty for direct identifiers."""
    record: Mapped[str | None] = mapped_column(String)
    element: Mapped[str | None] = mapped_column(String)
    patient_id: Mapped[str | None] = mapped_column(String)
    resource_id: Mapped[str | None] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    """`open`, or `mended` once a later delivery no longer shows it."""
    first_run: Mapped[int] = mapped_column(Integer)
    last_run: Mapped[int] = mapped_column(Integer)


class QualityResult(Base):
    """What one rule found in one feed in one run."""

    __tablename__ = "quality_result"

    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String, primary_key=True)
    rule: Mapped[str] = mapped_column(String, primary_key=True)
    table_name: Mapped[str] = mapped_column(String)
    element: Mapped[str | None] = mapped_column(String)
    category: Mapped[str] = mapped_column(String)
    """Kahn's category: conformance, completeness or plausibility."""
    context: Mapped[str] = mapped_column(String)
    """Kahn's context: verification or validation."""
    severity: Mapped[str] = mapped_column(String)
    rows: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    tolerated: Mapped[float | None] = mapped_column(Float)
    """Share of failing rows that the threshold of this centre and rule allows; empty where there is none."""
    usual: Mapped[float | None] = mapped_column(Float)
    """Share of failing rows in this feed's earlier runs; empty where there were too few."""
    raised: Mapped[str | None] = mapped_column(String)
    """`threshold` or `trend`: why it needs a person beyond its failing rows."""
    success: Mapped[bool] = mapped_column(Boolean)
    message: Mapped[str | None] = mapped_column(Text)


class ResourceHistory(Base):
    """A superseded or retracted version of a row, whole."""

    __tablename__ = "resource_history"

    table_name: Mapped[str] = mapped_column(String, primary_key=True)
    id: Mapped[str] = mapped_column(String, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String, index=True)
    ended_run: Mapped[int] = mapped_column(Integer)
    """The run that replaced or retracted it."""
    reason: Mapped[str] = mapped_column(String)
    """`update` or `retract`."""
    content_hash: Mapped[str] = mapped_column(String)
    row: Mapped[Any] = mapped_column(JSON)


class Release(Base):
    """A frozen data cut."""

    __tablename__ = "release"

    name: Mapped[str] = mapped_column(String, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    run: Mapped[int] = mapped_column(Integer)
    code_version: Mapped[str] = mapped_column(String)
    dictionary_hash: Mapped[str] = mapped_column(String)
    content_hash: Mapped[str] = mapped_column(String)
    note: Mapped[str | None] = mapped_column(Text)


class PublishedEstimate(Base):
    """What a paper prints, with the flags found, so that a study without patient data enters at its level."""

    __tablename__ = "published_estimate"

    study: Mapped[str] = mapped_column(String, primary_key=True)
    record: Mapped[str] = mapped_column(String, primary_key=True)
    location: Mapped[str | None] = mapped_column(String)
    population: Mapped[str | None] = mapped_column(Text)
    """As the paper says it."""
    population_id: Mapped[str | None] = mapped_column(String)
    """Name of the population of ours that it is; empty where none is."""
    endpoint: Mapped[str | None] = mapped_column(String)
    """Name of the endpoint of ours; empty where none is."""
    definition: Mapped[str | None] = mapped_column(String)
    """Name of the endpoint's definition that the paper counted by; empty where not stated or not ours."""
    definition_note: Mapped[str | None] = mapped_column(Text)
    """Why the definition is taken for that one, or what it differs in."""
    statistic: Mapped[str] = mapped_column(String)
    numerator: Mapped[int | None] = mapped_column(Integer)
    denominator: Mapped[int | None] = mapped_column(Integer)
    value: Mapped[float | None] = mapped_column(Float)
    """The printed number, proportions as fractions; what is no single number is in `details`."""
    lower: Mapped[float | None] = mapped_column(Float)
    upper: Mapped[float | None] = mapped_column(Float)
    level: Mapped[float | None] = mapped_column(Float)
    """Coverage of the printed interval."""
    standard_error: Mapped[float | None] = mapped_column(Float)
    """On the scale of `value`."""
    at: Mapped[float | None] = mapped_column(Float)
    """Time that the number is for, in `time_unit`."""
    time_unit: Mapped[str | None] = mapped_column(String)
    unit: Mapped[str | None] = mapped_column(String)
    """Unit of `value`."""
    unit_of_analysis: Mapped[str | None] = mapped_column(String)
    """What was counted: `patient`, `course`, `sample`; empty where the paper does not say."""
    printed: Mapped[str | None] = mapped_column(Text)
    """The figure as it stands in the paper, digits kept."""
    details: Mapped[Any] = mapped_column(JSON)
    """What the columns above do not hold: ranges, schedules, definitions."""
    flags: Mapped[Any] = mapped_column(JSON)
    """Codes of the inconsistencies found in the paper."""
    check_status: Mapped[str | None] = mapped_column(String)
    """Whether the paper's own arithmetic reproduces the figure."""
    agreement: Mapped[str | None] = mapped_column(String)
    """How the number recomputed from the source records compares with the printed one."""
    recomputed: Mapped[float | None] = mapped_column(Float)
    method: Mapped[str | None] = mapped_column(Text)
    """How it was recomputed."""
    note: Mapped[str | None] = mapped_column(Text)
