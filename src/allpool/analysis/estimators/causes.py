"""Causes of an end of follow-up: 0 where it was censored, a whole number for each cause."""

from __future__ import annotations

from typing import Any

import numpy as np

from allpool.analysis.estimators.arrays import FloatArray, IntArray, numbers
from allpool.errors import AnalysisError

CENSORED = 0


def cause_numbers(values: Any, *, name: str = "cause") -> IntArray:
    """Return each subject's cause as an integer, 0 for who was censored.

    Raises
    ------
    AnalysisError
        missing values, text, negative numbers or fractions.
    """
    array = numbers(values, name=name)
    if not _are_causes(array):
        raise AnalysisError(f"{name} must be 0 (censored) or the whole number of a cause (1, 2, ...)")
    return array.astype(np.int64)


def cause_of_interest(of: Any, *, found: IntArray) -> int:
    """Return the cause that a test or model is about; raise if it is no cause or nobody had it."""
    if not np.isscalar(of) or isinstance(of, str) or not _are_causes(np.array([of], float)) or of == CENSORED:
        raise AnalysisError("of must be the whole number of a cause (1, 2, ...); 0 means censored")
    cause = int(np.asarray(of).item())
    if not (found == cause).any():
        raise AnalysisError(f"too little data: there are no events of cause {cause}")
    return cause


def _are_causes(array: FloatArray) -> bool:
    return bool(np.isfinite(array).all() and (array >= 0).all() and (array == np.floor(array)).all())
