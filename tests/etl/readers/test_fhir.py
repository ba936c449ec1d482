"""FHIR as rows: columns by path, digits as written, and what is wrong with its place but no value."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from allpool.errors import SourceError
from allpool.etl.readers import ROW, SourceFailure, SourceTable, read_source
from allpool.etl.readers.fhir.entries import DOCUMENT_BYTES, LINE_BYTES, Entry, Refusal, fhir_entries
from allpool.mappings.read import FhirRead

SECRET = "Novakova"
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": SECRET}], "birthDate": "1990-05"}
WBC = (
    '{"resourceType":"Observation","status":"final","code":{"coding":['
    '{"system":"http://loinc.org","code":"6690-2"},{"system":"http://local.example","code":"WBC"}]},'
    '"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.10,"unit":"10*9/L"}}'
)


def taken(content: bytes | Sequence[bytes], *, lines: bool = False, **read: str) -> list[Entry | Refusal]:
    """Return what stands in a file."""
    pieces = [content] if isinstance(content, bytes) else content
    return list(fhir_entries(pieces, FhirRead(format="fhir", **read), lines=lines))


def refusals(content: bytes, *, lines: bool = True, **read: str) -> list[Refusal]:
    """Return what cannot be taken; none of it says what the file says."""
    found = [item for item in taken(content, lines=lines, **read) if isinstance(item, Refusal)]
    assert SECRET not in repr(found)
    return found


def failed(content: bytes, *, lines: bool = False) -> SourceError:
    """Return why a file as a whole cannot be taken; the message does not repeat it."""
    with pytest.raises(SourceError) as caught:
        taken(content, lines=lines)
    assert SECRET not in str(caught.value)
    return caught.value


def bundle(*entries: object, kind: str = "collection") -> bytes:
    """Return a Bundle as text."""
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}).encode()


def test_rows_are_the_lines_of_the_type_and_columns_their_paths(table: Callable[..., SourceTable]):
    content = f"{json.dumps(PATIENT)}\n\n{WBC}\n{WBC}\n".encode()
    found = table(content, name="f.ndjson", format="fhir", resource="Observation")
    assert found.frame[ROW].to_list() == [3, 4]
    row = found.frame.row(0, named=True)
    assert row["code.coding[system=http://loinc.org].code"] == "6690-2"
    assert row["code.coding[system=http://local.example].code"] == "WBC"
    assert row["valueQuantity.value"] == "1.10"
    assert row["subject.reference"] == "Patient/p1"
    assert found.facts.sheet == "Observation"
    assert found.problems.is_empty()


def test_rows_of_a_bundle_are_its_entries_with_their_address(table: Callable[..., SourceTable]):
    content = bundle({"resource": {"resourceType": "Group"}}, {"fullUrl": "urn:uuid:1", "resource": PATIENT})
    found = table(content, name="f.json", format="fhir", resource="Patient")
    assert found.frame.select(ROW, "fullUrl", "birthDate").rows() == [(2, "urn:uuid:1", "1990-05")]


def test_a_file_without_the_type_has_no_rows_and_no_problem(table: Callable[..., SourceTable]):
    found = table(WBC.encode(), name="f.json", format="fhir", resource="Patient")
    assert (found.columns, found.frame.height, found.problems.height) == ((), 0, 0)


def test_an_element_at_fault_is_a_problem_and_no_cell(table: Callable[..., SourceTable]):
    resource = {**PATIENT, "gender": ["female"], "shoeSize": 3, "contact": [], "active": "yes"}
    found = table(json.dumps(resource).encode(), name="f.json", format="fhir", resource="Patient")
    problems = {row["column"]: (row["rule"], row["expected"]) for row in found.problems.to_dicts()}
    assert problems == {
        "gender[0]": ("fhir_type", "one code"),
        "shoeSize": ("fhir_element", "an element that R4's Patient has"),
        "contact": ("fhir_empty", "no empty list"),
        "active": ("fhir_type", "one boolean"),
    }
    assert found.problems["value"].null_count() == 4
    assert found.frame["gender[0]"].to_list() == [None]


def test_numbers_keep_their_digits_however_many(table: Callable[..., SourceTable]):
    numbers = ["0.000", "-0", "1E400", "1e-7", "9" * 5_000, "3.14159265358979323846264338327950288"]
    content = "\n".join(WBC.replace("1.10", number) for number in numbers).encode()
    found = table(content, name="f.ndjson", format="fhir", resource="Observation")
    assert found.frame["valueQuantity.value"].to_list() == numbers


def test_a_byte_order_mark_is_no_part_of_the_text():
    mark = b"\xef\xbb\xbf"
    assert [item.type for item in taken(mark + WBC.encode())] == ["Observation"]
    assert [item.type for item in taken(mark + WBC.encode(), lines=True)] == ["Observation"]


def test_ndjson_is_known_by_its_lines_too():
    found = taken(f"{WBC}\n{json.dumps(PATIENT)}\n".encode())
    assert [(item.row, item.type) for item in found] == [(1, "Observation"), (2, "Patient")]


def test_lines_may_come_in_any_pieces():
    text = f"{WBC}\n{json.dumps(PATIENT)}".encode()
    found = taken([text[:7], text[7:300], text[300:]], lines=True)
    assert [(item.row, item.type) for item in found] == [(1, "Observation"), (2, "Patient")]


@pytest.mark.parametrize(
    ("content", "rule", "row"),
    [
        (b"", "empty_file", None),
        (b" \n ", "empty_file", None),
        (gzip.compress(WBC.encode()), "compressed_file", None),
        (b"PK\x03\x04....", "compressed_file", None),
        (WBC.encode("utf-16"), "encoding", None),
        (json.dumps(PATIENT, indent=1).replace("p1", "p\xe9").encode("latin-1"), "encoding", 3),
        (json.dumps([PATIENT]).encode(), "not_json", None),
        (json.dumps(PATIENT, indent=1).replace('"p1",', '"p1"').encode(), "not_json", 4),
        (json.dumps(PATIENT, indent=1)[:-3].encode(), "not_json", 9),
        (json.dumps(PATIENT).replace('"p1"', "NaN").encode(), "not_json", None),
        (b"[" * 200_000, "too_deep", None),
        (json.dumps({"name": SECRET}).encode(), "not_fhir", None),
        (json.dumps({"resourceType": 5, "name": SECRET}).encode(), "not_fhir", None),
        (SECRET.encode(), "not_json", 1),
    ],
)
def test_a_file_that_cannot_be_taken_says_why_and_where(content: bytes, rule: str, row: int | None):
    error = failed(content)
    assert error.rule == rule
    assert (error.place.row if error.place else None) == row


def test_a_document_that_is_too_large_is_not_parsed():
    pieces = [b"{", *[b" " * 2**20] * (DOCUMENT_BYTES // 2**20 + 1)]
    with pytest.raises(SourceError) as caught:
        taken(pieces)
    assert caught.value.rule == "document_too_large"


def deep(levels: int) -> str:
    """Return a Patient with so many levels of extensions."""
    return '{"resourceType":"Patient"' + ',"extension":[{"url":"u"' * levels + "}]" * levels + "}"


@pytest.mark.parametrize(
    ("line", "rule", "path"),
    [
        (json.dumps(PATIENT)[:-20], "not_json", None),
        (json.dumps([PATIENT]), "not_json", None),
        (json.dumps(PATIENT).replace('"p1"', "Infinity"), "not_json", None),
        ('{"resourceType":"Patient","id":"a","id":"b"}', "not_json", None),
        ('{"resourceType":"Patient","name":[{},{"given":["A"],"given":["B"]}]}', "not_json", "name[1]"),
        (json.dumps({**PATIENT, **{f"member{n}": 1 for n in range(1001)}}), "fhir_structure", None),
        (deep(100), "too_deep", None),
        (deep(100_000), "too_deep", None),
        (json.dumps({**PATIENT, SECRET + " x": 1}), "not_fhir", None),
        (json.dumps({**PATIENT, "resourceType": "Patiënt"}), "unknown_resource", None),
        (json.dumps({**PATIENT, "resourceType": "patient"}), "unknown_resource", None),
        (json.dumps({**PATIENT, "resourceType": "HumanName"}), "unknown_resource", None),
        (json.dumps({"resourceType": "Transport"}), "fhir_version", None),
        (json.dumps({"resourceType": "ProcedureRequest"}), "fhir_version", None),
        (json.dumps({"resourceType": "ResearchSubject", "subject": {}}), "fhir_version", None),
        ('{"resourceType":"Patient","id":"\\ud800"}', "encoding", None),
        ('{"resourceType":"Patient","id":"a\\u0000b"}', "control_character", None),
        (json.dumps(PATIENT).replace("p1", "p" * LINE_BYTES), "line_too_long", None),
    ],
)
def test_a_line_that_cannot_be_taken_costs_that_line(line: str, rule: str, path: str | None):
    content = f"{WBC}\n{line}\n{WBC}\n".encode()
    (refusal,) = refusals(content)
    assert (refusal.row, refusal.rule, refusal.path) == (2, rule, path)
    assert refusal.expected


def test_a_backslash_before_u0000_is_a_text():
    assert not refusals(b'{"resourceType":"Patient","id":"a\\\\u0000b"}')


def test_a_line_in_another_encoding_costs_that_line():
    content = f"{WBC}\n".encode() + json.dumps(PATIENT, ensure_ascii=False).replace("p1", "é").encode(
        "cp1250"
    )
    (refusal,) = refusals(content)
    assert (refusal.row, refusal.rule) == (2, "encoding")


def test_a_truncated_last_line_says_that_it_breaks_off():
    (refusal,) = refusals(f'{WBC}\n{{"resourceType":"Patient","name":'.encode())
    assert (refusal.row, refusal.expected) == (2, "a whole JSON object; this one breaks off")


def test_entries_of_a_bundle_are_refused_one_by_one():
    content = bundle({"resource": {"resourceType": "Nope"}}, {"resource": [SECRET]}, {"resource": PATIENT}, 5)
    found = taken(content)
    assert [(item.row, item.type) for item in found if isinstance(item, Entry)] == [
        (0, "Bundle"),
        (3, "Patient"),
    ]
    assert [(item.row, item.rule) for item in found if isinstance(item, Refusal)] == [
        (1, "unknown_resource"),
        (2, "not_fhir"),
    ]
    envelope = found[0]
    assert isinstance(envelope, Entry)
    assert [fault.path for fault in envelope.faults] == ["entry[3]"]


def test_a_bundle_or_entry_with_a_member_twice_is_refused():
    twice = '{"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Patient"}}'
    content = f'{{"resourceType":"Bundle","entry":[{twice},{{"resource":{WBC}}}]}}'.encode()
    assert [(item.row, item.rule) for item in refusals(content, lines=False)] == [
        (0, "not_json"),
        (1, "not_json"),
    ]
    assert [item.type for item in taken(content) if isinstance(item, Entry)] == ["Observation"]
    whole = b'{"resourceType":"Bundle","type":"batch","type":"batch","entry":[]}'
    assert [(item.row, item.rule) for item in refusals(whole, lines=False)] == [(1, "not_json")]


def test_structure_is_checked_where_the_mapping_asks_for_it():
    content = json.dumps({"resourceType": "Observation", "valueString": SECRET}).encode()
    assert not refusals(content)
    (refusal,) = refusals(content, check="structure")
    assert refusal.rule == "fhir_structure"
    assert "missing" in refusal.expected


def test_a_compressed_file_is_a_failure_of_the_file(failure: Callable[..., SourceFailure]):
    found = failure(gzip.compress(WBC.encode()), name="f.ndjson.gz", format="fhir", resource="Observation")
    assert (found.rule, found.message) == ("compressed_file", "the file is compressed; deliver it unpacked")


def test_every_example_of_r4_reads_as_rows_of_its_type(shared: Path):
    read = 0
    for path in sorted((shared / "fhir" / "hl7-r4-examples").glob("*.json")):
        type_name = path.name.partition("-")[0]
        form = FhirRead(format="fhir", resource=type_name)
        (found,) = read_source(path.parent, path.name, form)
        assert isinstance(found, SourceTable), path.name
        assert found.frame.height == 1 or type_name == "Bundle", path.name
        assert found.problems.is_empty(), path.name
        read += 1
    assert read > 300
