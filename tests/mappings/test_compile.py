"""A mapping that is wrong fails when it is loaded, with file and line; one test per kind of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.errors import MappingError
from allpool.mappings.compile import Vocabulary, load_mapping, load_vocabulary
from allpool.mappings.functions import FUNCTIONS
from allpool.mappings.schema import Binding

GOOD = """\
mapping: m
version: "1"
timezone: Europe/Prague
study: "004"
centre: {column: site}
sources:
  a:
    file: "a*.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{4}"}
    compute:
      end: {function: add_days, of: [start, days]}
    join:
      - {source: b, columns: [x]}
    records:
      - record: patient
        sex: {column: sex, codes: {M: male}}
        birth_date: {column: born, format: "%d.%m.%Y"}
      - record: mrd
        when: {column: done, equals: "yes"}
        value: {column: mrd, unit: "%", below: {neg: sensitivity}}
        sensitivity: {column: lod, unit: "1"}
        method: mfc
      - record: wbc
        repeat: {n: ["1", "2"], at: [baseline, day_8]}
        value: {column: "wbc_{n}", unit: "10*9/L"}
        timepoint: "{at}"
      - record: course
        start: {column: start, relative: {anchor: first-dose}}
        end: {column: end, format: iso}
      - record: subject
        evaluable_response: {column: ok, codes: yes_no}
        evaluable_reason: {column: why, pattern: "[a-z]+"}
    ignore: {note: free text}
  b:
    file: "b*.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{4}"}
    records: [{record: patient, sex: unknown}]
