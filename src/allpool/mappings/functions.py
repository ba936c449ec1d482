"""The closed registry of functions that a mapping may compute a column with; text in, text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

Compute = Callable[[list[pl.Expr], Mapping[str, str]], pl.Expr]


@dataclass(frozen=True)
class Function:
    """One function: how many columns it takes, which settings, and the expression that it builds."""

    title: str
    columns: tuple[int, int | None]
    """Fewest and most columns; None is any number."""
    settings: frozenset[str]
    build: Compute


def _number(text: pl.Expr) -> pl.Expr:
    return text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)


def _shown(number: pl.Expr) -> pl.Expr:
    """Return numbers as text, whole ones without a decimal sign."""
    whole = number == number.round(0)
    return (
        pl.when(whole)
        .then(number.round(0).cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String))
    )


def _first(columns: list[pl.Expr], _: Mapping[str, str]) -> pl.Expr:
    return pl.coalesce(columns)


def _join(columns: list[pl.Expr], settings: Mapping[str, str]) -> pl.Expr:
    filled = pl.all_horizontal([column.is_not_null() for column in columns])
    return pl.when(filled).then(pl.concat_str(columns, separator=settings.get("separator", "")))


def _sum(columns: list[pl.Expr], _: Mapping[str, str]) -> pl.Expr:
    return _shown(pl.sum_horizontal([_number(column) for column in columns], ignore_nulls=False))


def _difference(columns: list[pl.Expr], _: Mapping[str, str]) -> pl.Expr:
    return _shown(_number(columns[0]) - _number(columns[1]))


def _multiply(columns: list[pl.Expr], settings: Mapping[str, str]) -> pl.Expr:
    return _shown(_number(columns[0]) * float(settings["by"]))


def _add_days(columns: list[pl.Expr], _: Mapping[str, str]) -> pl.Expr:
    start = columns[0].str.to_date("%Y-%m-%d", strict=False)
    days = _number(columns[1])
    moved = start + pl.duration(days=days.cast(pl.Int64, strict=False))
    return pl.when(days == days.round(0)).then(moved.dt.to_string("%Y-%m-%d"))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "first": Function("the first of the columns that says something", (1, None), frozenset(), _first),
    "join": Function(
        "the texts one after another, if all are filled", (2, None), frozenset({"separator"}), _join
    ),
    "sum": Function("the sum, if all are filled", (2, None), frozenset(), _sum),
    "difference": Function("the first less the second", (2, 2), frozenset(), _difference),
    "multiply": Function("the number times `by`", (1, 1), frozenset({"by"}), _multiply),
    "add_days": Function(
        "an ISO date and a number of days: the date so many days later", (2, 2), frozenset(), _add_days
    ),
}
"""What a mapping may write under `function`."""
