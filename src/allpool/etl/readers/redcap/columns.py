"""What each column of a REDCap export is: a field, one box of a checkbox field, a status, or REDCap's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from allpool.errors import Place, SourceError
from allpool.etl.readers.redcap.dictionary import STATUS, DataDictionary, DictionaryField

# REDCap API help, "Export Records": columns that say where a row belongs.
EVENT, INSTRUMENT, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
GROUP, SURVEY = "redcap_data_access_group", "redcap_survey_identifier"
OWN: Final[Mapping[str, str]] = {
    EVENT: "Event Name",
    INSTRUMENT: "Repeat Instrument",
    INSTANCE: "Repeat Instance",
    GROUP: "Data Access Group",
    SURVEY: "Survey Identifier",
}
"""REDCap's own columns -> how label headers call them."""
SURVEY_TIME: Final = "Survey Timestamp"
"""How label headers call each `<instrument>_timestamp`; unverified: no public label export shows it."""
BOX = "___"

Part = Literal["own", "field", "box", "status", "timestamp", "unknown"]


@dataclass(frozen=True)
class Column:
    """One column of an export."""

    name: str
    part: Part
    field: DictionaryField | None = None
    instrument: str | None = None
    code: str | None = None
    """Of a box: the code that it ticks."""
    is_missing_code: bool = False
    """Of a box: whether it ticks one of the project's missing-data codes."""

    @property
    def said_name(self) -> str:
        """Its name as REDCap writes it today."""
        return box_name(self.field.name, self.code) if self.field and self.code is not None else self.name

    @property
    def choices(self) -> Mapping[str, str]:
        """Codes that a cell may hold -> their labels; empty where cells hold no codes."""
        if self.part == "status":
            return STATUS
        if self.part == "box":
            return {"1": "Checked", "0": "Unchecked"}
        return self.field.choices if self.field else {}


def columns_of(
    names: Sequence[str | None], dictionary: DataDictionary, missing_codes: Mapping[str, str]
) -> tuple[Column, ...]:
    """Return what the columns `names` (None: no name) are; what the dictionary does not know is `unknown`."""
    boxes = _boxes(dictionary, missing_codes)
    statuses = {f"{name}_complete": name for name in dictionary.instruments}
    times = {f"{name}_timestamp": name for name in dictionary.instruments}
    found = []
    for name in names:
        if name is None:
            found.append(Column("", "unknown"))
        elif name in OWN:
            found.append(Column(name, "own"))
        elif name in dictionary and dictionary[name].kind != "checkbox":
            item = dictionary[name]
            found.append(Column(name, "field", item, item.instrument))
        elif name in boxes:
            item, code, is_missing = boxes[name]
            found.append(Column(name, "box", item, item.instrument, code, is_missing))
        elif name in statuses:
            found.append(Column(name, "status", None, statuses[name]))
        elif name in times:
            found.append(Column(name, "timestamp", None, times[name]))
        else:
            found.append(Column(name, "unknown"))
    return tuple(found)


def box_name(field: str, code: str) -> str:
    """Return the column in which REDCap exports the box of `code`.

    Lower case; a hyphen becomes an underscore (-98: `___ _98` without the blank), other characters than
    letters, digits and underscores are left out.
    """
    return f"{field}{BOX}{re.sub('[^a-z0-9_]', '', code.lower().replace('-', '_'))}"


def exported_columns(dictionary: DataDictionary, instrument: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield name and label of the columns that an export has in REDCap's order: all, or an instrument's."""
    for form in (instrument,) if instrument else dictionary.instruments:
        for item in dictionary.fields:
            if item.instrument == form and item.kind == "checkbox":
                for code, label in item.choices.items():
                    yield box_name(item.name, code), f"{item.label} (choice={label})"
            elif item.instrument == form and item.is_exported:
                yield item.name, item.label
        yield f"{form}_complete", "Complete?"


def names_by_label(labels: Sequence[str | None], dictionary: DataDictionary) -> tuple[str | None, ...]:
    """Return the variables that a header of labels stands for; what no label fits keeps its text.

    A label that several columns share is told by their order, where the export has all of them.
    Raises SourceError `ambiguous_header` where it has only some.
    """
    by_label: dict[str, list[str]] = {}
    for column, said in [*OWN.items(), *exported_columns(dictionary)]:
        by_label.setdefault(said, []).append(column)
    shown: dict[str, int] = {}
    for label in labels:
        if label is not None:
            shown[label] = shown.get(label, 0) + 1
    for position, label in enumerate(labels, start=1):
        candidates = by_label.get(label or "", [])
        if len(candidates) > 1 and shown[str(label)] != len(candidates):
            raise SourceError(
                f"the label of column {position} is that of {len(candidates)} fields, and the export has "
                f"{shown[str(label)]} such columns; export with variable names as headers (raw)",
                rule="ambiguous_header",
                place=Place(column=label),
            )
    left = {label: iter(names) for label, names in by_label.items()}
    found = [next(left[label], label) if label in left else label for label in labels]
    return tuple(
        _timestamp(found[index:], dictionary) or name if name == SURVEY_TIME else name
        for index, name in enumerate(found)
    )


def _timestamp(names: Sequence[str | None], dictionary: DataDictionary) -> str | None:
    """Return the name of a survey's time: it stands before the first field of its instrument."""
    for name in names:
        field = (name or "").partition(BOX)[0]
        if field in dictionary and field != dictionary.record_id:
            return f"{dictionary[field].instrument}_timestamp"
    return None


def _boxes(
    dictionary: DataDictionary, missing_codes: Mapping[str, str]
) -> dict[str, tuple[DictionaryField, str, bool]]:
    """Return the columns of boxes; also as older versions of REDCap wrote them, without underscores.

    A spelling that fits two codes of a field fits none.
    """
    found: dict[str, tuple[DictionaryField, str, bool]] = {}
    for item in dictionary.fields:
        if item.kind != "checkbox":
            continue
        offered = [*((code, False) for code in item.choices), *((code, True) for code in missing_codes)]
        for spelling in (box_name, _older_box_name):
            names = [spelling(item.name, code) for code, _ in offered]
            for name, (code, is_missing) in zip(names, offered, strict=True):
                if names.count(name) == 1:
                    found.setdefault(name, (item, code, is_missing))
    return found


def _older_box_name(field: str, code: str) -> str:
    """Return the column of a box as exports lost underscores (redcapAPI, `syncUnderscoreCodings`)."""
    return f"{field}{BOX}{re.sub('[^a-z0-9]', '', code.lower())}"
