"""What the JSON of single rows looks like, by hand."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from allpool.errors import BrokenRuleError
from allpool.etl.fhir.serializer import serializer, to_resource
from allpool.models import systems

LINEAGE = {"version": 1, "feed": "f", "run": 4}
META = {
    "versionId": "1",
    "extension": [
        {
            "url": "https://allpool.example/fhir/StructureDefinition/lineage",
            "extension": [{"url": "feed", "valueString": "f"}, {"url": "run", "valueInteger": 4}],
        }
    ],
}


def observation(**columns: Any) -> dict[str, Any]:
    base = {"id": "o", "status": "final", "data_element": "wbc", "subject_id": "p"}
    return to_resource("observation", {**base, **LINEAGE, **columns})


def test_a_row_as_fhir() -> None:
    assert observation(
        value_quantity=1e-05, value_quantity_unit="1",
        value_quantity_comparator="<", value_quantity_delivered="<0,001",
        specimen_id="s", method="mfc", method_delivered="FACS",
    ) == {
        "resourceType": "Observation",
        "id": "o",
        "meta": META,
        "status": "final",
        "code": {"coding": [{"system": systems.DICTIONARY, "code": "wbc"}]},
        "subject": {"reference": "Patient/p"},
        "specimen": {"reference": "Specimen/s"},
        "method": {"coding": [{"code": "mfc"}], "text": "FACS"},
        "valueQuantity": {
            "value": 1e-05,
            "comparator": "<",
            "system": "http://unitsofmeasure.org",
            "code": "1",
            "extension": [{"url": systems.extension_url("delivered-value"), "valueString": "<0,001"}],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"precision": "year"}, "2023"),
        ({"precision": "month"}, "2023-05"),
        ({"precision": "day"}, "2023-05-01"),
        ({"precision": "second", "time": "07:30:00+02:00"}, "2023-05-01T07:30:00+02:00"),
    ],
)
@pytest.mark.parametrize("day", [date(2023, 5, 1), "2023-05-01"])
def test_a_date_as_precise_as_it_is(columns: dict[str, str], text: str, day: object) -> None:
    found = observation(effective_date=day, **{f"effective_{name}": value for name, value in columns.items()})
    assert found["effectiveDateTime"] == text
    assert "_effectiveDateTime" not in found


@pytest.mark.parametrize(("days", "relationship"), [(43.0, "after"), (-1.5, "before"), (0.0, "after")])
def test_a_relative_date_has_no_calendar_date(days: float, relationship: str) -> None:
    found = observation(effective_offset_days=days, effective_anchor="first-dose")
    assert "effectiveDateTime" not in found
    (extension,) = found["_effectiveDateTime"]["extension"]
    assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/relative-date"
    assert extension["extension"] == [
        {
            "url": "event",
            "valueCodeableConcept": {"coding": [{"system": systems.ANCHOR, "code": "first-dose"}]},
        },
        {"url": "relationship", "valueCode": relationship},
        {
            "url": "offset",
            "valueDuration": {
                "value": abs(days),
                "unit": "days",
                "system": "http://unitsofmeasure.org",
                "code": "d",
            },
        },
    ]


def test_lists_close_up_over_what_is_empty() -> None:
    base = {"id": "c", "data_element": "diagnosis", "subject_id": "p", **LINEAGE}
    codings = to_resource("condition", {**base, "icd10": "C91.0"})["code"]["coding"]
    assert codings == [
        {"system": systems.DICTIONARY, "code": "diagnosis"},
        {"system": systems.ICD10, "code": "C91.0"},
    ]


def test_a_part_has_its_own_lineage_only_where_it_differs() -> None:
    row = {"id": "o", "status": "final", "data_element": "mrd_value", "subject_id": "p", **LINEAGE}
    same = {"id": "c1", "observation_id": "o", "data_element": "mrd_lod", "value_quantity": 1e-4, **LINEAGE}
    other = {**same, "id": "c2", "run": 5}
    found = to_resource("observation", row, {"observation_component": [same, other]})
    first, second = found["component"]
    assert first == {
        "id": "c1",
        "code": {"coding": [{"system": systems.DICTIONARY, "code": "mrd_lod"}]},
        "valueQuantity": {"value": 1e-4},
    }
    (lineage,) = second["extension"]
    assert {part["url"]: part for part in lineage["extension"]}["run"] == {"url": "run", "valueInteger": 5}


def test_two_answers_where_fhir_takes_one() -> None:
    base = {"id": "p", "identifier": "x", "deceased_boolean": True, **LINEAGE}
    assert to_resource("patient", base)["deceasedBoolean"] is True
    both = to_resource("patient", {**base, "deceased_date": date(2020, 1, 1), "deceased_precision": "year"})
    assert both["deceasedDateTime"] == "2020"
    assert "deceasedBoolean" not in both
    assert {"url": systems.extension_url("deceased"), "valueBoolean": True} in both["extension"]
    found = observation(data_absent_reason="unknown", value_string="x")
    assert "dataAbsentReason" not in found
    assert {"url": systems.extension_url("stated-absent-reason"), "valueCode": "unknown"} in found[
        "extension"
    ]


def test_an_unknown_time_of_a_course_is_said_to_be_unknown() -> None:
    row = {
        "id": "m",
        "status": "completed",
        "data_element": "drug_blinatumomab",
        "subject_id": "p",
        **LINEAGE,
    }
    assert to_resource("medication_administration", row)["effectivePeriod"] == {
        "extension": [{"url": systems.DATA_ABSENT, "valueCode": "unknown"}]
    }


@pytest.mark.parametrize("value", [0.1, 1e-05, 1.0, 123456789.123456, 5e-324, 1.7976931348623157e308])
def test_decimals_are_numbers_that_read_back_the_same(value: float) -> None:
    plan = serializer("observation")
    row = {
        "id": "o",
        "status": "final",
        "data_element": "wbc",
        "subject_id": "p",
        "value_quantity": value,
        **LINEAGE,
    }
    text = plan.dumps([row.get(name) for name in plan.columns])
    assert json.loads(text)["valueQuantity"]["value"] == value


def test_truth_may_come_as_the_number_that_sqlite_keeps() -> None:
    assert observation(value_boolean=0)["valueBoolean"] is False


@pytest.mark.parametrize(
    "columns",
    [
        {"effective_date": date(2020, 1, 1)},
        {"effective_precision": "day"},
        {"effective_offset_days": 3.0},
        {"effective_anchor": "first-dose"},
        {"effective_date": date(2020, 1, 1), "effective_precision": "hour"},
        {"effective_date": date(2020, 1, 1), "effective_precision": "second"},
        {"effective_date": date(2020, 1, 1), "effective_precision": "day", "effective_time": "07:00:00Z"},
        {"effective_date": date(2020, 1, 1), "effective_precision": "day", "effective_offset_days": 1.0,
         "effective_anchor": "first-dose"},
        {"value_string": "x", "value_integer": 1},
        {"value_quantity": float("nan")},
        {"value_quantity": float("inf")},
    ],
)  # fmt: skip
def test_rows_that_break_the_contract_are_refused(columns: dict[str, Any]) -> None:
    with pytest.raises(BrokenRuleError) as caught:
        observation(**columns)
    assert "2020" not in str(caught.value)
    assert "x" not in str(caught.value).split()


def test_a_row_of_another_shape_is_refused() -> None:
    with pytest.raises(BrokenRuleError):
        serializer("observation").dumps(("o",))
