"""The data files of the clinical rules say only what exists, and a mistake in one stops with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Float, Integer

from allpool.errors import MappingError
from allpool.etl.audit.bindings import BINDINGS
from allpool.etl.audit.clinical import ClinicalRule, clinical_rules, rule_files
from allpool.etl.audit.clinical.conditions import Condition
from allpool.etl.audit.clinical.files import load_rule_files
from allpool.etl.audit.clinical.forms import Side
from allpool.etl.audit.clinical.selects import columns_of
from allpool.etl.audit.structure import PRECISIONS
from allpool.etl.messages import MessageLanguage, load_messages
from allpool.mappings.compile import load_vocabulary
from allpool.mappings.dictionary import load_dictionary
from allpool.models import STAGING

ENTRIES = [entry for file in rule_files() for entry in file.rules]
RULES = Path(__file__).resolve().parents[4] / "src" / "allpool" / "etl" / "audit" / "clinical" / "rules"


def sides(entry: ClinicalRule) -> Iterator[Side]:
    yield entry.row
    yield from entry.check.companions()


def conditions(side: Side) -> Iterator[Condition]:
    for condition in side.where:
        yield from condition.any_of or (condition,)


def known(side: Side, column: str) -> set[str] | None:
    """Return the codes that a column can hold in these rows; None where it holds no codes."""
    if column.endswith("_precision"):
        return set(PRECISIONS)
    if (side.table, column) in BINDINGS:
        return set(BINDINGS[side.table, column])
    words = load_vocabulary()
    tables = {
        target.codes or (words.dictionary[target.element].codes if target.element else None)
        for record in words.records.values()
        if record.table == side.table and (not side.elements or record.data_element in side.elements)
        for target in record.fields.values()
        if target.column == column
    } - {None}
    return {code for name in tables for code in words.terminology[str(name)].codes} or None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_code_is_one_of_its_table(entry: ClinicalRule) -> None:
    for side in sides(entry):
        for condition in conditions(side):
            said = {*(condition.in_ or ()), *(condition.not_in or ()), *filter(None, [condition.equals])}
            if not said or condition.column is None or condition.column in side.parts:
                continue
            kind = STAGING[side.table].c[condition.column].type
            if isinstance(kind, Boolean):
                assert said <= {"true", "false"}
            elif isinstance(kind, Integer | Float):
                assert all(re.fullmatch(r"\d+(\.\d+)?", number) for number in said)
            elif condition.column.endswith("_comparator"):
                assert said <= {"<", "<=", ">", ">="}
            else:
                codes = known(side, condition.column)
                assert codes is not None, condition.column
                assert said <= codes


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_rule_is_said_in_three_languages_and_names_its_source(entry: ClinicalRule) -> None:
    assert re.search(r"[.]$", entry.expected["en"])
    assert re.search(r"[.]$", entry.expected["cs"])
    assert re.search(r"。$", entry.expected["zh"])
    assert len(set(entry.expected.values())) == len(set(entry.title.values())) == 3
    assert entry.reason.endswith(".")
    assert len(entry.source) > 8


@pytest.mark.parametrize("language", ["en", "zh", "cs"])
def test_what_a_rule_says_reaches_the_centre_in_its_language(language: MessageLanguage) -> None:
    messages = load_messages()
    for entry in ENTRIES:
        assert messages.said(entry.expected["en"], language) == entry.expected[language]
        assert messages.title(entry.rule, language).casefold() == entry.title[language].casefold()


def test_only_rules_that_have_rows_to_look_at_are_asked() -> None:
    staged = {"observation": {"ph_status"}, "patient": {None}}
    asked = {rule.id for rule in clinical_rules(load_dictionary(), staged=staged)}
    assert {"clinical.ph-negative-with-transcript", "clinical.death-before-birth"} <= asked
    assert "clinical.before-birth.observation" in asked
    assert not {"clinical.remission-with-blasts", "clinical.courses-overlap"} & asked


def test_no_two_rules_are_called_the_same() -> None:
    for language in ("en", "zh", "cs"):
        titles = [entry.title[language] for entry in ENTRIES]
        assert len(set(titles)) == len(titles), {title for title in titles if titles.count(title) > 1}


def test_every_kahn_category_severity_and_form_is_used() -> None:
    assert {entry.check.form for entry in ENTRIES} == {
        *("row", "order", "pair", "group", "total", "overlap", "elapsed")
    }
    assert {entry.severity for entry in ENTRIES} == {"quarantine", "warn"}
    assert {entry.category for entry in ENTRIES} == {"conformance", "completeness", "plausibility"}
    assert {entry.context for entry in ENTRIES} == {"verification", "validation"}


SOUND = (RULES / "mrd.yaml").read_text(encoding="utf-8").split("\n  - id: undetectable-above")[0] + "\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("severity: warn", "severity: loud", r"mrd\.yaml, line 5: .*severity"),
        ("severity: warn", "severities: warn", r"mrd\.yaml, line 5: .*severities: is not a word"),
        ("table: observation\n", "table: observations\n", r"line 8: there is no table observations"),
        ("column: interpretation\n", "column: meaning\n", r"mrd\.yaml, line 12: observation has no column"),
        ("elements: mrd_value\n", "elements: mrd\n", r"the dictionary has no element mrd"),
        ("{column: interpretation, equals", "{column: status_text, equals", r"called status_text"),
        ("{form: row}", "{form: guess}", r"line 14: .*there is no form 'guess'; there are: row, order"),
        ("given: no}]", "given: no, abov: 3}]", r"mrd\.yaml, line 11: .*abov: is not a word"),
        (", cs: nedetekovatelná MRD bez citlivosti}", "}", r"mrd\.yaml, line \d+: .*not said in cs"),
        ("{data_element: mrd_value, interpretation: undetectable}\n", "[]\n", r"mark with `wrong: yes`"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_stops_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SOUND
    (tmp_path / "mrd.yaml").write_text(SOUND.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MappingError, match=message):
        load_rule_files(tmp_path, load_dictionary())


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "mrd.yaml").write_text(SOUND, encoding="utf-8")
    (file,) = load_rule_files(tmp_path, load_dictionary())
    assert [entry.id for entry in file.rules] == ["undetectable-without-sensitivity"]


def test_names_are_columns_dates_or_parts() -> None:
    side = Side.model_validate({"table": "observation", "parts": {"sensitivity": "mrd_lod"}})
    assert list(columns_of(side, ["value_quantity"])) == ["value_quantity", "value_quantity_comparator"]
    assert next(iter(columns_of(side, ["effective"]))) == "effective_date"
    assert list(columns_of(side, ["sensitivity"])) == []
    with pytest.raises(KeyError):
        list(columns_of(side, ["nothing"]))
