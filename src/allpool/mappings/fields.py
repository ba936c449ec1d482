"""One field of a mapping resolved against the dictionary: kind, words, units, formats, expectation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl
from polars.exceptions import ComputeError

from allpool.mappings.constants import constant_fault
from allpool.mappings.dates import DateFormat, check_unknown, date_format
from allpool.mappings.dictionary import Dictionary, Usual, ValueType
from allpool.mappings.external import external_code
from allpool.mappings.mapping_sheet import Said
from allpool.mappings.plan import ABSENT, FieldPlan, Kind, Words
from allpool.mappings.positions import Document, Location
from allpool.mappings.records import FieldTarget, RecordType
from allpool.mappings.schema import Binding
from allpool.mappings.terminology import Terminology
from allpool.mappings.units.binding import check_units
from allpool.mappings.units.conversion import Scale
from allpool.mappings.words import compile_words
from allpool.models import STAGING
from allpool.models.systems import local_system


class _Meaning(NamedTuple):
    """What a field means, from its element or its own declaration."""

    type: ValueType
    codes: str | None
    unit: str | None
    units: Mapping[str, float]
    molar_mass: float | None = None
    usual: Usual | None = None


def compile_field(
    document: Document,
    at: Location,
    name: str,
    binding: Binding,
    record: RecordType,
    dictionary: Dictionary,
    terminology: Terminology,
    *,
    missing: Mapping[str, str | None],
    language: str,
    sheet: Sequence[Said],
) -> FieldPlan:
    """Return the plan of one field; `missing` are the source's texts that say nothing, `language` is that
    of its names of months, `sheet` is what the mapping's code sheet says of it.

    Raises `MappingError` with file and line where the binding does not fit the element.
    """
    target = record.fields[name]
    meaning = _meaning(target, dictionary)
    column = target.column or target.component
    table = "observation_component" if target.component else record.table
    known = STAGING[table].c.keys() if column else []
    kind = _kind(meaning.type, column, known)
    _check_words(document, at, binding, kind)
    keeps_text = f"{column}_delivered" in known and binding.constant is None and not target.specimen
    words = compile_words(
        document, at, binding, kind, meaning.codes, terminology, keeps_text=keeps_text, sheet=sheet
    )
    system = _system(meaning, terminology) if kind == "coding" else None
    scale = Scale(meaning.unit or "", meaning.units, meaning.molar_mass) if kind == "quantity" else None
    if scale is not None:
        check_units(document, at, binding.unit, scale)
    formats = _formats(document, at, binding, kind, terminology, language)
    if binding.pattern:
        check_pattern(document, binding.pattern, (*at, "pattern"))
    wrong = constant_fault(binding, kind, formats, words)
    if wrong is not None:
        document.fail(wrong, at)
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
        units=scale,
        usual=meaning.usual if binding.column and binding.unit_confirmed is None else None,
        unit=meaning.unit,
        formats=formats,
        external=external_code(dictionary, target.element) if target.component else None,
        expected=_expected(kind, meaning, binding, formats, words),
        missing=_missing(document, at, binding, missing, terminology),
    )


def check_missing(
    document: Document, missing: Mapping[str, str | None], at: Location, terminology: Terminology
) -> None:
    """Fail where a reason why there is no value is not one of HL7's."""
    known = terminology[ABSENT].codes
    for text, reason in missing.items():
        if reason is not None and reason not in known:
            document.fail(f"'{reason}' is not a code of {ABSENT}; it has {', '.join(known)}", (*at, text))


def _missing(
    document: Document,
    at: Location,
    binding: Binding,
    source: Mapping[str, str | None],
    terminology: Terminology,
) -> Mapping[str, str | None]:
    """Return the texts that say nothing in this field: the source's, and its own over them."""
    check_missing(document, binding.missing, (*at, "missing"), terminology)
    if binding.missing.get("", ABSENT) is None:
        document.fail("an empty cell says nothing already; write what it means here", (*at, "missing"))
    return {**source, **binding.missing} if binding.column else {}


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
    mass = element.molar_mass.value if element.molar_mass else None
    return _Meaning(element.type, element.codes, element.unit, element.units, mass, element.usual)


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
        "unit_confirmed": {"quantity"},
        "comparators": {"quantity"},
        "below": {"quantity"},
        "format": {"partial_date"},
        "century": {"partial_date"},
        "unknown_parts": {"partial_date"},
        "relative": {"partial_date"},
        "codes": {"coding", "boolean", "integer", "text"},
        "numeric": {"coding"},
        "pattern": {"text", "integer"},
    }
    for word, kinds in allowed.items():
        if getattr(binding, word) and kind not in kinds:
            document.fail(f"`{word}` has no meaning for a field of kind {kind}", (*at, word))


def _system(meaning: _Meaning, terminology: Terminology) -> str | None:
    if meaning.codes is None:
        return None
    return terminology[meaning.codes].system or local_system(meaning.codes)


def _formats(
    document: Document, at: Location, binding: Binding, kind: Kind, terminology: Terminology, language: str
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
    if binding.century is not None and not any("%y" in name for name in binding.format):
        document.fail("`century` is for years of two digits, and no format has one (%y)", (*at, "century"))
    try:
        check_unknown(binding.unknown_parts)
    except ValueError as wrong:
        document.fail(str(wrong), (*at, "unknown_parts"))
    try:
        return tuple(
            date_format(name, century=binding.century, unknown=binding.unknown_parts, language=language)
            for name in binding.format
        )
    except ValueError as wrong:
        document.fail(str(wrong), (*at, "format"))


def _expected(
    kind: Kind, meaning: _Meaning, binding: Binding, formats: tuple[DateFormat, ...], words: Words | None
) -> str:
    match kind:
        case "partial_date" if binding.relative:
            span = "days" if binding.relative.unit == "d" else "weeks"
            first = {"0": "", "1": f", which is {span[:-1]} 1", "cdisc": ", which is day 1, without a day 0"}
            return f"a number of {span} from {binding.relative.anchor}{first[binding.relative.origin]}"
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
            if binding.codes is not None and words is not None:
                return f"one of {', '.join(relation.text for relation in words.relations)}"
            return f"a text that matches {binding.pattern}" if binding.pattern else "a text"
