"""Records of the consortium's own files of published figures, in the plain form that arithmetic reads.

The plain form has one mapping per figure; ours (`analysis/published/forms.py`) has `printed` figures, and
parts where a record prints several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SUMMARY = ("median", "mean", "min", "max", "q1", "q3")
SAME = ("numerator", "denominator", "percent", "value", "p")


def translated(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a record's figures in the plain form; a record of the plain form is itself."""
    if "record" not in record:
        yield record
        return
    about = {
        name: record[name]
        for name in ("location", "population", "statistic", "scope", "unit")
        if name in record
    }
    if "at" in record:
        about["time"] = record["at"]
    parts = record.get("parts")
    if isinstance(parts, Mapping) and parts:
        for name, part in parts.items():
            figures = part.get("printed") if isinstance(part, Mapping) else None
            yield {**about, "id": f"{record['record']}_{name}", **_plain(figures, record)}
        return
    yield {**about, "id": record["record"], **_plain(record.get("printed"), record)}


def _plain(figures: object, record: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(figures, Mapping):
        return {"value": record["words"]} if "words" in record else {}
    found: dict[str, Any] = {name: figures[name] for name in SAME if name in figures}
    if "standard_error" in figures:
        found["se"] = figures["standard_error"]
    if "lower" in figures and "upper" in figures:
        found["ci"] = {"lo": figures["lower"], "hi": figures["upper"], "level": record.get("level", "95")}
    if summary := {name: figures[name] for name in SUMMARY if name in figures}:
        found["value"] = summary
    if "values" in figures:
        found["value"] = figures["values"]
    for name in ("hazard_ratio", "odds_ratio"):
        if name in figures:
            found["value"] = figures[name]
    if str(record.get("statistic", "")) == "km_median" and "median" in figures:
        found["value"] = figures["median"]
    return found
