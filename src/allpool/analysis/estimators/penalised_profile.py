"""Profiles of a penalised likelihood: its interval for one coefficient, and the test that it is 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import brentq

from allpool.analysis.estimators.arrays import FloatArray, critical_value
from allpool.analysis.estimators.binary_likelihood import BinaryLikelihood, Fit

# strides outwards, each half as long again; where the profile has not fallen enough by then there is no limit
MOST_STRIDES = 25


@dataclass(frozen=True)
class Profile:
    """The limits of a coefficient, and the likelihood-ratio chi-square (1 df) of its being 0."""

    lower: float
    upper: float
    chi2: float


def profiled(likelihood: BinaryLikelihood, fit: Fit, combination: FloatArray, *, level: float) -> Profile:
    """Profile one combination of the coefficients: at each of its values the rest climbs to its own maximum.

    A limit is where twice the fall from the maximum is the chi-square quantile.
    """
    variance = np.linalg.inv(fit.information)
    spread = float(combination @ variance @ combination)
    towards = variance @ combination / spread  # how the other coefficients follow, at first
    along = null_space(combination[None, :])
    best = float(combination @ fit.coefficients)
    fall = critical_value(level) ** 2 / 2
    last = fit.coefficients

    def left_over(value: float) -> float:
        nonlocal last
        start = last + towards * (value - float(combination @ last))
        there = likelihood.maximise(start, along=along)
        if not np.isfinite(there.value):
            return -np.inf
        last = there.coefficients
        return there.value - fit.value + fall

    def limit(side: int) -> float:
        nonlocal last
        last = fit.coefficients
        inner, step = best, critical_value(level) * float(np.sqrt(spread))
        for _ in range(MOST_STRIDES):
            outer = best + side * step
            height = left_over(outer)
            if height == -np.inf:  # the information is lost in rounding: come half the way back
                step = (abs(inner - best) + step) / 2
            elif height < 0:
                return float(brentq(left_over, inner, outer, xtol=1e-12 * (1 + abs(best)), rtol=1e-12))
            else:
                inner, step = outer, step * 1.5
        return side * float("inf")

    return Profile(chi2=max(0.0, 2 * (fall - left_over(0.0))), lower=limit(-1), upper=limit(+1))
