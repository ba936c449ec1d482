"""Profiles of a few cells, for tests of the draft: what `etl.profile` finds, from lists of texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from allpool.mappings.identifiers import suspicion
from allpool.mappings.profile import (
    CellKind,
    ColumnProfile,
    DateReading,
    TableProfile,
    ValueCount,
)

FORMATS = {
    "iso": r"(?P<y>\d{4})(-(?P<m>\d{2})(-(?P<d>\d{2})([T ]\d\d:\d\d(:\d\d)?)?)?)?",
    "%Y/%m/%d": r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    "%d.%m.%Y": r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
    "%m/%d/%Y": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})",
    "%d/%m/%Y": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})",
    "%Y年%m月%d日": r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日",
    "%Y年%m月": r"(?P<y>\d{4})年(?P<m>\d{1,2})月",
}


def table(
    file: str, sheet: str | None, columns: Mapping[str, Sequence[str]], *, minimum: int = 1
) -> TableProfile:
    """Return the profile of a table given as column name -> cells; a blank text is an empty cell."""
    rows = max((len(cells) for cells in columns.values()), default=0)
    return TableProfile(
        file=file,
        sheet=sheet,
        rows=rows,
        columns=tuple(
            column(name, place, list(cells), minimum=minimum)
            for place, (name, cells) in enumerate(columns.items(), start=1)
        ),
        minimum_frequency=minimum,
        format="excel" if file.endswith("xlsx") else "csv",
    )


def column(name: str, position: int, cells: Sequence[str], *, minimum: int = 1) -> ColumnProfile:
    """Return the profile of one column."""
    filled = [cell for cell in cells if cell.strip()]
    counts = Counter(filled)
    numbers = sorted(
        float(text.replace(",", ".")) for text in filled if re.fullmatch(r"-?\d+([.,]\d+)?(E-?\d+)?", text)
    )
    return ColumnProfile(
        name=name,
        position=position,
        rows=len(cells),
        filled=len(filled),
        distinct=len(counts),
        kinds=dict(Counter(_kind(text) for text in filled)),
        values=tuple(ValueCount(text=text, cells=n) for text, n in counts.most_common() if n >= minimum),
        rare=sum(n for n in counts.values() if n < minimum),
        quantiles={
            q: numbers[min(int(q * len(numbers)), len(numbers) - 1)] for q in (0.01, 0.25, 0.5, 0.75, 0.99)
        }
        if numbers
        else {},
        shapes=tuple(
            ValueCount(text=text, cells=n) for text, n in Counter(map(_shape, filled)).most_common(20)
        ),
        dates=_dates(filled),
        longest=max(map(len, filled), default=0),
        identifier=suspicion(
            name,
            pl.DataFrame(
                {"text": list(counts), "cells": list(counts.values())},
                schema={"text": pl.String, "cells": pl.Int64},
            ),
        ),
    )


def _kind(text: str) -> CellKind:
    if any(re.fullmatch(pattern, text) for name, pattern in FORMATS.items() if name != "iso"):
        return "date"
    if re.fullmatch(r"\d{4}-\d\d(-\d\d.*)?", text):
        return "date"
    if re.fullmatch(r"-?\d+", text):
        return "integer"
    if re.fullmatch(r"-?\d+\.\d+|-?\d+(\.\d+)?[eE]-?\d+", text):
        return "decimal"
    if re.fullmatch(r"-?\d+,\d+", text):
        return "decimal_comma"
    return "comparator" if re.fullmatch(r"[<>≤≥]=? ?\d+([.,]\d+)?%?", text) else "text"


def _shape(text: str) -> str:
    text = re.sub(r"\d", "9", text)
    text = re.sub(r"[\u4e00-\u9fff]", "字", text)
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", text))


def _dates(filled: Sequence[str]) -> tuple[DateReading, ...]:
    found = []
    for name, pattern in FORMATS.items():
        years = []
        for text in filled:
            match = re.fullmatch(pattern, text)
            if match:
                parts = {key: int(value) for key, value in match.groupdict().items() if value}
                try:
                    years.append(date(parts["y"], parts.get("m", 1), parts.get("d", 1)).year)
                except ValueError:
                    continue
        if filled and len(years) >= 0.9 * len(filled) and min(years) >= 1900 and max(years) <= 2030:
            found.append(
                DateReading(format=name, cells=len(years), first_year=min(years), last_year=max(years))
            )
    if not found and filled and all(text.isdigit() and 30000 <= int(text) <= 60000 for text in filled):
        found.append(DateReading(format="excel", cells=len(filled), first_year=2000, last_year=2026))
    return tuple(sorted(found, key=lambda reading: -reading.cells))
