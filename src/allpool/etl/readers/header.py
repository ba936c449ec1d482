"""Names of a source's columns, from the cells of its header row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allpool.errors import Place, SourceError

RESERVED: Final = frozenset(
    f"_{name}"
    for name in (
        *("row", "i", "key", "study", "centre", "pseudonym", "scope", "patient"),
        *("here", "held", "made", "incomplete", "error", "kind", "expected", "absence", "linkage"),
    )
)
"""Names that the reader and the transform give to columns of their own."""


def header_names(cells: Sequence[str], *, row: int | None) -> tuple[str | None, ...]:
    """Return the name in each header cell, stripped and on one line; None where the cell is blank.

    Raises SourceError: `no_header` (nothing but blanks), `duplicate_header`, `reserved_header`.
    """
    names = tuple(" ".join(cell.strip().split("\n")) or None for cell in cells)
    if not any(names):
        raise SourceError(
            "the header row is blank; set header_row to the row with the column names",
            rule="no_header",
            place=Place(row=row),
        )
    refuse_duplicates(names, row=row)
    reserved = next((name for name in names if name in RESERVED), None)
    if reserved is not None:
        raise SourceError(
            f"a column is called {reserved}, which allpool keeps for itself; rename it in the export",
            rule="reserved_header",
            place=Place(row=row, column=reserved),
        )
    return names


def placeholder(position: int) -> str:
    """Return the name of the column at `position` (from 1) whose header is blank but which holds values."""
    return f"column_{position}"


def refuse_duplicates(names: Sequence[str | None], *, row: int | None) -> None:
    """Raise SourceError `duplicate_header` if two columns have one name; the message tells where they are."""
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names, start=1):
        if name is not None:
            positions.setdefault(name, []).append(position)
    twice = {name: found for name, found in positions.items() if len(found) > 1}
    if twice:
        where = "; ".join(" and ".join(map(str, found)) for found in twice.values())
        raise SourceError(
            f"columns have the same name (positions {where}); give each its own name in the export",
            rule="duplicate_header",
            place=Place(row=row, column=next(iter(twice))),
        )
