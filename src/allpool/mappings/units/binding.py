"""The units that a mapping names, checked against the element when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from allpool.mappings.positions import Document, Location
from allpool.mappings.schema import UnitColumn
from allpool.mappings.units.conversion import Scale
from allpool.mappings.units.written import folded, suggestion


def check_units(document: Document, at: Location, unit: str | UnitColumn | None, scale: Scale) -> None:
    """Fail with file and line where no unit is named, or one that does not lead to the element's own."""
    if unit is None:
        document.fail(f"the unit of this column is not said; accepted are {scale.accepted}", at)
    if isinstance(unit, str):
        _check(document, unit, scale, (*at, "unit"))
        return
    for text, code in unit.codes.items():
        _check(document, code, scale, (*at, "unit", "codes", text))


def folded_codes(unit: UnitColumn) -> Mapping[str, str]:
    """Return what the mapping says of a unit column's texts, as these are compared."""
    return {folded(text): code for text, code in unit.codes.items()}


def _check(document: Document, unit: str, scale: Scale, at: Location) -> None:
    try:
        scale.conversion(unit)
    except ValueError as wrong:
        near = suggestion(unit, scale)
        hint = f"; did you mean {near}?" if near else ""
        document.fail(
            f"unit '{unit}' is not accepted here ({wrong}){hint}; accepted are {scale.accepted}", at
        )
