"""Small statistics for checking the synthetic cohorts; written apart from `allpool.analysis` so
that neither checks itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]


def survival_at(time: ArrayLike, event: ArrayLike, at: float) -> tuple[float, float]:
    """Kaplan-Meier survival and its Greenwood standard error at one time (same unit as `time`)."""
    times, events = np.asarray(time, float), np.asarray(event, float)
    survival, variance = 1.0, 0.0
    for moment in np.unique(times[(events == 1) & (times <= at)]):
        at_risk, dead = (times >= moment).sum(), ((times == moment) & (events == 1)).sum()
        survival *= 1 - dead / at_risk
        variance += dead / (at_risk * (at_risk - dead)) if at_risk > dead else math.inf
    return survival, survival * math.sqrt(variance) if survival else 0.0


def median_survival(time: ArrayLike, event: ArrayLike) -> float:
    """The first time at which Kaplan-Meier survival is at most one half; infinity when never."""
    times, events = np.asarray(time, float), np.asarray(event, float)
    for moment in np.unique(times[events == 1]):
        if survival_at(times, events, moment)[0] <= 0.5 + 1e-12:
            return float(moment)
    return math.inf


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike) -> float:
    """Two-sided P of the log-rank test for any number of groups."""
    times, events, groups = np.asarray(time, float), np.asarray(event, float), np.asarray(group)
    levels = np.unique(groups)
    difference = np.zeros(len(levels))
    covariance = np.zeros((len(levels), len(levels)))
    for moment in np.unique(times[events == 1]):
        at_risk = np.array([((times >= moment) & (groups == level)).sum() for level in levels], float)
        died = np.array(
            [((times == moment) & (events == 1) & (groups == level)).sum() for level in levels], float
        )
        n, d = at_risk.sum(), died.sum()
        share = at_risk / n
        difference += died - d * share
        if n > 1:
            covariance += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    chi2 = difference[:-1] @ np.linalg.pinv(covariance[:-1, :-1]) @ difference[:-1]
    return float(stats.chi2.sf(chi2, len(levels) - 1))


def fisher(a: int, b: int, c: int, d: int) -> float:
    """Two-sided Fisher P of the table ((a, b), (c, d))."""
    return float(stats.fisher_exact([[a, b], [c, d]])[1])


def chi_square(a: int, b: int, c: int, d: int) -> float:
    """Pearson chi-square P of the table ((a, b), (c, d)), without correction."""
    return float(stats.chi2_contingency([[a, b], [c, d]], correction=False)[1])


def clopper_pearson(x: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of x/n, in percent."""
    low = 0.0 if x == 0 else float(stats.beta.ppf(0.025, x, n - x + 1))
    high = 1.0 if x == n else float(stats.beta.ppf(0.975, x + 1, n - x))
    return 100 * low, 100 * high


def signed_rank(before: ArrayLike, after: ArrayLike) -> float:
    """Wilcoxon signed-rank P: zero differences dropped, ties averaged, normal approximation
    without correction."""
    difference = np.asarray(after, float) - np.asarray(before, float)
    difference = np.round(difference[np.abs(difference) > 1e-9], 9)
    n, ranks = len(difference), stats.rankdata(np.abs(difference))
    _, ties = np.unique(np.abs(difference), return_counts=True)
    variance = n * (n + 1) * (2 * n + 1) / 24 - (ties**3 - ties).sum() / 48
    z = (ranks[difference > 0].sum() - n * (n + 1) / 4) / math.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))


def mann_whitney(first: ArrayLike, second: ArrayLike) -> float:
    """Mann-Whitney P, normal approximation with tie correction and no continuity correction."""
    x, y = np.asarray(first, float), np.asarray(second, float)
    ranks = stats.rankdata(np.concatenate([x, y]))
    n, m = len(x), len(y)
    _, ties = np.unique(ranks, return_counts=True)
    total = n + m
    variance = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    z = (ranks[:n].sum() - n * (n + 1) / 2 - n * m / 2) / math.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))


def cox(time: ArrayLike, event: ArrayLike, covariates: ArrayLike) -> tuple[Array, Array]:
    """Cox regression (Efron ties): coefficients and their two-sided Wald P."""
    times, events, x = np.asarray(time, float), np.asarray(event, float), np.asarray(covariates, float)
    order = np.argsort(-times, kind="stable")
    times, events, x = times[order], events[order], x[order]
    moments = np.unique(times[events == 1])
    risk_ends = np.searchsorted(-times, -moments, side="right")
    deaths = [np.flatnonzero((times == moment) & (events == 1)) for moment in moments]
    beta = np.zeros(x.shape[1])
    information = np.eye(x.shape[1])
    for _ in range(25):
        weight = np.exp(x @ beta)
        weighted = weight[:, None] * x
        outer = weighted[:, :, None] * x[:, None, :]
        s0, s1, s2 = np.cumsum(weight), np.cumsum(weighted, axis=0), np.cumsum(outer, axis=0)
        score, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        for end, dead in zip(risk_ends, deaths, strict=True):
            for position in range(len(dead)):
                share = position / len(dead)
                a = s0[end - 1] - share * weight[dead].sum()
                b = s1[end - 1] - share * weighted[dead].sum(axis=0)
                c = s2[end - 1] - share * outer[dead].sum(axis=0)
                score += x[dead[position]] - b / a
                information += c / a - np.outer(b, b) / a**2
        step = np.linalg.solve(information, score)
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    return beta, np.asarray(2 * stats.norm.sf(np.abs(beta / error)))


def logistic(outcome: ArrayLike, covariates: ArrayLike) -> tuple[Array, Array]:
    """Logistic regression on one or several covariates (columns): odds ratios per unit and their
    two-sided Wald P."""
    y, x = np.asarray(outcome, float), np.asarray(covariates, float)
    design = np.column_stack([np.ones(len(y)), x])
    beta = np.zeros(design.shape[1])
    information = np.eye(design.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-design @ beta))
        information = (design * (probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(information, design.T @ (y - probability))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    return np.exp(beta[1:]), np.asarray(2 * stats.norm.sf(np.abs(beta[1:] / error[1:])))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile by linear interpolation (R's type 7)."""
    low, middle, high = np.percentile(np.asarray(values, float), [25, 50, 75])
    return float(low), float(middle), float(high)
