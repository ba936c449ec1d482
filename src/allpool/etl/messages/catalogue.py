"""The catalogue: sentences that the code says in English, recognised and said again in another language.

The store keeps the English sentence beside the rule. A sentence is found by its English template, and what
stands in its places is put into the template of the other language; of that, nothing is translated but what
the template says is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from pydantic import field_validator

from allpool.etl.messages.template import THOUSANDS, Template, Translate
from allpool.mappings.dictionary import DataElement, Dictionary, Frozen, load_dictionary
from allpool.mappings.positions import read_yaml

MessageLanguage = Literal["en", "zh", "cs"]
LANGUAGES: Final[tuple[MessageLanguage, ...]] = ("en", "zh", "cs")
Words = Mapping[MessageLanguage, str]


class RuleWords(Frozen):
    """What a rule is called, and what to do where its finding's sentence does not say so."""

    title: Words
    mend: Words | None = None

    @field_validator("title", "mend")
    @classmethod
    def _whole(cls, words: Words | None) -> Words | None:
        return words if words is None else complete(words)


class RuleFile(Frozen):
    """The content of `rules.yaml`."""

    rules: Mapping[str, RuleWords]


class SentenceFile(Frozen):
    """The content of a file of `sentences/`."""

    sentences: tuple[Words, ...]

    @field_validator("sentences")
    @classmethod
    def _whole(cls, sentences: tuple[Words, ...]) -> tuple[Words, ...]:
        return tuple(complete(words) for words in sentences)


class RecordFile(Frozen):
    """The content of `records.yaml`."""

    records: Mapping[str, Words]

    @field_validator("records")
    @classmethod
    def _whole(cls, records: Mapping[str, Words]) -> Mapping[str, Words]:
        return {name: complete(words) for name, words in records.items()}


class PartFile(Frozen):
    """The content of `parts.yaml`: what stands in a sentence and is no text of a file."""

    units: Mapping[str, Words]
    """UCUM unit -> what it means, where that does not tell itself."""
    dates: Mapping[str, Words]
    """Date format, or a token of one -> how a person writes it."""
    codes: Mapping[str, Words]
    columns: Mapping[str, Words]
    """Column of our tables -> what it holds, as a centre calls it."""

    @field_validator("units", "dates", "codes", "columns")
    @classmethod
    def _whole(cls, parts: Mapping[str, Words]) -> Mapping[str, Words]:
        return {name: complete(words) for name, words in parts.items()}


class LabelFile(Frozen):
    """The content of `labels.yaml`: the words of pages and tables, by page."""

    labels: Mapping[str, Words]

    @field_validator("labels")
    @classmethod
    def _whole(cls, labels: Mapping[str, Words]) -> Mapping[str, Words]:
        return {name: complete(words) for name, words in labels.items()}


