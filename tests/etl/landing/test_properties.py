"""Whatever stands in a resource: nothing crashes, every leaf is accounted for, nothing is made up."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.landing.deidentify import Deidentifier
from allpool.etl.landing.file import Leaves, land_file
from allpool.etl.landing.pseudonyms import Pseudonyms
from allpool.etl.readers.fhir.entries import fhir_entries
from allpool.mappings.read import FhirRead
from allpool.models.fhir_types import members
from tests.etl.landing.delivered import difference, parsed

TYPES = ("Patient", "Observation", "Bundle", "Questionnaire", "Evidence", "MedicationRequest")
NAMES = sorted(
    {name for type_name in (*TYPES, "HumanName", "Coding", "Extension") for name in members(type_name)}
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["Patient/1", "urn:uuid:1", "2020-01-01", "http://loinc.org", "#a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.just("resourceType"), inner, max_size=4)
    ),
    max_leaves=20,
)
resources = st.builds(
    lambda type_name, body: {**body, "resourceType": type_name},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=6),
)
bundles = st.lists(st.fixed_dictionaries({"resource": resources}) | values, max_size=3).map(
    lambda entries: {"resourceType": "Bundle", "entry": entries}
)


@given(resources | bundles)
def test_every_leaf_is_accounted_for(resource: dict[str, Any]):
    text = json.dumps(resource, ensure_ascii=False).encode("utf-8", "surrogatepass")
    leaves = Leaves(frozenset({"Observation"}))
    found = list(fhir_entries([text], FhirRead(format="fhir"), lines=True))
    landed = land_file(found, Deidentifier(Pseudonyms(b"k" * 16, "c")), leaves, path="f.ndjson")
    assert leaves.read == sum(item.cells for item in landed) + leaves.faulty + sum(leaves.ignored.values())
    for item in landed:
        assert difference(parsed(text.decode()), parsed(item.text)) is None
    assert len(landed) == 1 or leaves.faulty
