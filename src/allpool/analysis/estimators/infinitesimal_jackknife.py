"""The infinitesimal-jackknife variance of a weighted Kaplan-Meier curve.

Fractional weights are no counts of people, so that Greenwood's formula on weighted risk sets
understates or overstates; the derivative of the estimate in each subject's weight does not
(Therneau and Grambsch 2000, section 2.5). With dA = d / (n (n - d)) the derivative of log S(t) is

    A(min(t, time)) - A(min(t, entry)) - [event by t] / (n - d)(time)

up to its sign, so that sums over subjects reduce to cumulative sums over the distinct times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allpool.analysis.estimators.arrays import BoolArray, FloatArray, IntArray, tally


@dataclass(frozen=True, eq=False)
class Subjects:
    """Each subject's weight and the rows of the risk table spent at risk: `first` (0 if None) to `last`."""

    weight: FloatArray
    happened: BoolArray
    last: IntArray
    first: IntArray | None


def survival_variance(
    subjects: Subjects, *, at_risk: FloatArray, events: FloatArray, survival: FloatArray
) -> FloatArray:
    """Return the variance of S(t) at each row of the risk table; 0 where S(t) is 0, as in R.

    It is read at the last event, for between events it moves by rounding only and a limit must stay flat.
    """
    rows = at_risk.size
    path, jump = _derivatives(at_risk, events)
    before = np.concatenate(([0.0], path))
    start = before[0] if subjects.first is None else before[subjects.first]
    square = subjects.weight**2
    done = path[subjects.last] - start - np.where(subjects.happened, jump[subjects.last], 0.0)
    left = np.cumsum(tally(subjects.last, square * done**2, size=rows))

    def still_inside(amount: FloatArray) -> FloatArray:
        first = np.zeros(amount.size, dtype=np.int64) if subjects.first is None else subjects.first
        entered = tally(first, amount, size=rows + 1)[:rows]
        gone = tally(subjects.last, amount, size=rows)
        return np.asarray(np.cumsum(entered - gone))

    offset = np.broadcast_to(start, square.shape)
    inside = (
        path**2 * still_inside(square)
        - 2 * path * still_inside(square * offset)
        + still_inside(square * offset**2)
    )
    variance = survival**2 * (left + np.maximum(inside, 0.0))
    last_event = np.maximum.accumulate(np.where(events > 0, np.arange(rows), 0))
    return np.asarray(variance[last_event])


def mean_variance(
    subjects: Subjects,
    *,
    time: FloatArray,
    at_risk: FloatArray,
    events: FloatArray,
    beyond: FloatArray,
    tau: float,
) -> float:
    """Return the variance of the area up to `tau`; `beyond` is the area to the right of each step."""
    inside = int((time <= tau).sum())
    area = np.zeros(time.size)
    area[:inside] = beyond
    path, jump = _derivatives(at_risk, events)
    steps = np.cumsum(np.diff(path, prepend=0.0) * area)
    before = np.concatenate(([0.0], steps))
    start = before[0] if subjects.first is None else before[subjects.first]
    influence = steps[subjects.last] - start
    influence = influence - np.where(subjects.happened, (jump * area)[subjects.last], 0.0)
    return float(((subjects.weight * influence) ** 2).sum())


def _derivatives(at_risk: FloatArray, events: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return A at each row and 1 / (n - d); 0 where everybody at risk has the event and S(t) is 0 anyway."""
    alive = at_risk > events
    jump = np.zeros(at_risk.size)
    jump[alive] = 1 / (at_risk[alive] - events[alive])
    return np.cumsum(jump * events / at_risk), jump
