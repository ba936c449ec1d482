"""Whether a rule fails more often than it used to in the same feed.

The test is Fisher's exact one, one-sided: given how many rows fail now and before together, how likely are
so many of them among the rows of now (Fisher RA, J R Stat Soc 1935;98:39). It holds at any number of rows. A
feed has a hundred rules, so the rate of false alarms is kept over all of them together by Tarone's
correction, which leaves out rules that could not be significant however their failing rows fell (Tarone RE,
Biometrics 1990;46:515).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trend:
    """When a rule is raised because it fails more often than it used to."""

    false_alarms: float = 0.01
    """Chance that a delivery in which nothing has changed raises anything: half of it for the shares of all
    rules together, half for the numbers delivered."""
    runs: int = 20
    """Earlier deliveries that are looked at, the latest ones."""
    rows: int = 10
    """Least rows now, and least earlier; with fewer nothing is usual."""
    failed: int = 3
    """Least failing rows now."""
    times: float = 1.5
    """Least factor over the usual share: in a million rows less is significant, and no jump."""


@dataclass(frozen=True)
class Earlier:
    """What a rule found in the earlier deliveries of a feed."""

    rows: int
    failed: int
    runs: int

    @property
    def share(self) -> float:
        """The share of failing rows over all of them."""
        return self.failed / self.rows if self.rows else 0.0

    def as_one(self) -> Earlier:
        """Return the mean delivery: a snapshot brings the same rows again, which count once."""
        runs = max(self.runs, 1)
        return Earlier(round(self.rows / runs), round(self.failed / runs), 1)


def usual_shares(earlier: Mapping[str, Earlier], settings: Trend) -> dict[str, float]:
    """Return rule -> share of failing rows that is usual, where there were rows enough to say so."""
    return {rule: found.share for rule, found in earlier.items() if found.rows >= settings.rows}


def jumps(
    now: Mapping[str, tuple[int, int]], earlier: Mapping[str, Earlier], settings: Trend
) -> frozenset[str]:
    """Return the rules that fail significantly more often than they used to.

    `now` gives rule -> (rows, failing rows) of this delivery; `earlier` counts each row once.
    """
    names = [
        rule
        for rule, (rows, _) in now.items()
        if rule in earlier and min(rows, earlier[rule].rows) >= settings.rows
    ]
    names = [rule for rule in names if now[rule][1] + earlier[rule].failed > 0]
    if not names:
        return frozenset()
    rows, failed = (np.array([now[rule][place] for rule in names]) for place in (0, 1))
    before = np.array([earlier[rule].rows for rule in names])
    together = failed + np.array([earlier[rule].failed for rule in names])
    level = _level(_tail(np.minimum(together, rows), rows, before, together), settings.false_alarms / 2)
    found = _tail(failed, rows, before, together) <= level
    usual = (together - failed) / before
    clear = (failed >= settings.failed) & (failed / rows >= settings.times * usual)
    return frozenset(rule for rule, raised in zip(names, found & clear, strict=True) if raised)


Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Chances = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _tail(failed: Counts, rows: Counts, before: Counts, together: Counts) -> Chances:
    """Return the chance of `failed` or more of the failing rows among those of now."""
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.sf(failed - 1, rows + before, together, rows), dtype=np.float64)


def _level(least: Chances, alpha: float) -> float:
    """Return Tarone's level: `alpha` over the number of rules that can reach it."""
    for number in range(1, len(least) + 1):
        if np.count_nonzero(least <= alpha / number) <= number:
            return alpha / number
    return alpha / len(least)
