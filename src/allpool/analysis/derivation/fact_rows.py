"""Facts read from a subject's rows of one table: which rows count, and what is taken of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Window
from allpool.analysis.definitions.subject_facts import DAYS_SINCE, VALUE, RowsFact
from allpool.analysis.derivation.clocks import middle, on_clocks, parts_of
from allpool.analysis.derivation.tables import read
from allpool.analysis.derivation.timeline import Timeline
from allpool.analysis.derivation.windows import days_after, inside
from allpool.models import Base

TIMES: Mapping[str, str] = {
    "observation": "effective",
    "medication_administration": "effective_start",
    "procedure": "performed",
    "condition": "onset",
    "adverse_event": "date",
}
"""The partial date of each table that facts are read from."""
NUMBERS, TEXTS = ("value_quantity", "value_integer"), ("value_concept", "value_string")
WAITS = "a cell that it needs waits in quarantine"
NOT_COLLECTED = "not collected by the centre"


def read_rows(
    connection: Connection, table: str, facts: Sequence[RowsFact], subjects: pl.DataFrame
) -> pl.DataFrame:
    """Read a table once for all its facts, with `clock`, `day` and `coarse` for its partial date."""
    own = Base.metadata.tables[table]
    wanted = {"id", "subject_id", "data_element", *parts_of(TIMES[table])}
    wanted |= {name for name in ("timepoint", "course_number") if name in own.c}
    for fact in facts:
        wanted |= {*fact.where, *fact.unless, *((fact.of,) if fact.of not in (VALUE, DAYS_SINCE) else ())}
    if table == "observation":
        wanted |= {*NUMBERS, *TEXTS, "value_boolean"}
    if table == "adverse_event":
        wanted.add("grade")
    frame = read(connection, table, sorted(wanted), elements={fact.element for fact in facts})
    return frame.join(
        subjects.select("usubjid", "patient_id"), left_on="subject_id", right_on="patient_id"
    ).with_columns(on_clocks(TIMES[table]))


def from_rows(
    rows: pl.DataFrame,
    fact: RowsFact,
    subjects: pl.DataFrame,
    timeline: Timeline,
    *,
    anchor: str | None,
    waiting: pl.DataFrame,
    sends: pl.DataFrame,
) -> pl.DataFrame:
    """Return usubjid, aval, avalc, reason, srcdom, srcid of every subject.

    `anchor` is the clock that counts from the window's moment; `waiting` are subjects with a cell of the
    element in quarantine, `sends` those whose centre sends it.
    """
    frame = rows.filter(pl.col("data_element") == fact.element)
    for column, words in fact.where.items():
        frame = frame.filter(_word(column).is_in(words).fill_null(False))
    for column, words in fact.unless.items():
        frame = frame.filter(~_word(column).is_in(words).fill_null(False))
    frame = _valued(frame, fact)
    if fact.at_least is not None:
        frame = frame.filter(pl.col("number") >= fact.at_least)
    if fact.below is not None:
        frame = frame.filter(pl.col("number") < fact.below)
    lost = subjects.select("usubjid").clear()
    if fact.window is not None:
        frame = placed(frame, fact.window, timeline, anchor=anchor)
        lost = frame.filter(pl.col("inside").is_null()).select("usubjid").unique()
        frame = frame.filter(pl.col("inside").fill_null(False))
        if fact.of == DAYS_SINCE:
            frame = frame.with_columns(pl.col("since").alias("number"))
    chosen = _taken(frame, fact)
    counts = fact.take in ("any", "count", "distinct")
    none = _none(fact.take) if counts else (None, None)
    who = (
        subjects.select("usubjid")
        .join(chosen, on="usubjid", how="left", maintain_order="left")
        .with_columns(pl.lit(fact.table).alias("srcdom"))
    )
    who = _marked(_marked(_marked(who, sends, "sends"), waiting, "waits"), lost, "lost")
    absent = ~pl.col("found").fill_null(False)
    settled = pl.lit(fact.take == "any") & ~absent
    reason = (
        pl.when(pl.col("waits") & ~settled)
        .then(pl.lit(WAITS))
        .when(pl.col("lost") & ~settled)
        .then(pl.lit("a row without visit, date or course to place it"))
        .when(absent & ~pl.col("sends"))
        .then(pl.lit(NOT_COLLECTED))
        .when(absent & pl.lit(not counts))
        .then(pl.lit("no value"))
        .when(~absent & pl.col("aval").is_null() & pl.col("avalc").is_null())
        .then(pl.lit("several values, and nothing tells which"))
    )
    who = who.with_columns(reason.alias("reason"))
    known = pl.col("reason").is_null()
    return who.with_columns(
        pl.when(known).then(pl.when(absent).then(pl.lit(none[0])).otherwise(pl.col("aval"))).alias("aval"),
        pl.when(known).then(pl.when(absent).then(pl.lit(none[1])).otherwise(pl.col("avalc"))).alias("avalc"),
        pl.when(known & ~absent).then(pl.col("srcdom")).alias("srcdom"),
        pl.when(known & ~absent).then(pl.col("srcid")).alias("srcid"),
    )


def _none(take: str) -> tuple[float | None, str | None]:
    return (None, "N") if take == "any" else (0.0, None)


def _word(column: str) -> pl.Expr:
    """A column as the words of a definition: booleans as true and false, numbers as they print."""
    return pl.col(column).cast(pl.String)


def _valued(frame: pl.DataFrame, fact: RowsFact) -> pl.DataFrame:
    """Add `number` and `text`: what `of` says of each row."""
    if fact.of not in (VALUE, DAYS_SINCE):
        numeric = frame.schema[fact.of].is_numeric()
        number = pl.col(fact.of).cast(pl.Float64) if numeric else pl.lit(None, dtype=pl.Float64)
        text = pl.lit(None, dtype=pl.String) if numeric else _word(fact.of)
    elif fact.table == "observation" and fact.of == VALUE:
        number = pl.coalesce(*(pl.col(name).cast(pl.Float64) for name in NUMBERS))
        text = pl.coalesce(*(pl.col(name) for name in TEXTS), _word("value_boolean"))
    elif fact.table == "adverse_event" and fact.of == VALUE:
        number, text = pl.col("grade").cast(pl.Float64), pl.lit(None, dtype=pl.String)
    else:
        number, text = pl.lit(None, dtype=pl.Float64), pl.lit(None, dtype=pl.String)
    return frame.with_columns(number.alias("number"), text.alias("text"))


def _taken(frame: pl.DataFrame, fact: RowsFact) -> pl.DataFrame:
    """Return usubjid, aval, avalc, srcid, found of subjects with rows; no value where nothing tells which."""
    ordered = frame.sort("usubjid", "day", "id", nulls_last=True)
    first = pl.col("id").first().alias("srcid")
    blank = pl.lit(None, dtype=pl.Float64).alias("aval"), pl.lit(None, dtype=pl.String).alias("avalc")
    if fact.take == "any":
        found = ordered.group_by("usubjid", maintain_order=True).agg(first)
        return found.with_columns(blank[0], pl.lit("Y").alias("avalc"), pl.lit(True).alias("found"))
    if fact.take in ("count", "distinct"):
        different = pl.coalesce("text", pl.col("number").cast(pl.String)).drop_nulls().n_unique()
        own = (pl.len() if fact.take == "count" else different).cast(pl.Float64)
        found = ordered.group_by("usubjid", maintain_order=True).agg(own.alias("aval"), first)
        return found.with_columns(blank[1], pl.lit(True).alias("found"))
    valued = ordered.filter(pl.col("number").is_not_null() | pl.col("text").is_not_null())
    if fact.take in ("least", "most"):
        valued = valued.filter(pl.col("number").is_not_null())
        best = valued.sort(
            "usubjid", "number", "day", "id", descending=[False, fact.take == "most", False, False]
        )
        best = best.unique("usubjid", keep="first", maintain_order=True)
    else:
        best = _by_date(valued, last=fact.take == "last")
    return best.select(
        "usubjid",
        pl.col("number").alias("aval"),
        pl.col("text").alias("avalc"),
        pl.col("id").alias("srcid"),
        pl.lit(True).alias("found"),
    )


def _by_date(frame: pl.DataFrame, *, last: bool) -> pl.DataFrame:
    """Keep the first or last row by date.

    Where no date tells which row that is (none has one, their clocks differ, or several are of that day), a
    value is kept only if all those rows agree on it.
    """
    frame = frame.with_columns(pl.when(pl.col("day").is_not_null()).then(middle()).alias("order"))
    outermost = pl.col("order").max() if last else pl.col("order").min()
    dated = pl.col("order").is_not_null()
    one_clock = pl.col("clock").filter(dated).n_unique().over("usubjid") == 1
    possible = frame.filter(~one_clock | (pl.col("order") == outermost.over("usubjid")).fill_null(False))
    agreed = pl.struct("number", "text").n_unique().over("usubjid") == 1
    return (
        possible.with_columns(
            pl.when(agreed).then(pl.col("number")).alias("number"),
            pl.when(agreed).then(pl.col("text")).alias("text"),
        )
        .sort("usubjid", "order", "id", descending=[False, last, False], nulls_last=True)
        .unique("usubjid", keep="first", maintain_order=True)
    )


def placed(frame: pl.DataFrame, window: Window, timeline: Timeline, *, anchor: str | None) -> pl.DataFrame:
    """Add `since`, days after the window's moment, and `inside`, null where nothing places a row."""
    frame = days_after(frame, window.since or "first_dose", timeline, anchor=anchor, name="since")
    visit = pl.col("timepoint") if "timepoint" in frame.columns else pl.lit(None, dtype=pl.String)
    course = pl.col("course_number") if "course_number" in frame.columns else pl.lit(None, dtype=pl.Int64)
    return frame.with_columns(
        inside(window, days=pl.col("since"), visit=visit, course=course).alias("inside")
    )


def _marked(frame: pl.DataFrame, who: pl.DataFrame, name: str) -> pl.DataFrame:
    marked = who.unique().with_columns(pl.lit(True).alias(name))
    return frame.join(marked, on="usubjid", how="left", maintain_order="left").with_columns(
        pl.col(name).fill_null(False)
    )
