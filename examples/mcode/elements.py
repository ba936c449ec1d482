"""A resource as the elements that it says: path and value, without ids, without order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

Leaf = tuple[str, str]

UNSAID: Final = frozenset({"resourceType", "id"})


def elements(resource: Mapping[str, Any]) -> Counter[Leaf]:
    """Return path -> value of every element of `resource`, as often as it stands there.

    A repetition is told by what it carries and not by its place: an extension by the last part of its URL,
    a coding or identifier by that of its system. A reference is the type that it leads to.
    """
    kind = str(resource["resourceType"])
    return Counter(
        found
        for name, value in resource.items()
        if name not in UNSAID
        for found in _of(f"{kind}.{name}", value)
    )


def _of(path: str, value: Any) -> Iterator[Leaf]:
    if isinstance(value, list):
        for item in value:
            yield from _of(f"{path}{_mark(item)}", item)
    elif isinstance(value, Mapping):
        if isinstance(value.get("reference"), str):
            yield path, _target(value)
            return
        for name, inner in value.items():
            if not (name == "url" and "(" in path.rpartition(".")[2]):
                yield from _of(f"{path}.{name}", inner)
    elif isinstance(value, bool):
        yield path, str(value).lower()
    else:
        yield path, str(value)


def _mark(item: Any) -> str:
    """Return what tells this repetition from the others, in brackets."""
    if not isinstance(item, Mapping):
        return ""
    text = item.get("url") or item.get("system")
    return f"({str(text).rstrip('/').rpartition('/')[2]})" if text else ""


def _target(reference: Mapping[str, Any]) -> str:
    """Return the type that a reference leads to: its own word, else that before the id."""
    before, slash, _ = str(reference["reference"]).rpartition("/")
    return str(reference.get("type") or (before if slash else "a resource"))
