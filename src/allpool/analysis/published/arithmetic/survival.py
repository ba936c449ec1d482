"""Kaplan-Meier figures: which numbers at risk can give a printed survival and its standard error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from allpool.analysis.published.arithmetic.printed import NOISE, Printed

STEPS = 200_000
"""Nodes of the search after which a figure counts as not decided."""


@dataclass(frozen=True)
class AtRisk:
    """Whether a printed survival can be had from `n` patients.

    `found` holds numbers at risk at single deaths, falling, each a solution; a death of several at one time
    counts as so many single ones, which changes neither survival nor Greenwood's error. `decided` is false
    where the search was left before its end.
    """

    found: tuple[tuple[int, ...], ...]
    decided: bool

    @property
    def impossible(self) -> bool:
        """Return whether no numbers at risk give the figure."""
        return self.decided and not self.found


def at_risk(survival: Printed, n: int, *, error: Printed | None = None, most: int = 1) -> AtRisk:
    """Look for numbers at risk among `n` patients that give a survival, and its Greenwood error, in percent.

    The estimate is the product of 1 - 1/r over the deaths (Kaplan & Meier 1958, JASA 53:457), its error the
    estimate times the root of the sum of 1/(r (r - 1)) (Greenwood 1926); r falls from death to death, since
    who died is at risk no more, and censoring only lowers it. The search is exhaustive up to `STEPS`.

    Parameters
    ----------
    survival, error
        as printed, in percent.
    most
        solutions after which to stop.
    """
    found: list[tuple[int, ...]] = []
    search = _Search(survival.scaled(Fraction(1, 100)), error and error.scaled(Fraction(1, 100)))
    for solution in search.solutions(n):
        found.append(solution)
        if len(found) == most:
            return AtRisk(tuple(found), decided=True)
    return AtRisk(tuple(found), decided=search.left)


class _Search:
    """Depth first over falling numbers at risk, on integers: a survival is a fraction of whole numbers."""

    def __init__(self, survival: Printed, error: Printed | None) -> None:
        self.survival, self.error = survival, error
        self.low, self.high = float(survival.low), float(survival.high)
        self.most = self._most_variance()
        self.nodes = 0
        self.left = True

    def solutions(self, n: int) -> Iterator[tuple[int, ...]]:
        yield from self._deeper((), 1.0, 0.0, n)

    def _deeper(
        self, risk: tuple[int, ...], product: float, variance: float, upper: int
    ) -> Iterator[tuple[int, ...]]:
        self.nodes += 1
        if self.nodes > STEPS:
            self.left = False
            return
        if self._fits(product, variance):
            yield risk
        for r in range(upper, 0, -1):
            moved = product * (r - 1) / r
            if moved < self.low - NOISE:
                return  # fewer at risk make the step larger still
            added = variance + (1 / (r * (r - 1)) if r > 1 else 0.0)
            if moved > 0 and added > self.most + NOISE:
                return  # and its variance
            yield from self._deeper((*risk, r), moved, added, r - 1)

    def _fits(self, product: float, variance: float) -> bool:
        if not self.survival.holds(product):
            return False
        return self.error is None or self.error.holds(product * variance**0.5)

    def _most_variance(self) -> float:
        """Return the largest sum of 1/(r (r - 1)) under which some survival in reach has the error."""
        if self.error is None or self.low <= 0:
            return float("inf")
        return (float(self.error.high) / self.low) ** 2
