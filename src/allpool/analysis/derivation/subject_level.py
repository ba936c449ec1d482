"""The subject level: one row per subject and study, with what is known of it at baseline."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.conditions import BaselineFile
from allpool.analysis.derivation.clocks import CALENDAR, TIME, clocked
from allpool.analysis.derivation.tables import read
from allpool.analysis.derivation.timeline import Timeline
from allpool.mappings.dictionary import Dictionary

SYNTHETIC = "HTEST"  # v3-ActReason: test health data, the security label of synthetic rows
DAYS_PER_YEAR = 365.25
VALUES = ("value_quantity", "value_concept", "value_boolean", "value_integer", "value_string")


def read_subjects(connection: Connection) -> pl.DataFrame:
    """Return every subject: usubjid, patient_id and what research_subject and patient say of it."""
    subject = read(
        connection,
        "research_subject",
        [
            *("id", "individual_id", "study", "centre", "security", "assigned_arm", "actual_arm"),
            *("evaluable_response", "cohort_at_enrolment", "period_start_date", "period_start_precision"),
        ],
    )
    patient = read(
        connection,
        "patient",
        ["id", "gender", "birth_date", "birth_precision"],
    )
    return (
        subject.rename(
            {"id": "usubjid", "individual_id": "patient_id", "study": "studyid", "centre": "siteid"}
        )
        .join(patient.rename({"id": "patient_id"}), on="patient_id", how="left")
        .sort("usubjid")
    )


def subject_level(
    connection: Connection,
    subjects: pl.DataFrame,
    *,
    timeline: Timeline,
    baseline: BaselineFile,
    dictionary: Dictionary,
) -> pl.DataFrame:
    """Return adsl: the columns of `models.Adsl`, `baseline` as JSON text with sorted keys."""
    values = _baseline_values(
        connection, subjects, timeline=timeline, baseline=baseline, dictionary=dictionary
    )
    first_dose = timeline.of("first_dose").filter(pl.col("clock") == CALENDAR)
    dose = first_dose.select(
        "usubjid",
        pl.when(pl.col("coarse") == 0).then(pl.col("day").cast(pl.Int32).cast(pl.Date)).alias("trtsdt"),
    )
    clock = (
        timeline.times.filter(pl.col("srcid").is_not_null())
        .with_columns((pl.col("clock") != CALENDAR).alias("relative"))
        .sort("usubjid", "relative", "clock")
        .unique("usubjid", keep="first", maintain_order=True)
        .select("usubjid", "clock")
    )
    frame = subjects.join(dose, on="usubjid", how="left", maintain_order="left")
    frame = frame.join(clock, on="usubjid", how="left", maintain_order="left")
    frame = frame.join(values, on="usubjid", how="left", maintain_order="left")
    born = pl.when(pl.col("birth_precision").fill_null("day") == "day").then(pl.col("birth_date"))
    age = (pl.col("trtsdt") - born).dt.total_days() / DAYS_PER_YEAR
    dead = timeline.state("death").filter("happened").select("usubjid", pl.lit("Y").alias("dthfl"))
    frame = frame.join(dead, on="usubjid", how="left", maintain_order="left")
    enrolled = pl.when(pl.col("period_start_precision").fill_null("day").is_in(["day", "second"]))
    return frame.select(
        "studyid",
        "siteid",
        "usubjid",
        "patient_id",
        (pl.col("security") == SYNTHETIC).fill_null(False).alias("synthetic"),
        pl.coalesce("age_at_index", age.floor()).alias("age"),
        pl.col("gender").alias("sex"),
        pl.coalesce("actual_arm", "assigned_arm").alias("arm"),
        enrolled.then(pl.col("period_start_date")).alias("enrldt"),
        "trtsdt",
        "clock",
        "cohort_at_enrolment",
        pl.col("disease_status_at_start").alias("disease_status"),
        "ph_status",
        "evaluable_response",
        "dthfl",
        "baseline",
    )


def _baseline_values(
    connection: Connection,
    subjects: pl.DataFrame,
    *,
    timeline: Timeline,
    baseline: BaselineFile,
    dictionary: Dictionary,
) -> pl.DataFrame:
    """Return usubjid, the elements that adsl has columns for, and all of them as JSON."""
    elements = {item.element for item in baseline.baseline if item.element in dictionary}
    columns = ["id", "subject_id", "data_element", "timepoint", *TIME, *VALUES]
    rows = (
        read(connection, "observation", columns, elements=elements)
        .rename({"subject_id": "patient_id"})
        .join(subjects.select("usubjid", "patient_id"), on="patient_id")
    )
    chosen = _at_baseline(rows, timeline=timeline, baseline=baseline)
    treated = (
        read(connection, "medication_administration", ["subject_id"], elements=[baseline.treated])
        .unique()
        .join(subjects.select("usubjid", "patient_id"), left_on="subject_id", right_on="patient_id")
        .sort("usubjid")
    )
    found: dict[str, dict[str, Any]] = {subject: {} for subject in subjects["usubjid"]}
    for subject, element, *values in chosen.select("usubjid", "data_element", *VALUES).iter_rows():
        found[subject][element] = next((value for value in values if value is not None), None)
    for subject in treated["usubjid"]:
        found[subject][baseline.treated] = True
    own = ("age_at_index", "disease_status_at_start", "ph_status")
    types = {"age_at_index": pl.Float64, "disease_status_at_start": pl.String, "ph_status": pl.String}
    return pl.DataFrame(
        {
            "usubjid": list(found),
            **{
                name: pl.Series(
                    [values.get(name) for values in found.values()], dtype=types[name], strict=False
                )
                for name in own
            },
            "baseline": [json.dumps(values, sort_keys=True, ensure_ascii=False) for values in found.values()],
        },
        schema_overrides={"usubjid": pl.String, "baseline": pl.String},
    )


def _at_baseline(rows: pl.DataFrame, *, timeline: Timeline, baseline: BaselineFile) -> pl.DataFrame:
    """Keep one value per subject and element: at a listed visit, else the last at or before the origin.

    A value that nothing places counts only where it is the subject's only one of that element.
    """
    visits = pl.DataFrame(
        [(item.element, visit) for item in baseline.baseline for visit in item.timepoints],
        schema={"data_element": pl.String, "timepoint": pl.String},
        orient="row",
    ).with_columns(pl.lit(True).alias("listed"))
    origins = timeline.of(baseline.since).select("usubjid", "clock", pl.col("day").alias("origin_day"))
    rows = clocked(rows).join(visits, on=["data_element", "timepoint"], how="left")
    rows = rows.join(origins, on=["usubjid", "clock"], how="left").with_columns(
        (pl.col("day") - pl.col("origin_day")).alias("since"),
        (pl.len().over("usubjid", "data_element") == 1).alias("only"),
    )
    before = pl.col("since") <= 0
    placed = (
        pl.when(pl.col("listed"))
        .then(0)
        .when(before)
        .then(1)
        .when(pl.col("only") & pl.col("since").is_null())
        .then(2)
    )
    return (
        rows.with_columns(placed.alias("rank"))
        .filter(pl.col("rank").is_not_null())
        .sort("usubjid", "data_element", "rank", -pl.col("since").fill_null(0), "id")
        .unique(["usubjid", "data_element"], keep="first", maintain_order=True)
    )
