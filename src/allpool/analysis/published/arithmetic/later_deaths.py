"""P values of three or more survival curves, against the deaths up to the printed time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
from scipy.special import chdtrc

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept, undecided
from allpool.analysis.published.arithmetic.groups import Groups, label

RULE = "p-needs-later-deaths"
ORDERS = 20_000
"""Orders of deaths, over all sizes, after which a P value counts as not decided."""
Side = tuple[int, int]
"""How many of a group, and how many of them died."""


def later_deaths(groups: Groups, test: Entry) -> Iterator[Checked]:
    """Yield whether deaths of three or more groups, followed up completely, can give a log-rank P value.

    Complete follow-up up to the printed time is assumed; so a P value that does not follow is a warning.
    """
    compared = groups.compared(test)
    if len(compared) < 3 or test.p is None:
        return
    sides = [_sides(groups, entry, compared) for entry in compared]
    if not all(sides):
        return
    choices = list(product(*sides))
    if sum(_orders([d for _, d in choice]) for choice in choices) > ORDERS:
        yield undecided(RULE, "too many orders of deaths to try", test, *compared)
        return
    found = [p for choice in choices for p in _p_values(choice)]
    least, most = min(found), max(found)
    if float(test.p.low) <= most and least <= float(test.p.high):
        yield kept(RULE, test, *compared)
        return
    said = " or ".join(dict.fromkeys(", ".join(f"{died} of {n}" for n, died in choice) for choice in choices))
    yield broken(
        RULE,
        test,
        *compared,
        printed=f"P {test.p.text}",
        why=f"the deaths up to the printed time ({said}) give {least:.4f} to {most:.4f} in any order",
        possible="deaths after that time, censoring before it, or another number",
    )


def _sides(groups: Groups, entry: Entry, compared: Sequence[Entry]) -> list[Side]:
    """Return sizes and deaths of a group that give its survival, and error, without censoring."""
    percent, error = entry.number("percent"), entry.number("se")
    if percent is None:
        return []
    own = groups.size(entry)
    if own is not None:
        sizes = [own]
    elif error is None:
        name = label(entry, [other for other in compared if other is not entry])
        sizes = sorted({s.of[name].n for s in groups.sizes([name]) if name in s.of}) if name else []
    else:
        sizes = list(range(1, (groups.paper.total or 0) + 1))
    return [
        (n, died)
        for n in sizes
        for died in range(n + 1)
        if percent.holds(Fraction(100 * (n - died), n))
        and (error is None or error.holds(100 * ((n - died) * died / n**3) ** 0.5))
    ]


def _orders(deaths: Sequence[int]) -> int:
    """Return in how many orders deaths of several groups can fall."""
    count, total = 1, 0
    for died in deaths:
        total += died
        count *= comb(total, died)
    return count


def _p_values(choice: Sequence[Side]) -> Iterator[float]:
    """Yield the P value of each order of single deaths among groups of which nobody is censored."""
    k = len(choice)

    def deeper(risk: tuple[int, ...], left: tuple[int, ...], u: np.ndarray, v: np.ndarray) -> Iterator[float]:
        if not any(left):
            yield _p(u[:-1], v[:-1, :-1], k - 1)
            return
        share = np.array(risk) / sum(risk)
        variance = np.diag(share) - np.outer(share, share)
        for i in range(k):
            if left[i]:
                died = np.eye(k)[i]
                yield from deeper(_less(risk, i), _less(left, i), u + died - share, v + variance)

    yield from deeper(tuple(n for n, _ in choice), tuple(d for _, d in choice), np.zeros(k), np.zeros((k, k)))


def _p(u: np.ndarray, v: np.ndarray, df: int) -> float:
    return float(chdtrc(df, u @ np.linalg.pinv(v) @ u)) if v.any() else 1.0


def _less(numbers: tuple[int, ...], i: int) -> tuple[int, ...]:
    return (*numbers[:i], numbers[i] - 1, *numbers[i + 1 :])
