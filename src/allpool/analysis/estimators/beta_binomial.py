"""The beta-binomial model of a rare event: studies' proportions are beta distributed around their mean."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln, chdtrc, chdtri, expit, logit, xlog1py, xlogy

from allpool.analysis.estimators.arrays import FloatArray, checked_level
from allpool.analysis.estimators.pooled_proportions import study_counts
from allpool.errors import AnalysisError

# the correlation of two patients of one study, searched on its logit; beyond, it is 0 or 1 to rounding
LEAST, MOST = -14.0, 14.0
STEPS = 57
EDGE = 1e-9  # a proportion this near to 0 or 1 is at it


@dataclass(frozen=True)
class BetaBinomial:
    """The mean proportion with its profile-likelihood interval, and the correlation within a study.

    `correlation` (rho, the overdispersion) is 0 where the studies are no more different than chance makes
    them; `homogeneity_p` is the likelihood-ratio P of that, halved since 0 is the edge of what rho can be.
    """

    estimate: float
    lower: float
    upper: float
    correlation: float
    log_likelihood: float
    homogeneity_p: float
    k: int
    level: float
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a frame of one row."""
        return pd.DataFrame([asdict(self)])


def beta_binomial(x: Any, n: Any, *, level: float = 0.95) -> BetaBinomial:
    """Fit a beta-binomial model to successes `x` of `n` per study by maximum likelihood.

    It needs no correction and has an answer where no study has a success (or none a failure): the
    estimate is then 0 (or 1) and one limit of the interval stands. The interval takes the correlation as
    unknown, so that with few studies it is wide: two studies say little of how studies differ.

    Raises
    ------
    AnalysisError
        fewer than two studies, a study of n = 0, more successes than trials.
    """
    checked_level(level)
    happened, trials = study_counts(x, n)
    if happened.size < 2:
        raise AnalysisError("too little data: how studies differ needs at least two of them")
    best, peak = _best(happened, trials)
    drop = float(chdtri(1, 1 - level)) / 2
    rho = _profile(happened, trials, best)[1]
    pooled = happened.sum() / trials.sum()
    alike = _log_likelihood(happened, trials, mean=float(pooled), rho=0.0)
    excess = max(2 * (peak - alike), 0.0)

    def short(mean: float) -> float:
        return _profile(happened, trials, mean)[0] - (peak - drop)

    return BetaBinomial(
        estimate=best,
        lower=0.0 if best <= EDGE or short(EDGE) > 0 else float(brentq(short, EDGE, best, xtol=1e-12)),
        upper=1.0
        if best >= 1 - EDGE or short(1 - EDGE) > 0
        else float(brentq(short, best, 1 - EDGE, xtol=1e-12)),
        correlation=rho,
        log_likelihood=peak,
        homogeneity_p=float(chdtrc(1, excess)) / 2 if excess > 0 else 1.0,
        k=int(happened.size),
        level=level,
        method="beta-binomial, maximum likelihood, profile interval",
    )


def _best(x: FloatArray, n: FloatArray) -> tuple[float, float]:
    """Return the mean of the highest likelihood, and that log-likelihood."""
    if x.sum() == 0:
        return 0.0, 0.0
    if x.sum() == n.sum():
        return 1.0, 0.0
    grid = expit(np.linspace(-12, 12, STEPS))
    start = int(np.argmax([_profile(x, n, float(mean))[0] for mean in grid]))
    around = logit(grid[[max(start - 1, 0), min(start + 1, STEPS - 1)]])
    found = minimize_scalar(
        lambda at: -_profile(x, n, float(expit(at)))[0],
        bounds=(float(around[0]), float(around[1])),
        method="bounded",
        options={"xatol": 1e-10},
    )
    pooled = float(x.sum() / n.sum())
    alike = _profile(x, n, pooled)[0]
    if alike >= -float(found.fun):  # without overdispersion the pooled proportion is the exact maximum
        return pooled, alike
    return float(expit(found.x)), -float(found.fun)


def _profile(x: FloatArray, n: FloatArray, mean: float) -> tuple[float, float]:
    """Return the highest log-likelihood at a mean over all correlations, and the correlation there."""
    if not 0 < mean < 1:
        return _log_likelihood(x, n, mean=mean, rho=0.0), 0.0
    grid = np.linspace(LEAST, MOST, STEPS)
    heights = [_log_likelihood(x, n, mean=mean, rho=float(expit(at))) for at in grid]
    start = int(np.argmax(heights))
    found = minimize_scalar(
        lambda at: -_log_likelihood(x, n, mean=mean, rho=float(expit(at))),
        bounds=(grid[max(start - 1, 0)], grid[min(start + 1, STEPS - 1)]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    none = _log_likelihood(x, n, mean=mean, rho=0.0)
    return (none, 0.0) if none >= -found.fun else (-float(found.fun), float(expit(found.x)))


def _log_likelihood(x: FloatArray, n: FloatArray, *, mean: float, rho: float) -> float:
    """Return the log-likelihood but for the binomial coefficients; rho 0 is the binomial itself."""
    if rho < expit(LEAST):
        return float((xlogy(x, mean) + xlog1py(n - x, -mean)).sum())
    size = 1 / rho - 1
    a, b = mean * size, (1 - mean) * size
    return float((betaln(x + a, n - x + b) - betaln(a, b)).sum())
