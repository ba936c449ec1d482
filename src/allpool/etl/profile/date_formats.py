"""Which date formats of the mapping language read a column's texts."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from allpool.etl.transform.dates import parse_dates
from allpool.mappings.dates import DateFormat, date_format
from allpool.mappings.profile import DateReading

FORMATS: Final = (
    *("%Y-%m-%d", "%d.%m.%Y", "%d. %m. %Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y"),
    *("%d-%m-%Y", "%m-%d-%Y", "%Y年%m月%d日", "%Y年%m月", "%Y年", "%Y%m%d", "%Y/%m/%d %H:%M"),
    *("%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%Y", "%m.%Y", "%Y/%m"),
    *("%d-%b-%Y", "%d%b%Y", "%d %b %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "iso", "%Y", "excel"),
)
"""The plainest first: of formats that read as many cells, the first is the best."""
MOST: Final = 0.9
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2100
NUMBERS: Final = frozenset({"excel", "%Y", "%Y%m%d"})
"""Formats of whole numbers, which many columns are: dates only within a life's years."""
FIRST_OF_LIFE: Final = 1920
LAST_OF_LIFE: Final = 2040
ANY_DATE: Final = r"[0-9]{4}|[0-9][./][0-9]"
SERIAL: Final = r"^[0-9]{5}(?:\.0+)?$"
CENTURY: Final = 1940
"""First of the hundred years that two digits are tried as; a mapping says its own."""


def date_readings(texts: pl.DataFrame, *, minimum_frequency: int) -> tuple[DateReading, ...]:
    """Return the formats that read at least nine in ten of the cells, the best first.

    `texts` has the distinct `text`s and their `cells`. The years told are those that at least
    `minimum_frequency` cells reach, so that no single date is told by them.
    """
    cells = int(texts["cells"].sum())
    likely = texts.filter(pl.col("text").str.contains(ANY_DATE))
    if not cells or int(likely["cells"].sum()) < MOST * cells:
        return ()
    found = [
        reading
        for name in FORMATS
        if (reading := _reading(name, likely, cells, minimum_frequency=minimum_frequency)) is not None
    ]
    return tuple(sorted(_plainest(found), key=lambda reading: -reading.cells))


def is_order_open(texts: pl.DataFrame, readings: tuple[DateReading, ...]) -> bool:
    """Return whether two formats read all that the best one reads, and some texts as different days."""
    best = [reading.format for reading in readings if reading.cells == readings[0].cells]
    pair = next((pair for pair in ORDERS if set(pair) <= set(best)), None)
    if pair is None:
        return False
    days = [_parsed(name, texts["text"])["date"] for name in pair]
    return bool((days[0] != days[1]).any())


ORDERS: Final = (
    ("%d/%m/%Y", "%m/%d/%Y"),
    ("%d-%m-%Y", "%m-%d-%Y"),
    ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
    ("%d/%m/%y", "%m/%d/%y"),
)


def _reading(name: str, texts: pl.DataFrame, cells: int, *, minimum_frequency: int) -> DateReading | None:
    item = _format(name)
    alike = texts.filter(pl.col("text").str.contains(item.pattern or SERIAL))
    if int(alike["cells"].sum()) < MOST * cells:
        return None
    low, high = (FIRST_OF_LIFE, LAST_OF_LIFE) if name in NUMBERS else (FIRST_YEAR, LAST_YEAR)
    read = alike.with_columns(year=_parsed(name, alike["text"])["date"].dt.year())
    read = read.filter(pl.col("year").is_between(low, high))
    count = int(read["cells"].sum())
    if count < MOST * cells:
        return None
    if count < minimum_frequency:
        return DateReading(format=name, cells=count, first_year=None, last_year=None)
    years = read.group_by("year").agg(pl.col("cells").sum()).sort("year")
    first = years.filter(pl.col("cells").cum_sum() >= minimum_frequency)["year"][0]
    last = years.filter(pl.col("cells").cum_sum(reverse=True) >= minimum_frequency)["year"][-1]
    return DateReading(format=name, cells=count, first_year=int(first), last_year=int(last))


def _plainest(found: list[DateReading]) -> list[DateReading]:
    """Leave `iso` out where a plainer format reads as many cells."""
    plain = max((reading.cells for reading in found if reading.format != "iso"), default=0)
    return [reading for reading in found if reading.format != "iso" or reading.cells > plain]


def _parsed(name: str, texts: pl.Series) -> pl.DataFrame:
    return parse_dates(texts, (_format(name),), timezone="UTC")


@cache
def _format(name: str) -> DateFormat:
    century = CENTURY if "%y" in name else None
    return date_format(name, century=century, language="en" if "%b" in name else None)
