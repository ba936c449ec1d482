"""What the families of simulations share: sizes of studies, the form of a row, how misses are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtr

from benchmarks.statistics.batch import Array

Setting: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]

STUDIES = (2, 3, 4, 5)
"""Studies per synthesis."""
SIZES: dict[str, tuple[int, ...]] = {
    "15 each": (15,) * 5,
    "45 each": (45,) * 5,
    "10 to 60": (10, 60, 20, 40, 30),
}
"""Patients per study by the name of the pattern; the first k are taken."""
RATES = (0.5, 0.7, 0.85, 0.95, 0.98)
TAUS = (0.0, 0.3, 0.6, 1.0)
"""Standard deviation between studies: on the logit scale these move a rate of 0.7 by 6 to 20 points."""
LEVEL = 0.95


def sizes(setting: Setting) -> Array:
    """Return the patients of each study."""
    return np.array(SIZES[setting["n"]][: setting["k"]], dtype=float)


def coverage(
    lower: Array, upper: Array, truth: float, *, counted: Array | None = None, widest: float = np.inf
) -> Row:
    """Return how often the given intervals hold the truth, and where they miss it.

    Intervals with a nan limit count as not given. `counted` says how many replicates each row stands for;
    `widest` cuts the width of intervals on a bounded scale. The width is the median.
    """
    counted = np.ones(len(lower)) if counted is None else counted
    given = ~(np.isnan(lower) | np.isnan(upper))
    total, answered = float(counted.sum()), float(counted[given].sum())
    if answered == 0:
        return {"replicates": int(total), "given": 0.0}
    weight = counted[given] / answered
    below = float(weight[upper[given] < truth - 1e-12].sum())
    above = float(weight[lower[given] > truth + 1e-12].sum())
    held = 1 - below - above
    return {
        "replicates": int(total),
        "given": answered / total,
        "coverage": held,
        "mcse": float(np.sqrt(max(held * (1 - held), 0.0) / answered)),
        "below": below,
        "above": above,
        "width": weighted_median(np.minimum(upper[given] - lower[given], widest), weight),
    }


def rejections(p: Sequence[float] | Array, *, counted: Array | None = None, exact: bool = False) -> Row:
    """Return how often a test rejects at 5 %; a p of nan is no answer, and no rejection.

    With `exact` the counts are probabilities of an enumeration and there is no Monte-Carlo error.
    """
    values = np.asarray(p, dtype=float)
    counted = np.ones(values.size) if counted is None else counted
    given = ~np.isnan(values)
    total, answered = float(counted.sum()), float(counted[given].sum())
    rejected = float(counted[given][values[given] < 1 - LEVEL].sum())
    share = rejected / total
    return {
        "replicates": 0 if exact else int(total),
        "given": answered / total,
        "size": share,
        "mcse": 0.0 if exact else float(np.sqrt(share * (1 - share) / total)),
    }


def weighted_median(values: Array, weight: Array) -> float:
    """Return the median of values that stand for shares."""
    order = np.argsort(values)
    reached = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    return float(values[order][min(reached, values.size - 1)])


def chance_within(lower: Array, upper: Array, *, centre: float, tau: float) -> Array:
    """Return the chance that a new study's true effect lies within the limits: known, so not simulated."""
    if tau == 0:
        held = ((lower <= centre + 1e-9) & (centre - 1e-9 <= upper)).astype(float)
    else:
        held = ndtr((upper - centre) / tau) - ndtr((lower - centre) / tau)
    return np.where(np.isnan(lower) | np.isnan(upper), np.nan, held)
