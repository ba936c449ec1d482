"""What single cells are: whole numbers, numbers in either decimal sign, dates, limits, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from allpool.mappings.profile import CellKind

# DATE has what the mapping language's formats may say; a number alone (20230105, 45123) is a number first.
DATE: Final = (
    r"^[0-9]{4}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,2})?(?:[T ][0-9:.+Z-]+)?$|"
    r"^[0-9]{1,2}[-/.] ?[0-9]{1,2}[-/.] ?[0-9]{2}(?:[0-9]{2})?(?: [0-9:]+)?$|"
    r"^[0-9]{1,2}[-/.] ?[0-9]{4}$|^[0-9]{4}年[0-9]{1,2}月(?:[0-9]{1,2}日)?$|"
    r"^(?i:[0-9]{1,2}[- .]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[- .]?[0-9]{2,4})$"
)
COMPARATOR: Final = r"^(?:<=|>=|<|>|≤|≥)\s*[+-]?[0-9]"
COMMA: Final = r"^[+-]?[0-9]+,[0-9]+$"
PERCENT: Final = r"\s*[%％]$"
BEGINNING: Final = r"^[0-9<>≤≥+.,-]"
"""How every cell begins that is no text."""


@dataclass(frozen=True)
class Numbers:
    """The kinds of many cells, and the numbers among them."""

    kinds: dict[CellKind, int]
    values: pl.DataFrame
    """`number` and `cells`."""
    percents: int


def numbers(texts: pl.DataFrame) -> Numbers:
    """Return the kinds and numbers of distinct `text`s, each said by so many `cells`.

    A number with a per cent sign is a number. Of a cell such as 1,234 nobody knows the sign: it counts as a
    decimal comma.
    """
    plain = texts.select("cells", "text", number=_number(pl.col("text")))
    is_number = pl.col("number").is_not_null()
    kinds: dict[CellKind, int] = {}
    found = plain.filter(is_number)
    parts = [found.select("number", "cells")]
    if found.height:
        whole = _cells(found.filter(~pl.col("text").str.contains(r"[.eE]")))
        kinds |= {"integer": whole, "decimal": _cells(found) - whole}
    others = plain.filter(~is_number).select("cells", "text")
    beginning = others.filter(pl.col("text").str.contains(BEGINNING))
    percents = 0
    if beginning.height:
        kinds_of, values, percents = _beginning(beginning)
        kinds = {kind: kinds.get(kind, 0) + kinds_of.get(kind, 0) for kind in kinds | kinds_of}
        parts.append(values)
    text = _cells(texts) - sum(kinds.values())
    kinds["text"] = text
    return Numbers({kind: count for kind, count in kinds.items() if count}, pl.concat(parts), percents)


def _beginning(texts: pl.DataFrame) -> tuple[dict[CellKind, int], pl.DataFrame, int]:
    """Return kinds, numbers and the cells with a per cent sign of texts that begin like numbers."""
    told = texts.with_columns(
        bare=pl.col("text").str.replace(PERCENT, ""), percent=pl.col("text").str.contains(PERCENT)
    ).with_columns(comma=pl.col("bare").str.contains(COMMA))
    dotted = pl.when("comma").then(pl.col("bare").str.replace(",", ".", literal=True)).otherwise("bare")
    told = told.with_columns(number=_number(dotted))
    found = told.filter(pl.col("number").is_not_null())
    whole = pl.col("bare").str.contains(r"^[+-]?[0-9]+$")
    rest = told.filter(pl.col("number").is_null())
    limits = pl.col("text").str.contains(COMPARATOR)
    kinds: dict[CellKind, int] = {
        "decimal_comma": _cells(found.filter("comma")),
        "integer": _cells(found.filter(whole)),
        "decimal": _cells(found.filter(~pl.col("comma") & ~whole)),
        "comparator": _cells(rest.filter(limits)),
        "date": _cells(rest.filter(~limits & pl.col("text").str.contains(DATE))),
    }
    return kinds, found.select("number", "cells"), _cells(found.filter("percent"))


def _number(text: pl.Expr) -> pl.Expr:
    """Return the number that a text is, or null; `nan` and `inf` are words."""
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _cells(texts: pl.DataFrame) -> int:
    return int(texts["cells"].sum())
