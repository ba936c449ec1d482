"""Everything that the code says to a centre can be said in each language, and the catalogue says no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
import yaml

from allpool.errors import MappingError
from allpool.etl.audit import HELD_WITH, Rule, rules_for
from allpool.etl.landing.deidentify import DROPPED, PSEUDONYM, UNKNOWN
from allpool.etl.landing.file import NOT_LANDED
from allpool.etl.landing.policy import load_policy
from allpool.etl.linkage.tokens import MADE
from allpool.etl.linkage.tokens import RULE as LINKAGE
from allpool.etl.messages import LANGUAGES, Catalogue, load_messages, spoken
from allpool.etl.messages.catalogue import SentenceFile
from allpool.etl.messages.template import PLACE, Template
from allpool.etl.readers.odm.metadata import ODM
from allpool.etl.readers.redcap.boxes import BY_MISSING_CODE, UNANSWERED
from allpool.etl.readers.xml import WORKBOOK
from allpool.etl.transform.ledger import KEPT, UNUSED
from allpool.etl.transform.reading import DOUBTFUL, IGNORED_CODE, MISSING, SKIPPED, UNMATCHED
from allpool.mappings.compile import load_vocabulary
from allpool.mappings.identifiers.forms import FORMS
from allpool.mappings.positions import read_yaml
from allpool.models import STAGING
from tests.etl.messages import spoken as code
from tests.etl.messages.spoken import GAP, Said

PROBE = "7"
"""Stands in a sentence where the code puts something in: a number, a word, or another sentence."""

PASSED_ON = {
    "error.message",  # of a SourceError, whose sentence is looked at where it is raised
    "item.expected",  # of a field's plan
    "finding.expected",
    "found.expected",
    "fault.expected",
    "fields._expected",
    "broken",  # what the functions in RETURNING return
    "unknown",
    "str(wrong)",
    "reason",
    "expected",
    "found if isinstance(found, dict) else Broken('not_json', 'a JSON object')",
    "_expected(kind, meaning, binding, formats, words)",
    "pl.coalesce(draft[near], draft['doubt'])",
    "_named(plain)",
    "_named(word)",
}
"""Expressions that hold a sentence which is looked at where it is written."""
EXAMPLES = yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8"))
SPELLED = {
    "{} {}; {}": tuple(
        f"{document.name} {reason}; {document.advice}"
        for document in (WORKBOOK, ODM)
        for reason in ("is damaged", "declares an encoding that is not read; UTF-8 is")
    )
}
"""Sentences that are nothing but places: what they are in the end."""


@pytest.fixture(scope="module")
def messages() -> Catalogue:
    return load_messages()


@cache
def audit_rules() -> tuple[Rule, ...]:
    """Return every rule that the audit has for any record."""
    words = load_vocabulary()
    elements: dict[str | None, int] = {element.id: 1 for element in words.dictionary}
    staged = {
        str(name): elements if "data_element" in table.c else {None: 1} for name, table in STAGING.items()
    }
    return tuple(
        rules_for(
            staged,
            dictionary=words.dictionary,
            terminology=words.terminology,
            today=date(2026, 11, 20),
            records=words.records,
        )
    )


@cache
def said() -> tuple[Said, ...]:
    return tuple(code.sentences())


def probes() -> Iterator[tuple[str, str]]:
    """Yield the sentences of readers and transform, with something in their places, and where they stand."""
    for item in said():
        if item.text is not None and item.text != GAP:
            for text in SPELLED.get(item.text, (item.text.replace(GAP, PROBE),)):
                yield text, item.place


def test_every_sentence_of_readers_and_transform_is_known(messages: Catalogue):
    unknown = {f"{place}: {text}" for text, place in probes() if not messages.knows_form(text, gap=PROBE)}
    assert not unknown
    assert len(said()) > 150


def test_every_sentence_is_found_where_it_is_written():
    elsewhere = {item.code for item in said() if item.text is None}
    constants = {name for name in elsewhere if name.rpartition(".")[2] in code.CONSTANTS}
    assert not elsewhere - constants - PASSED_ON


def test_every_sentence_of_the_audit_is_known(messages: Catalogue):
    unknown = {rule.expected for rule in audit_rules() if not messages.knows(rule.expected)}
    assert not unknown
    assert len(audit_rules()) > 500


def test_every_rule_has_a_title(messages: Catalogue):
    names = {*code.rules(), *(rule.id for rule in audit_rules()), HELD_WITH, DOUBTFUL, LINKAGE}
    assert not {name for name in names if messages.rule(re.sub(r"\{\}", "x", name)) is None}


def test_every_reason_to_pass_over_a_cell_is_known(messages: Catalogue):
    fixed = (UNANSWERED, BY_MISSING_CODE, KEPT, UNUSED, IGNORED_CODE, MISSING, SKIPPED, UNMATCHED, MADE)
    landing = (PSEUDONYM, UNKNOWN, NOT_LANDED, *map(DROPPED.format, load_policy().types.values()))
    for reason in (*fixed, *landing):
        assert messages.knows(reason), reason
    absent = load_vocabulary().terminology["data_absent_reason"].codes
    assert messages.parts.codes.keys() >= set(absent)
    assert messages.parts.codes.keys() >= set(load_vocabulary().terminology["time_anchor"].codes)


def test_every_form_of_identifiers_is_known(messages: Catalogue):
    for form in FORMS:
        sentence = (
            f"no direct identifier ({form.kind.replace('_', ' ')}: 96% of its cells are {form.title}); "
        )
        sentence += "name the column under `ignore`, or make it the patient key, which is pseudonymised"
        assert messages.knows(sentence), sentence


def test_the_catalogue_holds_nothing_that_nobody_says(messages: Catalogue):
    heard = [text for text, _ in probes()]
    heard += [rule.expected for rule in audit_rules()]
    parts = PARTS | {form.title for form in FORMS} | {form.kind.replace("_", " ") for form in FORMS}
    templates = [Template(words["en"]) for words in messages.sentences]
    unsaid = {
        words["en"]
        for words, template in zip(messages.sentences, templates, strict=True)
        if words["en"] not in parts and not any(template.match(text) for text in heard)
    }
    assert not unsaid


PARTS = {
    MADE,
    # what stands in another sentence
    *("at most {high|amount}", "at least {low|amount}", "from {low|amount} to {high|amount}"),
    *("{names} and {number|number} more", "one named in `member`", "{number|number} are called so", "none"),
    *(
        "the project's metadata",
        "row {row|number}",
        "set the environment variable {name}",
        "a folder",
        "not a regular file",
    ),
    "the token is not known; ask the project's administrator for a new one",
    "the token may not export; ask for the right `API Export` and all instruments' full data",
    "check url in the mapping, and the server's own log",
    "the API has moved; write its new address into url",
    "write it into {file}, the file that the mapping names",
    "no direct identifier ({why|sentence}); {remedy|sentence}",
    "byte {byte|number} is no text in {declared}, the encoding that the mapping declares",
    *("study", "centre", "day", "week", "days", "weeks", "below", "above"),
    *("the middle of the column", "the upper end of the column"),
    *("telecom", "contact", "attachment", "signature", "free text", "narrative", "web address", "identifier"),
    *("name", "postcode", "medical record number", "patient key"),
    # said by the check and by the withdrawal of the audit, and why a cell is passed over
    "a file that the mapping reads ({patterns}); correct its name, or `file` in the mapping",
    "What {column|word} refers to is not in quarantine itself.",
    *("kept in the landed resource", "landed as a pseudonym", "no record on this row"),
    "not R4's, so that nobody knows whether it identifies",
    "not landed: another resource has this id",
    "direct identifier dropped at landing: {kind|sentence}",
    *("unanswered checkbox", "checkbox answered by a missing-data code", "read by another field"),
    *("missing-data code", "missing-data code: {reason|code}", "unmatched code", "unmatched code: {reason}"),
    *("ignored code", "ignored by name: ignored by name", "ignored by name: {reason}"),
}


def test_every_language_has_the_same_places(messages: Catalogue):
    listed = [*messages.sentences, *messages.labels.values()]
    assert len(listed) > 250
    for words in listed:
        names = {language: _places(words[language]) for language in LANGUAGES}
        assert names["en"] == names["zh"] == names["cs"], words["en"]


def _places(text: str) -> list[str]:
    """Return the names of a text's places, also those with a format (`{month:02}`)."""
    return sorted(set(re.findall(r"\{(\w+)", PLACE.sub(lambda found: f"{{{found[1]}}}", text))))


