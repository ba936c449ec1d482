"""De-identification at landing: what identifies a person goes or becomes a pseudonym, all else stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from allpool.etl.landing.deidentify import PSEUDONYM, UNKNOWN, Deidentifier
from allpool.etl.landing.names import Names
from allpool.etl.landing.policy import load_policy
from allpool.etl.landing.pseudonyms import Pseudonyms
from allpool.etl.readers.fhir.parsing import canonical, parse
from allpool.models.fhir_types import is_resource_type, members

KEY = b"a key of the tests alone"


def deidentifier(centre: str = "brno", hidden: frozenset[str] = frozenset()) -> Deidentifier:
    """Return one with the tests' key."""
    return Deidentifier(Pseudonyms(KEY, centre), hidden=hidden)


def left(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource as it lands."""
    return json.loads(canonical(deidentifier().apply(parse(json.dumps(resource))).resource))


def gone(resource: dict[str, Any]) -> dict[str, str]:
    """Return the leaves that do not land as they are, and why."""
    return deidentifier().apply(parse(json.dumps(resource))).gone


def test_a_patient_keeps_what_is_clinical():
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"versionId": "3", "lastUpdated": "2024-01-02T03:04:05Z", "profile": ["http://a.example/p"]},
        "text": {"status": "generated", "div": "<div>Jana Novakova</div>"},
        "identifier": [{"system": "http://mrn.example", "value": "123456", "assigner": {"display": "Brno"}}],
        "name": [{"family": "Novakova", "given": ["Jana"]}],
        "telecom": [{"system": "phone", "value": "+420 601 234 567"}],
        "gender": "female",
        "birthDate": "1990-05-17",
        "deceasedBoolean": False,
        "multipleBirthInteger": 2,
        "address": [{"line": ["Lipova 1"], "city": "Brno", "postalCode": "60200", "country": "CZ"}],
        "contact": [{"name": {"family": "Novak"}}],
        "photo": [{"contentType": "image/png", "data": "aGVsbG8="}],
        "maritalStatus": {"coding": [{"system": "http://a.example", "code": "M"}], "text": "married"},
    }
    found = left(patient)
    kept = ("resourceType", "gender", "birthDate", "deceasedBoolean", "multipleBirthInteger", "maritalStatus")
    assert {name: found[name] for name in kept} == {name: patient[name] for name in kept}
    assert found["meta"] == patient["meta"]
    assert found["address"] == [{"country": "CZ"}]
    assert set(found) == {*kept, "meta", "address", "id", "identifier"}
    assert found["identifier"][0]["system"] == "http://mrn.example"
    assert found["identifier"][0]["value"] == Pseudonyms(KEY, "brno").of("123456")
    assert "assigner" not in found["identifier"][0]
    text = json.dumps(found)
    for secret in ("Jana", "ovak", "123456", "601", "Lipova", "602", "p1", "aGVs"):
        assert secret not in text


def test_what_goes_is_told_by_leaf_and_rule():
    found = gone({"resourceType": "Patient", "id": "p", "name": [{"given": ["A", "B"]}], "gender": "male"})
    rule = "direct identifier dropped at landing: name"
    assert found == {"id": PSEUDONYM, "name[0].given[0]": rule, "name[0].given[1]": rule}


def test_references_lead_to_the_pseudonyms_of_ids():
    made = Pseudonyms(KEY, "brno")
    patient = left({"resourceType": "Patient", "id": "p1"})["id"]
    condition = left({"resourceType": "Condition", "id": "p1"})["id"]
    assert patient == made.of("p1") != condition
    for said, landed in (
        ("Patient/p1", f"Patient/{patient}"),
        ("Patient/p1/_history/2", f"Patient/{patient}/_history/2"),
        ("https://a.example/fhir/Condition/p1", f"https://a.example/fhir/Condition/{condition}"),
        ("#p1", f"#{made.of('#p1')}"),
        ("#", "#"),
    ):
        observation = {"resourceType": "Observation", "subject": {"reference": said, "display": "Jana"}}
        assert left(observation)["subject"] == {"reference": landed}
    contained = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Practitioner", "id": "d", "name": [{"text": "Dr. Who"}]}],
        "performer": [{"reference": "#d"}],
    }
    found = left(contained)
    assert found["performer"][0]["reference"] == f"#{found['contained'][0]['id']}"
    assert "name" not in found["contained"][0]


@pytest.mark.parametrize(
    "said",
    [
        "https://a.example/fhir/Patient/p1/Condition/c1",
        "https://novak@a.example/fhir/Patient/p1",
        "https://a.example/fhir?name=novak/Patient/p1",
        "Patient/Jan Novak",
        "Patient?identifier=8155220013",
        "Patient/p1/$everything",
        "Condition/c1/_history/Jan Novak",
    ],
)
def test_addresses_that_hold_more_are_pseudonyms_as_a_whole(said: str):
    found = Pseudonyms(KEY, "brno").reference(said)
    assert not {secret for secret in ("p1", "ovak", "8155") if secret in found}


def test_an_address_and_the_id_that_it_holds_have_one_pseudonym():
    uuid = "b3ab11d0-f224-20cf-457f-d6aaba873bec"
    url = deidentifier().full_url(f"urn:uuid:{uuid}")
    assert url.removeprefix("urn:uuid:").replace("-", "") == Pseudonyms(KEY, "brno").of(uuid)


def test_pseudonyms_are_a_centre_s_own_and_never_the_text():
    brno, wuhan = (Pseudonyms(KEY, centre).of("p1") for centre in ("brno", "wuhan"))
    assert brno != wuhan
    assert brno == Pseudonyms(KEY, "brno").of("p1")
    assert len(brno) == 32


def test_numbers_keep_their_digits():
    text = '{"resourceType":"Observation","valueQuantity":{"value":1.10},"component":[{"valueInteger":-0}]}'
    found = canonical(deidentifier().apply(parse(text)).resource)
    assert '"value":1.10' in found
    assert '"valueInteger":-0' in found


def test_lists_of_a_primitive_and_its_extensions_stay_in_step():
    resource = {
        "resourceType": "Timing",
        "event": ["2020-01-01", None, "2020-01-03"],
    }
    plan = {
        "resourceType": "MedicationRequest",
        "dosageInstruction": [
            {"timing": {"event": resource["event"], "_event": [None, {"extension": [{"url": "u"}]}, None]}}
        ],
    }
    assert left(plan)["dosageInstruction"][0]["timing"]["_event"] == [
        None,
        {"extension": [{"url": "u"}]},
        None,
    ]


def test_free_text_goes_and_the_text_of_codes_stays():
    found = left(
        {
            "resourceType": "Observation",
            "code": {"coding": [{"code": "1", "display": "Leukocytes"}], "text": "WBC"},
            "valueString": "seen by Dr. Who",
            "note": [{"text": "calls her mother", "time": "2020-01-01"}],
            "extension": [{"url": "http://x.example/e", "valueString": "free"}],
        }
    )
    assert found["code"] == {"coding": [{"code": "1", "display": "Leukocytes"}], "text": "WBC"}
    assert found["note"] == [{"time": "2020-01-01"}]
    assert found["extension"] == [{"url": "http://x.example/e"}]
    assert "valueString" not in found


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("shoeSize", 5),
        ("gender", ["male"]),
        ("gender", "his name is Jan Novak and he lives in a village near Brno, says the letter"),
        ("birthDate", "born in spring"),
        ("birthDate", 1990),
        ("deceasedBoolean", "Novak"),
        ("multipleBirthInteger", "Novak"),
        ("contact", {"name": {"text": "Novak"}}),
        ("maritalStatus", "Novak"),
    ],
)
def test_what_is_not_r4_s_does_not_land(member: str, value: object):
    resource = {"resourceType": "Patient", member: value}
    assert set(left(resource)) == {"resourceType"}
    rules = set(gone(resource).values())
    assert rules == ({UNKNOWN} if member != "contact" else {"direct identifier dropped at landing: contact"})


def test_resources_that_describe_no_person_keep_their_texts_but_no_contact():
    found = left(
        {
            "resourceType": "ValueSet",
            "url": "http://a.example/ValueSet/v",
            "title": "Codes",
            "publisher": "We",
            "contact": [{"name": "Jan", "telecom": [{"value": "x@y.example"}]}],
            "description": "What **we** use",
        }
    )
    assert found["description"] == "What **we** use"
    assert "contact" not in found


def test_texts_that_stay_are_remembered_with_the_names_of_persons():
    found = deidentifier()
    found.apply(parse(json.dumps({"resourceType": "Patient", "name": [{"family": "May", "given": ["Ann"]}]})))
    for text in ("May be leukaemia", "letter of Ann May, 3 pages", "王小明的骨髓", "Leukaemia"):
        found.apply(parse(json.dumps({"resourceType": "Condition", "code": {"text": text}})))
    found.apply(
        parse(
            json.dumps(
                {"resourceType": "Patient", "id": "HK-778812", "name": [{"family": "王", "given": ["小明"]}]}
            )
        )
    )
    assert found.names.within(found.texts) == {"letter of Ann May, 3 pages", "王小明的骨髓"}
    assert found.names.within(["no. hk-778812 (copy)", "no. hk-7788"]) == {"no. hk-778812 (copy)"}


def test_codes_are_searched_for_names_but_not_for_ids():
    found = deidentifier()
    person = {"resourceType": "Patient", "id": "12345", "name": [{"family": "Novak", "given": ["Jan"]}]}
    found.apply(parse(json.dumps(person)))
    for code in ("Jan Novak", "12345", "entered in error"):
        found.apply(parse(json.dumps({"resourceType": "Condition", "code": {"coding": [{"code": code}]}})))
    assert found.names.within(found.codes, ids=False) == {"Jan Novak"}


def test_a_hidden_text_goes_wherever_it_stands():
    taken = deidentifier(hidden=frozenset({"letter of Ann May"})).apply(
        parse(json.dumps({"resourceType": "Condition", "code": {"text": "letter of Ann May"}}))
    )
    assert taken.resource == {"resourceType": "Condition"}
    assert taken.gone == {"code.text": "direct identifier dropped at landing: text that tells who it is"}


def test_one_word_of_a_name_is_too_little():
    names = Names()
    names.add([{"family": "White", "given": ["Rose"], "prefix": ["Mrs."]}, {"text": "Dr. Rose"}])
    assert names.within(["White blood cells", "Rose", "rosé, white", "Rose White"]) == {"Rose White"}


def test_the_policy_names_what_r4_has():
    policy = load_policy()
    for place in (*policy.keep, *policy.drop, *policy.pseudonyms):
        type_name, _, member = place.partition(".")
        assert type_name in ("*", "Resource") or member in members(type_name), place
    for type_name, parts in policy.parts.items():
        assert set(parts) <= set(members(type_name))
    assert all(is_resource_type(name) for name in policy.open)
