"""JSON with gaps: the constant text of a resource, cut where the values of a row go.

Rows of a table that fill the same columns have the same JSON but for their values. The text between the
values is built once for each such pattern, from the element paths, and then only joined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from orjson import dumps

from allpool.etl.fhir.leaves import Leaf, Row
from allpool.models.paths import Step, steps

_GAP: Final = re.compile(rb'"%%(\d+)%%"')


class Repeats(dict[object, Any]):
    """Repetitions of one member: by index, or by URL for extensions; holes close up in the end."""


class Skeleton:
    """A resource, or a part of one, being put together from paths."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.leaves: list[Leaf | int] = []
        self.parts: list[str] = []

    def constant(self, path: str | Sequence[Step], value: object) -> None:
        """Write `value` at `path`."""
        trail = steps(path) if isinstance(path, str) else path
        self._object(trail[:-1])[trail[-1].name] = value

    def leaf(self, path: str | Sequence[Step], leaf: Leaf | int) -> None:
        """Leave a gap at `path` for what `leaf` writes, or for the column at that position as it is."""
        self.constant(path, f"%%{len(self.leaves)}%%")
        self.leaves.append(leaf)

    def children(self, path: str, table: str) -> None:
        """Leave a gap in the list at `path` for the parts kept in `table`."""
        *before, last = steps(path)
        repeats = self._object(before).setdefault(last.name, Repeats())
        repeats["children", table] = f"%%{PART_GAPS + len(self.parts)}%%"
        self.parts.append(table)

    def _object(self, trail: Sequence[Step]) -> dict[str, Any]:
        here = self.root
        for step in trail:
            if step.url is not None:
                here = here.setdefault(step.name, Repeats()).setdefault(step.url, {"url": step.url})
            elif step.index is not None:
                here = here.setdefault(step.name, Repeats()).setdefault(step.index, {})
            else:
                here = here.setdefault(step.name, {})
        return here

    def template(self) -> Template:
        """Return the template; nothing may be added after."""
        return Template(dumps(_closed(self.root)), self.leaves, self.parts)


PART_GAPS: Final = 100_000
"""Gaps from this number on are filled with the parts of a resource."""


def _closed(node: Any) -> Any:
    """Return the JSON of a skeleton: repetitions in order of index, without holes."""
    if isinstance(node, Repeats):
        indexed = sorted(key for key in node if isinstance(key, int))
        others = [key for key in node if not isinstance(key, int)]
        return [_closed(node[key]) for key in (*indexed, *others)]
    if isinstance(node, dict):
        return {name: _closed(value) for name, value in node.items()}
    return node


class Template:
    """The chunks of constant text, with what goes between them."""

    def __init__(self, text: bytes, leaves: Sequence[Leaf | int], parts: Sequence[str]) -> None:
        chunks = _GAP.split(text)
        self._chunks: list[bytes] = chunks
        self._plain: list[tuple[int, int]] = []
        self._leaves: list[tuple[int, Leaf]] = []
        self._parts: list[tuple[int, str]] = []
        for place in range(1, len(chunks), 2):
            gap = int(chunks[place])
            if gap >= PART_GAPS:
                self._parts.append((place, parts[gap - PART_GAPS]))
            elif isinstance(leaf := leaves[gap], int):
                self._plain.append((place, leaf))
            else:
                self._leaves.append((place, leaf))

    def render(self, row: Row, parts: dict[str, bytes] | None = None) -> bytes:
        """Return the JSON of `row`; `parts` are the parts' own JSON, joined by commas, by table."""
        chunks = self._chunks.copy()
        for place, index in self._plain:
            chunks[place] = dumps(row[index])
        for place, leaf in self._leaves:
            chunks[place] = leaf(row)
        if parts:
            for place, table in self._parts:
                chunks[place] = parts[table]
        return b"".join(chunks)
