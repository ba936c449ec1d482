"""From a mapping file to a compiled mapping; whatever is wrong fails here, with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allpool.mappings.dictionary import Dictionary, load_dictionary
from allpool.mappings.external import external_code
from allpool.mappings.fields import check_missing, check_pattern, compile_field
from allpool.mappings.functions import FUNCTIONS
from allpool.mappings.linkage import compile_linkage, with_tokens
from allpool.mappings.mapping_sheet import SourceSheet, read_mapping_sheet
from allpool.mappings.not_collected import compile_not_collected
from allpool.mappings.plan import ABSENT, CompiledMapping, FieldPlan, LandingPlan, RulePlan, SourcePlan
from allpool.mappings.positions import Document, Location, read_yaml
from allpool.mappings.read import FhirRead, Read, SqlRead
from allpool.mappings.records import RecordType, load_records
from allpool.mappings.schema import Binding, Computed, Condition, MappingFile, Record, Source, UnitColumn
from allpool.mappings.terminology import Terminology, load_terminology
from allpool.models.fhir_types import path_fault

LABORATORY = frozenset({"laboratory", "immune", "mrd", "specimen"})
"""Domains whose observations are of FHIR's category `laboratory`."""


@dataclass(frozen=True)
class Vocabulary:
    """What a mapping may speak of: elements, code tables and record types."""

    dictionary: Dictionary
    terminology: Terminology
    records: Mapping[str, RecordType]

    @property
    def hash(self) -> str:
        """Return a hash that changes when anything here does."""
        records = "".join(f"{name}{record!r}" for name, record in self.records.items())
        return sha256((self.dictionary.hash + self.terminology.hash + records).encode()).hexdigest()


def load_vocabulary() -> Vocabulary:
    """Load the vocabulary that ships with allpool."""
    dictionary = load_dictionary()
    return Vocabulary(dictionary, load_terminology(), load_records(dictionary))


def load_mapping(path: Path, vocabulary: Vocabulary | None = None) -> CompiledMapping:
    """Load and compile a mapping file.

    Raises `MappingError` with file and line for anything unknown, missing or contradictory in it.
    """
    words = vocabulary or load_vocabulary()
    document = read_yaml(path)
    content = document.parse(MappingFile)
    _check_timezones(document, content.timezone)
    sheet = read_mapping_sheet(document, content.codes)
    sources = tuple(
        _source(document, content, name, source, words, SourceSheet(sheet, name))
        for name, source in content.sources.items()
        if source.is_mapped
    )
    queries = "".join(plan.read.query or "" for plan in sources if isinstance(plan.read, SqlRead))
    coded = "".join(_from_file(rule.fields) for plan in sources for rule in plan.rules)
    digest = sha256(path.read_bytes() + f"{words.hash}{queries}{coded}".encode()).hexdigest()
    rules = [rule for plan in sources for rule in plan.rules]
    not_collected = compile_not_collected(
        document, content.not_collected, rules, words.dictionary, words.records
    )
    mapping = CompiledMapping(
        name=content.mapping,
        version=content.version,
        language=content.language,
        timezone=content.timezone,
        study=content.study,
        centre=content.centre,
        sources=sources,
        landings=tuple(_landings(document, content)),
        file=path.name,
        hash=digest,
        codes=content.codes,
        not_collected=not_collected,
    )
    sheet.check(mapping)
    return mapping


def _check_timezones(document: Document, given: str | Mapping[str, str]) -> None:
    zones = {None: given} if isinstance(given, str) else given
    for centre, zone in zones.items():
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            at: Location = ("timezone",) if centre is None else ("timezone", centre)
            document.fail(f"there is no time zone '{zone}' (IANA name)", at)


def _landings(document: Document, content: MappingFile) -> Iterator[LandingPlan]:
    for name, source in content.sources.items():
        if isinstance(source.read, FhirRead) and source.file is not None:
            if content.centre is not None and content.centre.column is not None:
                document.fail(
                    "FHIR files are of one centre, whose pseudonyms they get; write its name, or leave it to "
                    "the feed's configuration",
                    ("centre",),
                )
            yield LandingPlan(name, source.file, source.read, source.required, source.read.resource)


