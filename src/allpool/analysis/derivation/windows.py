"""Windows: how long after a moment a row lies, and whether that counts."""

from __future__ import annotations

import polars as pl

from allpool.analysis.definitions.rules import Window
from allpool.analysis.derivation.clocks import middle
from allpool.analysis.derivation.timeline import Timeline


def days_after(
    frame: pl.DataFrame, moment: str, timeline: Timeline, *, anchor: str | None, name: str
) -> pl.DataFrame:
    """Add `name`: days from a moment to each row (usubjid, clock, day, coarse).

    Empty where the two have no clock in common, or one of them is not known to the day. `anchor` is the clock
    that counts from the moment itself: there it needs no date of its own.
    """
    origins = timeline.of(moment).select(
        "usubjid", "clock", middle().alias("origin_day"), pl.col("coarse").alias("origin_coarse")
    )
    own = pl.col("clock") == (anchor or "")
    origin = pl.when(own).then(0.0).otherwise(pl.col("origin_day"))
    sharp = (pl.col("coarse") == 0) & (pl.col("origin_coarse").fill_null(0) == 0)
    return (
        frame.join(origins, on=["usubjid", "clock"], how="left", maintain_order="left")
        .with_columns(pl.when(sharp).then(pl.col("day") - origin).alias(name))
        .drop("origin_day", "origin_coarse")
    )


def inside(window: Window, *, days: pl.Expr, visit: pl.Expr, course: pl.Expr) -> pl.Expr:
    """Whether a row counts, by visit, else days, else course: true, false, null where nothing places it."""
    placed = [pl.when(visit.is_in(window.timepoints)).then(True)]
    if window.days is not None:
        placed.append(pl.when(days.is_not_null()).then(days.is_between(*window.days)))
    if window.courses:
        placed.append(pl.when(visit.is_null() & course.is_not_null()).then(course.is_in(window.courses)))
    return pl.coalesce([*placed, pl.when(visit.is_not_null()).then(False)])
