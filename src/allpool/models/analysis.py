"""The derived tables that analysts read; columns are CDISC ADaM's names in lower case where it has one."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import JSON, Boolean, Date, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allpool.models.base import Base


class SubjectLevel:
    """The identifiers that every analysis row starts with."""

    studyid: Mapped[str] = mapped_column(String, sort_order=-5)
    siteid: Mapped[str | None] = mapped_column(String, sort_order=-4)
    usubjid: Mapped[str] = mapped_column(String, sort_order=-3)
    """Id of the ResearchSubject row."""


class Adsl(SubjectLevel, Base):
    """Subject level: one row per subject and study."""

    __tablename__ = "adsl"

    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    patient_id: Mapped[str] = mapped_column(String)
    synthetic: Mapped[bool] = mapped_column(Boolean)
    age: Mapped[float | None] = mapped_column(Float)
    """Years at first dose (as delivered, else from birth date)."""
    sex: Mapped[str | None] = mapped_column(String)
    arm: Mapped[str | None] = mapped_column(String)
    enrldt: Mapped[date | None] = mapped_column(Date)
    trtsdt: Mapped[date | None] = mapped_column(Date)
    """First dose of blinatumomab (or of the study's treatment where the study is of another drug)."""
    clock: Mapped[str | None] = mapped_column(String)
    """`calendar`, or the anchor that this subject's times are relative to."""
    cohort_at_enrolment: Mapped[str | None] = mapped_column(String)
    disease_status: Mapped[str | None] = mapped_column(String)
    ph_status: Mapped[str | None] = mapped_column(String)
    evaluable_response: Mapped[bool | None] = mapped_column(Boolean)
    dthfl: Mapped[str | None] = mapped_column(String)
    """Y where known dead."""
    baseline: Mapped[Any] = mapped_column(JSON)
    """Further baseline elements: element -> value."""


class Adrs(SubjectLevel, Base):
    """Response: one row per subject and response endpoint."""

    __tablename__ = "adrs"

    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    paramcd: Mapped[str] = mapped_column(String, primary_key=True)
    definition: Mapped[str] = mapped_column(String, primary_key=True)
    definition_version: Mapped[str] = mapped_column(String)
    avalc: Mapped[str | None] = mapped_column(String)
    """`Y`, `N`, or empty with the reason in `reason`: not assessed is neither yes nor no."""
    reason: Mapped[str | None] = mapped_column(Text)
    ady: Mapped[float | None] = mapped_column(Float)
    """Days from the definition's origin to the assessment."""
    srcdom: Mapped[str | None] = mapped_column(String)
    srcid: Mapped[str | None] = mapped_column(String)
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class Adtte(SubjectLevel, Base):
    """Time to event: one row per subject and time-to-event endpoint."""

    __tablename__ = "adtte"

    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    paramcd: Mapped[str] = mapped_column(String, primary_key=True)
    definition: Mapped[str] = mapped_column(String, primary_key=True)
    definition_version: Mapped[str] = mapped_column(String)
    aval: Mapped[float | None] = mapped_column(Float)
    """Days from origin to event or censoring; empty where not evaluable, with the reason in `evntdesc`."""
    cnsr: Mapped[int | None] = mapped_column(Integer)
    """0 = event, 1 = censored, 2 = a competing event came first; `evntdesc` says which (CDISC ADaM BDS-TTE:
    0 is an event, any other number another kind of end)."""
    evntdesc: Mapped[str | None] = mapped_column(Text)
    entry_day: Mapped[float | None] = mapped_column(Float)
    """Days from origin to the entry under observation, where that is delayed; no ADaM name. Empty: from the
    origin on."""
    startdt: Mapped[date | None] = mapped_column(Date)
    adt: Mapped[date | None] = mapped_column(Date)
    clock: Mapped[str | None] = mapped_column(String)
    srcdom: Mapped[str | None] = mapped_column(String)
    srcid: Mapped[str | None] = mapped_column(String)
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class Adfact(SubjectLevel, Base):
    """Facts: one row per subject and fact, a single value defined as data."""

    __tablename__ = "adfact"

    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    paramcd: Mapped[str] = mapped_column(String, primary_key=True)
    aval: Mapped[float | None] = mapped_column(Float)
    avalc: Mapped[str | None] = mapped_column(String)
    """A code, or Y or N; numbers stand in `aval`."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why both are empty: not collected, waiting in quarantine, no value."""
    srcdom: Mapped[str | None] = mapped_column(String)
    srcid: Mapped[str | None] = mapped_column(String)
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class Adex(SubjectLevel, Base):
    """Exposure: one row per subject and numbered course of the treatment."""

    __tablename__ = "adex"

    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    course: Mapped[int] = mapped_column(Integer, primary_key=True)
    astdt: Mapped[date | None] = mapped_column(Date)
    ady: Mapped[float | None] = mapped_column(Float)
    """Days from first dose to the start of the course."""
    planned_days: Mapped[float | None] = mapped_column(Float)
    delivered_days: Mapped[float | None] = mapped_column(Float)
    setting: Mapped[str | None] = mapped_column(String)
    srcdom: Mapped[str] = mapped_column(String)
    srcid: Mapped[str] = mapped_column(String)
    """The row that dates the start of the course, else its first."""
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class Adae(SubjectLevel, Base):
    """Adverse events: one row per event."""

    __tablename__ = "adae"
    __table_args__ = (Index(None, "usubjid"),)

    srcid: Mapped[str] = mapped_column(String, primary_key=True)
    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    aedecod: Mapped[str | None] = mapped_column(String)
    aetoxgr: Mapped[int | None] = mapped_column(Integer)
    aetoxsys: Mapped[str | None] = mapped_column(String)
    """Grading system: CTCAE version or ASTCT."""
    astdt: Mapped[date | None] = mapped_column(Date)
    ady: Mapped[float | None] = mapped_column(Float)
    aecourse: Mapped[int | None] = mapped_column(Integer)
    aeser: Mapped[str | None] = mapped_column(String)
    aerel: Mapped[str | None] = mapped_column(String)
    aeout: Mapped[str | None] = mapped_column(String)
    srcdom: Mapped[str] = mapped_column(String)
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class Admrd(SubjectLevel, Base):
    """Measurable residual disease: one row per measurement, with what qualifies it."""

    __tablename__ = "admrd"
    __table_args__ = (Index(None, "usubjid"),)

    srcid: Mapped[str] = mapped_column(String, primary_key=True)
    usubjid: Mapped[str] = mapped_column(String, primary_key=True, sort_order=-3)
    adt: Mapped[date | None] = mapped_column(Date)
    ady: Mapped[float | None] = mapped_column(Float)
    """Days from first dose."""
    timepoint: Mapped[str | None] = mapped_column(String)
    specimen: Mapped[str | None] = mapped_column(String)
    method: Mapped[str | None] = mapped_column(String)
    aval: Mapped[float | None] = mapped_column(Float)
    """Level as a fraction of cells (1e-4 is 0.01 %)."""
    avalcomp: Mapped[str | None] = mapped_column(String)
    """`<` where the level is below what the assay can say."""
    avalc: Mapped[str | None] = mapped_column(String)
    """Category as reported: undetectable, positive-not-quantifiable, quantifiable, not-evaluable."""
    lod: Mapped[float | None] = mapped_column(Float)
    lloq: Mapped[float | None] = mapped_column(Float)
    threshold: Mapped[float | None] = mapped_column(Float)
    srcdom: Mapped[str] = mapped_column(String)
    srcseq: Mapped[int | None] = mapped_column(Integer)
    """Row of the source file that the record at `srcid` was read from."""


class AnalysisResult(Base):
    """One statistic of one analysis, tidy."""

    __tablename__ = "analysis_result"
    __table_args__ = (Index(None, "plan"),)

    id: Mapped[str] = mapped_column(String, primary_key=True)
    """32 hex digits of SHA-256 over what identifies the statistic; equal inputs give equal ids."""
    analysis_id: Mapped[str] = mapped_column(String, index=True)
    """One plan step in one release: the key of `analysis_subject`."""
    plan: Mapped[str] = mapped_column(String)
    step: Mapped[str] = mapped_column(String)
    population: Mapped[str] = mapped_column(String)
    endpoint: Mapped[str] = mapped_column(String)
    definition: Mapped[str] = mapped_column(String)
    definition_version: Mapped[str] = mapped_column(String)
    estimator: Mapped[str] = mapped_column(String)
    group_by: Mapped[str | None] = mapped_column(String)
    group_value: Mapped[str | None] = mapped_column(String)
    variable: Mapped[str | None] = mapped_column(String)
    """In a table of several: what the statistic is of (an element, an adverse event, a step of the flow)."""
    variable_level: Mapped[str | None] = mapped_column(String)
    statistic: Mapped[str] = mapped_column(String)
    at: Mapped[float | None] = mapped_column(Float)
    """Time or threshold that the statistic is for, in the plan's unit."""
    value: Mapped[float | None] = mapped_column(Float)
    lower: Mapped[float | None] = mapped_column(Float)
    upper: Mapped[float | None] = mapped_column(Float)
    level: Mapped[float | None] = mapped_column(Float)
    n: Mapped[int | None] = mapped_column(Integer)
    unit: Mapped[str | None] = mapped_column(String)
    note: Mapped[str | None] = mapped_column(Text)
    """Why a value is absent, which guard was met, what was left out."""
    synthetic: Mapped[bool] = mapped_column(Boolean)
    release: Mapped[str | None] = mapped_column(String)
    code_version: Mapped[str] = mapped_column(String)


class AnalysisSubject(Base):
    """The subjects behind an analysis, with what each brought."""

    __tablename__ = "analysis_subject"

    analysis_id: Mapped[str] = mapped_column(String, primary_key=True)
    usubjid: Mapped[str] = mapped_column(String, primary_key=True)
    group_value: Mapped[str | None] = mapped_column(String)
    aval: Mapped[float | None] = mapped_column(Float)
    event: Mapped[int | None] = mapped_column(Integer)
    description: Mapped[str | None] = mapped_column(Text)
    srcdom: Mapped[str | None] = mapped_column(String)
    srcid: Mapped[str | None] = mapped_column(String)