def complete(words: Words) -> Words:
    """Return `words`; raises ValueError where a language is missing."""
    lacking = [language for language in LANGUAGES if not words.get(language)]
    if lacking:
        raise ValueError(f"not said in {', '.join(lacking)}: {words.get('en')}")
    return words


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be said, in every language."""

    rules: Mapping[str, RuleWords]
    sentences: tuple[Words, ...]
    records: Mapping[str, Words]
    labels: Mapping[str, Words]
    parts: PartFile
    dictionary: Dictionary

    def title(self, rule: str, language: MessageLanguage) -> str:
        """Return what a rule is called; a rule without words keeps its id."""
        found = self.rule(rule)
        return _large(found.title[language]) if found else rule

    def mend(self, rule: str, language: MessageLanguage) -> str:
        """Return what a centre can do about a finding of a rule; empty where its sentence says so."""
        found = self.rule(rule)
        return found.mend[language] if found and found.mend else ""

    def rule(self, rule: str) -> RuleWords | None:
        """Return the words of a rule, by its id or by the pattern of the audit's generated ones."""
        if rule in self.rules:
            return self.rules[rule]
        return next((self.rules[name] for name, template in self._patterns if template.match(rule)), None)

    def said(self, sentence: str, language: MessageLanguage) -> str:
        """Return a sentence of the code in a language; one that is not in the catalogue stays as it is."""
        if (sentence, language) not in self._heard:
            self._heard[sentence, language] = self._said(sentence, language) or sentence
        return self._heard[sentence, language]

    def knows(self, sentence: str) -> bool:
        """Whether the catalogue can say a sentence in every language."""
        return all(self._said(sentence, language) is not None for language in LANGUAGES)

    def knows_form(self, sentence: str, *, gap: str) -> bool:
        """Whether the catalogue knows a sentence in whose places `gap` stands for whatever else it knows."""
        known = replace(
            self._translate("en"), sentence=lambda text: text if text == gap else self._said(text, "en")
        )
        return any(template.values(sentence, known) is not None for template, _ in self._templates)

    def record(self, record: str, element: str | None, language: MessageLanguage) -> str:
        """Return what a kind of record is called, in the plural where it has one; beside it a FHIR type."""
        if record in self.records:
            title = _large(self.records[record][language])
            return title if element is None or element in self.dictionary else f"{title} ({element})"
        name = record if record in self.dictionary else element
        return self.element(name, language) if name else record

    def element(self, element: str, language: MessageLanguage) -> str:
        """Return the title of a data element."""
        return self.dictionary[element].title[language] if element in self.dictionary else element

    def label(self, name: str, language: MessageLanguage) -> str:
        """Return the words of a page."""
        return self.labels[name][language]

    def number(self, value: int, language: MessageLanguage) -> str:
        """Return a whole number as the language writes it."""
        return f"{value:,}".replace(THOUSANDS["en"], THOUSANDS[language])

    def moment(self, at: datetime, language: MessageLanguage) -> str:
        """Return a time to the minute as the language writes it; `at` knows its offset from UTC."""
        return self.label("moment", language).format(
            year=at.year,
            month=at.month,
            day=at.day,
            time=f"{at:%H:%M}",
            zone=at.isoformat(timespec="minutes")[16:],
        )

    def _said(self, sentence: str, language: MessageLanguage) -> str | None:
        for template, words in self._templates:
            values = template.values(sentence, self._translate(language))
            if values is not None:
                said = Template(words[language]).filled(values)
                return said.replace("） ", "）") if language == "zh" else said
        return None

    def _translate(self, language: MessageLanguage) -> Translate:
        return Translate(
            sentence=lambda text: self._said(text, language),
            title=lambda text: self._titles[text].title[language] if text in self._titles else None,
            unit=lambda unit: self._unit(unit, language),
            date=lambda text: self._date(text, language),
            code=lambda text: _called(text, self.parts.codes, language),
            column=lambda text: _called(text, self.parts.columns, language),
            language=language,
        )

    def _unit(self, unit: str, language: MessageLanguage) -> str:
        if unit not in self.parts.units:
            return unit
        meaning = self.parts.units[unit][language]
        return f"{unit}（{meaning}）" if language == "zh" else f"{unit} ({meaning})"

    def _date(self, name: str, language: MessageLanguage) -> str:
        """Return a date format as a person writes it: DD.MM.YYYY for %d.%m.%Y."""
        if name in self.parts.dates:
            return self.parts.dates[name][language]
        for token, words in self.parts.dates.items():
            name = name.replace(token, words[language]) if token.startswith("%") else name
        return name

    @cached_property
    def _heard(self) -> dict[tuple[str, MessageLanguage], str]:
        """What was said already: findings of a column have one sentence."""
        return {}

    @cached_property
    def _templates(self) -> tuple[tuple[Template, Words], ...]:
        """Templates with their words; the one that says most itself comes first."""
        made = [(Template(words["en"]), words) for words in self.sentences]
        return tuple(sorted(made, key=lambda item: -item[0].letters))

    @cached_property
    def _patterns(self) -> tuple[tuple[str, Template], ...]:
        made = [(name, Template.of_rule(name)) for name in self.rules if "{}" in name]
        return tuple(sorted(made, key=lambda item: -item[1].letters))

    @cached_property
    def _titles(self) -> Mapping[str, DataElement]:
        """Data elements by their English title."""
        return {element.title["en"]: element for element in self.dictionary}


def _large(text: str) -> str:
    """Return a title with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def _called(name: str, known: Mapping[str, Words], language: MessageLanguage) -> str:
    return known[name][language] if name in known else name


def spoken(language: str) -> MessageLanguage:
    """Return the language of messages for that of a mapping: its own, else English."""
    return next((known for known in LANGUAGES if known == language), "en")


@cache
def load_messages() -> Catalogue:
    """Return the catalogue that ships with allpool; clinical rules bring their own words.

    Raises `MappingError` with file and line where a file of it is wrong or a language is missing.
    """
    from allpool.etl.audit.clinical.files import rule_files

    folder = Path(str(files("allpool.etl.messages")))
    sentences = [
        words
        for path in sorted((folder / "sentences").glob("*.yaml"))
        for words in read_yaml(path).parse(SentenceFile).sentences
    ]
    clinical = [rule for file in rule_files() for rule in file.rules]
    return Catalogue(
        rules={
            **read_yaml(folder / "rules.yaml").parse(RuleFile).rules,
            **{rule.rule: RuleWords(title=rule.title) for rule in clinical},
        },
        sentences=(*sentences, *(rule.expected for rule in clinical)),
        records=read_yaml(folder / "records.yaml").parse(RecordFile).records,
        labels=read_yaml(folder / "labels.yaml").parse(LabelFile).labels,
        parts=read_yaml(folder / "parts.yaml").parse(PartFile),
        dictionary=load_dictionary(),
    )
