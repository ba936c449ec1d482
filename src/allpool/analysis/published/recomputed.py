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
    missing = pd.Series(pd.NA, index=asked.subjects.index, dtype=object)
    return pd.DataFrame(
        {
            "usubjid": asked.subjects["usubjid"],
            "group_value": missing if group is None else group.astype(object),
            "aval": missing if aval is None else aval.astype(object),
            "event": missing if event is None else event.map({True: 1, False: 0}).astype(object),
            "description": missing,
            "srcdom": sources["srcdom"],
            "srcid": sources["srcid"],
        }
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
