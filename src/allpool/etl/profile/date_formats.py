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
    *("%d-%b-%Y", "%d%b%Y", "%d %b %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%Y", "excel", "iso"),
)
"""The plainest first: of formats that read as many cells, the first is the best."""
MOST: Final = 0.9
TELLING: Final = 200
"""Texts of which at least one must have a format before all are looked at for it."""
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

    `texts` has the distinct `text`s, their `cells`, and how many of these were `seen`. At least
    `minimum_frequency` cells lie in or before the first year told, and in or after the last, so that no
    single date is told by them.
    """
    cells = int(texts["cells"].sum())
    likely = texts.filter(pl.col("text").str.contains(ANY_DATE))
    if not cells or int(likely["cells"].sum()) < MOST * cells:
        return ()
    telling = likely.top_k(TELLING, by="cells")["text"]
    found: list[DateReading] = []
    for name in FORMATS:
        read = max((reading.cells for reading in found), default=0)
        if name == "iso" and read == cells:
            continue  # a plainer format reads all of them
        reading = _reading(name, likely, telling, cells, minimum_frequency=minimum_frequency)
        if reading is not None and (name != "iso" or reading.cells > read):
            found.append(reading)
    return tuple(sorted(found, key=lambda reading: -reading.cells))


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


def _reading(
    name: str, texts: pl.DataFrame, telling: pl.Series, cells: int, *, minimum_frequency: int
) -> DateReading | None:
    item = _format(name)
    if not telling.str.contains(item.pattern or SERIAL).any():
        return None
    alike = texts.filter(pl.col("text").str.contains(item.pattern or SERIAL))
    if int(alike["cells"].sum()) < MOST * cells:
        return None
    low, high = (FIRST_OF_LIFE, LAST_OF_LIFE) if name in NUMBERS else (FIRST_YEAR, LAST_YEAR)
    read = alike.with_columns(year=_parsed(name, alike["text"])["date"].dt.year())
    read = read.filter(pl.col("year").is_between(low, high))
    count = int(read["cells"].sum())
    if count < MOST * cells:
        return None
    first, last = _years(read, minimum_frequency)
    return DateReading(format=name, cells=count, first_year=first, last_year=last)


def _years(read: pl.DataFrame, minimum_frequency: int) -> tuple[int, int] | tuple[None, None]:
    """Return the years between which dates lie, but for a few at either end; None where there are few."""
    years = read.group_by("year").agg(pl.col("seen").sum()).sort("year")
    reached = years.filter(pl.col("seen").cum_sum() >= minimum_frequency)["year"]
    left = years.filter(pl.col("seen").cum_sum(reverse=True) >= minimum_frequency)["year"]
    if reached.is_empty() or reached[0] > left[-1]:
        return None, None
    return int(reached[0]), int(left[-1])


def _parsed(name: str, texts: pl.Series) -> pl.DataFrame:
    return parse_dates(texts, (_format(name),), timezone="UTC")


@cache
def _format(name: str) -> DateFormat:
    century = CENTURY if "%y" in name else None
    return date_format(name, century=century, language="en" if "%b" in name else None)
