"""Texts that stand in the examples' cells and nowhere else: in a message, they are a patient's value."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.fuzz.corrupt.cells import Table

MARKS = ("QZX", "KVJ")
"""How a planted text begins and ends: what flipped bytes left of it is still told by either."""
NUMBER = "8642097"
"""Digits with which planted numbers begin, for columns that hold nothing else."""
SHARE = 3
"""So many rows at the end share the planted cells, one in each column; the rows above stay good."""


def planted(table: Table, *, numeric: Iterable[int] = ()) -> Table:
    """Return a table (the header first) in which each column has a planted cell, as far as rows go."""
    numbers = set(numeric)
    changed = [list(row) for row in table]
    rows = changed[1:][-SHARE:]
    for place, row in enumerate(rows):
        for column in range(place, len(row), len(rows)):
            row[column] = f"{NUMBER}.{column}" if column in numbers else mark(column)
    return changed


def mark(number: int) -> str:
    """Return a planted text."""
    return f"{MARKS[0]}{number:03d}{MARKS[1]}"


def leaks(text: str, *, names: Iterable[str] = (), keys: Iterable[str] = ()) -> list[str]:
    """Return which planted texts and patients' keys stand in an output.

    Names of columns are left out: what a file says where its header should be is what a person must be told.
    """
    marks = [told for told in (*MARKS, NUMBER) if told in text]
    known = [key for key in keys if key in text]
    if marks or known:
        for name in sorted({name for name in names if name}, key=len, reverse=True):
            text = text.replace(name, "")
    apart = [key for key in known if re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", text)]
    return [told for told in marks if told in text] + ["a patient's key"] * len(apart)
