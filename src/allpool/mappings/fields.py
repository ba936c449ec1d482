"""One field of a mapping resolved against the dictionary: kind, words, units, formats, expectation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl
from polars.exceptions import ComputeError

from allpool.mappings.dates import DateFormat, date_format
from allpool.mappings.dictionary import Dictionary, ValueType
from allpool.mappings.external import external_code
from allpool.mappings.plan import FieldPlan, Kind, Words
from allpool.mappings.positions import Document, Location
from allpool.mappings.records import FieldTarget, RecordType
from allpool.mappings.schema import Binding
from allpool.mappings.terminology import Terminology, normal
from allpool.models import STAGING
from allpool.models.systems import local_system

TRUE_FALSE = frozenset({"true", "false"})


class _Meaning(NamedTuple):
    """What a field means, from its element or its own declaration."""

    type: ValueType
    codes: str | None
    unit: str | None
    units: Mapping[str, float]


def compile_field(
    document: Document,
    at: Location,
    name: str,
    binding: Binding,
    record: RecordType,
    dictionary: Dictionary,
    terminology: Terminology,
) -> FieldPlan:
    """Return the plan of one field.

    Raises `MappingError` with file and line where the binding does not fit the element.
    """
    target = record.fields[name]
    meaning = _meaning(target, dictionary)
    column = target.column or target.component
    table = "observation_component" if target.component else record.table
    known = STAGING[table].c.keys() if column else []
    kind = _kind(meaning.type, column, known)
    _check_words(document, at, binding, kind)
    words = _words(document, at, binding, kind, meaning, terminology)
    system = _system(meaning, terminology) if kind == "coding" else None
    units = _units(document, at, binding, kind, meaning)
    formats = _formats(document, at, binding, kind, terminology)
    if binding.pattern:
        check_pattern(document, binding.pattern, (*at, "pattern"))
    return FieldPlan(
        name=name,
        kind=kind,
        binding=binding,
        element=target.element or record.data_element,
        required=target.required,
        column=column,
        is_component=target.component is not None,
        is_specimen=target.specimen,
        words=words,
        system=system,
        has_system=f"{column}_system" in known,
        has_delivered=f"{column}_delivered" in known,
        has_time=f"{column}_time" in known,
        units=units,
        unit=meaning.unit,
        formats=formats,
        external=external_code(dictionary, target.element) if target.component else None,
        expected=_expected(kind, meaning, binding, formats),
    )


def check_pattern(document: Document, pattern: str, at: Location) -> None:
    """Fail where `pattern` is no regular expression of the kind that the transform reads with."""
    try:
        pl.Series([""]).str.contains(f"^(?:{pattern})$")
    except ComputeError:
        document.fail(f"'{pattern}' is not a regular expression (Rust syntax: no look-around)", at)


def _meaning(target: FieldTarget, dictionary: Dictionary) -> _Meaning:
    if target.element is None:
        assert target.type is not None  # noqa: S101  # FieldTarget holds one of the two
        return _Meaning(target.type, target.codes, target.unit, {target.unit: 1.0} if target.unit else {})
    element = dictionary[target.element]
    return _Meaning(element.type, element.codes, element.unit, element.units)


def _kind(type_: ValueType, column: str | None, known: list[str]) -> Kind:
    """Return how the field is read: by the element's type, and by what its column can hold."""
    if column is None:
        return "coding"
    if f"{column}_precision" in known:
        return "partial_date"
    if f"{column}_comparator" in known:
        return "quantity"
    if type_ == "code":
        return "coding"
    if type_ == "boolean":
        return "boolean"
    return "integer" if type_ in ("integer", "decimal") else "text"


def _check_words(document: Document, at: Location, binding: Binding, kind: Kind) -> None:
    """Fail where the binding uses a word that its kind of field cannot take."""
    allowed = {
        "unit": {"quantity"},
        "comparators": {"quantity"},
        "below": {"quantity"},
        "format": {"partial_date"},
        "relative": {"partial_date"},
        "codes": {"coding", "boolean", "integer", "text"},
        "numeric": {"coding"},
        "pattern": {"text", "integer"},
    }
    for word, kinds in allowed.items():
        if getattr(binding, word) and kind not in kinds:
            document.fail(f"`{word}` has no meaning for a field of kind {kind}", (*at, word))


