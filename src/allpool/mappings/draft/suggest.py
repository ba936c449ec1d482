"""From the profile of a table to one suggestion per column: names, cells and the company they keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from allpool.mappings.compile import Vocabulary, load_vocabulary
from allpool.mappings.dictionary import Language
from allpool.mappings.draft.company import Company, company_of, resolved
from allpool.mappings.draft.confidence import confidence
from allpool.mappings.draft.doubts import DOUBTED, LESS, doubt, is_doubtful, structural
from allpool.mappings.draft.conflicts import keyed, told_apart
from allpool.mappings.draft.events import event_term
from allpool.mappings.draft.evidence import FACTOR, Evidence, numeric_share, percent_share, weigh, yes_no
from allpool.mappings.draft.header import Header, read_header
from allpool.mappings.draft.lexicon import load_lexicon, plain
from allpool.mappings.draft.singles import chosen
from allpool.mappings.draft.suggestion import Alternative, Suggestion
from allpool.mappings.draft.targets import Match, Target, Targets, load_targets
from allpool.mappings.profile import ColumnProfile, TableProfile

KEPT = 4
"""Alternatives that a suggestion names."""
NO_ELEMENT = frozenset({"remark", "synthetic", "height", "bmi"})
"""Notions that the dictionary has no element for."""
SHARED_BY = 3
"""Columns that begin with one word before it counts as the name of their form."""
BORNE_OUT = 0.12
"""How much of what the name lacks its cells make up for."""
CHECKBOX = 0.75
"""What is left of the fit of one box of several, whose answer the name does not say."""
FULLER = 1e-4
"""For each character: of two columns that are otherwise alike, the longer text says more (USUBJID, SUBJID)."""
LEAST = 0.3
"""Fit below which a column is taken for none of the elements."""


@dataclass(frozen=True)
class Candidate:
    """One target for one column: how well the name fits, what the cells say, and both together."""

    target: Target
    name: str
    fit: float
    evidence: Evidence
    score: float


@dataclass(frozen=True)
class Reading:
    """One column as the draft sees it, with its candidates, the best first."""

    column: ColumnProfile
    header: Header
    candidates: tuple[Candidate, ...]


def suggest(
    table: TableProfile, *, language: Language | None = None, vocabulary: Vocabulary | None = None
) -> list[Suggestion]:
    """Return one suggestion per column of `table`, in the order of the columns.

    `language` is of the names, where it is known; names in any of the four are read whatever it is.
    The same profile gives the same suggestions.
    """
    words = vocabulary or load_vocabulary()
    targets = load_targets(words)
    headers = [_header(column, words) for column in table.columns]
    prefixes = _prefixes([column.name for column in table.columns])
    shorter = [
        replace(read_header(rest, words.terminology, column.unit), text=column.name) if rest else None
        for column, rest in zip(table.columns, prefixes, strict=True)
    ]
    columns = list(zip(table.columns, headers, shorter, strict=True))
    first = [_reading(column, header, short, targets, None) for column, header, short in columns]
    company = company_of(table, first)
    second = [_reading(column, header, short, targets, company) for column, header, short in columns]
    picked = chosen(
        [[(c.target.id, c.score, c.target.is_single) for c in item.candidates] for item in second]
    )
    found = [_suggestion(item, pick) for item, pick in zip(second, picked, strict=True)]
    return told_apart(resolved(keyed(found, table), second, words), second)


def _header(column: ColumnProfile, words: Vocabulary) -> Header:
    unit = column.unit or ("%" if percent_share(column) > 0.5 else None)
    return read_header(column.name, words.terminology, unit)


def _prefixes(names: Sequence[str]) -> list[str | None]:
    """Return the names without the word that three or more begin with (`lab_`), None where there is none."""
    parts = [re.match(r"([^\W_]+)[_.](.+)", name) for name in names]
    counts = Counter(part.group(1) for part in parts if part)
    return [part.group(2) if part and counts[part.group(1)] >= SHARED_BY else None for part in parts]


def _reading(
    column: ColumnProfile, header: Header, shorter: Header | None, targets: Targets, company: Company | None
) -> Reading:
    implied = [*_implied(column, header, targets), *(company.notions if company else ())]
    matches = targets.match(header, implied)
    drug = _drug(header, targets)
    for variant, lent, share in _variants(header, shorter, targets):
        for name, match in targets.match(variant, [*implied, *lent]).items():
            if drug and targets.all[name].record not in ("course", "dose_step"):
                continue
            if match.score * share > matches.get(name, Match(0, "")).score:
                matches[name] = Match(match.score * share, match.name)
    if event_term(header, targets.words.terminology) is not None:
        graded = any("grade" in token for token in header.tokens)
        matches["ae_grade" if graded else "ae_term"] = Match(
            0.93 if graded else 0.85, "a term of an adverse event"
        )
    found = []
    for name, match in matches.items():
        target = targets.all[name]
        if match.score < LEAST:
            continue
        evidence = weigh(target, header, column, targets.words.terminology)
        score = match.score * FACTOR[evidence.verdict]
        if evidence.verdict == "bears out" and match.score < 1:
            score += (1 - match.score) * BORNE_OUT
        if company:
            score *= company.factor(target)
        if header.is_checkbox:
            score *= CHECKBOX
        if is_doubtful(target, header):
            score *= LESS
        if target.type in ("identifier", "string"):
            score += min(column.longest, 50) * FULLER
        if drug and target.record == "course":
            target = replace(target, record=drug) if target.id != "drug_blinatumomab" else target
        elif drug and target.id == drug and len(header.tokens) > 1 and target.type == "code":
            score *= CHECKBOX
        found.append(Candidate(target, match.name, match.score, evidence, min(score, 1.0)))
    found.sort(key=lambda item: (-item.score, targets.order[item.target.id]))
    return Reading(column, header, tuple(found[:12]))


def _drug(header: Header, targets: Targets) -> str | None:
    """Return the drug that a name speaks of beside something else of it (its start, its dose)."""
    named = [targets.drugs[notion] for token in header.tokens for notion in token if notion in targets.drugs]
    said = {notion for token in header.tokens for notion in token}
    return named[0] if named and said & {"start", "end", "dose", "course", "number", "days"} else None


def _variants(
    header: Header, shorter: Header | None, targets: Targets
) -> list[tuple[Header, tuple[str, ...], float]]:
    """Return other readings of a name, the notions that what is left out lends, and their share of the fit."""
    found: list[tuple[Header, tuple[str, ...], float]] = []
    if shorter is not None and shorter.tokens:
        lent = {notion for token in header.tokens for notion in token} - {
            notion for token in shorter.tokens for notion in token
        }
        found.append(
            (replace(shorter, timepoint=header.timepoint, course=header.course), tuple(sorted(lent)), 0.97)
        )
    if _drug(header, targets):
        rest = tuple(token for token in header.tokens if not any(notion in targets.drugs for notion in token))
        found.append((replace(header, tokens=rest), ("course", "treatment"), 0.97))
    return found


def _implied(column: ColumnProfile, header: Header, targets: Targets) -> list[str]:
    """Return the notions that the cells say, so that the name need not."""
    found = ["patient", "of"]
    if column.dates and numeric_share(column) < 0.5:
        found.append("date")
    if yes_no(column, targets.words.terminology):
        found.append("positivity" if _is_signed(column) else "yes_no")
    if "%" in header.units:
        found.append("percent")
    if header.course is not None:
        found.extend(["course", "start", "date"] if header.timepoint == "day_1" else ["course"])
    if numeric_share(column) > 0.5:
        found.append("value")
    return found


def _is_signed(column: ColumnProfile) -> bool:
    """Return whether the values are the words positive and negative."""
    lexicon = load_lexicon()
    return any(
        "positivity" in token
        for value in column.values
        for token in lexicon.tokens(value.text, mend=False)[0]
    )


def _suggestion(item: Reading, pick: int | None) -> Suggestion:
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
    doubted = doubt(best.target, header, column, evidence)
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
    how = (
        "is"
        if plain(best.name) == plain(header.text)
        else "is near"
        if best.fit > 0.8
        else "shares words with"
    )
    parts = [f"the name {how} '{best.name}'"]
    if best.evidence.reason:
        parts.append(best.evidence.reason)
    if header.timepoint:
        parts.append(f"the name says when: {header.timepoint}")
    if doubted:
        parts.append(doubted)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
