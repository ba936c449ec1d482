"""The unit of a numeric column: as its name states it, else as the size of its numbers alone allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from allpool.mappings.dictionary import DataElement, Usual
from allpool.mappings.draft.header import Header
from allpool.mappings.draft.targets import Target
from allpool.mappings.profile import ColumnProfile
from allpool.mappings.units.conversion import Conversion, Scale

SLACK = 1.02
"""A little above the bound is rounding, not another unit."""
MIDDLE, LOW, HIGH, UPPER = 0.5, 0.01, 0.99, 0.75
"""Quantiles of a column that bounds are held against."""


@dataclass(frozen=True)
class Fit:
    """Which unit a column may be in."""

    verdict: Literal["fits", "unusual", "out of range", "no unit fits"]
    reason: str
    unit: str | None = None
    units: tuple[str, ...] = ()


def fitting_units(target: Target, header: Header, column: ColumnProfile) -> Fit:
    """Return the unit of `column` as `target`: of the name where it states one, else the only one that fits.

    Units of the same numbers (10*9/L and 10*3/uL) count as one. Where two readings fit, none is chosen.
    """
    element = target.element
    if element is None:
        return Fit("fits", "")
    if element.unit is None:
        if header.units and header.units[0] not in ("%", "d", "1"):
            return Fit(
                "no unit fits", f"the name states a unit ({header.unit_text}) and the element has none"
            )
        return _unitless(element, column)
    scale = Scale(element.unit, element.units, element.molar_mass.value if element.molar_mass else None)
    stated = _stated(header, scale)
    if header.units and not stated:
        return Fit("no unit fits", f"the unit {header.unit_text} is none of the element's")
    candidates = stated or {unit: scale.conversion(unit) for unit in element.units}
    inside = {unit: how for unit, how in candidates.items() if _inside(element, column, how)}
    if not inside:
        return Fit("out of range", "the numbers lie outside the plausible range")
    usual = {unit: how for unit, how in inside.items() if _usual(element.usual, column, how)}
    if stated:
        if not usual:
            said = f"numbers in {next(iter(inside))} by its name, but not of the usual size for it"
            return Fit("unusual", said, units=tuple(element.units))
        unit = next(iter(usual))
        return Fit("fits", f"numbers in {unit}, of plausible size", unit=unit)
    if element.usual and not usual:
        return Fit("unusual", "the numbers are not of the usual size in any unit", units=tuple(inside))
    kept = {how.factor: unit for unit, how in reversed((usual or inside).items())}
    if len(kept) == 1:
        (factor, unit), *_ = kept.items()
        unit = element.unit if scale.conversion(element.unit).factor == factor else unit
        return Fit("fits", f"numbers whose size only {unit} allows", unit=unit)
    units = tuple(reversed(kept.values()))
    return Fit("fits", f"numbers of plausible size in {' or '.join(units)}", units=units)


def _stated(header: Header, scale: Scale) -> Mapping[str, Conversion]:
    found: dict[str, Conversion] = {}
    for unit in header.units:
        try:
            found[unit] = scale.conversion(unit)
        except ValueError:
            continue
    return found


def _unitless(element: DataElement, column: ColumnProfile) -> Fit:
    if element.range is not None and column.quantiles:
        low, high = column.quantiles.get(LOW, 0.0), column.quantiles.get(HIGH, 0.0)
        bounds = element.range
        if (bounds.low is not None and low < bounds.low) or (bounds.high is not None and high > bounds.high):
            return Fit("out of range", "the numbers lie outside the range of the element")
    return Fit("fits", "numbers within the range of the element")


def _inside(element: DataElement, column: ColumnProfile, how: Conversion) -> bool:
    bounds = element.range
    if bounds is None or not column.quantiles:
        return True
    low, high = (how.of(column.quantiles.get(part, 0.0)) for part in (LOW, HIGH))
    return (bounds.low is None or low >= bounds.low / SLACK) and (
        bounds.high is None or high <= bounds.high * SLACK
    )


def _usual(usual: Usual | None, column: ColumnProfile, how: Conversion) -> bool:
    """Return whether the numbers are of the size that a column of this element usually has."""
    if usual is None or not column.quantiles:
        return True
    middle, upper, top = (how.of(column.quantiles.get(part, 0.0)) for part in (MIDDLE, UPPER, HIGH))
    if usual.median is not None and middle > 0 and not usual.median.holds(middle):
        return False
    if usual.upper is None:
        return True
    low, high = usual.upper.low, usual.upper.high
    return (low is None or top >= low) and (high is None or upper <= high * SLACK)
