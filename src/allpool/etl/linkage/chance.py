"""Chance: how often two different people are equal, near, or differ, taken from the store itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from allpool.etl.linkage.parameters import Comparison, Level, Parameters

Floats = NDArray[np.float64]
HALF: Final = 0.5
"""Added to a count of pairs, so that no share is 0 or 1 (Haldane, Ann Hum Genet 1956;20:309)."""


def shares_by_chance(persons: pl.DataFrame, parameters: Parameters) -> dict[str, dict[Level, float]]:
    """Return comparison -> level -> share of pairs of patients at it (u of Fellegi and Sunter).

    All pairs are counted, also within a study: next to none of them are one person, and those who are weigh
    little, since a day's share is taken from the pairs within a window around it. Dates that hang together
    are as likely equal as they are among people with the same first day of treatment.
    """
    given = parameters.comparisons[parameters.dependent.given].column
    found: dict[str, dict[Level, float]] = {}
    for name, item in parameters.comparisons.items():
        if not item.is_ordered:
            found[name] = _alike(persons[item.column].drop_nulls(), item)
            continue
        equal, near = _near(persons[item.column].drop_nulls(), item)
        if name in parameters.dependent.on:
            since = persons.select(since=pl.col(item.column) - pl.col(given))["since"].drop_nulls()
            others = _near(since, item)
            equal, near = max(equal, others[0]), max(near, others[1])
        found[name] = {"equal": equal, "near": near, "differs": max(1 - equal - near, item.least)}
    return found


def pairs_apart(persons: pl.DataFrame) -> int:
    """Return the number of pairs of patients of different studies or centres."""
    n = persons.height
    groups: list[int] = persons.group_by("study", "centre").len()["len"].to_list()
    return (n * n - sum(size * size for size in groups)) // 2


def prior(persons: pl.DataFrame, parameters: Parameters) -> float:
    """Return the share of those pairs that are expected to be one person."""
    expected = parameters.prior.duplicated * persons.height
    return min(expected / max(pairs_apart(persons), 1), 0.5)


def _alike(values: pl.Series, item: Comparison) -> dict[Level, float]:
    """Return the share of pairs that agree in a category."""
    n = values.len()
    counts = values.value_counts()["count"].to_list()
    pairs = n * (n - 1) / 2
    agree = sum(count * (count - 1) / 2 for count in counts)
    equal = min(max((agree + HALF) / (pairs + 2 * HALF), item.least), 1 - item.least)
    return {"equal": equal, "differs": 1 - equal}


def _near(values: pl.Series, item: Comparison) -> tuple[float, float]:
    """Return the shares of pairs that are equal, and that are near."""
    within = _share_within(values.cast(pl.Float64).to_numpy(), item.window)
    breadth = 2 * item.window + 1
    equal = within * (2 * item.equal_within + 1) / breadth
    near = within * 2 * (item.near_within - item.equal_within) / breadth
    return min(max(equal, item.least), HALF), min(max(near, item.least), HALF / 2)


def _share_within(values: Floats, distance: float) -> float:
    """Return the share of pairs that lie within a distance of each other."""
    ordered = np.sort(values)
    n = ordered.size
    pairs = n * (n - 1) / 2
    reach = np.searchsorted(ordered, ordered + distance, side="right") - np.arange(1, n + 1)
    return float((reach.sum() + HALF) / (pairs + 2 * HALF))


def weights(parameters: Parameters, chance: Mapping[str, Mapping[Level, float]]) -> pl.DataFrame:
    """Return comparison, level, m, u and weight (log2 of m over u), as a person may want to read them."""
    rows = [
        {"comparison": name, "level": level, "m": m, "u": chance[name][level]}
        for name, item in parameters.comparisons.items()
        for level, m in item.m.items()
    ]
    return pl.DataFrame(rows).with_columns(weight=(pl.col("m") / pl.col("u")).log(2))
