"""The draft: what each column most likely is, when it is sure of it, and a mapping file that loads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from allpool.errors import MappingError
from allpool.mappings.compile import Vocabulary, load_mapping, load_vocabulary
from allpool.mappings.draft import Draft, Suggestion, draft
from allpool.mappings.draft.language import language_of
from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.draft.patterns import key_pattern
from allpool.mappings.draft.writing import remark, written
from allpool.mappings.plan import CompiledMapping, FieldPlan
from allpool.mappings.positions import parse_yaml, read_yaml
from allpool.mappings.profile import ColumnProfile, TableProfile, ValueCount
from benchmarks.draft import HELD_OUT, held_out_profile

IDS = ["P001", "P002", "P003", "P004", "P005", "P006"]
DAYS = ["03.01.2023", "16.05.2022", "20.04.2023", "11.02.2023", "09.03.2021", "28.08.2023"]


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return load_vocabulary()


def drafted(columns: Mapping[str, Sequence[str]], words: Vocabulary, file: str = "x.csv") -> Draft:
    return draft(held_out_profile(file, None, columns), vocabulary=words)


def said(columns: Mapping[str, Sequence[str]], words: Vocabulary) -> dict[str, Suggestion]:
    return {item.column: item for item in drafted(columns, words)}


def loaded(text: str, folder: Path, words: Vocabulary) -> CompiledMapping:
    path = folder / "draft.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path, words)


def fields(mapping: CompiledMapping) -> dict[tuple[str, str], FieldPlan]:
    return {
        (rule.record, field.name): field
        for source in mapping.sources
        for rule in source.rules
        for field in rule.fields
    }


SURE = {
    "登记号": ["A00121", "A00135", "A00207", "A00219", "A00322", "A00340"],
    "性别": ["男", "女", "男", "女", "男", "男"],
    "出生日期": ["1985-03-02", "1990-11-12", "1971-06-30", "2001-01-19", "1966-08-08", "1958-12-24"],
    "血红蛋白(g/L)": ["82", "65", "110", "95", "73", "88"],
    "死亡时间": ["", "2023-05-15", "2023-06-02", "", "2022-08-10", ""],
}


def test_a_draft_of_sure_columns_loads_and_reads_each_of_them(tmp_path: Path, words: Vocabulary) -> None:
    made = drafted(SURE, words)
    assert all(item.is_confident for item in made)
    mapping = loaded(made.render(), tmp_path, words)
    assert mapping.language == "zh"
    (source,) = mapping.sources
    assert source.patient.column == ("登记号",)
    assert source.patient.pattern == "[A-Z][0-9]{5}"
    found = fields(mapping)
    assert found["patient", "sex"].binding.column == ("性别",)
    assert [item.name for item in found["patient", "birth_date"].formats] == ["%Y-%m-%d"]
    assert found["haemoglobin", "value"].binding.unit == "g/L"
    assert {name for names in source.named_columns() for name in names} == set(SURE)


@pytest.mark.parametrize("name", ["centres", "later"])
def test_every_draft_of_the_held_out_tables_loads(name: str, tmp_path: Path, words: Vocabulary) -> None:
    for table in read_yaml(HELD_OUT / f"{name}.yaml").content["tables"]:
        cells = {column: texts for column, _, texts in table["columns"]}
        made = draft(held_out_profile(table["file"], table.get("sheet"), cells), vocabulary=words)
        if any(item.element == "subject_id" and item.is_confident for item in made):
            mapping = loaded(made.render(), tmp_path, words)
            assert mapping.sources[0].file == table["file"]


def test_open_lines_that_ask_nothing_load_when_their_mark_is_taken_away(
    tmp_path: Path, words: Vocabulary
) -> None:
    content = read_yaml(HELD_OUT / "centres.yaml").content
    taken = 0
    for table in content["tables"]:
        cells = {column: texts for column, _, texts in table["columns"]}
        made = draft(held_out_profile(table["file"], None, cells), vocabulary=words)
        if not any(item.element == "subject_id" and item.is_confident for item in made):
            continue
        head, mark, tail = made.render().partition("    # Open:")
        lines = [line for line in tail.splitlines() if line.startswith("    # - {") and '"?"' not in line]
        taken += len(lines)
        head = head.replace(
            "    records:\n", "    records:\n" + "".join(f"      {line[6:]}\n" for line in lines)
        )
        loaded(head + mark, tmp_path, words)
    assert taken > 5


def test_a_draft_without_a_sure_patient_key_says_what_is_missing(tmp_path: Path, words: Vocabulary) -> None:
    text = drafted({"Hb (g/dl)": ["8.2", "6.5", "11.0", "9.5", "7.3", "8.8"]}, words).render()
    with pytest.raises(MappingError, match="whose row it is"):
        loaded(text, tmp_path, words)


CONTRADICTED = {
    "Hb": ["male", "female", "male", "female", "male", "male"],
    "Sex": ["2023-01-03", "2022-05-16", "2023-04-20", "2023-02-11", "2021-03-09", "2023-08-01"],
    "Date of birth": ["12.5", "3.25", "88.1", "40.0", "7.75", "61.5"],
    "Death date": ["yes", "no", "no", "yes", "no", "yes"],
    "Platelets (10^9/L)": ["-40", "-12", "-2", "-9", "-33", "-21"],
    "ECOG": ["40", "60", "100", "80", "70", "90"],
    "MRD method": ["0.001", "0.002", "0.35", "0.04", "0.01", "0.8"],
    "body_weight": ["A", "B", "C", "A", "B", "C"],
    "course_start": ["M", "F", "F", "M", "F", "M"],
    "WBC": ["see report", "pending", "unclear", "see report", "pending", "unclear"],
    "age": ["red", "green", "blue", "red", "green", "blue"],
}


@pytest.mark.parametrize("name", CONTRADICTED)
def test_no_column_whose_cells_contradict_its_name_is_sure(name: str, words: Vocabulary) -> None:
    item = said({"patient_id": IDS, name: CONTRADICTED[name]}, words)[name]
    assert not item.is_confident, item


def test_direct_identifiers_are_left_out_by_name_with_the_reason(tmp_path: Path, words: Vocabulary) -> None:
    columns = {
        "患者编号": IDS,
        "姓名": ["张伟", "王芳", "李娜", "刘洋", "陈静", "杨磊"],
        "联系电话": [
            "13800138000",
            "13911112222",
            "13622223333",
            "13733334444",
            "13544445555",
            "15866667777",
        ],
        "性别": ["男", "女", "女", "男", "女", "男"],
    }
    made = drafted(columns, words)
    rows = {row["column"]: row for row in made.rows()}
    for name in ("姓名", "联系电话"):
        assert rows[name]["identifier"] is True
        assert rows[name]["element"] is None
    assert (rows["患者编号"]["element"], rows["患者编号"]["identifier"]) == ("subject_id", True)
    assert rows["性别"]["identifier"] is False
    text = made.render()
    assert set(loaded(text, tmp_path, words).sources[0].ignore) == {"姓名", "联系电话"}
    assert not any(cell in text + json.dumps(made.rows(), ensure_ascii=False) for cell in columns["姓名"])


HEADERS = {
    "wbc_d15": ("wbc", "day_15", None),
    "WBC (10^9/L) day 15": ("wbc", "day_15", "10*9/L"),
    "第15天白细胞": ("wbc", "day_15", None),
    "leukocyty_den15": ("wbc", "day_15", None),
    "hgb_bl (g/dL)": ("haemoglobin", "baseline", "g/dL"),
    "LDH [µkat/l]": ("lab_ldh", None, "ukat/L"),
    "bilirubin_umol_l": ("lab_bilirubin", None, "umol/L"),
    "plateletCount": ("platelets", None, None),
    "płytki krwi": ("platelets", None, None),
    "Thrombozyten (/nl)": ("platelets", None, "/nL"),
}
SIZES = {"wbc": "4.5", "haemoglobin": "9.5", "lab_ldh": "6.5", "lab_bilirubin": "12.5", "platelets": "120"}


@pytest.mark.parametrize("name", HEADERS)
def test_a_name_says_element_timepoint_and_unit(name: str, words: Vocabulary) -> None:
    element, moment, unit = HEADERS[name]
    cells = [str(round(float(SIZES[element]) * part, 2)) for part in (0.8, 0.9, 1.0, 1.1, 1.2, 1.3)]
    item = said({"patient_id": IDS, name: cells}, words)[name]
    assert (item.element, item.timepoint) == (element, moment)
    assert unit is None or item.unit == unit


def test_cells_say_unit_date_format_and_codes(words: Vocabulary) -> None:
    found = said(
        {
            "patient_id": IDS,
            "hb": ["82", "65", "110", "95", "73", "88"],
            "datum úmrtí": ["03.01.2023", "", "20.04.2023", "", "09.03.2021", "28.08.2023"],
            "pohlaví": ["M", "Ž", "M", "M", "Ž", "Ž"],
            "ph_status": ["pos", "neg", "neg", "pos", "neg", "neg"],
        },
        words,
    )
    assert (found["hb"].element, found["hb"].unit) == ("haemoglobin", "g/L")
    assert found["datum úmrtí"].date_format == "%d.%m.%Y"
    assert found["pohlaví"].codes == {"M": "male", "Ž": "female"}
    assert found["ph_status"].codes == {"pos": "positive", "neg": "negative"}


def test_what_two_readings_fit_stays_open_with_both_shown(tmp_path: Path, words: Vocabulary) -> None:
    columns = {
        "patient_id": IDS,
        "death_date": ["03/01/2023", "05/06/2022", "04/02/2023", "11/02/2023", "09/03/2021", "08/08/2023"],
        "dem_sex": ["1", "2", "2", "1", "2", "1"],
        "sensitivity of mrd": ["0.01", "0.01", "0.001", "0.01", "0.001", "0.01"],
    }
    text = drafted(columns, words).render()
    (line,) = [line for line in text.splitlines() if "death_date:" in line]
    assert line.strip().startswith("# ")
    assert "%d/%m/%Y" in line
    assert "%m/%d/%Y" in line
    (line,) = [line for line in text.splitlines() if "column: dem_sex" in line]
    assert 'codes: {"1": "?", "2": "?"}' in line.replace("{1:", '{"1":').replace(" 2:", ' "2":')
    assert "'male', 'female'" in line
    loaded(text, tmp_path, words)


def test_a_table_with_one_value_per_row_becomes_a_record_for_each_thing(
    tmp_path: Path, words: Vocabulary
) -> None:
    columns = {
        "patient": IDS,
        "lab_test": ["WBC", "Hgb", "Platelets", "WBC", "Hgb", "Platelets"],
        "lab_value": ["4.5", "8.2", "120", "3.9", "9.1", "88"],
        "lab_unit": ["10^9/L", "g/dL", "10^9/L", "10^9/L", "g/dL", "10^9/L"],
        "lab_date": DAYS,
    }
    mapping = loaded(drafted(columns, words).render(), tmp_path, words)
    rules = {rule.record: rule for rule in mapping.sources[0].rules}
    assert set(rules) == {"wbc", "haemoglobin", "platelets"}
    (condition,) = rules["haemoglobin"].when
    assert (condition.column, condition.in_) == (("lab_test",), ("Hgb",))
    assert {field.name for field in rules["wbc"].fields} == {"value", "date"}


def test_columns_of_one_moment_fill_one_record_and_of_another_a_second(
    tmp_path: Path, words: Vocabulary
) -> None:
    columns = {
        "record_id": IDS,
        "mrd_d15": ["0.01", "0.35", "0.05", "0.02", "0.003", "0.12"],
        "mrd_method_d15": ["flow", "flow", "PCR", "flow", "NGS", "flow"],
        "mrd_d29": ["0.001", "0.035", "0.005", "0.02", "0.003", "0.012"],
        "c1_start": DAYS,
        "c2_start": DAYS,
    }
    found = drafted(columns, words)
    assert {item.column: item.timepoint for item in found}["mrd_method_d15"] == "day_15"
    mapping = loaded(found.render(), tmp_path, words)
    constants = sorted(
        (rule.record, field.name, field.binding.constant)
        for rule in mapping.sources[0].rules
        for field in rule.fields
        if field.binding.constant
    )
    assert ("course", "number", "1") in constants
    assert ("course", "number", "2") in constants
    assert [item for item in constants if item[0] == "mrd"] in (
        [("mrd", "timepoint", "day_15")],
        [("mrd", "timepoint", "day_15"), ("mrd", "timepoint", "day_29")],
    )


def test_a_column_called_like_an_adverse_event_holds_its_grade_or_whether_it_occurred(
    tmp_path: Path, words: Vocabulary
) -> None:
    columns = {
        "patient_id": IDS,
        "headache grade": ["0", "1", "2", "0", "3", "1"],
        "头痛": ["有", "无", "无", "有", "无", "有"],
    }
    made = drafted(columns, words)
    found = {item.column: item for item in made}
    assert (found["headache grade"].element, found["headache grade"].event) == ("ae_grade", "headache")
    assert found["头痛"].element == "ae_term"
    text = made.render()
    (rule,) = loaded(text, tmp_path, words).sources[0].rules
    assert rule.when[0].not_in == ("0",)
    constants = {field.name: field.binding.constant for field in rule.fields}
    assert constants == {"term": "headache", "grade": None}
    assert "# - {record: adverse_event, when: {column: 头痛, in: [有]}, term: headache}" in text


def test_a_transplant_before_the_study_has_not_the_date_of_a_later_one(
    tmp_path: Path, words: Vocabulary
) -> None:
    columns = {
        "patient_id": [f"P-{number:03}" for number in range(6)],
        "Předchozí transplantace": ["ne", "ano", "ne", "ne", "ne", "ano"],
        "Datum alo-HSCT": ["20.6.2022", "", "", "30.10.2020", "", "14.2.2021"],
    }
    prior, later = loaded(drafted(columns, words).render(), tmp_path, words).sources[0].rules
    assert (prior.record, later.record) == ("transplant", "transplant")
    assert [(field.name, field.binding.constant) for field in prior.fields] == [("prior", "true")]
    assert prior.when[0].in_ == ("ano",)
    assert [(field.name, field.binding.column) for field in later.fields] == [("date", ("Datum alo-HSCT",))]


def test_texts_that_stand_for_no_value_are_proposed_and_looked_past(words: Vocabulary) -> None:
    columns = {
        "patient_id": IDS,
        "death_date": ["NA", "2023-05-15", "NA", "NA", "2022-08-10", "NA"],
        "hgb (g/dL)": ["8.2", "NA", "11.0", "NA", "NA", "8.8"],
    }
    made = drafted(columns, words)
    found = {item.column: item for item in made}
    assert (found["death_date"].element, found["death_date"].date_format) == ("death_date", "%Y-%m-%d")
    assert (found["hgb (g/dL)"].element, found["hgb (g/dL)"].unit) == ("haemoglobin", "g/dL")
    assert found["hgb (g/dL)"].is_confident
    assert "# missing: [NA]" in made.render()


HOSTILE = [
    'a"b', "a: b", "# a", "a # b", "- a", "{a}", "[a, b]", "*a", "&a", "!a", "a'b", "%a", "@a", "`a`",
    "?", "~", "no", "a\\b", "a\u2028sources: {}", "a\x85b", "a\nsources: {}\n", "a\tb", "日期: #", "…",
    "a,b", "null", "1e3", "|", ">",
]  # fmt: skip


def test_no_column_name_breaks_out_of_the_draft(tmp_path: Path, words: Vocabulary) -> None:
    table = held_out_profile("x.csv", None, {"patient_id": IDS, "sex": ["M", "F", "F", "M", "F", "M"]})
    key, sex = table.columns
    columns = [key, sex]
    for number, name in enumerate(HOSTILE):
        columns.append(ColumnProfile(name=name, position=number + 3, rows=30, filled=0, distinct=0))
    made = draft(
        TableProfile(
            file='x[1]: "#.csv',
            sheet="a\nb",
            rows=30,
            columns=tuple(columns),
            minimum_frequency=5,
            format="csv",
        ),
        vocabulary=words,
        name="a: #\n b",
    )
    mapping = loaded(made.render(), tmp_path, words)
    assert mapping.name == "a: #\n b"
    assert [source.patient.column for source in mapping.sources] == [("patient_id",)]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_comes_back_from_yaml_and_every_remark_is_one_line(text: str) -> None:
    content = parse_yaml(f"a: {written({text: [text]})}  # {remark(text)}\nb: c\n", path=Path("x")).content
    assert content == {"a": {text: [text]}, "b": "c"}


def test_the_same_profile_gives_the_same_draft(words: Vocabulary) -> None:
    table = held_out_profile("x.csv", None, SURE)
    assert draft(table, vocabulary=words).render() == draft(table, vocabulary=words).render()


def test_sheets_of_one_delivery_are_sources_of_one_mapping(tmp_path: Path, words: Vocabulary) -> None:
    tables = [
        held_out_profile("x.xlsx", sheet, {"patient_id": IDS, "sex": ["M", "F", "F", "M", "F", "M"]})
        for sheet in ("A b", "A-b")
    ]
    mapping = loaded(draft(tables, vocabulary=words).render(), tmp_path, words)
    assert [source.name for source in mapping.sources] == ["a_b", "a_b_2"]


def test_a_wide_file_is_drafted_whole(words: Vocabulary) -> None:
    cells = ["4.5", "8.2", "12", "3.9", "9.1", "8.8"]
    names = ["wbc", "hgb", "plt", "anc", "alt", "ast", "bilirubin", "mrd", "bm_blast", "ldh"]
    columns = {"patient_id": IDS} | {f"{name}_d{day}": cells for name in names for day in range(50)}
    table = held_out_profile("x.csv", None, columns)
    made = draft(table, vocabulary=words)
    assert len(made.rows()) == 501
    assert made.render()


def test_rows_are_ready_for_json(words: Vocabulary) -> None:
    rows = json.loads(json.dumps(drafted(SURE, words).rows()))
    assert [row["column"] for row in rows] == list(SURE)
    assert all(isinstance(row["reason"], str) and row["reason"] for row in rows)
    assert all(0 <= row["confidence"] <= 1 and isinstance(row["identifier"], bool) for row in rows)


SHAPES = {
    ("9999",): "[0-9]{4}",
    ("99", "9999"): "[0-9]{2,4}",
    ("AA-9999", "AA-99999"): "[A-Z]{2}-[0-9]{4,5}",
    ("A9", "99"): "[A-Z][0-9]|[0-9]{2}",
    (): None,
    ("9" * 40,): None,
    ("9", "A", "a", "-", "+"): None,
}


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_pattern_of_a_key_is_that_of_its_frequent_forms(shapes: tuple[str, ...]) -> None:
    column = ColumnProfile(
        name="id",
        position=1,
        rows=50,
        filled=50,
        distinct=50,
        shapes=tuple(ValueCount(text=shape, cells=10) for shape in shapes),
    )
    found = key_pattern(column)
    assert found.text == SHAPES[shapes]
    if found.text is not None:
        assert found.left == 50 - 10 * len(shapes)
        assert re.fullmatch(
            found.text, "1234" if shapes[0][0] == "9" else "AB-1234" if "-" in shapes[0] else "A1"
        )


@pytest.mark.parametrize(
    ("names", "language"),
    [
        (["患者编号", "性别", "WBC"], "zh"),
        (["pacient", "pohlaví", "WBC", "datum narození"], "cs"),
        (["Geschlecht", "Geburtsdatum", "WBC"], "de"),
        (["patient", "sex", "WBC"], "en"),
        (["x1", "x2"], "en"),
    ],
)
def test_the_language_is_that_of_most_names(names: list[str], language: str) -> None:
    assert language_of(names) == language


def test_the_lexicon_speaks_of_elements_and_notions_that_there_are(words: Vocabulary) -> None:
    file = load_lexicon().file
    assert set(file.names) <= {element.id for element in words.dictionary}
    assert set(file.doubtful) <= {element.id for element in words.dictionary}
    assert {notion for notions in file.doubtful.values() for notion in notions} <= set(file.notions)
    assert {notion for notions in file.short.values() for notion in notions} <= set(file.notions)
