"""REDCap exports in their several forms: CSV and JSON, codes and labels, boxes, notices."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from allpool.etl.readers import SourceFailure, SourceTable, read_source
from allpool.etl.readers.redcap.columns import box_name
from allpool.mappings.read import RedcapRead

HEADER = (
    "Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number\n'
)
DICTIONARY = HEADER + (
    "id,base,,text,Study ID,,,\n"
    "info,base,,descriptive,<b>Read this</b>,,,\n"
    'sex,base,,radio,Sex,"f, Female | m, Male",,\n'
    'fate,base,,dropdown,Fate,"1, Alive | 2, <i>Dead</i> &amp; buried | 3, Lost | 4, Lost",,\n'
    "dob,base,,text,Date of birth,,,date_dmy\n"
    "sct,base,,yesno,Transplant?,,,\n"
    'drugs,base,,checkbox,Drugs,"1, Imatinib | 2, Dasatinib | -98, None of these | a.B, Other",,\n'
    "wbc,lab,,text,Leucocytes,,,number_1dp_comma_decimal\n"
    'site,lab,,checkbox,Site,"1, Blood | 2, Marrow",,\n'
)
RECORDS = (
    "id,redcap_repeat_instrument,redcap_repeat_instance,sex,fate,dob,sct,drugs___1,drugs___2,drugs____98,"
    "drugs___ab,base_complete,wbc,site___1,site___2,lab_complete\n"
    "A1,,,f,1,1950-01-31,1,1,0,0,0,2,,,,\n"
    'A1,lab,1,,,,,,,,,,"5,5",0,1,2\n'
    'A1,lab,2,,,,,,,,,,"7,5",0,0,2\n'
    "A2,,,m,3,1950-02-28,0,0,0,1,0,2,,,,\n"
    "A3,,,,,,,0,0,0,0,0,,,,\n"
)
Read = Callable[..., SourceTable]


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., SourceTable | SourceFailure]:
    def read(
        content: str = RECORDS, dictionary: str | None = DICTIONARY, name: str = "data.csv", **words: object
    ) -> SourceTable | SourceFailure:
        (tmp_path / name).write_text(content, encoding="utf-8")
        if dictionary is not None:
            (tmp_path / "dictionary.csv").write_text(dictionary, encoding="utf-8")
        chosen = RedcapRead.model_validate({"format": "redcap", "dictionary": "dictionary.csv", **words})
        (outcome,) = read_source(tmp_path, name, chosen)
        return outcome

    return read


@pytest.fixture
def table(found: Callable[..., SourceTable | SourceFailure]) -> Read:
    def read(*given: object, **words: object) -> SourceTable:
        outcome = found(*given, **words)
        assert isinstance(outcome, SourceTable), outcome
        return outcome

    return read


def boxes(found: SourceTable) -> list[tuple[str | None, ...]]:
    return found.frame.select("drugs___1", "drugs___2", "drugs____98", "drugs___ab").rows()


def flat(content: str = RECORDS) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content)))


def written(rows: Iterable[dict[str, str]], header: list[str] | None = None) -> str:
    rows = list(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header or list(rows[0]))
    writer.writerows(list(row.values()) for row in rows)
    return out.getvalue()


# boxes


def test_a_box_beside_a_ticked_one_is_no_and_a_field_without_a_tick_says_nothing(table: Read) -> None:
    found = table()
    assert boxes(found) == [
        ("1", "0", "0", "0"),
        (None, None, None, None),
        (None, None, None, None),
        ("0", "0", "1", "0"),  # "none of these" is an answer
        (None, None, None, None),
    ]
    assert found.frame["site___1"].to_list() == [None, "0", None, None, None]
    assert found.frame["site___2"].to_list() == [None, "1", None, None, None]
    assert sorted(found.passed_over.rows()) == [
        (4, "site___1", "unanswered checkbox"),
        (4, "site___2", "unanswered checkbox"),
        *(
            (6, name, "unanswered checkbox")
            for name in sorted(("drugs____98", "drugs___1", "drugs___2", "drugs___ab"))
        ),
    ]
    assert found.problems.is_empty()


def test_a_project_may_say_that_a_complete_instrument_had_its_boxes_read(table: Read) -> None:
    found = table(unticked="complete")
    assert found.frame["site___1"].to_list() == [None, "0", "0", None, None]
    assert boxes(found)[4] == (None,) * 4  # incomplete
    assert found.passed_over.height == 4


def test_boxes_of_missing_data_codes_answer_the_field_and_the_zeros_beside_them_are_none(table: Read) -> None:
    rows = [{**row, "drugs___unk": "0" if row["drugs___1"] else ""} for row in flat()]
    rows[4]["drugs___unk"] = "1"
    rows[0]["sex"] = "UNK"
    found = table(written(rows), missing_codes=["UNK"])
    assert found.problems.is_empty()  # the column is known, though the dictionary has no such choice
    assert found.frame["sex"].to_list()[0] == "UNK"  # the mapping's `missing` says what it means
    assert found.frame["drugs___unk"].to_list() == ["0", None, None, "0", "1"]
    assert boxes(found)[4] == (None,) * 4
    rules = dict.fromkeys(found.passed_over.filter(pl.col("row") == 6)["rule"])
    assert list(rules) == ["checkbox answered by a missing-data code"]


def test_codes_of_boxes_as_redcap_writes_them() -> None:
    assert box_name("x", "1") == "x___1"
    assert box_name("x", "-98") == "x____98"
    assert box_name("x", "a.B") == "x___ab"
    assert box_name("x", "a_b") == "x___a_b"


def test_older_exports_lost_the_underscores_of_codes(table: Read) -> None:
    found = table(RECORDS.replace("drugs____98", "drugs___98"))
    assert found.problems.is_empty()
    assert found.frame["drugs___98"].to_list()[3] == "1"


# forms


def test_flat_json_says_the_same_as_csv(table: Read) -> None:
    rows = [{name: value for name, value in row.items() if value} for row in flat()]
    rows = [{**dict.fromkeys(flat()[0], ""), **row} for row in rows]
    found = table(json.dumps(rows), name="data.json")
    plain = table()
    assert found.columns == plain.columns
    assert found.frame.drop("_row").equals(plain.frame.drop("_row"))
    assert found.frame["_row"].to_list() == [1, 2, 3, 4, 5]
    assert found.decimals == plain.decimals == {"wbc": ","}


def eav(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return one object per value, as REDCap's EAV has it: of a checkbox field the ticked codes."""
    codes = {"1": "1", "2": "2", "_98": "-98", "ab": "a.B"}
    own = ("redcap_repeat_instrument", "redcap_repeat_instance")
    told = []
    for row in rows:
        key = {"record": row["id"], **{name: row[name] for name in own}}
        for name, value in row.items():
            field, _, code = name.partition("___")
            if name in own or value == "" or (code and value == "0"):
                continue
            told.append({**key, "field_name": field, "value": codes[code] if code else value})
    return told


