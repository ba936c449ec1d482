"""Findings of the check against what was planted: the right file, sheet, row, column and rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Literal

from benchmarks.quality.copies import Cell
from benchmarks.quality.planting import Kind, Planted

Outcome = Literal["found", "beside", "other rule", "row only", "missed"]


@dataclass(frozen=True)
class Finding:
    """What the check says of one place, with the other cells that it names beside it."""

    cell: Cell
    rule: str
    severity: str
    others: frozenset[Cell] = frozenset()


@dataclass(frozen=True)
class Score:
    """What became of one planted error."""

    kind: Kind
    feed: str
    planted: Planted
    outcome: Outcome
    rules: tuple[str, ...]
    """Rules of the findings on the planted cells, their partners or their rows."""


def scored(kind: Kind, feed: str, planted: Planted, findings: Sequence[Finding]) -> Score:
    """Return whether the findings name a planted cell by a rule that is right for its kind.

    A finding that stands at another cell counts as found if it names a planted one as part of the
    contradiction; one that stands at a known partner and does not is `beside`.
    """
    right = [item for item in findings if any(fnmatch(item.rule, pattern) for pattern in kind.rules)]
    if any(_at(planted.cells, item.cell) for item in right):
        return _score(kind, feed, planted, "found", right)
    beside = [item for item in right if any(_at(planted.cells, other) for other in item.others)]
    if beside:
        return _score(kind, feed, planted, "found", beside)
    partnered = [item for item in right if _at(planted.partners, item.cell)]
    if partnered:
        return _score(kind, feed, planted, "beside", partnered)
    here = [item for item in findings if _at(planted.cells, item.cell)]
    if here:
        return _score(kind, feed, planted, "other rule", here)
    rows = [item for item in findings if any(_same_row(cell, item.cell) for cell in planted.cells)]
    return _score(kind, feed, planted, "row only" if rows else "missed", rows)


def _score(kind: Kind, feed: str, planted: Planted, outcome: Outcome, found: Sequence[Finding]) -> Score:
    return Score(kind, feed, planted, outcome, tuple(sorted({item.rule for item in found})))


def strays(findings: Iterable[Finding], planted: Sequence[Planted], rows: Iterable[Cell]) -> list[Finding]:
    """Return the findings on rows of patients to whom nothing was done (`rows` are those of the others)."""
    touched = set(rows)
    told = [cell for item in planted for cell in (*item.cells, *item.partners)]
    return [
        item
        for item in findings
        if Cell(item.cell.file, item.cell.sheet, item.cell.row, None) not in touched
        and not any(_same_row(cell, item.cell) for cell in told)
    ]


def _at(cells: Iterable[Cell], found: Cell) -> bool:
    return any(_fits(cell, found) for cell in cells)


def _fits(cell: Cell, found: Cell) -> bool:
    """Return whether a finding stands at a cell; what the cell leaves open may be anything."""
    return (
        fnmatch(cell.file, found.file)  # of a file that is not there, the pattern is told
        and (cell.sheet is None or found.sheet in (None, cell.sheet))
        and (cell.row is None or cell.row == found.row)
        and (cell.column is None or cell.column == found.column)
    )


def _same_row(cell: Cell, found: Cell) -> bool:
    return cell.file == found.file and cell.sheet == found.sheet and cell.row == found.row
