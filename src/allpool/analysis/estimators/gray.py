"""Gray's test that the cumulative incidence of a cause is the same in k groups, plain or stratified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import FloatArray, IntArray, labels, same_length, tally, times
from allpool.analysis.estimators.causes import CENSORED, cause_numbers, cause_of_interest
from allpool.analysis.estimators.ties import distinct_times
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class GrayTest:
    """The chi-square test; per group (in the order of `groups`) its subjects and events of cause `of`."""

    chi2: float
    df: int
    p: float
    of: int
    groups: tuple[Any, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group: group, n, events, and the test's cause, chi2, df and p."""
        frame = pd.DataFrame({"group": list(self.groups), "n": self.n, "events": self.events})
        return frame.assign(cause=self.of, chi2=self.chi2, df=self.df, p=self.p)


def gray(time: Any, cause: Any, group: Any, *, of: int = 1, strata: Any = None) -> GrayTest:
    """Test whether the incidence of cause `of` is the same in all groups (Gray 1988, rho = 0).

    Parameters
    ----------
    time, cause
        follow-up times from the origin in any one unit; 0 if censored, else the number of the cause.
    group
        one label per subject, two or more in all.
    of
        the cause whose incidences are compared; all other causes compete with it.
    strata
        one label per subject; scores and variances are summed over strata, as `cmprsk::cuminc` does.

    Raises
    ------
    AnalysisError
        fewer than two groups, no events of the cause, groups never at risk together, arrays of different
        length, missing or negative values, causes that are no whole numbers.
    """
    exits, found = times(time), cause_numbers(cause)
    n = same_length(time=exits, cause=found, group=group, strata=strata)
    groups, member = labels(group, name="group")
    stratum = np.zeros(n, dtype=np.int64) if strata is None else labels(strata, name="strata")[1]
    if len(groups) < 2:
        raise AnalysisError("Gray's test needs at least two groups with subjects; only one was given")
    interest = cause_of_interest(of, found=found)
    # 0 censored, 1 of interest, 2 any other
    kind = np.where(found == CENSORED, 0, np.where(found == interest, 1, 2))
    _, codes = distinct_times(exits)
    score, variance = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    for label in range(int(stratum.max()) + 1):
        rows = np.flatnonzero(stratum == label)
        if not (kind[rows] == 1).any():
            continue  # says nothing of the cause
        one = _Stratum.of(codes[rows], kind[rows], member[rows], k=len(groups))
        score += one.score()
        with np.errstate(divide="ignore", invalid="ignore"):  # a pooled incidence of 1 is found below
            variance += one.variance()
    chi2 = _quadratic_form(score[:-1], variance[:-1, :-1])
    df = len(groups) - 1
    return GrayTest(
        chi2=chi2,
        df=df,
        p=float(chdtrc(df, chi2)),
        of=interest,
        groups=tuple(groups),
        n=tuple(np.bincount(member, minlength=len(groups)).tolist()),
        events=tuple(np.bincount(member[kind == 1], minlength=len(groups)).tolist()),
    )


