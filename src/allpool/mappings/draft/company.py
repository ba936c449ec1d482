"""The company that a column keeps: what its table is about, and whose date, timepoint or sample it states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allpool.mappings.compile import Vocabulary
from allpool.mappings.draft.confidence import confidence
from allpool.mappings.draft.header import read_header
from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.draft.suggestion import Alternative, Suggestion
from allpool.mappings.draft.targets import Target, load_targets
from allpool.mappings.profile import TableProfile

if TYPE_CHECKING:
    from allpool.mappings.draft.reading import Reading

SUBJECTS = {
    "adverse_event": ("adverse_event", ("adverse_event", "grade", "serious")),
    "mrd": ("mrd", ("mrd",)),
    "treatment": ("course", ("course", "treatment", "infusion", "dose", "blinatumomab")),
    "laboratory": ("laboratory", ("laboratory",)),
    "procedure": ("transplant", ("transplant", "gvhd")),
    "outcome": ("contact", ("contact", "alive")),
    "response": ("response", ("response", "assessment")),
    "demographics": ("patient", ("patient",)),
}
"""Domain -> the notion that a table of it implies, and the words of a file or sheet name that tell it."""
PLAIN_DOMAINS = frozenset({"subject", "study", "specimen", ""})
CONTEXT = frozenset({"date", "timepoint", "specimen", "course", "site", "performer", "absent"})
UNDATED = frozenset({"age_at_index", "bsa", "body_weight", "race", "ethnicity", "line_of_therapy"})
"""Elements beside which a column called `date` is not taken for theirs."""
SAMPLED = {
    "bm_specimen": frozenset({"bm_blasts", "mrd", "karyotype_iscn", "karyotype_category", "cd19_expression"}),
    "blood_specimen": frozenset(
        {"wbc", "pb_blasts", "anc", "platelets", "haemoglobin", "lab_alt", "lab_ldh", "mrd"}
    ),
    "csf_specimen": frozenset({"cns_status"}),
}
"""Elements for the date of a sample -> the records measured in such a sample, whose date it then is."""
TIMEPOINTS = {"imm_timepoint": frozenset[str](), "response_assessment_timepoint": frozenset({"response"})}
"""Elements for timepoints -> the records whose own they are; beside other measurements they are those'."""
DOSED = frozenset({"dose_rate", "dose_rate_bsa"})
ENOUGH = 0.4
"""Confidence from which a column counts as measuring what it is taken for."""
LEADING = 0.5
"""Share of a table's told columns from which it is about one thing."""
SIDE = 0.94
"""What is left of the fit of an element that the table is not about."""


@dataclass(frozen=True)
class Company:
    """What a table is about."""

    domain: str | None = None
    notions: tuple[str, ...] = ()

    def factor(self, target: Target) -> float:
        """Return what the table leaves of the fit of `target`."""
        if target.domain in ("adverse_event",) and self.domain is None:
            return SIDE
        if self.domain is None or target.domain in PLAIN_DOMAINS or target.domain == self.domain:
            return 1.0
        return SIDE


def company_of(table: TableProfile, readings: Sequence[Reading]) -> Company:
    """Return what `table` is about: by the names of file and sheet, and by columns whose names are plain."""
    told: Counter[str] = Counter()
    for item in readings:
        if item.candidates and (best := item.candidates[0]).score > 0.7:
            lead = best.score - max(
                (c.score for c in item.candidates[1:] if c.target.domain != best.target.domain), default=0.0
            )
            if best.target.domain not in PLAIN_DOMAINS and lead > 0.05:
                told[best.target.domain] += 1
    named = _named(table)
    for domain in named:
        told[domain] += 2
    told.pop("demographics", None)
    if not told:
        return Company()
    (domain, most), *_ = told.most_common()
    if most < LEADING * sum(told.values()) or most < 2:
        return Company()
    notion = SUBJECTS.get(domain)
    return Company(domain, (notion[0],) if notion else ())


def _named(table: TableProfile) -> list[str]:
    text = f"{table.file.rsplit('.', 1)[0]} {table.sheet or ''}"
    tokens, _ = load_lexicon().tokens(text)
    said = {notion for token in tokens for notion in token}
    return [domain for domain, (_, tell) in SUBJECTS.items() if said & set(tell)]


def resolved(found: Sequence[Suggestion], readings: Sequence[Reading], words: Vocabulary) -> list[Suggestion]:
    """Return the suggestions with fields that have no element of their own given to the record they describe.

    A column of dates beside measurements is their date, not an element: its element is that of the record.
    """
    analytes = _analytes(found, readings, words)
    first = next(iter(analytes.values()), None)
    measured = [
        ("mrd" if first == "mrd_value" else first)
        if item.element == "@value" and first
        else _measurement(item, words)
        for item in found
    ]
    return [_resolved(place, found, measured, analytes, readings, words) for place in range(len(found))]


def _measurement(item: Suggestion, words: Vocabulary) -> str | None:
    """Return the record that a column measures something for, where that has a date of its own."""
    if item.record is None or item.record not in words.records or item.confidence < ENOUGH:
        return None
    kind = words.records[item.record]
    if kind.table != "observation" or kind.singular or item.field in CONTEXT or item.element in UNDATED:
        return None
    return item.record


