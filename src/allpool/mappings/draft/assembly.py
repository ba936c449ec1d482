"""The records of one table of a draft: which suggestions fill one record together, and which stay open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from allpool.mappings.compile import Vocabulary
from allpool.mappings.draft.bindings import OPEN, Binding, binding
from allpool.mappings.draft.filled import without_missing
from allpool.mappings.draft.suggestion import Suggestion
from allpool.mappings.draft.writing import Value
from allpool.mappings.profile import ColumnProfile, TableProfile
from allpool.mappings.terminology import normal

NO_GRADE = "0"
"""What a column of grades holds where the event did not occur."""
PRIOR = "prior"
"""Field that tells an event before the study from one within it."""
SHARED_FIELDS = ("date", "timepoint", "specimen")
"""Fields that one column may state for many records of its table."""
SAMPLED = frozenset({"laboratory", "immune", "mrd", "specimen"})
"""Domains whose records of one row are of one sampling."""


@dataclass
class DraftRecord:
    """One record of the draft."""

    record: str
    constants: Mapping[str, str]
    when: Value | None = None
    fields: dict[str, Binding] = field(default_factory=dict)
    place: int = 0
    """Of the column that it begins with."""
    remark: str = ""
    """How sure the condition is, and why."""

    def missing(self, words: Vocabulary) -> list[str]:
        """Return the required fields that nothing fills, or that a person must complete first."""
        kind = words.records[self.record]
        return [
            name
            for name, target in kind.fields.items()
            if target.required
            and name not in self.constants
            and (name not in self.fields or self.fields[name].open)
        ]


@dataclass(frozen=True)
class Assembly:
    """A table as the draft has it."""

    key: Suggestion | None
    records: tuple[DraftRecord, ...]
    ignored: tuple[Suggestion, ...]
    """Columns that look like direct identifiers."""
    open: tuple[Suggestion, ...]


def assembled(table: TableProfile, found: Sequence[Suggestion], words: Vocabulary) -> Assembly:
    """Return the confident suggestions of a table as records, and the others."""
    columns = {column.name: without_missing(column) for column in table.columns}
    key = next((item for item in found if item.element == "subject_id" and item.is_confident), None)
    ignored = [item for item in found if item.element is None and item.identifier]
    sure = [
        (place, item)
        for place, item in enumerate(found)
        if item.is_confident and item.record in words.records and item is not key
    ]
    units = {item.element: item.column for _, item in sure if item.field == "unit"}
    shared = [(place, item) for place, item in sure if _is_shared(item, words)]
    own = [
        (place, item)
        for place, item in sure
        if item.field not in ("unit", "analyte") and (place, item) not in shared
    ]
    named = next((item for _, item in sure if item.field == "analyte"), None)
    value = next(
        (item for _, item in own if named and item.field == "value" and item.element == named.element), None
    )
    records: list[DraftRecord] = []
    for place, item in own:
        if item is not value:
            _placed(records, place, item, columns[item.column], words, units.get(item.element))
    if named is not None and value is not None:
        unit = units.get(value.element)
        records += _long(found.index(value), named, value, unit, columns[value.column], words)
    _share(records, shared, columns, words)
    used = {item.column for _, item in sure}
    used -= {item.column for item in (named,) if item is not None and value is None}
    return Assembly(
        key,
        tuple(records),
        tuple(ignored),
        tuple(item for item in found if item is not key and item not in ignored and item.column not in used),
    )


def _is_shared(item: Suggestion, words: Vocabulary) -> bool:
    """Return whether a column states the date, timepoint or sample of records that have no element for it."""
    if item.field not in SHARED_FIELDS or item.record is None:
        return False
    kind = words.records[item.record]
    return kind.table == "observation" and kind.fields[item.field].element is None and not kind.singular


def _placed(
    records: list[DraftRecord],
    place: int,
    item: Suggestion,
    column: ColumnProfile,
    words: Vocabulary,
    unit: str | None,
) -> None:
    """Add a field to the first record of its kind and moment that has none yet, else to a new one.

    An event before the study stays a record of its own: it has not the date of one within it.
    """
    made = single(item, column, words, unit=unit, place=place)
    for record in records if made.when is None and PRIOR not in made.fields else ():
        fits = record.record == made.record and record.constants == made.constants and record.when is None
        fits = fits and PRIOR not in record.fields
        if fits and not made.fields.keys() & (record.fields.keys() | record.constants.keys()):
            record.fields.update(made.fields)
            return
    records.append(made)


def single(
    item: Suggestion, column: ColumnProfile, words: Vocabulary, *, unit: str | None = None, place: int = 0
) -> DraftRecord:
    """Return the record that a column fills by itself; `unit` is the column that states its units, if any."""
    assert item.record is not None  # noqa: S101  # asked of suggestions with a record alone
    constants = dict(_constants(item, words))
    if item.event is not None and item.field != "term":
        constants["term"] = item.event
    told = {"term": item.event, PRIOR: "true"}.get(item.field or "")
    occurred = _occurred(column, words) if told is not None else []
    if told is not None and occurred:
        constants[str(item.field)] = told
        when: Value = {"column": item.column, "in": occurred}
        remark = f"{item.confidence:.2f}: {item.reason}"
        return DraftRecord(item.record, constants, when, place=place, remark=remark)
    filled = binding(item, column, words, unit_column=unit)
    constants.pop(filled.field, None)
    graded_0 = item.event is not None and any(value.text == NO_GRADE for value in column.values)
    graded: Value | None = {"column": item.column, "not_in": NO_GRADE} if graded_0 else None
    return DraftRecord(item.record, constants, graded, {filled.field: filled}, place)


def _occurred(column: ColumnProfile, words: Vocabulary) -> list[str]:
    """Return the texts of a column that say yes."""
    table = words.terminology["yes_no"].lookup()
    return [value.text for value in column.values if table.get(normal(value.text)) == "true"]


def _constants(item: Suggestion, words: Vocabulary) -> Mapping[str, str]:
    """Return what the name of the column says of the whole record: its timepoint and its course."""
    kind = words.records[str(item.record)]
    found: dict[str, str] = {}
    if kind.singular:
        return found
    if item.timepoint is not None and "timepoint" in kind.fields:
        found["timepoint"] = item.timepoint
    name = "number" if kind.table == "medication_administration" else "course"
    if item.course is not None and name in kind.fields:
        found[name] = str(item.course)
    return found


def _long(
    place: int,
    named: Suggestion,
    value: Suggestion,
    unit: str | None,
    column: ColumnProfile,
    words: Vocabulary,
) -> Iterator[DraftRecord]:
    """Yield a record for each thing that a table with one value per row measures."""
    texts: dict[str, list[str]] = {}
    for text, element in named.codes.items():
        texts.setdefault(element, []).append(text)
    for element, said in texts.items():
        entry = words.dictionary[element]
        record = entry.record if entry.record in words.records else element
        more: dict[str, Value] = {"comparators": "true"} if column.kinds.get("comparator") else {}
        filled = Binding(
            entry.field if entry.record in words.records else "value",
            {"column": value.column, "unit": {"column": unit} if unit else OPEN, **more},
            None if unit else f"unit? {' or '.join(entry.units)}",
            f"{value.confidence:.2f}: {value.reason}",
        )
        when: Value = {"column": named.column, "in": said}
        yield DraftRecord(record, {}, when, {filled.field: filled}, place)


def _share(
    records: Sequence[DraftRecord],
    shared: Sequence[tuple[int, Suggestion]],
    columns: Mapping[str, ColumnProfile],
    words: Vocabulary,
) -> None:
    """Give dates, timepoints and samples to the records of their sampling, the nearest first."""
    for record in records:
        kind = words.records[record.record]
        if kind.table != "observation" or kind.singular:
            continue
        nearest = sorted(shared, key=lambda pair: (pair[0] > record.place, abs(pair[0] - record.place)))
        for _, item in nearest:
            moment = record.constants.get("timepoint")
            if item.field is None or item.field in record.fields or item.field in record.constants:
                continue
            if item.field not in kind.fields or (item.timepoint and item.timepoint != moment):
                continue
            if record.record == item.record or _domains(record.record, item, words) <= SAMPLED:
                given = binding(item, columns[item.column], words, unit_column=None)
                record.fields[item.field] = given


def _domains(record: str, item: Suggestion, words: Vocabulary) -> set[str]:
    element = words.records[record].data_element
    return {
        words.dictionary[name].domain if name in words.dictionary else ""
        for name in (element or "", item.element or "")
    }
