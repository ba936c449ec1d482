"""Numbers as centres write them: decimal sign declared, comparators only where accepted."""

from __future__ import annotations

from typing import Literal

import polars as pl

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
COMPARATOR = r"^(<=|>=|<|>|≤|≥)\s*"
FHIR_COMPARATOR = {"≤": "<=", "≥": ">="}


def parse_numbers(
    text: pl.Series, *, decimal: Literal[".", ","], comparators: bool, percent: bool = False
) -> pl.DataFrame:
    """Return `value` (Float64), `comparator` and `error` (rule) for each text; null text gives nulls.

    `percent` lets a trailing % stand, for columns whose unit is declared to be per cent.
    """
    body = pl.col("text")
    if percent:
        body = body.str.replace(r"\s*%$", "")
    frame = text.rename("text").to_frame().with_columns(body=body.str.replace(COMPARATOR, ""))
    frame = frame.with_columns(
        comparator=body.str.extract(COMPARATOR, 1).replace(FHIR_COMPARATOR),
        plain=pl.col("body").str.replace(",", ".", literal=True) if decimal == "," else pl.col("body"),
    )
    numeric = pl.col("plain").str.contains(NUMBER)
    wrong_sign = pl.col("body").str.contains("." if decimal == "," else ",", literal=True)
    value = pl.when(numeric).then(pl.col("plain")).cast(pl.Float64, strict=False)
    return frame.with_columns(value=value).select(
        value=pl.when(wrong_sign).then(None).otherwise(pl.col("value")),
        comparator="comparator",
        error=pl.when(pl.col("text").is_null())
        .then(None)
        .when(wrong_sign & pl.col("body").str.replace_all("[.,]", "").str.contains(r"^[+-]?[0-9]+$"))
        .then(pl.lit("decimal_sign"))
        .when(pl.col("value").is_null() | pl.col("value").is_infinite())
        .then(pl.lit("not_a_number"))
        .when(pl.col("comparator").is_not_null() & pl.lit(not comparators))
        .then(pl.lit("comparator")),
    )


def converted(value: pl.Expr, factor: float) -> pl.Expr:
    """Return `value` in the canonical unit.

    A factor below one whose inverse is whole divides by the inverse: 0.01 % is then 1e-4 to the last bit, on
    the same side of a threshold as a centre that writes 1e-4.
    """
    inverse = round(1 / factor) if 0 < factor < 1 else 0
    if inverse and abs(1 / inverse - factor) <= 1e-12 * factor:
        return value / inverse
    return value * factor
