"""The resources of a FHIR R4 file, one by one: a resource, the entries of a Bundle, or lines of NDJSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

from allpool.errors import SourceError
from allpool.etl.readers.fhir_json import Number, Twice, canonical, parse
from allpool.etl.readers.fhir_structure import Fault, WrongVersionError, structure_faults, unknown_type
from allpool.etl.readers.flatten import DEPTH
from allpool.mappings.read import FhirRead

BOM: Final = b"\xef\xbb\xbf"
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")

DOCUMENT_BYTES: Final = 96 * 2**20
"""Of a file that is one JSON document, which is parsed as a whole; NDJSON has no such limit."""
LINE_BYTES: Final = 16 * 2**20
"""Of one line of NDJSON."""


class Entry(NamedTuple):
    """A resource that can be taken, but for the elements in `faults`."""

    row: int
    """Line of NDJSON, number of the Bundle's entry, 1 for a resource alone; 0 for the Bundle itself."""
    type: str
    resource: Mapping[str, Any]
    faults: list[Fault]
    full_url: str | None = None
    """The entry's fullUrl: what others call a resource that has no id yet."""
    entries: int | None = None
    """Of a Bundle whose entries follow: how many; its own `entry` is then without their resources."""


class Refusal(NamedTuple):
    """A line or entry that cannot be taken, and why; no value."""

    row: int
    type: str | None
    rule: str
    expected: str


Found = Entry | Refusal


def fhir_entries(content: Iterable[bytes], read: FhirRead, *, lines: bool) -> Iterator[Found]:
    """Yield what stands in a file, in its order; of a Bundle first the Bundle itself, as row 0.

    `lines` says that the file is called NDJSON; a file that is not may be so all the same.
    Refused with its own reason is what is no JSON or UTF-8, has a member twice, nests too deep, is of no type
    of R4, or is of another version. Raises SourceError where that is true of the file as a whole:
    `encoding`, `not_json`, `not_fhir`, `document_too_large`, `empty_file`.
    """
    pieces = iter(content)
    first = next(pieces, b"")
    if first.startswith(UTF_16):
        raise SourceError(NOT_UTF_8, rule="encoding")
    pieces = chain([first.removeprefix(BOM)], pieces)
    if lines:
        yield from _of_lines(_lines(pieces), read)
        return
    document = b"".join(_bounded(pieces))
    if not document.strip():
        raise SourceError("the file is empty; expected FHIR resources as JSON", rule="empty_file")
    if _is_ndjson(document):
        yield from _of_lines(iter(document.split(b"\n")), read)
        return
    found = _parsed(document)
    if isinstance(found, tuple):
        rule, expected = found
        raise SourceError(f"expected {expected}", rule=rule)
    if not isinstance(found.get("resourceType"), str):
        raise SourceError(f"expected {NOT_FHIR}", rule="not_fhir")
    yield from _of_document(found, read, escapes=b"\\u" in document)


NOT_UTF_8: Final = "the file is not UTF-8, in which FHIR's JSON is written; export it so"
NOT_FHIR: Final = "a FHIR resource: a JSON object whose resourceType says what it is"


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > DOCUMENT_BYTES:
            raise SourceError(
                f"the document has more than {DOCUMENT_BYTES:,} bytes; export it as NDJSON, or in parts",
                rule="document_too_large",
            )
        yield piece


def _is_ndjson(document: bytes) -> bool:
    """Return whether several lines each begin an object, the first of which is whole."""
    first, _, rest = document.lstrip().partition(b"\n")
    return rest.lstrip()[:1] == b"{" and isinstance(_parsed(first), dict)


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines; of one that is too long no more than tells so."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        rest = rest[: LINE_BYTES + 1]
    yield rest


def _of_lines(lines: Iterator[bytes], read: FhirRead) -> Iterator[Found]:
    empty = True
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        empty = False
        if len(line) > LINE_BYTES:
            yield Refusal(row, None, "line_too_long", f"a resource of at most {LINE_BYTES:,} bytes")
            continue
        found = _parsed(line)
        if isinstance(found, tuple):
            yield Refusal(row, None, *found)
        else:
            yield _examined(found, row, read, escapes=b"\\u" in line)
    if empty:
        raise SourceError("the file is empty; expected a FHIR resource on each line", rule="empty_file")


