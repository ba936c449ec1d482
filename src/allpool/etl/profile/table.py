"""One table of a file as the readers give it, for a profile."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from allpool.errors import ConfigError, Place, SourceError
from allpool.etl.readers import ROW, SourceFailure, SourceTable, read_source
from allpool.mappings.read import Read


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a file, whole: its columns are of text."""

    sheet: str | None
    format: str
    frame: pl.DataFrame
    header_row: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    """Column -> what the file calls it in words."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Further words of `read` in a mapping."""


def read_table(path: Path, read: Read, *, folder: Path | None = None) -> SourceTable:
    """Return a file as the reader gives it; raises SourceError where it does not.

    `folder` is where its patterns begin; by default the folder that the file is in.
    """
    base = folder or path.parent
    found = next(iter(read_source(base, glob.escape(path.relative_to(base).as_posix()), read)))
    if isinstance(found, SourceFailure):
        place = Place(sheet=found.sheet, row=found.row, column=found.column)
        raise SourceError(found.message, rule=found.rule, place=place)
    return found


def table_of(
    found: SourceTable,
    *,
    sheet: str | None,
    format: str,  # noqa: A002  # as `read` of a mapping calls it
    header_row: int = 1,
    read: Mapping[str, str] | None = None,
) -> Table:
    """Return what a reader gave as a table."""
    return Table(
        sheet=sheet,
        format=format,
        frame=found.frame.drop(ROW),
        header_row=header_row,
        labels=found.labels,
        read=read or {},
    )


def chosen(names: Sequence[str], wanted: str | None, *, what: str, file: str) -> Sequence[str]:
    """Return the names, or the one that is wanted; raises ConfigError where there is none called so."""
    if wanted is None:
        return names
    if wanted not in names:
        there = ", ".join(names) or "none"
        raise ConfigError(f"there is no {what} '{wanted}'; there is {there}", place=Place(file=file))
    return [wanted]
