"""The log-rank test of k groups, plain or stratified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    indicators,
    labels,
    read_only,
    same_length,
    tally,
    times,
)
from allpool.analysis.estimators.risk_sets import RiskSets, risk_sets
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class LogRank:
    """Observed and expected events per group (in the order of `groups`) and the chi-square test."""

    chi2: float
    df: int
    p: float
    observed: FloatArray
    expected: FloatArray
    n: IntArray
    groups: tuple[Any, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group: group, n, observed, expected, and the test's chi2, df and p."""
        frame = pd.DataFrame(
            {"group": list(self.groups), "n": self.n, "observed": self.observed, "expected": self.expected}
        )
        return frame.assign(chi2=self.chi2, df=self.df, p=self.p)


def logrank(time: Any, event: Any, group: Any, *, strata: Any = None, entry: Any = None) -> LogRank:
    """Test whether survival is the same in all groups (Mantel 1966; with strata, R's survdiff).

    Groups are taken in sorted order, those of a Categorical in its own; a category nobody has is no group.
    With `entry` a subject is at risk in (entry, time].

    Raises
    ------
    AnalysisError
        fewer than two groups, no events, groups that are never at risk together, arrays of different
        length, missing or negative values.
    """
    exits, happened = times(time), indicators(event)
    entries = None if entry is None else times(entry, name="entry")
    n = same_length(time=exits, event=happened, group=group, strata=strata, entry=entries)
    groups, member = labels(group, name="group")
    stratum = np.zeros(n, dtype=np.int64) if strata is None else labels(strata, name="strata")[1]
    if len(groups) < 2:
        raise AnalysisError("a log-rank test needs at least two groups with subjects; only one was given")
    return compared(
        risk_sets(exits, happened, entries=entries, stratum=stratum),
        member,
        observed=tally(member[happened], size=len(groups)),
        n=np.bincount(member, minlength=len(groups)),
        groups=tuple(groups),
    )


def compared(
    sets: RiskSets, member: IntArray, *, observed: FloatArray, n: IntArray, groups: tuple[Any, ...]
) -> LogRank:
    """Compare observed events per group with those expected from who was at risk at each of them."""
    expected, variance = _moments(sets, member, k=len(groups))
    chi2, df = _quadratic_form(observed - expected, variance, compared=expected > 0)
    return LogRank(
        chi2=chi2,
        df=df,
        p=float(chdtrc(df, chi2)),
        observed=read_only(observed),
        expected=read_only(expected),
        n=n,
        groups=groups,
    )


def _moments(sets: RiskSets, member: IntArray, *, k: int) -> tuple[FloatArray, FloatArray]:
    """Sum the expected events and the hypergeometric variance over the event times of each stratum."""
    of_row = member[sets.rows]
    at_risk = np.column_stack([sets.at_risk_sum((of_row == j).astype(np.float64)) for j in range(k)])
    total = at_risk.sum(axis=1)
    spread = sets.deaths * (total - sets.deaths) / np.maximum(total - 1, 1) / total
    variance = np.diag(spread @ at_risk) - at_risk.T @ (at_risk * (spread / total)[:, None])
    return (sets.deaths / total) @ at_risk, variance


def _quadratic_form(
    difference: FloatArray, variance: FloatArray, *, compared: BoolArray
) -> tuple[float, int]:
    """Return chi-square and df over the groups ever at risk at an event, the first left out."""
    everybody = np.flatnonzero(compared)
    kept = everybody[1:]
    if kept.size == 0:
        raise AnalysisError("too little data: fewer than two groups are at risk when an event happens")
    # two groups have a covariance where they were at risk together, and exactly none where they never were;
    # the rank of the matrix says the same only up to rounding
    together = (variance[np.ix_(everybody, everybody)] != 0).astype(int)
    parts, _ = connected_components(together, directed=False)
    if parts > 1:
        raise AnalysisError(
            "the groups cannot be compared: some are never at risk together with the others in any stratum"
        )
    chi2 = float(difference[kept] @ np.linalg.solve(variance[np.ix_(kept, kept)], difference[kept]))
    return max(chi2, 0.0), int(kept.size)
