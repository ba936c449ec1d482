"""Pooled proportions: intervals of the pooled rate, prediction intervals, and the test of homogeneity.

Study rates are drawn with logits normal about logit(p) with standard deviation tau, counts are binomial. Two
truths are held against each interval: the rate of the median study, expit(mean logit) = p, and the mean of
the studies' rates, which lies nearer to a half when tau is above 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, logit

from allpool.analysis.estimators.transforms import transformed
from benchmarks.statistics import batch_glmm
from benchmarks.statistics.back_transform import back
from benchmarks.statistics.batch import MODELS, Array, Batch, check_rows, homogeneity, interval, syntheses
from benchmarks.statistics.settings import (
    RATES,
    SIZES,
    STUDIES,
    TAUS,
    Row,
    Setting,
    chance_within,
    coverage,
    rejections,
    sizes,
    weighted_median,
)

OF_TRANSFORM = {
    "logit": MODELS,
    **dict.fromkeys(
        ("freeman-tukey", "arcsine", "raw"), (("FE", "z"), ("REML", "z"), ("REML", "t"), ("REML", "hksj"))
    ),
}
CHECKED = 2
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


def grid() -> list[Setting]:
    """Every number of studies, pattern of sizes, rate and heterogeneity."""
    return [
        {"k": k, "n": n, "p": p, "tau": tau} for k in STUDIES for n in SIZES for p in RATES for tau in TAUS
    ]


def tiny() -> list[Setting]:
    """One homogeneous and one heterogeneous job."""
    return [{"k": 3, "n": "15 each", "p": 0.85, "tau": tau} for tau in (0.0, 0.6)]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per model, and one per test of homogeneity."""
    n, tau, centre = sizes(setting), setting["tau"], float(logit(setting["p"]))
    rates = expit(centre + tau * rng.normal(size=(replicates, n.size)))
    counts = rng.binomial(n.astype(int), rates).astype(float)
    if np.unique(n).size == 1:
        counts.sort(axis=1)  # studies of one size are exchangeable: fewer distinct data sets
    x, counted = np.unique(counts, axis=0, return_counts=True)
    mean_rate = float(expit(centre + tau * NODES) @ WEIGHTS / WEIGHTS.sum())
    rows: list[Row] = []
    for transform, batch, p_homogeneous in _models(x, n, rng):
        if p_homogeneous is not None:
            test = f"homogeneity, {transform}" + (" (likelihood ratio)" if transform == "glmm" else " (Q)")
            rejected = rejections(p_homogeneous, counted=counted.astype(float))
            rows.append({"table": "homogeneity", **setting, "test": test, **rejected})
        if batch is not None:
            rows.append(
                {
                    "table": "pooled_proportions",
                    **setting,
                    "transform": transform,
                    "method": batch.method,
                    "interval": batch.test,
                    **_row(batch, n, transform, setting, mean_rate, counted.astype(float)),
                }
            )
    return rows


def _models(
    x: Array, n: Array, rng: np.random.Generator
) -> Iterator[tuple[str, Batch | None, NDArray[np.float64] | None]]:
    for transform, models in OF_TRANSFORM.items():
        y, v = (np.broadcast_to(part, x.shape) for part in transformed(x, n, transform=transform))
        yield transform, None, chdtrc(n.size - 1, homogeneity(y, v))
        for batch in syntheses(y, v, models):
            check_rows(y, v, batch, rng.integers(0, len(x), CHECKED))
            yield transform, batch, None
    found = batch_glmm.fits(x, n)
    answered = np.flatnonzero(~np.isnan(found.mean))
    if answered.size:
        batch_glmm.check_rows(x, n, found, rng.choice(answered, CHECKED))
    yield "glmm", None, chdtrc(n.size - 1, found.homogeneity)
    for test in ("z", "t"):
        yield "glmm", interval(found.mean, found.error, found.tau2, k=n.size, method="ML", test=test), None


def _row(batch: Batch, n: Array, transform: str, setting: Setting, mean_rate: float, counted: Array) -> Row:
    lower, upper = (back(limit, n, transform=transform) for limit in (batch.lower, batch.upper))
    row = coverage(lower, upper, setting["p"], counted=counted, widest=1.0)
    if row["given"]:
        row["coverage_of_mean"] = coverage(lower, upper, mean_rate, counted=counted)["coverage"]
    for convention, limits in batch.prediction.items():
        lower, upper = (back(limit, n, transform=transform) for limit in limits)
        given = ~np.isnan(lower)
        if given.any():
            weight = counted[given] / counted[given].sum()
            ends = (logit(np.clip(limit[given], 0.0, 1.0)) for limit in (lower, upper))
            held = chance_within(*ends, centre=float(logit(setting["p"])), tau=setting["tau"])
            row[f"prediction_{convention}"] = float(weight @ held)
            width = np.minimum(upper[given], 1) - np.maximum(lower[given], 0)
            row[f"prediction_{convention}_width"] = weighted_median(width, weight)
    return row
