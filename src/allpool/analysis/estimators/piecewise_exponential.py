"""Survival over several studies in one likelihood: a hazard constant between cuts, study levels normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from allpool.analysis.estimators.arrays import (
    FloatArray,
    IntArray,
    asked_times,
    critical_value,
    indicators,
    labels,
    numbers,
    one_of,
    tally,
    times,
)
from allpool.analysis.estimators.design import checked_columns
from allpool.analysis.estimators.normal_intercept import RegressionFit, normal_intercept
from allpool.errors import AnalysisError

TESTS = ("z", "t")
MOST_LINEAR = 300.0  # on the log scale; a search may look beyond, where no count's mean lies


@dataclass(frozen=True, eq=False)
class OneStageCurve:
    """Survival in a study of the mean level.

    `log_hazards` has one entry per interval between 0, `cuts` and the last time; `between` is the variance of
    the studies' levels on the log hazard, 0 where they do not differ by more than chance. `studies` has
    study, n, events. Limits are on log(-log S), by z or by t on studies - 1 degrees of freedom.
    """

    cuts: FloatArray
    log_hazards: FloatArray
    variance: FloatArray
    between: float
    log_likelihood: float
    studies: pd.DataFrame
    last: float
    test: str
    level: float

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.studies["n"].sum())

    @property
    def events(self) -> int:
        """Number of patients with the event."""
        return int(self.studies["events"].sum())

    def at(self, at: Any) -> pd.DataFrame:
        """Return time, survival, standard_error, lower, upper; nan limits at 0.

        Raises `AnalysisError` for a time beyond the last follow-up, where the hazard is not known.
        """
        asked = asked_times(at)
        if (asked > self.last).any():
            raise AnalysisError(
                f"nobody is followed beyond {self.last:g}: survival later than that is not known"
            )
        each = np.exp(self.log_hazards) * _lived(np.zeros_like(asked), asked, self.cuts)
        hazard = each.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            gradient = each / hazard[:, None]
            error = np.sqrt(np.einsum("ij,jk,ik->i", gradient, self.variance, gradient))
            margin = self._critical() * error
            return pd.DataFrame(
                {
                    "time": asked,
                    "survival": np.exp(-hazard),
                    "standard_error": np.exp(-hazard) * np.where(hazard > 0, hazard * error, 0.0),
                    "lower": np.exp(-hazard * np.exp(margin)),
                    "upper": np.exp(-hazard * np.exp(-margin)),
                }
            )

    def to_frame(self) -> pd.DataFrame:
        """Return survival at each cut and at the last time."""
        return self.at(np.append(self.cuts, self.last))

    def _critical(self) -> float:
        if self.test == "z":
            return critical_value(self.level)
        return float(student.ppf((1 + self.level) / 2, len(self.studies) - 1))


def one_stage_curve(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    *,
    study: str,
    cuts: Sequence[float] = (),
    entry: str | None = None,
    test: str = "t",
    level: float = 0.95,
) -> OneStageCurve:
    """Fit survival in patients of several studies, each with a level of its own around a common one.

    The hazard is constant from each cut to the next and, in each study, times exp of a normal level: a
    Poisson model of events and time at risk with normal study intercepts (Crowther et al. 2012, BMC Med Res
    Methodol 12:34), as R's `glmer(events ~ interval + offset(log(time)) + (1 | study), poisson)`.

    Parameters
    ----------
    frame
        one row per patient; `duration`, `event` (1 or 0), `study` and `entry` name its columns.
    cuts
        times at which the hazard may change, rising; an event at a cut belongs before it.
    test
        "t": intervals by t on studies - 1 degrees of freedom; "z": normal, as R's.

    Raises
    ------
    AnalysisError
        an absent column, missing values, fewer than two studies, cuts that do not rise or lie beyond the
        last time, an interval without events, an entry after the exit.
    """
    one_of(test, TESTS, name="test")
    critical_value(level)
    checked_columns(frame, [duration, event, study, *([] if entry is None else [entry])])
    exits, happened = times(frame[duration], name=duration), indicators(frame[event], name=event)
    start = np.zeros_like(exits) if entry is None else times(frame[entry], name=entry)
    if (start > exits).any():
        raise AnalysisError(f"{int((start > exits).sum())} patients enter after they leave")
    found, codes = labels(frame[study], name=study)
    if len(found) < 2:
        raise AnalysisError(f"too little data: a one-stage model needs two studies, and {study} has one")
    limits = _checked_cuts(cuts, last=float(exits.max()))
    fit = _fit(start, exits, happened.astype(np.float64), codes, limits, studies=len(found))
    counted = pd.DataFrame(
        {
            "study": [str(label) for label in found],
            "n": np.bincount(codes, minlength=len(found)),
            "events": np.bincount(codes[happened], minlength=len(found)),
        }
    )
    return OneStageCurve(
        cuts=limits,
        log_hazards=fit.coefficients,
        variance=fit.variance,
        between=fit.between,
        log_likelihood=fit.log_likelihood,
        studies=counted,
        last=float(exits.max()),
        test=test,
        level=level,
    )


class Poisson:
    """Counts, the linear predictor on the log scale; the log-likelihood is without its constant."""

    def log_likelihood(self, y: FloatArray, linear: FloatArray) -> FloatArray:
        """Return each row's log-likelihood less log(y!)."""
        return np.asarray(y * linear - np.exp(np.minimum(linear, MOST_LINEAR)))

    def mean(self, linear: FloatArray) -> FloatArray:
        """Return each row's expected count."""
        return np.asarray(np.exp(np.minimum(linear, MOST_LINEAR)))

    def variance(self, linear: FloatArray) -> FloatArray:
        """Return each row's expected count."""
        return np.asarray(np.exp(np.minimum(linear, MOST_LINEAR)))


