"""The way back from a transformed scale to proportions, for many values at once."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from allpool.analysis.estimators.transforms import back_transformed
from benchmarks.statistics.batch import Array


def back(values: Array, n: Array, *, transform: str) -> Array:
    """Return the proportions that the values stand for; a few are compared with the package's own."""
    result = _back(values, n, transform=transform)
    for i in np.linspace(0, len(values) - 1, 5).astype(int):
        expected = back_transformed(float(values[i]), n, transform=transform)
        if not np.isclose(result[i], expected, rtol=1e-9, atol=1e-9, equal_nan=True):
            raise RuntimeError(f"the way back from {transform} differs from the package's")
    return result


def _back(values: Array, n: Array, *, transform: str) -> Array:
    if transform == "raw":
        return values
    if transform in ("logit", "glmm"):
        return np.asarray(expit(values))
    if transform == "arcsine":
        return np.asarray(np.sin(np.clip(values, 0, np.pi / 2)) ** 2)
    size = 1 / np.mean(1 / n)  # Miller 1978: the harmonic mean
    least = 0.5 * np.arcsin(np.sqrt(1 / (size + 1)))
    most = 0.5 * (np.arcsin(np.sqrt(size / (size + 1))) + np.pi / 2)
    inside = np.clip(values, least, most)
    sine = np.sin(2 * inside)
    root = np.sqrt(np.maximum(1 - (sine + (sine - 1 / sine) / size) ** 2, 0.0))
    result = 0.5 * (1 - np.sign(np.cos(2 * inside)) * root)
    return np.where(values <= least, 0.0, np.where(values >= most, 1.0, result))
