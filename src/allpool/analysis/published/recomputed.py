"""What a recipe gives: its figures, the subjects behind them, and how they were come by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import pandas as pd

from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.published.recipes import Of
from allpool.analysis.published.subjects import Asked

Value: TypeAlias = float | date | tuple[float, ...] | None
SUBJECTS = ("usubjid", "group_value", "aval", "event", "description", "srcdom", "srcid")


@dataclass(frozen=True, eq=False)
class Recomputed:
    """Figures by name (as in `Figures`), unrounded; shares in percent, a median not reached is infinite.

    `subjects` has the columns of SUBJECTS: who stands behind the figures and what each brought.
    """

    figures: Mapping[str, Value]
    subjects: pd.DataFrame
    method: str
    n: int
    notes: tuple[str, ...] = ()


def brought(
    asked: Asked,
    *,
    event: pd.Series | None = None,
    aval: pd.Series | None = None,
    group: pd.Series | None = None,
    items: Sequence[Condition | Of] = (),
) -> pd.DataFrame:
    """Return the subjects asked, with what each brought and the row that it was read from."""
    sources = asked.sources(items)
    none: list[object] = [None] * asked.n
    return pd.DataFrame(
        {
            "usubjid": list(asked.usubjid),
            "group_value": none if group is None else list(group),
            "aval": none if aval is None else list(aval),
            "event": none if event is None else [None if pd.isna(hit) else int(hit) for hit in event],
            "description": none,
            "srcdom": [table for table, _ in sources],
            "srcid": [id_ for _, id_ in sources],
        },
        dtype=object,
    )


def unknown_note(asked: Asked, met: pd.Series | None = None) -> tuple[str, ...]:
    """Say how many it cannot be told of whether they belong, or whether they count."""
    notes = []
    if asked.unknown:
        notes.append(f"{asked.unknown} of whom it is not known whether they belong")
    open_ = 0 if met is None else int(met.isna().sum())
    if open_:
        notes.append(f"{open_} of whom the answer is not known count in the denominator only")
    return tuple(notes)
