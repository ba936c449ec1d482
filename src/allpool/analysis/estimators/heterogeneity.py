"""Estimators of the between-study variance tau2, as metafor defines them (Veroniki et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from allpool.analysis.estimators.arrays import FloatArray
from allpool.errors import AnalysisError

METHODS = ("FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS")
MOST_STEPS = 1000
# of the largest sampling variance and tau2; a step is known to some 1e-14 of them, its rounding
SETTLED = 1e-12
# metafor looks for the upper limit of tau2 no further than this, or ten times the estimate
HIGHEST_TAU2 = 100.0


@dataclass(frozen=True)
class Heterogeneity:
    """The estimated tau2 and its standard error (nan for the fixed-effect model)."""

    tau2: float
    standard_error: float


def between_study_variance(
    y: FloatArray, v: FloatArray, *, method: str, design: FloatArray | None = None
) -> Heterogeneity:
    """Estimate tau2 from estimates `y` and their sampling variances `v`, more studies than coefficients.

    `design` has a row per study and a column per coefficient of a meta-regression; without one, the
    studies share one mean.
    """
    if method == "FE":
        return Heterogeneity(0.0, float("nan"))
    X = np.ones((y.size, 1)) if design is None else design
    if method in ("ML", "REML", "EB"):
        return _iterated(y, v, X, method=method)
    return _CLOSED[method](y, v, X)


def cochran_q(y: FloatArray, v: FloatArray, tau2: float = 0.0) -> float:
    """Return the weighted sum of squares about the weighted mean, with weights 1 / (v + tau2)."""
    weight = 1 / (v + tau2)
    return float(weight @ (y - (weight @ y) / weight.sum()) ** 2)


def typical_variance(v: FloatArray, design: FloatArray | None = None) -> float:
    """Return Higgins and Thompson's (2002) typical sampling variance, to which I2 and H2 compare tau2."""
    X = np.ones((v.size, 1)) if design is None else design
    return _df(X) / Projection(v, 1 / v, X).trace


def q_profile(y: FloatArray, v: FloatArray, *, tau2: float, level: float) -> tuple[float, float]:
    """Return the Q-profile interval of tau2 (Viechtbauer 2007).

    Both limits are 0 where even tau2 = 0 makes the studies agree too well; the upper one stops at
    100, or ten times the estimate, as in metafor, where it then means "at least".
    """
    df, tail = y.size - 1, (1 - level) / 2
    farthest = max(HIGHEST_TAU2, 10 * tau2)
    limits = []
    for critical in (float(chdtri(df, tail)), float(chdtri(df, 1 - tail))):
        if cochran_q(y, v) <= critical:
            limits.append(0.0)
        elif cochran_q(y, v, farthest) >= critical:
            limits.append(farthest)
        else:
            limits.append(_root(y, v, target=critical, farthest=farthest))
    return limits[0], limits[1]


def _root(y: FloatArray, v: FloatArray, *, target: float, farthest: float) -> float:
    return root_above_0(lambda tau2: cochran_q(y, v, tau2) - target, farthest=farthest, scale=v)


def root_above_0(function: Callable[[float], float], *, farthest: float, scale: FloatArray) -> float:
    """Return where a falling function of tau2 is 0, to the precision of the sampling variances' own unit."""
    finest = 1e-15 * float(scale.min())
    return float(brentq(function, 0.0, farthest, xtol=finest, rtol=1e-14, maxiter=MOST_STEPS))


class Projection:
    """What the formulas need of P = W - W X (X'WX)^-1 X'W for weights w, by the QR form of sqrt(W) X."""

    def __init__(self, y: FloatArray, w: FloatArray, X: FloatArray) -> None:
        root = np.sqrt(w)
        Q, R = np.linalg.qr(root[:, None] * X)
        self.matrix = np.diag(w) - np.outer(root, root) * (Q @ Q.T)
        self.trace = float(w.sum() - ((root[:, None] * Q) ** 2).sum())
        self.square = float((self.matrix**2).sum())  # tr PP
        residual = root * y - Q @ (Q.T @ (root * y))  # sqrt(W) (y - X b)
        self.rss = float(residual @ residual)  # y'Py
        self.rss_square = float(w @ residual**2)  # y'PPy
        self.log_determinant = float(2 * np.log(np.abs(np.diag(R))).sum())  # of X'WX

    def with_variances(self, v: FloatArray) -> tuple[float, float, float]:
        """Return tr PV, tr PVPV and tr PVP for the diagonal matrix V of sampling variances."""
        PV = self.matrix * v
        return float(np.trace(PV)), float((PV * PV.T).sum()), float((PV * self.matrix).sum())


