"""A dictionary for the audit's tests: every element that `records.yaml` names, and one of each family."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from allpool.mappings.dictionary import DataElement, Dictionary

RANGE = {"low": 0.1, "high": 500.0, "source": "made up for this test"}
TYPES: dict[str, dict[str, Any]] = {
    "sex": {"type": "code", "codes": "sex"},
    "diagnosis": {"type": "code", "codes": "diagnosis"},
    "response_as_reported": {"type": "code", "codes": "response"},
    "response_assessment_timepoint": {"type": "code", "codes": "timepoint"},
    "relapse_type": {"type": "code", "codes": "relapse_type"},
    "vital_status": {"type": "code", "codes": "vital_status"},
    "mrd_value": {
        "type": "decimal",
        "unit": "1",
        "units": {"1": 1.0, "%": 0.01},
        "range": {**RANGE, "low": 0.0, "high": 1.0},
    },
    "mrd_lod": {"type": "decimal", "unit": "1", "units": {"1": 1.0}, "range": {**RANGE, "low": 0, "high": 0.01}},
    "mrd_category": {"type": "code", "codes": "mrd_category"},
    "mrd_method": {"type": "code", "codes": "mrd_method"},
    "ae_term": {"type": "code", "codes": "ae_term"},
    "ae_grade": {"type": "integer", "range": {**RANGE, "low": 1, "high": 5}},
    "course_number": {"type": "integer", "range": {**RANGE, "low": 1, "high": 12}},
    "dose_rate": {"type": "decimal", "unit": "ug/d", "units": {"ug/d": 1.0}, "range": {**RANGE, "high": 60}},
}
FAMILIES: dict[str, dict[str, Any]] = {
    "wbc": {"type": "decimal", "unit": "10*9/L", "units": {"10*9/L": 1.0}, "range": RANGE},
    "bm_blasts": {"type": "decimal", "unit": "%", "units": {"%": 1.0}, "range": {**RANGE, "low": 0, "high": 100}},
    "cns_status": {"type": "code", "codes": "cns_status"},
    "line_of_therapy": {"type": "integer", "range": {**RANGE, "low": 0, "high": 10}},
    "lab_delta": {"type": "decimal", "unit": "g/L", "units": {"g/L": 1.0}, "range": {**RANGE, "low": -10}},
    "bm_specimen": {"record": "specimen", "type": "string"},
    "drug_imatinib": {"record": "drug", "type": "string"},
}


def dictionary(**more: dict[str, Any]) -> Dictionary:
    """Return the dictionary of the tests; `more` are further observation elements."""
    records = yaml.safe_load(files("allpool.mappings").joinpath("records.yaml").read_text("utf-8"))["records"]
    elements: dict[str, DataElement] = {}
    for name, record in records.items():
        if "data_element" in record:
            elements[record["data_element"]] = _element(record["data_element"], {"record": name, "field": "date"})
        for field, target in record["fields"].items():
            if "element" in target:
                place = {"record": name, "field": field}
                elements[target["element"]] = _element(target["element"], place)
    elements.update({name: _element(name, given) for name, given in {**FAMILIES, **more}.items()})
    return Dictionary(elements, "test")


def _element(name: str, given: dict[str, Any]) -> DataElement:
    about = {"type": "string", "record": "observation", **given, **TYPES.get(name, {})}
    title = {"en": name.replace("_", " "), "zh": name, "cs": name}
    return DataElement(id=name, domain="test", title=title, definition="-", fhir_path="-", **about)
