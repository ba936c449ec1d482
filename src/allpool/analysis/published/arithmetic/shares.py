"""Percentages of whole numbers: which counts, of how many, can give the printed digits."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from allpool.analysis.published.arithmetic.printed import Printed

LARGEST = 10_000
"""Denominators beyond this are not looked for: four digits of a percentage fit them all."""


def counts(percent: Printed, of: int) -> tuple[int, ...]:
    """Return the counts among `of` whose percentage may be printed so; none: no count gives it.

    Granularity of a share (GRIM; Brown & Heathers 2017, Soc Psychol Personal Sci 8:363).
    """
    if of < 1:
        return ()
    low = max(ceil(percent.low * of / 100), 0)
    high = min(floor(percent.high * of / 100), of)
    return tuple(range(low, high + 1))


def denominators(percent: Printed, *, least: int = 1, most: int = LARGEST) -> tuple[int, ...]:
    """Return the denominators from `least` to `most` of which some count gives the percentage."""
    return tuple(of for of in range(least, most + 1) if counts(percent, of))


def smallest_denominator(percent: Printed) -> int | None:
    """Return the fewest of whom some share is printed so."""
    return next((of for of in range(1, LARGEST + 1) if counts(percent, of)), None)


def share(count: int, of: int) -> Fraction:
    """Return `count` of `of` in percent, exactly."""
    return Fraction(100 * count, of)
