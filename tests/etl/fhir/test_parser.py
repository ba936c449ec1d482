"""What is not FHIR as declared is refused with its place, and never with its value."""

from __future__ import annotations

from typing import Any

import pytest

from allpool.errors import SourceError
from allpool.etl.fhir.parser import parse, unread
from allpool.etl.fhir.serializer import to_resource
from allpool.models import systems

ROW: dict[str, Any] = {
    "id": "o", "status": "final", "data_element": "wbc", "subject_id": "p", "version": 1, "feed": "f",
    "run": 1,
    "value_quantity": 4.5, "effective_offset_days": 2.0, "effective_anchor": "first-dose", "course_number": 2,
}  # fmt: skip


@pytest.fixture
def resource() -> dict[str, Any]:
    return to_resource("observation", ROW)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("resourceType",), "Encounter"),
        (("status",), 17),
        (("code",), "secret"),
        (("code", "coding"), {"code": "secret"}),
        (("subject", "reference"), "Group/secret"),
        (("valueQuantity", "value"), "secret"),
        (("valueQuantity", "value"), True),
        (("effectiveDateTime",), "2020-13-01"),
        (("effectiveDateTime",), "yesterday"),
        (("_effectiveDateTime", "extension", 0, "extension", 2, "valueDuration", "code"), "a"),
        (("_effectiveDateTime", "extension", 0, "extension", 1, "valueCode"), "concurrent"),
        (("_effectiveDateTime", "extension", 0, "extension", 0, "valueCodeableConcept", "coding"), []),
        (("meta", "versionId"), "secret"),
    ],
)
def test_what_is_of_another_type_is_refused_with_its_place(
    resource: dict[str, Any], place: tuple[Any, ...], value: object
) -> None:
    here: Any = resource
    for member in place[:-1]:
        here = here[member]
    here[place[-1]] = value
    with pytest.raises(SourceError) as caught:
        parse(resource)
    assert caught.value.rule == "fhir-structure"
    assert str(place[0]) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_coding_is_found_by_its_system_wherever_it_stands() -> None:
    codings = [
        {"system": "http://snomed.info/sct", "code": "91857003"},
        {"system": systems.ICD10, "code": "C91.0"},
        {"system": systems.DICTIONARY, "code": "diagnosis"},
    ]
    row = parse({"resourceType": "Condition", "id": "c", "code": {"coding": codings}}).row
    assert (row["data_element"], row["code"], row["icd10"]) == ("diagnosis", "91857003", "C91.0")
    assert row["code_system"] == "http://snomed.info/sct"
    assert row["morphology"] is None


def test_what_has_no_column_is_named(resource: dict[str, Any]) -> None:
    assert unread(resource) == ()
    resource["note"] = [{"text": "secret"}]
    resource["code"]["coding"].append({"system": "http://snomed.info/sct", "code": "1", "version": "2"})
    resource["issued"] = "2020-01-01T00:00:00Z"
    resource["meta"]["tag"] = [{"code": "x"}]
    assert sorted(unread(resource)) == ["code.coding[1].version", "issued", "meta.tag", "note"]
