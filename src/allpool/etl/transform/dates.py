"""Dates as centres write them, with the precision that they have and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final, Protocol

import polars as pl

from allpool.etl.transform.wordings import replaced
from allpool.mappings.dates import FIRST_SERIAL, FULL_WIDTH, DateFormat
from allpool.mappings.months import NUMBERS

READ = ("date", "precision", "time", "error", "key")
"""What is read of each text."""

PARTS = (
    *("year", "short_year", "month", "month_name", "no_month", "day", "no_day"),
    *("hour", "minute", "second", "zone"),
)
NO_ZONE: Final = (
    "a time with its offset from UTC, or the time zone of this centre in the mapping (`timezone`)"
)
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True)
class DateDoubt:
    """Why dates of a column are in doubt, as a sentence of what is expected."""

    sentence: str
    swapped: tuple[DateFormat, ...] = ()
    """The formats with day and month swapped, where these read more of its cells than those declared."""


DateColumn = tuple[str, str, tuple[DateFormat, ...]]
"""Source, column and the formats that it is read with."""


class Dated(Protocol):
    """A source table, as far as the calendar needs it."""

    @property
    def frame(self) -> pl.DataFrame:
        """Its columns of text."""

    def dates(self) -> Iterable[tuple[str, tuple[DateFormat, ...]]]:
        """Columns that are read as dates, with the formats that they accept."""


class Calendar:
    """The dates of a feed: each distinct text is read once for all sources, columns and rules."""

    def __init__(self, sources: Mapping[str, Dated], *, timezone: str | Mapping[str, str]) -> None:
        self._sources, self._timezone = sources, timezone
        self._known: dict[tuple[tuple[DateFormat, ...], str | None], pl.DataFrame] = {}
        self._read: dict[tuple[str, str, tuple[DateFormat, ...], bool], pl.DataFrame] = {}
        self._doubts: Mapping[DateColumn, DateDoubt] = {}

    def doubt(self, doubts: Mapping[DateColumn, DateDoubt], sources: Mapping[str, Dated]) -> None:
        """Read the columns that `doubts` names with their doubts; `sources` are as they are under these."""
        self._doubts, self._sources = doubts, sources

    def column(self, source: str, name: str, formats: tuple[DateFormat, ...], *, timed: bool) -> pl.DataFrame:
        """Return `date`, `precision`, `time`, `error` and `key` for each cell of a source's column.

        `hint` stands beside them where the column as a whole is in doubt. Unless `timed`, a time of day other
        than midnight is an error.
        """
        found = self._read.get((source, name, formats, timed))
        if found is None:
            frame = self._sources[source].frame.select(pl.col(name).alias("text"), self._zone().alias("zone"))
            zones = frame["zone"].unique().sort().to_list() or [self.any_zone]
            known = pl.concat(self._said(source, name, formats, zone, timed=timed) for zone in zones)
            found = frame.join(
                known, on=["text", "zone"], how="left", nulls_equal=True, maintain_order="left"
            ).drop("text", "zone")
            self._read[source, name, formats, timed] = found
        return found

    def _zone(self) -> pl.Expr:
        """Return the time zone of each row; null where none is known."""
        if isinstance(self._timezone, str):
            return pl.lit(self._timezone)
        return replaced(pl.col("_centre"), self._timezone)

    def _said(
        self, source: str, name: str, formats: tuple[DateFormat, ...], zone: str | None, *, timed: bool
    ) -> pl.DataFrame:
        """Return what each text of a column says in a time zone, with its doubts."""
        known, doubt = self.texts(formats, zone), self._doubts.get((source, name, formats))
        if doubt is not None:
            known = _doubted(known, doubt, zone)
        if not isinstance(self._timezone, str):
            known = _placeless(known, zone)
        return _keyed(known, timed=timed).with_columns(zone=pl.lit(zone, dtype=pl.String))

    def release(self, source: str) -> None:
        """Let go of a source's cells, when all its rules are applied."""
        self._read = {place: read for place, read in self._read.items() if place[0] != source}

    def read(self, text: pl.Series, formats: tuple[DateFormat, ...]) -> pl.DataFrame:
        """Return what each text says in `formats`."""
        return parse_dates(text, formats, timezone=self.any_zone)

    @property
    def any_zone(self) -> str:
        """A time zone to read days in, which are the same in each."""
        return self._timezone if isinstance(self._timezone, str) else "UTC"

    def texts(self, formats: tuple[DateFormat, ...], zone: str | None) -> pl.DataFrame:
        """Return what each `text` that is anywhere read with these formats says in a time zone."""
        if (formats, zone) not in self._known:
            texts = [
                source.frame[column].unique()
                for source in self._sources.values()
                for column in sorted({column for column, accepted in source.dates() if accepted == formats})
            ]
            distinct = pl.concat(series.alias("text") for series in texts).unique().drop_nulls()
            read = parse_dates(distinct, formats, timezone=zone)
            self._known[formats, zone] = distinct.to_frame().hstack(read)
        return self._known[formats, zone]


