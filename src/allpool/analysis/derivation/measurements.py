"""MRD measurements: what was measured, and on which side of a threshold it lies."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.rules import Measured
from allpool.analysis.derivation.clocks import TIME, clocked
from allpool.analysis.derivation.tables import read

MRD = "mrd_value"
QUALIFIERS = {"mrd_lod": "lod", "mrd_lloq": "lloq", "mrd_threshold_used": "threshold"}
# Codes of the code table mrd_category.
UNDETECTABLE, BELOW_RANGE, QUANTIFIABLE, NOT_EVALUABLE = (
    "undetectable",
    "positive_not_quantifiable",
    "quantifiable",
    "not_evaluable",
)
# A Specimen row carries the element for its kind: the first external code in the code table specimen.
SPECIMENS = {"bone_marrow": "bm_specimen", "peripheral_blood": "blood_specimen", "csf": "csf_specimen"}
BELOW, NOT_BELOW = "below", "not_below"


def read_measurements(connection: Connection, subjects: pl.DataFrame) -> pl.DataFrame:
    """Return MRD measurements with what qualifies them, one row each.

    usubjid, srcid, timepoint, course, method, specimen, level (a fraction of cells), comparator, category,
    lod, lloq, threshold, clock, day, coarse.
    """
    columns = [
        *("id", "subject_id", "timepoint", "course_number", "method", "specimen_id"),
        *("value_quantity", "value_quantity_comparator", "interpretation", *TIME),
    ]
    frame = read(connection, "observation", columns, elements=[MRD])
    parts = read(
        connection,
        "observation_component",
        ["observation_id", "data_element", "value_quantity"],
        elements=QUALIFIERS,
    )
    for element, name in QUALIFIERS.items():
        one = parts.filter(pl.col("data_element") == element).sort("observation_id", "value_quantity")
        one = one.unique("observation_id", keep="last", maintain_order=True)
        frame = frame.join(
            one.select(pl.col("observation_id").alias("id"), pl.col("value_quantity").alias(name)),
            on="id",
            how="left",
        )
    specimens = read(connection, "specimen", ["id", "data_element"])
    frame = frame.join(
        specimens.select(pl.col("id").alias("specimen_id"), pl.col("data_element").alias("specimen")),
        on="specimen_id",
        how="left",
    ).rename(
        {
            "subject_id": "patient_id",
            "id": "srcid",
            "course_number": "course",
            "value_quantity": "level",
            "value_quantity_comparator": "comparator",
            "interpretation": "category",
        }
    )
    return clocked(frame.join(subjects, on="patient_id"))


def judged_measurements(frame: pl.DataFrame, rule: Measured) -> pl.DataFrame:
    """Add verdict (Y, N) and open (why there is none) to the measurements that count for a rule."""
    sided = _sided(frame, rule)
    wanted = pl.col("side") == rule.answer
    verdict = pl.when(pl.col("side").is_null()).then(None).when(wanted).then(pl.lit("Y"))
    return sided.with_columns(
        verdict.otherwise(pl.lit("N")).alias("verdict"), pl.lit("observation").alias("srcdom")
    )


def _sided(frame: pl.DataFrame, rule: Measured) -> pl.DataFrame:
    """Add side (below, not_below) and open.

    A level as a number is below or not. `<x` is below if x is not above the threshold, `>x` not below if x
    is not under it. Undetectable counts if the limit of detection reaches the sensitivity asked; positive
    below the quantitative range if that range (or else the limit of detection) starts no higher than the
    threshold; quantifiable without a number is not below if the range starts no lower. Anything else stays
    open.
    """
    level, compare, category = pl.col("level"), pl.col("comparator"), pl.col("category")
    number = level.is_not_null() & compare.is_null() & (level > 0)
    none = (category == UNDETECTABLE) | (category.is_null() & (level == 0) & compare.is_null())
    sees = pl.col("lod") <= rule.sensitivity
    bound = pl.coalesce("lloq", "lod")
    limit = rule.below
    less = compare.is_in(["<", "<="])
    more = compare.is_in([">", ">="])
    yes, no = pl.lit(BELOW), pl.lit(NOT_BELOW)
    below = no if rule.undetectable_only else yes
    side = (
        pl.when(category == NOT_EVALUABLE)
        .then(None)
        .when(none)
        .then(pl.when(sees).then(yes))
        .when(category == BELOW_RANGE)
        .then(no if rule.undetectable_only else pl.when(sees & (bound <= limit)).then(yes))
        .when(number)
        .then(pl.when(level < limit).then(below).otherwise(no))
        .when(more & (level >= limit))
        .then(no)
        .when(less & category.is_null() & ((compare == "<") & (level <= limit) | (level < limit)))
        .then(pl.when(pl.lit(rule.undetectable_only)).then(None).otherwise(yes))
        .when((category == QUANTIFIABLE) & (pl.lit(rule.undetectable_only) | (bound >= limit)))
        .then(no)
    )
    sided = frame.with_columns(side.alias("side"))
    why = (
        pl.when(pl.col("side").is_not_null())
        .then(None)
        .when(category == NOT_EVALUABLE)
        .then(pl.lit("MRD not evaluable, as the laboratory says"))
        .when((none | (category == BELOW_RANGE)) & pl.col("lod").is_null())
        .then(pl.lit("MRD negative without a stated sensitivity"))
        .when(none | (category == BELOW_RANGE))
        .then(pl.lit(f"MRD negative by an assay that does not reach {rule.sensitivity:g}"))
        .otherwise(pl.lit(f"an MRD level that cannot be placed against {rule.below:g}"))
    )
    sided = sided.with_columns(why.alias("open"))
    sided = _only(sided, "method", rule.methods, "an MRD measurement by an assay that is not stated")
    kinds = tuple(SPECIMENS[kind] for kind in rule.specimens)
    return _only(sided, "specimen", kinds, "an MRD measurement in a sample whose kind is not stated")


def _only(frame: pl.DataFrame, column: str, allowed: tuple[str, ...], unknown: str) -> pl.DataFrame:
    """Keep rows of the kinds that count; one that does not say its kind stays, and is open."""
    if not allowed:
        return frame
    silent = pl.col(column).is_null() | (pl.col(column) == "unknown")
    return frame.filter(pl.col(column).is_in(allowed) | silent).with_columns(
        pl.when(~silent).then(pl.col("side")).alias("side"),
        pl.when(silent).then(pl.lit(unknown)).otherwise("open").alias("open"),
    )
