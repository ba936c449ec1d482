"""One patient in whom nothing is wrong, and for each kind of rule the row that breaks it."""

from __future__ import annotations

from datetime import date
from typing import Any

Row = dict[str, Any]
SUBJECT = {"subject_id": "p1"}


def _at(name: str, day: date, precision: str = "day") -> Row:
    return {f"{name}_date": day, f"{name}_precision": precision}


def observation(name: str, element: str, **more: Any) -> Row:
    row = {"id": name, "status": "final", "data_element": element, **SUBJECT}
    return {**row, **_at("effective", date(2023, 3, 1)), **more}


def quantity(name: str, element: str, value: float | None, unit: str | None, **more: Any) -> Row:
    return observation(name, element, value_quantity=value, value_quantity_unit=unit, **more)


def sound() -> dict[str, list[Row]]:
    """Return staged rows of every table, none of which breaks a rule."""
    return {
        "organization": [{"id": "o1", "identifier": "brno"}],
        "research_study": [{"id": "s1", "identifier": "004", "status": "completed", "title": "a study"}],
        "research_study_site": [{"id": "ss1", "research_study_id": "s1", "organization_id": "o1"}],
        "patient": [
            {
                "id": "p1",
                "identifier": "x1",
                "gender": "female",
                **_at("birth", date(1980, 1, 1), "year"),
                **_at("deceased", date(2024, 5, 1)),
                "managing_organization_id": "o1",
            }
        ],
        "consent": [
            {
                "id": "c1",
                "status": "active",
                "scope": "research",
                "category": "research",
                "policy_rule": "cric",
                "consented": "study",
                "patient_id": "p1",
            }
        ],
        "research_subject": [
            {
                "id": "r1",
                "identifier": "x1",
                "status": "on-study",
                "study_reference_id": "s1",
                "individual_id": "p1",
                **_at("period_start", date(2023, 1, 1)),
            }
        ],
        "condition": [
            {
                "id": "d1",
                "data_element": "diagnosis",
                "code": "b_all",
                "verification_status": "confirmed",
                **SUBJECT,
                **_at("onset", date(2022, 11, 1), "month"),
            }
        ],
        "specimen": [
            {"id": "m1", "data_element": "bm_specimen", **SUBJECT, **_at("collected", date(2023, 3, 1))}
        ],
        "observation": [
            quantity("wbc1", "wbc", 4.5, "10*9/L"),
            quantity("blasts1", "bm_blasts", 2.0, "%"),
            quantity("blasts2", "bm_blasts", 5.0, "%", **_at("effective", date(2023, 4, 1))),
            quantity("mrd1", "mrd_value", 1e-5, "1", interpretation="quantifiable", specimen_id="m1"),
            observation("mrd2", "mrd_value", interpretation="undetectable", specimen_id="m1", method="mfc"),
            observation("cr1", "response_as_reported", value_concept="cr"),
            observation("alive1", "last_contact_date", **_at("effective", date(2024, 4, 1))),
            observation("absent1", "platelets", data_absent_reason="unknown"),
            observation(
                "relative1",
                "relapse_type",
                value_concept="cns",
                effective_date=None,
                effective_precision=None,
                effective_offset_days=20.0,
                effective_anchor="first-dose",
            ),
        ],
        "observation_component": [
            {
                "id": "k1",
                "observation_id": "mrd2",
                "data_element": "mrd_lod",
                "value_quantity": 1e-5,
                "value_quantity_unit": "1",
            }
        ],
        "medication_administration": [
            {
                "id": "b1",
                "status": "completed",
                "data_element": "drug_blinatumomab",
                "course_number": 1,
                **SUBJECT,
                **_at("effective_start", date(2023, 1, 10)),
                **_at("effective_end", date(2023, 2, 7)),
            }
        ],
        "procedure": [
            {
                "id": "t1",
                "status": "completed",
                "data_element": "hsct_date",
                **SUBJECT,
                **_at("performed", date(2023, 6, 1)),
            }
        ],
        "adverse_event": [
            {
                "id": "a1",
                "actuality": "actual",
                "data_element": "ae_term",
                "term": "cytokine_release_syndrome",
                "grade": 2,
                "grade_system": "astct",
                **SUBJECT,
                **_at("date", date(2023, 1, 12)),
                **_at("end", date(2023, 1, 14)),
            }
        ],
    }


OFFSET = {"effective_date": None, "effective_precision": None}