def test_eav_says_the_same_as_csv(table: Read) -> None:
    found, plain = table(json.dumps(eav(flat())), name="data.json"), table()
    assert sorted(found.columns) == sorted(plain.columns)
    assert found.frame.select(plain.columns).equals(plain.frame.select(plain.columns))
    assert found.passed_over.is_empty()  # what nobody ticked is not written, so nothing is passed over
    told = [item for item in eav(flat()) if item["field_name"] != "dob"]
    assert table(
        json.dumps(told), name="data.json"
    ).problems.is_empty()  # nor is a field that nobody filled in


def test_eav_that_contradicts_itself_waits_value_by_value(table: Read) -> None:
    told = eav(flat())
    told += [
        {**told[1], "value": "m"},  # sex again, otherwise
        {**told[0], "value": "A9"},  # the record id under another record
        {**told[0], "field_name": "dob", "value": ["1950"]},
        {"record": None, "field_name": "sex", "value": "f"},
    ]
    found = table(json.dumps(told), name="data.json")
    assert found.problems["rule"].to_list() == ["eav_value"] * 4
    assert found.problems["cells"].sum() == 4
    assert found.frame["sex"].to_list()[0] == "f"


@pytest.mark.parametrize(("said", "rule"), [("\ud83d", "encoding"), ("a\0b", "nul_byte")])
def test_characters_that_no_database_takes_cost_their_cell(table: Read, said: str, rule: str) -> None:
    rows = flat()
    told = [{**rows[0], "dob": said}, *rows[1:]]
    found = table(json.dumps(told), name="data.json")  # as an escape, which JSON allows
    assert found.problems.select("row", "column", "scope", "rule").rows() == [(1, "dob", "cell", rule)]
    assert found.frame["dob"].to_list()[0] is None


