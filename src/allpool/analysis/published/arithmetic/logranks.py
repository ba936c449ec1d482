"""Log-rank P values: whether deaths at printed survivals can give the printed digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from scipy.special import chdtrc

from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.survival import Solution

STEPS = 200_000
"""Nodes of a search, over all numbers at risk, after which a P value counts as not decided."""
OF_ONE = 5_000
"""Nodes that are spent on one pair of numbers at risk before the next is tried."""


@dataclass(frozen=True)
class Deaths:
    """One group: how many it had, and how many were at risk at each death, falling."""

    n: int
    at_risk: Solution


@dataclass(frozen=True)
class Reproduced:
    """A P value that deaths of two groups can have, or that none was found.

    `at_risk` are numbers at risk of (first, second) at each death, in time. `least` and `most` bound the P
    values that were seen; `decided` is false where the search was left before its end.
    """

    p: float | None
    at_risk: tuple[tuple[int, int], ...]
    least: float
    most: float
    decided: bool


def reproduced(pairs: Sequence[tuple[Deaths, Deaths]], p: Printed) -> Reproduced:
    """Look for an order of deaths, and numbers at risk of the group that loses nobody, that give `p`.

    The log-rank statistic of single deaths at distinct times (Mantel 1966, Cancer Chemother Rep 50:163), one
    degree of freedom. Deaths after the printed time are not looked at: they may change it.
    """
    least, most, whole, left = inf, -inf, True, STEPS
    for first, second in pairs:
        search = _Orders(first, second, min(left, OF_ONE))
        for risks, found in search.orders():
            least, most = min(least, found), max(most, found)
            if p.holds(found):
                return Reproduced(found, risks, least, most, decided=True)
        whole, left = whole and search.whole, left - search.nodes
        if left <= 0:
            return Reproduced(None, (), least, most, decided=False)
    return Reproduced(None, (), least, most, decided=whole)


class _Orders:
    def __init__(self, first: Deaths, second: Deaths, steps: int) -> None:
        self.first, self.second, self.steps = first, second, steps
        self.nodes, self.whole = 0, True

    def orders(self) -> Iterator[tuple[tuple[tuple[int, int], ...], float]]:
        yield from self._next(0, 0, (self.first.n, self.second.n), (0.0, 0.0), ())

    def _next(
        self,
        i: int,
        j: int,
        upper: tuple[int, int],
        sums: tuple[float, float],
        risks: tuple[tuple[int, int], ...],
    ) -> Iterator[tuple[tuple[tuple[int, int], ...], float]]:
        """Yield what follows `i` and `j` deaths, at most `upper` at risk, sums of O - E and variance."""
        self.nodes += 1
        if self.nodes > self.steps:
            self.whole = False
            return
        a, b = self.first.at_risk, self.second.at_risk
        if i == len(a) and j == len(b):
            difference, variance = sums
            yield risks, (float(chdtrc(1, difference**2 / variance)) if variance > 0 else 1.0)
            return
        if i < len(a):
            for other in range(upper[1], (b[j] if j < len(b) else 0) - 1, -1):
                moved = _moved(sums, a[i], other, died=1)
                yield from self._next(i + 1, j, (a[i] - 1, other), moved, (*risks, (a[i], other)))
        if j < len(b):
            for own in range(upper[0], (a[i] if i < len(a) else 0) - 1, -1):
                moved = _moved(sums, own, b[j], died=0)
                yield from self._next(i, j + 1, (own, b[j] - 1), moved, (*risks, (own, b[j])))


def _moved(sums: tuple[float, float], first: int, second: int, *, died: int) -> tuple[float, float]:
    """Return the sums after one death; `died` is 1 where it was in the first group."""
    total = first + second
    return sums[0] + died - first / total, sums[1] + first * second / total**2
