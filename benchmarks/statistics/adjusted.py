"""Two groups compared with a confounder taken into account: coverage of a difference that is 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from allpool.analysis.survival import restricted_mean_regression
from allpool.analysis.weighting import overlap_weighted
from allpool.errors import AnalysisError
from benchmarks.statistics.cohorts import HORIZON, follow_up, hazard
from benchmarks.statistics.settings import Row, Setting, coverage

CENSORED = 0.3
WEIGHTED, MEANS = "overlap-weighted difference", "adjusted restricted mean"
Limits = tuple[float, float]
NAN: Limits = (np.nan, np.nan)


def grid() -> list[Setting]:
    """Size of both groups together, and how common the outcome is without the trait."""
    outcomes = {WEIGHTED: (0.5, 0.7, 0.85), MEANS: (0.3, 0.6)}
    return [
        {"quantity": quantity, "n": n, "outcome": outcome}
        for quantity, common in outcomes.items()
        for n in (20, 30, 45, 60)
        for outcome in common
    ]


def tiny() -> list[Setting]:
    """One job of each."""
    return [{"quantity": WEIGHTED, "n": 30, "outcome": 0.7}, {"quantity": MEANS, "n": 30, "outcome": 0.6}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return the row of the interval."""
    simulate = {WEIGHTED: _weighted, MEANS: _means}[setting["quantity"]]
    lower, upper = np.array([simulate(setting, rng) for _ in range(replicates)]).T
    return [{"table": "adjusted", **setting, **coverage(lower, upper, 0.0)}]


def _confounded(setting: Setting, rng: np.random.Generator) -> pd.DataFrame:
    """Half have a trait that makes the second group more likely."""
    trait = np.arange(setting["n"]) % 2
    given = rng.random(setting["n"]) < np.where(trait == 1, 0.65, 0.35)
    return pd.DataFrame({"trait": trait, "given": given.astype(int)})


def _weighted(setting: Setting, rng: np.random.Generator) -> Limits:
    """The trait lowers the rate by 0.2; the group does nothing."""
    frame = _confounded(setting, rng)
    frame["y"] = (rng.random(len(frame)) < setting["outcome"] - 0.2 * frame["trait"]).astype(int)

    def limits() -> Limits:
        found = overlap_weighted(frame, "y", "given", "trait").difference
        return found.lower, found.upper

    return _or_none(limits)


def _means(setting: Setting, rng: np.random.Generator) -> Limits:
    """The trait doubles the hazard; the group does nothing."""
    frame = _confounded(setting, rng)
    rate = hazard(setting["outcome"]) * np.where(frame["trait"] == 1, 2.0, 1.0)
    frame["time"], frame["event"] = follow_up(rng, rate.shape, rate=rate, censored=CENSORED)

    def limits() -> Limits:
        model = restricted_mean_regression(frame, "time", "event", ["given", "trait"], tau=HORIZON)
        row = model.table.iloc[0]
        return float(row["lower"]), float(row["upper"])

    return _or_none(limits)


def _or_none(limits: Callable[[], Limits]) -> Limits:
    try:
        return limits()
    except AnalysisError:
        return NAN
