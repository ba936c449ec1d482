"""Cells of JSON and ODM files, counted by Python's json and ElementTree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

DEEPEST = 64
LONGEST_LINE = 2**20


class StrangeError(ValueError):
    """What is no JSON object with members that each stand once, and texts that are texts."""


def json_line_cells(content: bytes) -> int | None:
    """Return paths times objects, and one for each line that is none; None where paths have no name."""
    text = _text(content)
    if text is None or "\0" in text:
        return None
    columns: set[str] = set()
    good = bad = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line.strip(" \t\n\r\x0b\x0c"):
            continue
        try:
            columns.update(_members(line))
            good += 1
        except (ValueError, RecursionError):
            bad += 1
    return columns and None if any(_is_odd(name) for name in columns) else len(columns) * good + bad


def _members(line: str) -> list[str]:
    if len(line.encode()) > LONGEST_LINE:
        raise StrangeError
    found = json.loads(line, object_pairs_hook=_once, parse_constant=_refused, parse_int=str, parse_float=str)
    if not isinstance(found, dict):
        raise StrangeError
    leaves = list(_leaves("", found, 0))
    names = [path for path, _ in leaves]
    if len(set(names)) < len(names) or "\0" in "".join(part for leaf in leaves for part in leaf):
        raise StrangeError
    "".join(part for leaf in leaves for part in leaf).encode()  # half of a surrogate pair is no text
    return names


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise StrangeError
    return dict(pairs)


def _refused(_: str) -> None:
    raise StrangeError


def _leaves(path: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if not isinstance(value, (dict, list)):
        yield path, str(value)
        return
    if depth > DEEPEST:
        raise StrangeError
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        if isinstance(value, list):
            yield from _leaves(f"{path}[{name}]", part, depth + 1)
        else:
            yield from _leaves(f"{path}.{name}" if path else name, part, depth + 1)


def _is_odd(name: str) -> bool:
    """Return whether a name is blank, which a reader may leave out or call by its place."""
    return not name.strip()


def json_record_cells(content: bytes) -> int | None:
    """Return members times objects of a flat array of records; None where it is none."""
    text = _text(content)
    try:
        records = json.loads(text or "", object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    values = [value for record in records for value in record.values()]
    names = {name for record in records for name in record}
    if not all(isinstance(value, str) for value in values) or any(map(_is_odd, names)):
        return None
    return len(names) * len(records)


def fhir_leaves(content: bytes) -> int | None:
    """Return how many values stand in a FHIR file, one document or one to a line."""
    text = _text(content)
    if text is None:
        return None
    try:
        try:
            documents = [json.loads(text, object_pairs_hook=_once, parse_constant=_refused)]
        except json.JSONDecodeError:
            lines = [line for line in text.split("\n") if line.strip()]
            documents = [json.loads(line, object_pairs_hook=_once, parse_constant=_refused) for line in lines]
        return sum(1 for document in documents for _ in _leaves("", document, 0))
    except (ValueError, RecursionError):
        return None


def odm_cells(content: bytes, form: str) -> int | None:
    """Return columns times filled-in forms of an ODM file; None where ElementTree cannot parse it."""
    try:
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except (
        ElementTree.ParseError,
        DefusedXmlException,
        ValueError,
        LookupError,
        RecursionError,
        MemoryError,
    ):
        return None
    for element in root.iter():  # whatever namespace: ODM has one for each of its versions
        element.tag = str(element.tag).rpartition("}")[2]
    groups = {
        group.get("OID"): [item.get("ItemOID") for item in group.iter("ItemRef")]
        for group in root.iter("ItemGroupDef")
    }
    columns: set[str | None] = set()
    for defined in root.iter("FormDef"):
        if defined.get("OID") == form:
            for reference in defined.iter("ItemGroupRef"):
                columns.update(groups.get(reference.get("ItemGroupOID"), []))
    rows = 0
    for subject in root.iter("SubjectData"):
        for filled in subject.iter("FormData"):
            if filled.get("FormOID") == form:
                rows += 1
                columns.update({"SubjectKey", "FormRepeatKey"})
                columns.update(
                    item.get("ItemOID") for item in filled.iter() if item.tag.startswith("ItemData")
                )
        if any(True for _ in subject.iter("StudyEventData")):
            columns.update({"StudyEventOID", "StudyEventRepeatKey"})
    return None if any(not (name or "").strip() for name in columns) else len(columns) * rows


def _text(content: bytes) -> str | None:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        return None
