"""Seeded random draws that depend on `random.Random.random` only, so that they stay the same in
every Python version."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of draws for one study; `key` keeps the streams of the studies apart."""

    def __init__(self, seed: int, key: str) -> None:
        self._source = random.Random(f"{key}:{seed}")

    def uniform(self, low: float, high: float, digits: int | None = None) -> float:
        value = low + (high - low) * self._source.random()
        return value if digits is None else round(value, digits)

    def between(self, low: int, high: int) -> int:
        """An integer in low..high, both ends included."""
        return low + int((high - low + 1) * self._source.random())

    def chance(self, probability: float) -> bool:
        return self._source.random() < probability

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        if weights is None:
            return options[self.between(0, len(options) - 1)]
        threshold = self._source.random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            threshold -= weight
            if threshold < 0:
                return option
        return options[-1]

    def normal(self, mean: float, deviation: float) -> float:
        radius = math.sqrt(-2 * math.log(1 - self._source.random()))
        return mean + deviation * radius * math.cos(2 * math.pi * self._source.random())

    def skewed(self, median: float, spread: float, *, low: float, high: float, digits: int) -> float:
        """A lognormal value with the given median and log standard deviation, kept within low..high."""
        return round(min(high, max(low, median * math.exp(self.normal(0, spread)))), digits)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.between(0, last)
            result[last], result[other] = result[other], result[last]
        return result
