"""FHIR sources of a mapping: what is mapped has paths that R4 has, what is not is kept whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.errors import MappingError
from allpool.mappings.compile import load_mapping
from allpool.mappings.plan import CompiledMapping

MAPPING = """\
mapping: m
version: "1"
sources:
  patients:
    file: "Patient.ndjson"
    read: {format: fhir, resource: Patient}
    patient: {column: id, pattern: "[a-z]+"}
    records:
      - record: patient
        sex: {column: COLUMN}
  all:
    file: "*.ndjson"
    read: {format: fhir}
"""


def loaded(folder: Path, text: str) -> CompiledMapping:
    """Load a mapping from its text."""
    path = folder / "m.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


@pytest.mark.parametrize(
    "column",
    [
        "gender",
        "'extension[url=http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex].valueCode'",
        "'communication[0].language.coding[system=urn:ietf:bcp:47].code'",
        "'identifier[system=http://a.example][1].use'",
        "'_gender.extension[url=http://a.example/e].valueCode'",
        "'contained[0].anything.at.all'",
        "'meta.versionId'",
        "fullUrl",
    ],
)
def test_columns_are_paths_of_r4(tmp_path: Path, column: str):
    found = loaded(tmp_path, MAPPING.replace("COLUMN", column))
    assert [plan.name for plan in found.sources] == ["patients"]
    assert [(plan.source, plan.resource) for plan in found.landings] == [
        ("patients", "Patient"),
        ("all", None),
    ]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("sex", "Patient has no element 'sex'"),
        ("name.family", "'name' of Patient is a list: say which"),
        ("'gender[0]'", "'gender' of Patient is no list"),
        ("maritalStatus", "'maritalStatus' of Patient is no single value"),
        ("gender.code", "'gender' of Patient is a single value"),
        ("'extension[url=http://a.example].value'", "Extension has no element 'value'"),
    ],
)
def test_a_path_that_r4_cannot_have_stops_the_mapping_with_its_line(
    tmp_path: Path, column: str, message: str
):
    with pytest.raises(MappingError) as caught:
        loaded(tmp_path, MAPPING.replace("COLUMN", column))
    assert message in str(caught.value)
    assert "file m.yaml, line 10:" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("resource: Patient", "resource: Person1", "FHIR R4 has no resource type 'Person1'"),
        ("resource: Patient", "resource: Transport", "FHIR R4 has no resource type 'Transport'"),
        ("fhir, resource: Patient", "fhir", "say under `read` which `resource` is mapped"),
        (
            "read: {format: fhir}",
            "read: {format: fhir, resource: Group}",
            "`patient` and `records` are missing",
        ),
        ("resource: Patient", "resource: Patient, check: strict", "check"),
        ('    file: "*.ndjson"\n', "", "`file` is missing"),
        ('version: "1"\n', 'version: "1"\ncentre: {column: site}\n', "FHIR files are of one centre"),
    ],
)
def test_a_source_says_all_or_nothing(tmp_path: Path, old: str, new: str, message: str):
    text = MAPPING.replace("COLUMN", "gender")
    assert old in text
    with pytest.raises(MappingError) as caught:
        loaded(tmp_path, text.replace(old, new, 1))
    assert message in str(caught.value)


def test_a_landing_is_a_rule_of_its_own_and_keeps_its_name(tmp_path: Path):
    first, second = (
        loaded(tmp_path, MAPPING.replace("COLUMN", column)).landings for column in ("gender", "language")
    )
    assert [plan.rule for plan in first] == [plan.rule for plan in second]
    assert len({plan.rule for plan in first}) == 2
