"""Landing: each resource once, whole, with its patient, its Bundle and its place; what cannot says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from allpool.errors import ConfigError, MappingError
from allpool.etl.landing import land
from allpool.etl.landing.file import CONFLICT
from allpool.etl.landing.pseudonyms import Pseudonyms
from allpool.etl.readers.fhir.parsing import canonical, parse
from allpool.etl.transform.ledger import Verdict
from allpool.etl.transform.source import Scene
from allpool.mappings.compile import load_mapping
from tests.etl.landing.delivered import KEY, SCENE, balanced, landed

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "name": [{"family": "Novakova"}]}
CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91857003"}]},
    "subject": {"reference": "Patient/p1", "display": "Jana Novakova"},
}


def write(folder: Path, name: str, *resources: Any) -> None:
    """Write resources: one as JSON, several as NDJSON."""
    lines = [item if isinstance(item, str) else json.dumps(item) for item in resources]
    (folder / name).write_text("\n".join(lines), encoding="utf-8")


def bundle(*entries: Any, **more: Any) -> dict[str, Any]:
    """Return a Bundle."""
    return {"resourceType": "Bundle", "type": "collection", **more, "entry": list(entries)}


def one(rows: pl.DataFrame, type_name: str) -> dict[str, Any]:
    """Return the only row of a type."""
    (found,) = rows.filter(pl.col("resource_type") == type_name).to_dicts()
    return found


def test_lines_land_with_type_patient_place_and_lineage(tmp_path: Path):
    write(tmp_path, "a.ndjson", PATIENT, CONDITION)
    found = landed(tmp_path, "*.ndjson", tmp_path)
    patient, condition = one(found.rows, "Patient"), one(found.rows, "Condition")
    made = Pseudonyms(KEY, "brno")
    assert patient["source_id"] == patient["patient"] == condition["patient"] == made.of("p1")
    assert condition["source_id"] == made.of("Condition/c1")
    assert (patient["source_row"], condition["source_row"]) == (1, 2)
    assert {condition[name] for name in ("feed", "study", "centre", "security")} == {
        "f",
        "s1",
        "brno",
        "HTEST",
    }
    assert condition["source_file"] == found.files[0].id
    said = json.loads(condition["resource"])
    assert said["code"] == CONDITION["code"]
    assert "Novakova" not in "".join(found.rows["resource"])


def test_landing_again_gives_the_same_rows(tmp_path: Path):
    write(tmp_path, "a.ndjson", PATIENT, CONDITION)
    first = landed(tmp_path, "*.ndjson", tmp_path).rows
    assert first.equals(landed(tmp_path, "*.ndjson", tmp_path).rows)
    write(tmp_path, "a.ndjson", CONDITION, PATIENT)
    again = landed(tmp_path, "*.ndjson", tmp_path).rows
    assert again.select("id", "content_hash").equals(first.select("id", "content_hash"))


def test_a_bundle_is_put_together_again_from_its_entries(tmp_path: Path):
    entries = [
        {
            "fullUrl": "urn:uuid:b3ab11d0-f224-20cf-457f-d6aaba873bec",
            "resource": {"resourceType": "Group", "quantity": 2},
        },
        {"request": {"method": "DELETE", "url": "Patient"}},
        {"resource": {"resourceType": "Nope"}},
        {"resource": {"resourceType": "Location", "status": "active"}},
    ]
    write(tmp_path, "b.json", bundle(*entries, timestamp="2024-01-01T00:00:00Z"))
    found = landed(tmp_path, "b.json", tmp_path)
    whole = one(found.rows, "Bundle")
    ids = json.loads(whole["entries"])
    assert [id_ is None for id_ in ids] == [False, True, True, False]
    resources = dict(found.rows.select("id", "resource").iter_rows())
    envelope = json.loads(whole["resource"])
    again = [
        {**entry, "resource": json.loads(resources[id_])} if id_ else entry
        for entry, id_ in zip(envelope["entry"], ids, strict=False)
    ]
    assert again[0]["resource"] == entries[0]["resource"]
    assert again[0]["fullUrl"] != entries[0]["fullUrl"]
    assert again[1] == entries[1]
    assert again[3] == entries[3]
    assert found.files[0].problems["rule"].to_list() == ["unknown_resource"]


def test_a_patient_is_found_by_address_too(tmp_path: Path):
    url = "urn:uuid:b3ab11d0-f224-20cf-457f-d6aaba873bec"
    whole = bundle(
        {"resource": {**CONDITION, "subject": {"reference": url}}},
        {"fullUrl": url, "resource": {"resourceType": "Patient", "gender": "male"}},
        {"resource": {"resourceType": "Claim", "patient": {"reference": "urn:uuid:0000"}}},
    )
    write(tmp_path, "b.json", whole)
    rows = landed(tmp_path, "b.json", tmp_path).rows
    patient = one(rows, "Patient")
    assert patient["source_id"] is None
    assert patient["patient"] == one(rows, "Condition")["patient"] is not None
    assert one(rows, "Claim")["patient"] is None


def test_what_several_files_say_alike_is_one_row(tmp_path: Path):
    write(tmp_path, "a.ndjson", PATIENT, CONDITION)
    write(tmp_path, "b.ndjson", CONDITION)
    found = landed(tmp_path, "*.ndjson", tmp_path)
    assert found.rows.height == 2
    assert balanced(found)
    verdicts = dict.fromkeys(found.rows["id"], Verdict.UNCHANGED)
    assert [file.account(verdicts).unchanged for file in found.files] == [8, 5]


def test_resources_of_one_id_that_differ_wait(tmp_path: Path):
    write(tmp_path, "a.ndjson", PATIENT, CONDITION)
    write(tmp_path, "b.ndjson", {**CONDITION, "recordedDate": "2024"})
    found = landed(tmp_path, "*.ndjson", tmp_path)
    assert found.rows["resource_type"].to_list() == ["Patient"]
    problems = [
        (file.facts.path, *row) for file in found.files for row in file.problems.select("row", "rule").rows()
    ]
    assert problems == [("a.ndjson", 2, CONFLICT), ("b.ndjson", 1, CONFLICT)]
    assert balanced(found)
    assert found.files[1].account({}).quarantined == 6


def test_versions_of_one_id_land_each(tmp_path: Path):
    first, second = ({**CONDITION, "meta": {"versionId": version}} for version in "12")
    write(tmp_path, "h.json", bundle({"resource": first}, {"resource": second}, type="history"))
    found = landed(tmp_path, "h.json", tmp_path)
    rows = found.rows.filter(pl.col("resource_type") == "Condition")
    assert rows["source_id"].n_unique() == 1
    assert rows["id"].n_unique() == 2
    assert found.files[0].problems.is_empty()


def test_resources_of_two_servers_land_each(tmp_path: Path):
    entries = [
        {
            "fullUrl": f"http://{base}.example/fhir/Condition/c1",
            "resource": {**CONDITION, "recordedDate": date},
        }
        for base, date in (("a", "2023"), ("b", "2024"))
    ]
    write(tmp_path, "b.json", bundle(*entries))
    found = landed(tmp_path, "b.json", tmp_path)
    assert found.rows.filter(pl.col("resource_type") == "Condition").height == 2
    assert found.files[0].problems.is_empty()


def test_a_name_met_later_takes_texts_out_of_what_came_before(tmp_path: Path):
    letter = {**CONDITION, "code": {"text": "AML, see letter for Jana Novakova"}}
    write(tmp_path, "a.ndjson", letter, {**CONDITION, "id": "c2"})
    write(tmp_path, "b.ndjson", {**PATIENT, "name": [{"family": "Novakova", "given": ["Jana"]}]})
    found = landed(tmp_path, "*.ndjson", tmp_path)
    assert "Novakova" not in "".join(found.rows["resource"])
    assert '"code":' not in one(found.rows.filter(pl.col("source_row") == 1), "Condition")["resource"]
    assert balanced(found)
    assert found.files[0].ignored["direct identifier dropped at landing: text that tells who it is"] == 1


def test_a_phone_number_in_a_text_takes_the_text_out(tmp_path: Path):
    write(tmp_path, "a.ndjson", {**CONDITION, "code": {"text": "call +420 601 234 567"}})
    assert "601" not in "".join(landed(tmp_path, "a.ndjson", tmp_path).rows["resource"])


def test_numbers_land_with_their_digits(tmp_path: Path):
    digits = ["1.10", "0.000", "-0", "1E400", "9" * 4_000]
    write(
        tmp_path,
        "a.ndjson",
        *(
            f'{{"resourceType":"Observation","id":"o{n}","valueQuantity":{{"value":{d}}}}}'
            for n, d in enumerate(digits)
        ),
    )
    rows = landed(tmp_path, "a.ndjson", tmp_path).rows.sort("source_row")
    assert [parse(text)["valueQuantity"]["value"] for text in rows["resource"]] == digits
    assert [canonical(parse(text)) for text in rows["resource"]] == rows["resource"].to_list()


def test_an_element_at_fault_waits_and_the_rest_lands(tmp_path: Path):
    write(tmp_path, "a.ndjson", {**CONDITION, "recordedDate": "in May", "colour": "red", "stage": []})
    found = landed(tmp_path, "a.ndjson", tmp_path)
    problems = found.files[0].problems
    assert set(problems.select("column", "rule").rows()) == {
        ("recordedDate", "fhir_value"),
        ("colour", "fhir_element"),
        ("stage", "fhir_empty"),
    }
    assert problems["value"].null_count() == problems.height
    assert "May" not in found.rows["resource"][0]
    account = found.files[0].account(dict.fromkeys(found.rows["id"], Verdict.LOADED))
    assert (account.read, account.loaded, account.quarantined, account.ignored) == (9, 5, 3, 1)


def test_an_empty_text_lands_and_waits(tmp_path: Path):
    coding = [{"system": "", "code": "1"}, {"system": "http://a.example", "code": ""}, None]
    write(tmp_path, "a.ndjson", {**CONDITION, "code": {"coding": coding, "text": ""}, "recordedDate": None})
    found = landed(tmp_path, "a.ndjson", tmp_path)
    assert balanced(found)
    assert '"text":""' in found.rows["resource"][0]
    assert set(found.files[0].problems["rule"]) == {"fhir_empty", "fhir_type"}


def test_a_path_that_holds_an_identifier_is_not_told(tmp_path: Path):
    coding = {"system": "jana.novakova@example.org", "code": 5}
    write(tmp_path, "a.ndjson", {**CONDITION, "code": {"coding": [coding]}})
    (row,) = landed(tmp_path, "a.ndjson", tmp_path).files[0].problems.to_dicts()
    assert (row["rule"], row["column"]) == ("fhir_type", None)


def test_a_file_that_cannot_be_read_costs_that_file(tmp_path: Path):
    write(tmp_path, "a.json", "{")
    write(tmp_path, "b.json", PATIENT)
    found = landed(tmp_path, "*.json", tmp_path)
    assert [(source, failure.path, failure.rule) for source, failure in found.failures] == [
        ("all", "a.json", "not_json")
    ]
    assert found.rows.height == 1


def test_a_file_whose_name_holds_an_identifier_is_refused_without_it(tmp_path: Path):
    write(tmp_path, "jana.novakova@example.org.json", PATIENT)
    ((_, failure),) = landed(tmp_path, "*.json", tmp_path).failures
    assert (failure.path, failure.rule) == ("*.json", "direct_identifier")


def test_no_file_is_a_failure_of_the_source(tmp_path: Path):
    ((source, failure),) = landed(tmp_path, "*.json", tmp_path).failures
    assert (source, failure.path, failure.rule) == ("all", "*.json", "missing_file")


MAPPING = """
mapping: m
version: "1"
{more}
sources:
  all:
    file: "*.json"
    read: {{format: fhir}}
"""


def test_the_centre_is_known_before_pseudonyms_are_made(tmp_path: Path):
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING.format(more="centre: {column: site}"), encoding="utf-8")
    with pytest.raises(MappingError, match=r"m\.yaml.*one centre"):
        load_mapping(path)
    path.write_text(MAPPING.format(more=""), encoding="utf-8")
    nobody = Scene(feed="f", study=None, centre=None, security=None, key=KEY)
    with pytest.raises(ConfigError, match="give the feed its centre"):
        land(tmp_path, load_mapping(path), nobody)
    path.write_text(MAPPING.format(more="centre: wuhan"), encoding="utf-8")
    write(tmp_path, "a.json", PATIENT)
    rows = land(tmp_path, load_mapping(path), SCENE).rows
    assert rows["centre"].to_list() == ["wuhan"]
    assert rows["source_id"].to_list() == [Pseudonyms(KEY, "wuhan").of("p1")]
