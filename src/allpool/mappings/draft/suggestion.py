"""What the draft proposes for a column, with how sure it is and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

CONFIDENT = 0.8
"""From here on a suggestion is taken into a draft mapping as it is; below, it waits there as a comment."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another reading of the column."""

    element: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What one column most likely is."""

    column: str
    element: str | None
    """Data element, or None where the dictionary has none for the column or nothing speaks for one."""
    record: str | None
    """Record that a mapping would fill, or `structure` for the patient key, study and centre."""
    field: str | None
    confidence: float
    """0 to 1; confident from 0.8."""
    reason: str
    unit: str | None = None
    """UCUM unit of the numbers, where one alone fits."""
    units: tuple[str, ...] = ()
    """Units that fit where more than one does: the data manager says which."""
    code_table: str | None = None
    codes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Value -> code, for the frequent values that the code table knows."""
    unknown: tuple[str, ...] = ()
    """Frequent values that the code table does not know."""
    date_format: str | None = None
    timepoint: str | None = None
    """Code of the timepoint that the column's name states."""
    course: int | None = None
    """Number of the course that the column's name states."""
    event: str | None = None
    """Code of the adverse event that the column is named after; it holds its grade or occurrence."""
    identifier: str | None = None
    """Kind of direct identifier that the column looks like; such a column is ignored or the patient key."""
    alternatives: tuple[Alternative, ...] = ()

    @property
    def is_confident(self) -> bool:
        """Whether a draft takes it as it is."""
        return self.confidence >= CONFIDENT
