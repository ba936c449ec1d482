"""Assessments: each response or MRD measurement gets a verdict, and each subject an answer."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Measured, Reported, ResponseDefinition, Window
from allpool.analysis.derivation.tables import read
from allpool.analysis.derivation.timeline import CALENDAR, HALF, Timeline

TIME = ("effective_date", "effective_precision", "effective_offset_days", "effective_anchor")
MRD = "mrd_value"
QUALIFIERS = {"mrd_lod": "lod", "mrd_lloq": "lloq", "mrd_threshold_used": "threshold"}
# Codes of the code table mrd_category.
UNDETECTABLE, BELOW_RANGE, QUANTIFIABLE, NOT_EVALUABLE = (
    "undetectable",
    "positive_not_quantifiable",
    "quantifiable",
    "not_evaluable",
)


def read_responses(connection: Connection, subjects: pl.DataFrame, elements: set[str]) -> pl.DataFrame:
    """Return responses: usubjid, data_element, code, timepoint, course, clock, day, coarse, srcid."""
    columns = ["id", "subject_id", "data_element", "value_concept", "timepoint", "course_number", *TIME]
    frame = read(connection, "observation", columns, elements=elements)
    frame = frame.rename({"subject_id": "patient_id", "id": "srcid", "course_number": "course"})
    return _clocked(frame.join(subjects, on="patient_id")).rename({"value_concept": "code"})


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
    return _clocked(frame.join(subjects, on="patient_id"))


def answers(
    subjects: pl.DataFrame,
    assessments: pl.DataFrame,
    definition: ResponseDefinition,
    *,
    timeline: Timeline,
    waiting: pl.DataFrame,
    anchors: dict[str, str | None],
    titles: dict[str, str],
) -> pl.DataFrame:
    """Return one row per subject: usubjid, avalc (Y, N or empty), reason, ady, srcdom, srcid.

    `assessments` are those of `read_responses` or `read_measurements`; `waiting` are the subjects with a
    cell of them in quarantine; `anchors` and `titles` are those of the moments. One assessment that says yes
    settles it; a no stands only where nothing is open.
    """
    judged = _placed(
        _verdicts(assessments, definition), definition.window, timeline=timeline, anchors=anchors
    )
    subject = judged.group_by("usubjid").agg(
        pl.col("rank").min().alias("rank"),
        pl.col("open").filter(pl.col("open").is_not_null()).sort().first().alias("open"),
    )
    best = (
        judged.sort("usubjid", "rank", "ady", "srcid", nulls_last=True)
        .unique("usubjid", keep="first", maintain_order=True)
        .select("usubjid", "ady", "srcid", "verdict")
    )
    frame = subjects.select("usubjid", "sends").sort("usubjid")
    frame = frame.join(subject, on="usubjid", how="left", maintain_order="left")
    frame = frame.join(best, on="usubjid", how="left", maintain_order="left")
    frame = frame.join(
        waiting.with_columns(pl.lit(True).alias("waiting")), on="usubjid", how="left", maintain_order="left"
    ).with_columns(pl.col("waiting").fill_null(False))
    reason = _reasons(definition, titles)
    if definition.among:
        state = timeline.state(definition.among).select("usubjid", pl.col("happened"))
        frame = frame.join(state, on="usubjid", how="left", maintain_order="left").with_columns(
            pl.col("happened").fill_null(False)
        )
    else:
        frame = frame.with_columns(pl.lit(True).alias("happened"))
    frame = frame.with_columns(reason.alias("reason"))
    evaluable = pl.col("reason").is_null()
    return frame.select(
        "usubjid",
        pl.when(evaluable).then(pl.col("verdict").fill_null("N")).alias("avalc"),
        "reason",
        pl.when(evaluable).then(pl.col("ady")).alias("ady"),
        pl.when(evaluable & pl.col("srcid").is_not_null()).then(pl.lit("observation")).alias("srcdom"),
        pl.when(evaluable).then(pl.col("srcid")).alias("srcid"),
    )


def _clocked(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace the partial date by clock, day and coarse, as on the timeline."""
    date, precision, offset, anchor = (pl.col(name) for name in TIME)
    return frame.with_columns(
        pl.when(date.is_not_null())
        .then(pl.lit(CALENDAR))
        .when(offset.is_not_null())
        .then(anchor)
        .alias("clock"),
        pl.when(date.is_not_null()).then(date.cast(pl.Int32).cast(pl.Float64)).otherwise(offset).alias("day"),
        pl.when(date.is_not_null() & (precision == "month"))
        .then(1)
        .when(date.is_not_null() & (precision == "year"))
        .then(2)
        .otherwise(0)
        .cast(pl.Int8)
        .alias("coarse"),
    ).drop(TIME)


