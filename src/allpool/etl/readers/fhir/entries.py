"""The resources of a FHIR R4 file, one by one: a resource, the entries of a Bundle, or lines of NDJSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from allpool.errors import Place, SourceError
from allpool.etl.readers.fhir.nesting import DEEPEST, TWICE, character_fault, nesting_fault
from allpool.etl.readers.fhir.parsing import Number, Twice, canonical, parse
from allpool.etl.readers.fhir.structure import Fault, WrongVersionError, structure_faults, unknown_type
from allpool.mappings.read import FhirRead

LINES: Final = (".ndjson", ".jsonl")
"""What files of JSON lines are called."""

BOM: Final = b"\xef\xbb\xbf"
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
# gzip: RFC 1952, 2.3.1; .ZIP File Format Specification 4.3.7; zstd: RFC 8878, 3.1.1; bzip2, xz: magic(5)
PACKED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")

DOCUMENT_BYTES: Final = 96 * 2**20
"""Of a file that is one JSON document, which is parsed as a whole; NDJSON has no such limit."""
LINE_BYTES: Final = 16 * 2**20
"""Of one line of NDJSON."""
FAULTS: Final = 1_000
"""Elements of one resource that may be wrong one by one; with more it is none of R4's."""


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
    path: str | None = None
    """Of the element at which it fails, where that is one."""


Found = Entry | Refusal


def fhir_entries(content: Iterable[bytes], read: FhirRead, *, lines: bool) -> Iterator[Found]:
    """Yield what stands in a file, in its order; of a Bundle first the Bundle itself, as row 0.

    `lines` says that the file is called NDJSON; a file that is not may be so all the same.
    Refused with its own reason is what is no JSON or UTF-8, has a member twice, nests too deep, is of no type
    of R4, or is of another version. Raises SourceError where that is true of the file as a whole:
    `encoding`, `compressed_file`, `not_json`, `too_deep`, `not_fhir`, `document_too_large`, `empty_file`.
    """
    pieces = iter(content)
    first = next(pieces, b"")
    if first.startswith(UTF_16):
        raise SourceError(NOT_UTF_8, rule="encoding")
    if first.startswith(PACKED):
        raise SourceError("the file is compressed; deliver it unpacked", rule="compressed_file")
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
    if isinstance(found, Broken):
        place = Place(row=found.line) if found.line else None
        raise SourceError(f"expected {found.expected}", rule=found.rule, place=place)
    if not isinstance(found.get("resourceType"), str) or isinstance(found["resourceType"], Number):
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
        if isinstance(found, Broken):
            yield Refusal(row, None, found.rule, found.expected)
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
        yield Refusal(1, "Bundle", "not_json", TWICE)
        return
    bare = {**found, "entry": [_without_resource(entry) for entry in entries]}
    bundle = _examined(bare, 0, read, escapes=escapes)
    if isinstance(bundle, Entry):
        hollow = {f"entry[{place}]" for place, entry in enumerate(entries) if _says_only_resource(entry)}
        faults = [fault for fault in bundle.faults if fault.path not in hollow]
        bundle = bundle._replace(entries=len(entries), faults=faults)
    yield bundle
    for row, entry in enumerate(entries, start=1):
        if isinstance(entry, Twice):
            yield Refusal(row, None, "not_json", TWICE)
            continue
        if not isinstance(entry, dict) or "resource" not in entry:
            continue
        url = entry.get("fullUrl")
        resource = entry["resource"]
        if isinstance(resource, dict):
            full_url = url if isinstance(url, str) else None
            yield _examined(resource, row, read, escapes=escapes, full_url=full_url)
        else:
            yield Refusal(row, None, "not_fhir", NOT_FHIR)


def _says_only_resource(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.keys() == {"resource"}


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or isinstance(entry, Twice):
        return entry
    return {name: value for name, value in entry.items() if name != "resource"}


class Broken(NamedTuple):
    """Why a text is no JSON object; `line` from 1, within the text."""

    rule: str
    expected: str
    line: int | None = None


def _parsed(text: bytes) -> dict[str, Any] | Broken:
    """Return the JSON object in `text`, or what is wrong with it."""
    try:
        found = parse(text.decode("utf-8"))
    except UnicodeDecodeError as wrong:
        line = text.count(b"\n", 0, wrong.start) + 1
        return Broken("encoding", "UTF-8, in which FHIR's JSON is written", line)
    except RecursionError:
        return Broken("too_deep", DEEPEST)
    except json.JSONDecodeError as wrong:
        if not wrong.doc[wrong.pos :].strip():
            return Broken("not_json", "a whole JSON object; this one breaks off", wrong.lineno)
        return Broken("not_json", f"a JSON object; it is none from character {wrong.colno} on", wrong.lineno)
    except ValueError:
        return Broken("not_json", "a JSON object; NaN and Infinity are no JSON")
    return found if isinstance(found, dict) else Broken("not_json", "a JSON object")


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
    refused = nesting_fault(resource) or (character_fault(resource) if escapes else None)
    if refused is not None:
        return Refusal(row, type_name, *refused)
    try:
        faults = structure_faults(resource)
    except WrongVersionError as wrong:
        return Refusal(row, type_name, "fhir_version", str(wrong))
    if len(faults) > FAULTS:
        expected = f"a {type_name} as R4 defines it; more than {FAULTS:,} of its elements are not"
        return Refusal(row, type_name, "fhir_structure", expected)
    if read.check == "structure" and row > 0:
        broken = _model_fault(type_name, resource)
        if broken is not None:
            return Refusal(row, type_name, "fhir_structure", broken)
    return Entry(row, type_name, resource, faults, full_url)


def _model_fault(type_name: str, resource: Mapping[str, Any]) -> str | None:
    """Return where fhir.resources' R4B class refuses a resource, and by which rule; None if it does not."""
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
