"""Nested JSON as one row: each leaf under its path, such as `code.coding[0].code`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

DEPTH: Final = 64
"""Levels of nesting that are followed; real documents have fewer than twenty."""

Labels = Callable[[str, Sequence[Any]], Sequence[str]]
"""Name of a list and its items -> what each item is called in a path."""


def by_place(_: str, items: Sequence[Any]) -> Sequence[str]:
    """Return the places of a list's items, from `[0]`."""
    return [f"[{place}]" for place in range(len(items))]


def flatten(value: Mapping[str, Any], *, labels: Labels = by_place) -> dict[str, str]:
    """Return the leaves of a parsed JSON object by path: keys after dots, items of lists by `labels`.

    The paths stand in the order of the text. Texts stay, `true` and `false` are written so; null, `{}` and
    `[]` say nothing and have no path. Numbers must come as the text that they were written in (`parser`).
    Raises ValueError with a sentence without values: two leaves on one path, or nested too deep.
    """
    return leaves("", value, labels=labels)


def leaves(path: str, value: Any, *, labels: Labels = by_place) -> dict[str, str]:
    """Return what `flatten` does, of any part of a document that stands at `path`."""
    found: dict[str, str] = {}
    _add(found, path, value, 0, labels)
    return found


def parser(decimal: str = ".", *, number: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """Return a JSON parser (RFC 8259) that keeps each number as the text that it was written in.

    Its decimal sign becomes `decimal`; or `number` is called with the text, which tells it from other texts.
    It raises ValueError for what is no JSON, for a name that stands twice in an object (which of the two is
    meant nobody knows), and RecursionError for endless nesting. Messages may quote the text.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(found)
        if len(named) != len(found):
            raise ValueError("a name stands twice")
        return named

    def constant(_: str) -> None:
        raise ValueError("NaN and Infinity are no JSON")

    written = number or (str if decimal == "." else lambda text: text.replace(".", decimal))
    return json.JSONDecoder(
        parse_float=written, parse_int=written, parse_constant=constant, object_pairs_hook=pairs
    ).decode


def _add(found: dict[str, str], path: str, value: Any, depth: int, labels: Labels) -> None:
    if isinstance(value, str):
        _leaf(found, path, value)
    elif value is True or value is False:
        _leaf(found, path, "true" if value else "false")
    elif value is None:
        return
    elif depth > DEPTH:
        raise ValueError(f"nested deeper than {DEPTH} levels")
    elif isinstance(value, (dict, Mapping)):
        for name, item in value.items():
            _add(found, f"{path}.{name}" if path else name, item, depth + 1, labels)
    elif isinstance(value, (list, Sequence)):
        name = path.rpartition(".")[2]
        for label, item in zip(labels(name, value), value, strict=True):
            _add(found, f"{path}{label}", item, depth + 1, labels)
    else:
        raise TypeError(f"a number must come as its text, not as {type(value).__name__}")


def _leaf(found: dict[str, str], path: str, text: str) -> None:
    if path in found:
        raise ValueError("two values stand under one path")
    found[path] = text
