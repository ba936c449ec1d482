"""From the profile of a table to one suggestion per column: names, cells and the company they keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from allpool.mappings.compile import Vocabulary, load_vocabulary
from allpool.mappings.draft.belonging import resolved
from allpool.mappings.draft.company import Company, company_of
from allpool.mappings.draft.confidence import confidence
from allpool.mappings.draft.conflicts import keyed, told_apart
from allpool.mappings.draft.doubts import DOUBTED, EVENT, doubt, structural
from allpool.mappings.draft.events import OF_EVENT, event_term
from allpool.mappings.draft.evidence import percent_share
from allpool.mappings.draft.filled import without_missing
from allpool.mappings.draft.header import Header, read_header
from allpool.mappings.draft.lexicon import plain
from allpool.mappings.draft.reading import Candidate, Reading, read_column
from allpool.mappings.draft.singles import chosen
from allpool.mappings.draft.suggestion import Alternative, Suggestion
from allpool.mappings.draft.targets import load_targets
from allpool.mappings.profile import ColumnProfile, TableProfile

NEARLY = 0.8
"""Fit from which a name is told to be near another."""
KEPT = 4
"""Alternatives that a suggestion names."""
NO_ELEMENT = frozenset({"remark", "synthetic", "height", "bmi"})
"""Notions that the dictionary has no element for."""
SHARED_BY = 3
"""Columns that begin with one word before it counts as the name of their form."""


def suggest(table: TableProfile, *, vocabulary: Vocabulary | None = None) -> list[Suggestion]:
    """Return one suggestion per column of `table`, in the order of the columns.

    Names in any language of the lexicon are read. The same profile gives the same suggestions.
    """
    words = vocabulary or load_vocabulary()
    targets = load_targets(words)
    table = replace(table, columns=tuple(map(without_missing, table.columns)))
    headers = [_header(column, words) for column in table.columns]
    prefixes = _prefixes([column.name for column in table.columns])
    shorter = [
        replace(read_header(rest, words.terminology, column.unit), text=column.name) if rest else None
        for column, rest in zip(table.columns, prefixes, strict=True)
    ]
    columns = list(zip(table.columns, headers, shorter, strict=True))
    first = [read_column(column, header, short, targets, None) for column, header, short in columns]
    company = company_of(table, first)
    second = [read_column(column, header, short, targets, company) for column, header, short in columns]
    picked = chosen(
        [[(c.target.id, c.score, c.target.is_single) for c in item.candidates] for item in second]
    )
    found = [_suggestion(item, pick, company, words) for item, pick in zip(second, picked, strict=True)]
    return told_apart(resolved(keyed(found, table), second, words), second)


def _header(column: ColumnProfile, words: Vocabulary) -> Header:
    unit = column.unit or ("%" if percent_share(column) > 0.5 else None)
    return read_header(column.name, words.terminology, unit)


def _prefixes(names: Sequence[str]) -> list[str | None]:
    """Return the names without the word that three or more begin with (`lab_`), None where there is none."""
    parts = [re.match(r"([^\W_]+)[_.](.+)", name) for name in names]
    counts = Counter(part.group(1) for part in parts if part)
    return [part.group(2) if part and counts[part.group(1)] >= SHARED_BY else None for part in parts]


def _suggestion(item: Reading, pick: int | None, company: Company, words: Vocabulary) -> Suggestion:
    column, header = item.column, item.header
    kind = column.identifier.kind if column.identifier else None
    best = item.candidates[pick] if pick is not None and item.candidates else None
    if (said := structural(column.name)) is not None:
        return _none(column, kind, said, item)
    notions = {notion for token in header.tokens for notion in token}
    if notions & NO_ELEMENT and (best is None or best.fit < 0.95):
        said = "free text" if "remark" in notions else "the dictionary has no element for it"
        return _none(column, kind, said, item)
    if kind and kind != "patient_key" and (best is None or best.target.field != "patient"):
        assert column.identifier is not None  # noqa: S101  # kind is its kind
        return _none(column, kind, f"looks like a direct identifier ({column.identifier.reason})", item)
    if best is None:
        return _none(column, kind, "no name of the dictionary is near enough", item)
    rivals = [other for other in item.candidates if other is not best]
    sure = confidence(
        best.score, max((other.score for other in rivals if other.target.id != best.target.id), default=0.0)
    )
    evidence = best.evidence
    event = event_term(header, words.terminology) if best.name == OF_EVENT else None
    about = EVENT if event else company.domain
    doubted = doubt(best.target, header, column, evidence, about=about, fit=best.fit)
    return Suggestion(
        column=column.name,
        element=best.target.id,
        record=best.target.record,
        field=best.target.field,
        confidence=min(sure, DOUBTED) if doubted else sure,
        reason=_reason(best, header, doubted),
        unit=evidence.unit,
        units=evidence.units,
        code_table=best.target.codes,
        codes=evidence.codes,
        unknown=evidence.unknown,
        date_format=evidence.date_format,
        timepoint=header.timepoint,
        course=header.course,
        event=event,
        identifier=kind,
        alternatives=_alternatives(rivals),
    )


def _none(column: ColumnProfile, kind: str | None, reason: str, item: Reading) -> Suggestion:
    return Suggestion(
        column=column.name,
        element=None,
        record=None,
        field=None,
        confidence=0.0,
        reason=f"{reason[0].upper()}{reason[1:]}.",
        identifier=kind,
        timepoint=item.header.timepoint,
        alternatives=_alternatives(item.candidates),
    )


def _alternatives(rivals: Sequence[Candidate]) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(element=item.target.id, confidence=confidence(item.score, 1.0))
        for item in rivals[:KEPT]
        if not item.target.id.startswith("@")
    )


def _reason(best: Candidate, header: Header, doubted: str | None) -> str:
    parts = [f"the name {_how(best, header)} '{best.name}'"]
    if best.name == OF_EVENT:
        parts = [f"the name is {OF_EVENT}"]
    if best.evidence.reason:
        parts.append(best.evidence.reason)
    if header.timepoint:
        parts.append(f"the name says when: {header.timepoint}")
    if doubted:
        parts.append(doubted)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _how(best: Candidate, header: Header) -> str:
    if plain(best.name) == plain(header.text):
        return "is"
    return "is near" if best.fit > NEARLY else "shares words with"
