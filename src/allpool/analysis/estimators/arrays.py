"""Arrays as the estimators need them: checked once at the door, float64 or integer behind it."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from allpool.errors import AnalysisError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


def numbers(values: Any, *, name: str) -> FloatArray:
    """Return `values` as a one-dimensional float64 array without missing or infinite entries.

    Raises
    ------
    AnalysisError
        if a value is missing, infinite or no number, or the shape is not one-dimensional.
    """
    if isinstance(values, pd.Series) and not isinstance(values.dtype, np.dtype):
        raw = values.to_numpy(dtype=object, na_value=np.nan)  # pandas' own types mark what is missing
    else:
        try:
            raw = np.asarray(values)
        except ValueError:
            raise AnalysisError(
                f"{name} must be one-dimensional; lists of different length were given"
            ) from None
    # text that looks like a number and dates would convert silently: they are not numbers here
    if raw.dtype.kind not in "biufO" or (raw.dtype.kind == "O" and _holds_text(raw)):
        raise AnalysisError(f"{name} must be numbers; text or dates were given")
    try:
        array = raw.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise AnalysisError(f"{name} must be numbers; some entries are not") from None
    if array.ndim != 1:
        raise AnalysisError(f"{name} must be one-dimensional, not of {array.ndim} dimensions")
    finite = np.isfinite(array)
    if not finite.all():
        missing = int((~finite).sum())
        raise AnalysisError(f"{name} has {missing} missing or infinite values (NaN); drop or mend them first")
    return array


def number(value: Any, *, name: str) -> float:
    """Return one number as a float; nan is let through, for the caller's own sentence."""
    try:
        if np.ndim(value) == 0 and not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise AnalysisError(f"{name} must be one number")


def asked_times(values: Any) -> FloatArray:
    """Return the times at which a curve is read, one or many: numbers, none of them negative."""
    single = np.ndim(values) == 0 if not isinstance(values, list | tuple) else False
    asked = numbers([values] if single else values, name="times")
    if (asked < 0).any():
        raise AnalysisError("times must not be negative; time runs from an origin at 0")
    return asked


def _holds_text(values: NDArray[np.object_]) -> bool:
    return any(isinstance(value, str) for value in values.ravel())


def times(values: Any, *, name: str = "time") -> FloatArray:
    """Return follow-up times: numbers, none of them negative."""
    array = numbers(values, name=name)
    negative = int((array < 0).sum())
    if negative:
        raise AnalysisError(f"{name} has {negative} negative values; time runs from an origin at 0")
    return array


def indicators(values: Any, *, name: str = "event") -> BoolArray:
    """Return a 0/1 or boolean indicator as booleans."""
    array = numbers(values, name=name)
    if not np.isin(array, (0.0, 1.0)).all():
        raise AnalysisError(f"{name} must be 1 (happened) or 0 (did not); other values were found")
    return array.astype(bool)


def counts(values: Any, *, name: str) -> FloatArray:
    """Return whole numbers that are not negative."""
    array = numbers(values, name=name)
    if (array < 0).any() or (array != np.floor(array)).any():
        raise AnalysisError(f"{name} must be whole numbers of at least 0")
    return array


def labels(values: Any, *, name: str) -> tuple[list[Any], IntArray]:
    """Return the distinct labels (sorted; a Categorical keeps its order) and each entry's position."""
    if isinstance(values, str | bytes):  # its letters would count
        raise AnalysisError(f"{name} must hold one label per subject, not a single one")
    _length(values, name=name)
    try:
        column = values if isinstance(values, pd.Series) else pd.Series(values)
    except (TypeError, ValueError):
        raise AnalysisError(f"{name} must be one-dimensional, one label per subject") from None
    if column.isna().any():
        raise AnalysisError(
            f"{name} has {int(column.isna().sum())} missing values (NaN); drop or name them first"
        )
    try:
        codes, found = pd.factorize(column, sort=True)
    except TypeError:
        raise AnalysisError(f"{name} must hold plain labels such as text or numbers") from None
    return list(found), codes.astype(np.int64)


def same_length(**arrays: Any) -> int:
    """Return the length that all arrays share; raise if they differ or are empty. None is passed over."""
    lengths = {name: _length(array, name=name) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise AnalysisError(f"arrays differ in length: {described}")
    length = next(iter(lengths.values()))
    if length == 0:
        raise AnalysisError(f"too little data: {' and '.join(lengths)} are empty")
    return length


def _length(array: Any, *, name: str) -> int:
    try:
        return len(array)
    except TypeError:
        raise AnalysisError(f"{name} must hold one value per subject, not a single one") from None


def tally(codes: IntArray, amount: FloatArray | None = None, *, size: int) -> FloatArray:
    """Return, for each code from 0 to size - 1, how often it occurs or the sum of its amounts."""
    return np.asarray(np.bincount(codes, weights=amount, minlength=size), dtype=np.float64)


def one_of(value: str, allowed: tuple[str, ...], *, name: str) -> str:
    """Return `value` if it is allowed; raise with the choices if not."""
    if value not in allowed:
        raise AnalysisError(f"unknown {name} {value!r}; choose one of {', '.join(allowed)}")
    return value


def critical_value(level: float) -> float:
    """Return the normal quantile of a two-sided interval of coverage `level`."""
    return float(ndtri(1 - (1 - checked_level(level)) / 2))


def checked_level(level: float) -> float:
    """Return `level` if it is a coverage between 0 and 1; raise if not."""
    if not 0 < number(level, name="level") < 1:
        raise AnalysisError(f"level must lie between 0 and 1 (0.95 for a 95 % interval), not {level}")
    return level


def read_only(array: FloatArray) -> FloatArray:
    """Return the array locked against writing, for a frozen result."""
    array.setflags(write=False)
    return array
