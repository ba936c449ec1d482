"""Assessments: each is judged by a definition's rule and placed in time, and each subject gets an answer."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import ResponseDefinition
from allpool.analysis.definitions.rules import Before, Measured, Reported, Window
from allpool.analysis.derivation.clocks import TIME, clocked
from allpool.analysis.derivation.intervals import Intervals, waits
from allpool.analysis.derivation.measurements import NOT_BELOW
from allpool.analysis.derivation.tables import read
from allpool.analysis.derivation.timeline import Timeline
from allpool.analysis.derivation.windows import days_after, inside

# What settles a subject's answer, the strongest first. Where a rule has a better response to fall short of,
# what is open may be that better one, and outweighs a yes.
BETTER, MAYBE_BETTER, YES, OPEN, NO = range(5)


def read_responses(connection: Connection, subjects: pl.DataFrame, elements: set[str]) -> pl.DataFrame:
    """Return responses: usubjid, data_element, code, timepoint, course, clock, day, coarse, srcid."""
    columns = ["id", "subject_id", "data_element", "value_concept", "timepoint", "course_number", *TIME]
    frame = read(connection, "observation", columns, elements=elements)
    frame = frame.rename({"subject_id": "patient_id", "id": "srcid", "course_number": "course"})
    return clocked(frame.join(subjects, on="patient_id")).rename({"value_concept": "code"})


def judged_reports(frame: pl.DataFrame, rule: Reported) -> pl.DataFrame:
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
        pl.lit("observation").alias("srcdom"),
    )


def answers(
    judged: pl.DataFrame,
    definition: ResponseDefinition,
    *,
    intervals: Intervals,
    timeline: Timeline,
    waiting: pl.Series,
    sending: pl.Series,
) -> pl.DataFrame:
    """Return one row per subject: usubjid, avalc (Y, N or empty), reason, ady, srcdom, srcid.

    `judged` are assessments with verdict and open; `waiting` says of each subject of `intervals` whether a
    cell of them is in quarantine, `sending` whether its study or centre sends such assessments. One yes
    settles it; a no stands only where nothing is open.
    """
    placed = _ranked(_placed(judged, definition.window, intervals, timeline), definition)
    best = (
        placed.sort("usubjid", "rank", "weight", "ady", "srcid", nulls_last=True)
        .unique("usubjid", keep="first", maintain_order=True)
        .select("usubjid", "rank", "open", "verdict", "ady", "srcdom", "srcid")
    )
    frame = intervals.subjects.join(best, on="usubjid", how="left", maintain_order="left")
    states = [intervals.state(name) for name in dict.fromkeys(definition.among)]
    flags = pl.DataFrame([waiting.alias("waits"), sending.alias("sends")])
    before = _before(judged, definition, intervals, timeline)
    frame = pl.concat([frame, flags, before, *states], how="horizontal").with_columns(
        _reason(definition, intervals).alias("reason")
    )
    evaluable = pl.col("reason").is_null()
    return frame.select(
        "usubjid",
        pl.when(evaluable).then(pl.col("verdict").fill_null("N")).alias("avalc"),
        "reason",
        pl.when(evaluable).then(pl.col("ady")).alias("ady"),
        pl.when(evaluable & pl.col("srcid").is_not_null()).then(pl.col("srcdom")).alias("srcdom"),
        pl.when(evaluable).then(pl.col("srcid")).alias("srcid"),
    )


def _placed(
    frame: pl.DataFrame, window: Window | None, intervals: Intervals, timeline: Timeline
) -> pl.DataFrame:
    """Keep assessments inside the window; those that cannot be placed stay, without verdict, as open.

    Adds ady, days since the moment that the window counts from.
    """
    origin = window.since if window and window.since else "first_dose"
    frame = days_after(frame, origin, timeline, anchor=intervals.moments[origin].anchor, name="ady")
    if window is None:
        return frame
    counts = inside(window, days=pl.col("ady"), visit=pl.col("timepoint"), course=pl.col("course"))
    frame = frame.with_columns(counts.alias("inside")).filter(pl.col("inside").fill_null(True))
    lost = pl.col("inside").is_null()
    return frame.with_columns(
        pl.when(~lost).then(pl.col("verdict")).alias("verdict"),
        pl.when(lost)
        .then(pl.lit("an assessment without visit, date or course to place it"))
        .otherwise("open")
        .alias("open"),
    )


def _ranked(frame: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Add rank (what settles the answer) and weight (which of equal rank counts)."""
    exclusive = definition.derived is not None and bool(definition.derived.short_of)
    better = pl.col("better") if "better" in frame.columns else pl.lit(False)
    weight = pl.col("weight") if "weight" in frame.columns else pl.lit(0.0)
    return frame.with_columns(
        pl.when(better)
        .then(BETTER)
        .when(pl.col("verdict") == "Y")
        .then(YES)
        .when(pl.col("open").is_not_null())
        .then(MAYBE_BETTER if exclusive else OPEN)
        .otherwise(NO)
        .alias("rank"),
        weight.alias("weight"),
    )


