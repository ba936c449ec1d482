"""Cox's model with a gamma frailty that a study's patients share (Therneau, Grambsch, Pankratz 2003)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from allpool.analysis.estimators.arrays import BoolArray, FloatArray, IntArray, tally
from allpool.analysis.estimators.cox_likelihood import PartialLikelihood
from allpool.analysis.estimators.risk_sets import risk_sets
from allpool.errors import AnalysisError

MOST_STEPS = 100
# variance of the frailty, searched on its logarithm; below the least, studies do not differ
LEAST, MOST = np.log(1e-5), np.log(50.0)
FIRST_LOOK = 24


@dataclass(frozen=True, eq=False)
class FrailtyFit:
    """Coefficients with their variance at the best `theta`, the variance of the frailty (mean 1)."""

    coefficients: FloatArray
    variance: FloatArray
    theta: float
    log_likelihood: float


def gamma_frailty(
    time: FloatArray, happened: BoolArray, X: FloatArray, study: IntArray, *, ties: str
) -> FrailtyFit:
    """Maximise the marginal partial likelihood over theta, and the penalised one over the rest.

    For the gamma frailty the penalised fit at a given theta is the one of the EM algorithm.
    """
    model = _Penalised(time, happened, X, study, ties=ties)
    grid = np.linspace(LEAST, MOST, FIRST_LOOK)
    heights = [model.at(float(np.exp(at))).log_likelihood for at in grid]
    start = int(np.argmax(heights))
    found = minimize_scalar(
        lambda at: -model.at(float(np.exp(at))).log_likelihood,
        bounds=(grid[max(start - 1, 0)], grid[min(start + 1, FIRST_LOOK - 1)]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    best, none = model.at(float(np.exp(found.x))), model.without()
    return best if best.log_likelihood > none.log_likelihood else none


class _Penalised:
    """The penalised partial likelihood: covariates, and an effect w per study with (w - exp w) / theta."""

    def __init__(
        self, time: FloatArray, happened: BoolArray, X: FloatArray, study: IntArray, *, ties: str
    ) -> None:
        sets = risk_sets(time, happened, entries=None, stratum=np.zeros(time.size, dtype=np.int64))
        self.slopes, self.studies = X.shape[1], int(study.max()) + 1
        self.centre, self.scale = X.mean(axis=0), X.std(axis=0)
        if (self.scale == 0).any():
            raise AnalysisError("a covariate is the same in all patients; leave it out")
        own = (study[:, None] == np.arange(self.studies)).astype(np.float64)
        columns = np.column_stack(((X - self.centre) / self.scale, own))
        self.plain = PartialLikelihood(columns[sets.rows, : self.slopes], sets, ties=ties)
        self.likelihood = PartialLikelihood(columns[sets.rows], sets, ties=ties)
        self.deaths = tally(study, happened.astype(np.float64), size=self.studies)
        self.last: FloatArray = np.zeros(columns.shape[1])

    def at(self, theta: float) -> FrailtyFit:
        """Return the fit at one variance of the frailty."""
        nu = 1 / theta
        parameters, value, information = self._climb(self.likelihood, self.last, nu=nu)
        self.last = parameters
        d = self.deaths
        # from the penalised to the marginal likelihood (Therneau, Grambsch and Pankratz 2003)
        # with the constant that makes it the plain partial likelihood where studies do not differ
        constant = nu + d + nu * np.log(nu) - (nu + d) * np.log(nu + d) + gammaln(nu + d) - gammaln(nu)
        return self._fit(parameters, information, theta=theta, value=value + float(constant.sum()))

    def without(self) -> FrailtyFit:
        """Return the fit where studies do not differ."""
        parameters, value, information = self._climb(self.plain, np.zeros(self.slopes), nu=None)
        return self._fit(parameters, information, theta=0.0, value=value)

    def _fit(
        self, parameters: FloatArray, information: FloatArray, *, theta: float, value: float
    ) -> FrailtyFit:
        p = self.slopes
        variance = np.linalg.inv(information)[:p, :p] / np.outer(self.scale, self.scale)
        return FrailtyFit(parameters[:p] / self.scale, variance, theta, value)

    def _climb(
        self, likelihood: PartialLikelihood, start: FloatArray, *, nu: float | None
    ) -> tuple[FloatArray, float, FloatArray]:
        """Climb by Newton's method with halved steps; return parameters, penalised value and information."""
        at = start
        value, gradient, information = self._derivatives(likelihood, at, nu)
        for _ in range(MOST_STEPS):
            step = np.linalg.solve(information, gradient)
            for halving in range(40):
                trial = at + step / 2**halving
                there = self._derivatives(likelihood, trial, nu)
                if np.isfinite(there[0]) and there[0] >= value - 1e-11 * (1 + abs(value)):
                    break
            at, (value, gradient, information) = trial, there
            if np.abs(step).max() < 1e-9:
                return at, value, information
        raise AnalysisError("the frailty model did not converge; use the stratified model")

    def _derivatives(
        self, likelihood: PartialLikelihood, at: FloatArray, nu: float | None
    ) -> tuple[float, FloatArray, FloatArray]:
        here = likelihood.derivatives(at)
        if nu is None:
            return here.value, here.gradient, here.information
        w = at[self.slopes :]
        gradient, information = here.gradient.copy(), here.information.copy()
        gradient[self.slopes :] += nu * (1 - np.exp(w))
        inner = np.arange(self.slopes, at.size)
        information[inner, inner] += nu * np.exp(w)
        return here.value + nu * float((w - np.exp(w)).sum()), gradient, information
