"""Why a record has no value: what a missing-data text of its value means, or a column of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from allpool.etl.transform.reading import Reading
from allpool.mappings.plan import ABSENT, RulePlan

ABSENCE: Final = "_absence"
ABSENCE_TEXT: Final = "_absence_text"


def absence(rule: RulePlan, readings: Mapping[str, Reading]) -> dict[str, pl.Expr]:
    """Return why each row's record has no value, and the text that says so.

    What a column of its own says comes first. Else it is what the value's cell means, if no value was read
    and none is in doubt; where two cells mean different things, neither counts.
    """
    stated = [readings[item.name] for item in rule.fields if item.column == ABSENT]
    code, text = (_stated(stated, f"{ABSENT}{part}") for part in ("", "_delivered"))
    telling = [readings[item.name] for item in rule.absent_by]
    spoken = [reading for reading in telling if reading.absent is not None]
    if not spoken:
        return {ABSENCE: code, ABSENCE_TEXT: text}
    silent = reduce(and_, (~reading.filled & ~reading.faulty for reading in telling))
    meant = pl.coalesce(str(reading.absent) for reading in spoken)
    agreed = reduce(
        and_,
        (
            pl.col(str(reading.absent)).is_null() | (pl.col(str(reading.absent)) == meant)
            for reading in spoken
        ),
    )
    said = pl.when(silent & agreed).then(meant)
    word = pl.coalesce(
        pl.when(pl.col(str(reading.absent)).is_not_null()).then(pl.col(str(reading.text)))
        for reading in spoken
    )
    own = code.is_not_null()
    return {
        ABSENCE: pl.when(own).then(code).otherwise(said),
        ABSENCE_TEXT: pl.when(own).then(text).otherwise(pl.when(said.is_not_null()).then(word)),
    }


def says_absence(reading: Reading) -> pl.Expr:
    """Return where the cell of a value is what says that there is none."""
    if reading.absent is None:
        return pl.lit(value=False)
    return (pl.col(reading.absent) == pl.col(ABSENCE)).fill_null(value=False) & ~reading.filled


def absence_columns() -> dict[str, pl.Expr]:
    """Return the columns of the tables that say why there is no value."""
    return {ABSENT: pl.col(ABSENCE), f"{ABSENT}_delivered": pl.col(ABSENCE_TEXT)}


def _stated(stated: Iterable[Reading], target: str) -> pl.Expr:
    columns = [pl.col(reading.columns[target]) for reading in stated if target in reading.columns]
    return columns[0] if columns else pl.lit(None, dtype=pl.String)
