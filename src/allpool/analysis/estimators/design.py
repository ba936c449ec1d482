"""The columns of a model: numbers as they are, text and categories as 0/1 terms against their first level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import FloatArray, IntArray, labels, numbers
from allpool.errors import AnalysisError


def checked_columns(frame: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise unless `frame` has rows, has every column wanted, and none of them has a missing value."""
    present_columns(frame, wanted)
    if frame.empty:
        raise AnalysisError("too little data: the frame has no rows")
    missing = {name: int(frame[name].isna().sum()) for name in dict.fromkeys(wanted)}
    found = ", ".join(f"{name} ({count})" for name, count in missing.items() if count)
    if found:
        raise AnalysisError(f"missing values (NaN) in {found}; drop those rows or impute them first")


def present_columns(frame: Any, wanted: Sequence[str]) -> None:
    """Raise unless `frame` is a DataFrame that has every column wanted once."""
    if not isinstance(frame, pd.DataFrame):
        raise AnalysisError("frame must be a DataFrame with one row per subject or interval")
    absent = [str(name) for name in wanted if name not in frame.columns]
    if absent:
        raise AnalysisError(f"the frame has no column {', '.join(absent)}")
    twice = [name for name in dict.fromkeys(wanted) if isinstance(frame[name], pd.DataFrame)]
    if twice:
        raise AnalysisError(f"the frame has more than one column {', '.join(twice)}; rename them first")


def named_columns(names: str | Sequence[str] | None) -> list[str]:
    """Return the names of columns as a list, of one name or of none too."""
    return [names] if isinstance(names, str) else list(names or ())


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
        if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
            raise AnalysisError(f"covariate {name} holds dates; give a number (days, years) or a category")
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
