"""The columns of a model: numbers as they are, text and categories as 0/1 terms against their first level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import FloatArray, IntArray, labels, numbers
from allpool.errors import AnalysisError


def checked_columns(frame: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise unless `frame` has rows, has every column wanted, and none of them has a missing value."""
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise AnalysisError(f"the frame has no column {', '.join(absent)}")
    if frame.empty:
        raise AnalysisError("too little data: the frame has no rows")
    missing = {name: int(frame[name].isna().sum()) for name in dict.fromkeys(wanted)}
    found = ", ".join(f"{name} ({count})" for name, count in missing.items() if count)
    if found:
        raise AnalysisError(f"missing values (NaN) in {found}; drop those rows or impute them first")


def design_matrix(frame: pd.DataFrame, names: Sequence[str]) -> tuple[list[str], FloatArray]:
    """Return the names of the terms and one column per term, without an intercept.

    Raises
    ------
    AnalysisError
        a text covariate of one level; numbers that are infinite.
    """
    terms: list[str] = []
    columns: list[FloatArray] = []
    for name in names:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            terms.append(name)
            columns.append(numbers(column, name=name))
            continue
        found, codes = labels(column, name=name)
        if len(found) < 2:
            raise AnalysisError(f"covariate {name} has only one level; leave it out")
        for j, label in enumerate(found[1:], start=1):
            terms.append(f"{name}={label}")
            columns.append((codes == j).astype(np.float64))
    return terms, np.column_stack(columns)


def combined_labels(frame: pd.DataFrame, by: Sequence[str]) -> IntArray:
    """Return the number of each row's combination of the columns `by`, in sorted order; 0 without columns."""
    if not by:
        return np.zeros(len(frame), dtype=np.int64)
    return frame.groupby(list(by), sort=True, observed=True).ngroup().to_numpy().astype(np.int64)
