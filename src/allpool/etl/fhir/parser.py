"""FHIR R4 JSON to rows, by the same element paths that the serializer writes.

A list does not say which of its places were empty when it was written, so a repetition is found again by
what it carries: one whose constants are there (a fixed system) by these, an extension by its URL; and the one
place without a fixed system takes the first repetition that no other claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final

from sqlalchemy import Integer

from allpool.errors import Place, SourceError
from allpool.etl.fhir.dates import PRECISION
from allpool.etl.fhir.serializer import LINEAGE, to_resource
from allpool.models import Child, Resource, child_classes, resource_classes, systems
from allpool.models.element import Element
from allpool.models.paths import PARENT, Step, steps
from allpool.models.staging import table_of

Json = Mapping[str, Any]
Found = dict[str, Any]
Reader = Callable[[Any, Found], None]
"""Reads the JSON value at the end of a path into the columns of a row."""

PRECISIONS: Final = {4: ("year", "-01-01"), 7: ("month", "-01"), 10: ("day", "")}
"""Length of a FHIR date -> its precision, and what makes it the first day that it can mean."""


@dataclass(frozen=True)
class Parsed:
    """The rows that a resource is made of: its own, and those of its parts by table."""

    table: str
    row: Found
    parts: Mapping[str, Sequence[Found]]


def parse(resource: Json) -> Parsed:
    """Return the rows of a FHIR resource, without their content hash.

    SourceError where the resource is of no type that has a table, or a value is of another type than its
    element. What has no column is not read: `unread` names it.
    """
    parser = _parsers().get(str(resource.get("resourceType")))
    if parser is None:
        raise _wrong("resourceType", f"one of {', '.join(sorted(_parsers()))}")
    return parser.parse(resource)


def unread(resource: Json) -> tuple[str, ...]:
    """Return the paths of what `resource` says and the tables cannot hold; empty for what allpool wrote."""
    parsed = parse(resource)
    again = to_resource(parsed.table, parsed.row, parsed.parts)
    return tuple(_missing(resource, again, ""))


@dataclass
class _Node:
    """What is read of one JSON object: columns, objects within, and lists with their slots."""

    readers: dict[str, list[Reader]] = field(default_factory=dict)
    objects: dict[str, _Node] = field(default_factory=dict)
    lists: dict[str, dict[int | str, _Node]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    """Members that must have this value for the repetition to be this one."""

    def at(self, trail: Sequence[Step]) -> _Node:
        """Return the node at `trail` beneath this one, made where it is missing."""
        node = self
        for step in trail:
            key = step.url if step.url is not None else step.index
            if key is None:
                node = node.objects.setdefault(step.name, _Node())
            else:
                node = node.lists.setdefault(step.name, {}).setdefault(key, _Node())
        return node

    def read(self, value: Json, row: Found, place: str) -> None:
        """Read `value` into `row`."""
        for name, readers in self.readers.items():
            if name in value:
                for reader in readers:
                    try:
                        reader(value[name], row)
                    except (ValueError, TypeError, AttributeError, KeyError):
                        raise _wrong(f"{place}.{name}", "a value of the element's FHIR type") from None
        for name, node in self.objects.items():
            if name in value:
                node.read(_object(value[name], f"{place}.{name}"), row, f"{place}.{name}")
        for name, slots in self.lists.items():
            if name in value:
                for key, item in _assigned(slots, value[name], f"{place}.{name}"):
                    slots[key].read(item, row, f"{place}.{name}[{key}]")

    def matches(self, item: Json) -> bool:
        """Tell whether the constants of this repetition are those of `item`."""
        return all(item.get(name) == value for name, value in self.constants.items())


class _Parser:
    """Reads the resources, or the parts, of one table."""

    def __init__(self, cls: type[Resource | Child]) -> None:
        self._cls = cls
        table = table_of(cls)
        self._columns = [column.name for column in table.columns if column.name != "content_hash"]
        self._root = _Node()
        self._parent: str | None = None
        for name in self._columns:
            column = table.c[name]
            found: Element = column.info["fhir"]
            if found.path == PARENT:
                self._parent = name
            elif found.part == "value":
                self._add(found, _value_reader(name, found, number=isinstance(column.type, Integer)))
            elif found.part == "date":
                self._add_date(found, name.removesuffix("_date"))
        self._children = [
            (steps(child.parent_path)[-1], _Parser(child)) for child in child_classes() if child.parent is cls
        ]

    def parse(self, resource: Json) -> Parsed:
        """Return the rows of `resource`."""
        row = self._read(resource, self._cls.__tablename__)
        parts = {
            child._cls.__tablename__: child._parts(resource.get(step.name, ()), step, row)
            for step, child in self._children
        }
        return Parsed(self._cls.__tablename__, row, {name: rows for name, rows in parts.items() if rows})

    def _parts(self, value: Any, step: Step, parent: Found) -> list[Found]:
        """Return the rows of the parts in a list; a part without lineage has its resource's."""
        rows = []
        for item in _items(value, step.name):
            if step.url is not None and item.get("url") != step.url:
                continue
            row = self._read(item, step.name)
            if self._parent is not None:
                row[self._parent] = parent["id"]
            if row["version"] is None:
                row |= {name: parent[name] for name in LINEAGE}
            rows.append(row)
        return rows

    def _read(self, value: Json, place: str) -> Found:
        row: Found = dict.fromkeys(self._columns)
        self._root.read(value, row, place)
        return row

    def _trail(self, path: str) -> tuple[Step, ...]:
        if issubclass(self._cls, Child):
            return steps(f"{self._cls.parent_path}.{path}")[len(steps(self._cls.parent_path)) :]
        return steps(path)

    def _add(self, found: Element, reader: Reader) -> None:
        for path in (found.path, *((found.instead.path,) if found.instead else ())):
            *before, last = self._trail(path)
            self._root.at(before).readers.setdefault(last.name, []).append(reader)
        for path, constant in found.beside.items():
            *before, last = self._trail(path)
            self._root.at(before).constants[last.name] = constant

    def _add_date(self, found: Element, stem: str) -> None:
        *before, last = self._trail(found.path)
        node = self._root.at(before)
        node.readers[last.name] = [_date_reader(stem)]
        if f"{stem}_offset_days" not in self._columns:
            return
        url = systems.RELATIVE_DATE
        relative = node.at((Step(f"_{last.name}"), Step("extension", url=url)))
        relative.readers["extension"] = [_relative_reader(stem)]


