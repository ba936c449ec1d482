"""The likelihood of a logistic model, plain or with Firth's penalty, and the search for its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from allpool.analysis.estimators.arrays import BoolArray, FloatArray

MOST_STEPS = 60
MOST_PENALISED_STEPS = 500
# columns are expected scaled: coefficients and steps are per standard deviation
SAME = 1e-10
LONGEST_STEP = 5.0
# The exact curvature of the penalty holds rows times columns squared numbers. Few are worth it at once, since
# it takes ten steps and not a hundred; more of them where the stand-in has not arrived after some steps, as
# with many small strata; never more than 400 MB.
SMALL, LARGEST = 100_000, 50_000_000
PATIENCE = 12


@dataclass(frozen=True, eq=False)
class Fit:
    """Where the search ended; `settled` is off if it went on and on, as it does where no maximum exists.

    `residuals` are those by which the rows enter the score, `linear` their linear predictors.
    """

    coefficients: FloatArray
    value: float
    information: FloatArray
    residuals: FloatArray
    linear: FloatArray
    settled: bool


@dataclass(frozen=True, eq=False)
class _Point:
    value: float
    score: FloatArray
    information: FloatArray
    curvature: FloatArray
    residuals: FloatArray
    linear: FloatArray


class BinaryLikelihood:
    """The log-likelihood of outcomes `happened` given columns `X` (with intercepts).

    With `penalised`, half the log-determinant of the information is added (Firth 1993, Jeffreys' prior):
    its maximum is finite whatever the data. The score then has the residuals y - p + h (1/2 - p), h being
    the leverages (Heinze and Schemper 2002).
    """

    def __init__(self, X: FloatArray, happened: BoolArray, *, penalised: bool) -> None:
        self.X = X
        self.y = happened.astype(np.float64)
        self.sign = np.where(happened, 1.0, -1.0)
        self.penalised = penalised

    def maximise(self, start: FloatArray | None = None, *, along: FloatArray | None = None) -> Fit:
        """Climb from `start` (0 by default), only in the directions that are columns of `along` if given."""
        beta: FloatArray = np.zeros(self.X.shape[1]) if start is None else start
        here = self._at(beta, exact=self._exact(0))
        if here is None:
            lost = np.full((beta.size, beta.size), np.nan)
            return Fit(beta, float("nan"), lost, np.full(self.y.size, np.nan), self.X @ beta, settled=False)
        settled = False
        for taken in range(MOST_PENALISED_STEPS if self.penalised else MOST_STEPS):
            step = _step(here, along)
            if step is None:
                break
            size = float(np.abs(step).max(initial=0.0))
            settled = size <= SAME * (1 + float(np.abs(beta).max()))
            if settled:
                break
            there, share = self._climb(beta, here, step, exact=self._exact(taken))
            if share == 0:  # as high as rounding lets it climb
                settled = size <= np.sqrt(SAME)
                break
            beta, here = beta + share * step, there
        return Fit(beta, here.value, here.information, here.residuals, here.linear, settled=settled)

    def _exact(self, taken: int) -> bool:
        rows, columns = self.X.shape
        return bool(rows * columns**2 <= (SMALL if taken < PATIENCE else LARGEST))

    def _climb(
        self, beta: FloatArray, here: _Point, step: FloatArray, *, exact: bool
    ) -> tuple[_Point, float]:
        """Halve the step until the likelihood does not fall; return where it leads and the share taken."""
        slack = 1e-12 * (1 + abs(here.value))
        share = 1.0
        for _ in range(30):
            there = self._at(beta + share * step, exact=exact)
            if there is not None and there.value >= here.value - slack:
                return there, share
            share /= 2
        return here, 0.0

    def _at(self, beta: FloatArray, *, exact: bool) -> _Point | None:
        """Return the likelihood and its derivatives; None where the information vanishes in rounding."""
        linear = self.X @ beta
        chance = expit(linear)
        weight = chance * (1 - chance)
        information = curvature = self.X.T @ (self.X * weight[:, None])
        value = -float(np.logaddexp(0, -self.sign * linear).sum())
        residuals = self.y - chance
        if self.penalised:
            sign, log_determinant = np.linalg.slogdet(information)
            if sign <= 0 or not np.isfinite(log_determinant):
                return None
            value += float(log_determinant) / 2
            spread = np.einsum("ij,ji->i", self.X, np.linalg.solve(information, self.X.T))
            leverage = weight * spread
            residuals = residuals + leverage * (0.5 - chance)
            curvature = self._curvature(chance, spread, information, exact=exact)
        return _Point(value, self.X.T @ residuals, information, curvature, residuals, linear)

    def _curvature(
        self, chance: FloatArray, spread: FloatArray, information: FloatArray, *, exact: bool
    ) -> FloatArray:
        """Return minus the second derivatives of the penalised likelihood, or a safe stand-in.

        With w the weights p (1 - p), w' and w'' their derivatives by the linear predictor and V the inverse
        information, the penalty's are (tr V X'(w'' xj xk)X - tr V X'(w' xj)X V X'(w' xk)X) / 2. Where the sum
        is not negative definite, or not asked for, each row counts as 1 + h observations: exact for a
        saturated model, and always uphill.
        """
        weight, slope = chance * (1 - chance), 1 - 2 * chance
        if exact:
            try:
                half = np.linalg.cholesky(np.linalg.inv(information))
                Z = self.X @ half
                pairs = (Z[:, :, None] * Z[:, None, :]).reshape(len(Z), -1)
                cross = (self.X * (weight * slope)[:, None]).T @ pairs
                bend = weight * (slope**2 - 2 * weight) * spread
                bent = information - (self.X.T @ (self.X * bend[:, None]) - cross @ cross.T) / 2
                np.linalg.cholesky(bent)
            except np.linalg.LinAlgError:
                pass
            else:
                return np.asarray(bent)
        return np.asarray(self.X.T @ (self.X * (weight * (1 + weight * spread))[:, None]))


def _step(here: _Point, along: FloatArray | None) -> FloatArray | None:
    """Return the Newton step; None where the curvature is lost."""
    score, curvature = here.score, here.curvature
    if along is not None:
        score, curvature = along.T @ score, along.T @ curvature @ along
    try:
        step = np.linalg.solve(curvature, score)
    except np.linalg.LinAlgError:
        return None
    step = step if along is None else along @ step
    longest = float(np.abs(step).max(initial=0.0))
    if not np.isfinite(longest):
        return None
    return np.asarray(step * min(1.0, LONGEST_STEP / longest) if longest > 0 else step)
