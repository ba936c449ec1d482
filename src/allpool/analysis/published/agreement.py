"""Agreement: a recomputed number is held against the printed one at the digits that are printed."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite, isinf

from allpool.analysis.published.forms import NOT_REACHED
from allpool.analysis.published.recomputed import Value

NOISE = 9
"""Decimals kept before rounding, so that binary noise does not decide a tie."""
SIGNIFICANT = 0.05
NOTHING = "not given"
Printed = str | tuple[str, ...]


def rounded(value: float, printed: str) -> str:
    """Return `value` with as many decimals as `printed` has, halves rounded away from zero."""
    decimals = len(printed.partition(".")[2])
    exact = Decimal(f"{value:.{NOISE}f}")
    text = str(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))
    return text.removeprefix("-") if float(text) == 0 else text


def shown(quantity: str, value: Value, printed: Printed) -> str:
    """Return a recomputed value as it would have been printed."""
    if value is None:
        return NOTHING
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    if isinstance(value, tuple):
        texts = printed if isinstance(printed, tuple) else (printed,)
        pattern = [*texts, *([texts[-1]] * (len(value) - len(texts)))]
        return ", ".join(rounded(item, text) for item, text in zip(value, pattern, strict=False))
    if quantity == "verdict":
        return "significant" if value < SIGNIFICANT else "not significant"
    if isinf(value):
        return NOT_REACHED
    if not isfinite(value):
        return NOTHING
    pattern_of_one = printed if isinstance(printed, str) and printed != NOT_REACHED else "0.0"
    return rounded(value, pattern_of_one)


def agrees(quantity: str, value: Value, printed: Printed) -> bool:
    """Return whether the recomputed value is the printed one.

    A period agrees where the dates lie within the printed months.
    """
    if value is None:
        return False
    if isinstance(value, date) and isinstance(printed, str):
        month = f"{value:%Y-%m}"
        return month >= printed if quantity == "first" else month <= printed
    text = ", ".join(printed) if isinstance(printed, tuple) else printed
    found = shown(quantity, value, printed)
    return found == text or (isinstance(value, float) and found == _plain(text))


def _plain(text: str) -> str:
    """Return a printed number without a plus or a negative zero."""
    return text.removeprefix("-") if text.lstrip("-0.") == "" else text