"""

MISTAKES = {
    "an unknown word at the top": ("version:", "verzion:", 2, "verzion"),
    "a time zone that is none": ("Europe/Prague", "Europe/Praha", 3, "there is no time zone 'Europe/Praha'"),
    "neither text nor column for a scope": ("centre: {column: site}", "centre: {prefix: x}", 5, "text or a"),
    "a format of file that is none": (
        "read: {format: csv}\n    patient",
        "read: {format: pdf}\n    patient",
        9,
        "format",
    ),
    "a patient pattern that is no expression": (
        'pattern: "[0-9]{4}"}\n    compute',
        'pattern: "[0-9"}\n    compute',
        10,
        "is not a regular expression",
    ),
    "a look-around, which the reader of cells does not know": (
        'pattern: "[a-z]+"',
        'pattern: "(?=a)a"',
        33,
        "no look-around",
    ),
    "no patient pattern": (
        '{column: id, pattern: "[0-9]{4}"}\n    compute',
        "{column: id}\n    compute",
        10,
        "pattern: is missing",
    ),
    "an unknown function": ("function: add_days", "function: eval", 12, "there is no function 'eval'"),
    "too many columns of a function": (
        "of: [start, days]",
        "of: [start, days, x]",
        12,
        "add_days takes 1 to 2 columns",
    ),
    "a second column missing": (
        "of: [start, days]",
        "of: [start]",
        12,
        "either 2 columns or the setting 'days'",
    ),
    "an unknown setting": (
        "of: [start, days]",
        "of: [start, days], with: {by: '2'}",
        12,
        "takes the settings days, format",
    ),
    "a setting that is no number": (
        "function: add_days, of: [start, days]",
        "function: multiply, of: a, with: {by: two}",
        12,
        "'by' is a number",
    ),
    "a setting left out": (
        "function: add_days, of: [start, days]",
        "function: multiply, of: a",
        12,
        "needs the setting 'by'",
    ),
    "a source to join that there is not": ("source: b", "source: c", 14, "there is no other source 'c'"),
    "a record that there is not": ("record: wbc", "record: leuko", 24, "there is no record 'leuko'"),
    "a field that the record has not": (
        "birth_date:",
        "born:",
        18,
        "patient has no field 'born'; it has sex",
    ),
    "a record without fields": (
        (
            "- record: patient\n        sex: {column: sex, codes: {M: male}}\n"
            '        birth_date: {column: born, format: "%d.%m.%Y"}'
        ),
        "- record: patient",
        16,
        "fills no field",
    ),
    "a required field that is not filled": (
        'value: {column: "wbc_{n}", unit: "10*9/L"}\n',
        "course: {column: k}\n",
        24,
        "wbc needs the field 'value'",
    ),
    "a code that the table has not": ("{M: male}", "{M: man}", 17, "'man' is not a code of sex; it has male"),
    "a constant that is no code": ("method: mfc", "method: magic", 23, "'magic' is not a code of mrd_method"),
    "another element's code table": (
        "codes: {M: male}",
        "codes: response",
        17,
        "this field is coded by 'sex'",
    ),
    "a code table that there is not": ("codes: yes_no", "codes: yes_maybe", 32, "no code table 'yes_maybe'"),
    "a table without yes and no": ("codes: yes_no", "codes: sex", 32, "'sex' does not say true and false"),
    "words of a yes-or-no that are neither": (
        "codes: yes_no",
        "codes: {y: yes}",
        32,
        "coded by true and false",
    ),
    "a quantity without unit": (', unit: "10*9/L"}', "}", 26, "the unit of this column is not said"),
    "a unit that the element does not take": (
        'unit: "10*9/L"',
        "unit: mg/L",
        26,
        "unit 'mg/L' is not accepted here",
    ),
    "a date without format": (', format: "%d.%m.%Y"}', "}", 18, "the date format is not said"),
    "a year of two digits": ("%d.%m.%Y", "%d.%m.%y", 18, "needs its century: `century: 1930` means"),
    "a day without month": ("%d.%m.%Y", "%d.%Y", 18, "with %d has %m"),
    "a part that a date has not": ("%d.%m.%Y", "%d.%j.%Y", 18, "%j is not known"),
    "a century without a year of two digits": (
        'format: "%d.%m.%Y"}',
        'format: "%d.%m.%Y", century: "1930"}',
        18,
        "no format has one (%y)",
    ),
    "a text for an unknown day that is a day": (
        'format: "%d.%m.%Y"}',
        'format: "%d.%m.%Y", unknown_parts: ["15"]}',
        18,
        "cannot stand for an unknown day",
    ),
    "weeks counted as CDISC counts days": (
        "{anchor: first-dose}",
        "{anchor: first-dose, unit: wk, origin: cdisc}",
        29,
        "counts days",
    ),
    "an anchor that there is not": ("anchor: first-dose", "anchor: first", 29, "there is no time anchor"),
    "months, which have no length": (
        "{anchor: first-dose}",
        "{anchor: first-dose, unit: mo}",
        29,
        "unit",
    ),
    "a relative date with a format": (
        "relative: {anchor: first-dose}",
        "relative: {anchor: first-dose}, format: iso",
        29,
        "takes no date format",
    ),
    "a constant that is no date": (
        'birth_date: {column: born, format: "%d.%m.%Y"}',
        'birth_date: {constant: "31.02.2023", format: "%d.%m.%Y"}',
        18,
        "'31.02.2023' is no date as %d.%m.%Y",
    ),
    "a constant that is no number": (
        'sensitivity: {column: lod, unit: "1"}',
        'sensitivity: {constant: "0,0001", unit: "1"}',
        22,
        "is no number; a mapping writes numbers with a decimal point",
    ),
    "a constant yes or no that is neither": (
        "{column: ok, codes: yes_no}",
        "{constant: perhaps, codes: yes_no}",
        32,
        "'perhaps' is no word that this field reads",
    ),
    "a limit that is nothing": (
        "below: {neg: sensitivity}",
        "below: {neg: method}",
        21,
        "'method' is neither a number nor another quantity",
    ),
    "a word that the field cannot take": (
        "codes: {M: male}",
        "unit: kg",
        17,
        "`unit` has no meaning for a field of kind coding",
    ),
    "lists of different length": ('n: ["1", "2"]', 'n: ["1"]', 25, "have the same length"),
    "a condition without column": ("when: {column: done, equals", "when: {equals", 20, "names its column"),
    "a condition that asks twice": (
        'equals: "yes"}',
        'equals: "yes", filled: "true"}',
        20,
        "has exactly one of",
    ),
    "both a column and a constant": (
        "{column: ok, codes: yes_no}",
        "{column: ok, constant: 'true'}",
        32,
        "either a column or a constant",
    ),
    "a column both read and ignored": ("ignore: {note:", "ignore: {sex:", 34, "both read and ignored"),
    "a column both lent and ignored": (
        "records: [{record: patient, sex: unknown}]\n",
        "records: [{record: patient, sex: unknown}]\n    ignore: [x]\n",
        40,
        "'x' is both read and ignored",
    ),
    "a key that stands twice": (
        'version: "1"',
        'version: "1"\nversion: "2"',
        3,
        "'version' stands here twice",
    ),
    "what is no YAML": ("sources:\n", "sources: [\n", 8, "not YAML"),
}


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return load_vocabulary()


def test_the_sound_mapping_compiles(tmp_path: Path, words: Vocabulary) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(GOOD, encoding="utf-8")
    mapping = load_mapping(path, words)
    assert [(rule.record, rule.line) for rule in mapping.sources[0].rules] == [
        ("patient", 16),
        ("mrd", 19),
        ("wbc", 24),
        ("wbc", 24),
        ("course", 28),
        ("subject", 31),
    ]
    ids = [rule.id for source in mapping.sources for rule in source.rules]
    assert len(set(ids)) == len(ids)
    assert mapping.sources[1].lent == ("x",)
    assert {names for source in mapping.sources for names in source.named_columns()} >= {
        ("wbc_1",),
        ("wbc_2",),
        ("days",),
        ("x",),
        ("done",),
    }
    assert load_mapping(path, words) == mapping


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_stops_the_mapping_with_its_line(mistake: str, tmp_path: Path, words: Vocabulary) -> None:
    right, wrong, line, says = MISTAKES[mistake]
    assert GOOD.count(right) >= 1, right
    path = tmp_path / "m.yaml"
    path.write_text(GOOD.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(path, words)
    place = caught.value.place
    assert place is not None
    assert (place.file, place.line) == ("m.yaml", line), str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_or_not_utf8(tmp_path: Path, words: Vocabulary) -> None:
    with pytest.raises(MappingError, match="there is no such file"):
        load_mapping(tmp_path / "none.yaml", words)
    path = tmp_path / "m.yaml"
    path.write_bytes("mapping: příliš".encode("cp1250"))
    with pytest.raises(MappingError, match="save it as UTF-8"):
        load_mapping(path, words)


def test_the_hash_follows_the_file(tmp_path: Path, words: Vocabulary) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(GOOD, encoding="utf-8")
    before = load_mapping(path, words).hash
    path.write_text(GOOD.replace("baseline", "day_7"), encoding="utf-8")
    assert load_mapping(path, words).hash != before


def test_the_example_of_the_documentation_compiles(tmp_path: Path, words: Vocabulary) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "mapping-language.md"
    text = page.read_text(encoding="utf-8")
    path = tmp_path / "m.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert [source.name for source in load_mapping(path, words).sources] == ["patients", "mrd"]


def test_every_function_and_every_word_of_a_field_stands_in_the_documentation() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "mapping-language.md"
    text = page.read_text(encoding="utf-8")
    assert not [name for name in FUNCTIONS if f"| `{name}` |" not in text]
    assert not [
        word
        for word in Binding.model_fields
        if word not in ("column", "constant") and f"| `{word}` |" not in text
    ]
