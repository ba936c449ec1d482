"""Cumulative incidence of competing causes, per group, with R's conventions for errors and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allpool.analysis.estimators.aalen_johansen import VARIANCES, aalen_johansen, risk_table
from allpool.analysis.estimators.arrays import (
    FloatArray,
    IntArray,
    asked_times,
    critical_value,
    labels,
    one_of,
    read_only,
    same_length,
    times,
)
from allpool.analysis.estimators.causes import CENSORED, cause_numbers
from allpool.analysis.estimators.limits import INTERVALS, pointwise_limits
from allpool.analysis.estimators.ties import distinct_times
from allpool.errors import AnalysisError

EVERYBODY = "all"


@dataclass(frozen=True, eq=False)
class GroupIncidence:
    """One group's curves as steps: a row per distinct time somebody left at, a column per cause."""

    group: Any
    n: int
    time: FloatArray
    at_risk: FloatArray
    events: FloatArray
    censored: FloatArray
    event_free: FloatArray
    incidence: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """The probability of each cause by a time, while the other causes can come first, per group.

    Every group has every cause, also one that nobody in it had (incidence 0). Where an incidence is 0 or 1
    the log-log interval is nan, as in R.
    """

    curves: tuple[GroupIncidence, ...]
    causes: tuple[int, ...]
    n: int
    events: int
    variance: str
    ci: str
    level: float

    @property
    def groups(self) -> tuple[Any, ...]:
        """The groups in order; ("all",) if none were given."""
        return tuple(curve.group for curve in self.curves)

    @property
    def counts(self) -> pd.DataFrame:
        """One row per group and cause: group, cause, n (in the group), events (of the cause)."""
        rows = [
            (curve.group, cause, curve.n, int(curve.events[:, k].sum()))
            for curve in self.curves
            for k, cause in enumerate(self.causes)
        ]
        return pd.DataFrame(rows, columns=["group", "cause", "n", "events"])

    def at(self, times: float | Sequence[float] | FloatArray) -> pd.DataFrame:
        """Return the incidences at given times, also beyond a group's last one.

        Beyond it the curve keeps its last value with nobody at risk (R's `summary(fit, times, extend =
        TRUE)`); a caller who must not extrapolate looks at `at_risk`, the risk set of the first exit at or
        after a time.

        Returns
        -------
        DataFrame
            columns group, cause, time, at_risk, incidence, standard_error, lower, upper; one row per group,
            cause and time asked, in this order.
        """
        asked = asked_times(times)
        blocks = []
        for curve in self.curves:
            row = np.searchsorted(curve.time, asked, side="right")
            waiting = np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, asked, side="left")]
            for k, cause in enumerate(self.causes):
                columns = (curve.incidence, curve.standard_error, curve.lower, curve.upper)
                values = (np.concatenate(([0.0], column[:, k]))[row] for column in columns)
                names = ("incidence", "standard_error", "lower", "upper")
                block = {
                    "time": asked,
                    "at_risk": waiting.astype(np.int64),
                    **dict(zip(names, values, strict=True)),
                }
                blocks.append(_labelled(curve.group, cause, block))
        return pd.concat(blocks, ignore_index=True)

    def event_free(self, times: float | Sequence[float] | FloatArray) -> pd.DataFrame:
        """Return the probability of no event of any cause by given times: group, time, survival."""
        asked = asked_times(times)
        blocks = []
        for curve in self.curves:
            survival = np.concatenate(([1.0], curve.event_free))
            row = np.searchsorted(curve.time, asked, side="right")
            blocks.append(
                pd.DataFrame({"group": [curve.group] * asked.size, "time": asked, "survival": survival[row]})
            )
        return pd.concat(blocks, ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """Return the step tables of all groups and causes: as `at`, with events, censored and event_free."""
        blocks = []
        for curve in self.curves:
            for k, cause in enumerate(self.causes):
                block = {
                    "time": curve.time,
                    "at_risk": curve.at_risk.astype(np.int64),
                    "events": curve.events[:, k].astype(np.int64),
                    "censored": curve.censored.astype(np.int64),
                    "event_free": curve.event_free,
                    "incidence": curve.incidence[:, k],
                    "standard_error": curve.standard_error[:, k],
                    "lower": curve.lower[:, k],
                    "upper": curve.upper[:, k],
                }
                blocks.append(_labelled(curve.group, cause, block))
        return pd.concat(blocks, ignore_index=True)


def cumulative_incidence(
    time: Any,
    cause: Any,
    *,
    group: Any = None,
    entry: Any = None,
    causes: Sequence[int] | None = None,
    variance: str = "infinitesimal-jackknife",
    ci: str = "log-log",
    level: float = 0.95,
) -> CumulativeIncidence:
    """Estimate the cumulative incidence of each cause by Aalen and Johansen (1978).

    Parameters
    ----------
    time, cause
        follow-up times from the origin in any one unit; 0 if follow-up was censored then, else the number of
        the cause. Someone censored at a time is still at risk for events at that time.
    group
        one label per subject; groups in sorted order (a Categorical in its own). None: one group "all".
    entry
        times of delayed entry; a subject is at risk in (entry, time].
    causes
        the causes to show, all that occur if None (cause 1 if nobody had any event). Naming more than occur
        shows them at 0; a cause that occurs cannot be left out, for it would count as censoring.
    variance
        "infinitesimal-jackknife" as R's `survfit`, or "aalen" as `cmprsk::cuminc`.
    ci
        scale of the pointwise interval on the incidence: "log-log", "log" or "plain" (cut at 0 and 1).

    Raises
    ------
    AnalysisError
        no subjects, arrays of different length, missing or negative values, a cause that is no whole number,
        entry not before time, a cause left out, an unknown `variance` or `ci`, a level outside (0, 1).
    """
    one_of(variance, VARIANCES, name="variance")
    one_of(ci, INTERVALS, name="ci")
    critical = critical_value(level)
    exits, found = times(time), cause_numbers(cause)
    entries = None if entry is None else times(entry, name="entry")
    n = same_length(time=exits, cause=found, group=group, entry=entries)
    shown = _shown(found, causes)
    groups, member = _members(group, n)
    values, codes = distinct_times(exits if entries is None else np.concatenate((exits, entries)))
    leave, enter = codes[:n], None if entries is None else codes[n:]
    if enter is not None and (enter >= leave).any():
        raise AnalysisError("entry must lie before time for every subject")
    column = np.where(found == CENSORED, -1, np.searchsorted(shown, found))
    curves = []
    for position, label in enumerate(groups):
        rows = slice(None) if group is None else np.flatnonzero(member == position)
        curves.append(
            _curve(
                label,
                values,
                leave[rows],
                column[rows],
                enter=None if enter is None else enter[rows],
                causes=len(shown),
                variance=variance,
                ci=ci,
                critical=critical,
            )
        )
    return CumulativeIncidence(
        curves=tuple(curves),
        causes=tuple(int(k) for k in shown),
        n=n,
        events=int((found != CENSORED).sum()),
        variance=variance,
        ci=ci,
        level=level,
    )


def _curve(
    group: Any,
    values: FloatArray,
    leave: IntArray,
    column: IntArray,
    *,
    enter: IntArray | None,
    causes: int,
    variance: str,
    ci: str,
    critical: float,
) -> GroupIncidence:
    table = risk_table(values, leave, column, enter=enter, causes=causes)
    found = aalen_johansen(table, variance=variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_error = np.where(found.standard_error == 0, 0.0, found.standard_error / found.incidence)
    lower, upper = pointwise_limits(found.incidence, log_error, ci=ci, critical=critical)
    return GroupIncidence(
        group=group,
        n=leave.size,
        time=read_only(table.time),
        at_risk=read_only(table.at_risk),
        events=read_only(table.events),
        censored=read_only(table.censored),
        event_free=read_only(found.event_free),
        incidence=read_only(found.incidence),
        standard_error=read_only(found.standard_error),
        lower=read_only(lower),
        upper=read_only(upper),
    )


def _members(group: Any, n: int) -> tuple[list[Any], IntArray]:
    if group is None:
        return [EVERYBODY], np.zeros(n, dtype=np.int64)
    return labels(group, name="group")


def _shown(found: IntArray, asked: Sequence[int] | None) -> IntArray:
    occurring = np.unique(found[found != CENSORED])
    if asked is None:
        return occurring if occurring.size else np.array([1])
    shown = np.unique(cause_numbers(asked, name="causes"))
    absent = ", ".join(str(k) for k in np.setdiff1d(occurring, shown))
    if absent or shown.size == 0 or shown[0] == CENSORED:
        raise AnalysisError(
            f"causes must name every cause that occurs, and not 0 (censored); missing: {absent or 'none'}"
        )
    return shown


def _labelled(group: Any, cause: int, block: dict[str, Any]) -> pd.DataFrame:
    size = len(block["time"])
    return pd.DataFrame({"group": [group] * size, "cause": np.full(size, cause), **block})
