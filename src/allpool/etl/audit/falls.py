"""Whether a delivery brings fewer patients or rows than it should, seen from the earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from allpool.etl.audit.trend import Trend

Mode = Literal["snapshot", "append"]
LOSS: Final = 0.02
"""Share of the rows of a snapshot that may go between two deliveries as a matter of course: withdrawn
consents, entries that a centre corrects. Chosen by us; what goes beyond it is tested against it."""
RUNS: Final = 5
"""Earlier deliveries from which the spread of an appending feed is known at all."""


def falls(
    now: Mapping[str, int], earlier: Mapping[str, Sequence[int]], *, mode: Mode, settings: Trend
) -> dict[str, int]:
    """Return name -> how many are missing, where a number is lower than chance explains.

    `now` gives the numbers delivered by name (patients, rows of a table), `earlier` those of earlier
    deliveries, the latest first. A snapshot brings everything again: what is missing is compared with the
    last delivery, by the binomial test of more than `LOSS` lost. An appending feed brings new rows alone: its
    number is compared with all earlier ones as Poisson counts, spread as widely as they were. The rate of
    false alarms is kept over all names together (Bonferroni).
    """
    names = [name for name in now if earlier.get(name)]
    level = settings.false_alarms / 2 / max(len(names), 1)
    found = {}
    for name in names:
        before = earlier[name]
        expected = before[0] if mode == "snapshot" else round(sum(before) / len(before))
        missing = expected - now[name]
        if expected < settings.rows or missing < settings.failed:
            continue
        chance = _lost(missing, expected) if mode == "snapshot" else _fewer(now[name], before)
        if chance <= level:
            found[name] = missing
    return found


def _lost(missing: int, expected: int) -> float:
    """Return the chance that a snapshot loses so many or more."""
    from scipy.stats import binom

    return float(binom.sf(missing - 1, expected, LOSS))


def _fewer(number: int, before: Sequence[int]) -> float:
    """Return the chance of so few or fewer, given the sum: binomial, of counts shrunk by their spread."""
    from scipy.special import betainc

    if len(before) < RUNS:
        return 1.0
    mean = sum(before) / len(before)
    spread = sum((count - mean) ** 2 for count in before) / (len(before) - 1)
    dispersion = max(1.0, spread / mean) if mean else 1.0
    runs = len(before)
    return float(betainc(sum(before) / dispersion, number / dispersion + 1, runs / (runs + 1)))
