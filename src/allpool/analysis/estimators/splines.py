"""Restricted cubic splines: a number that may act along a curve, straight beyond its outer knots."""

from __future__ import annotations

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray, numbers
from allpool.errors import AnalysisError

# where three knots stand: Harrell 2015, Regression Modeling Strategies, 2nd ed., table 2.3
QUANTILES = (0.10, 0.50, 0.90)


def restricted_cubic(values: object, *, name: str) -> tuple[FloatArray, FloatArray]:
    """Return the bend of a restricted cubic spline of three knots, and the knots.

    The spline is values * a + bend * b: b alone tells it from a straight line, so that its P is the test of
    linearity. The bend is divided by the squared distance of the outer knots (R's `Hmisc::rcspline.eval`).

    Raises
    ------
    AnalysisError
        values too much alike for three knots.
    """
    x = numbers(values, name=name)
    first, middle, last = knots = np.quantile(x, QUANTILES)
    if not first < middle < last or np.unique(x).size <= len(QUANTILES):
        raise AnalysisError(
            f"{name} takes too few values for a spline of three knots; let it enter as a straight line"
        )

    def cubed(knot: float) -> FloatArray:
        return np.asarray(np.clip(x - knot, 0.0, None) ** 3)

    bend = (
        cubed(first)
        - cubed(middle) * (last - first) / (last - middle)
        + cubed(last) * (middle - first) / (last - middle)
    )
    return np.asarray(bend / (last - first) ** 2), np.asarray(knots)
