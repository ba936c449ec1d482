"""The scales on which proportions are pooled, and the way back."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from allpool.analysis.estimators.arrays import FloatArray

TRANSFORMS = ("logit", "freeman-tukey", "arcsine", "raw", "glmm")


def transformed(x: FloatArray, n: FloatArray, *, transform: str) -> tuple[FloatArray, FloatArray]:
    """Return each study's transformed proportion and its sampling variance, by metafor's `escalc` defaults.

    "logit" and "raw" add 0.5 to successes and failures of a study without any of either;
    "freeman-tukey" and "arcsine" need no correction.
    """
    if transform == "freeman-tukey":  # Freeman and Tukey 1950, halved as in metafor's PFT
        y = 0.5 * (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1))))
        return y, 1 / (4 * n + 2)
    if transform == "arcsine":
        return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)
    bare = (x == 0) | (x == n)
    success, failure = x + 0.5 * bare, n - x + 0.5 * bare
    total = success + failure
    if transform == "raw":
        p = success / total
        return p, p * (1 - p) / total
    return np.log(success / failure), 1 / success + 1 / failure


def back_transformed(value: float, n: FloatArray, *, transform: str) -> float:
    """Return the proportion that a value on the transformed scale stands for; nan stays nan.

    "raw" limits may lie outside 0 and 1, which is what that scale says; no other can.
    """
    if np.isnan(value) or transform == "raw":
        return value
    if transform in ("logit", "glmm"):
        return float(expit(value))
    if transform == "arcsine":
        return float(np.sin(np.clip(value, 0, np.pi / 2)) ** 2)
    return _freeman_tukey_inverse(value, float(1 / np.mean(1 / n)))


def _freeman_tukey_inverse(value: float, n: float) -> float:
    """Invert by Miller (1978) at sample size `n`; beyond the values of 0 and n successes lie 0 and 1."""
    least = 0.5 * np.arcsin(np.sqrt(1 / (n + 1)))
    most = 0.5 * (np.arcsin(np.sqrt(n / (n + 1))) + np.pi / 2)
    if value <= least:
        return 0.0
    if value >= most:
        return 1.0
    sine = np.sin(2 * value)
    inner = 1 - (sine + (sine - 1 / sine) / n) ** 2
    return float(0.5 * (1 - np.sign(np.cos(2 * value)) * np.sqrt(max(inner, 0.0))))
