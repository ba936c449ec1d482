"""Tests of rates in two or three groups: size by enumeration of all tables, exact and without replicates."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from scipy.stats import binom

from allpool.analysis.estimators.contingency import chi_square
from allpool.analysis.proportions import fisher, trend
from allpool.errors import AnalysisError
from benchmarks.statistics.settings import RATES, Row, Setting, rejections

GROUPS: dict[str, tuple[int, ...]] = {
    "10 + 10": (10, 10),
    "10 + 30": (10, 30),
    "20 + 20": (20, 20),
    "30 + 30": (30, 30),
    "15 + 60": (15, 60),
    "60 + 60": (60, 60),
    "10 + 10 + 10": (10, 10, 10),
    "20 + 20 + 20": (20, 20, 20),
    "30 + 30 + 30": (30, 30, 30),
}
Test = Callable[[tuple[int, ...], tuple[int, ...]], float]


def grid() -> list[Setting]:
    """One job per set of groups."""
    return [{"n": n} for n in GROUPS]


def tiny() -> list[Setting]:
    """The smallest jobs."""
    return [{"n": "10 + 10"}, {"n": "10 + 10 + 10"}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:  # noqa: ARG001  # exact
    """Return a row per test and rate."""
    n = GROUPS[setting["n"]]
    tables = list(itertools.product(*(range(size + 1) for size in n)))
    tests = OF_TWO if len(n) == 2 else OF_THREE
    chances = {
        rate: np.prod(
            [binom.pmf(column, size, rate) for column, size in zip(np.array(tables).T, n, strict=True)],
            axis=0,
        )
        for rate in RATES
    }
    rows = []
    for name, test in tests.items():
        p = np.array([_or_nan(test, x, n) for x in tables])
        for rate, chance in chances.items():
            rejected = rejections(p, counted=chance, exact=True)
            rows.append({"table": "rate_tests", **setting, "p": rate, "test": name, **rejected})
    return rows


def _or_nan(test: Test, x: tuple[int, ...], n: tuple[int, ...]) -> float:
    try:
        return test(x, n)
    except AnalysisError:
        return float("nan")  # no table to test: nobody, or everybody


def _table(x: tuple[int, ...], n: tuple[int, ...]) -> list[list[int]]:
    return [list(x), [size - happened for happened, size in zip(x, n, strict=True)]]


OF_TWO: dict[str, Test] = {
    "Fisher": lambda x, n: fisher(_table(x, n)),
    "chi-square": lambda x, n: chi_square(_table(x, n)).p,
    "chi-square, corrected": lambda x, n: chi_square(_table(x, n), correction=True).p,
}
OF_THREE: dict[str, Test] = {"trend": lambda x, n: trend(x, n)}
