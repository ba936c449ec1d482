"""Who is at risk at which event, for the log-rank test and the partial likelihood of Cox's model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allpool.analysis.estimators.arrays import BoolArray, FloatArray, IntArray, tally
from allpool.analysis.estimators.ties import distinct_times
from allpool.errors import AnalysisError

# counting in a table this long (strata times distinct times; 160 MB) is faster than sorting
MOST_COUNTED = 20_000_000


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Event cells, one per stratum and time with an event and stratum by stratum, and who is at risk in them.

    `rows` are the subjects at risk in at least one cell; each is at risk from cell `first` to cell
    `last` (both included). `dead` are positions within `rows`, `cell` their cells, `deaths` the number per
    cell, `bounds` where each stratum's cells begin and the last ends.
    """

    rows: IntArray
    first: IntArray
    last: IntArray
    dead: IntArray
    cell: IntArray
    deaths: IntArray
    bounds: IntArray
    delayed: bool

    def backwards(self, per_cell: FloatArray) -> FloatArray:
        """Sum each stratum's cells from its last back to each (along the first axis)."""
        summed = np.empty_like(per_cell)
        for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            summed[a:b] = np.cumsum(per_cell[a:b][::-1], axis=0)[::-1]
        return summed

    def at_risk_sum(self, amount: FloatArray) -> FloatArray:
        """Sum an amount per subject over those at risk in each cell."""
        size = self.deaths.size
        total = self.backwards(tally(self.last, amount, size=size))
        if not self.delayed:
            return total
        entering = tally(self.first, amount, size=size)
        return np.asarray(total - self.backwards(entering) + entering)

    def over_time_at_risk(self, per_cell: FloatArray) -> FloatArray:
        """Sum an amount per cell (along the first axis) over the cells in which each subject is at risk."""
        forwards = np.empty_like(per_cell)
        for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            forwards[a:b] = np.cumsum(per_cell[a:b], axis=0)
        until = forwards[self.last]
        if not self.delayed:
            return np.asarray(until)
        return np.asarray(until - forwards[self.first] + per_cell[self.first])


def risk_sets(
    exits: FloatArray, happened: BoolArray, *, entries: FloatArray | None, stratum: IntArray
) -> RiskSets:
    """Find the event cells and each subject's first and last of them.

    Raises
    ------
    AnalysisError
        no events, or an entry that is not before the exit.
    """
    if not happened.any():
        raise AnalysisError("too little data: there are no events")
    n = exits.size
    values, codes = distinct_times(exits if entries is None else np.concatenate((exits, entries)))
    leave = stratum * values.size + codes[:n]
    cells, last = _up_to(leave, leave[happened])
    if entries is None:
        strata = int(stratum.max()) + 1
        first = np.searchsorted(cells, np.arange(strata) * values.size)[stratum]
    else:
        enter = stratum * values.size + codes[n:]
        if (enter >= leave).any():
            raise AnalysisError("entry must lie before the end of follow-up for every subject")
        first = np.searchsorted(cells, enter, side="right")
    rows = np.flatnonzero(last >= first)
    dead = np.flatnonzero(happened[rows])
    cell = last[rows][dead]
    bounds = np.append(np.flatnonzero(np.diff(cells // values.size, prepend=-1)), cells.size)
    return RiskSets(
        rows=rows,
        first=first[rows],
        last=last[rows],
        dead=dead,
        cell=cell,
        deaths=np.bincount(cell, minlength=cells.size),
        bounds=bounds,
        delayed=entries is not None,
    )


def _up_to(keys: IntArray, event_keys: IntArray) -> tuple[IntArray, IntArray]:
    """Return the sorted distinct event keys and, for each key, the position of the last of them up to it."""
    span = int(keys.max()) + 1
    if span > MOST_COUNTED:
        cells = np.unique(event_keys)
        return cells, np.searchsorted(cells, keys, side="right") - 1
    present = np.zeros(span, dtype=bool)
    present[event_keys] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[keys]