def _verdicts(frame: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    if definition.reported is not None:
        return _reported(frame, definition.reported)
    if definition.measured is None:
        raise AssertionError("a definition is reported or measured")
    return _measured(frame, definition.measured)


def _reported(frame: pl.DataFrame, rule: Reported) -> pl.DataFrame:
    """Add verdict (Y, N) and open (why there is none): a code that the table knows is an assessment."""
    unclear = pl.col("code").is_in(rule.unclear).fill_null(False)
    told = pl.col("code").is_not_null() & ~unclear
    verdict = pl.when(pl.col("code").is_in(rule.codes)).then(pl.lit("Y")).when(told).then(pl.lit("N"))
    heard = ~pl.col("code").is_in(rule.silent).fill_null(False)
    return frame.filter((pl.col("data_element") == rule.element) & heard).with_columns(
        verdict.alias("verdict"),
        pl.when(pl.col("code").is_null())
        .then(pl.lit("an assessment without a result"))
        .when(unclear)
        .then(pl.concat_str(pl.lit("reported as "), pl.col("code"), pl.lit(", which may be either")))
        .alias("open"),
    )


def _measured(frame: pl.DataFrame, rule: Measured) -> pl.DataFrame:
    """Judge each measurement against the threshold, with what its assay can see.

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
    yes, no = pl.lit("Y"), pl.lit("N")
    below = no if rule.undetectable_only else yes
    verdict = (
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
    judged = frame.with_columns(verdict.alias("verdict"))
    why = (
        pl.when(pl.col("verdict").is_not_null())
        .then(None)
        .when(category == NOT_EVALUABLE)
        .then(pl.lit("MRD not evaluable, as the laboratory says"))
        .when((none | (category == BELOW_RANGE)) & pl.col("lod").is_null())
        .then(pl.lit("MRD negative without a stated sensitivity"))
        .when(none | (category == BELOW_RANGE))
        .then(pl.lit(f"MRD negative by an assay that does not reach {rule.sensitivity:g}"))
        .otherwise(pl.lit(f"an MRD level that cannot be placed against {rule.below:g}"))
    )
    judged = judged.with_columns(why.alias("open"))
    if not rule.methods:
        return judged
    return judged.filter(pl.col("method").is_in(rule.methods))


def _placed(
    frame: pl.DataFrame, window: Window | None, *, timeline: Timeline, anchors: dict[str, str | None]
) -> pl.DataFrame:
    """Keep assessments inside the window; those that cannot be placed stay, without verdict, as open.

    Adds ady and rank: 0 yes, 1 open, 2 no.
    """
    origin = window.since if window and window.since else "first_dose"
    origins = timeline.of(origin).select(
        "usubjid",
        "clock",
        (pl.col("day") + pl.col("coarse").replace_strict(HALF, return_dtype=pl.Float64)).alias("origin_day"),
        pl.col("coarse").alias("origin_coarse"),
    )
    frame = frame.join(origins, on=["usubjid", "clock"], how="left").with_columns(
        pl.when(pl.col("clock") == (anchors[origin] or ""))
        .then(0.0)
        .otherwise(pl.col("origin_day"))
        .alias("origin_day")
    )
    sharp = (pl.col("coarse") == 0) & (pl.col("origin_coarse").fill_null(0) == 0)
    frame = frame.with_columns(pl.when(sharp).then(pl.col("day") - pl.col("origin_day")).alias("ady"))
    if window is not None:
        inside = _inside(window)
        frame = frame.with_columns(inside.alias("inside")).filter(pl.col("inside").fill_null(True))
        lost = pl.col("inside").is_null()
        frame = frame.with_columns(
            pl.when(~lost).then(pl.col("verdict")).alias("verdict"),
            pl.when(lost)
            .then(pl.lit("an assessment without visit, date or course to place it"))
            .otherwise("open")
            .alias("open"),
        )
    rank = pl.when(pl.col("verdict") == "Y").then(0).when(pl.col("open").is_not_null()).then(1).otherwise(2)
    return frame.with_columns(rank.alias("rank"))


def _inside(window: Window) -> pl.Expr:
    """Whether an assessment counts: true, false, or null where nothing places it."""
    listed = pl.col("timepoint").is_in(window.timepoints).fill_null(False)
    chain = pl.when(listed).then(True)
    if window.days is not None:
        chain = chain.when(pl.col("ady").is_not_null()).then(pl.col("ady").is_between(*window.days))  # type: ignore[assignment]
    if window.courses:
        chain = chain.when(pl.col("timepoint").is_null() & pl.col("course").is_not_null()).then(  # type: ignore[assignment]
            pl.col("course").is_in(window.courses)
        )
    return chain.when(pl.col("timepoint").is_not_null()).then(False).otherwise(None)


def _reasons(definition: ResponseDefinition, titles: dict[str, str]) -> pl.Expr:
    """Return why a subject is not evaluable: the first reason that applies."""
    yes = pl.col("rank").fill_null(9) == 0
    among = titles[definition.among] if definition.among else ""
    chain = (
        pl.when(~pl.col("happened"))
        .then(pl.lit(f"not evaluable: no {among}"))
        .when(yes)
        .then(None)
        .when(pl.col("waiting"))
        .then(pl.lit("a cell of the assessment waits in quarantine"))
        .when(pl.col("open").is_not_null())
        .then(pl.col("open"))
    )
    absent = pl.col("rank").is_null()
    if definition.not_assessed == "missing":
        return chain.when(absent).then(pl.lit("not assessed")).otherwise(None)
    silent = absent & ~pl.col("sends")
    return (
        chain.when(silent).then(pl.lit("not assessed: the study sends no such assessments")).otherwise(None)
    )
