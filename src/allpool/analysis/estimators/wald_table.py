"""The table of a model's terms: ratios with Wald intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr

from allpool.analysis.estimators.arrays import FloatArray, critical_value


def wald_table(
    terms: Sequence[str], coefficients: FloatArray, variance: FloatArray, *, ratio: str, level: float
) -> pd.DataFrame:
    """Return term, coefficient, standard_error, `ratio` (exp of the coefficient), lower, upper, z and p."""
    error = np.sqrt(np.diag(variance))
    margin = critical_value(level) * error
    # a coefficient that has no end has an infinite ratio, and one without an error no test
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        z = coefficients / error
        return pd.DataFrame(
            {
                "term": list(terms),
                "coefficient": coefficients,
                "standard_error": error,
                ratio: np.exp(coefficients),
                "lower": np.exp(coefficients - margin),
                "upper": np.exp(coefficients + margin),
                "z": z,
                "p": 2 * ndtr(-np.abs(z)),
            }
        )
