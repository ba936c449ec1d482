"""Rows to FHIR R4 JSON, by the element path that each column declares.

A serializer is built once per table. It takes rows as tuples, straight from a cursor, and writes JSON text:
for each pattern of filled columns the paths are read once (`template`), so that a row costs no more than
its values. Elements that are empty are left out; a list closes up over its empty slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import Table

from allpool.errors import BrokenRuleError
from allpool.etl.fhir.dates import partial_dates
from allpool.etl.fhir.leaves import Row, reference_leaf, value_leaf
from allpool.etl.fhir.template import Skeleton, Template
from allpool.models import Child, Resource, child_classes, resource_classes, systems
from allpool.models.paths import PARENT, Step, steps
from allpool.models.staging import table_of

LINEAGE: Final = (
    "version",
    "security",
    "study",
    "centre",
    "feed",
    "run",
    "source_file",
    "source_row",
    "rule",
)
"""The last columns of every table, in this order, without the content hash."""

_NO_LINEAGE: Final = (None,) * len(LINEAGE)
_NO_CHILDREN: Final[Mapping[str, Sequence[Row]]] = {}


@cache
def serializer(table: str) -> Serializer:
    """Return the serializer of a resource table; KeyError where `table` is not one."""
    return Serializer({cls.__tablename__: cls for cls in resource_classes()}[table])


def to_resource(
    table: str, row: Mapping[str, Any], children: Mapping[str, Iterable[Mapping[str, Any]]] | None = None
) -> dict[str, Any]:
    """Return one row, with the rows of its parts by table, as a FHIR resource."""
    plan = serializer(table)
    parts = {
        name: [tuple(part.get(column) for column in plan.children[name]) for part in rows]
        for name, rows in (children or {}).items()
    }
    found: dict[str, Any] = orjson.loads(plan.dumps(tuple(row.get(name) for name in plan.columns), parts))
    return found


class Serializer:
    """Writes the rows of one resource table, with the rows of its parts."""

    def __init__(self, cls: type[Resource]) -> None:
        self.resource_type = cls.resource_type
        self.table: Table = table_of(cls)
        self._plan = _Plan(cls)
        self._parts = {child.__tablename__: _Plan(child) for child in child_classes() if child.parent is cls}
        self.columns: tuple[str, ...] = self._plan.columns
        """The columns that a row given to `dumps` has, in this order."""
        self.children: Mapping[str, tuple[str, ...]] = {
            name: plan.columns for name, plan in self._parts.items()
        }
        """The same for each table of parts."""

    def dumps(self, row: Row, children: Mapping[str, Sequence[Row]] = _NO_CHILDREN) -> bytes:
        """Return one row as the JSON text of a FHIR resource; parts are written in the order given."""
        if not children:
            return self._plan.template(row).render(row)
        lineage = row[-len(LINEAGE) :]
        parts = {
            name: b",".join([self._parts[name].part(part, lineage) for part in rows])
            for name, rows in children.items()
            if rows
        }
        return self._plan.template(row, tuple(sorted(parts))).render(row, parts)


class _Plan:
    """The declarations of one table, and a template for each pattern of filled columns met so far."""

    def __init__(self, cls: type[Resource | Child]) -> None:
        self._cls = cls
        table = table_of(cls)
        self.table = table.name
        self.columns = tuple(column.name for column in table.columns if column.name != "content_hash")
        if self.columns[-len(LINEAGE) :] != LINEAGE:
            raise BrokenRuleError(f"table {table.name} does not end in the lineage columns")
        self._elements = [(table.c[name], table.c[name].info["fhir"]) for name in self.columns]
        self._dates = partial_dates([found for _, found in self._elements])
        self._templates: dict[tuple[object, ...], Template] = {}

    def template(self, row: Row, parts: tuple[str, ...] = ()) -> Template:
        """Return the template of the rows that fill the columns that `row` fills."""
        pattern = (*[value is None for value in row], *parts)
        found = self._templates.get(pattern)
        if found is None:
            found = self._templates[pattern] = self._build(row, parts)
        return found

    def part(self, row: Row, lineage: Row) -> bytes:
        """Return the JSON of a part; its lineage is left out where it is that of the resource."""
        if row[-len(LINEAGE) :] == lineage:
            row = (*row[: -len(LINEAGE)], *_NO_LINEAGE)
        return self.template(row).render(row)

    def _build(self, row: Row, parts: tuple[str, ...]) -> Template:
        if len(row) != len(self.columns):
            raise BrokenRuleError(f"a row of {self.table} has not the columns of the serializer")
        skeleton = Skeleton()
        if issubclass(self._cls, Resource):
            skeleton.constant("resourceType", self._cls.resource_type)
        elif url := steps(self._cls.parent_path)[-1].url:
            skeleton.constant("url", url)
        self._write_values(skeleton, row)
        for path, date in self._dates.items():
            if not date.write(skeleton, self._trail(path), row):
                raise BrokenRuleError(
                    f"table {self.table}: {path} needs a date with its precision, or days with their anchor, "
                    "and not both"
                )
        if issubclass(self._cls, Resource):
            for member in self._cls.data_absent:
                if member not in skeleton.root:
                    absent = (Step(member), Step("extension", url=systems.DATA_ABSENT), Step("valueCode"))
                    skeleton.constant(absent, "unknown")
        for child in child_classes():
            if child.__tablename__ in parts:
                skeleton.children(child.parent_path, child.__tablename__)
        return skeleton.template()

    def _write_values(self, skeleton: Skeleton, row: Row) -> None:
        """Write the columns that stand alone."""
        present = [i for i, value in enumerate(row) if value is not None]
        members = {steps(self._elements[i][1].path)[0].name for i in present if self._path(i) != PARENT}
        values = sorted(name for name in members if _of("value", name))
        if len(values) > 1:
            raise BrokenRuleError(f"table {self.table}: a row fills {' and '.join(values)}; FHIR takes one")
        for index in sorted(present, key=self._rank):
            column, found = self._elements[index]
            if found.part != "value" or found.path == PARENT:
                continue
            path, beside = found.path, found.beside
            others = members - {steps(path)[0].name}
            if found.instead and any(_of(found.instead.choice, name) for name in others):
                path, beside = found.instead.path, {}
            for place, constant in beside.items():
                skeleton.constant(self._trail(place), constant)
            trail = self._trail(path)
            if found.target is None:
                skeleton.leaf(trail, value_leaf(column, found, index))
            else:
                skeleton.leaf((*trail, Step("reference")), reference_leaf(found.target, index))

    def _path(self, index: int) -> str:
        return str(self._elements[index][1].path)

    def _rank(self, index: int) -> tuple[int, int]:
        """Order: id, then meta, then the columns as declared."""
        path = self._path(index)
        return (0 if path == "id" else 1 if path.startswith("meta") else 2, index)

    def _trail(self, path: str) -> tuple[Step, ...]:
        if issubclass(self._cls, Child):
            start = len(steps(self._cls.parent_path))
            return steps(f"{self._cls.parent_path}.{path}")[start:]
        return steps(path)


def _of(choice: str, member: str) -> bool:
    """Tell whether `member` is a type of the choice `choice`, as valueQuantity is of value[x]."""
    name = member.removeprefix("_")
    return name.startswith(choice) and name[len(choice) :][:1].isupper()