def _words(
    document: Document,
    at: Location,
    binding: Binding,
    kind: Kind,
    meaning: _Meaning,
    terminology: Terminology,
) -> Words | None:
    if kind == "boolean":
        return _truth(document, at, binding, terminology)
    if kind in ("integer", "text"):
        return _texts(document, at, binding)
    if kind != "coding":
        return None
    own = meaning.codes
    if own is None or own not in terminology:
        document.fail(f"the element's code table '{own}' does not exist", at)
    table = terminology[own]
    words = dict(table.lookup())
    if isinstance(binding.codes, str) and binding.codes != own:
        document.fail(f"this field is coded by '{own}'", (*at, "codes"))
    if isinstance(binding.codes, Mapping):
        for text, code in binding.codes.items():
            if code not in table.codes:
                document.fail(
                    f"'{code}' is not a code of {own}; it has {', '.join(table.codes)}", (*at, "codes", text)
                )
        words = {normal(text): code for text, code in binding.codes.items()}
    if binding.numeric is not None and binding.numeric not in table.codes:
        document.fail(f"'{binding.numeric}' is not a code of {own}", (*at, "numeric"))
    if binding.constant is not None:
        constant = words.get(normal(binding.constant)) or table.lookup().get(normal(binding.constant))
        if constant is None:
            document.fail(f"'{binding.constant}' is not a code of {own}; it has {', '.join(table.codes)}", at)
        words[normal(binding.constant)] = constant
    return Words(words, frozenset(normal(text) for text in table.ignored), own)


def _texts(document: Document, at: Location, binding: Binding) -> Words | None:
    """Return what the texts of a text or whole-number field stand for, where the mapping says so."""
    if binding.codes is None:
        return None
    if isinstance(binding.codes, str):
        document.fail("this field has no code table: write text -> what it stands for", (*at, "codes"))
    return Words({normal(text): said for text, said in binding.codes.items()}, frozenset(), None)


def _truth(document: Document, at: Location, binding: Binding, terminology: Terminology) -> Words:
    if isinstance(binding.codes, Mapping):
        wrong = set(binding.codes.values()) - TRUE_FALSE
        if wrong:
            document.fail("a yes-or-no field is coded by true and false", (*at, "codes"))
        return Words({normal(text): code for text, code in binding.codes.items()}, frozenset(), None)
    if binding.codes is not None and binding.codes not in terminology:
        document.fail(f"there is no code table '{binding.codes}'", (*at, "codes"))
    if binding.codes is not None:
        table = terminology[binding.codes]
        if not set(table.codes) >= TRUE_FALSE:
            document.fail(f"'{binding.codes}' does not say true and false", (*at, "codes"))
        return Words(table.lookup(), frozenset(normal(text) for text in table.ignored), binding.codes)
    return Words({"true": "true", "false": "false"}, frozenset(), None)


def _system(meaning: _Meaning, terminology: Terminology) -> str | None:
    if meaning.codes is None:
        return None
    return terminology[meaning.codes].system or local_system(meaning.codes)


def _units(
    document: Document, at: Location, binding: Binding, kind: Kind, meaning: _Meaning
) -> Mapping[str, float] | None:
    if kind != "quantity":
        return None
    if binding.unit is None:
        document.fail(f"the unit of this column is not said; accepted are {', '.join(meaning.units)}", at)
    given = [binding.unit] if isinstance(binding.unit, str) else list(binding.unit.codes.values())
    for unit in given:
        if unit not in meaning.units:
            document.fail(
                f"unit '{unit}' is not accepted here; accepted are {', '.join(meaning.units)} (UCUM)",
                (*at, "unit"),
            )
    return meaning.units


def _formats(
    document: Document, at: Location, binding: Binding, kind: Kind, terminology: Terminology
) -> tuple[DateFormat, ...]:
    if kind != "partial_date":
        return ()
    if binding.relative is not None:
        if binding.relative.anchor not in terminology["time_anchor"].codes:
            document.fail(
                f"there is no time anchor '{binding.relative.anchor}'; there are "
                f"{', '.join(terminology['time_anchor'].codes)}",
                (*at, "relative", "anchor"),
            )
        return ()
    if not binding.format:
        document.fail("the date format is not said (for example %d.%m.%Y, iso or excel)", at)
    try:
        return tuple(date_format(name) for name in binding.format)
    except ValueError as wrong:
        document.fail(str(wrong), (*at, "format"))


def _expected(kind: Kind, meaning: _Meaning, binding: Binding, formats: tuple[DateFormat, ...]) -> str:
    match kind:
        case "partial_date" if binding.relative:
            span = "days" if binding.relative.unit == "d" else "weeks"
            return f"a number of {span} from {binding.relative.anchor}"
        case "partial_date":
            return f"a date as {' or '.join(item.name for item in formats)}"
        case "quantity":
            unit = binding.unit if isinstance(binding.unit, str) else f"one of {', '.join(meaning.units)}"
            return f"a number in {unit}"
        case "integer":
            return "a whole number"
        case "boolean":
            return "yes or no as the mapping says them"
        case "coding":
            return f"a word of the code table {meaning.codes}"
        case _:
            if isinstance(binding.codes, Mapping):
                return f"one of {', '.join(binding.codes)}"
            return f"a text that matches {binding.pattern}" if binding.pattern else "a text"
