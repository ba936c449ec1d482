"""A mapping's code sheet: filled lines become words of their fields; a mistake names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.errors import MappingError
from allpool.mappings.compile import Vocabulary, load_mapping, load_vocabulary
from allpool.mappings.plan import FieldPlan

MAPPING = """\
mapping: m
version: "1"
codes: codes.csv
sources:
  a:
    file: "a*.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{4}"}
    records:
      - {record: patient, sex: {column: sex, codes: {M: male}}}
      - {record: response, value: {column: first}, timepoint: baseline}
      - {record: response, value: {column: second}, timepoint: day_8}
      - {record: subject, evaluable_response: {column: ok}}
"""
HEAD = "source,record,field,text,code,equivalence,comment\n"


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return load_vocabulary()


def load(
    folder: Path, words: Vocabulary, sheet: str, mapping: str = MAPPING
) -> dict[tuple[str, int], FieldPlan]:
    """Return the fields that read words, by record and the record's place among its like."""
    (folder / "m.yaml").write_text(mapping, encoding="utf-8")
    (folder / "codes.csv").write_text(HEAD + sheet, encoding="utf-8")
    found: dict[tuple[str, int], FieldPlan] = {}
    for rule in load_mapping(folder / "m.yaml", words).sources[0].rules:
        place = sum(record == rule.record for record, _ in found)
        found[rule.record, place] = next(item for item in rule.fields if item.words is not None)
    return found


def codes(field: FieldPlan) -> dict[str, str]:
    assert field.words is not None
    return dict(field.words.codes)


def test_lines_become_words_of_their_own_field_beside_those_it_has(tmp_path: Path, words: Vocabulary) -> None:
    sheet = (
        "a,patient,sex,muž,male,,\na,response#2,value,hotovo,cr,,\na,response#2,value,?,,unmatched,slip\n"
        "a,subject,evaluable_response,jo,true,,\na,response,value,later,,,\n"
    )
    found = load(tmp_path, words, sheet)
    assert codes(found["patient", 0]) == {"m": "male", "muž": "male"}
    assert "hotovo" not in codes(found["response", 0])
    assert codes(found["response", 1])["hotovo"] == "cr"
    assert codes(found["response", 1])["cr"] == "cr"  # the table's own words stay
    assert found["response", 1].words is not None
    assert found["response", 1].words.unmatched == {"?": "slip"}
    assert codes(found["subject", 0]) == {"true": "true", "false": "false", "jo": "true"}


@pytest.mark.parametrize(
    ("sheet", "line", "why"),
    [
        ("a,patient,sex,muž,man,,\n", 2, "'man' is not a code of sex"),
        ("\na,patient,gender,muž,male,,\n", 3, "m.yaml has no field a.patient.gender that reads words"),
        ("a,response#3,value,x,cr,,\n", 2, "has no field a.response#3.value"),
        ("a,patient,sex,m,female,,\n", 2, "stands here for female and elsewhere for male"),
        (
            "a,patient,sex,x,male,,\na,patient,sex,X,female,,\n",
            3,
            "stands here for female and elsewhere for male",
        ),
        ("a,patient,sex,,male,,\n", 2, "the text is missing"),
        ("a,subject,evaluable_response,jo,maybe,,\n", 2, "true and false"),
    ],
)
def test_a_wrong_line_stops_the_mapping(
    tmp_path: Path, words: Vocabulary, sheet: str, line: int, why: str
) -> None:
    with pytest.raises(MappingError) as caught:
        load(tmp_path, words, sheet)
    place = caught.value.place
    assert place is not None
    assert why in str(caught.value)
    assert (place.file, place.line) == ("codes.csv", line)


def test_lines_of_other_mappings_are_left_aside(tmp_path: Path, words: Vocabulary) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    text = f"mapping,{HEAD}other.yaml,a,patient,sex,muž,nonsense,,\nm.yaml,a,patient,sex,muž,male,,\n"
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    assert load_mapping(tmp_path / "m.yaml", words).codes == "codes.csv"


def test_hash_and_the_rule_follow_the_sheet(tmp_path: Path, words: Vocabulary) -> None:
    load(tmp_path, words, "a,patient,sex,muž,male,,\n")
    before = load_mapping(tmp_path / "m.yaml", words)
    load(tmp_path, words, "a,patient,sex,muž,female,,\n")
    after = load_mapping(tmp_path / "m.yaml", words)
    assert before.hash != after.hash
    ids = [[rule.id for rule in mapping.sources[0].rules] for mapping in (before, after)]
    assert [one == other for one, other in zip(*ids, strict=True)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("name", "why"), [("../codes.csv", "beside the mapping"), ("none.csv", "no such file")]
)
def test_a_sheet_that_is_elsewhere_or_absent(tmp_path: Path, words: Vocabulary, name: str, why: str) -> None:
    with pytest.raises(MappingError, match=why):
        load(tmp_path, words, "", MAPPING.replace("codes: codes.csv", f"codes: {name}"))
