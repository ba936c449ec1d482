"""What the centres are asked: queries and their history, and patients who may be one person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allpool.models.base import Base


class Query(Base):
    """One question to a centre about one cell; values live here and in the quarantine, and nowhere else."""

    __tablename__ = "query"
    __table_args__ = (Index(None, "feed", "status"), Index(None, "patient_id"))

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """16 hex digits of SHA-256 over feed, rule, column and record (or place, where there is no record): the
    same question keeps its id when rows move, or when the cell says another wrong thing."""
    feed: Mapped[str] = mapped_column(String)
    centre: Mapped[str | None] = mapped_column(String)
    study: Mapped[str | None] = mapped_column(String)
    rule: Mapped[str] = mapped_column(String)
    severity: Mapped[str] = mapped_column(String)
    """`block`, `quarantine` or `warn`: what the rule does with the row while the query is open."""
    file: Mapped[str | None] = mapped_column(String)
    sheet: Mapped[str | None] = mapped_column(String)
    row: Mapped[int | None] = mapped_column(Integer)
    column: Mapped[str | None] = mapped_column(String)
    scope: Mapped[str] = mapped_column(String)
    """`cell`, `row`, `column`, `file` or `feed`."""
    others: Mapped[Any] = mapped_column(JSON)
    """The other cells of the contradiction: a list of objects with file, sheet, row, column, value."""
    value: Mapped[str | None] = mapped_column(Text)
    """What the cell said when it was last seen; empty for direct identifiers."""
    expected: Mapped[str | None] = mapped_column(Text)
    record: Mapped[str | None] = mapped_column(String)
    element: Mapped[str | None] = mapped_column(String)
    patient_id: Mapped[str | None] = mapped_column(String)
    table_name: Mapped[str | None] = mapped_column(String)
    resource_id: Mapped[str | None] = mapped_column(String)
    content_hash: Mapped[str | None] = mapped_column(String)
    """Of the record when it was last seen; a waiver holds for this content alone."""
    records: Mapped[Any] = mapped_column(JSON)
    """All records that the cell is part of and that break the rule: a list of [id, content hash]."""
    held_with: Mapped[int] = mapped_column(Integer)
    """Rows that wait only because these records do; of a rule that blocks, the rows that break it."""
    status: Mapped[str] = mapped_column(String)
    """`open`, `answered` (by the centre), `accepted` (the answer is taken, the rule stays), `waived` (the
    rule does not hold for this content), `mended` (a later delivery no longer shows it)."""
    owner: Mapped[str | None] = mapped_column(String)
    """Who is to answer: the centre's contact, as the configuration names it."""
    answer: Mapped[str | None] = mapped_column(Text)
    opened_run: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """When it was first asked; asked again after it was mended, it keeps its id and gets a new date."""
    last_run: Mapped[int] = mapped_column(Integer)
    """The last run that saw it."""
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class QueryEvent(Base):
    """What became of a query, step by step."""

    __tablename__ = "query_event"

    query: Mapped[str] = mapped_column(String, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    """From 1."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    run: Mapped[int | None] = mapped_column(Integer)
    """The night that did it; empty where a person did."""
    status: Mapped[str] = mapped_column(String)
    by: Mapped[str | None] = mapped_column(String)
    """A centre or a person of the consortium, by role; empty for the night."""
    comment: Mapped[str | None] = mapped_column(Text)


class AnalysisQuality(Base):
    """How much an analysis rests on data that nobody questions: the subjects behind it, by their queries.

    A query counts while it is open or answered; `subjects` = `held` + `warned` + `clear`.
    """

    __tablename__ = "analysis_quality"

    analysis_id: Mapped[str] = mapped_column(String, primary_key=True)
    """As in `analysis_subject`."""
    subjects: Mapped[int] = mapped_column(Integer)
    held: Mapped[int] = mapped_column(Integer)
    """Subjects of whom something is held back: the result does without it."""
    warned: Mapped[int] = mapped_column(Integer)
    """Subjects of whom nothing is held back, and something in the store is doubted."""
    clear: Mapped[int] = mapped_column(Integer)


class PatientLink(Base):
    """Two patients of different studies or centres who may be, are, or are not one person."""

    __tablename__ = "patient_link"
    __table_args__ = (Index(None, "first_patient"), Index(None, "second_patient"))

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """16 hex digits of SHA-256 over the two patients' ids, in order."""
    first_patient: Mapped[str] = mapped_column(String)
    second_patient: Mapped[str] = mapped_column(String)
    """Of the two ids the greater."""
    method: Mapped[str] = mapped_column(String)
    """`token`, `deterministic` or `probabilistic`: the strongest that found them."""
    match_weight: Mapped[float | None] = mapped_column(Float)
    """Log2 of the Bayes factor (Fellegi and Sunter, J Am Stat Assoc 1969;64:1183)."""
    match_probability: Mapped[float | None] = mapped_column(Float)
    evidence: Mapped[Any] = mapped_column(JSON)
    """Object of comparison -> `equal`, `near`, `differs` or `unknown`; no values."""
    status: Mapped[str] = mapped_column(String)
    """`candidate`, `same` or `different` (as a person decided), `gone` (no longer found, nothing decided)."""
    decided_by: Mapped[str | None] = mapped_column(String)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    comment: Mapped[str | None] = mapped_column(Text)
    first_run: Mapped[int] = mapped_column(Integer)
    last_run: Mapped[int] = mapped_column(Integer)