def test_a_value_of_eav_with_half_a_character_waits(table: Read) -> None:
    told = [*eav(flat()), {**eav(flat())[0], "field_name": "dob", "value": "\ud83d"}]
    found = table(json.dumps(told), name="data.json")
    assert found.problems.select("row", "scope", "rule", "cells").rows() == [
        (len(told), "row", "encoding", 1)
    ]


@pytest.mark.parametrize(
    "content",
    [
        '[{"id": "1", "a\\ud83d": ""}]',
        '[{"id": "1"}, {"id"',
        '{"id": "1"}',
        '["a"]',
        "[" * 100_000,
        '[{"id": "1", "id": "2"}]',
        "[1]",
    ],
)
def test_json_that_is_no_export(found: Callable[..., SourceFailure], content: str) -> None:
    outcome = found(content, name="data.json")
    assert isinstance(outcome, SourceFailure)
    assert outcome.rule == "unreadable_json"


def test_an_empty_export(found: Callable[..., SourceFailure]) -> None:
    assert found("[]", name="data.json").rule == "empty_file"
    assert found("\n").rule == "empty_file"


# labels

LABELS = {
    "id": "Study ID",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "sex": "Sex",
    "fate": "Fate",
    "dob": "Date of birth",
    "sct": "Transplant?",
    "drugs___1": "Drugs (choice=Imatinib)",
    "drugs___2": "Drugs (choice=Dasatinib)",
    "drugs____98": "Drugs (choice=None of these)",
    "drugs___ab": "Drugs (choice=Other)",
    "base_complete": "Complete?",
    "wbc": "Leucocytes",
    "site___1": "Site (choice=Blood)",
    "site___2": "Site (choice=Marrow)",
    "lab_complete": "Complete?",
}
WORDS = {
    "sex": {"f": "Female", "m": "Male"},
    "fate": {"1": "Alive", "2": "Dead & buried", "3": "Lost"},
    "sct": {"1": "Yes", "0": "No"},
    "base_complete": {"0": "Incomplete", "2": "Complete"},
    "lab_complete": {"0": "Incomplete", "2": "Complete"},
}


