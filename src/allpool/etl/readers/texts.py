"""Values of a typed source as text: exactly what was said, in one way for all readers."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import polars as pl

EXACT_INTEGER: Final = 2**53
"""Beyond it an IEEE 754 double no longer tells one integer from the next."""


class UnknownTypeError(TypeError):
    """A value of a kind that has no plain text; the message names the kind alone."""


def text_of(value: Any, decimal: str = ".") -> str | None:
    """Return the text of a value, None for None.

    Raises UnknownTypeError for bytes, lists, structures and whatever else has no plain text.
    """
    if value is None:
        return None
    kind = type(value)
    if kind is str:
        return one_line_ends(value)
    if kind is float:
        return number_text(value, decimal)
    if kind is Decimal:
        return decimal_text(value, decimal)
    for base, write in WRITERS.items():
        if isinstance(value, base):
            return write(value)
    raise UnknownTypeError(kind.__name__)


def one_line_ends(value: str) -> str:
    """Return a text whose lines end in line feeds."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def number_text(value: float, decimal: str = ".") -> str:
    """Return the shortest text that reads back as `value`; whole numbers without decimals."""
    if value.is_integer() and abs(value) < EXACT_INTEGER:
        return str(int(value))
    if math.isnan(value):
        return "NaN"
    return repr(value).replace(".", decimal)


def number_texts(values: pl.Series, decimal: str = ".") -> pl.Series:
    """Return `number_text` of each number of a column of floats (exponents may be written `1e-7`)."""
    whole = (values == values.floor()) & (values.abs() < EXACT_INTEGER)
    texts = values.cast(pl.String).str.replace(".", decimal, literal=True)
    integers = values.set(~whole.fill_null(value=False), None).cast(pl.Int64).cast(pl.String)
    return integers.zip_with(integers.is_not_null(), texts)


def decimal_text(value: Decimal, decimal: str = ".") -> str:
    """Return all digits of a decimal, trailing zeros too: 1.10 is `1.10`."""
    return (f"{value:f}" if value.is_finite() else str(value)).replace(".", decimal)


def duration_text(value: timedelta) -> str:
    """Return a duration as hours, minutes and seconds."""
    sign = "-" if value < timedelta() else ""
    seconds = abs(value) // timedelta(seconds=1)
    rest = abs(value) % timedelta(seconds=1)
    fraction = f".{rest.microseconds:06d}" if rest else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: duration_text,
    UUID: str,
}
"""`bool` before `int` and `datetime` before `date`, whose kinds they are."""
