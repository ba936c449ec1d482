"""The Aalen-Johansen estimator of one group's cumulative incidences, and its variance.

With S the event-free survival before a time, n at risk, d_k events of cause k and d of any cause, the
incidence F of k rises by S d_k / n. Both variances follow from how F(t) changes with one subject (Aalen
1978): an event of k adds S / n, and an event of any cause takes away (F(t) - F) / (n - d) of what is still to
come. The sums hold F less its last value instead of F: they then never cancel, however far into the tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray, IntArray, tally

VARIANCES = ("infinitesimal-jackknife", "aalen")
# closer to 1 than this, an incidence is 1: the rest is the rounding of its sum
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class RiskTable:
    """One group's distinct times: who was at risk, had which cause (one column each) or was censored.

    `cells` are subjects that count alike: how many, the row they leave at, the column of their cause (-1:
    censored) and the first row they are at risk in.
    """

    time: FloatArray
    at_risk: FloatArray
    events: FloatArray
    censored: FloatArray
    size: FloatArray
    last: IntArray
    column: IntArray
    first: IntArray


@dataclass(frozen=True, eq=False)
class Incidences:
    """Event-free survival, and per cause (columns) incidence and its standard error, at each row."""

    event_free: FloatArray
    incidence: FloatArray
    standard_error: FloatArray


def risk_table(
    values: FloatArray, leave: IntArray, column: IntArray, *, enter: IntArray | None, causes: int
) -> RiskTable:
    """Count one group. `leave` and `enter` are positions in `values`; `column` is -1 for who was censored."""
    left = tally(leave, size=values.size)
    rows = np.flatnonzero(left)
    position = np.cumsum(left > 0) - 1
    last = position[leave]
    counts = tally(last * (causes + 1) + column + 1, size=rows.size * (causes + 1)).reshape(-1, causes + 1)
    at_risk = np.cumsum(left[::-1])[::-1][rows]
    if enter is None:
        # subjects that leave alike are one cell: the variance then costs times, not subjects
        row, kind = np.nonzero(counts)
        size, last, column, first = counts[row, kind], row, kind - 1, np.zeros(row.size, dtype=np.int64)
    else:
        to_come = tally(enter, size=values.size)
        at_risk = at_risk - np.cumsum(to_come[::-1])[::-1][rows]
        size, first = np.ones(leave.size), np.searchsorted(rows, enter, side="right")
    return RiskTable(
        time=values[rows],
        at_risk=at_risk,
        events=counts[:, 1:],
        censored=counts[:, 0],
        size=size,
        last=last,
        column=column,
        first=first,
    )


def aalen_johansen(table: RiskTable, *, variance: str) -> Incidences:
    """Return the curves of all causes; `variance` is one of VARIANCES."""
    any_cause = table.events.sum(axis=1)
    event_free = np.cumprod(1 - any_cause / table.at_risk)
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum((before / table.at_risk)[:, None] * table.events, axis=0)
    incidence[incidence > 1 - ROUNDING] = 1.0
    error = np.empty_like(incidence)
    for k in range(incidence.shape[1]):
        influence = _Influence.of(table, before=before, incidence=incidence[:, k], column=k)
        moments = _aalen(table, influence) if variance == "aalen" else _jackknife(table, influence)
        # before the first event of the cause nothing varies, but for the rounding of the sums
        error[:, k] = np.where(incidence[:, k] == 0, 0.0, np.sqrt(np.maximum(moments, 0.0)))
    return Incidences(event_free=event_free, incidence=incidence, standard_error=error)


@dataclass(frozen=True, eq=False)
class _Influence:
    """What one event changes in an incidence F at a later time t: own (if of the cause) + shift - rest F(t).

    `shift` and `rest` come with an event of any cause; `gap` is F(t) less its last value.
    """

    column: int
    own: FloatArray
    shift: FloatArray
    rest: FloatArray
    gap: FloatArray

    @classmethod
    def of(cls, table: RiskTable, *, before: FloatArray, incidence: FloatArray, column: int) -> _Influence:
        alive = table.at_risk - table.events.sum(axis=1)
        rest = np.zeros(alive.size)
        # where the risk set dies out nothing is to come that an event could change
        rest[alive > 0] = 1 / alive[alive > 0]
        gap = incidence - incidence[-1]
        return cls(column=column, own=before / table.at_risk, shift=rest * gap, rest=rest, gap=gap)

    def square(self, a2: FloatArray, ab: FloatArray, b2: FloatArray) -> FloatArray:
        """Return the sum of (a - b gap)^2 from the sums of a^2, ab and b^2."""
        return np.asarray(a2 - 2 * self.gap * ab + self.gap**2 * b2)


def _aalen(table: RiskTable, influence: _Influence) -> FloatArray:
    """Return Aalen's variance as cmprsk::cuminc: events of the cause and of the others, ties multinomial."""
    of_cause = table.events[:, influence.column]
    a2, ab, b2 = np.zeros((3, table.time.size))
    for events, own in ((of_cause, influence.own), (table.events.sum(axis=1) - of_cause, 0.0)):
        spread = events * (1 - np.maximum(events - 1, 0) / np.maximum(table.at_risk - 1, 1))
        a = own + influence.shift
        a2 += spread * a**2
        ab += spread * a * influence.rest
        b2 += spread * influence.rest**2
    return influence.square(np.cumsum(a2), np.cumsum(ab), np.cumsum(b2))


def _jackknife(table: RiskTable, influence: _Influence) -> FloatArray:
    """Return the infinitesimal-jackknife variance as survival::survfit: squared derivatives over subjects."""
    n, any_cause = table.at_risk, table.events.sum(axis=1)
    of_cause = table.events[:, influence.column]
    a = np.concatenate(([0.0], np.cumsum((influence.own * of_cause + influence.shift * any_cause) / n)))
    b = np.concatenate(([0.0], np.cumsum(influence.rest * any_cause / n)))
    last, first, size = table.last, table.first, table.size
    happened = table.column >= 0
    own = np.where(table.column == influence.column, influence.own[last], 0.0) + influence.shift[last]
    gone_a = np.where(happened, own, 0.0) - (a[last + 1] - a[first])
    gone_b = np.where(happened, influence.rest[last], 0.0) - (b[last + 1] - b[first])

    def summed(gone: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
        """Sum a product over those who left by each row and those still at risk after it."""
        left = np.cumsum(tally(last, size * gone, size=n.size))
        inside = x[1:] * y[1:] * still(size) - x[1:] * still(size * y[first])
        return np.asarray(left + inside - y[1:] * still(size * x[first]) + still(size * x[first] * y[first]))

    def still(amount: FloatArray) -> FloatArray:
        entered = tally(first, amount, size=n.size + 1)[: n.size]
        return np.asarray(np.cumsum(entered - tally(last, amount, size=n.size)))

    return influence.square(summed(gone_a**2, a, a), summed(gone_a * gone_b, a, b), summed(gone_b**2, b, b))
