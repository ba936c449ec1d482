"""Pairs worth comparing: patients of different studies or centres with a token or a day in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from allpool.etl.linkage.parameters import Comparison, Parameters
from allpool.etl.linkage.tokens import KINDS

SCHEMA: Final = {"first": pl.String(), "second": pl.String()}
WHERE: Final = ("study", "centre")
OWN: Final = "own"
"""Kind of a token that a centre made by itself."""
YEARS: Final = 1
"""Years of birth this far apart may still be one: an age that was cut off or rounded."""
DAYS: Final = 2
"""Days in common that make a pair worth comparing whatever the years of birth say."""


def tokens(persons: pl.DataFrame) -> pl.DataFrame:
    """Return id, study, centre, kind and token: one row per token, of kind `own` where a centre made it."""
    told = persons.select("id", *WHERE, "token").explode("token").filter(pl.col("token") != "")
    kind = pl.col("token").str.extract(f"^({'|'.join(KINDS)}):")
    return told.with_columns(kind=kind.fill_null(OWN))


def alike_in_tokens(persons: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Return the pairs that bear an equal token, with its kind: first, second, kind; the smaller id first.

    A token that more patients bear than `most_alike` is a constant and no token.
    """
    found = _joined(tokens(persons), ["kind", "token"], most=parameters.most_alike)
    return found.select("first", "second", "kind").unique().sort("first", "second", "kind")


def worth_comparing(persons: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Return the pairs with an equal token, the centre's own number, an equal birth date, or an equal day.

    A pair with one day in common is left out where the years of birth contradict it. Pairs without a day in
    common come where sex and year of birth are equal and a day is near. All others lack what could make them
    candidates: sex, month of birth and the rest weigh less together than the prior asks for.
    """
    alike = alike_in_tokens(persons, parameters).select("first", "second")
    return _gathered([alike, *_blocks(persons, parameters)])


def _blocks(persons: pl.DataFrame, parameters: Parameters) -> Iterator[pl.DataFrame]:
    days = [parameters.comparisons[name] for name in parameters.deterministic.days]
    yield _pairs(persons, ["number"], most=parameters.most_alike)
    yield _pairs(persons, ["birth_date"])
    for day in days:
        yield _pairs(persons, [day.column], condition=_possible(days))
        yield _near(persons, day)


def _possible(days: Sequence[Comparison]) -> pl.Expr:
    """Return what is true where births may agree, or where several days are equal."""
    years = (pl.col("birth_year") - pl.col("birth_year_other")).abs()
    equal = [(pl.col(day.column) == pl.col(f"{day.column}_other")).fill_null(value=False) for day in days]
    return (years <= YEARS).fill_null(value=True) | (pl.sum_horizontal(equal) >= DAYS)


def _near(persons: pl.DataFrame, day: Comparison) -> pl.DataFrame:
    """Return the pairs of one sex and year of birth whose days are near each other."""
    reach = int(day.near_within)
    known = persons.select("id", *WHERE, "sex", "birth_year", day=day.column).drop_nulls(["sex", "day"])
    around = known.with_columns(day=pl.int_ranges(pl.col("day") - reach, pl.col("day") + reach + 1)).explode(
        "day"
    )
    found = _apart(known.join(around, on=["sex", "birth_year", "day"], suffix="_other"))
    return found.select("first", "second")


def _pairs(
    persons: pl.DataFrame, on: Sequence[str], *, most: int | None = None, condition: pl.Expr | None = None
) -> pl.DataFrame:
    return _joined(persons, on, most=most, condition=condition).select("first", "second")


def _joined(
    persons: pl.DataFrame, on: Sequence[str], *, most: int | None = None, condition: pl.Expr | None = None
) -> pl.DataFrame:
    """Return the pairs that are equal in all of `on`, and for which a further condition holds."""
    known = persons.drop_nulls(list(on))
    if most is not None:
        known = known.filter(pl.len().over(list(on)) <= most)
    copied = [pl.col(name).alias(f"{name}_other") for name in on]
    found = known.with_columns(copied).join(known, on=list(on), suffix="_other")
    return _apart(found if condition is None else found.filter(condition))


def _apart(found: pl.DataFrame) -> pl.DataFrame:
    """Return joined rows that are pairs of different studies or centres, each once."""
    apart = [pl.col(name).ne_missing(pl.col(f"{name}_other")) for name in WHERE]
    once = pl.col("id") < pl.col("id_other")
    return found.filter(once, pl.any_horizontal(apart)).rename({"id": "first", "id_other": "second"})


def _gathered(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).unique().sort("first", "second")
