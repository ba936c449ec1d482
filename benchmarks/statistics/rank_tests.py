"""Wilcoxon's tests where nothing differs: signed ranks of pairs, and rank sums of two groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from allpool.analysis.paired import mann_whitney, wilcoxon
from allpool.errors import AnalysisError
from benchmarks.statistics.batch import Array
from benchmarks.statistics.settings import Row, Setting, rejections

SHAPES = ("normal", "heavy tails", "ties and zeros")
Test = Callable[[Array, Array], float]


def grid() -> list[Setting]:
    """Sizes (pairs, or patients per group) and shapes of the values."""
    return [{"n": n, "values": shape} for n in (10, 15, 20, 30, 60) for shape in SHAPES]


def tiny() -> list[Setting]:
    """One job."""
    return [{"n": 10, "values": "ties and zeros"}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per test; the exact tests need values without ties."""
    shape = (replicates, setting["n"])
    first, second = (_values(rng, shape, setting["values"]) for _ in range(2))
    tests = TESTS if setting["values"] == "ties and zeros" else TESTS | EXACT
    return [
        {
            "table": "rank_tests",
            **setting,
            "test": name,
            **rejections([_or_nan(test, x, y) for x, y in zip(first, second, strict=True)]),
        }
        for name, test in tests.items()
    ]


def _values(rng: np.random.Generator, shape: tuple[int, int], kind: str) -> Array:
    if kind == "heavy tails":
        return np.asarray(rng.standard_t(2, shape))
    drawn = rng.normal(size=shape)
    return np.round(drawn) if kind == "ties and zeros" else drawn


def _or_nan(test: Test, x: Array, y: Array) -> float:
    try:
        return test(x, y)
    except AnalysisError:
        return float("nan")


TESTS: dict[str, Test] = {
    "signed rank": lambda x, y: wilcoxon(x, y).p,
    "signed rank, uncorrected": lambda x, y: wilcoxon(x, y, correction=False).p,
    "signed rank, Pratt's zeros": lambda x, y: wilcoxon(x, y, zero="pratt").p,
    "rank sum": lambda x, y: mann_whitney(x, y).p,
    "rank sum, uncorrected": lambda x, y: mann_whitney(x, y, correction=False).p,
}
EXACT: dict[str, Test] = {
    "signed rank, exact": lambda x, y: wilcoxon(x, y, exact=True).p,
    "rank sum, exact": lambda x, y: mann_whitney(x, y, exact=True).p,
}
