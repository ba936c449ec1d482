"""Courses of the treatment: one row per subject and course, from all that was recorded of it."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.derivation.clocks import CALENDAR
from allpool.analysis.derivation.tables import read
from allpool.analysis.derivation.timeline import Timeline

TIME = (
    "effective_start_date",
    "effective_start_precision",
    "effective_start_offset_days",
    "effective_start_anchor",
)


def derive_courses(
    connection: Connection, subjects: pl.DataFrame, timeline: Timeline, *, element: str
) -> pl.DataFrame:
    """Return adex: the numbered courses of `element`, each dated by its earliest administration.

    What a course was planned and delivered as is taken from whichever of its rows says so; where two say
    different things, neither is taken.
    """
    columns = ["id", "subject_id", "course_number", "planned_days", "delivered_days", "setting", *TIME]
    who = subjects.select("studyid", "siteid", "usubjid", "patient_id")
    frame = read(connection, "medication_administration", columns, elements=[element])
    date, precision, offset, anchor = (pl.col(name) for name in TIME)
    sharp = date.is_not_null() & precision.fill_null("day").is_in(["day", "second"])
    frame = (
        frame.filter(pl.col("course_number").is_not_null())
        .join(who, left_on="subject_id", right_on="patient_id")
        .with_columns(
            pl.when(sharp).then(pl.lit(CALENDAR)).when(offset.is_not_null()).then(anchor).alias("clock"),
            pl.when(sharp).then(date.cast(pl.Int32).cast(pl.Float64)).otherwise(offset).alias("day"),
        )
    )
    doses = timeline.of("first_dose").filter(pl.col("coarse") == 0)
    frame = frame.join(
        doses.select("usubjid", "clock", pl.col("day").alias("dose_day")), on=["usubjid", "clock"], how="left"
    ).with_columns((pl.col("day") - pl.col("dose_day")).alias("ady"))
    known = pl.when(pl.col("clock") == CALENDAR).then(pl.col("day").cast(pl.Int32).cast(pl.Date))
    return (
        frame.with_columns(known.alias("astdt"))
        .sort("usubjid", "course_number", "day", "id", nulls_last=True)
        .group_by("studyid", "siteid", "usubjid", "course_number", maintain_order=True)
        .agg(
            pl.col("astdt").min(),
            pl.col("ady").min(),
            _agreed("planned_days").cast(pl.Float64),
            _agreed("delivered_days").cast(pl.Float64),
            _agreed("setting"),
            pl.lit("medication_administration").first().alias("srcdom"),
            pl.col("id").first().alias("srcid"),
        )
        .rename({"course_number": "course"})
        .sort("usubjid", "course")
    )


def _agreed(name: str) -> pl.Expr:
    said = pl.col(name).drop_nulls().unique()
    return pl.when(said.len() == 1).then(said.first()).alias(name)
