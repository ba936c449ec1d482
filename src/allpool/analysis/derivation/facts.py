"""Facts derived: one value per subject and fact, with the row that it was read from."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Moment
from allpool.analysis.definitions.subject_facts import (
    AnyFact,
    ComputedFact,
    HappenedFact,
    IntervalFact,
    RowsFact,
)
from allpool.analysis.derivation.clocks import CALENDAR, middle
from allpool.analysis.derivation.collected import collecting, read_collected
from allpool.analysis.derivation.fact_rows import NOT_COLLECTED, WAITS, from_rows, read_rows
from allpool.analysis.derivation.timeline import Timeline, waiting_for
from allpool.analysis.units import days_per
from allpool.mappings.dictionary import Dictionary

COLUMNS = ("usubjid", "aval", "avalc", "reason", "srcdom", "srcid")


def derive_facts(
    connection: Connection,
    subjects: pl.DataFrame,
    facts: Mapping[str, AnyFact],
    *,
    moments: Mapping[str, Moment],
    timeline: Timeline,
    entries: pl.DataFrame,
    dictionary: Dictionary,
) -> pl.DataFrame:
    """Return adfact: one row per subject (usubjid, patient_id, studyid, siteid) and fact.

    `aval` holds a number, `avalc` a code, Y or N; where both are empty `reason` says why. `entries` are those
    of `read_waiting`.
    """
    collected = read_collected(connection)
    found: dict[str, pl.DataFrame] = {}
    for table, own in _by_table(facts).items():
        rows = read_rows(connection, table, own, subjects)
        for asked in own:
            waiting = waiting_for(entries, (asked.element,), dictionary)
            sends = collecting(subjects, collected, [asked.element], dictionary)
            for column in asked.columns:
                filled = collecting(subjects, collected, [asked.element], dictionary, column=column)
                sends = sends.join(filled, on="usubjid", how="semi")
            since = asked.window.since if asked.window and asked.window.since else "first_dose"
            found[asked.fact] = from_rows(
                rows, asked, subjects, timeline, anchor=moments[since].anchor, waiting=waiting, sends=sends
            )
    for name, fact in facts.items():
        if isinstance(fact, IntervalFact):
            found[name] = _interval(fact, subjects, timeline)
        elif isinstance(fact, HappenedFact):
            elements = moments[fact.moment].elements
            sends = collecting(subjects, collected, elements, dictionary)
            found[name] = _happened(fact, subjects, timeline, sends=_sending(sends, fact, subjects, timeline))
    for name, fact in facts.items():
        if isinstance(fact, ComputedFact):
            found[name] = _computed(fact, found)
    level = subjects.select("studyid", "siteid", "usubjid")
    meant = {name: pl.col("studyid").is_in(fact.studies) for name, fact in facts.items() if fact.studies}
    parts = [
        level.filter(meant.get(name, pl.lit(True)))
        .join(frame.select(COLUMNS), on="usubjid", maintain_order="left")
        .with_columns(pl.lit(name).alias("paramcd"))
        for name, frame in found.items()
    ]
    empty = level.clear().with_columns(
        pl.lit(None, dtype=pl.Float64).alias("aval"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in COLUMNS[2:]),
        pl.lit(None, dtype=pl.String).alias("paramcd"),
    )
    return pl.concat([empty, *(part.select(empty.columns) for part in parts)]).sort("usubjid", "paramcd")


def _by_table(facts: Mapping[str, AnyFact]) -> dict[str, list[RowsFact]]:
    groups: dict[str, list[RowsFact]] = {}
    for fact in facts.values():
        if isinstance(fact, RowsFact):
            groups.setdefault(fact.table, []).append(fact)
    return groups


def _interval(fact: IntervalFact, subjects: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    best = _between(timeline, fact.start, fact.end)
    frame = subjects.select("usubjid").join(best, on="usubjid", how="left", maintain_order="left")
    missing = pl.col("days").is_null()
    return frame.select(
        "usubjid",
        (pl.col("days") / days_per(fact.unit)).alias("aval"),
        pl.lit(None, dtype=pl.String).alias("avalc"),
        pl.when(missing).then(pl.lit("one of its two dates is not known")).alias("reason"),
        "srcdom",
        "srcid",
    )


def _between(timeline: Timeline, start: str, end: str) -> pl.DataFrame:
    """Return usubjid, days from `start` to `end`, and the row of the end: on the calendar where it has both,
    else on the first clock that has.
    """
    starts = timeline.of(start).select("usubjid", "clock", middle().alias("start"))
    ends = timeline.of(end).select("usubjid", "clock", middle().alias("end"), "srcdom", "srcid")
    return (
        starts.join(ends, on=["usubjid", "clock"])
        .with_columns((pl.col("clock") != CALENDAR).alias("relative"))
        .sort("usubjid", "relative", "clock")
        .unique("usubjid", keep="first", maintain_order=True)
        .select("usubjid", (pl.col("end") - pl.col("start")).alias("days"), "srcdom", "srcid")
    )


def _sending(
    by_rule: pl.DataFrame, fact: HappenedFact, subjects: pl.DataFrame, timeline: Timeline
) -> pl.DataFrame:
    """Return the subjects whose centre sends the moment, by its mapping or because it has sent one."""
    seen = subjects.join(timeline.state(fact.moment).filter("happened"), on="usubjid", how="semi")
    home = ["studyid", "siteid"]
    by_rows = subjects.join(seen.select(home).unique(), on=home, how="semi", nulls_equal=True)
    return pl.concat([by_rule, by_rows.select("usubjid")])


def _happened(
    fact: HappenedFact, subjects: pl.DataFrame, timeline: Timeline, *, sends: pl.DataFrame
) -> pl.DataFrame:
    """Return Y or N; within days, or before another moment, where both times are on one clock."""
    frame = subjects.select("usubjid").join(
        timeline.state(fact.moment), on="usubjid", how="left", maintain_order="left"
    )
    frame = frame.with_columns(pl.col("happened", "undated", "waiting").fill_null(False))
    seen = timeline.of(fact.moment).sort("usubjid", "clock").unique("usubjid", keep="first")
    frame = frame.join(
        seen.select("usubjid", "srcdom", "srcid"), on="usubjid", how="left", maintain_order="left"
    )
    yes, open_, other_waits = pl.col("happened"), pl.lit(False), pl.lit(False)
    frame = frame.with_columns(pl.col("usubjid").is_in(sends["usubjid"].implode()).alias("sends"))
    if fact.since is not None and fact.days is not None:
        days = _between(timeline, fact.since, fact.moment).select("usubjid", "days")
        frame = frame.join(days, on="usubjid", how="left", maintain_order="left")
        yes = pl.col("happened") & pl.col("days").is_between(*fact.days).fill_null(False)
        open_ = pl.col("happened") & pl.col("days").is_null()
    if fact.before is not None:
        after = _between(timeline, fact.moment, fact.before).select("usubjid", pl.col("days").alias("left"))
        other = timeline.state(fact.before).select(
            "usubjid", pl.col("happened").alias("other"), pl.col("waiting").alias("other_waits")
        )
        frame = frame.join(after, on="usubjid", how="left", maintain_order="left")
        frame = frame.join(other, on="usubjid", how="left", maintain_order="left")
        frame = frame.with_columns(pl.col("other", "other_waits").fill_null(False))
        other_waits = pl.col("happened") & ~pl.col("other") & pl.col("other_waits")
        yes = yes & (~pl.col("other") | (pl.col("left") >= 0).fill_null(False))
        open_ = open_ | (pl.col("happened") & pl.col("other") & pl.col("left").is_null())
    reason = (
        pl.when((pl.col("waiting") & ~pl.col("happened")) | other_waits)
        .then(pl.lit(WAITS))
        .when(~pl.col("happened") & ~pl.col("sends"))
        .then(pl.lit(NOT_COLLECTED))
        .when(open_)
        .then(pl.lit("its time against the other moment is not known"))
    )
    frame = frame.with_columns(reason.alias("reason"), yes.alias("yes"))
    known = pl.col("reason").is_null()
    return frame.select(
        "usubjid",
        pl.lit(None, dtype=pl.Float64).alias("aval"),
        pl.when(known).then(pl.when(pl.col("yes")).then(pl.lit("Y")).otherwise(pl.lit("N"))).alias("avalc"),
        "reason",
        pl.when(known & pl.col("yes")).then(pl.col("srcdom")).alias("srcdom"),
        pl.when(known & pl.col("yes")).then(pl.col("srcid")).alias("srcid"),
    )


def _computed(fact: ComputedFact, found: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    after, before = (found[name] for name in fact.of)
    frame = after.join(
        before.select("usubjid", pl.col("aval").alias("base"), pl.col("reason").alias("base_reason")),
        on="usubjid",
        maintain_order="left",
    )
    number, base = pl.col("aval"), pl.col("base")
    positive = (number > 0) & (base > 0)
    value = {
        "difference": number - base,
        "ratio": pl.when(base > 0).then(number / base),
        "log_ratio": pl.when(positive).then((number / base).log()),
    }[fact.operation]
    return frame.with_columns(value.alias("result")).select(
        "usubjid",
        pl.col("result").alias("aval"),
        pl.lit(None, dtype=pl.String).alias("avalc"),
        pl.when(pl.col("result").is_null())
        .then(pl.coalesce("reason", "base_reason", pl.lit("not defined where a value is 0 or less")))
        .alias("reason"),
        *(
            pl.when(pl.col("result").is_not_null()).then(pl.col(name)).alias(name)
            for name in ("srcdom", "srcid")
        ),
    )
