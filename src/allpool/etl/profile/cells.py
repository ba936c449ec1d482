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
class Kinds:
    """The kinds of many cells, and how many numbers among them end in a per cent sign."""

    cells: dict[CellKind, int]
    percents: int


def kinds_of(texts: pl.DataFrame) -> Kinds:
    """Return the kinds of distinct `text`s, each said by so many `cells`.

    A number with a per cent sign is a number. Of a cell such as 1,234 nobody knows the sign: it counts as a
    decimal comma.
    """
    is_number = pl.col("number").is_not_null()
    told = texts.select("cells", "text", number=_number(pl.col("text")))
    count, numbers = told.select(
        pl.col("cells").sum(), pl.col("cells").filter(is_number).sum().alias("numbers")
    ).row(0)
    found: dict[CellKind, int] = {}
    if numbers:
        plain = told if numbers == count else told.filter(is_number)
        broken = _cells(plain.filter(pl.col("text").str.contains(r"[.eE]")))
        found |= {"integer": numbers - broken, "decimal": broken}
    percents = 0
    if numbers < count:
        others = told.select("cells", "text") if not numbers else told.filter(~is_number).drop("number")
        beginning = others.filter(pl.col("text").str.contains(BEGINNING))
        if beginning.height:
            more, percents = _beginning(_told(beginning))
            found = {kind: found.get(kind, 0) + more.get(kind, 0) for kind in found | more}
    found["text"] = count - sum(found.values())
    return Kinds({kind: cells for kind, cells in found.items() if cells}, percents)


def numbers(texts: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers among distinct `text`s, each said by so many `cells`: `number` and `cells`."""
    told = texts.select("cells", "text", number=_number(pl.col("text")))
    found = told.filter(pl.col("number").is_not_null())
    others = told.filter(pl.col("number").is_null() & pl.col("text").str.contains(BEGINNING)).drop("number")
    more = _told(others).filter(pl.col("number").is_not_null())
    return pl.concat([found.select("number", "cells"), more.select("number", "cells")])


def _told(texts: pl.DataFrame) -> pl.DataFrame:
    """Return texts with the number that each is without its per cent sign in either decimal sign."""
    told = texts.with_columns(
        bare=pl.col("text").str.replace(PERCENT, ""), percent=pl.col("text").str.contains(PERCENT)
    ).with_columns(comma=pl.col("bare").str.contains(COMMA))
    dotted = pl.when("comma").then(pl.col("bare").str.replace(",", ".", literal=True)).otherwise("bare")
    return told.with_columns(number=_number(dotted))


def _beginning(told: pl.DataFrame) -> tuple[dict[CellKind, int], int]:
    """Return kinds, and the numbers with a per cent sign, of texts that begin like numbers."""
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
    return kinds, _cells(found.filter("percent"))


def _number(text: pl.Expr) -> pl.Expr:
    """Return the number that a text is, or null; `nan` and `inf` are words."""
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _cells(texts: pl.DataFrame) -> int:
    return int(texts["cells"].sum())
