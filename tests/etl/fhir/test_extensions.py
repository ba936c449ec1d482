"""The list of our extensions is that of the models, and is printed in docs/fhir.md."""

from __future__ import annotations

from pathlib import Path

from allpool.etl.fhir.extensions import extensions, extensions_table
from allpool.models import systems

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_table_in_docs_is_that_of_the_models() -> None:
    page = (DOCS / "fhir.md").read_text(encoding="utf-8")
    assert page.endswith(extensions_table()), "replace the last table of docs/fhir.md by extensions_table()"


def test_an_extension_has_a_value_or_parts() -> None:
    found = {
        extension.url.removeprefix(f"{systems.BASE}/StructureDefinition/"): extension
        for extension in extensions()
    }
    assert all((extension.value is None) != (extension.parts == ()) for extension in found.values())
    assert found["timepoint"].value == "valueCodeableConcept"
    assert found["timepoint"].contexts == ("Observation",)
    assert found["timepoint"].columns == ("observation.timepoint",)
    assert found["study-site"].contexts == ("ResearchStudy",)
    assert ("run", "valueInteger") in found["lineage"].parts
    assert "Patient.gender" in found["delivered-value"].contexts
    assert found["precision"].contexts == (systems.RELATIVE_DATE,)
