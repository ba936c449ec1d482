"""The timeline: each subject's moments on each clock on which they are known.

A clock is the calendar (`calendar`, days since 1970-01-01) or an anchor (`study-entry`, days after it). The
same moment may be known on several clocks. Times are differences on one clock; none is carried to another,
so no calendar date is ever invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Moment
from allpool.analysis.derivation.clocks import middle
from allpool.analysis.derivation.occurrences import read_occurrences
from allpool.analysis.derivation.waiting import read_entries
from allpool.mappings.dictionary import Dictionary

KEY = ("usubjid", "moment")


@dataclass(frozen=True)
class Timeline:
    """When each moment happened to each subject, and what stands in the way of knowing.

    `times`: usubjid, moment, clock, day, coarse (0 day, 1 month, 2 year), srcdom, srcid; one row per subject,
    moment and clock, the first or last occurrence as the moment says.
    `states`: usubjid, moment, undated (happened, at an unknown time), waiting (a cell of it is in
    quarantine).
    """

    times: pl.DataFrame
    states: pl.DataFrame

    def of(self, *moments: str) -> pl.DataFrame:
        """Return the times of some moments."""
        parts = [self._by_moment[name] for name in moments if name in self._by_moment]
        return pl.concat(parts) if parts else self.times.clear()

    @cached_property
    def _by_moment(self) -> Mapping[str, pl.DataFrame]:
        parts = self.times.partition_by("moment", as_dict=True, maintain_order=True)
        return {str(name): part for (name,), part in parts.items()}

    def state(self, moment: str) -> pl.DataFrame:
        """Return usubjid, happened, undated, waiting for one moment; absent subjects know of none."""
        dated = self.of(moment).select("usubjid", pl.lit(True).alias("dated")).unique()
        return (
            self.states.filter(pl.col("moment") == moment)
            .drop("moment")
            .join(dated, on="usubjid", how="full", coalesce=True)
            .with_columns(pl.col("dated", "undated", "waiting").fill_null(False))
            .select("usubjid", (pl.col("dated") | pl.col("undated")).alias("happened"), "undated", "waiting")
        )


def build_timeline(
    connection: Connection,
    subjects: pl.DataFrame,
    moments: Mapping[str, Moment],
    *,
    entries: pl.DataFrame,
    dictionary: Dictionary,
    judged: pl.DataFrame | None = None,
) -> Timeline:
    """Read the moments of `subjects` (usubjid, patient_id); `entries` are those of `read_waiting`.

    `judged` are the occurrences of moments that say `measured` or `counts`, in the columns of `times`.
    """
    rows = read_occurrences(connection, subjects, moments)
    if judged is not None:
        rows = pl.concat([rows, judged.select(rows.columns)])
    rows = _in_order(rows, moments)
    times = _with_anchors(_chosen(rows.filter(pl.col("clock").is_not_null()), moments), moments)
    # a moment that others are counted from is day 0 of its clock, also where its own date is missing
    anchors = times.filter(pl.col("srcid").is_null()).select(*KEY)
    undated = (
        rows.filter(pl.col("clock").is_null())
        .select(*KEY)
        .unique()
        .join(anchors, on=KEY, how="anti")
        .with_columns(pl.lit(True).alias("undated"))
    )
    waiting = _waiting(entries, moments, dictionary)
    states = waiting.join(undated, on=KEY, how="full", coalesce=True).with_columns(
        pl.col("undated", "waiting").fill_null(False)
    )
    return Timeline(times, states.sort(KEY))


def _in_order(rows: pl.DataFrame, moments: Mapping[str, Moment]) -> pl.DataFrame:
    """Leave out what is not `after` the moment that it must come after, or is past that which it is `until`.

    Where the two are known on different clocks, or one has no date, the row stays, and its time is not told.
    """
    bound_by = {name: moment for name, moment in moments.items() if moment.after or moment.until}
    if not bound_by:
        return rows
    free = rows.filter(~pl.col("moment").is_in(list(bound_by)))
    bounds = _with_anchors(_chosen(free.filter(pl.col("clock").is_not_null()), moments), moments)
    parts = [free]
    for name, moment in bound_by.items():
        own = rows.filter(pl.col("moment") == name)
        for other, later in ((moment.after, True), (moment.until, False)):
            if other is None:
                continue
            first = bounds.filter(pl.col("moment") == other)
            known = pl.concat(
                [free.filter(pl.col("moment") == other).select("usubjid"), first.select("usubjid")]
            )
            known = known.unique().with_columns(pl.lit(True).alias("known"))
            first = first.select("usubjid", "clock", middle().alias("bound"))
            held = own.join(known, on="usubjid", how="left").join(first, on=["usubjid", "clock"], how="left")
            past = middle() > pl.col("bound")
            kept = (past if later else ~past).fill_null(True)
            own = held.filter(pl.col("known").fill_null(False) & kept).select(rows.columns)
        parts.append(own)
    return pl.concat(parts)


def _chosen(rows: pl.DataFrame, moments: Mapping[str, Moment]) -> pl.DataFrame:
    """Keep the first or last occurrence per subject, moment and clock; ties go to the lower source id."""
    last = pl.col("moment").is_in([name for name, moment in moments.items() if moment.take == "last"])
    columns = [*KEY, "clock", "day", "coarse", "srcdom", "srcid"]
    ordered = rows.with_columns(pl.when(last).then(-pl.col("day")).otherwise(pl.col("day")).alias("order"))
    return (
        ordered.sort(*KEY, "clock", "order", "srcid")
        .unique(subset=[*KEY, "clock"], keep="first", maintain_order=True)
        .select(columns)
    )


def _with_anchors(times: pl.DataFrame, moments: Mapping[str, Moment]) -> pl.DataFrame:
    """Add each anchor as day 0 of its own clock, for subjects with anything on that clock."""
    anchors = pl.DataFrame(
        [(moment.anchor, name) for name, moment in moments.items() if moment.anchor],
        schema={"clock": pl.String, "moment": pl.String},
        orient="row",
    )
    zero = (
        times.select("usubjid", "clock")
        .unique()
        .join(anchors, on="clock")
        .join(times, on=["usubjid", "moment", "clock"], how="anti")
        .with_columns(
            pl.lit(0.0).alias("day"),
            pl.lit(0, dtype=pl.Int8).alias("coarse"),
            pl.lit(None, dtype=pl.String).alias("srcdom"),
            pl.lit(None, dtype=pl.String).alias("srcid"),
        )
        .select(times.columns)
    )
    return pl.concat([times, zero]).sort(*KEY, "clock")


def read_waiting(connection: Connection, subjects: pl.DataFrame) -> pl.DataFrame:
    """Return the open quarantine entries of `subjects`: usubjid, element, record."""
    return (
        read_entries(connection)
        .join(subjects, on="patient_id")
        .select("usubjid", "element", "record")
        .unique()
    )


def waiting_for(entries: pl.DataFrame, elements: tuple[str, ...], dictionary: Dictionary) -> pl.DataFrame:
    """Return the usubjid of subjects of whom a cell of one of `elements` is in quarantine.

    An entry without an element holds a whole record: it is one of each element of that record.
    """
    records = {*elements, *(dictionary[element].record for element in elements)}
    held = pl.col("element").is_in(elements) | (pl.col("element").is_null() & pl.col("record").is_in(records))
    return entries.filter(held).select("usubjid").unique()


def _waiting(entries: pl.DataFrame, moments: Mapping[str, Moment], dictionary: Dictionary) -> pl.DataFrame:
    """Return usubjid, moment, waiting=True where a cell that the moment needs is in quarantine."""
    return pl.concat(
        [
            waiting_for(entries, moment.elements, dictionary).select(
                "usubjid", pl.lit(name).alias("moment"), pl.lit(True).alias("waiting")
            )
            for name, moment in moments.items()
        ]
    )
