"""The closed registry of functions that a mapping may compute a column with; text in, text out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Final, Literal

import polars as pl
from polars.exceptions import ComputeError

from allpool.mappings.dates import FIRST_SERIAL, FULL_WIDTH, DateFormat, date_format

Decimal = Literal[".", ","]
Compute = Callable[[list[pl.Expr], Mapping[str, str], Decimal], pl.Expr]

NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Function:
    """One function: how many columns it takes, which settings, and the expression that it builds."""

    title: str
    columns: tuple[int, int | None]
    """Fewest and most columns; None is any number."""
    settings: Mapping[str, Callable[[str], None]]
    """Name -> check, which raises ValueError with a sentence."""
    build: Compute
    required: frozenset[str] = field(default_factory=frozenset)
    """Settings that cannot be left out."""
    instead: str | None = None
    """Setting that stands in for the last column."""
    dated: tuple[int, ...] = ()
    """Places of the columns that hold dates, in `format`."""

    def check(self, columns: int, given: Mapping[str, str]) -> None:
        """Raise ValueError with a sentence where the columns or settings do not fit."""
        fewest, most = self.columns
        if columns < fewest or (most is not None and columns > most):
            raise ValueError(f"takes {_span(fewest, most)}")
        if set(given) - set(self.settings):
            raise ValueError(f"takes the settings {', '.join(sorted(self.settings)) or 'none'}")
        for name in sorted(self.required - set(given)):
            raise ValueError(f"needs the setting '{name}'")
        if self.instead and (columns == most) == (self.instead in given):
            raise ValueError(f"takes either {most} columns or the setting '{self.instead}'")
        for name, text in given.items():
            self.settings[name](text)


def _span(fewest: int, most: int | None) -> str:
    if most is None:
        return f"{fewest} or more columns"
    return f"{fewest} columns" if fewest == most else f"{fewest} to {most} columns"


def _number(text: pl.Expr, decimal: Decimal) -> pl.Expr:
    """Return numbers in the file's own decimal sign; the other sign makes no number."""
    plain = text
    if decimal == ",":
        plain = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return pl.when(plain.str.contains(NUMBER)).then(plain).cast(pl.Float64, strict=False)


def _shown(number: pl.Expr, decimal: Decimal) -> pl.Expr:
    """Return numbers as text as the file would write them, whole ones without a decimal sign."""
    whole = number == number.round(0)
    text = pl.coalesce(
        pl.when(whole).then(number.round(0).cast(pl.Int64, strict=False).cast(pl.String)),
        pl.when(number.is_finite()).then(number.cast(pl.String)),
    )
    return text.str.replace(".", ",", literal=True) if decimal == "," else text


def _first(columns: list[pl.Expr], _: Mapping[str, str], __: Decimal) -> pl.Expr:
    return pl.coalesce(columns)


def _join(columns: list[pl.Expr], settings: Mapping[str, str], _: Decimal) -> pl.Expr:
    filled = pl.all_horizontal([column.is_not_null() for column in columns])
    return pl.when(filled).then(pl.concat_str(columns, separator=settings.get("separator", "")))


def _extract(columns: list[pl.Expr], settings: Mapping[str, str], _: Decimal) -> pl.Expr:
    return columns[0].str.strip_chars().str.extract(f"^(?:{settings['pattern']})$", 1)


def _sum(columns: list[pl.Expr], _: Mapping[str, str], decimal: Decimal) -> pl.Expr:
    return _shown(
        pl.sum_horizontal([_number(column, decimal) for column in columns], ignore_nulls=False), decimal
    )


def _difference(columns: list[pl.Expr], _: Mapping[str, str], decimal: Decimal) -> pl.Expr:
    return _shown(_number(columns[0], decimal) - _number(columns[1], decimal), decimal)


def _multiply(columns: list[pl.Expr], settings: Mapping[str, str], decimal: Decimal) -> pl.Expr:
    return _shown(_number(columns[0], decimal) * float(settings["by"]), decimal)


