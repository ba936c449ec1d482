"""From what was counted of a column to what may be told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from allpool.etl.profile.cells import numbers
from allpool.etl.profile.date_formats import date_readings, is_order_open
from allpool.etl.profile.tally import TEXTS, Tally
from allpool.mappings.identifiers.suspicion import identifying, quasi_identifier, suspicion
from allpool.mappings.profile import CellKind, ColumnProfile, ValueCount

NUMERIC: Final[tuple[CellKind, ...]] = ("integer", "decimal", "decimal_comma")
QUANTILES: Final = (0.01, 0.25, 0.5, 0.75, 0.99)
VALUES: Final = 200
"""Values that are told, at most."""
LONGEST_VALUE: Final = 80
"""Characters; what is longer was typed by a person about a person, and is told by nobody."""
SHAPES: Final = 10
LONGEST_SHAPE: Final = 40
PERSONAL: Final = frozenset({"name", "address", "email"})
"""Kinds of identifiers whose shapes tell too much."""
WITH_UNIT: Final = r"^[<>≤≥]?\s*[+-]?[0-9]+(?:[.,][0-9]+)?\s*([^\s0-9.,<>:;/-].{0,14})$"


def column_profile(
    name: str, position: int, tally: Tally, unit: str | None, *, rows: int, minimum_frequency: int
) -> ColumnProfile:
    """Return the profile of a column; every value in it stands in `minimum_frequency` cells or more.

    `unit` is what its name states.
    """
    texts = tally.looked_at()
    said = suspicion(name, texts)
    quasi = quasi_identifier(name)
    dates = date_readings(texts, minimum_frequency=minimum_frequency)
    values = () if said or quasi else tuple(_values(tally, minimum_frequency))
    return ColumnProfile(
        name=name,
        position=position,
        rows=rows,
        filled=tally.filled,
        distinct=tally.distinct,
        kinds=dict(sorted(tally.kinds.items(), key=lambda item: -item[1])),
        values=values,
        rare=tally.filled - sum(value.cells for value in values),
        quantiles={} if said else _quantiles(tally, minimum_frequency),
        shapes=() if said and said.kind in PERSONAL else tuple(_shapes(texts, minimum_frequency)),
        dates=dates,
        longest=tally.longest,
        unit=unit or _unit(tally, texts),
        identifier=said,
        quasi_identifier=quasi,
        is_order_open=is_order_open(texts, dates),
        is_approximate=tally.is_sampled,
    )


def _values(tally: Tally, minimum_frequency: int) -> Iterator[ValueCount]:
    frequent = (
        tally.most_frequent()
        .filter((pl.col("cells") >= minimum_frequency) & (pl.col("text").str.len_chars() <= LONGEST_VALUE))
        .head(VALUES)
    )
    harmless = frequent.filter(~identifying(frequent["text"]))
    for text, cells in harmless.iter_rows():
        yield ValueCount(text=text, cells=cells)


def _quantiles(tally: Tally, minimum_frequency: int) -> dict[float, float]:
    """Return quantiles of the numbers, by nearest rank; at least the minimum frequency lies beyond each."""
    if not any(tally.kinds.get(kind) for kind in NUMERIC):
        return {}
    ranked = numbers(tally.looked_at(TEXTS)).sort("number").with_columns(rank=pl.col("cells").cum_sum())
    count = round(ranked["cells"].sum())
    if count < 2 * minimum_frequency - 1:
        return {}
    found: dict[float, float] = {}
    for share in QUANTILES:
        rank = min(max(round(share * count), minimum_frequency), count - minimum_frequency + 1)
        found[share] = float(ranked["number"][ranked["rank"].search_sorted(rank)])
    return found


def _shapes(texts: pl.DataFrame, minimum_frequency: int) -> Iterator[ValueCount]:
    """Yield the commonest shapes; of a sampled column with about so many cells."""
    shape = (
        pl.col("text")
        .str.slice(0, LONGEST_SHAPE)
        .str.replace_all(r"[0-9]", "9")
        .str.replace_all(r"\p{Lu}", "A")
        .str.replace_all(r"\p{Han}", "字")
        .str.replace_all(r"[\p{L}--[A字]]", "a")
    )
    counted = texts.group_by(shape.alias("shape")).agg(pl.col("cells", "seen").sum())
    common = counted.filter(pl.col("seen") >= minimum_frequency).sort(
        "cells", "shape", descending=[True, False]
    )
    for text, cells in common.select("shape", "cells").head(SHAPES).iter_rows():
        yield ValueCount(text=text, cells=round(cells))


def _unit(tally: Tally, texts: pl.DataFrame) -> str | None:
    """Return the unit that most cells write behind their number."""
    if tally.percents * 2 > tally.filled:
        return "%"
    units = texts.select("cells", unit=pl.col("text").str.extract(WITH_UNIT)).drop_nulls("unit")
    most = units.group_by("unit").agg(pl.col("cells").sum()).sort("cells", "unit", descending=True).head(1)
    if most.is_empty() or most["cells"].item() * 2 < int(texts["cells"].sum()):
        return None
    return str(most["unit"].item())