def _source(
    document: Document,
    content: MappingFile,
    name: str,
    source: Source,
    words: Vocabulary,
    sheet: SourceSheet,
) -> SourcePlan:
    at: Location = ("sources", name)
    assert source.patient is not None  # noqa: S101  # a source that is mapped has one
    check_pattern(document, source.patient.pattern, (*at, "patient", "pattern"))
    for index, join in enumerate(source.join):
        here = (*at, "join", index)
        if join.source not in content.sources or join.source == name:
            document.fail(f"there is no other source '{join.source}' to join", here)
    for column, computed in source.compute.items():
        _check_function(document, computed, (*at, "compute", column))
    check_missing(document, source.missing, (*at, "missing"), words.terminology)
    if "" in source.missing:
        document.fail("what an empty cell means is said at a field, not for all columns", (*at, "missing"))
    rules = tuple(
        rule
        for index, record in enumerate(with_tokens(document, source, at))
        for rule in _rules(document, content, name, record, words, sheet, (*at, "records", index))
    )
    plan = SourcePlan(
        name=name,
        file=source.file,
        read=_read_form(document, source.read, (*at, "read")),
        required=source.required,
        patient=source.patient,
        missing=source.missing,
        joins=source.join,
        computed={
            column: (computed.function, computed.of, computed.with_)
            for column, computed in source.compute.items()
        },
        rules=rules,
        ignore=source.ignore,
        lent=_lent(content, name),
        linkage=compile_linkage(
            document,
            source,
            words.records["patient"],
            words.dictionary,
            words.terminology,
            language=content.language,
            at=at,
        ),
    )
    used = {column for names in plan.named_columns() for column in names}
    for column in source.ignore:
        if column in used:
            document.fail(f"column '{column}' is both read and ignored", (*at, "ignore", column))
    if isinstance(source.read, FhirRead) and source.read.resource is not None:
        places = {column: _line_of(column, source, at) for column in used}
        _check_paths(document, source.read.resource, places)
    return plan


def _check_paths(document: Document, resource: str, columns: Mapping[str, Location]) -> None:
    """Fail where a column is no path of an element that R4's resource type has."""
    for column in sorted(columns):
        wrong = path_fault(resource, column) if column != "fullUrl" else None
        if wrong is not None:
            document.fail(f"there can be no column '{column}' in a {resource}: {wrong}", columns[column])


def _line_of(column: str, source: Source, at: Location) -> Location:
    """Return where a source first reads a column into a field; the source itself where that is elsewhere."""
    found = (
        (*at, "records", index, name)
        for index, record in enumerate(source.records)
        for name, binding in record.fields.items()
        if column in (binding.column or ())
    )
    return next(found, at)


