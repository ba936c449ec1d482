"""The restricted likelihood of a random-intercept model, profiled to one ratio of variances and solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from allpool.analysis.estimators.arrays import FloatArray, IntArray
from allpool.errors import AnalysisError

# ratios of the variance between subjects to that within, among which the maximum is looked for
RATIOS = np.concatenate(([0.0], np.logspace(-8, 8, 161)))
# a residual sum of squares below this share of the total is rounding
NOTHING_LEFT = 1e-20


@dataclass(frozen=True, eq=False)
class Restricted:
    """The restricted likelihood at one ratio: `value`, and the coefficients and variances that go with it.

    `slope` is the derivative of minus twice the likelihood by the ratio; `covariance` times the variance
    within subjects is that of the coefficients.
    """

    ratio: float
    value: float
    slope: float
    coefficients: FloatArray
    covariance: FloatArray
    within_variance: float

    @property
    def between_variance(self) -> float:
        """The variance of the subjects' intercepts."""
        return self.ratio * self.within_variance


class RandomIntercept:
    """Columns `X` (with an intercept) and values `y` of subjects `member`, numbered from 0.

    The variance is s2 (I + ratio ZZ'). It only weighs the subjects' means, by n / (1 + n ratio), against the
    deviations within them, so that each ratio costs one small least-squares problem.
    """

    def __init__(self, X: FloatArray, y: FloatArray, member: IntArray) -> None:
        self.X, self.y, self.member = X, y, member
        self.size = np.bincount(member).astype(np.float64)
        both = np.column_stack((X, y))
        self._mean = self.sums(both) / self.size[:, None]
        self._within = np.linalg.qr(both - self._mean[member], mode="r")
        self._total = float(np.square(y - y.mean()).sum())

    @property
    def degrees(self) -> int:
        """Values less coefficients."""
        return int(self.X.shape[0] - self.X.shape[1])

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum rows (of a matrix, or the entries of a vector) over each subject."""
        total = np.zeros((self.size.size, *values.shape[1:]))
        np.add.at(total, self.member, values)
        return total

    def at(self, ratio: float) -> Restricted:
        """Return the restricted likelihood at a ratio, highest over everything else.

        Raises
        ------
        AnalysisError
            nothing is left over: the covariates and subjects give each value exactly.
        """
        p = self.X.shape[1]
        share = 1 / (1 + self.size * ratio)
        means = np.sqrt(self.size * share)[:, None] * self._mean
        root: FloatArray = np.asarray(np.linalg.qr(np.vstack((self._within, means)), mode="r"))
        residual = float(root[p, p] ** 2)
        if residual <= NOTHING_LEFT * self._total:
            raise AnalysisError("nothing is left to explain: the model gives each value exactly")
        inverse = np.linalg.inv(root[:p, :p])
        coefficients = inverse @ root[:p, p]
        log_determinants = float(
            np.log1p(self.size * ratio).sum() + 2 * np.log(np.abs(np.diag(root)[:p])).sum()
        )
        weighted = (self.size * share)[:, None] * self._mean
        left = weighted[:, p] - weighted[:, :p] @ coefficients
        slope = (
            -self.degrees * float(left @ left) / residual
            + float((self.size * share).sum())
            - float(np.square(weighted[:, :p] @ inverse).sum())
        )
        variance = residual / self.degrees
        value = -0.5 * (self.degrees * (np.log(2 * np.pi * variance) + 1) + log_determinants)
        return Restricted(ratio, float(value), slope, coefficients, inverse @ inverse.T, variance)

    def maximise(self) -> Restricted:
        """Return the highest restricted likelihood: every place where its slope turns is looked at."""
        slopes = np.array([self.at(ratio).slope for ratio in RATIOS])
        found = [self.at(0.0)] if slopes[0] >= 0 else []
        for i in np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0)):
            ratio = brentq(
                lambda at: self.at(at).slope, RATIOS[i], RATIOS[i + 1], xtol=1e-300, rtol=1e-14, maxiter=500
            )
            found.append(self.at(float(ratio)))
        if not found:
            raise AnalysisError(
                "values of the same subject do not differ; a random intercept cannot be told apart"
            )
        return max(found, key=lambda restricted: restricted.value)

    def degrees_of_freedom(self, best: Restricted, combinations: FloatArray) -> FloatArray:
        """Return Satterthwaite's degrees of freedom for each combination (row) of the coefficients.

        df = 2 v^2 / (g' A g), v being the variance of the combination, g its derivatives by the two
        variances, and A their covariance from the observed restricted information (Fai and Cornelius 1996;
        R's lmerTest). Where the subjects' variance is 0 the model is that of independent values.
        """
        if best.ratio == 0:
            return np.full(len(combinations), float(self.degrees))
        C = best.within_variance * best.covariance
        once = self._solve(self.X, best)  # V^-1 X
        of_subjects = self.sums(once)  # Z' V^-1 X
        by_within, by_between = once.T @ once, of_subjects.T @ of_subjects
        gradients = np.column_stack(
            [
                np.einsum("ij,jk,ik->i", combinations @ C, moment, combinations @ C)
                for moment in (by_within, by_between)
            ]
        )
        variances = np.einsum("ij,jk,ik->i", combinations, C, combinations)
        spread = np.linalg.inv(self._information(best, C, once, of_subjects))
        doubt = np.einsum("ij,jk,ik->i", gradients, spread, gradients)
        with np.errstate(divide="ignore"):
            return np.asarray(2 * variances**2 / np.maximum(doubt, 0.0))

    def _solve(self, values: FloatArray, best: Restricted) -> FloatArray:
        """Multiply by the inverse of the variance V."""
        share = best.ratio / (1 + self.size * best.ratio)
        shrunk = (share * self.sums(values).T).T
        return np.asarray((values - shrunk[self.member]) / best.within_variance)

    def _information(
        self, best: Restricted, C: FloatArray, once: FloatArray, of_subjects: FloatArray
    ) -> FloatArray:
        """Return the observed information of the variances within and between, in that order.

        With P = V^-1 - V^-1 X C X' V^-1 and V1 = I, V2 = ZZ': y'P Vi P Vj P y - tr(P Vi P Vj) / 2.
        """
        share = 1 / (1 + self.size * best.ratio)
        one, two = share * self.size / best.within_variance, share**2 * self.size / best.within_variance**2
        squared, crossed = once.T @ once, of_subjects.T @ of_subjects
        twice = self._solve(once, best)
        cubed, crossed_twice = once.T @ twice, of_subjects.T @ self.sums(twice)
        subjects, values = self.size.size, self.X.shape[0]
        within = (values - subjects + float(np.square(share).sum())) / best.within_variance**2
        traces = np.empty((2, 2))
        traces[0, 0] = within - 2 * np.trace(C @ cubed) + np.trace(C @ squared @ C @ squared)
        traces[0, 1] = traces[1, 0] = (
            float(two.sum()) - 2 * np.trace(C @ crossed_twice) + np.trace(C @ squared @ C @ crossed)
        )
        traces[1, 1] = (
            float(np.square(one).sum())
            - 2 * np.trace(C @ (of_subjects.T @ (of_subjects * one[:, None])))
            + np.trace(C @ crossed @ C @ crossed)
        )
        left = self._solve(self.y - self.X @ best.coefficients, best)  # P y
        moved = np.column_stack((left, self.sums(left)[self.member]))  # V1 P y, V2 P y
        projected = self._solve(moved, best)
        outer = once.T @ moved
        return np.asarray(moved.T @ projected - outer.T @ C @ outer - traces / 2)