def _of_document(found: Mapping[str, Any], read: FhirRead, *, escapes: bool) -> Iterator[Found]:
    entries = found.get("entry")
    if found["resourceType"] != "Bundle" or not isinstance(entries, list):
        yield _examined(found, 1, read, escapes=escapes)
        return
    if isinstance(found, Twice):
        yield Refusal(1, "Bundle", "not_json", "no member twice in one object")
        return
    bare = {**found, "entry": [_without_resource(entry) for entry in entries]}
    bundle = _examined(bare, 0, read, escapes=escapes)
    yield bundle._replace(entries=len(entries)) if isinstance(bundle, Entry) else bundle
    for row, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or isinstance(entry, Twice) or "resource" not in entry:
            continue
        url = entry.get("fullUrl")
        resource = entry["resource"]
        if isinstance(resource, dict):
            full_url = url if isinstance(url, str) else None
            yield _examined(resource, row, read, escapes=escapes, full_url=full_url)
        else:
            yield Refusal(row, None, "not_fhir", NOT_FHIR)


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or isinstance(entry, Twice):
        return entry
    return {name: value for name, value in entry.items() if name != "resource"}


def _parsed(text: bytes) -> dict[str, Any] | tuple[str, str]:
    """Return the JSON object in `text`, or the rule that it breaks and what was expected."""
    try:
        found = parse(text.decode("utf-8"))
    except UnicodeDecodeError:
        return "encoding", "UTF-8, in which FHIR's JSON is written"
    except RecursionError:
        return "too_deep", DEEPEST
    except ValueError:
        return "not_json", "a JSON object"
    return found if isinstance(found, dict) else ("not_json", "a JSON object")


DEEPEST: Final = f"at most {DEPTH} levels of nesting"


def _examined(
    resource: Mapping[str, Any], row: int, read: FhirRead, *, escapes: bool, full_url: str | None = None
) -> Found:
    """Return the resource with what is wrong in its structure, or why it cannot be taken."""
    type_name = resource.get("resourceType")
    if not isinstance(type_name, str) or isinstance(type_name, Number):
        return Refusal(row, None, "not_fhir", NOT_FHIR)
    unknown = unknown_type(type_name)
    if unknown is not None:
        return Refusal(row, None, "fhir_version" if "(4.0.1);" in unknown else "unknown_resource", unknown)
    refused = _nesting(resource) or (_characters(resource) if escapes else None)
    if refused is not None:
        return Refusal(row, type_name, *refused)
    try:
        faults = structure_faults(resource)
    except WrongVersionError as wrong:
        return Refusal(row, type_name, "fhir_version", str(wrong))
    if read.check == "structure" and row > 0:
        broken = _model_fault(type_name, resource)
        if broken is not None:
            return Refusal(row, type_name, "fhir_structure", broken)
    return Entry(row, type_name, resource, faults, full_url)


def _characters(resource: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with the characters of a text in which some are escaped."""
    try:
        text = canonical(resource)
    except TypeError:
        return "encoding", "whole characters; half a surrogate pair is none"
    if "\\u0000" in text:
        return "control_character", "texts without the character U+0000, which no database takes"
    return None


def _nesting(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with how objects and lists are nested; what is far too deep is not followed."""
    level, layer = 0, [value]
    while layer:
        level += 1
        if level > DEPTH:
            return "too_deep", DEEPEST
        inner: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                if isinstance(item, Twice):
                    return "not_json", "no member twice in one object"
                if not all(map(_is_name, item)):
                    return "not_fhir", "members called as FHIR calls elements"
                inner += [part for part in item.values() if isinstance(part, (dict, list))]
            else:
                inner += [part for part in item if isinstance(part, (dict, list))]
        layer = inner
    return None


@lru_cache(maxsize=10_000)
def _is_name(name: str) -> bool:
    """Return whether an element, of any version of FHIR, could be called so."""
    return re.fullmatch("_?[A-Za-z][A-Za-z0-9_]{0,63}", name) is not None


def _model_fault(type_name: str, resource: Mapping[str, Any]) -> str | None:
    """Return where fhir.resources' R4B class refuses a resource, and by which rule; None where it takes it."""
    import orjson
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        get_fhir_model_class(type_name).model_validate(orjson.loads(canonical(resource)))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or type_name
        return f"a {type_name} as R4 defines it; {place} breaks the rule {first['type']}"
    except ValueError:
        return f"a {type_name} as R4 defines it"
    return None
