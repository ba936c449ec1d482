"""The search for the maximum of Fine and Gray's likelihood, stopped where cmprsk's crr stops."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray
from allpool.analysis.estimators.cox_likelihood import (
    MOST_STEPS,
    NO_GAIN,
    STILL_MOVING,
    Derivatives,
    Maximum,
    newton_step,
    running_away,
)
from allpool.analysis.estimators.subdistribution import SubdistributionLikelihood
from allpool.errors import AnalysisError

GRADIENT = 1e-6  # crr's gtol


def maximise_as_crr(likelihood: SubdistributionLikelihood, scale: FloatArray) -> Maximum:
    """Climb from 0 by crr's own rule, so that its last digits are met; `scale` is what X was divided by.

    crr stops when no element of the gradient (of the covariates as given, times max(1, coefficient)) exceeds
    a millionth of the log-likelihood. Where a coefficient still moves then, the climb goes on until it stands
    or has shown that it never will.

    Raises
    ------
    AnalysisError
        the search neither stands nor shows a monotone likelihood.
    """
    beta: FloatArray = np.zeros(likelihood.X.shape[1])
    here = at_zero = likelihood.derivatives(beta)
    for _ in range(MOST_STEPS):
        step = newton_step(here)
        moving = np.abs(step) >= STILL_MOVING
        pull = np.abs(here.gradient * scale) * np.maximum(np.abs(beta / scale), 1)
        if pull.max() < max(abs(here.value), 1) * GRADIENT and not moving.any():
            return Maximum(coefficients=beta, at=here, at_zero=at_zero, moving=running_away(here, at_zero))
        trial, there = _climb(likelihood, beta, here, step)
        if abs(there.value - here.value) <= NO_GAIN * (1 + abs(here.value)):
            return Maximum(coefficients=trial, at=there, at_zero=at_zero, moving=running_away(there, at_zero))
        beta, here = trial, there
    left = running_away(here, at_zero)
    if not left:
        raise AnalysisError("the Fine-Gray model did not converge; look for extreme covariate values")
    return Maximum(coefficients=beta, at=here, at_zero=at_zero, moving=left)


def _climb(
    likelihood: SubdistributionLikelihood, beta: FloatArray, here: Derivatives, step: FloatArray
) -> tuple[FloatArray, Derivatives]:
    """Take the step, halved until the likelihood rises by a share of what its slope promises (Armijo)."""
    promised = 1e-4 * float(step @ here.gradient)
    for halving in range(20):
        trial = beta + step / 2**halving
        there = likelihood.derivatives(trial)
        finite = np.isfinite(there.value) and np.isfinite(there.information).all()
        if finite and there.value >= here.value + promised / 2**halving:
            return trial, there
    return beta, here