BROKEN: dict[str, tuple[str, str, Row]] = {
    # rule: (table, id of the sound row, what is changed in it)
    "patient.identifier.required": ("patient", "p1", {"identifier": None}),
    "observation.content_hash.required": ("observation", "wbc1", {"content_hash": None}),
    "patient.gender.binding": ("patient", "p1", {"gender": "F"}),
    "observation.status.binding": ("observation", "wbc1", {"status": "done"}),
    "observation.effective_precision.binding": ("observation", "wbc1", {"effective_precision": "week"}),
    "observation.value_quantity_comparator.binding": (
        "observation", "wbc1", {"value_quantity_comparator": "~"},
    ),
    "observation.subject_id.reference": ("observation", "wbc1", {"subject_id": "nobody"}),
    "observation.specimen_id.reference": ("observation", "mrd1", {"specimen_id": "nothing"}),
    "observation_component.observation_id.reference": (
        "observation_component", "k1", {"observation_id": "nothing"},
    ),
    "observation.effective_precision.pair": ("observation", "wbc1", {"effective_precision": None}),
    "observation.effective_time.form": ("observation", "wbc1", {"effective_time": "morning"}),
    "observation.effective_offset_days.either": (
        "observation", "wbc1", {"effective_offset_days": 3.0, "effective_anchor": "diagnosis"},
    ),
    "observation.effective_anchor.pair": ("observation", "wbc1", {**OFFSET, "effective_offset_days": 3.0}),
    "observation.effective_anchor.code": (
        "observation", "wbc1", {**OFFSET, "effective_offset_days": 3.0, "effective_anchor": "birthday"},
    ),
    "observation.effective_date.future": ("observation", "wbc1", {"effective_date": date(2026, 1, 16)}),
    "observation.effective_date.ancient": ("observation", "wbc1", {"effective_date": date(1899, 12, 31)}),
    "medication_administration.effective_end_date.order": (
        "medication_administration", "b1", {"effective_end_date": date(2023, 1, 9)},
    ),
    "observation.data_element.known": ("observation", "wbc1", {"data_element": "white_cells"}),
    "observation.value_concept.code.response_as_reported": (
        "observation", "cr1", {"value_concept": "complete"},
    ),
    "adverse_event.term.code.ae_term": ("adverse_event", "a1", {"term": "CRS"}),
    "observation.value_quantity_unit.canonical.wbc": (
        "observation", "wbc1", {"value_quantity_unit": "10*6/L"},
    ),
    "observation.value_quantity_unit.given": ("observation", "wbc1", {"value_quantity_unit": None}),
    "observation.value_quantity.possible.wbc": ("observation", "wbc1", {"value_quantity": -1.0}),
    "observation.value_quantity.possible.bm_blasts": (
        "observation", "blasts1", {"value_quantity": 101.0, "effective_date": date(2023, 5, 1)},
    ),
    "observation.value_quantity.possible.mrd_value": ("observation", "mrd1", {"value_quantity": 2.0}),
    "adverse_event.grade.possible.ae_grade": ("adverse_event", "a1", {"grade": 6}),
    "observation.value_quantity.plausible.wbc": ("observation", "wbc1", {"value_quantity": 5000.0}),
    "research_study.title.complete": ("research_study", "s1", {"title": None}),
    "condition.code.complete.diagnosis": ("condition", "d1", {"code": None}),
    "observation.effective.complete.last_contact_date": ("observation", "alive1", OFFSET),
    "observation.value.given": ("observation", "wbc1", {"value_quantity": None, "value_quantity_unit": None}),
    "observation.data_absent_reason.obs-6": ("observation", "wbc1", {"data_absent_reason": "unknown"}),
    "observation_component.value.given": (
        "observation_component", "k1", {"value_quantity": None, "value_quantity_unit": None},
    ),
    "clinical.before-birth.observation": ("observation", "wbc1", {"effective_date": date(1979, 12, 31)}),
    "clinical.after-death": ("observation", "alive1", {"effective_date": date(2024, 5, 2)}),
    "clinical.undetectable-without-sensitivity": ("observation", "mrd1", {"interpretation": "undetectable"}),
    "clinical.remission-with-blasts": ("observation", "cr1", {"effective_date": date(2023, 4, 1)}),
    "clinical.relapse-before-treatment": (
        "observation", "relative1",
        {
            "effective_date": date(2022, 6, 1), "effective_precision": "day",
            "effective_offset_days": None, "effective_anchor": None,
        },
    ),
    "clinical.treatment-before-diagnosis": (
        "medication_administration", "b1",
        {"effective_start_date": date(2022, 10, 31), "effective_start_precision": "day"},
    ),
}  # fmt: skip
"""Per rule, one change that makes the sound row fail it. One entry per kind of rule and per clinical rule."""
