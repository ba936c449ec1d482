"""One record as a row of published_estimate: what is printed, its agreement, and how it was recomputed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from allpool.analysis.published.forms import Figures, PublishedRecord
from allpool.analysis.published.recipes import ProportionRecipe, SurvivalRecipe
from allpool.analysis.published.recompute import RecordResult
from allpool.analysis.published.recomputed import Value
from allpool.analysis.published.wording import (
    corrected_line,
    method_line,
    printed_line,
    recomputed_line,
)

SHARES = ("percent", "lower", "upper", "standard_error")
"""Quantities in percent; the columns of published_estimate hold fractions."""
MAIN = ("percent", "value", "median", "mean", "sum", "hazard_ratio", "odds_ratio", "p")
"""Quantities of which the first that is printed is the record's number."""


def estimate_row(result: RecordResult) -> dict[str, Any]:
    """Return one record as a row of published_estimate, JSON columns as values."""
    record = result.record
    ours = record.ours
    printed = record.printed or next((part.part.printed for part in result.parts), None)
    single = printed if record.printed is not None else None
    recipe = record.recompute
    refused = [part.refused for part in result.parts if part.refused]
    reason = record.not_recomputed.reason if record.not_recomputed is not None else None
    notes = [text for text in (reason, record.differs, record.check, *refused) if text]
    main = next((name for name in MAIN if single is not None and name in single.given), None)
    value = next(
        (item.value for part in result.parts for item in part.compared if item.quantity == main), None
    )
    interval = recipe.interval if isinstance(recipe, ProportionRecipe | SurvivalRecipe) else None
    return {
        "study": result.study,
        "record": record.record,
        "location": record.location,
        "population": record.population,
        "population_id": ours.population if ours else None,
        "endpoint": ours.endpoint if ours else None,
        "definition": ours.definition if ours else None,
        "definition_note": ours.note if ours else None,
        "statistic": record.statistic,
        "numerator": _whole(single, "numerator"),
        "denominator": _whole(single, "denominator") or (ours.n if ours else None),
        "value": _number(single, main),
        "lower": _number(single, "lower", main),
        "upper": _number(single, "upper", main),
        "level": float(record.level) / 100 if record.level else None,
        "standard_error": _number(single, "standard_error", main),
        "at": float(record.at) if record.at else None,
        "time_unit": record.unit if record.at else None,
        "unit": None if main == "percent" or record.at else record.unit,
        "unit_of_analysis": record.unit_of_analysis,
        "printed": printed_line(result) or None,
        "details": _details(result, {"scope": record.scope, "interval": interval}),
        "flags": list(record.flags),
        "check_status": record.check,
        "agreement": result.kind,
        "recomputed": _stored(value, main),
        "method": method_line(result) or None,
        "note": "; ".join(notes) or None,
    }


def _details(result: RecordResult, more: Mapping[str, Any]) -> dict[str, Any]:
    record: PublishedRecord = result.record
    texts = {
        "words": record.words,
        "corrected": corrected_line(result),
        "recomputed": recomputed_line(result),
        **more,
    }
    details: dict[str, Any] = {name: text for name, text in texts.items() if text}
    figures = {part.name: _plain(part.part.printed) for part in result.parts}
    if not figures and record.printed is not None:
        figures[""] = _plain(record.printed)
    if figures:
        details["printed"] = figures.get("", figures)
    return details


def _plain(figures: Figures) -> dict[str, Any]:
    return {name: list(text) if isinstance(text, tuple) else text for name, text in figures.given.items()}


def _whole(figures: Figures | None, name: str) -> int | None:
    text = None if figures is None else figures.given.get(name)
    return int(text) if isinstance(text, str) else None


def _number(figures: Figures | None, name: str | None, main: str | None = None) -> float | None:
    """Return a printed number, shares as fractions."""
    text = None if figures is None or name is None else figures.given.get(name)
    if not isinstance(text, str):
        return None
    try:
        number = float(text)
    except ValueError:  # a median that is not reached
        return None
    return _stored(number, "percent" if main == "percent" and name in SHARES else name)


def _stored(value: Value, name: str | None) -> float | None:
    if not isinstance(value, int | float) or not isfinite(value):
        return None
    return value / 100 if name == "percent" else float(value)