def _read_form(document: Document, read: Read, at: Location) -> Read:
    """Return how a source is read, with the query that a file beside the mapping holds."""
    if not isinstance(read, SqlRead) or read.query_file is None:
        return read
    try:
        query = (document.path.parent / read.query_file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        document.fail(f"there is no UTF-8 file {read.query_file} beside the mapping", (*at, "query_file"))
    return read.model_copy(update={"query": query, "query_file": None})


def _lent(content: MappingFile, name: str) -> tuple[str, ...]:
    """Return the columns of a source that others join."""
    found = {
        column: None
        for source in content.sources.values()
        for join in source.join
        if join.source == name
        for column in join.columns
    }
    return tuple(found)


def _check_function(document: Document, computed: Computed, at: Location) -> None:
    function = FUNCTIONS.get(computed.function)
    if function is None:
        document.fail(
            f"there is no function '{computed.function}'; there are {', '.join(sorted(FUNCTIONS))}",
            (*at, "function"),
        )
    try:
        function.check(len(computed.of), computed.with_)
    except ValueError as wrong:
        document.fail(f"{computed.function} {wrong}", at)


def _rules(
    document: Document,
    content: MappingFile,
    source: str,
    record: Record,
    words: Vocabulary,
    sheet: SourceSheet,
    at: Location,
) -> list[RulePlan]:
    """Return the rules of one record: one, or one per text that it is repeated for."""
    if not record.repeat:
        return [_rule(document, content, source, record, words, sheet, at, "")]
    lengths = {len(texts) for texts in record.repeat.values()}
    if len(lengths) != 1:
        document.fail("all lists under `repeat` have the same length", (*at, "repeat"))
    return [
        _rule(
            document,
            content,
            source,
            _filled_in(record, {name: texts[turn] for name, texts in record.repeat.items()}),
            words,
            sheet,
            at,
            f"#{turn + 1}",
        )
        for turn in range(lengths.pop())
    ]


def _filled_in(record: Record, texts: Mapping[str, str]) -> Record:
    """Return `record` with `{name}` replaced in its own name, columns, conditions and constants."""

    def fill(text: str) -> str:
        for name, value in texts.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def conditions(given: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(
            condition.model_copy(
                update={
                    "column": tuple(map(fill, condition.column)) if condition.column else None,
                    "equals": fill(condition.equals) if condition.equals is not None else None,
                    "in_": tuple(map(fill, condition.in_)) if condition.in_ is not None else None,
                    "not_in": tuple(map(fill, condition.not_in)) if condition.not_in is not None else None,
                    "any": conditions(condition.any),
                }
            )
            for condition in given
        )

    def unit(given: str | UnitColumn | None) -> str | UnitColumn | None:
        if given is None or isinstance(given, str):
            return fill(given) if given is not None else None
        return given.model_copy(update={"column": tuple(map(fill, given.column))})

    def binding(given: Binding) -> Binding:
        return given.model_copy(
            update={
                "column": tuple(map(fill, given.column)) if given.column else None,
                "constant": fill(given.constant) if given.constant is not None else None,
                "unit": unit(given.unit),
                "when": conditions(given.when),
            }
        )

    return record.model_copy(
        update={
            "record": fill(record.record),
            "when": conditions(record.when),
            "key": tuple(map(fill, record.key)),
            "fields": {name: binding(item) for name, item in record.fields.items()},
        }
    )


def _rule(
    document: Document,
    content: MappingFile,
    source: str,
    record: Record,
    words: Vocabulary,
    sheet: SourceSheet,
    at: Location,
    turn: str,
) -> RulePlan:
    kind = words.records.get(record.record)
    if kind is None:
        document.fail(f"there is no record '{record.record}'; see docs/records.md", (*at, "record"))
    if not record.fields:
        document.fail(f"the record fills no field; it may fill {', '.join(kind.fields)}", at)
    for name in record.fields:
        if name not in kind.fields:
            document.fail(
                f"{record.record} has no field '{name}'; it has {', '.join(kind.fields)}", (*at, name)
            )
    for name, target in kind.fields.items():
        if target.required and name not in record.fields:
            document.fail(f"{record.record} needs the field '{name}'", at)
    line = document.line(at)
    said = sheet.of(record.record, line, list(record.fields))
    fields: list[FieldPlan] = [
        compile_field(
            document,
            (*at, name),
            name,
            binding,
            kind,
            words.dictionary,
            words.terminology,
            missing=content.sources[source].missing,
            language=content.language,
            sheet=said[name],
        )
        for name, binding in record.fields.items()
    ]
    numbers = {item.name for item in fields if item.kind == "quantity" and not item.binding.below}
    for item in fields:
        for limit in item.binding.below.values():
            if limit not in numbers and not re.fullmatch(r"\d+(\.\d+)?([eE][+-]?\d+)?", limit):
                document.fail(
                    f"'{limit}' is neither a number nor another quantity of this record",
                    (*at, item.name, "below"),
                )
    written = f"{record.model_dump_json(by_alias=True)}{_from_file(fields)}"
    text = f"{content.mapping}|{source}|{written}|{kind!r}{turn}"
    element = words.dictionary[kind.data_element] if kind.data_element else None
    category = "laboratory" if element and element.domain.casefold() in LABORATORY else None
    return RulePlan(
        id=sha256(text.encode()).hexdigest()[:16],
        source=source,
        record=record.record,
        table=kind.table,
        data_element=kind.data_element,
        external=external_code(words.dictionary, kind.data_element),
        category=category if kind.table == "observation" else None,
        singular=kind.singular,
        key=kind.key,
        fixed=kind.fixed,
        when=record.when,
        key_columns=record.key,
        fields=tuple(fields),
        line=line,
        takes_absence=any(target.column == ABSENT for target in kind.fields.values()),
    )


def _from_file(fields: Sequence[FieldPlan]) -> str:
    """Return what code files and the code sheet say of fields, as a text that changes when they do."""
    found = []
    for item in fields:
        own = item.binding.codes.relations if item.binding.codes is not None else ()
        said = item.words.relations[len(own) :] if item.words is not None else ()
        found += [repr((item.name, said))] if said else []
    return "".join(found)
