"""The counting-process form: each subject's follow-up cut into intervals where an exposure begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import BoolArray, FloatArray, IntArray, indicators, times
from allpool.analysis.estimators.ties import distinct_times
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals (start, stop], subject by subject: whose, whether its last, and which exposures are on."""

    row: IntArray
    start: FloatArray
    stop: FloatArray
    last: BoolArray
    exposed: BoolArray


def counting_process(
    frame: pd.DataFrame, *, time: str, event: str, exposure_time: str | Mapping[str, str]
) -> pd.DataFrame:
    """Cut each row's follow-up where its exposure begins, so that nobody counts as exposed before.

    An exposure that begins at the end of follow-up or later never was one: who relapses or dies on the day
    of transplant was at risk unexposed. One that began at 0 covers the whole follow-up. Once exposed stays
    exposed. Times that differ only by rounding are one time, as in the other estimators.

    Parameters
    ----------
    time, event
        names of columns: follow-up from the origin, and 1 or 0.
    exposure_time
        name of the column with the time of exposure from the same origin, missing if it never came; or,
        for several exposures, {name of the new column: name of the column with its times}.

    Returns
    -------
    DataFrame
        one row per interval (start, stop], in the order of the frame and under its index, with all its
        columns and `start`, `stop`, `event` (1 only in the interval that ends with it) and `exposed` (1 or 0;
        or the columns named). For `cox(..., "stop", "event", ["exposed", ...], entry="start")`.

    Raises
    ------
    AnalysisError
        an absent column, a column named as those added, missing or negative times, subjects followed for
        no time.
    """
    switches = {"exposed": exposure_time} if isinstance(exposure_time, str) else dict(exposure_time)
    if not switches:
        raise AnalysisError("name at least one exposure")
    absent = [name for name in (time, event, *switches.values()) if name not in frame.columns]
    if absent:
        raise AnalysisError(f"the frame has no column {', '.join(absent)}")
    added = ["start", "stop", *(["event"] if event != "event" else []), *switches]
    taken = [name for name in added if name in frame.columns]
    if taken:
        raise AnalysisError(f"the frame already has a column {', '.join(taken)}; rename it first")
    if frame.empty:
        raise AnalysisError("too little data: the frame has no rows")
    follow_up = times(frame[time], name=time)
    happened = indicators(frame[event], name=event)
    begins = np.column_stack([exposure_times(frame[name], name=name) for name in switches.values()])
    cut = intervals(follow_up, begins, name=time)
    new: dict[str, Any] = {"start": cut.start, "stop": cut.stop}
    new["event"] = (happened[cut.row] & cut.last).astype(np.int64)
    new |= {name: cut.exposed[:, j].astype(np.int64) for j, name in enumerate(switches)}
    kept = frame.drop(columns="event", errors="ignore").iloc[cut.row]
    return pd.concat([kept, pd.DataFrame(new, index=kept.index)], axis=1)


def exposure_times(values: Any, *, name: str) -> FloatArray:
    """Return times of exposure, infinite where missing: the exposure never came."""
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    if column.ndim != 1:
        raise AnalysisError(f"{name} must be one-dimensional")
    known = column.notna().to_numpy()
    begins = np.full(len(column), np.inf)
    if known.any():
        begins[known] = times(column[known], name=name)
    return begins


def intervals(follow_up: FloatArray, begins: FloatArray, *, name: str) -> Intervals:
    """Cut follow-up at the times at which exposures begin (one column of `begins` per exposure).

    Raises
    ------
    AnalysisError
        subjects followed for no time: no interval can hold them.
    """
    n = len(follow_up)
    came = np.isfinite(begins)
    _, codes = distinct_times(np.concatenate(([0.0], follow_up, begins[came])))
    end = codes[1 : n + 1]
    if (end == 0).any():
        raise AnalysisError(
            f"{int((end == 0).sum())} subjects have {name} 0 and are never at risk in an interval; "
            "drop them, or give the time of day zero that your definition says (such as half a day)"
        )
    never = np.iinfo(np.int64).max
    begin = np.full(begins.shape, never)
    begin[came] = codes[n + 1 :]
    begin[begin >= end[:, None]] = never
    starts = np.sort(np.column_stack((np.zeros(n, dtype=np.int64), begin)), axis=1)
    is_start = (np.diff(starts, axis=1, prepend=-1) > 0) & (starts < never)
    row, _ = np.nonzero(is_start)
    first = starts[is_start]
    last = np.append(row[1:] != row[:-1], True)
    on = begin[row] <= first[:, None]
    start = np.where(first == 0, 0.0, _latest(begins[row], on))
    stop = np.where(last, follow_up[row], np.append(start[1:], 0.0))
    return Intervals(row=row, start=start, stop=stop, last=last, exposed=on)


def entered(cut: Intervals, entry: FloatArray) -> Intervals:
    """Return what is left of the intervals where each subject comes under observation at `entry`."""
    start = np.maximum(cut.start, entry[cut.row])
    seen = start < cut.stop
    return Intervals(
        row=cut.row[seen],
        start=start[seen],
        stop=cut.stop[seen],
        last=cut.last[seen],
        exposed=cut.exposed[seen],
    )


def _latest(begins: FloatArray, on: BoolArray) -> FloatArray:
    """Return the time of the exposure that began last, as it was given."""
    return np.asarray(np.where(on, begins, 0.0).max(axis=1))
