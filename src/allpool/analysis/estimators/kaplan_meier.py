"""The Kaplan-Meier estimator of survival, with R's conventions for intervals, quantiles and means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import (
    BoolArray,
    FloatArray,
    asked_times,
    critical_value,
    indicators,
    number,
    numbers,
    one_of,
    read_only,
    same_length,
    tally,
    times,
)
from allpool.analysis.estimators.infinitesimal_jackknife import Subjects, mean_variance, survival_variance
from allpool.analysis.estimators.limits import INTERVALS, pointwise_limits
from allpool.analysis.estimators.quantiles import curve_quantile
from allpool.analysis.estimators.results import Estimate
from allpool.analysis.estimators.ties import distinct_times
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A survival curve as steps: one entry per distinct time at which somebody left the risk set.

    `standard_error` is of S(t), not of log S(t): Greenwood's, or for fractional weights the
    infinitesimal jackknife. Where S(t) is 0 Greenwood's and the interval are nan (the jackknife's error
    is 0), and so is the log-log interval where S(t) is still 1 after the first exit, as in R.
    """

    time: FloatArray
    at_risk: FloatArray
    events_at: FloatArray
    censored_at: FloatArray
    survival: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: int
    events: float
    ci: str
    level: float
    midpoint: bool = True
    _subjects: Subjects | None = field(default=None, repr=False)

    def at(self, times: float | Sequence[float] | FloatArray) -> pd.DataFrame:
        """Return the curve at given times, also beyond the last one.

        Beyond the last time the curve keeps its last value with nobody at risk (R's
        `summary(fit, times, extend = TRUE)`); a caller who must not extrapolate looks at `at_risk`.

        Returns
        -------
        DataFrame
            columns time, at_risk, survival, standard_error, lower, upper; one row per time asked.
        """
        asked = asked_times(times)
        starts_at_zero = self.time[0] <= 0
        curve = self.time if starts_at_zero else np.concatenate(([0.0], self.time))
        row = np.searchsorted(curve, asked, side="right") - 1

        def value(column: FloatArray, at_start: float) -> FloatArray:
            whole = column if starts_at_zero else np.concatenate(([at_start], column))
            return np.asarray(whole[row], dtype=np.float64)

        waiting = np.concatenate((self.at_risk, [0.0]))[np.searchsorted(self.time, asked, side="left")]
        return pd.DataFrame(
            {
                "time": asked,
                "at_risk": _as_counts(waiting),
                "survival": value(self.survival, 1.0),
                "standard_error": value(self.standard_error, 0.0),
                "lower": value(self.lower, 1.0),
                "upper": value(self.upper, 1.0),
            }
        )

    def quantile(self, p: float) -> Estimate:
        """Return the time by which a share `p` has had the event (0.5: the median), with its interval.

        Where S(t) is flat at exactly 1 - p, the middle of the flat stretch is taken, as survfit does
        (its beginning if `midpoint` is off, as prodlim does). The
        interval is where the curve's own limits cross 1 - p (Brookmeyer and Crowley 1982).
        """
        if not 0 <= number(p, name="p") <= 1:
            raise AnalysisError(f"p must lie between 0 and 1, not {p}")
        return Estimate(
            estimate=self._reached(1 - self.survival, p),
            standard_error=float("nan"),
            lower=self._reached(1 - self.lower, p),
            upper=self._reached(1 - self.upper, p),
            level=self.level,
            method=f"Kaplan-Meier quantile, {self.ci} interval",
        )

    def _reached(self, level: FloatArray, p: float) -> float:
        return curve_quantile(self.time, level, p, midpoint=self.midpoint)

    def restricted_mean(self, tau: float) -> Estimate:
        """Return the mean time lived up to `tau`: the area under the curve, with a normal interval.

        Beyond the last time the curve keeps its last value, as in R's `print(fit, rmean = tau)`.
        """
        if not 0 < number(tau, name="tau") < np.inf:
            raise AnalysisError(f"tau must be a time above 0, not {tau}")
        inside = self.time <= tau
        knots = np.concatenate(([0.0], self.time[inside], [tau]))
        areas = np.diff(knots) * np.concatenate(([1.0], self.survival[inside]))
        beyond = np.cumsum(areas[:0:-1])[::-1]  # the area from each step to tau
        if self._subjects is None:
            variance = float((beyond**2 * _greenwood(self.at_risk, self.events_at, last=0.0)[inside]).sum())
        else:
            variance = mean_variance(
                self._subjects,
                time=self.time,
                at_risk=self.at_risk,
                events=self.events_at,
                beyond=beyond,
                tau=tau,
            )
        estimate, error = float(areas.sum()), float(np.sqrt(variance))
        margin = critical_value(self.level) * error
        return Estimate(
            estimate, error, estimate - margin, estimate + margin, self.level, f"restricted mean to {tau:g}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the whole step table: time, at_risk, events, censored, survival, its error and limits."""
        return pd.DataFrame(
            {
                "time": self.time,
                "at_risk": _as_counts(self.at_risk),
                "events": _as_counts(self.events_at),
                "censored": _as_counts(self.censored_at),
                "survival": self.survival,
                "standard_error": self.standard_error,
                "lower": self.lower,
                "upper": self.upper,
            }
        )


def kaplan_meier(
    time: Any,
    event: Any,
    *,
    entry: Any = None,
    weights: Any = None,
    ci: str = "log-log",
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate the survival curve by Kaplan and Meier (1958).

    Parameters
    ----------
    time, event
        follow-up times from the origin in any one unit; 1 if the event happened then, 0 if censored.
        Someone censored at a time is still at risk for events at that time.
    entry
        times of delayed entry; a subject is at risk in (entry, time].
    weights
        case weights of at least 0. Whole numbers count as repeated subjects (Greenwood's variance);
        fractional ones get the infinitesimal-jackknife variance. Weight 0 takes no part.
    ci
        scale of the pointwise interval: "log-log", "log" or "plain" (cut at 0 and 1).

    Raises
    ------
    AnalysisError
        no subjects, arrays of different length, missing or negative times, entry not before time,
        negative weights, an unknown `ci`, a level outside (0, 1).
    """
    one_of(ci, INTERVALS, name="ci")
    critical_value(level)
    exits, happened = times(time), indicators(event)
    entries = None if entry is None else times(entry, name="entry")
    weight = None if weights is None else numbers(weights, name="weights")
    n = same_length(time=exits, event=happened, entry=entries, weights=weight)
    if weight is not None:
        if (weight < 0).any():
            raise AnalysisError("weights must not be negative")
        kept = weight > 0
        if not kept.any():
            raise AnalysisError("too little data: all weights are 0")
        exits, happened, weight = exits[kept], happened[kept], weight[kept]
        entries = None if entries is None else entries[kept]
    table, subjects = _risk_table(exits, happened, entries, weight)
    return curve(*table, n=n, ci=ci, level=level, subjects=subjects)


def curve(
    time: FloatArray,
    at_risk: FloatArray,
    events: FloatArray,
    censored: FloatArray,
    *,
    n: int,
    ci: str,
    level: float,
    midpoint: bool = True,
    subjects: Subjects | None = None,
) -> KaplanMeier:
    """Turn a table of risk sets and events into a curve with its standard error and limits."""
    survival = np.asarray(np.cumprod(1 - events / at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if subjects is None:
            log_error = np.sqrt(np.cumsum(_greenwood(at_risk, events, last=np.inf)))
            error = survival * log_error
        else:
            error = np.sqrt(survival_variance(subjects, at_risk=at_risk, events=events, survival=survival))
            log_error = np.where(survival > 0, error / survival, 0.0)
    lower, upper = pointwise_limits(survival, log_error, ci=ci, critical=critical_value(level))
    total = float(events.sum())
    return KaplanMeier(
        time=read_only(time),
        at_risk=read_only(at_risk),
        events_at=read_only(events),
        censored_at=read_only(censored),
        survival=read_only(survival),
        standard_error=read_only(error),
        lower=read_only(lower),
        upper=read_only(upper),
        n=n,
        events=int(total) if total.is_integer() else total,
        ci=ci,
        level=level,
        midpoint=midpoint,
        _subjects=subjects,
    )


def _risk_table(
    exits: FloatArray, happened: BoolArray, entries: FloatArray | None, weight: FloatArray | None
) -> tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray], Subjects | None]:
    n = exits.size
    values, codes = distinct_times(exits if entries is None else np.concatenate((exits, entries)))
    leave = codes[:n]
    left = tally(leave, weight, size=values.size)
    events = tally(leave[happened], None if weight is None else weight[happened], size=values.size)
    at_risk = np.cumsum(left[::-1])[::-1]
    enter = None
    if entries is not None:
        enter = codes[n:]
        if (enter >= leave).any():
            raise AnalysisError("entry must lie before time for every subject")
        to_come = tally(enter, weight, size=values.size)
        at_risk = at_risk - np.cumsum(to_come[::-1])[::-1]
    rows = np.flatnonzero(left)
    table = (values[rows], at_risk[rows], events[rows], (left - events)[rows])
    # rounding of weights must not leave a ghost at risk where everybody had the event
    spent = np.isclose(table[1], table[2], rtol=1e-12, atol=0.0)
    table[1][spent] = table[2][spent]
    if weight is None or not (weight != np.floor(weight)).any():
        return table, None
    first = None if enter is None else np.searchsorted(rows, enter, side="right")
    return table, Subjects(weight=weight, happened=happened, last=np.searchsorted(rows, leave), first=first)


def _greenwood(at_risk: FloatArray, events: FloatArray, *, last: float) -> FloatArray:
    """Return the increments of Greenwood's variance of log S(t); `last` where the risk set dies out."""
    increments = np.full(at_risk.size, last)
    alive = at_risk > events
    increments[alive] = events[alive] / (at_risk[alive] * (at_risk[alive] - events[alive]))
    return increments


def _as_counts(column: FloatArray) -> Any:
    """Show whole numbers as integers; weighted counts stay fractions."""
    return column.astype(np.int64) if (column == np.floor(column)).all() else column
