"""Clocks: a day on the calendar or counted from an anchor, and how exactly it is known."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

CALENDAR = "calendar"
COARSENESS: Mapping[str, int] = {"second": 0, "day": 0, "month": 1, "year": 2}
HALF: Mapping[int, float] = {0: 0.0, 1: 15.0, 2: 182.0}
"""Days from the first day that a partial date can mean to its middle, by coarseness."""


def clocked(frame: pl.DataFrame, time: str = "effective") -> pl.DataFrame:
    """Replace the partial date `time` by clock, day and coarse, as on the timeline."""
    return frame.with_columns(on_clocks(time)).drop(parts_of(time))


def parts_of(time: str) -> list[str]:
    """Return the columns of a partial date."""
    return [f"{time}_{part}" for part in ("date", "precision", "offset_days", "anchor")]


def on_clocks(time: str) -> list[pl.Expr]:
    """Return clock, day and coarse of the partial date `time`."""
    date, precision, offset, anchor = (pl.col(name) for name in parts_of(time))
    return [
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
    ]


def middle() -> pl.Expr:
    """Return the day that a date stands for: itself, or the middle of its month or year."""
    return pl.col("day") + pl.col("coarse").replace_strict(HALF, return_dtype=pl.Float64)


TIME = tuple(parts_of("effective"))
"""Columns of an observation's partial date."""
