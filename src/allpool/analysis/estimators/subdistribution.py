"""The weighted partial likelihood of Fine and Gray's model, its derivatives and its subjects' influence.

Someone who had a competing event at t stays at risk at s with weight G(s-) / G(t-): the probability of being
uncensored just before s, given being so just before t (Fine and Gray 1999). Since the weight is a product of
a factor of the subject and one of the event time, all sums over risk sets are cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray, IntArray, tally
from allpool.analysis.estimators.cox_likelihood import Derivatives

CENSORED, OF_INTEREST, COMPETING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Censoring:
    """G(t-), the probability of being uncensored just before each distinct time, per censoring stratum.

    `uncensored` has one row per stratum and one column per distinct time; at risk likewise.
    """

    uncensored: FloatArray
    at_risk: FloatArray
    stratum: IntArray


def censoring(values: FloatArray, codes: IntArray, kind: IntArray, stratum: IntArray) -> Censoring:
    """Estimate the censoring distributions by Kaplan-Meier, events being at risk of censoring at a tie.

    As in cmprsk's crr, G is 0 past the last time of a stratum, and at time 0 it is read after those
    censored at 0.
    """
    size, strata = values.size, int(stratum.max()) + 1
    left = tally(stratum * size + codes, size=strata * size).reshape(strata, size)
    ended = tally((stratum * size + codes)[kind == CENSORED], size=strata * size).reshape(strata, size)
    at_risk = np.cumsum(left[:, ::-1], axis=1)[:, ::-1]
    after = np.cumprod(1 - ended / np.maximum(at_risk, 1), axis=1)
    uncensored = np.column_stack((np.ones(strata), after[:, :-1]))
    if values[0] <= 0:
        uncensored[:, 0] = after[:, 0]
    uncensored[at_risk == 0] = 0.0
    return Censoring(uncensored=uncensored, at_risk=at_risk, stratum=stratum)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Per event time: events per weighted risk (`jump`) and the mean covariate; cumulated over event times.

    `forward` cumulates jump and jump times mean from the first event time, `weighted` the same times G(s-)
    per stratum; both begin with a 0 before the first event time.
    """

    risk: FloatArray
    total: FloatArray
    mean: FloatArray
    forward: tuple[FloatArray, FloatArray]
    weighted: tuple[FloatArray, FloatArray]


