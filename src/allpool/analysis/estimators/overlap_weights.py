"""Two groups made comparable by overlap weights, and the difference of a response between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from allpool.analysis.estimators.arrays import FloatArray, critical_value, indicators, labels
from allpool.analysis.estimators.design import checked_columns, design_matrix, named_columns
from allpool.analysis.estimators.logistic_normal import logistic
from allpool.analysis.estimators.results import Estimate
from allpool.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class OverlapWeighted:
    """Weighted shares of two groups and their difference, the second less the first.

    `shares` and `effective_n` are by group: effective is (sum of weights)^2 / sum of squared weights.
    `balance` has term and the weighted mean of it in each group, which overlap weights make equal.
    """

    groups: tuple[str, str]
    n: tuple[int, int]
    shares: tuple[Estimate, Estimate]
    difference: Estimate
    effective_n: tuple[float, float]
    balance: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group and one for the difference: estimate with its error and limits."""
        named = [*zip(self.groups, self.shares, strict=True), (self.contrast, self.difference)]
        return pd.DataFrame(
            {
                "group": name,
                "estimate": own.estimate,
                "standard_error": own.standard_error,
                "lower": own.lower,
                "upper": own.upper,
            }
            for name, own in named
        )

    @property
    def contrast(self) -> str:
        """What was subtracted from what."""
        return f"{self.groups[1]} less {self.groups[0]}"


def overlap_weighted(
    frame: pd.DataFrame, outcome: str, group: str, covariates: str | Sequence[str], *, level: float = 0.95
) -> OverlapWeighted:
    """Compare a response between two groups among those who might have been in either.

    Each subject weighs the probability of the other group given the covariates, from a logistic model (Li,
    Morgan and Zaslavsky 2018, J Am Stat Assoc 113:390); nobody's weight exceeds 1, unlike inverse
    probability's. Errors are the sandwich's of the stacked equations, so that the estimation of the
    probabilities counts (Stefanski and Boos 2002, Am Stat 56:29). Limits are normal, of shares on the logit
    scale; nan where all or none of a group have the outcome, since the sandwich is then 0.

    Parameters
    ----------
    frame
        one row per subject; `outcome` is 1 or 0, `group` has two values.
    covariates
        names of columns known when the group was chosen. Numbers enter as they are, text by level.

    Raises
    ------
    AnalysisError
        an absent column, missing values, not exactly two groups, covariates that tell the groups apart (there
        is then no overlap) or that determine each other.
    """
    names = named_columns(covariates)
    checked_columns(frame, [outcome, group, *names])
    critical_value(level)
    if not names:
        raise AnalysisError("overlap weights need at least one covariate")
    y = indicators(frame[outcome], name=outcome).astype(np.float64)
    found, codes = labels(frame[group], name=group)
    if len(found) != 2:
        raise AnalysisError(f"overlap weights compare exactly two groups; {group} has {len(found)}")
    terms, covariate = design_matrix(frame, names)
    X = np.column_stack((np.ones(len(frame)), covariate))
    second = codes.astype(np.float64)
    try:
        score = expit(X @ logistic(second, X).coefficients)
    except AnalysisError as apart:
        raise AnalysisError(
            f"the covariates tell {found[1]} from {found[0]} or determine each other, so that nobody might "
            "have been in either group; leave one out, or ask where both were given"
        ) from apart
    weights = np.where(codes == 1, 1 - score, score)
    member = np.column_stack((codes == 0, codes == 1)).astype(np.float64) * weights[:, None]
    total = member.sum(axis=0)
    alike = [np.ptp(y[codes == j]) == 0 for j in (0, 1)]
    means = (member.T @ y) / total
    means[alike] = means[alike].round()  # exactly 0 or 1
    variance = _variance(X, y, second, score, member, means)
    margin = critical_value(level)
    contrast = np.array([-1.0, 1.0])
    error = float(np.sqrt(contrast @ variance @ contrast))
    first, other = str(found[0]), str(found[1])
    difference = Estimate(
        estimate=float(contrast @ means),
        standard_error=error,
        lower=float(contrast @ means) - margin * error,
        upper=float(contrast @ means) + margin * error,
        level=level,
        method=f"overlap-weighted difference, {other} less {first}",
    )
    same = [name for name, one in zip((first, other), alike, strict=True) if one]
    if same:  # the sandwich of a share of 0 or 1 is 0, which is no precision
        none = float("nan")
        method = f"{difference.method}; no interval: in {' and '.join(same)} the outcome is the same in all"
        difference = replace(difference, standard_error=none, lower=none, upper=none, method=method)
    balance = (member.T @ covariate) / total[:, None]
    return OverlapWeighted(
        groups=(first, other),
        n=(int((codes == 0).sum()), int((codes == 1).sum())),
        shares=(
            _share(float(means[0]), float(np.sqrt(variance[0, 0])), margin=margin, level=level),
            _share(float(means[1]), float(np.sqrt(variance[1, 1])), margin=margin, level=level),
        ),
        difference=difference,
        effective_n=(
            float(total[0] ** 2 / np.square(member[:, 0]).sum()),
            float(total[1] ** 2 / np.square(member[:, 1]).sum()),
        ),
        balance=pd.DataFrame({"term": terms, first: balance[0], other: balance[1]}),
    )


def _share(share: float, error: float, *, margin: float, level: float) -> Estimate:
    """Return a share with limits on the logit scale; nan limits where it is 0 or 1."""
    inside = 0 < share < 1
    spread = margin * error / (share * (1 - share)) if inside else float("nan")
    centre = logit(share) if inside else float("nan")
    return Estimate(
        estimate=share,
        standard_error=error if inside else float("nan"),
        lower=float(expit(centre - spread)),
        upper=float(expit(centre + spread)),
        level=level,
        method="overlap-weighted share",
    )


def _variance(
    X: FloatArray,
    y: FloatArray,
    second: FloatArray,
    score: FloatArray,
    member: FloatArray,
    means: FloatArray,
) -> FloatArray:
    """Return the covariance of the two weighted means, from the stacked estimating equations."""
    p = X.shape[1]
    residual = y[:, None] - means
    psi = np.column_stack((X * (second - score)[:, None], member * residual))
    spread = score * (1 - score)
    bread = np.zeros((p + 2, p + 2))
    bread[:p, :p] = X.T @ (X * spread[:, None])
    bread[p, :p] = -((1 - second) * spread * residual[:, 0]) @ X
    bread[p + 1, :p] = (second * spread * residual[:, 1]) @ X
    bread[[p, p + 1], [p, p + 1]] = member.sum(axis=0)
    inverse = np.linalg.inv(bread)
    return np.asarray((inverse @ (psi.T @ psi) @ inverse.T)[p:, p:])
