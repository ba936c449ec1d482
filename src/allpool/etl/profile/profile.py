"""A source file described: each sheet's columns, their kinds, values, dates, units and likely identifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import polars as pl

from allpool.errors import ConfigError, Place, SourceError
from allpool.etl.profile.blocks import text_blocks
from allpool.etl.profile.columns import column_profile
from allpool.etl.profile.table import Table
from allpool.etl.profile.tables import tables, text_format
from allpool.etl.profile.tally import Tally
from allpool.etl.readers.files import opened
from allpool.etl.readers.header import placeholder
from allpool.mappings.draft.header import split_unit
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.profile import ColumnProfile, TableProfile

MINIMUM_FREQUENCY: Final = 5
"""Cells that hold a value before it is told: the smallest cell that health data are published with."""
THREADS: Final = 2
NUMBER_OR_DATE: Final = r"^[+-]?[0-9]+(?:[.,][0-9]+)?$|^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}$"


def profile(
    path: Path,
    *,
    sheet: str | None = None,
    dictionary: Path | None = None,
    minimum_frequency: int = MINIMUM_FREQUENCY,
    watch: Callable[[str], None] | None = None,
) -> list[TableProfile]:
    """Return the profile of each table of a file: one for a text, one per sheet, data set or form.

    Memory is bounded for texts of any length. No value is told that fewer than `minimum_frequency` cells
    hold, and none of a column that looks like a direct identifier. With a `dictionary` the file is an export
    of that REDCap project. `watch` is told how far the work is, in words.
    Raises SourceError where the file cannot be read, ConfigError where it, or `sheet`, is not there.
    """
    if minimum_frequency < 2:
        raise ConfigError(
            "the minimum frequency is at least 2: a value that one cell holds is a patient's own"
        )
    if not path.is_file():
        raise ConfigError("there is no such file", place=Place(file=str(path)))
    try:
        kind = text_format(path)
        if kind is None or dictionary is not None:
            found = [_table(given, path.name, minimum_frequency) for given in tables(path, sheet, dictionary)]
            return _not_empty(found)
        return [_text(path, kind, minimum_frequency, watch or _unwatched)]
    except SourceError as error:
        place = replace(error.place or Place(), file=path.name)
        raise SourceError(error.message, rule=error.rule, place=place) from None


def _unwatched(_: str) -> None:
    """Say nothing."""


def _text(
    path: Path, kind: Literal["csv", "tsv"], minimum_frequency: int, watch: Callable[[str], None]
) -> TableProfile:
    with opened(path) as file:
        layout, blocks = text_blocks(file)
        tallies, rows = _counted(
            blocks, len(layout.names), watch=lambda rows: watch(f"{path.name}: {rows:,} rows")
        )
    kept = [
        (name or placeholder(index + 1), index + 1, tally)
        for index, (name, tally) in enumerate(zip(layout.names, tallies, strict=True))
        if name is not None or tally.filled
    ]
    columns = _described(kept, rows=rows, minimum_frequency=minimum_frequency)
    _refuse_data(columns, layout.header_row)
    return TableProfile(
        file=path.name,
        sheet=None,
        rows=rows,
        columns=columns,
        minimum_frequency=minimum_frequency,
        format=kind,
        encoding=layout.encoding,
        separator=layout.separator,
        decimal=_decimal(columns),
        header_row=layout.header_row,
    )


def _table(given: Table, file: str, minimum_frequency: int) -> TableProfile:
    frame = given.frame
    tallies, rows = _counted([frame], frame.width)
    kept = list(zip(frame.columns, range(1, frame.width + 1), tallies, strict=True))
    columns = _described(kept, rows=rows, minimum_frequency=minimum_frequency, labels=given.labels)
    _refuse_data(columns, given.header_row)
    return TableProfile(
        file=file,
        sheet=given.sheet,
        rows=rows,
        columns=columns,
        minimum_frequency=minimum_frequency,
        format=given.format,
        decimal=_decimal(columns),
        header_row=given.header_row,
        read=given.read,
    )


def _counted(
    blocks: Iterable[pl.DataFrame], width: int, watch: Callable[[int], None] | None = None
) -> tuple[list[Tally], int]:
    """Return the counts of each column, and the rows that hold anything."""
    tallies = [Tally() for _ in range(width)]
    rows = 0
    with ThreadPoolExecutor(THREADS) as pool:
        ahead = pool.submit(next, following := iter(blocks), None)
        while (block := ahead.result()) is not None:
            ahead = pool.submit(next, following, None)
            blank = block.select(pl.all_horizontal(pl.all().is_null()).sum()).item() if width else 0
            rows += block.height - int(blank)
            list(pool.map(Tally.add, tallies, block.iter_columns()))
            if watch is not None:
                watch(rows)
        list(pool.map(Tally.finish, tallies))
    return tallies, rows


def _described(
    kept: Sequence[tuple[str, int, Tally]],
    *,
    rows: int,
    minimum_frequency: int,
    labels: Mapping[str, str] | None = None,
) -> tuple[ColumnProfile, ...]:
    """Return the profiles of columns, given by name, position and what was counted."""
    said = labels or {}
    units = [split_unit(name)[1] for name, _, _ in kept]

    def described(column: tuple[str, int, Tally], unit: str | None) -> ColumnProfile:
        found = column_profile(*column, unit, rows=rows, minimum_frequency=minimum_frequency)
        return replace(found, label=said.get(found.name))

    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(described, kept, units))


def _decimal(columns: Iterable[ColumnProfile]) -> Literal[".", ","]:
    kinds = [column.kinds for column in columns]
    commas = sum(kind.get("decimal_comma", 0) for kind in kinds)
    return "," if commas > sum(kind.get("decimal", 0) for kind in kinds) else "."


def _refuse_data(columns: Sequence[ColumnProfile], header_row: int) -> None:
    """Raise SourceError where the names of columns are no names but a row of data: they would be told."""
    names = pl.Series([column.name for column in columns], dtype=pl.String)
    if identifying(names).any():
        raise SourceError(
            "a column is called like a direct identifier; expected a row of column names above the data",
            rule="no_header",
            place=Place(row=header_row),
        )
    if names.str.contains(NUMBER_OR_DATE).sum() * 2 > names.len():
        raise SourceError(
            "most columns are called by numbers or dates; expected a row of column names above the data",
            rule="no_header",
            place=Place(row=header_row),
        )


def _not_empty(found: list[TableProfile]) -> list[TableProfile]:
    """Leave out sheets without records beside those with some: titles and notes."""
    return [table for table in found if table.rows] or found