def _resolved(
    place: int,
    found: Sequence[Suggestion],
    measured: Sequence[str | None],
    analytes: Mapping[str, str],
    readings: Sequence[Reading],
    words: Vocabulary,
) -> Suggestion:
    item = found[place]
    wanted = SAMPLED.get(item.element or "")
    if wanted is not None:
        owner = _owner(
            place, "date", found, [record if record in wanted else None for record in measured], words
        )
        return _given(item, owner, "date", 0.9, words) if owner else item
    unit_words = {notion for token in readings[place].header.tokens for notion in token}
    if "unit_of_value" in unit_words and not (item.element == "@unit" and analytes):
        return _unit_of(place, item, found, readings)
    if item.element in TIMEPOINTS and not any(record in TIMEPOINTS[item.element] for record in measured):
        owner = _owner(place, "timepoint", found, measured, words)
        return _given(item, owner, "timepoint", 1.0, words) if owner else item
    if item.element is None or not item.element.startswith("@"):
        return item
    field = item.element[1:]
    if field in ("analyte", "unit", "value") and analytes:
        if field == "analyte":
            said = f"Names what was measured: {', '.join(dict.fromkeys(analytes.values()))}."
            first = next(iter(analytes.values()))
            return replace(
                item, element=first, record=first, field="analyte", reason=said, codes=analytes,
                code_table=None, unknown=(), confidence=min(item.confidence, 0.85),
            )  # fmt: skip
        first = next(iter(analytes.values()))
        record = "mrd" if first == "mrd_value" else first
        return replace(
            item, element=first, record=record, field=field, confidence=min(item.confidence, 0.9), unit=None
        )
    if field in ("date", "timepoint", "specimen"):
        owner = _owner(place, field, found, measured, words)
        if owner is not None:
            return _given(item, owner, field, 1.0, words)
    return _next_best(item, readings[place])


def _unit_of(
    place: int, item: Suggestion, found: Sequence[Suggestion], readings: Sequence[Reading]
) -> Suggestion:
    """Return a column of units given to the number that shares a word with it, else to the nearest."""
    own = {notion for token in readings[place].header.tokens for notion in token} - {"unit_of_value"}
    numbers = [
        at
        for at, other in enumerate(found)
        if at != place and other.element and (other.unit or other.units or readings[at].header.tokens)
        and other.element in DOSED | {e for e in [other.element] if other.unit or other.units}
    ]  # fmt: skip
    sharing = [
        at for at in numbers if own & {notion for token in readings[at].header.tokens for notion in token}
    ]
    kept = sorted(sharing or numbers, key=lambda at: (abs(at - place), at > place))
    if not kept:
        return replace(item, element=None, record=None, field=None, confidence=0.0, reason="Holds units.")
    of = found[kept[0]]
    return replace(
        item, element=of.element, record=of.record, field="unit",
        confidence=round(min(0.8, of.confidence), 3), reason=f"Holds the units of '{of.column}'.",
        unit=None, units=(), codes={}, unknown=(), code_table=None,
    )  # fmt: skip


def _owner(
    place: int,
    field: str,
    found: Sequence[Suggestion],
    measured: Sequence[str | None],
    words: Vocabulary,
) -> str | None:
    """Return the record that a column of dates (timepoints, samples) belongs to.

    Of the same timepoint where the name states one; else of the nearest measurement, to the right first.
    """
    places = [
        at
        for at, record in enumerate(measured)
        if record is not None and field in words.records[record].fields and at != place
    ]
    moment = found[place].timepoint
    same = [at for at in places if found[at].timepoint == moment]
    if moment and not same:
        return None
    kept = sorted(same or places, key=lambda at: (at < place, abs(at - place)))
    return measured[kept[0]] if kept else None


def _given(item: Suggestion, record: str, field: str, share: float, words: Vocabulary) -> Suggestion:
    kind = words.records[record]
    element = kind.fields[field].element or kind.data_element
    before = () if item.element is None or item.element.startswith("@") else (
        Alternative(element=item.element, confidence=round(item.confidence * 0.5, 3)),
    )  # fmt: skip
    noun = {"date": "date", "timepoint": "timepoint", "specimen": "sample"}[field]
    return replace(
        item,
        element=element,
        record=record,
        field=field,
        confidence=round(min(item.confidence, 0.9) * share, 3),
        reason=f"{item.reason[:-1]}; the {noun} of what the table measures ({kind.title}).",
        alternatives=(*before, *item.alternatives),
    )


def _next_best(item: Suggestion, reading: Reading) -> Suggestion:
    """Return the best reading as an element, where nothing in the table takes the field itself."""
    others = [other for other in reading.candidates if not other.target.id.startswith("@")]
    if not others:
        return replace(item, element=None, record=None, field=None, confidence=0.0,
                       reason="Nothing in this table takes it: say what it belongs to.")  # fmt: skip
    best, *rest = others
    sure = confidence(best.score, rest[0].score if rest else 0.0)
    evidence = best.evidence
    return replace(
        item,
        element=best.target.id,
        record=best.target.record,
        field=best.target.field,
        confidence=sure,
        unit=evidence.unit,
        units=evidence.units,
        code_table=best.target.codes,
        codes=evidence.codes,
        unknown=evidence.unknown,
        date_format=evidence.date_format,
    )


def _analytes(
    found: Sequence[Suggestion], readings: Sequence[Reading], words: Vocabulary
) -> Mapping[str, str]:
    """Return text -> element of the column that names what was measured, in a table of one value per row."""
    fields = {item.element for item in found}
    if "@analyte" not in fields or not fields & {"@value", "@unit"}:
        return {}
    targets = load_targets(words)
    for item, reading in zip(found, readings, strict=True):
        if item.element != "@analyte":
            continue
        known: dict[str, str] = {}
        for value in reading.column.values:
            matches = targets.match(read_header(value.text, words.terminology))
            best = max(matches.items(), key=lambda pair: (pair[1].score, pair[0]), default=None)
            if best and best[1].score >= 0.9 and targets.all[best[0]].type in ("decimal", "integer"):
                known[value.text] = best[0]
        if known and len(known) >= 0.4 * len(reading.column.values):
            return known
    return {}