def _before(
    judged: pl.DataFrame, definition: ResponseDefinition, intervals: Intervals, timeline: Timeline
) -> pl.DataFrame:
    """Return before: why what was measured before makes a subject not evaluable; empty where it does not."""
    rule = definition.measured.before if definition.measured else None
    if rule is None or definition.measured is None:
        none = pl.repeat(None, intervals.subjects.height, dtype=pl.String, eager=True)
        return none.alias("before").to_frame()
    frame = _placed(judged.drop("ady", strict=False), rule.window, intervals, timeline)
    side = pl.when(pl.col("verdict").is_not_null()).then(pl.col("side"))
    last = (
        frame.with_columns(side.alias("side"))
        .sort(
            "usubjid",
            pl.col("side").is_null(),
            -pl.col("ady").fill_null(-float("inf")),
            pl.col("side") != NOT_BELOW,
            "srcid",
        )
        .unique("usubjid", keep="first", maintain_order=True)
        .select("usubjid", "side", pl.col("open").alias("before_open"))
    )
    known = intervals.subjects.join(last, on="usubjid", how="left", maintain_order="left")
    return known.select(_unsuitable(rule, definition.measured).alias("before"))


def _unsuitable(rule: Before, measured: Measured) -> pl.Expr:
    found, limit = (
        ("not below", f"{measured.below:g}") if rule.was == "below" else ("below", f"{measured.below:g}")
    )
    return (
        pl.when(pl.col("side") == rule.was)
        .then(None)
        .when(pl.col("side").is_not_null())
        .then(pl.lit(f"not evaluable: MRD was {found} {limit} before"))
        .when(pl.col("before_open").is_not_null())
        .then(pl.concat_str(pl.lit("before: "), pl.col("before_open")))
        .otherwise(pl.lit("no MRD measurement before"))
    )


def _reason(definition: ResponseDefinition, intervals: Intervals) -> pl.Expr:
    """Return why a subject is not evaluable: the first reason that applies."""
    absent = pl.col("rank").is_null()
    settled = pl.col("rank").is_in([BETTER, YES]).fill_null(False)
    never: list[pl.Expr] = []
    for name in definition.among:
        own = intervals.moments[name]
        never.append(pl.when(pl.col(f"{name}.waiting")).then(pl.lit(waits(own))))
        missed = ~pl.col(f"{name}.happened")
        never.append(pl.when(missed).then(pl.lit(f"not evaluable: no {own.title}")))
    open_ = [
        pl.when(pl.col("waits")).then(pl.lit("a cell of the assessment waits in quarantine")),
        pl.col("open"),
    ]
    if definition.graded is not None:
        silent = "not collected: the centre sends no adverse events"
        open_.append(pl.when(~pl.col("sends")).then(pl.lit(silent)))
    elif definition.not_assessed == "missing":
        open_.append(pl.when(absent).then(pl.lit("not assessed")))
    else:
        silent = "not assessed: the study sends no such assessments"
        open_.append(pl.when(absent & ~pl.col("sends")).then(pl.lit(silent)))
    return pl.coalesce([*never, pl.col("before"), pl.when(~settled).then(pl.coalesce(open_))])
