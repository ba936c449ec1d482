"""A number as printed: which exact values its digits can stand for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from allpool.errors import AnalysisError


@dataclass(frozen=True)
class Printed:
    """A printed number and the closed interval of values that round to it.

    Both ends are in: papers round halves up, to even, or as binary floats happen to fall (Brown & Heathers
    2017, Soc Psychol Personal Sci 8:363).
    """

    text: str
    value: Fraction
    low: Fraction
    high: Fraction

    def holds(self, value: Fraction | float) -> bool:
        """Return whether `value` may have been printed so; a float may miss by its rounding."""
        slack = NOISE if isinstance(value, float) else 0
        return self.low - slack <= value <= self.high + slack

    def within(self, low: float, high: float) -> bool:
        """Return whether some value from `low` to `high` may have been printed so."""
        return low - NOISE <= self.high and self.low - NOISE <= high

    def scaled(self, by: Fraction) -> Printed:
        """Return the same in another unit: a percentage as a fraction by 1/100."""
        return Printed(self.text, self.value * by, self.low * by, self.high * by)


NOISE = 1e-9
"""What a float may miss an end of the interval by."""


def printed(text: str | float) -> Printed:
    """Return the number that `text` prints, to half a unit of its last digit.

    Raises
    ------
    AnalysisError
        a text that is no decimal number.
    """
    try:
        number = Decimal(str(text).strip())
    except InvalidOperation:
        raise AnalysisError("a printed figure is a decimal number such as 86.5") from None
    if not number.is_finite():
        raise AnalysisError("a printed figure is a decimal number such as 86.5")
    exponent = number.as_tuple().exponent
    half = Fraction(10) ** min(int(exponent), 0) / 2
    value = Fraction(number)
    return Printed(str(text).strip(), value, value - half, value + half)
