"""What a column of dates, timepoints, samples, units or values belongs to, by the columns beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from allpool.mappings.compile import Vocabulary
from allpool.mappings.draft.confidence import confidence
from allpool.mappings.draft.doubts import DOUBTED
from allpool.mappings.draft.header import Header, read_header
from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.draft.reading import Reading
from allpool.mappings.draft.suggestion import Alternative, Suggestion
from allpool.mappings.draft.targets import load_targets

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
COURSES = frozenset({"course", "dose_step", "interruption"})
DOSED = frozenset({"dose_rate", "dose_rate_bsa"})
ENOUGH = 0.4
"""Confidence from which a column counts as measuring what it is taken for."""
ANALYTE = 0.85
"""Confidence of the columns of a table with one value per row."""
MOMENTARY = frozenset({"date", "timepoint", "specimen", "collection", "start", "end", "first", "last"})
SAYING = 0.5
"""Weight from which a word says what a column is about."""


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
            place,
            "date",
            found,
            [record if record in wanted else None for record in measured],
            readings,
            words,
        )
        return _given(item, owner, "date", 0.9, words) if owner else item
    unit_words = {notion for token in readings[place].header.tokens for notion in token}
    if "unit_of_value" in unit_words and not (item.element == "@unit" and analytes):
        return _unit_of(place, item, found, readings)
    if item.element in TIMEPOINTS:
        owner = _owner(place, "timepoint", found, measured, readings, words)
        own = TIMEPOINTS[item.element]
        is_other = owner not in own and (
            not any(record in own for record in measured) or bool(_subject(readings[place].header) & {owner})
        )
        return _given(item, owner, "timepoint", 1.0, words) if owner and is_other else item
    if item.element == "course_number" and not any(
        other.record in COURSES and other is not item for other in found
    ):
        return _course_of(item, measured)
    if item.element is None or not item.element.startswith("@"):
        return item
    field = item.element[1:]
    if field in ("analyte", "unit", "value") and analytes:
        return _of_analytes(item, field, found, analytes, words)
    if field in ("date", "timepoint", "specimen"):
        owner = _owner(place, field, found, measured, readings, words)
        if owner is not None:
            return _given(item, owner, field, 1.0, words)
    return _next_best(item, readings[place])


def _of_analytes(
    item: Suggestion,
    field: str,
    found: Sequence[Suggestion],
    analytes: Mapping[str, str],
    words: Vocabulary,
) -> Suggestion:
    """Return a column of a table with one value per row: what was measured, the value or its unit."""
    first = next(iter(analytes.values()))
    entry = words.dictionary[first]
    record = entry.record if entry.record in words.records else first
    if field == "analyte":
        said = f"Names what was measured: {', '.join(dict.fromkeys(analytes.values()))}."
        return replace(
            item, element=first, record=record, field=field, reason=said, codes=analytes, code_table=None,
            unknown=(), confidence=min(item.confidence, ANALYTE),
        )  # fmt: skip
    is_alone = [other.element for other in found].count(item.element) == 1
    sure = max(item.confidence, ANALYTE) if is_alone else item.confidence
    reason = f"{item.reason[:-1]}; beside the column that names what was measured."
    return replace(
        item, element=first, record=record, field=field, confidence=min(sure, 0.9), unit=None, reason=reason
    )


def _course_of(item: Suggestion, measured: Sequence[str | None]) -> Suggestion:
    """Return a number of courses as doubted, where the table measures things and tells of no course else."""
    if not any(measured):
        return item
    reason = f"{item.reason[:-1]}; it may say in which course the other columns were measured."
    return replace(item, confidence=min(item.confidence, DOUBTED), reason=reason)


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
    readings: Sequence[Reading],
    words: Vocabulary,
) -> str | None:
    """Return the record that a column of dates (timepoints, samples) belongs to.

    Of the same timepoint where the name states one, of a name that shares a word where one does; else of the
    nearest measurement, to the right first.
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
    own = _subject(readings[place].header)
    sharing = [at for at in same or places if own & _subject(readings[at].header)]
    kept = sorted(sharing or same or places, key=lambda at: (at < place, abs(at - place)))
    return measured[kept[0]] if kept else None


def _subject(header: Header) -> set[str]:
    """Return the words of a name that say what it is about, not that it is a date, timepoint or value."""
    lexicon = load_lexicon()
    return {
        notion
        for token in header.tokens
        for notion in token
        if notion not in MOMENTARY and (notion.startswith("=") or lexicon.weight(notion) >= SAYING)
    }


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