def _doubted(known: pl.DataFrame, doubt: DateDoubt, zone: str | None) -> pl.DataFrame:
    """Return what texts say; those that are another day with day and month swapped say nothing."""
    hint = pl.when(pl.col("error").is_in(["ambiguous_date", "impossible_date"])).then(pl.lit(doubt.sentence))
    if not doubt.swapped:
        return known.with_columns(hint=hint)
    other = parse_dates(known["text"], doubt.swapped, timezone=zone)["date"]
    two = (known["date"] != other).fill_null(value=False)
    nothing = {part: pl.when(~two).then(part) for part in ("date", "precision", "time")}
    error = pl.when(two).then(pl.lit("ambiguous_date")).otherwise("error")
    return known.with_columns(**nothing, error=error).with_columns(hint=hint)


def _placeless(known: pl.DataFrame, zone: str | None) -> pl.DataFrame:
    """Return what texts say with a `hint` for those that are no moment without a time zone."""
    hint = pl.col("hint") if "hint" in known.columns else pl.lit(None, dtype=pl.String)
    lost = (pl.col("error") == "ambiguous_date") & (zone is None)
    return known.with_columns(hint=pl.coalesce(hint, pl.when(lost).then(pl.lit(NO_ZONE))))


def read_constant(
    text: str, formats: tuple[DateFormat, ...], *, timezone: str | None, timed: bool
) -> dict[str, pl.Expr]:
    """Return the parts of a date that the mapping itself gives."""
    read = _keyed(parse_dates(pl.Series([text]), formats, timezone=timezone), timed=timed)
    return {part: pl.lit(read[part].item(), dtype=read.schema[part]) for part in READ}


def _keyed(dates: pl.DataFrame, *, timed: bool) -> pl.DataFrame:
    """Return dates with `key`, and without a time of day where the field has none."""
    if not timed:
        # midnight, as spreadsheets write it, is no time of day
        late = (pl.col("time").is_not_null() & ~pl.col("time").str.starts_with("00:00:00")).fill_null(
            value=False
        )
        dates = dates.with_columns(
            date=pl.when(~late).then("date"),
            precision=pl.when(~late).then(pl.col("precision").replace("second", "day")),
            time=pl.lit(None, dtype=pl.String),
            error=pl.when(late).then(pl.lit("not_a_date")).otherwise("error"),
        )
    return dates.with_columns(
        key=pl.concat_str(
            [pl.col("date").dt.to_string("%Y-%m-%d"), pl.col("precision"), pl.col("time").fill_null("")]
        )
    )


