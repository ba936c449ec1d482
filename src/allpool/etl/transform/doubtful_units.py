"""Columns whose values, as a whole, look like another unit than the one that the mapping names.

Nothing is chosen: the cells wait, and the sentence with them names both readings. Zeros say the same in each
unit and are left out, and so are values with a comparator and words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from allpool.etl.transform.source import Prepared
from allpool.etl.transform.unit_groups import Column, Group, Values, unit_groups
from allpool.mappings.dictionary import Span, Usual
from allpool.mappings.units.conversion import Conversion

FEWEST: Final = 10
"""Positive values from which a column is judged. The decimal logarithms of a cohort's white cells, the widest
of the analytes but for MRD, have a standard deviation of about 0.7: the median of ten errs by
1.25 * 0.7 / sqrt(10) = 0.28, a factor of two, where the units that the guard is for differ by ten or more."""
FEW: Final = 5
FAR: Final = 10.0
"""Positive values from which a column is judged whose middle lies beyond its usual span by this factor more:
the median of five errs by 1.25 * 0.7 / sqrt(5) = 0.39, and two such errors are a factor of six."""
FEWEST_DIFFERENT: Final = 5
"""Different values among them, where the upper end must not be low: 0, 0.5 and 1 % of blasts are percents."""
UPPER: Final = 0.9


def doubtful_units(prepared: Sequence[Prepared]) -> Mapping[Column, str]:
    """Return the unit groups that are in doubt, each with the sentence of what was expected.

    A column that has too few values is judged together with the other such columns of its source, element,
    unit and centre.
    """
    groups: dict[Column, list[Group]] = {}
    for item in prepared:
        for group in unit_groups(item):
            groups.setdefault(group.key, []).append(group)
    found: dict[Column, str] = {}
    for related in (False, True):  # those that others are compared with come first
        few: dict[tuple[str, str, str, str], list[Group]] = {}
        for key, parts in sorted(groups.items()):
            if (parts[0].usual.not_below is not None) != related:
                continue
            if sum(int(part.times.sum()) for part in parts) < FEWEST:
                few.setdefault((parts[0].source, key.element, key.unit, key.centre), []).extend(parts)
            elif sentence := _doubt(parts, found):
                found[key] = sentence
        for parts in few.values():
            if sentence := _doubt(parts, found):
                found.update((part.key, sentence) for part in parts)
    return found


def _doubt(groups: Sequence[Group], doubted: Mapping[Column, str]) -> str | None:
    """Return the sentence where the values are implausible as declared and plausible in another unit."""
    first, numbers = groups[0], np.concatenate([group.numbers for group in groups])
    times = np.concatenate([group.times for group in groups])
    if times.sum() < FEW:
        return None
    usual = first.usual
    if usual.upper and usual.upper.low is not None and len(np.unique(numbers)) < FEWEST_DIFFERENT:
        return None
    ratios, pairs = _ratios(groups, doubted)
    look = _Look(
        _quantile(numbers, times, 0.5),
        _quantile(numbers, times, UPPER),
        _quantile(ratios, pairs, 0.5) if pairs.sum() >= FEWEST else None,
    )
    wrong = _implausible(look, usual if times.sum() >= FEWEST else _wider(usual), first.way, first.way)
    if wrong is None:
        return None
    ways = {unit: first.scale.conversion(unit) for unit in first.scale.listed}
    fitting = {
        way: unit
        for unit, way in reversed(ways.items())
        if way != first.way and _implausible(look, usual, way, first.way) is None
    }
    if not fitting:
        return None
    readings = " or ".join(sorted(fitting.values(), key=list(ways).index))
    return (
        f"a number in {first.key.unit}; read so, {wrong.format(unit=first.scale.canonical)}, and read as "
        f"{readings} the column would look as is usual: name the right unit, or say why this one is right "
        "(`unit_confirmed`)"
    )


def _wider(usual: Usual) -> Usual:
    """Return what a column of few values looks like: its middle may lie farther out."""
    return usual.model_copy(update={"median": _farther(usual.median), "upper": _farther(usual.upper)})


def _farther(span: Span | None) -> Span | None:
    if span is None:
        return None
    return Span(
        low=None if span.low is None else span.low / FAR, high=None if span.high is None else span.high * FAR
    )


class _Look(NamedTuple):
    """Median and upper end of the values as declared, and the middle of their ratios to the sibling's."""

    median: float
    upper: float
    ratio: float | None


def _implausible(look: _Look, usual: Usual, way: Conversion, declared: Conversion) -> str | None:
    """Return why the values, read as `way` does, do not look as is usual; None where they do."""
    for span, value, what in (
        (usual.median, look.median, "the middle of the column"),
        (usual.upper, look.upper, "the upper end of the column"),
    ):
        amount = way.of(value)
        if span is not None and not span.holds(amount):
            side, limit = (
                ("below", span.low) if span.low is not None and amount < span.low else ("above", span.high)
            )
            return f"{what} lies {side} {limit:g} {{unit}}"
    if look.ratio is not None and look.ratio * way.factor / declared.factor < 1 - 1e-9:
        return f"most values lie below the {usual.not_below} of their rows"
    return None


def _ratios(groups: Sequence[Group], doubted: Mapping[Column, str]) -> tuple[Values, npt.NDArray[np.int64]]:
    """Return value over sibling's value, and how often; a sibling that is in doubt itself says nothing."""
    told = [group for group in groups if group.siblings is not None and group.sibling not in doubted]
    if not told:
        return np.empty(0), np.empty(0, dtype=np.int64)
    ratios = [
        (group.numbers * group.way.factor + group.way.offset) / np.asarray(group.siblings) for group in told
    ]
    return np.concatenate(ratios), np.concatenate([group.times for group in told])


def _quantile(values: Values, times: npt.NDArray[np.int64], at: float) -> float:
    """Return the smallest value that at least the share `at` of all does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(times[order])
    return float(values[order][np.searchsorted(reached, at * reached[-1])])
