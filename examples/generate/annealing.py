"""Simulated annealing for the designs of the synthetic cohorts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from examples.generate.draws import Draws

S = TypeVar("S")


def climb(
    state: S,
    *,
    cost: Callable[[S], float],
    move: Callable[[S], S],
    draws: Draws,
    steps: int,
    heat: float,
) -> tuple[S, float]:
    """Simulated annealing down to cost 0; returns the best state and its cost."""
    current, best = state, state
    current_cost = best_cost = cost(state)
    for step in range(steps):
        if best_cost <= 0:
            break
        candidate = move(current)
        candidate_cost = cost(candidate)
        temperature = heat * (1 - step / steps) + 1e-9
        if candidate_cost <= current_cost or draws.chance(
            math.exp((current_cost - candidate_cost) / temperature)
        ):
            current, current_cost = candidate, candidate_cost
            if current_cost < best_cost:
                best, best_cost = current, current_cost
    return best, best_cost


def gap(value: float, target: float, tolerance: float) -> float:
    """How far a value lies outside target +- tolerance, in units of the tolerance."""
    return max(0.0, abs(value - target) / tolerance - 1)


def log_gap(p: float, low: float, high: float) -> float:
    """How far a P value lies outside low..high on the log scale."""
    p = max(p, 1e-12)
    return max(0.0, math.log(low / p), math.log(p / high)) * 4
