"""The synthesis of many simulated data sets at once: what `random_effects` gives for each row.

A simulation of half a million meta-analyses one by one would take hours. These are the same formulas over
rows; every job compares some of its rows with the package's own functions and stops where they differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from allpool.analysis.meta import random_effects
from allpool.errors import AnalysisError

Array = NDArray[np.float64]
Z = 1.959963984540054
SAME = 1e-6
MODELS = (("FE", "z"), *((method, test) for method in ("DL", "PM", "REML") for test in ("z", "t", "hksj")))


@dataclass(frozen=True)
class Batch:
    """One synthesis per row, on the scale of `y`; `prediction` holds limits by name of the convention."""

    method: str
    test: str
    estimate: Array
    lower: Array
    upper: Array
    tau2: Array
    prediction: dict[str, tuple[Array, Array]]


def syntheses(y: Array, v: Array, models: tuple[tuple[str, str], ...] = MODELS) -> Iterator[Batch]:
    """Yield each model's synthesis of the rows of estimates `y` with variances `v`."""
    between = {method: ESTIMATORS[method](y, v) for method in {method for method, _ in models}}
    for method, test in models:
        tau2 = between[method]
        weight = 1 / (v + tau2[:, None])
        total = weight.sum(axis=1)
        estimate = (weight * y).sum(axis=1) / total
        error = np.sqrt(1 / total)
        if test == "hksj":
            error = error * np.sqrt(_q(y, v, tau2) / (y.shape[1] - 1))
        yield interval(estimate, error, tau2, k=y.shape[1], method=method, test=test)


def interval(estimate: Array, error: Array, tau2: Array, *, k: int, method: str, test: str) -> Batch:
    """Return estimates with their intervals and both conventions of the prediction interval."""
    critical = Z if test == "z" else float(stdtrit(k - 1, 0.975))
    spread = np.sqrt(error**2 + tau2)
    wide = float(stdtrit(k - 2, 0.975)) * spread if k > 2 else np.full_like(spread, np.nan)
    other = np.full_like(spread, np.nan) if method == "FE" else critical * spread
    return Batch(
        method=method,
        test=test,
        estimate=estimate,
        lower=estimate - critical * error,
        upper=estimate + critical * error,
        tau2=tau2,
        prediction={
            "hts": (estimate - wide, estimate + wide),
            "metafor": (estimate - other, estimate + other),
        },
    )


def check_rows(y: Array, v: Array, batch: Batch, rows: NDArray[np.int64]) -> None:
    """Stop where `random_effects` gives another answer for one of the rows, or refuses what was answered."""
    for i in rows:
        try:
            expected = random_effects(y[i], v[i], method=batch.method, test=batch.test)
        except AnalysisError:
            if not np.isnan(batch.estimate[i]):
                raise
            continue  # refused by both: tau2 did not converge
        got = (batch.estimate[i], batch.lower[i], batch.upper[i], batch.tau2[i], *_at(batch, "hts", i))
        wanted = (
            expected.estimate,
            expected.lower,
            expected.upper,
            expected.tau2,
            expected.prediction_lower,
            expected.prediction_upper,
        )
        if not np.allclose(got, wanted, rtol=SAME, atol=SAME, equal_nan=True):
            raise RuntimeError(f"batch and random_effects differ for {batch.method}, {batch.test}")


def homogeneity(y: Array, v: Array) -> Array:
    """Return Cochran's Q of each row."""
    return _q(y, v, np.zeros(len(y)))


def _at(batch: Batch, convention: str, row: int) -> tuple[float, float]:
    lower, upper = batch.prediction[convention]
    return float(lower[row]), float(upper[row])


def _q(y: Array, v: Array, tau2: Array) -> Array:
    weight = 1 / (v + tau2[:, None])
    centre = (weight * y).sum(axis=1) / weight.sum(axis=1)
    return np.asarray((weight * (y - centre[:, None]) ** 2).sum(axis=1))


def _fixed(y: Array, _: Array) -> Array:
    return np.zeros(len(y))


def _der_simonian_laird(y: Array, v: Array) -> Array:
    w = 1 / v
    trace = w.sum(axis=1) - (w**2).sum(axis=1) / w.sum(axis=1)
    return np.maximum(0.0, (homogeneity(y, v) - (y.shape[1] - 1)) / trace)


def _paule_mandel(y: Array, v: Array) -> Array:
    """Climb by Newton from 0: the generalised Q falls and is convex in tau2, so it never overshoots."""
    tau2 = np.zeros(len(y))
    for _ in range(200):
        w = 1 / (v + tau2[:, None])
        squares = (y - ((w * y).sum(axis=1) / w.sum(axis=1))[:, None]) ** 2
        excess = (w * squares).sum(axis=1) - (y.shape[1] - 1)
        step = np.where(excess > 0, excess / np.maximum((w**2 * squares).sum(axis=1), 1e-300), 0.0)
        tau2 = tau2 + step
        if (step <= 1e-13 * (1 + tau2)).all():
            break
    return tau2


def _restricted_likelihood(y: Array, v: Array) -> Array:
    """Fisher scoring from Hedges' estimate, and 0 where that is likelier; as the package does row by row."""
    spread = v.mean(axis=1)
    tau2 = np.maximum(0.0, y.var(axis=1, ddof=1) - spread)
    active = np.arange(len(y))
    for _ in range(1000):
        w = 1 / (v[active] + tau2[active, None])
        total, squared = w.sum(axis=1), (w**2).sum(axis=1)
        centred = y[active] - ((w * y[active]).sum(axis=1) / total)[:, None]
        square = squared - 2 * (w**3).sum(axis=1) / total + (squared / total) ** 2
        step = ((w**2 * centred**2).sum(axis=1) - (total - squared / total)) / square
        following = np.maximum(0.0, tau2[active] + step)
        moved = np.abs(following - tau2[active]) > 1e-12 * (v[active].max(axis=1) + tau2[active])
        tau2[active] = following
        active = active[moved]
        if active.size == 0:
            break
    else:
        tau2[active] = np.nan  # the package refuses these: did not converge
    at_zero = _restricted(y, v, np.zeros(len(y))) > _restricted(y, v, tau2)
    return np.where(at_zero, 0.0, tau2)


def _restricted(y: Array, v: Array, tau2: Array) -> Array:
    w = 1 / (v + tau2[:, None])
    logs = np.log(w).sum(axis=1) - np.log(w.sum(axis=1))
    return np.asarray(0.5 * (logs - _q(y, v, tau2)))


ESTIMATORS = {
    "FE": _fixed,
    "DL": _der_simonian_laird,
    "PM": _paule_mandel,
    "REML": _restricted_likelihood,
}
