"""Pooled effects of survival: log hazard ratios by Cox's model, and log(-log S) at twelve months.

Studies that have no estimate (an arm without events; nobody dead or nobody alive, or fewer than five at risk
at twelve months) are left out, as the package does; below two studies there is no synthesis.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from allpool.analysis.survival import cox, kaplan_meier
from benchmarks.statistics.batch import MODELS, Array, check_rows, syntheses
from benchmarks.statistics.cohorts import HORIZON, follow_up, hazard
from benchmarks.statistics.settings import SIZES, STUDIES, Row, Setting, chance_within, coverage, sizes

HAZARD_RATIO = 0.6
CENSORED = 0.3
LEAST_AT_RISK = 5
CHECKED = 2
MOST_STEPS = 40


def grid() -> list[Setting]:
    """Two measures; `n` is the size of a study, or of each of its two arms."""
    shared = [(k, n, tau) for k in STUDIES for n in SIZES for tau in (0.0, 0.3, 0.6)]
    return [
        {"measure": measure, "k": k, "n": n, "survival": survival, "tau": tau}
        for measure, survivals in (("log hazard ratio", (0.3, 0.6)), ("survival", (0.5, 0.7, 0.9)))
        for survival in survivals
        for k, n, tau in shared
    ]


def tiny() -> list[Setting]:
    """One job of each measure."""
    setting = {"k": 3, "n": "15 each", "tau": 0.3}
    return [
        {"measure": "log hazard ratio", "survival": 0.3, **setting},
        {"measure": "survival", "survival": 0.7, **setting},
    ]


def measure(setting: Setting, rng: np.random.Generator, replicates: int) -> list[Row]:
    """Return a row per model."""
    estimate, truth = ESTIMATES[setting["measure"]](setting)
    studies = [estimate(int(n), rng, replicates) for n in sizes(setting)]
    y, v = (np.column_stack(part) for part in zip(*studies, strict=True))
    shape = (len(MODELS), replicates)
    lower, upper = np.full(shape, np.nan), np.full(shape, np.nan)
    new_study = {convention: np.full(shape, np.nan) for convention in ("hts", "metafor")}
    known = ~np.isnan(y)
    for pattern in np.unique(known, axis=0):
        if pattern.sum() < 2:
            continue
        rows = np.flatnonzero((known == pattern).all(axis=1))
        part_y, part_v = y[np.ix_(rows, pattern)], v[np.ix_(rows, pattern)]
        for j, batch in enumerate(syntheses(part_y, part_v)):
            check_rows(part_y, part_v, batch, rng.integers(0, rows.size, CHECKED))
            lower[j, rows], upper[j, rows] = batch.lower, batch.upper
            for convention, limits in batch.prediction.items():
                new_study[convention][j, rows] = chance_within(*limits, centre=truth, tau=setting["tau"])
    return [
        {
            "table": "pooled_effects",
            **setting,
            "method": method,
            "interval": test,
            "studies_left_out": float(1 - known.mean()),
            **coverage(lower[j], upper[j], truth),
            **{f"prediction_{convention}": _mean(held[j]) for convention, held in new_study.items()},
        }
        for j, (method, test) in enumerate(MODELS)
    ]


def _mean(values: Array) -> float:
    given = values[~np.isnan(values)]
    return float(given.mean()) if given.size else float("nan")


Study = Callable[[int, np.random.Generator, int], tuple[Array, Array]]


def _hazard_ratio(setting: Setting) -> tuple[Study, float]:
    rate, truth = hazard(setting["survival"]), float(np.log(HAZARD_RATIO))

    def study(n: int, rng: np.random.Generator, replicates: int) -> tuple[Array, Array]:
        effect = truth + setting["tau"] * rng.normal(size=replicates)
        arm = np.repeat([0.0, 1.0], n)
        rates = rate * np.exp(effect[:, None] * arm)
        time, event = follow_up(rng, (replicates, 2 * n), rate=rates, censored=CENSORED)
        y, v = log_hazard_ratios(time, event.astype(float), arm)
        for i in rng.integers(0, replicates, CHECKED):
            if np.isnan(y[i]):
                continue
            model = cox(pd.DataFrame({"t": time[i], "e": event[i], "arm": arm}), "t", "e", "arm")
            if not np.allclose(
                (y[i], v[i]), (model.coefficients[0], model.variance[0, 0]), rtol=1e-4, atol=1e-4
            ):
                raise RuntimeError("batch and cox differ")
        return y, v

    return study, truth


def log_hazard_ratios(time: Array, event: Array, arm: Array) -> tuple[Array, Array]:
    """Fit Cox's model of two arms to each row (no ties); nan where the ratio is 0 or infinite."""
    order = np.argsort(time, axis=1)
    dead = np.take_along_axis(event, order, axis=1)
    treated = arm[order]
    at_risk = np.cumsum(treated[:, ::-1], axis=1)[:, ::-1]
    others = np.arange(time.shape[1], 0, -1) - at_risk
    observed = (dead * treated).sum(axis=1)
    beta = np.zeros(len(time))
    information = np.zeros(len(time))
    for _ in range(MOST_STEPS):
        share = at_risk * np.exp(beta)[:, None]
        share = share / (share + others)
        information = (dead * share * (1 - share)).sum(axis=1)
        step = (observed - (dead * share).sum(axis=1)) / np.maximum(information, 1e-12)
        beta = beta + np.clip(step, -1, 1)
        if (np.abs(step) < 1e-10).all():
            break
    monotone = np.abs(beta) > 10  # hazard ratios of 20,000 to 1: the likelihood has no maximum
    return np.where(monotone, np.nan, beta), np.where(monotone, np.nan, 1 / np.maximum(information, 1e-12))


