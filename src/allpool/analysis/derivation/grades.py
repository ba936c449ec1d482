"""Grades of adverse events: each event judged against the grade and the system that a rule asks for."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.rules import Graded
from allpool.analysis.derivation.clocks import TIME, clocked, parts_of
from allpool.analysis.derivation.tables import read

EVENT = "ae_term"
"""Data element of the adverse events themselves; other elements hold a grade of one kind of event."""


def read_grades(connection: Connection, subjects: pl.DataFrame, elements: Iterable[str]) -> pl.DataFrame:
    """Return adverse events and the observations of a grade (`elements`), one row each.

    usubjid, srcdom, srcid, data_element, term, grade, system, timepoint, course, clock, day, coarse.
    """
    columns = ["id", "subject_id", "term", "grade", "grade_system", "course_number", *parts_of("date")]
    events = clocked(read(connection, "adverse_event", columns), "date").select(
        pl.lit("adverse_event").alias("srcdom"),
        pl.col("id").alias("srcid"),
        pl.col("subject_id").alias("patient_id"),
        pl.lit(EVENT).alias("data_element"),
        "term",
        pl.col("grade").cast(pl.Float64),
        pl.col("grade_system").alias("system"),
        pl.lit(None, dtype=pl.String).alias("timepoint"),
        pl.col("course_number").alias("course"),
        *("clock", "day", "coarse"),
    )
    columns = ["id", "subject_id", "data_element", "value_integer", "value_quantity"]
    columns += ["timepoint", "course_number", *TIME]
    grades = clocked(read(connection, "observation", columns, elements=elements)).select(
        pl.lit("observation").alias("srcdom"),
        pl.col("id").alias("srcid"),
        pl.col("subject_id").alias("patient_id"),
        "data_element",
        pl.lit(None, dtype=pl.String).alias("term"),
        pl.coalesce(pl.col("value_integer").cast(pl.Float64), "value_quantity").alias("grade"),
        pl.lit(None, dtype=pl.String).alias("system"),
        "timepoint",
        pl.col("course_number").alias("course"),
        *("clock", "day", "coarse"),
    )
    return pl.concat([events, grades]).join(subjects, on="patient_id")


def judged_grades(frame: pl.DataFrame, rule: Graded) -> pl.DataFrame:
    """Add verdict (Y, N), open (why there is none) and weight (the worst grade comes first)."""
    event = pl.col("data_element") == EVENT
    own = pl.col("data_element").is_in(list(rule.elements))
    named = event & pl.col("term").is_in(rule.terms).fill_null(False) if rule.terms else event
    frame = frame.filter(named | own).with_columns(
        pl.when(event)
        .then(pl.col("system"))
        .otherwise(pl.col("data_element").replace_strict(dict(rule.elements), default=None))
        .alias("system")
    )
    grade = pl.col("grade")
    known: pl.Expr = pl.lit(True)
    if rule.systems:
        known = pl.col("system").is_in(rule.systems).fill_null(False)
    reached = pl.when(grade >= rule.at_least).then(pl.lit("Y")).otherwise(pl.lit("N"))
    # an event that happened reaches grade 1 whatever its grade; grade 0 says that there was none
    verdict = (
        pl.when(grade == 0)
        .then(pl.lit("N"))
        .when(~known)
        .then(None)
        .when(pl.lit(rule.at_least == 1) & event)
        .then(pl.lit("Y"))
        .when(grade.is_not_null())
        .then(reached)
    )
    judged = frame.with_columns(verdict.alias("verdict"), (-grade.fill_null(0)).alias("weight"))
    return judged.with_columns(
        pl.when(pl.col("verdict").is_not_null())
        .then(None)
        .when(grade.is_null())
        .then(pl.lit("an adverse event without a grade"))
        .when(pl.col("system").is_null() | (pl.col("system") == "unknown"))
        .then(
            pl.lit(
                f"an adverse event graded by a system that is not stated, not by {' or '.join(rule.systems)}"
            )
        )
        .otherwise(
            pl.format(
                f"an adverse event graded by {{}}, not by {' or '.join(rule.systems)}", pl.col("system")
            )
        )
        .alias("open")
    )


def grading(connection: Connection, subjects: pl.DataFrame, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return, by data element, the usubjid of those whose centre collects the adverse events it holds.

    A mapping that has a rule for adverse events does not tell a centre without any from one that never sends
    them (an empty file): as in the table of adverse events, a centre collects them once it has sent one. A
    study that says that it did not actively collect adverse events collects none.
    """
    studies = read(connection, "research_study", ["identifier", "ae_ascertainment"])
    silent = studies.filter(~pl.col("ae_ascertainment")).select(pl.col("identifier").alias("studyid"))
    level = subjects.select("usubjid", "studyid", "siteid")
    asked = level.join(silent, on="studyid", how="anti")
    found = {}
    for element in sorted({EVENT, *frame["data_element"].unique()}):
        sent = frame.filter(pl.col("data_element") == element).select("usubjid").unique()
        seen = level.join(sent, on="usubjid", how="semi").select("studyid", "siteid").unique()
        found[element] = asked.join(seen, on=["studyid", "siteid"], how="semi").select("usubjid").unique()
    return found
