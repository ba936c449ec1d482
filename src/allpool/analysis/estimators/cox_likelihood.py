"""The partial likelihood of Cox's model, its derivatives, and the Newton search for its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from allpool.analysis.estimators.arrays import FloatArray, tally
from allpool.analysis.estimators.risk_sets import RiskSets
from allpool.errors import AnalysisError

MOST_STEPS = 60
# R stops when a full step raises the log-likelihood by less than this share of it (coxph.control, eps).
# The same rule gives R's coefficients to the last digits; stopping later would move them by some 1e-8.
SAME = 1e-9
NO_GAIN = 1e-13  # where the log-likelihood itself tends to 0
# a covariate (in standard deviations) that still moves this much when the likelihood has stopped rising
STILL_MOVING = 1e-3
# a direction with at most this share of its information at 0 has no maximum: what is left is the rounding of
# risk sets in which one subject has all the weight, and a Newton step by it means nothing
NOTHING_LEFT = 1e-6


class MonotoneLikelihoodWarning(UserWarning):
    """A covariate separates the events: the likelihood rises for ever, the coefficient is infinite."""


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Log-likelihood, gradient and information at one vector of coefficients."""

    value: float
    gradient: FloatArray
    information: FloatArray


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the search ended, and which coefficients were still running away."""

    coefficients: FloatArray
    at: Derivatives
    at_zero: Derivatives
    moving: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the risk set (s) and over the tied deaths (t) of each cell, and Efron's sums of denominators.

    `g`, `ga`, `q`, `qa`, `qaa` are, over the d tied deaths l = 0..d-1 of a cell with a = l/d (Efron) or 0
    (Breslow) and D = s0 - a t0: the sums of 1/D, a/D, 1/D^2, a/D^2, a^2/D^2.
    """

    risk: FloatArray
    s1: FloatArray
    t1: FloatArray
    g: FloatArray
    ga: FloatArray
    q: FloatArray
    qa: FloatArray
    qaa: FloatArray
    log_denominators: float


