"""Invented personal numbers with right check digits, for tests of what must not get in."""

from __future__ import annotations

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(number: int) -> str:
    """Return a Chinese resident id (GB 11643-1999) of nobody: born in 1980, of Beijing's Dongcheng."""
    front = f"110101{19800101 + number % 28}{number % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(front, WEIGHTS, strict=True))
    return front + "10X98765432"[total % 11]


def birth_number(number: int, *, slash: bool = True) -> str:
    """Return a Czech rodné číslo of nobody: born in 1975, divisible by 11."""
    month, day = 1 + number % 12 + 50 * (number % 2), 1 + number % 28
    front = f"75{month:02d}{day:02d}"
    for serial in range(number, number + 99):
        digit = int(f"{front}{serial % 1000:03d}") % 11
        if digit < 10:
            return f"{front}{'/' if slash else ''}{serial % 1000:03d}{digit}"
    raise AssertionError("eleven serials in a row cannot all leave ten")
