"""Units of time in results; the store keeps days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from allpool.errors import AnalysisError

DAYS: Final[Mapping[str, float]] = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
"""Days per unit. A month is a twelfth of the Julian year of 365.25 days."""


def days_per(unit: str) -> float:
    """Return the days in `unit`; `AnalysisError` lists the units there are."""
    if unit not in DAYS:
        raise AnalysisError(f"there is no unit of time '{unit}'; there are {', '.join(DAYS)}")
    return DAYS[unit]