def _add_days(columns: list[pl.Expr], settings: Mapping[str, str], decimal: Decimal) -> pl.Expr:
    start = _day(columns[0], date_format(settings.get("format", "iso")))
    days = _number(columns[1], decimal) if len(columns) > 1 else pl.lit(float(settings.get("days", "0")))
    moved = start + pl.duration(days=pl.when(days.abs() < LONGEST).then(days).cast(pl.Int64, strict=False))
    return pl.when(days == days.round(0)).then(moved.dt.to_string("%Y-%m-%d"))


def _days_between(columns: list[pl.Expr], settings: Mapping[str, str], _: Decimal) -> pl.Expr:
    kind = date_format(settings.get("format", "iso"))
    return (_day(columns[1], kind) - _day(columns[0], kind)).dt.total_days().cast(pl.String)


LONGEST: Final = 100_000
"""Days that may be added: no life is longer, and a calendar overflows far beyond."""


def _day(text: pl.Expr, kind: DateFormat) -> pl.Expr:
    """Return the day that a text in one format says; null where it says none."""
    if kind.epoch is not None:
        days = pl.when(text.str.contains(r"^[0-9]{1,6}$")).then(text).cast(pl.Int64, strict=False)
        late = pl.when(days >= FIRST_SERIAL[kind.name]).then(days)
        return pl.lit(date(*kind.epoch)) + pl.duration(days=late)
    parts = text.str.replace_many(FULL_WIDTH).str.extract_groups(str(kind.pattern)).struct
    return pl.concat_str(
        [parts.field("year"), parts.field("month").str.zfill(2), parts.field("day").str.zfill(2)],
        separator="-",
    ).str.to_date("%Y-%m-%d", strict=False)


def _any_text(_: str) -> None:
    """Accept any text."""


def _is_pattern(text: str) -> None:
    try:
        groups = re.compile(text).groups
        pl.Series([""]).str.extract(f"^(?:{text})$", 1)
    except (re.error, ComputeError):
        raise ValueError("'pattern' is no regular expression") from None
    if groups != 1:
        raise ValueError("'pattern' has one group, (...), around the part that is wanted")


def _is_number(text: str) -> None:
    if re.fullmatch(NUMBER, text) is None or not isfinite(float(text)):
        raise ValueError("'by' is a number with a decimal point")


def _is_whole(text: str) -> None:
    if not text.removeprefix("-").isdecimal() or abs(int(text)) >= LONGEST:
        raise ValueError("'days' is a whole number of days")


def _is_day_format(text: str) -> None:
    kind = date_format(text)
    if kind.epoch is None and not all(part in str(kind.pattern) for part in ("<month>", "<day>")):
        raise ValueError("the format says year, month and day")


FUNCTIONS: Final[Mapping[str, Function]] = {
    "first": Function("the first of the columns that says something", (1, None), {}, _first),
    "join": Function(
        "the texts one after another, if all are filled", (2, None), {"separator": _any_text}, _join
    ),
    "extract": Function(
        "the part of the text that the one group of `pattern` finds, where the whole text matches",
        (1, 1),
        {"pattern": _is_pattern},
        _extract,
        required=frozenset({"pattern"}),
    ),
    "sum": Function("the sum, if all are filled", (2, None), {}, _sum),
    "difference": Function("the first less the second", (2, 2), {}, _difference),
    "multiply": Function(
        "the number times `by`", (1, 1), {"by": _is_number}, _multiply, required=frozenset({"by"})
    ),
    "add_days": Function(
        "the date (in `format`, else ISO) so many days later: the second column, or `days`; ISO comes out",
        (1, 2),
        {"days": _is_whole, "format": _is_day_format},
        _add_days,
        instead="days",
        dated=(0,),
    ),
    "days_between": Function(
        "days from the first date to the second (in `format`, else ISO)",
        (2, 2),
        {"format": _is_day_format},
        _days_between,
        dated=(0, 1),
    ),
}
"""What a mapping may write under `function`."""