@dataclass(frozen=True, eq=False)
class _Stratum:
    """One stratum's times with an event (rows) and groups (columns).

    At risk, events of interest and others; event-free survival before and after, incidence before; the
    pooled incidence before and after, and R_k / (1 - F_k) of Gray's paper (`weight`), 0 where nobody of the
    group is at risk.
    """

    at_risk: FloatArray
    events: FloatArray
    others: FloatArray
    before: FloatArray
    after: FloatArray
    weight: FloatArray
    incidence_before: FloatArray
    pooled_before: FloatArray
    pooled_after: FloatArray

    @classmethod
    def of(cls, codes: IntArray, kind: IntArray, member: IntArray, *, k: int) -> _Stratum:
        """Count and estimate from the times' codes, what happened (0, 1, 2) and the groups."""
        present = tally(codes, size=int(codes.max()) + 1) > 0
        row = (np.cumsum(present) - 1)[codes]
        size = int(present.sum())
        cells = tally((row * 3 + kind) * k + member, size=size * 3 * k).reshape(size, 3, k)
        at_risk = np.cumsum(cells.sum(axis=1)[::-1], axis=0)[::-1]
        eventful = cells[:, 1:].any(axis=(1, 2))
        at_risk, events, others = at_risk[eventful], cells[eventful, 1], cells[eventful, 2]
        share = 1 / np.maximum(at_risk, 1)
        after = np.cumprod(1 - (events + others) * share, axis=0)
        before = np.vstack((np.ones(k), after[:-1]))
        incidence = np.cumsum(before * events * share, axis=0)
        weight = np.divide(at_risk, before, out=np.zeros_like(at_risk), where=at_risk > 0)
        pooled = np.cumsum(events.sum(axis=1) / weight.sum(axis=1))
        return cls(
            at_risk=at_risk,
            events=events,
            others=others,
            before=before,
            after=after,
            weight=weight,
            incidence_before=np.vstack((np.zeros(k), incidence[:-1])),
            pooled_before=np.concatenate(([0.0], pooled[:-1])),
            pooled_after=pooled,
        )

    def score(self) -> FloatArray:
        """Return each group's events less its share of all, by the risk sets of the subdistributions."""
        risk = self.weight * (1 - self.incidence_before)
        expected = risk * (self.events.sum(axis=1) / risk.sum(axis=1))[:, None]
        return np.asarray((self.events - expected).sum(axis=0))

    def variance(self) -> FloatArray:
        """Return the covariance of the scores: what each group's events of either kind contribute."""
        groups = self.at_risk.shape[1]
        total = self.weight.sum(axis=1)
        deaths = self.events.sum(axis=1)
        hazard = deaths / (total * (1 - self.pooled_before))
        variance = np.zeros((groups, groups))
        for k in range(groups):
            direct = -self.weight * (self.weight[:, k] / total)[:, None]
            direct[:, k] += self.weight[:, k]
            # a group alone at risk has no contrast, also where the pooled incidence has reached 1
            rise = np.multiply(direct, hazard[:, None], out=np.zeros_like(direct), where=direct != 0)
            path = np.cumsum(rise, axis=0)
            to_come = path[-1] - path
            # what one event of the group changes in the pooled incidence that is still to come
            change = np.divide(
                1 - self.pooled_after, self.after[:, k], out=np.zeros(total.size), where=self.after[:, k] > 0
            )
            own = direct + (1 - change)[:, None] * to_come
            variance += own.T @ (own * self._spread_of_interest(k, total, deaths)[:, None])
            other = change[:, None] * to_come
            variance += other.T @ (other * self._spread_of_others(k)[:, None])
        return variance

    def _spread_of_interest(self, k: int, total: FloatArray, deaths: FloatArray) -> FloatArray:
        """Return the variance of the incidence's steps under equal incidences, ties hypergeometric."""
        there = self.at_risk[:, k] > 0
        scaled = total * self.before[:, k]
        ties = 1 - np.divide(deaths - 1, scaled - 1, out=np.zeros_like(scaled), where=there & (deaths > 1))
        spread = ties * self.before[:, k] * deaths / (total * np.maximum(self.at_risk[:, k], 1))
        return np.where(there, spread, 0.0)

    def _spread_of_others(self, k: int) -> FloatArray:
        """Return the variance of the steps of the competing incidence, ties hypergeometric."""
        n, d = self.at_risk[:, k], self.others[:, k]
        ties = 1 - np.divide(d - 1, n - 1, out=np.zeros_like(n), where=d > 1)
        return np.asarray(ties * self.before[:, k] ** 2 * d / np.maximum(n, 1) ** 2)


def _quadratic_form(score: FloatArray, variance: FloatArray) -> float:
    """Return chi-square; the last group is left out, for the scores sum to 0."""
    if not np.isfinite(variance).all():
        raise AnalysisError(
            "too little data: Gray's variance does not exist, for the pooled incidence reaches 1 while a "
            "group is still at risk (as when all of a small group had the cause early)"
        )
    if np.linalg.matrix_rank(variance, hermitian=True) < score.size:
        raise AnalysisError(
            "the groups cannot be compared: some are never at risk together with the others at an event of "
            "the cause"
        )
    return max(float(score @ np.linalg.solve(variance, score)), 0.0)
