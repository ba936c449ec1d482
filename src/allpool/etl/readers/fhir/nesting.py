"""What no schema is needed for to refuse a resource: depth, members twice, odd names, odd characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from allpool.etl.readers.fhir.parsing import Twice, canonical
from allpool.etl.readers.flatten import DEPTH

TWICE: Final = "no member twice in one object"
DEEPEST: Final = f"at most {DEPTH} levels of nesting"
NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Fault(NamedTuple):
    """Why a resource cannot be taken, and the path at which, where that tells more; no value."""

    rule: str
    expected: str
    path: str | None = None


def nesting_fault(value: Mapping[str, Any]) -> Fault | None:
    """Return what is wrong with how objects and lists are nested; what is far too deep is not followed."""
    level, layer = 0, list[Any]([value])
    while layer:
        level += 1
        if level > DEPTH:
            return Fault("too_deep", DEEPEST)
        for item in layer:
            if isinstance(item, Twice):
                return Fault("not_json", TWICE, _place_of_twice(value))
            if isinstance(item, dict) and not all(map(_is_name, item)):
                return Fault("not_fhir", "members called as FHIR calls elements")
        layer = [part for item in layer for part in _parts(item)]
    return None


def character_fault(resource: Mapping[str, Any]) -> Fault | None:
    """Return what is wrong with the characters of a resource in whose text some are escaped."""
    try:
        text = canonical(resource)
    except TypeError:
        return Fault("encoding", "whole characters; half a surrogate pair is none")
    if NUL.search(text):
        return Fault("control_character", "texts without the character U+0000, which no database takes")
    return None


def _parts(item: Any) -> Iterator[Any]:
    values = item.values() if isinstance(item, dict) else item
    return (part for part in values if isinstance(part, (dict, list)))


def _place_of_twice(value: Mapping[str, Any]) -> str | None:
    """Return the path of the nearest object in which a member stands twice; None at the root."""
    layer: list[tuple[str, Any]] = [("", value)]
    while layer:
        found = next((path for path, item in layer if isinstance(item, Twice)), None)
        if found is not None:
            return found or None
        layer = [part for path, item in layer for part in _placed(path, item)]
    return None


def _placed(path: str, item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, dict):
        for name, part in item.items():
            if isinstance(part, (dict, list)):
                yield (f"{path}.{name}" if path else name), part
    else:
        for place, part in enumerate(item):
            if isinstance(part, (dict, list)):
                yield f"{path}[{place}]", part


@lru_cache(maxsize=10_000)
def _is_name(name: str) -> bool:
    """Return whether an element, of any version of FHIR, could be called so."""
    return re.fullmatch("_?[A-Za-z][A-Za-z0-9_]{0,63}", name) is not None
