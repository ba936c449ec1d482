"""Two groups with the same survival: size of the tests, coverage of the difference and the hazard ratio."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from allpool.analysis.competing import fine_gray, gray
from allpool.analysis.survival import MonotoneLikelihoodWarning, cox, logrank, restricted_mean_difference
from allpool.errors import AnalysisError
from benchmarks.statistics.batch import Array
from benchmarks.statistics.cohorts import HORIZON, follow_up, hazard
from benchmarks.statistics.settings import Row, Setting, coverage, rejections

GROUPS: dict[str, tuple[int, int]] = {
    "10 + 10": (10, 10),
    "10 + 30": (10, 30),
    "20 + 20": (20, 20),
    "30 + 30": (30, 30),
    "60 + 60": (60, 60),
}
SHARE_OF_INTEREST = 0.6
"""Of events that are of cause 1 where causes compete."""
STRATA = 4
Limits = tuple[float, float]
NO_LIMITS: Limits = (np.nan, np.nan)


def grid() -> list[Setting]:
    """Sizes of the groups, survival at twelve months and shares censored."""
    return [
        {"n": n, "survival": survival, "censored": censored}
        for n in GROUPS
        for survival in (0.3, 0.6)
        for censored in (0.2, 0.4)
    ]


def tiny() -> list[Setting]:
    """One job."""
    return [{"n": "10 + 10", "survival": 0.3, "censored": 0.2}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per test, and per interval of an effect that is 0."""
    sizes = GROUPS[setting["n"]]
    rate = hazard(setting["survival"])
    time, event = follow_up(rng, (replicates, sum(sizes)), rate=rate, censored=setting["censored"])
    cause = np.where(event, 1 + (rng.random(event.shape) >= SHARE_OF_INTEREST), 0)
    p: dict[str, list[float]] = {}
    limits: dict[str, list[Limits]] = {}
    for t, e, c in zip(time, event, cause, strict=True):
        data = TwoGroups(t, e, c, np.repeat([0, 1], sizes), np.arange(t.size) % STRATA)
        for run in (_log_ranks, _cox, _competing, _restricted_means):
            tests, intervals = run(data)
            for name, value in tests.items():
                p.setdefault(name, []).append(value)
            for name, pair in intervals.items():
                limits.setdefault(name, []).append(pair)
    tested = [
        {"table": "time_tests", **setting, "test": name, **rejections(values)} for name, values in p.items()
    ]
    covered = []
    for name, found in limits.items():
        lower, upper = np.array(found).T
        covered.append({"table": "effects", **setting, "effect": name, **coverage(lower, upper, 0.0)})
    return tested + covered


@dataclass(frozen=True)
class TwoGroups:
    """One simulated comparison; `strata` cut across the groups."""

    time: Array
    event: Any
    cause: Any
    group: Any
    strata: Any


Answers = tuple[dict[str, float], dict[str, Limits]]


def _log_ranks(data: TwoGroups) -> Answers:
    plain = _or_nan(lambda: logrank(data.time, data.event, data.group).p)
    stratified = _or_nan(lambda: logrank(data.time, data.event, data.group, strata=data.strata).p)
    return {"log-rank": plain, f"log-rank, {STRATA} strata": stratified}, {}


def _cox(data: TwoGroups) -> Answers:
    tests = dict.fromkeys(("Cox, Wald", "Cox, likelihood ratio", "Cox, score"), np.nan)
    limits = NO_LIMITS
    frame = pd.DataFrame({"time": data.time, "event": data.event, "group": data.group})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", MonotoneLikelihoodWarning
            )  # its Wald test is nan: counted as none
            model = cox(frame, "time", "event", "group")
    except AnalysisError:
        return tests, {"log hazard ratio (Cox)": limits}
    row = model.table.iloc[0]
    tests = {
        "Cox, Wald": float(row["p"]),
        "Cox, likelihood ratio": model.likelihood_ratio.p,
        "Cox, score": model.score.p,
    }
    return tests, {"log hazard ratio (Cox)": (float(np.log(row["lower"])), float(np.log(row["upper"])))}


def _competing(data: TwoGroups) -> Answers:
    tested = _or_nan(lambda: gray(data.time, data.cause, data.group).p)
    frame = pd.DataFrame({"time": data.time, "cause": data.cause, "group": data.group})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MonotoneLikelihoodWarning)
            row = fine_gray(frame, "time", "cause", "group").table.iloc[0]
    except AnalysisError:
        return {"Gray": tested, "Fine-Gray, Wald": np.nan}, {
            "log subdistribution ratio (Fine-Gray)": NO_LIMITS
        }
    limits = (float(np.log(row["lower"])), float(np.log(row["upper"])))
    return (
        {"Gray": tested, "Fine-Gray, Wald": float(row["p"])},
        {"log subdistribution ratio (Fine-Gray)": limits},
    )


def _restricted_means(data: TwoGroups) -> Answers:
    """The test is the interval's: 0 lies outside."""
    try:
        found = restricted_mean_difference(data.time, data.event, data.group, HORIZON)
    except AnalysisError:
        return {"restricted means": np.nan}, {"restricted mean difference": NO_LIMITS}
    if found.standard_error == 0:
        return {"restricted means": np.nan}, {"restricted mean difference": NO_LIMITS}
    p = float(2 * ndtr(-abs(found.estimate / found.standard_error)))
    return {"restricted means": p}, {"restricted mean difference": (found.lower, found.upper)}


def _or_nan(p: Callable[[], float]) -> float:
    try:
        return p()
    except AnalysisError:
        return float("nan")