def _checked_cuts(cuts: Sequence[float], *, last: float) -> FloatArray:
    limits = numbers(list(cuts), name="cuts")
    if (np.diff(limits, prepend=0.0) <= 0).any():
        raise AnalysisError("cuts are times above 0 that rise")
    if limits.size and limits[-1] >= last:
        raise AnalysisError(f"the last cut {limits[-1]:g} lies beyond the last time {last:g}")
    return limits


def _lived(start: FloatArray, end: FloatArray, cuts: FloatArray) -> FloatArray:
    """Return the time from `start` to `end` that lies in each interval, one row per patient."""
    low, high = np.append(0.0, cuts), np.append(cuts, np.inf)
    lived = np.minimum(end[:, None], high) - np.maximum(start[:, None], low)
    return np.asarray(np.clip(lived, 0.0, None), dtype=np.float64)


def _fit(
    start: FloatArray,
    exits: FloatArray,
    happened: FloatArray,
    codes: IntArray,
    cuts: FloatArray,
    *,
    studies: int,
) -> RegressionFit:
    """Fit to events and time at risk summed by study and interval, which say all that the model asks."""
    width = cuts.size + 1
    cell = codes * width + np.searchsorted(cuts, exits, side="left")
    events = tally(cell, happened, size=studies * width)
    at_risk = _lived(start, exits, cuts)
    exposure = np.column_stack([tally(codes, column, size=studies) for column in at_risk.T]).ravel()
    interval = np.tile(np.arange(width), studies)
    by_interval, lived = tally(interval, events, size=width), tally(interval, exposure, size=width)
    silent = np.flatnonzero((by_interval == 0) | (lived == 0))
    if silent.size:
        edges = [0.0, *cuts.tolist()]
        where = ", ".join(f"from {edges[j]:g}" for j in silent)
        raise AnalysisError(f"too little data: no events in the interval {where}; leave out a cut")
    some = exposure > 0
    if (events[~some] > 0).any():
        raise AnalysisError("too little data: a study has events but no time at risk in an interval")
    log_hazard = np.log(by_interval / lived)
    expected = float(
        (by_interval * log_hazard - by_interval).sum() + (events[some] * np.log(exposure[some])).sum()
    )
    fixed = RegressionFit(log_hazard, np.diag(1 / by_interval), 0.0, expected)
    X = (interval[some][:, None] == np.arange(width)).astype(np.float64)
    study = np.repeat(np.arange(studies), width)[some]
    return normal_intercept(Poisson(), events[some], X, study, fixed=fixed, offset=np.log(exposure[some]))