def _survival(setting: Setting) -> tuple[Study, float]:
    rate, truth = hazard(setting["survival"]), float(np.log(-np.log(setting["survival"])))

    def study(n: int, rng: np.random.Generator, replicates: int) -> tuple[Array, Array]:
        rates = rate * np.exp(setting["tau"] * rng.normal(size=replicates))[:, None]
        time, event = follow_up(rng, (replicates, n), rate=rates, censored=CENSORED)
        y, v = log_log_survival(time, event)
        for i in rng.integers(0, replicates, CHECKED):
            if np.isnan(y[i]):
                continue
            point = kaplan_meier(time[i], event[i]).at(HORIZON).iloc[0]
            expected = np.log(-np.log(point["survival"]))
            error = point["standard_error"] / (point["survival"] * np.log(point["survival"]))
            if not np.allclose((y[i], v[i]), (expected, error**2)):
                raise RuntimeError("batch and kaplan_meier differ")
        return y, v

    return study, truth


def log_log_survival(time: Array, event: Array) -> tuple[Array, Array]:
    """Return log(-log S) at the horizon with Greenwood's variance for each row (no ties)."""
    order = np.argsort(time, axis=1)
    counted = np.take_along_axis(event, order, axis=1) & (np.take_along_axis(time, order, axis=1) <= HORIZON)
    n = time.shape[1]
    at_risk = np.arange(n, 0, -1)
    survival = np.where(counted, 1 - 1 / at_risk, 1.0).prod(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.where(counted, 1 / (at_risk * (at_risk - 1.0)), 0.0).sum(axis=1)
        y, v = np.log(-np.log(survival)), greenwood / np.log(survival) ** 2
    none = (survival == 0) | (survival == 1) | ((time >= HORIZON).sum(axis=1) < LEAST_AT_RISK)
    return np.where(none, np.nan, y), np.where(none, np.nan, v)


ESTIMATES: dict[str, Callable[[Setting], tuple[Study, float]]] = {
    "log hazard ratio": _hazard_ratio,
    "survival": _survival,
}