def _value_reader(name: str, found: Element, *, number: bool) -> Reader:
    """Return the reader of a column that stands alone."""
    if found.target is not None:
        prefix = f"{found.target}/"

        def reference(value: Any, row: Found) -> None:
            text = value["reference"]
            if not text.startswith(prefix):
                raise ValueError(name)
            row[name] = text.removeprefix(prefix)

        return reference
    convert = _CONVERSIONS["integer" if number else found.type]

    def plain(value: Any, row: Found) -> None:
        row[name] = convert(value)

    return plain


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    """Read a FHIR integer, or the number that meta.versionId holds as text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    return int(value)


def _decimal(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": _text,
    "code": _text,
    "string": _text,
    "uri": _text,
    "boolean": _boolean,
    "integer": _integer,
    "positiveInt": _integer,
    "decimal": _decimal,
}


def _date_reader(stem: str) -> Reader:
    """Return the reader of a date as precise as it is written."""

    def read(value: Any, row: Found) -> None:
        day, _, time = _text(value).partition("T")
        precision, rest = ("second", "") if time else PRECISIONS[len(day)]
        if time:
            row[f"{stem}_time"] = time
        row[f"{stem}_date"] = date.fromisoformat(day + rest)
        row[f"{stem}_precision"] = precision

    return read


def _relative_reader(stem: str) -> Reader:
    """Return the reader of the parts of relative-date."""

    def read(value: Any, row: Found) -> None:
        parts = {item["url"]: item for item in value}
        offset = parts["offset"]["valueDuration"]
        if offset.get("system") != systems.UCUM or offset.get("code") != "d":
            raise ValueError(stem)
        sign = {"before": -1.0, "after": 1.0}[parts["relationship"]["valueCode"]]
        row[f"{stem}_offset_days"] = sign * _decimal(offset["value"])
        codings = parts["event"]["valueCodeableConcept"]["coding"]
        (row[f"{stem}_anchor"],) = (_text(c["code"]) for c in codings if c.get("system") == systems.ANCHOR)
        if PRECISION in parts:
            row[f"{stem}_precision"] = _text(parts[PRECISION]["valueCode"])

    return read


def _assigned(slots: Mapping[int | str, _Node], value: Any, place: str) -> list[tuple[int | str, Json]]:
    """Pair the repetitions of a list with their slots; what fits no slot is left out."""
    free = dict(slots)
    pairs: list[tuple[int | str, Json]] = []
    for item in _items(value, place):
        fitting = [key for key, node in free.items() if key == item.get("url") or _fits(key, node, item)]
        fitting.sort(key=lambda key: not free[key].constants)
        if fitting:
            pairs.append((fitting[0], item))
            del free[fitting[0]]
    return pairs


def _fits(key: int | str, node: _Node, item: Json) -> bool:
    return isinstance(key, int) and node.matches(item)


def _items(value: Any, place: str) -> list[Json]:
    if not isinstance(value, (list, tuple)):
        raise _wrong(place, "a list")
    return [_object(item, place) for item in value]


def _object(value: Any, place: str) -> Json:
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object")
    return value


def _wrong(place: str, expected: str) -> SourceError:
    return SourceError(
        f"expected {expected}; look at the resource with a FHIR validator",
        rule="fhir-structure",
        place=Place(column=place),
    )


def _missing(value: Any, again: Any, place: str) -> list[str]:
    """Return the paths of what `value` says and `again` does not; lists are compared without order."""
    if isinstance(value, Mapping) and isinstance(again, Mapping):
        return [
            path
            for name, inner in value.items()
            for path in _missing(inner, again.get(name), f"{place}.{name}")
        ]
    if isinstance(value, list) and isinstance(again, list):
        rest = list(again)
        lost: list[str] = []
        for index, item in enumerate(value):
            if item in rest:
                rest.remove(item)
            else:
                twin = next((other for other in rest if _same_kind(item, other)), None)
                lost += _missing(item, twin, f"{place}[{index}]")
        return lost
    return [] if value == again else [place.removeprefix(".")]


def _same_kind(item: Any, other: Any) -> bool:
    """Tell whether two repetitions are the same one, said more or less fully."""
    if not isinstance(item, Mapping) or not isinstance(other, Mapping):
        return False
    return all(item.get(name) == other.get(name) for name in ("url", "system", "id"))


@cache
def _parsers() -> Mapping[str, _Parser]:
    """Return the parsers by resource type."""
    return {cls.resource_type: _Parser(cls) for cls in resource_classes()}