class SubdistributionLikelihood:
    """The likelihood of covariates `X`; `codes` are positions of the subjects' times, `kind` 0, 1 or 2."""

    def __init__(self, X: FloatArray, codes: IntArray, kind: IntArray, censoring: Censoring) -> None:
        self.X, self.codes, self.kind, self.censoring = X, codes, kind, censoring
        happened = kind == OF_INTEREST
        self.cells, events = np.unique(codes[happened], return_counts=True)
        self.events = events.astype(np.float64)
        # event times at or before each subject's own time, which are its time at risk by itself
        self._passed = np.searchsorted(self.cells, codes, side="right")
        self._competing = np.flatnonzero(kind == COMPETING)
        stratum = censoring.stratum[self._competing]
        self._share = np.zeros(kind.size)
        self._share[self._competing] = 1 / censoring.uncensored[stratum, codes[self._competing]]
        self._stay = censoring.uncensored[:, self.cells]
        self._sum_of_events = X[happened].sum(axis=0)

    def derivatives(self, beta: FloatArray) -> Derivatives:
        """Return log-likelihood (ties by Breslow), gradient and information at `beta`."""
        # an overshooting step is found by its value, which is not finite
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            linear, sums = self._linear(beta), self._sums(beta)
            value = float(linear[self.kind == OF_INTEREST].sum() - self.events @ np.log(sums.total))
            gradient = self._sum_of_events - self.events @ sums.mean
            weight = sums.risk * self._exposure(sums, 0)
            means = sums.mean.T @ (sums.mean * self.events[:, None])
            information = self.X.T @ (self.X * weight[:, None]) - means
        return Derivatives(value=value, gradient=gradient, information=information)

    def influence(self, beta: FloatArray) -> FloatArray:
        """Return each subject's share of the gradient, the estimation of the weights included (crr's)."""
        sums = self._sums(beta)
        spent = self.X * self._exposure(sums, 0)[:, None] - self._exposure(sums, 1)
        eta = -sums.risk[:, None] * spent
        happened = np.flatnonzero(self.kind == OF_INTEREST)
        eta[happened] += self.X[happened] - sums.mean[self._passed[happened] - 1]
        return np.asarray(eta + self._of_the_weights(sums))

    def _linear(self, beta: FloatArray) -> FloatArray:
        linear = self.X @ beta
        return np.asarray(linear - linear.max())

    def _sums(self, beta: FloatArray) -> _Sums:
        risk = np.exp(self._linear(beta))
        total = self._at_risk_sum(risk)
        first = np.column_stack([self._at_risk_sum(risk * column) for column in self.X.T])
        mean, jump = first / total[:, None], self.events / total
        rise = jump[:, None] * mean
        stay = self._stay.T
        return _Sums(
            risk=risk,
            total=total,
            mean=mean,
            forward=(_cumulated(jump), _cumulated(rise)),
            weighted=(_cumulated(stay * jump[:, None]), _cumulated(stay[:, :, None] * rise[:, None, :])),
        )

    def _at_risk_sum(self, amount: FloatArray) -> FloatArray:
        """Sum an amount over those at risk at each event time: by themselves, and by weight afterwards."""
        size = self.cells.size
        leaving = tally(self._passed, amount, size=size + 1)
        total = np.cumsum(leaving[::-1])[::-1][1:]
        staying = amount * self._share
        for stratum, stay in enumerate(self._stay):
            rows = self._competing[self.censoring.stratum[self._competing] == stratum]
            joined = tally(self._passed[rows], staying[rows], size=size + 1)
            total = total + stay * np.cumsum(joined)[:size]
        return total

    def _exposure(self, sums: _Sums, order: int) -> FloatArray:
        """Sum jump (order 0) or jump times mean (order 1) over each subject's weighted time at risk."""
        alone = sums.forward[order][self._passed]
        rows, weighted = self._competing, sums.weighted[order]
        stratum = self.censoring.stratum[rows]
        afterwards = weighted[-1, stratum] - weighted[self._passed[rows], stratum]
        share = self._share[rows]
        alone[rows] += afterwards * (share if order == 0 else share[:, None])
        return np.asarray(alone)

    def _of_the_weights(self, sums: _Sums) -> FloatArray:
        """Return what each subject changes through its stratum's weights (psi of the paper)."""
        at_risk, stratum = self.censoring.at_risk, self.censoring.stratum
        size = at_risk.shape[1]
        ended = self.kind == CENSORED
        psi = np.zeros_like(self.X)
        for s in range(at_risk.shape[0]):
            own = np.flatnonzero(stratum == s)
            n = np.maximum(at_risk[s], 1)
            change = self._at_stake(sums, s)
            counted = tally(self.codes[own[ended[own]]], size=size)
            compensator = np.cumsum(change * (counted / n**2)[:, None], axis=0)
            psi[own] = -compensator[self.codes[own]]
            now = own[ended[own]]
            psi[now] += change[self.codes[now]] / n[self.codes[now], None]
        return psi

    def _at_stake(self, sums: _Sums, stratum: int) -> FloatArray:
        """Return q(u) of the paper at each distinct time: what the stratum's weights add to the gradient.

        Of several strata crr counts the events of the own one alone, and so does this.
        """
        size = self.censoring.at_risk.shape[1]
        own = self.censoring.stratum == stratum
        rows = self._competing[own[self._competing]]
        weight, codes = (sums.risk * self._share)[rows], self.codes[rows]
        zero = _before(tally(codes, weight, size=size))
        first = [_before(tally(codes, weight * column[rows], size=size)) for column in self.X.T]
        # events from this time on, under the weights of those who had their competing event before it
        events = tally(self._passed[own & (self.kind == OF_INTEREST)] - 1, size=self.cells.size)
        jump = self._stay[stratum] * events / sums.total
        since = np.searchsorted(self.cells, np.arange(size), side="left")
        jumps, rises = _cumulated(jump), _cumulated(jump[:, None] * sums.mean)
        to_come = (jumps[-1] - jumps[since])[:, None], rises[-1] - rises[since]
        return np.asarray(np.column_stack(first) * to_come[0] - zero[:, None] * to_come[1])


def _cumulated(amount: FloatArray) -> FloatArray:
    return np.concatenate((np.zeros((1, *amount.shape[1:])), np.cumsum(amount, axis=0)))


def _before(amount: FloatArray) -> FloatArray:
    return np.concatenate(([0.0], np.cumsum(amount)[:-1]))