def labelled(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    boxed = {"1": "Checked", "0": "Unchecked", "": ""}
    return [
        {
            name: boxed[value] if "___" in name else WORDS.get(name, {}).get(value, value)
            for name, value in row.items()
        }
        for row in rows
    ]


def test_a_label_export_reads_as_the_raw_one(table: Read) -> None:
    rows = flat()
    rows[3]["fate"] = "2"
    found = table(written(labelled(rows), list(LABELS.values())), export="label", header="label")
    plain = table(written(rows))
    assert found.columns == plain.columns
    assert found.frame.equals(plain.frame)
    assert found.passed_over.sort("row", "column").equals(plain.passed_over.sort("row", "column"))
    assert found.problems.is_empty()


def test_labels_in_json(table: Read) -> None:
    rows = flat()
    rows[3]["fate"] = "2"
    plain = table(written(rows))
    found = table(json.dumps(labelled(rows)), name="data.json", export="label")
    assert found.frame.drop("_row").equals(plain.frame.drop("_row"))


def test_a_label_that_the_dictionary_lacks_or_has_twice_waits(table: Read) -> None:
    rows = labelled(flat())
    rows[0]["sex"] = "Frau"
    found = table(written(rows), export="label")
    told = found.problems.select("row", "column", "rule", "scope", "cells").rows()
    assert told == [(2, "sex", "unknown_label", "cell", 1), (5, "fate", "ambiguous_label", "cell", 1)]
    assert found.frame["sex"].to_list() == [None, None, None, "m", None]


def test_labels_of_missing_data_codes(table: Read) -> None:
    rows = labelled(flat())
    rows[0]["sex"] = "Unknown"
    rows[3]["fate"] = ""
    found = table(written(rows), export="label", missing_codes={"UNK": "Unknown"})
    assert found.problems.is_empty()
    assert found.frame["sex"].to_list()[0] == "UNK"


def test_a_header_of_labels_that_cannot_be_told_apart(found: Callable[..., SourceFailure]) -> None:
    rows = [{name: value for name, value in row.items() if name != "base_complete"} for row in flat()]
    outcome = found(written(rows, [LABELS[name] for name in rows[0]]), header="label")
    assert isinstance(outcome, SourceFailure)
    assert (outcome.rule, outcome.column) == ("ambiguous_header", "Complete?")
    assert "raw" in outcome.message


# the dictionary


def test_a_missing_dictionary_is_a_clear_failure(found: Callable[..., SourceFailure], tmp_path: Path) -> None:
    outcome = found(dictionary=None)
    assert outcome.rule == "missing_dictionary"
    assert "dictionary.csv" in outcome.message
    (tmp_path / "dictionary_2.csv").write_text(DICTIONARY, encoding="utf-8")
    outcome = found(dictionary=DICTIONARY)
    assert isinstance(outcome, SourceTable)
    (again,) = read_source(tmp_path, "data.csv", RedcapRead(format="redcap", dictionary="dictionary*.csv"))
    assert isinstance(again, SourceFailure)
    assert (again.rule, "2 files" in again.message) == ("missing_dictionary", True)


def test_the_dictionary_is_not_read_as_records(found: Read, tmp_path: Path) -> None:
    found()
    tables = list(read_source(tmp_path, "*.csv", RedcapRead(format="redcap", dictionary="dict*.csv")))
    assert [getattr(item, "facts", None) and item.facts.path for item in tables] == ["data.csv"]


@pytest.mark.parametrize(
    ("dictionary", "words"),
    [
        ("a,b\n1,2\n", "no 'Variable / Field Name'"),
        (HEADER, "holds no field"),
        (DICTIONARY + "sex,base,,text,Again,,,\n", "sex stands in it twice"),
        (DICTIONARY.replace("m, Male", "f, Male"), "two choices with the code f"),
        (DICTIONARY + "short,row\n", "row 11"),
        ("", "empty"),
    ],
)
def test_a_dictionary_that_is_none(found: Callable[..., SourceFailure], dictionary: str, words: str) -> None:
    outcome = found(dictionary=dictionary)
    assert isinstance(outcome, SourceFailure)
    assert outcome.rule == "unreadable_dictionary"
    assert words in outcome.message
    assert outcome.facts is not None  # the records were hashed all the same


def test_the_dictionary_of_another_project(found: Callable[..., SourceFailure]) -> None:
    outcome = found(dictionary=DICTIONARY.replace("id,base", "study_id,base"))
    assert (outcome.rule, outcome.column) == ("wrong_dictionary", "study_id")


def test_what_export_and_dictionary_do_not_agree_on_is_noticed(table: Read) -> None:
    rows = [{**row, "extra": "x"} for row in flat()]
    for row in rows:
        del row["dob"]
    rows[1]["redcap_repeat_instrument"] = "labor"
    found = table(written(rows))
    told = {item["rule"]: item for item in found.problems.to_dicts()}
    assert told.keys() == {"unknown_field", "absent_field", "unknown_instrument"}
    assert {item["scope"] for item in told.values()} == {"file"}
    assert "extra" in told["unknown_field"]["expected"]
    assert "dob" in told["absent_field"]["expected"]
    assert told["unknown_instrument"]["row"] == 3
    partial = table(written(rows), partial=True)
    assert "absent_field" not in partial.problems["rule"].to_list()


def test_the_api_names_of_the_dictionary_are_read_too(table: Read) -> None:
    api = (
        "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations,"
        "field_note,text_validation_type_or_show_slider_number\n"
    )
    text = DICTIONARY.replace(HEADER, api)
    assert table(dictionary=text).frame.equals(table().frame)


def test_an_instrument_that_there_is_not(found: Callable[..., SourceFailure]) -> None:
    outcome = found(instrument="labor")
    assert (outcome.rule, outcome.sheet) == ("missing_sheet", "labor")
    assert "base, lab" in outcome.message


def test_an_instrument_as_a_sheet(table: Read) -> None:
    found = table(instrument="lab")
    assert found.facts.sheet == "lab"
    assert found.columns == (
        *("id", "redcap_repeat_instrument", "redcap_repeat_instance"),
        *("wbc", "site___1", "site___2", "lab_complete"),
    )
    assert found.frame["_row"].to_list() == [3, 4]
    assert found.decimals == {"wbc": ","}
    assert found.passed_over["column"].to_list() == ["site___1", "site___2"]


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"dictionary": "d.csv", "separator": ",,"},
        {"url": "https://redcap.example.org/api/"},
        {"url": "https://redcap.example.org/", "token_env": "T"},
        {"url": "http://redcap.example.org/api/", "token_env": "T"},
        {"url": "https://redcap.example.org/api/", "token_env": "T", "export": "label"},
        {"dictionary": "d.csv", "encoding": "none-such"},
        {"dictionary": "d.csv", "token": "secret"},
    ],
)
def test_words_that_do_not_go_together(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RedcapRead.model_validate({"format": "redcap", **words})
