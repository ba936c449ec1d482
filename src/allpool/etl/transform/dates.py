"""Dates as centres write them, with the precision that they have and no more."""

from __future__ import annotations

from datetime import date
from functools import reduce

import polars as pl

from allpool.mappings.dates import FIRST_SERIAL, DateFormat

PARTS = ("year", "month", "day", "hour", "minute", "second", "zone")


def parse_dates(text: pl.Series, formats: tuple[DateFormat, ...], *, timezone: str) -> pl.DataFrame:
    """Return `date`, `precision`, `time` (with UTC offset) and `error` for each text; null gives nulls.

    A text that no format matches is `not_a_date`, one that matches and is no day of the calendar (31.02.) is
    `impossible_date`, and one that two formats read as different days is `ambiguous_date`;
    so is an hour without offset that the clock went through twice. One that the clock skipped is impossible.
    """
    distinct = text.unique().drop_nulls()
    readings = [_read(distinct, item, timezone) for item in formats]
    frame = pl.DataFrame({"text": distinct}).with_columns(
        **{f"{name}{i}": reading[name] for i, reading in enumerate(readings) for name in reading.columns}
    )
    turns = range(len(formats))
    days = [pl.col(f"date{i}") for i in turns]
    disagree: pl.Expr = reduce(
        lambda a, b: a | b, [(days[i] != days[0]).fill_null(value=False) for i in turns], pl.lit(value=False)
    )
    disagree = disagree | (pl.concat_list(days).list.drop_nulls().list.n_unique() > 1)
    disagree = disagree | pl.any_horizontal(pl.col(f"twice{i}") for i in turns)
    matched: pl.Expr = reduce(lambda a, b: a | b, [pl.col(f"matched{i}") for i in turns])
    known = frame.select(
        "text",
        *(
            pl.when(~disagree).then(pl.coalesce(pl.col(f"{name}{i}") for i in turns)).alias(name)
            for name in ("date", "precision", "time")
        ),
        error=pl.when(disagree)
        .then(pl.lit("ambiguous_date"))
        .when(pl.coalesce(days).is_not_null())
        .then(None)
        .when(matched)
        .then(pl.lit("impossible_date"))
        .otherwise(pl.lit("not_a_date")),
    )
    return (
        text.rename("text").to_frame().join(known, on="text", how="left", maintain_order="left").drop("text")
    )


def _read(text: pl.Series, item: DateFormat, timezone: str) -> pl.DataFrame:
    if item.epoch is not None:
        return _serial(text, item)
    assert item.pattern is not None  # noqa: S101  # a format has a pattern or an epoch
    groups = text.rename("t").to_frame().select(pl.col("t").str.extract_groups(item.pattern)).unnest("t")
    absent = [pl.lit(None, dtype=pl.String).alias(part) for part in PARTS if part not in groups.columns]
    frame = groups.with_columns(*absent)
    padded = {part: pl.col(part).str.zfill(2) for part in ("month", "day", "hour", "minute", "second")}
    iso = pl.concat_str(
        [pl.col("year"), padded["month"].fill_null("01"), padded["day"].fill_null("01")], separator="-"
    )
    clock = pl.concat_str(
        [padded["hour"], padded["minute"].fill_null("00"), padded["second"].fill_null("00")], separator=":"
    )
    moment = pl.concat_str([iso, clock], separator="T").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    local = moment.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    some = moment.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    offset = pl.col("zone").replace("Z", "+00:00").str.replace(r"^([+-][0-9]{2})([0-9]{2})$", "$1:$2")
    day = iso.str.to_date("%Y-%m-%d", strict=False)
    timed = pl.col("hour").is_not_null()
    good = day.is_not_null() & (
        ~timed | (moment.is_not_null() & (local.is_not_null() | offset.is_not_null()))
    )
    return frame.select(
        date=pl.when(good).then(day),
        precision=pl.when(~good)
        .then(None)
        .when(timed)
        .then(pl.lit("second"))
        .when(pl.col("day").is_not_null())
        .then(pl.lit("day"))
        .when(pl.col("month").is_not_null())
        .then(pl.lit("month"))
        .otherwise(pl.lit("year")),
        time=pl.when(good & timed).then(pl.concat_str([clock, offset.fill_null(local.dt.to_string("%:z"))])),
        matched=pl.col("year").is_not_null(),
        twice=offset.is_null() & local.is_null() & some.is_not_null(),
    )


def _serial(text: pl.Series, item: DateFormat) -> pl.DataFrame:
    """Read Excel's day numbers; a fraction is a time of day, which a date column does not have."""
    assert item.epoch is not None  # noqa: S101  # asked for by the caller
    matched = text.str.contains(r"^[0-9]{1,6}(\.0+)?$")
    days = text.to_frame("t").select(pl.when(matched).then(pl.col("t").cast(pl.Float64, strict=False)))["t"]
    good = (days >= FIRST_SERIAL[item.name]).fill_null(value=False)
    start = pl.lit(date(*item.epoch))
    return pl.DataFrame({"days": days, "good": good, "matched": matched}).select(
        date=pl.when("good").then(start + pl.duration(days=pl.col("days").cast(pl.Int64))),
        precision=pl.when("good").then(pl.lit("day")),
        time=pl.lit(None, dtype=pl.String),
        matched="matched",
        twice=pl.lit(value=False),
    )