class PartialLikelihood:
    """The Cox partial likelihood of covariates `X` (rows as in `sets.rows`) with ties by Efron or Breslow.

    Second moments over risk sets are never formed per event: their sum over events equals one
    weighted cross product of the covariates, which is what makes a million subjects a matter of seconds.
    """

    def __init__(self, X: FloatArray, sets: RiskSets, *, ties: str) -> None:
        self.X = np.asfortranarray(X)
        self.sets = sets
        self._of_dead = self.X[sets.dead]
        self._sum_of_dead = self._of_dead.sum(axis=0)
        self._cell_of_death = np.repeat(np.arange(sets.deaths.size), sets.deaths)
        starts = np.cumsum(sets.deaths) - sets.deaths
        rank = np.arange(sets.dead.size) - starts[self._cell_of_death]
        efron = rank / sets.deaths[self._cell_of_death]
        self._fraction = efron if ties == "efron" else np.zeros_like(efron)

    def derivatives(self, beta: FloatArray) -> Derivatives:
        """Return log-likelihood, gradient and information at `beta`."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # an overshooting step is found
            return self._derivatives(beta)

    def _derivatives(self, beta: FloatArray) -> Derivatives:
        linear = self.X @ beta
        linear -= linear.max()
        sums = self._sums(linear)
        value = float(linear[self.sets.dead].sum()) - sums.log_denominators
        gradient = self._sum_of_dead - (sums.g @ sums.s1 - sums.ga @ sums.t1)
        weight = sums.risk * self.sets.over_time_at_risk(sums.g)
        second = self.X.T @ (self.X * weight[:, None])
        tied = sums.risk[self.sets.dead] * sums.ga[self.sets.cell]
        second -= self._of_dead.T @ (self._of_dead * tied[:, None])
        cross = sums.s1.T @ (sums.t1 * sums.qa[:, None])
        means = sums.s1.T @ (sums.s1 * sums.q[:, None]) - cross - cross.T
        means += sums.t1.T @ (sums.t1 * sums.qaa[:, None])
        return Derivatives(value=value, gradient=gradient, information=second - means)

    def score_residuals(self, beta: FloatArray) -> FloatArray:
        """Return each row's share of the gradient (Lin and Wei 1989), as R's `resid(fit, "score")`."""
        linear = self.X @ beta
        linear -= linear.max()
        sums, sets = self._sums(linear), self.sets
        per_event = sums.s1 * sums.q[:, None] - sums.t1 * sums.qa[:, None]
        spent = self.X * sets.over_time_at_risk(sums.g)[:, None] - sets.over_time_at_risk(per_event)
        residuals = -sums.risk[:, None] * spent
        mean = (sums.s1 * sums.g[:, None] - sums.t1 * sums.ga[:, None]) / sets.deaths[:, None]
        tied = sums.s1 * sums.qa[:, None] - sums.t1 * sums.qaa[:, None]
        cell = sets.cell
        own = self._of_dead * sums.ga[cell][:, None] - tied[cell]
        residuals[sets.dead] += self._of_dead - mean[cell] + sums.risk[sets.dead][:, None] * own
        return np.asarray(residuals)

    def _sums(self, linear: FloatArray) -> _Sums:
        sets, size = self.sets, self.sets.deaths.size
        risk = np.exp(linear)
        dead_risk = risk[sets.dead]
        columns = range(self.X.shape[1])
        s0 = sets.at_risk_sum(risk)
        s1 = np.column_stack([sets.at_risk_sum(risk * self.X[:, j]) for j in columns])
        t0 = tally(sets.cell, dead_risk, size=size)
        t1 = np.column_stack([tally(sets.cell, dead_risk * self._of_dead[:, j], size=size) for j in columns])
        a, owner = self._fraction, self._cell_of_death
        denominator = s0[owner] - a * t0[owner]
        inverse = 1 / denominator
        logs = float(np.log(denominator).sum())

        def per_cell(amount: FloatArray) -> FloatArray:
            return tally(owner, amount, size=size)

        square = inverse**2
        return _Sums(
            risk=risk,
            s1=s1,
            t1=t1,
            g=per_cell(inverse),
            ga=per_cell(a * inverse),
            q=per_cell(square),
            qa=per_cell(a * square),
            qaa=per_cell(a * a * square),
            log_denominators=logs,
        )


def maximise(likelihood: PartialLikelihood) -> Maximum:
    """Climb by Newton's method with halved steps; covariates are expected centred and scaled.

    Raises
    ------
    AnalysisError
        the search neither converges nor shows a monotone likelihood.
    """
    beta: FloatArray = np.zeros(likelihood.X.shape[1])
    here = at_zero = likelihood.derivatives(beta)
    settled = False
    for _ in range(MOST_STEPS):
        before = here.value
        step = newton_step(here)
        if here.gradient @ step <= 0:  # at the top, or too flat to tell
            settled = True
            break
        beta, here, halved = _climb(likelihood, beta, here, step)
        gain = abs(here.value - before)
        if (gain <= SAME * abs(here.value) and not halved) or gain <= NO_GAIN:
            settled = True
            break
    moving = running_away(here, at_zero)
    if not moving and not settled:
        raise AnalysisError("the Cox model did not converge; look for extreme covariate values")
    return Maximum(coefficients=beta, at=here, at_zero=at_zero, moving=moving)


def running_away(here: Derivatives, at_zero: Derivatives) -> tuple[int, ...]:
    """Return the coefficients that still move where the likelihood has stopped rising, or cannot stand."""
    moving = np.abs(newton_step(here)) >= STILL_MOVING
    share, directions = eigh(here.information, at_zero.information)  # at_zero's was found of full rank
    lost = np.abs(directions[:, share <= NOTHING_LEFT])
    moving |= (lost > STILL_MOVING * np.max(lost, axis=0, initial=0.0)).any(axis=1)
    return tuple(int(j) for j in np.flatnonzero(moving))


def newton_step(here: Derivatives) -> FloatArray:
    """Return information^-1 gradient; a direction without information counts as running away."""
    try:
        step = np.linalg.solve(here.information, here.gradient)
    except np.linalg.LinAlgError:
        step = np.where(np.diag(here.information) > 0, 0.0, 1.0)
    return np.asarray(np.nan_to_num(step), dtype=np.float64)


def _climb(
    likelihood: PartialLikelihood, beta: FloatArray, here: Derivatives, step: FloatArray
) -> tuple[FloatArray, Derivatives, bool]:
    """Take the step, halved until the likelihood does not fall; say whether it was halved."""
    slack = 1e-11 * (1 + abs(here.value))  # rounding of a sum over many events
    for halving in range(30):
        trial = beta + step / 2**halving
        there = likelihood.derivatives(trial)
        finite = np.isfinite(there.value) and np.isfinite(there.information).all()
        if finite and there.value >= here.value - slack:
            return trial, there, halving > 0
    return beta, here, False
