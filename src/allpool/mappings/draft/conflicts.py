"""Columns of one table that claim the same thing: the patient's key, or one field twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from allpool.mappings.draft.suggestion import Suggestion
from allpool.mappings.profile import TableProfile

if TYPE_CHECKING:
    from allpool.mappings.draft.reading import Reading

KEY_KINDS = ("patient_key", "medical_record_number")
KEY_BY_CELLS = 0.75
"""Confidence of a key that only its cells speak for."""
DOUBTED = 0.78
"""What is left of the confidence of a column that another claims the same field beside."""
NEAR = 0.1
"""Difference in confidence up to which two claims count as equal."""


def keyed(found: Sequence[Suggestion], table: TableProfile) -> list[Suggestion]:
    """Return the suggestions with a patient key, where a column looks like one and none is named so."""
    if any(item.element == "subject_id" for item in found):
        return list(found)
    for column, item in zip(table.columns, found, strict=True):
        full = column.filled >= 0.98 * column.rows > 0
        if full and column.identifier is not None and column.identifier.kind in KEY_KINDS:
            key = replace(
                item,
                element="subject_id",
                record="structure",
                field="patient",
                confidence=KEY_BY_CELLS,
                reason=f"Every row has one, and it looks like a {column.identifier.kind.replace('_', ' ')}.",
                unit=None,
                units=(),
                code_table=None,
                date_format=None,
            )
            return [key if other is item else other for other in found]
    return list(found)


def told_apart(found: Sequence[Suggestion], readings: Sequence[Reading]) -> list[Suggestion]:
    """Return the suggestions, less sure where two columns claim one field and nothing tells them apart.

    A timepoint, course or number in the names tells them apart. The clearly better claim stays as it is.
    """
    claims: dict[tuple[object, ...], list[int]] = {}
    for place, item in enumerate(found):
        if item.element is None or item.field in (None, "timepoint", "specimen", "unit", "analyte"):
            continue
        instance = readings[place].header.instance
        key = (item.record, item.field, item.element, item.timepoint, item.course, instance)
        claims.setdefault(key, []).append(place)
    changed = list(found)
    for places in claims.values():
        best = max(found[place].confidence for place in places)
        top = [place for place in places if found[place].confidence >= best - NEAR]
        for place in places:
            if (
                len(places) > 1
                and (place not in top or len(top) > 1)
                and found[place].element not in REPEATED
            ):
                item = found[place]
                changed[place] = replace(
                    item,
                    confidence=round(item.confidence * DOUBTED, 3),
                    reason=f"{item.reason[:-1]}; another column says the same.",
                )
    return changed


REPEATED = frozenset({"ae_grade", "ae_term"})
"""Elements of which a wide table has a column for each kind (grades of several adverse events)."""
