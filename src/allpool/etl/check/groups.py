"""Findings that are equal but for their row, as one: how many cells, and on which rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

ALIKE: Final = ("file", "sheet", "column", "scope", "rule", "expected")
"""What findings of one group have in common."""


@dataclass(frozen=True)
class FindingGroup:
    """Findings of one rule in one column of one file; one cell that several records read counts once."""

    file: str | None
    sheet: str | None
    column: str | None
    scope: str
    rule: str
    expected: str
    about: tuple[tuple[str | None, str | None], ...]
    """Kinds of record and data elements that read the cells."""
    cells: int
    """Cells, or rows, columns and files where the scope is one of these."""
    rows: tuple[int, ...]
    """In ascending order; none for what is of the whole file or column."""


def grouped(found: pl.DataFrame) -> list[FindingGroup]:
    """Return the groups of findings (rows of the quarantine table), in the order of their first one."""
    if found.is_empty():
        return []
    parts = found.group_by(ALIKE, maintain_order=True).agg(
        pl.col("row").n_unique().alias("cells"),
        pl.col("row").drop_nulls().unique().sort().alias("rows"),
        pl.struct("record", "element").unique(maintain_order=True).alias("about"),
    )
    return [
        FindingGroup(
            **{
                **row,
                "rows": tuple(row["rows"]),
                "about": tuple((item["record"], item["element"]) for item in row["about"]),
            }
        )
        for row in parts.iter_rows(named=True)
    ]


def spans(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending rows as spans: 2, 3, 4, 9 gives (2, 4) and (9, 9)."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def spelled(parts: Sequence[tuple[int, int]]) -> str:
    """Return spans as a person writes them: 2–4, 9."""
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in parts)
