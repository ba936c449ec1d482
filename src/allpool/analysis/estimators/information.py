"""The information matrix of a model: whether its terms can be told apart, and its inverse."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray
from allpool.errors import AnalysisError

# a column whose information is this much explained by those before it is their combination
# (the order of R's toler.chol, loosened for the rounding of a million terms)
ALIASED = 1e-10


def checked_rank(information: FloatArray, *, terms: Sequence[str], events: int) -> None:
    """Raise if a term is constant or a combination of others; `information` is at 0, of scaled covariates."""
    constant = [terms[j] for j in range(len(terms)) if information[j, j] < 1e-12 * events]
    if constant:
        raise AnalysisError(
            f"covariate {', '.join(constant)} does not vary among those at risk; leave it out"
        )
    aliased = [terms[j] for j in dependent_columns(information)]
    if aliased:
        raise AnalysisError(
            f"covariate {', '.join(aliased)} is a combination of the covariates before it; leave it out"
        )


def dependent_columns(matrix: FloatArray) -> list[int]:
    """Return the columns of a covariance matrix that those before them determine (unpivoted Cholesky)."""
    left = matrix.astype(np.float64).copy()
    dependent = []
    for j in range(len(left)):
        if left[j, j] <= ALIASED * matrix[j, j]:
            dependent.append(j)
            continue
        left[j + 1 :, j + 1 :] -= np.outer(left[j + 1 :, j], left[j, j + 1 :]) / left[j, j]
    return dependent


def inverse(information: FloatArray, *, without: Sequence[int] = ()) -> FloatArray:
    """Return the variance of the coefficients; nan for those that run away.

    These can take the information on all others with them: then every entry is nan.
    """
    variance = np.full(information.shape, np.nan)
    kept = [j for j in range(len(information)) if j not in without]
    with contextlib.suppress(np.linalg.LinAlgError):
        variance[np.ix_(kept, kept)] = np.linalg.inv(information[np.ix_(kept, kept)])
    return variance
