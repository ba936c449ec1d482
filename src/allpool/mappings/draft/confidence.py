"""How sure a suggestion is, from its score and its lead over the next best."""

from __future__ import annotations

LEAD = 0.12
"""Lead over the runner-up from which only the score itself counts."""
TIED = 0.62
"""What is left of the score where two readings fit alike."""


def confidence(score: float, runner_up: float) -> float:
    """Return the confidence of a reading with `score` when the next best has `runner_up`, both 0 to 1.

    The shape is set so that of the readings from 0.8 on at least 95 in 100 are right (docs/draft.md).
    """
    lead = min(1.0, max(0.0, score - runner_up) / LEAD)
    return round(max(0.0, min(1.0, score * (TIED + (1 - TIED) * lead))), 3)
