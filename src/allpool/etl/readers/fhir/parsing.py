"""FHIR's JSON: digits kept as written, items of lists called by what they carry, one canonical text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from allpool.etl.readers.flatten import leaves
from allpool.models.fhir_types import KEYS

Resource = Mapping[str, Any]


class Number(str):
    """A JSON number with the digits that it was written in: 1.10 is not 1.1 (FHIR R4, decimal)."""

    __slots__ = ()


class Twice(dict[str, Any]):
    """An object in which a name stands twice: which of the two is meant nobody knows."""


def parse(text: str) -> Any:
    """Return the JSON value of a text, with `Number`s, and `Twice` where a name stands twice.

    Raises ValueError for what is no JSON (RFC 8259), and RecursionError for endless nesting.
    """
    return _DECODER.decode(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Twice(found)


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


_DECODER: Final = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_no_constant, object_pairs_hook=_object
)


def canonical(value: Any) -> str:
    """Return the JSON text of a parsed value: members in the order of their names, no blanks, same digits.

    Raises TypeError where a text holds half a surrogate pair, which no UTF-8 can write.
    """
    return orjson.dumps(value, default=_digits, option=WRITING).decode()


WRITING: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


def _digits(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def cells(path: str, value: Any) -> dict[str, str]:
    """Return the leaves of a resource, or of the part of one that stands at `path`, by column name."""
    return leaves(path, value, labels=labels)


def leaf_count(value: Any) -> int:
    """Return how many leaves `cells` would find."""
    if isinstance(value, dict):
        return sum(map(leaf_count, value.values()))
    if isinstance(value, list):
        return sum(map(leaf_count, value))
    return int(value is not None)


def labels(name: str, items: Sequence[Any]) -> Sequence[str]:
    """Return what each item of the list `name` is called in a column name.

    Items that carry what tells them apart (`KEYS`) are called by it: `[url=...]`, `[system=...]`,
    `[code=system|code]`; where a second one carries the same, it is `[system=...][1]`. All others by place.
    """
    key = KEYS.get(name)
    if key is None:
        return [f"[{place}]" for place in range(len(items))]
    found: list[str] = []
    times: dict[str, int] = {}
    for place, item in enumerate(items):
        said = _said(key, item)
        if said is None:
            found.append(f"[{place}]")
            continue
        turn = times.get(said, 0)
        times[said] = turn + 1
        found.append(f"[{key}={said}]" if turn == 0 else f"[{key}={said}][{turn}]")
    return found


def _said(key: str, item: Any) -> str | None:
    """Return what an item carries under `key`, None where that is no text."""
    if not isinstance(item, Mapping):
        return None
    value = item.get(key)
    if key != "code":
        return value if isinstance(value, str) and value and "]" not in value else None
    codings = value.get("coding") if isinstance(value, Mapping) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    if not isinstance(first, Mapping):
        return None
    system, code = first.get("system", ""), first.get("code")
    if not isinstance(system, str) or not isinstance(code, str) or "]" in system + code:
        return None
    return f"{system}|{code}"
