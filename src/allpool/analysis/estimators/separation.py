"""Whether covariates separate the outcomes of a logistic model, so that no maximum likelihood exists."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from allpool.analysis.estimators.arrays import BoolArray, FloatArray

# above the solver's feasibility of 1e-7 and below what separated rows of scaled columns sum to
POSITIVE = 1e-5


def separating_columns(X: FloatArray, happened: BoolArray, *, first: int) -> list[int]:
    """Return the covariates (columns of `X` from `first` on, counted from 0) that separate.

    They do if some combination of the columns puts no outcome on the wrong side and some on the right one.
    The linear programme of Konis (2007): the largest sum of s x'b with s x'b >= 0 for each row and b in
    [-1, 1], s being 1 or -1 by the outcome. It is 0 exactly where the maximum likelihood estimate is finite
    (Albert and Anderson 1984), and covers complete and quasi-complete separation.
    """
    signed = np.where(happened, 1.0, -1.0)[:, None] * X
    found = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs"
    )
    if found.x is None or found.fun is None or -found.fun <= POSITIVE:
        return []
    return [int(j) for j in np.flatnonzero(np.abs(found.x[first:]) > 1e-7)]
