"""A REDCap project's data dictionary: its fields, their instruments, choices and validation types."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

from allpool.errors import Place, SourceError
from allpool.etl.readers.delimited import read_delimited
from allpool.etl.readers.encodings import decode
from allpool.etl.readers.files import Reading, list_files, opened
from allpool.etl.readers.source import ReadLimits
from allpool.mappings.read import DelimitedRead

# Headers of the data dictionary that REDCap downloads, and the names that its API gives the same columns
# (REDCap API help, "Export Metadata (Data Dictionary)").
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "field_name": ("Variable / Field Name", "field_name"),
    "form_name": ("Form Name", "form_name"),
    "field_type": ("Field Type", "field_type"),
    "field_label": ("Field Label", "field_label"),
    "select_choices_or_calculations": (
        "Choices, Calculations, OR Slider Labels",
        "Choices OR Calculations",
        "select_choices_or_calculations",
    ),
    "text_validation_type_or_show_slider_number": (
        "Text Validation Type OR Show Slider Number",
        "text_validation_type_or_show_slider_number",
    ),
}
NEEDED = ("field_name", "form_name", "field_type")

# Choices that REDCap itself gives: fields of type yesno and truefalse, and each instrument's status.
OWN_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
STATUS: Final[Mapping[str, str]] = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
CHOSEN = ("radio", "dropdown", "select", "checkbox")
TAG = re.compile(r"<[A-Za-z/!][^>]*>")


@dataclass(frozen=True, kw_only=True)
class DictionaryField:
    """One field of a project."""

    name: str
    instrument: str
    kind: str
    """REDCap's field type: text, notes, radio, dropdown, checkbox, calc, ..."""
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Code -> label as REDCap exports it, without markup."""
    validation: str = ""

    @property
    def is_exported(self) -> bool:
        """Whether an export has columns of it; a descriptive field holds no data."""
        return self.kind != "descriptive"

    @property
    def has_decimal_comma(self) -> bool:
        """Whether its validation type asks for a decimal comma (number_1dp_comma_decimal and the like)."""
        return self.validation.endswith("comma_decimal")


@dataclass(frozen=True)
class DataDictionary:
    """The fields of a project in their order; the first is the record id."""

    fields: tuple[DictionaryField, ...]
    missing_codes: Mapping[str, str] = field(default_factory=dict)
    """The project's missing-data codes -> labels, where the dictionary came with them."""

    @property
    def record_id(self) -> str:
        """Name of the field that holds the record id."""
        return self.fields[0].name

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """Names of the instruments in their order."""
        return tuple(dict.fromkeys(item.instrument for item in self.fields))

    def __getitem__(self, name: str) -> DictionaryField:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> Mapping[str, DictionaryField]:
        return {item.name: item for item in self.fields}


def load_data_dictionary(
    folder: Path, pattern: str, *, encoding: str | None, limits: ReadLimits
) -> DataDictionary:
    """Read the data dictionary that `pattern` names in `folder`: CSV (UTF-8 or `encoding`) or project XML.

    Raises SourceError `missing_dictionary` (no file, or more than one) and `unreadable_dictionary`.
    """
    found = list_files(folder, pattern)
    if len(found) != 1:
        what = "no file matches" if not found else f"{len(found)} files match"
        raise SourceError(
            f"{what} {pattern}, the project's data dictionary; put the one that goes with this export into "
            "the folder (REDCap: Project Setup > Download the current Data Dictionary)",
            rule="missing_dictionary",
        )
    name = found[0].name
    try:
        with opened(found[0], file_bytes=limits.file_bytes) as file:
            reading = Reading(file)
            if name.lower().endswith(".xml"):
                from allpool.etl.readers.odm.metadata import project_dictionary

                return project_dictionary(iter(reading))
            text = decode(iter(reading), declared=encoding, line_bytes=limits.line_bytes)
        cells = read_delimited(text, DelimitedRead(format="csv"))
    except SourceError as error:
        place = f", {error.place}" if error.place and str(error.place) else ""
        raise SourceError(
            f"the data dictionary {name} cannot be read{place}: {error.message}", rule="unreadable_dictionary"
        ) from None
    if cells.problems:
        _unreadable(name, f"row {cells.problems[0]['row']} is not as wide as its header")
    rows = cells.frame.rename(
        {
            old: new or f"_{index}"
            for index, (old, new) in enumerate(zip(cells.frame.columns, cells.names, strict=True))
        }
    ).to_dicts()
    return data_dictionary(rows, name=name)


def data_dictionary(
    rows: Sequence[Mapping[str, Any]], *, name: str, missing_codes: Mapping[str, str] | None = None
) -> DataDictionary:
    """Return the dictionary that `rows` say, by the headers of the download or the API's names.

    Raises SourceError `unreadable_dictionary`.
    """
    fields: dict[str, DictionaryField] = {}
    for number, row in enumerate(rows, start=1):
        told = {key: next((row[h] for h in names if h in row), None) for key, names in HEADERS.items()}
        lacks = [HEADERS[key][0] for key in NEEDED if not str(told[key] or "").strip()]
        if lacks:
            _unreadable(name, f"field {number} has no {' and no '.join(map(repr, lacks))}")
        item = _field({key: str(value or "").strip() for key, value in told.items()}, name)
        if item.name in fields:
            _unreadable(name, f"the field {item.name} stands in it twice")
        fields[item.name] = item
    if not fields:
        _unreadable(name, "it holds no field")
    return DataDictionary(tuple(fields.values()), missing_codes or {})


def choices(text: str) -> tuple[tuple[str, str], ...]:
    """Return code and label of each choice in REDCap's notation `1, one | 2, two`."""
    found = []
    for part in text.split("|"):
        code, comma, label = part.partition(",")
        if code.strip() and comma:
            found.append((code.strip(), plain(label)))
    return tuple(found)


def plain(label: str) -> str:
    """Return a label as exports show it: without markup, on one line."""
    return " ".join(html.unescape(TAG.sub("", label)).split())


def _field(told: Mapping[str, str], name: str) -> DictionaryField:
    kind = told["field_type"].lower()
    if kind in CHOSEN:
        offered = choices(told["select_choices_or_calculations"])
        twice = _repeated(code for code, _ in offered)
        if twice:
            _unreadable(name, f"the field {told['field_name']} has two choices with the code {twice}")
        coded = dict(offered)
    else:
        coded = dict(OWN_CHOICES.get(kind, {}))
    return DictionaryField(
        name=told["field_name"],
        instrument=told["form_name"],
        kind=kind,
        label=plain(told["field_label"]),
        choices=coded,
        validation=told["text_validation_type_or_show_slider_number"].lower(),
    )


def _repeated(codes: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for code in codes:
        if code in seen:
            return code
        seen.add(code)
    return None


def _unreadable(name: str, reason: str) -> NoReturn:
    raise SourceError(
        f"{name} is not the data dictionary of a REDCap project: {reason}; download it from REDCap again",
        rule="unreadable_dictionary",
        place=Place(),
    )
