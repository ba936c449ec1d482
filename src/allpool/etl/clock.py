"""How far the night is, and how long each step of a feed took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol


class Watch(Protocol):
    """Told how far the night is; a progress bar, or nothing."""

    def step(self, feed: str, name: str) -> None:
        """Say that `feed` has come to the step `name`."""


class Clock:
    """The seconds that each step of one feed took; steps of other feeds may run at the same time."""

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = perf_counter()
        yield
        self.add(name, perf_counter() - began)

    def add(self, name: str, seconds: float) -> float:
        """Add time to a step; return it."""
        self.steps[name] = self.steps.get(name, 0.0) + seconds
        return seconds

    @property
    def seconds(self) -> float:
        """Seconds of all steps so far."""
        return sum(self.steps.values())
