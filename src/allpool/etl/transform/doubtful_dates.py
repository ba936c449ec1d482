"""Columns of dates that, as a whole, speak against the formats that the mapping names; nothing is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from allpool.etl.transform.dates import Calendar, DateColumn, DateDoubt
from allpool.etl.transform.source import Prepared
from allpool.mappings.dates import DateFormat, swapped

TELLING: Final = ("ambiguous_date", "impossible_date")


def doubtful_dates(prepared: Sequence[Prepared], calendar: Calendar) -> Mapping[DateColumn, DateDoubt]:
    """Return the columns of dates that are in doubt.

    One is where day and month swapped make more of its distinct cells a day of the calendar than the format
    does as declared: each cell that both read, as two days, then waits. Where two declared formats read cells
    as two days, which wait in any case, and one of them reads every cell, the sentence says so.
    """
    columns: dict[DateColumn, list[pl.DataFrame]] = {}
    for item in prepared:
        for column, formats in dict.fromkeys(item.dates()):
            if not calendar.texts(formats, calendar.any_zone)["error"].is_in(TELLING).any():
                continue  # in no column that is read so
            columns.setdefault((item.source.id, column, formats), []).append(_texts(item, column))
    found: dict[DateColumn, DateDoubt] = {}
    for key, parts in columns.items():
        formats = key[2]
        known = calendar.texts(formats, calendar.any_zone)
        cells = known.join(pl.concat(parts).unique(), on="text", how="semi")
        if cells["error"].is_in(TELLING).any() and (doubt := _doubt(formats, cells, calendar)) is not None:
            found[key] = doubt
    return found


def _texts(item: Prepared, column: str) -> pl.DataFrame:
    silent = sorted(text for text in item.plan.missing if text)
    texts = item.frame.select(pl.col(column).alias("text")).drop_nulls().unique()
    return texts.filter(~pl.col("text").is_in(silent)) if silent else texts


def _doubt(formats: tuple[DateFormat, ...], cells: pl.DataFrame, calendar: Calendar) -> DateDoubt | None:
    names = " or ".join(form.name for form in formats)
    twins = tuple(twin for twin in map(swapped, formats) if twin is not None)
    if twins and len(formats) == 1:
        other = calendar.read(cells["text"], twins)
        only_declared = (cells["date"].is_not_null() & other["date"].is_null()).sum()
        only_swapped = (cells["date"].is_null() & other["date"].is_not_null()).sum()
        if only_swapped > only_declared:
            return DateDoubt(
                f"a date as {names}; read so, more cells of this column are no day of the calendar than read "
                f"as {twins[0].name}: name the right format",
                twins,
            )
    if (cells["error"] == "ambiguous_date").any():
        whole = [
            form.name for form in formats if calendar.read(cells["text"], (form,))["date"].null_count() == 0
        ]
        if len(whole) == 1:
            return DateDoubt(
                f"a date as {names}, which read this cell as two days; {whole[0]} reads every cell of the "
                "column: if all are written so, name it alone"
            )
    return None
