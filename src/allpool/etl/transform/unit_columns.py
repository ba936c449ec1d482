"""Columns of units: each distinct text is understood once, or has a suggestion."""

from __future__ import annotations

from typing import Final

import polars as pl

from allpool.etl.transform.reading import UnitCell
from allpool.etl.transform.source import Prepared
from allpool.mappings.plan import FieldPlan
from allpool.mappings.units.binding import folded_codes
from allpool.mappings.units.conversion import Scale
from allpool.mappings.units.written import suggestion, understood

MOST: Final = 200
"""Distinct texts beyond which a column is none of units, and not searched for what they might mean."""


def unit_cell(prepared: Prepared, plan: FieldPlan) -> UnitCell | None:
    """Return what the field's own column of units says, or None where the mapping says the unit itself."""
    unit, scale = plan.binding.unit, plan.units
    if unit is None or isinstance(unit, str) or scale is None:
        return None
    column = prepared.actual(unit.column)
    if column is None:
        return UnitCell(pl.lit(None, dtype=pl.String), {}, {})
    texts = prepared.wordings(column).distinct
    codes = folded_codes(unit)
    if len(texts) > MOST:
        texts = [text for text in texts if text in scale.listed or text in unit.codes]
    found = {text: understood(text, scale, codes) for text in texts}
    known = {text: said for text, said in found.items() if said is not None}
    near = {text: _sentence(text, scale) for text in texts if text not in known}
    return UnitCell(pl.col(column), known, {text: said for text, said in near.items() if said is not None})


def _sentence(text: str, scale: Scale) -> str | None:
    """Return what would be accepted; the text itself stays out, for it may be anything."""
    near = suggestion(text, scale)
    if near is None:
        return None
    return f"a unit out of {scale.accepted}; it looks like {near}: if so, say that under the unit's `codes`"
