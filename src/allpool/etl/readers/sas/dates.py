"""SAS dates, times of day and moments: numbers whose format says what they are, as ISO 8601 text."""

from __future__ import annotations

import re
from typing import Final, Literal

import polars as pl

Kind = Literal["date", "month", "year", "datetime", "datetime_utc", "datetime_date", "time"]

# SAS 9.4 and SAS Viya Formats and Informats: Reference, "Formats by category": Date and Time, ISO 8601.
# Day 0 is 1 January 1960, second 0 its midnight ("About SAS date, time, and datetime values").
DATES: Final = (
    *("DATE", "DAY", "DDMMYY", "DDMMYYB", "DDMMYYC", "DDMMYYD", "DDMMYYN", "DDMMYYP", "DDMMYYS"),
    *("MMDDYY", "MMDDYYB", "MMDDYYC", "MMDDYYD", "MMDDYYN", "MMDDYYP", "MMDDYYS"),
    *("YYMMDD", "YYMMDDB", "YYMMDDC", "YYMMDDD", "YYMMDDN", "YYMMDDP", "YYMMDDS"),
    *("WEEKDATE", "WEEKDATX", "WORDDATE", "WORDDATX", "JULIAN", "JULDAY", "NENGO", "MINGUO"),
    *("EURDFDE", "EURDFDD", "EURDFWDX", "EURDFWKX", "NLDATE", "NLDATEL", "NLDATEM", "NLDATES"),
    *("E8601DA", "B8601DA", "IS8601DA", "$N8601", "WEEKU", "WEEKV", "WEEKW"),
)
MONTHS: Final = (
    *("MONYY", "EURDFMY", "NLDATEYM", "YYMM", "YYMMC", "YYMMD", "YYMMN", "YYMMP", "YYMMS", "YYMON"),
    *("MMYY", "MMYYC", "MMYYD", "MMYYN", "MMYYP", "MMYYS"),
)
YEARS: Final = ("YEAR", "NLDATEYR")
MOMENTS: Final = (
    *("DATETIME", "DATEAMPM", "MDYAMPM", "EURDFDT", "NLDATM", "NLDATML", "NLDATMM", "NLDATMS"),
    *("E8601DT", "B8601DT", "IS8601DT", "E8601LX", "B8601LX", "E8601DX", "B8601DX"),
)
MOMENTS_UTC: Final = ("E8601DZ", "B8601DZ", "IS8601DZ")
MOMENTS_BY_DAY: Final = ("DTDATE", "DTWKDATX", "E8601DN", "B8601DN", "IS8601DN")
TIMES: Final = (
    *("TIME", "TIMEAMPM", "TOD", "HHMM", "NLTIME", "NLTIMAP"),
    *("E8601TM", "B8601TM", "IS8601TM", "E8601TX", "B8601TX", "E8601LZ", "B8601LZ", "MMSS", "HOUR"),
)
KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(DATES, "date"),
    **dict.fromkeys(MONTHS, "month"),
    **dict.fromkeys(YEARS, "year"),
    **dict.fromkeys(MOMENTS, "datetime"),
    **dict.fromkeys(MOMENTS_UTC, "datetime_utc"),
    **dict.fromkeys(MOMENTS_BY_DAY, "datetime_date"),
    **dict.fromkeys(TIMES, "time"),
}

EPOCH_DAYS: Final = -3653
"""1 January 1960, in days from 1970."""
DAY: Final = 86_400
YEAR_1, YEAR_10000 = -719_162, 2_932_897
"""First days of the years that ISO 8601 writes with four digits, in days from 1970."""


def kind_of(sas_format: str | None) -> Kind | None:
    """Return what numbers of a format (`DATE9.`, `E8601DT19`) are, None where they are mere numbers."""
    found = re.fullmatch(r"([A-Z]+(?:8601[A-Z]+)?)[0-9]*(?:\.[0-9]*)?", (sas_format or "").strip().upper())
    return KINDS.get(found.group(1)) if found else None


def date_texts(values: pl.Series, kind: Kind) -> pl.Series:
    """Return numbers of `kind` as ISO 8601 text; null where a number is none, such as half a day.

    A date whose format shows no more than its month (or year) is written so where it stands on the first,
    which is how such dates are stored; on any other day it is written whole, since that day was meant.
    """
    number = pl.col("number")
    if kind == "time":
        told = _clock(number)
    elif kind in ("date", "month", "year"):
        told = _day(number + EPOCH_DAYS, kind)
    else:
        told = _moment(number + EPOCH_DAYS * DAY, kind)
    return values.alias("number").to_frame().select(text=told).to_series()


def _day(days: pl.Expr, kind: Kind) -> pl.Expr:
    is_day = (days == days.floor()) & days.is_between(YEAR_1, YEAR_10000, closed="left")
    day = pl.when(is_day).then(days).cast(pl.Int32).cast(pl.Date)
    whole = day.dt.strftime("%Y-%m-%d")
    if kind == "month":
        return pl.when(day.dt.day() == 1).then(day.dt.strftime("%Y-%m")).otherwise(whole)
    if kind == "year":
        return pl.when(day.dt.ordinal_day() == 1).then(day.dt.strftime("%Y")).otherwise(whole)
    return whole


def _moment(seconds: pl.Expr, kind: Kind) -> pl.Expr:
    in_range = (seconds / DAY).is_between(YEAR_1, YEAR_10000, closed="left")
    moment = (pl.when(in_range).then(seconds) * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us"))
    zone = "+00:00" if kind == "datetime_utc" else ""
    whole = moment.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if kind == "datetime_date":
        return pl.when(seconds % DAY == 0).then(moment.dt.strftime("%Y-%m-%d")).otherwise(whole)
    return whole


def _clock(seconds: pl.Expr) -> pl.Expr:
    """Return a time of day, or hours, minutes and seconds where it is a duration of a day and more."""
    micros = (seconds.abs() * 1e6).round().cast(pl.Int64, strict=False)
    rest = micros % 10**6
    hours, minutes, whole = micros // (3600 * 10**6), micros // (60 * 10**6) % 60, micros // 10**6 % 60

    def two(part: pl.Expr) -> pl.Expr:
        return part.cast(pl.String).str.zfill(2)

    digits = pl.when(rest > 0).then(pl.concat_str(pl.lit("."), rest.cast(pl.String).str.zfill(6)))
    sign = pl.when(seconds < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    colon = pl.lit(":")
    return pl.concat_str(sign, two(hours), colon, two(minutes), colon, two(whole), digits.fill_null(""))
