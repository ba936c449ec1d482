"""The patients that stand beside each clinical rule, as rows of the staging tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Boolean, Float, Integer

from allpool.etl.audit.clinical import ClinicalRule
from allpool.etl.audit.clinical.files import Example
from allpool.etl.audit.clinical.selects import PATIENTS
from allpool.etl.audit.moments import partial_dates
from allpool.models import STAGING

Rows = dict[str, list[dict[str, Any]]]
COMPONENT = "observation_component"


@dataclass
class Patient:
    """One example of one rule: its rows, and the ids of those that fail."""

    name: str
    rows: Rows = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)


def patients(rule: ClinicalRule) -> Iterator[Patient]:
    """Yield the patients of a rule."""
    for number, example in enumerate(rule.fails):
        patient = _patient(f"{rule.id}/fails/{number}", example)
        if not patient.wrong:
            patient.wrong = {row["id"] for row in patient.rows[rule.row.table]}
        yield patient
    for number, example in enumerate(rule.holds):
        yield _patient(f"{rule.id}/holds/{number}", example)


def _patient(name: str, example: Example) -> Patient:
    found = Patient(name)
    for table, given in example.items():
        for number, row in enumerate(given):
            key = f"{name}/{table}/{number}" if table != "patient" else f"{name}/{row.get('id', 0)}"
            if row.get("wrong") == "yes":
                found.wrong.add(key)
            found.rows.setdefault(table, []).append(_row(table, key, f"{name}/0", row))
            for element, value in row.get("parts", {}).items():
                column = "value_boolean" if value in ("true", "false") else "value_quantity"
                component = {"data_element": element, column: value}
                found.rows.setdefault(COMPONENT, []).append(
                    {**_row(COMPONENT, f"{key}/{element}", name, component), "observation_id": key}
                )
    return found


def _row(table: str, key: str, patient: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": key}
    reference = PATIENTS.get(table, "subject_id")
    if reference != "id" and reference in STAGING[table].c:
        row[reference] = patient
    for name, value in given.items():
        if name in partial_dates(table):
            row.update(_date(name, value))
        elif name not in ("wrong", "parts", "id"):
            row[name] = _typed(table, name, value)
    return row


def _date(name: str, value: str) -> dict[str, Any]:
    if relative := re.fullmatch(r"(-?[\d.]+) ([a-z-]+)", value):
        return {f"{name}_offset_days": float(relative[1]), f"{name}_anchor": relative[2]}
    precision = {4: "year", 7: "month", 10: "day"}[len(value)]
    day = date.fromisoformat(f"{value}-01-01"[:10] if precision == "year" else f"{value}-01"[:10])
    return {f"{name}_date": day, f"{name}_precision": precision}


def _typed(table: str, name: str, value: str) -> Any:
    kind = STAGING[table].c[name].type
    if isinstance(kind, Boolean):
        return value == "true"
    if isinstance(kind, Integer):
        return int(value)
    return float(value) if isinstance(kind, Float) else value