def _der_simonian_laird(y: FloatArray, v: FloatArray, X: FloatArray) -> Heterogeneity:
    p, df = Projection(y, 1 / v, X), _df(X)
    tau2 = max(0.0, (p.rss - df) / p.trace)
    return Heterogeneity(tau2, float(np.sqrt(2 * df + 4 * tau2 * p.trace + 2 * tau2**2 * p.square) / p.trace))


def _hunter_schmidt(y: FloatArray, v: FloatArray, X: FloatArray) -> Heterogeneity:
    w = 1 / v
    p, df, total = Projection(y, w, X), _df(X), float(w.sum())
    tau2 = max(0.0, (p.rss - y.size) / total)
    return Heterogeneity(tau2, float(np.sqrt(2 * df + 4 * tau2 * p.trace + 2 * tau2**2 * p.square) / total))


def _hedges(y: FloatArray, v: FloatArray, X: FloatArray) -> Heterogeneity:
    p, df = Projection(y, np.ones_like(v), X), _df(X)
    trace, square, _ = p.with_variances(v)
    tau2 = max(0.0, (p.rss - trace) / df)
    return Heterogeneity(tau2, float(np.sqrt(2 * square + 4 * tau2 * trace + 2 * tau2**2 * df) / df))


def _sidik_jonkman(y: FloatArray, v: FloatArray, X: FloatArray) -> Heterogeneity:
    df, crude = _df(X), float(y.var())
    p = Projection(y, 1 / (v + crude), X)
    tau2 = crude * p.rss / df
    _, square, mixed = p.with_variances(v)
    error = crude / df * np.sqrt(2 * square + 4 * tau2 * mixed + 2 * tau2**2 * p.square)
    return Heterogeneity(tau2, float(error))


def _paule_mandel(y: FloatArray, v: FloatArray, X: FloatArray) -> Heterogeneity:
    def excess(tau2: float) -> float:
        return Projection(y, 1 / (v + tau2), X).rss - _df(X)

    tau2 = 0.0
    if excess(0.0) > 0:
        farthest = max(HIGHEST_TAU2, 10 * float(y.var(ddof=1)))
        tau2 = root_above_0(excess, farthest=farthest, scale=v)
    return Heterogeneity(tau2, _empirical_bayes_error(v, tau2, X))


def _iterated(y: FloatArray, v: FloatArray, X: FloatArray, *, method: str) -> Heterogeneity:
    """Climb by Fisher scoring from the HE estimate; fall back on 0 where that is likelier (local maxima)."""
    k = y.size
    tau2 = _hedges(y, v, X).tau2
    for _ in range(MOST_STEPS):
        w = 1 / (v + tau2)
        p = Projection(y, w, X)
        if method == "ML":
            step = (p.rss_square - w.sum()) / (w**2).sum()
        elif method == "REML":
            step = (p.rss_square - p.trace) / p.square
        else:
            step = (p.rss * k / _df(X) - k) / w.sum()
        following = max(0.0, tau2 + step)
        settled = abs(following - tau2) <= SETTLED * (float(v.max()) + tau2)
        tau2 = float(following)
        if settled:
            break
    else:
        raise AnalysisError(f"the {method} estimate of tau2 did not converge; use DL or PM")
    if method != "EB" and _log_likelihood(y, v, X, 0.0, method) > _log_likelihood(y, v, X, tau2, method):
        tau2 = 0.0
    w = 1 / (v + tau2)
    if method == "ML":
        return Heterogeneity(tau2, float(np.sqrt(2 / (w**2).sum())))
    if method == "REML":
        return Heterogeneity(tau2, float(np.sqrt(2 / Projection(y, w, X).square)))
    return Heterogeneity(tau2, _empirical_bayes_error(v, tau2, X))


def _log_likelihood(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float, method: str) -> float:
    """Return the log-likelihood at tau2, but for a constant."""
    w = 1 / (v + tau2)
    p = Projection(y, w, X)
    value = 0.5 * float(np.log(w).sum()) - 0.5 * p.rss
    return value - 0.5 * p.log_determinant if method == "REML" else value


def _empirical_bayes_error(v: FloatArray, tau2: float, X: FloatArray) -> float:
    return float(np.sqrt(2 * v.size**2 / _df(X)) / (1 / (v + tau2)).sum())


def _df(X: FloatArray) -> int:
    studies, coefficients = X.shape
    return int(studies - coefficients)


_CLOSED: dict[str, Callable[[FloatArray, FloatArray, FloatArray], Heterogeneity]] = {
    "DL": _der_simonian_laird,
    "HS": _hunter_schmidt,
    "HE": _hedges,
    "SJ": _sidik_jonkman,
    "PM": _paule_mandel,
}
