"""Nested JSON as one row: each leaf under its path, such as `code.coding[0].code`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

DEPTH: Final = 64
"""Levels of nesting that are followed; real documents have fewer than twenty."""


def flatten(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the leaves of a parsed JSON object by path: keys after dots, places in lists from `[0]`.

    The paths stand in the order of the text. Texts stay, `true` and `false` are written so; null, `{}` and
    `[]` say nothing and have no path. Numbers must come as the text that they were written in (`parser`).
    Raises ValueError with a sentence without values: two leaves on one path, or nested too deep.
    """
    found: dict[str, str] = {}
    _add(found, "", value, 0)
    return found


def parser() -> Callable[[str], Any]:
    """Return a JSON parser (RFC 8259) that keeps each number as the text that it was written in.

    It raises ValueError for what is no JSON, for a name that stands twice in an object (which of the two is
    meant nobody knows), and RecursionError for endless nesting. Messages may quote the text.
    """
    import json

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(found)
        if len(named) != len(found):
            raise ValueError("a name stands twice")
        return named

    def constant(_: str) -> None:
        raise ValueError("NaN and Infinity are no JSON")

    return json.JSONDecoder(
        parse_float=str, parse_int=str, parse_constant=constant, object_pairs_hook=pairs
    ).decode


def _add(found: dict[str, str], path: str, value: Any, depth: int) -> None:
    if isinstance(value, str):
        _leaf(found, path, value)
    elif value is True or value is False:
        _leaf(found, path, "true" if value else "false")
    elif value is None:
        return
    elif depth > DEPTH:
        raise ValueError(f"nested deeper than {DEPTH} levels")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _add(found, f"{path}.{name}" if path else name, item, depth + 1)
    elif isinstance(value, Sequence):
        for place, item in enumerate(value):
            _add(found, f"{path}[{place}]", item, depth + 1)
    else:
        raise TypeError(f"a number must come as its text, not as {type(value).__name__}")


def _leaf(found: dict[str, str], path: str, text: str) -> None:
    if path in found:
        raise ValueError("two values stand under one path")
    found[path] = text
