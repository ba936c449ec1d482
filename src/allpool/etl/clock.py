"""How far the night is, and how long each step of a feed took."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol


class Watch(Protocol):
    """Told how far the night is; a progress bar, or nothing."""

    def step(self, feed: str, name: str) -> None:
        """Say that `feed` has come to the step `name`."""


class Clock:
    """Times the steps of one feed and tells the watch."""

    def __init__(self, watch: Watch, feed: str) -> None:
        self._watch, self._feed = watch, feed
        self._since = perf_counter()
        self._name: str | None = None
        self.steps: dict[str, float] = {}

    def step(self, name: str) -> None:
        """Say that the feed has come to a step."""
        self.pause()
        self._name, self._since = name, perf_counter()
        self._watch.step(self._feed, name)

    def pause(self) -> None:
        """Stop the time of the step at hand."""
        if self._name is not None:
            self.add(self._name, perf_counter() - self._since)
            self._name = None

    def add(self, name: str, seconds: float) -> None:
        """Add time to a step."""
        self.steps[name] = self.steps.get(name, 0.0) + seconds

    def stop(self) -> float:
        """Stop, and return the seconds of all steps."""
        self.pause()
        return sum(self.steps.values())