def parse_dates(text: pl.Series, formats: tuple[DateFormat, ...], *, timezone: str | None) -> pl.DataFrame:
    """Return `date`, `precision`, `time` (with UTC offset) and `error` for each text; null gives nulls.

    A text that no format matches is `not_a_date`, one that matches and is no day of the calendar (31.02.) is
    `impossible_date`, and one that two formats read as different days is `ambiguous_date`;
    so is an hour without offset that the clock went through twice, and any such hour where no time zone is
    known. One that the clock skipped is impossible.
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


def _read(text: pl.Series, item: DateFormat, timezone: str | None) -> pl.DataFrame:
    if item.epoch is not None:
        return _serial(text, item, timezone)
    assert item.pattern is not None  # noqa: S101  # a format has a pattern or an epoch
    plain = text.rename("t").to_frame().select(pl.col("t").str.replace_many(FULL_WIDTH))
    groups = plain.select(pl.col("t").str.extract_groups(item.pattern)).unnest("t")
    absent = [pl.lit(None, dtype=pl.String).alias(part) for part in PARTS if part not in groups.columns]
    frame = groups.with_columns(*absent).with_columns(year=_year(item), month=_month())
    padded = {part: pl.col(part).str.zfill(2) for part in ("month", "day", "hour", "minute", "second")}
    iso = pl.concat_str(
        [pl.col("year"), padded["month"].fill_null("01"), padded["day"].fill_null("01")], separator="-"
    )
    clock = pl.concat_str(
        [padded["hour"], padded["minute"].fill_null("00"), padded["second"].fill_null("00")], separator=":"
    )
    frame = frame.with_columns(
        day_of=iso.str.to_date("%Y-%m-%d", strict=False),
        moment=pl.concat_str([iso, clock], separator="T").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False),
        timed=pl.col("hour").is_not_null(),
        offset=pl.col("zone").replace("Z", "+00:00").str.replace(r"^([+-][0-9]{2})([0-9]{2})$", "$1:$2"),
        # a day of an unknown month, or an hour of an unknown day, is no date of lower precision
        torn=(pl.col("day").is_not_null() & pl.col("no_month").is_not_null())
        | (pl.col("hour").is_not_null() & pl.col("day").is_null()),
    )
    precision = (
        pl.when(pl.col("day").is_not_null())
        .then(pl.lit("day"))
        .when(pl.col("month").is_not_null())
        .then(pl.lit("month"))
        .otherwise(pl.lit("year"))
    )
    matched = pl.col("year").is_not_null() & ~pl.col("torn")
    return _placed(frame.with_columns(precision=precision, matched=matched), timezone)


def _year(item: DateFormat) -> pl.Expr:
    """Return the year in four digits; two digits are of the hundred years that the mapping names."""
    if item.century is None:
        return pl.col("year")
    first = item.century
    after = (pl.col("short_year").cast(pl.Int32) - first) % 100
    return (first + after).cast(pl.String)


def _month() -> pl.Expr:
    """Return the month in digits, from digits or its name."""
    name = pl.col("month_name").str.to_lowercase().str.strip_suffix(".")
    return pl.col("month").fill_null(
        name.replace_strict(list(NUMBERS), list(NUMBERS.values()), default=None, return_dtype=pl.String)
    )


def _placed(frame: pl.DataFrame, timezone: str | None) -> pl.DataFrame:
    """Return what days and moments say, a moment without offset in `timezone`."""
    moment, offset, timed = pl.col("moment"), pl.col("offset"), pl.col("timed")
    zone = timezone or "UTC"
    local = moment.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    some = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if timezone is None:
        local = pl.when(pl.lit(value=False)).then(local)
    said = moment.is_not_null() & (local.is_not_null() | offset.is_not_null())
    good = pl.col("day_of").is_not_null() & pl.col("matched") & (~timed | said)
    clock = moment.dt.to_string("%H:%M:%S")
    return frame.select(
        date=pl.when(good).then("day_of"),
        precision=pl.when(good).then(pl.when(timed).then(pl.lit("second")).otherwise("precision")),
        time=pl.when(good & timed).then(pl.concat_str([clock, offset.fill_null(local.dt.to_string("%:z"))])),
        matched="matched",
        twice=timed & offset.is_null() & local.is_null() & some.is_not_null() & pl.col("matched"),
    )


def _serial(text: pl.Series, item: DateFormat, timezone: str | None) -> pl.DataFrame:
    """Read Excel's day numbers; a fraction is a time of day, to the nearest second."""
    assert item.epoch is not None  # noqa: S101  # asked for by the caller
    matched = text.str.contains(r"^[0-9]{1,6}(\.[0-9]+)?$")
    read = text.to_frame("t").select(
        days=pl.when(matched).then("t").cast(pl.Float64, strict=False),
        timed=pl.col("t").str.contains(r"\.[0-9]*[1-9]"),
    )
    whole = pl.when(pl.col("days") >= FIRST_SERIAL[item.name]).then(pl.col("days").floor()).cast(pl.Int64)
    # the last half second of a day stays on it
    second = ((pl.col("days") % 1) * SECONDS_PER_DAY).round(0).clip(0, SECONDS_PER_DAY - 1).cast(pl.Int64)
    since = pl.duration(days=whole, seconds=second)
    frame = read.with_columns(moment=pl.lit(datetime(*item.epoch)) + since, matched=matched)
    return _placed(
        frame.with_columns(
            day_of=pl.col("moment").dt.date(),
            precision=pl.lit("day"),
            offset=pl.lit(None, dtype=pl.String),
        ),
        timezone,
    )