def test_only_the_english_sentence_says_what_its_places_hold(messages: Catalogue):
    for words in messages.sentences:
        for language in ("zh", "cs"):
            assert not any(kind for _, kind in PLACE.findall(words[language])), words["en"]


def test_chinese_is_written_in_chinese(messages: Catalogue):
    rules = [words for rule in messages.rules.values() for words in (rule.title, rule.mend) if words]
    for words in [*messages.sentences, *rules, *messages.labels.values()]:
        text = PLACE.sub("A", words["zh"])
        assert not re.search(r"[一-鿿][,;:!?]|[,;:!?][一-鿿]", text), text
        assert not re.search(r"[一-鿿] +[一-鿿]", text), text


def test_every_kind_of_record_has_a_title(messages: Catalogue):
    for name, record in load_vocabulary().records.items():
        for language in LANGUAGES:
            assert messages.record(name, None, language) != name, (name, record)


@pytest.mark.parametrize("words", EXAMPLES, ids=lambda words: words["en"][:40])
def test_what_stands_in_a_sentence_is_said_in_the_language_too(messages: Catalogue, words: dict[str, str]):
    said_in = {language: messages.said(words["en"], language) for language in ("zh", "cs")}
    assert said_in == {language: words[language] for language in ("zh", "cs")}


def test_a_sentence_that_is_not_in_the_catalogue_stays_as_it_is(messages: Catalogue):
    assert messages.said("something new", "cs") == "something new"
    assert not messages.knows("something new")
    assert messages.title("new_rule", "zh") == "new_rule"


def test_a_language_that_is_missing_stops_with_its_line(tmp_path):
    path = tmp_path / "sentences.yaml"
    path.write_text("sentences:\n  - {en: a text, zh: 文本}\n", encoding="utf-8")
    with pytest.raises(MappingError, match=r"sentences\.yaml, line 1: .*not said in cs: a text"):
        read_yaml(path).parse(SentenceFile)


def test_a_mapping_in_another_language_is_told_in_english():
    assert [spoken(language) for language in ("zh", "cs", "en", "de")] == ["zh", "cs", "en", "en"]


def test_numbers_and_moments_are_written_as_each_language_does(messages: Catalogue):
    at = datetime(2026, 3, 5, 9, 7, tzinfo=UTC)
    assert [messages.number(1234567, language) for language in LANGUAGES] == [
        "1,234,567",
        "1,234,567",
        "1\u00a0234\u00a0567",
    ]
    assert [messages.moment(at, language) for language in LANGUAGES] == [
        "2026-03-05, 09:07 (UTC+00:00)",
        "2026年3月5日 09:07（UTC+00:00）",
        "5. 3. 2026 09:07 (UTC+00:00)",
    ]
