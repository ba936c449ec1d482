"""Survival of several studies in one stage: coverage of the median study's survival at twelve months."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from allpool.analysis.one_stage import one_stage_curve
from allpool.errors import AnalysisError
from benchmarks.statistics.cohorts import HORIZON, follow_up, hazard
from benchmarks.statistics.settings import STUDIES, Row, Setting, coverage, sizes

CENSORED = 0.3
TESTS = ("z", "t")


def grid() -> list[Setting]:
    """Studies, sizes, survival and heterogeneity of the log hazard."""
    return [
        {"k": k, "n": n, "survival": survival, "tau": tau}
        for k in STUDIES
        for n in ("15 each", "10 to 60")
        for survival in (0.5, 0.8)
        for tau in (0.0, 0.3, 0.6)
    ]


def tiny() -> list[Setting]:
    """One job."""
    return [{"k": 3, "n": "15 each", "survival": 0.5, "tau": 0.3}]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per interval; survival is exponential, log hazards normal between studies."""
    patients = sizes(setting).astype(int)
    study = np.repeat(np.arange(patients.size), patients)
    limits: dict[str, list[tuple[float, float]]] = {test: [] for test in TESTS}
    for _ in range(replicates):
        shift = rng.normal(0, setting["tau"], patients.size)[study]
        rate = hazard(setting["survival"]) * np.exp(shift)
        time, event = follow_up(rng, rate.shape, rate=rate, censored=CENSORED)
        frame = pd.DataFrame({"time": time, "event": event, "study": study})
        try:
            curve = one_stage_curve(frame, "time", "event", study="study")
            read = {test: replace(curve, test=test).at(HORIZON).iloc[0] for test in TESTS}
        except AnalysisError:
            read = {test: pd.Series({"lower": np.nan, "upper": np.nan}) for test in TESTS}
        for test, row in read.items():
            limits[test].append((float(row["lower"]), float(row["upper"])))
    return [
        {
            "table": "one_stage",
            **setting,
            "interval": test,
            **coverage(*np.array(found).T, setting["survival"]),
        }
        for test, found in limits.items()
    ]
