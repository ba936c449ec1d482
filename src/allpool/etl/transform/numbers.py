"""Numbers as centres write them: decimal sign declared, comparators only where accepted."""

from __future__ import annotations

from typing import Literal

import polars as pl

from allpool.etl.transform.reading import Draft
from allpool.etl.transform.wordings import NUMBER

COMPARATOR = r"^(<=|>=|<|>|≤|≥)\s*"
FHIR_COMPARATOR = {"≤": "<=", "≥": ">="}


def number_steps(
    draft: Draft, text: str, *, decimal: Literal[".", ","], comparators: bool, percent: bool = False
) -> None:
    """Read the numbers in the working column `text`: `value` (Float64), `comparator` and `wrong` (rule).

    Null text gives nulls. `percent` lets a trailing % stand, for columns whose unit is declared per cent.
    """
    body = draft[text].str.replace(r"\s*%$", "") if percent else draft[text]
    draft.step(
        body=body.str.replace(COMPARATOR, ""),
        comparator=body.str.extract(COMPARATOR, 1).replace(FHIR_COMPARATOR),
    )
    plain = draft["body"].str.replace(",", ".", literal=True) if decimal == "," else draft["body"]
    numeric = plain.str.contains(NUMBER)
    draft.step(
        number=pl.when(numeric).then(plain).cast(pl.Float64, strict=False),
        sign=draft["body"].str.contains("." if decimal == "," else ",", literal=True),
    )
    wrong_sign = draft["sign"]
    draft.step(
        value=pl.when(wrong_sign).then(None).otherwise(draft["number"]),
        wrong=pl.when(draft[text].is_null())
        .then(None)
        .when(wrong_sign & draft["body"].str.replace_all("[.,]", "").str.contains(r"^[+-]?[0-9]+$"))
        .then(pl.lit("decimal_sign"))
        .when(draft["number"].is_null() | draft["number"].is_infinite())
        .then(pl.lit("not_a_number"))
        .when(draft["comparator"].is_not_null() & pl.lit(not comparators))
        .then(pl.lit("comparator")),
    )
