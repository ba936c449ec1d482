"""Intervals of one proportion: coverage by enumeration of all outcomes, exact and without replicates."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from allpool.analysis.proportions import METHODS, proportion
from benchmarks.statistics.settings import Row, Setting

RATES = tuple(round(0.5 + 0.01 * j, 2) for j in range(49))


def grid() -> list[Setting]:
    """One job per study size."""
    return [{"n": n} for n in (10, 15, 20, 30, 45, 60)]


def tiny() -> list[Setting]:
    """The smallest job."""
    return [{"n": 10}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:  # noqa: ARG001  # exact
    """Return coverage and expected width for each method and rate."""
    n = setting["n"]
    outcomes = np.arange(n + 1)
    rows = []
    for method in METHODS:
        limits = [proportion(int(x), n, method=method) for x in outcomes]
        lower, upper = np.array([e.lower for e in limits]), np.array([e.upper for e in limits])
        for rate in RATES:
            chance = binom.pmf(outcomes, n, rate)
            below, above = float(chance[upper < rate].sum()), float(chance[lower > rate].sum())
            rows.append(
                {
                    "table": "single_proportion",
                    "n": n,
                    "p": rate,
                    "method": method,
                    "coverage": 1 - below - above,
                    "below": below,
                    "above": above,
                    "width": float(chance @ (upper - lower)),
                }
            )
    return rows
