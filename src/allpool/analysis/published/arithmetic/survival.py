"""Kaplan-Meier figures: which numbers at risk can give a printed survival, its error and its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, inf

from allpool.analysis.published.arithmetic.curve_intervals import Interval, most_variance
from allpool.analysis.published.arithmetic.printed import NOISE, Printed

STEPS = 200_000
"""Nodes of the search after which a figure counts as not decided."""
DEEPEST = 200
"""Deaths beyond which only complete follow-up is tried; a figure that needs more is not decided."""

Solution = tuple[int, ...]


@dataclass(frozen=True)
class AtRisk:
    """Whether a printed survival can be had from `n` patients.

    `found` holds numbers at risk at single deaths, falling, each a solution, fewest deaths first; a death of
    several at one time counts as so many single ones, which changes neither survival nor Greenwood's error.
    `decided` is false where the search was left before its end.
    """

    found: tuple[Solution, ...]
    decided: bool

    @property
    def impossible(self) -> bool:
        """Return whether no numbers at risk give the figure."""
        return self.decided and not self.found


@dataclass(frozen=True)
class Curve:
    """A survival as printed, in percent, with what is printed beside it."""

    survival: Printed
    error: Printed | None = None
    interval: Interval | None = None


def at_risk(
    curve: Curve, n: int, *, most: int = 1, deaths: int | None = None, least: int = 1, steps: int = STEPS
) -> AtRisk:
    """Look for numbers at risk among `n` patients that give a survival, its Greenwood error and interval.

    The estimate is the product of 1 - 1/r over the deaths (Kaplan & Meier 1958, JASA 53:457), its error the
    estimate times the root of the sum of 1/(r (r - 1)) (Greenwood 1926); r falls from death to death, since
    who died is at risk no more, and censoring only lowers it. The search is exhaustive up to `steps` nodes.

    Parameters
    ----------
    most
        solutions after which to stop.
    deaths
        the most deaths that are known to have happened.
    least
        the fewest at risk at a death that are allowed.
    """
    search = _Search(curve, n, deaths=deaths, least=least, steps=steps)
    found: list[Solution] = []
    for solution in search.solutions():
        found.append(solution)
        if len(found) == most:
            return AtRisk(tuple(found), decided=True)
    return AtRisk(tuple(found), decided=search.whole)


class _Search:
    """By number of deaths, then depth first over falling numbers at risk."""

    def __init__(self, curve: Curve, n: int, *, deaths: int | None, least: int, steps: int) -> None:
        survival = curve.survival.scaled(Fraction(1, 100))
        self.n, self.least, self.steps = n, max(least, 1), steps
        self.low, self.high = max(float(survival.low), 0.0), float(survival.high)
        self.error = curve.error and curve.error.scaled(Fraction(1, 100))
        self.interval = curve.interval
        self.most = self._most_variance()
        self.deepest = min(floor(n * (1 - self.low) + NOISE), n if deaths is None else deaths)
        self.nodes, self.whole = 0, True

    def solutions(self) -> Iterator[Solution]:
        for deaths in range(self.deepest + 1):
            if deaths > DEEPEST:
                self.whole = False
                yield from self._complete()
                return
            yield from self._deeper((), 1.0, 0.0, self.n, deaths)
            if not self.whole:
                yield from self._complete()
                return

    def _deeper(
        self, risk: Solution, product: float, variance: float, upper: int, left: int
    ) -> Iterator[Solution]:
        self.nodes += 1
        if left <= 1:
            last = self._last(risk, product, variance, upper)
            yield from last if left else self._fitting(risk, product, variance)
            return
        for r in range(upper, self.least + left - 2, -1):
            self.nodes += 1
            if self.nodes > self.steps:
                self.whole = False
            if not self.whole:
                return
            if product * (r - left) / r < self.low - NOISE:
                return  # even deaths one after another leave too few, and from fewer at risk still fewer
            moved, added = product * (r - 1) / r, variance + 1 / (r * (r - 1))
            if added > self.most + NOISE:
                return
            if moved * self._fewest_left(added, left - 1) > self.high + NOISE:
                continue  # the deaths that are left cannot lower it enough
            yield from self._deeper((*risk, r), moved, added, r - 1, left - 1)

    def _last(self, risk: Solution, product: float, variance: float, upper: int) -> Iterator[Solution]:
        """Yield the solutions with one death more: its number at risk follows from the printed survival."""
        first, last = self.least, upper
        if self.low < product:
            first = max(first, floor(1 / (1 - self.low / product) - NOISE))
        if self.high < product:
            last = min(last, ceil(1 / (1 - self.high / product) + NOISE))
        for r in range(last, first - 1, -1):
            self.nodes += 1
            added = variance + (1 / (r * (r - 1)) if r > 1 else 0.0)
            yield from self._fitting((*risk, r), product * (r - 1) / r, added)

    def _fitting(self, risk: Solution, product: float, variance: float) -> Iterator[Solution]:
        if not self.low - NOISE <= product <= self.high + NOISE:
            return
        if self.error is not None and not self.error.holds(product * variance**0.5):
            return
        if self.interval is None or self.interval.methods(product, variance):
            yield risk

    def _complete(self) -> Iterator[Solution]:
        """Yield solutions in which nobody is censored between the deaths, where the search is too long."""
        for start in range(self.n, 0, -1):
            first, last = ceil(start * (1 - self.high) - NOISE), floor(start * (1 - self.low) + NOISE)
            for deaths in range(max(first, 0), min(last, self.deepest, start - self.least + 1) + 1):
                product = (start - deaths) / start
                variance = deaths / (start * (start - deaths)) if deaths < start else 0.0
                found = tuple(range(start, start - deaths, -1))
                yield from self._fitting(found, product, variance)

    def _fewest_left(self, variance: float, deaths: int) -> float:
        """Return the least share that `deaths` more can leave within the variance that is left."""
        left = self.most - variance
        r = self.least
        if left < inf:
            r = max(r, ceil(0.5 + (0.25 + 1 / (left + NOISE)) ** 0.5 - NOISE) if left > 0 else self.n)
        return (r - 1) / (r + deaths - 1)

    def _most_variance(self) -> float:
        """Return the largest sum of 1/(r (r - 1)) with which some survival has the error and interval."""
        most = inf
        if self.error is not None and self.low > 0:
            most = (float(self.error.high) / self.low) ** 2
        if self.interval is not None:
            most = min(most, most_variance(self.interval, self.low, self.high))
        return most
