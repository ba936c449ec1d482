"""The consortium's own FHIR extensions, read from what the columns declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from allpool.etl.fhir.dates import PRECISION
from allpool.etl.fhir.serializer import LINEAGE
from allpool.models import Child, Resource, child_classes, resource_classes, systems
from allpool.models.element import Element
from allpool.models.paths import PARENT, Step, steps
from allpool.models.staging import table_of


@dataclass(frozen=True)
class Extension:
    """One extension: where it may stand, and the value or the parts that it has."""

    url: str
    contexts: tuple[str, ...]
    value: str | None
    """Name of its value member (`valueString`); None where it has parts."""
    parts: tuple[tuple[str, str], ...]
    """Name and value member of each part."""
    columns: tuple[str, ...]
    """Columns of the tables that it holds, as `table.column`."""


def extensions() -> tuple[Extension, ...]:
    """Return our extensions by URL."""
    uses: dict[str, list[_Use]] = {}
    for column, trail in _trails():
        for place, step in enumerate(trail):
            if step.url is not None and step.url.startswith(systems.BASE):
                uses.setdefault(step.url, []).append(
                    _Use(_context(trail[:place]), trail[place + 1 :], column)
                )
    relative = (systems.RELATIVE_DATE,)
    return tuple(
        sorted(
            (
                *(_extension(url, found) for url, found in uses.items()),
                Extension(PRECISION, relative, "valueCode", (), ("<date>_precision",)),
            ),
            key=lambda found: found.url,
        )
    )


def extensions_table() -> str:
    """Return the extensions as a Markdown table."""
    lines = ["| extension | on | holds | columns |", "|---|---|---|---|"]
    for found in extensions():
        holds = found.value or ", ".join(f"{name} ({value})" for name, value in found.parts)
        columns = ", ".join(f"`{column}`" for column in found.columns)
        contexts = ", ".join(f"`{context}`" for context in found.contexts)
        lines.append(f"| `{found.url.rpartition('/')[2]}` | {contexts} | {holds} | {columns} |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Use:
    context: str
    rest: tuple[Step, ...]
    column: str


def _extension(url: str, uses: list[_Use]) -> Extension:
    parts = {use.rest[0].url: use.rest[1].name for use in uses if use.rest[0].url is not None}
    values = [use.rest[0].name for use in uses if use.rest[0].name.startswith("value")]
    return Extension(
        url,
        tuple(sorted({use.context for use in uses})),
        values[0] if values else None,
        tuple((str(name), value) for name, value in parts.items()),
        tuple(sorted({use.column for use in uses})),
    )


def _context(trail: tuple[Step, ...]) -> str:
    """Return where an extension stands, as FHIR writes it; within an extension by that one's name."""
    names = [
        step.name.removeprefix("_") if step.url is None else f"extension({step.url.rpartition('/')[2]})"
        for step in trail
    ]
    return ".".join(names)


def _trails() -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Yield each column that has a path, with the path's steps from the resource type on."""
    classes: tuple[type[Resource | Child], ...] = (*resource_classes(), *child_classes())
    for cls in classes:
        for column in table_of(cls).columns:
            found = column.info.get("fhir")
            if isinstance(found, Element) and found.path != PARENT:
                for path in (found.path, *((found.instead.path,) if found.instead else ())):
                    yield _name(cls, column.name), _trail(cls, path)


def _trail(cls: type[Resource | Child], path: str) -> tuple[Step, ...]:
    if issubclass(cls, Child):
        return (Step(cls.parent.resource_type), *steps(f"{cls.parent_path}.{path}"))
    top = "Resource" if path.startswith("meta.") else cls.resource_type
    return (Step(top), *steps(path))


def _name(cls: type[Resource | Child], column: str) -> str:
    """Return `table.column`, a composite by its own name; what every row carries is said once."""
    if column in LINEAGE:
        return f"<table>.{column}"
    composites = getattr(cls, "composites", {}).items()
    name = next((name for name, found in composites if column.removeprefix(name) in found.columns), column)
    return f"{cls.__tablename__}.{name}"
