"""Courses of treatment that each subject began: the denominators of what is counted per course."""

from __future__ import annotations

import pandas as pd
import polars as pl
from sqlalchemy import Connection

from allpool.analysis.derivation.tables import read


def courses_begun(connection: Connection, treatment: str) -> pd.DataFrame:
    """Return usubjid, course: one row per subject and numbered course of a data element such as a drug.

    Dose steps within a course are one course; an administration without a number tells of none.
    """
    subjects = read(connection, "research_subject", ["id", "individual_id"])
    given = read(
        connection, "medication_administration", ["subject_id", "course_number"], elements=[treatment]
    )
    begun = (
        given.filter(pl.col("course_number").is_not_null())
        .join(subjects, left_on="subject_id", right_on="individual_id")
        .select(pl.col("id").alias("usubjid"), pl.col("course_number").cast(pl.Int64).alias("course"))
        .unique()
        .sort("usubjid", "course")
    )
    return begun.to_pandas()
