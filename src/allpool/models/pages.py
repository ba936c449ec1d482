"""The documentation page of the published tables, as Markdown, from the declarations of their columns.

`python -m allpool.models.pages > docs/tables.md` writes the page again after a change of the models.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from sqlalchemy.schema import Column

from allpool.models.base import Child, Resource
from allpool.models.element import Composite, Element, NotFhir
from allpool.models.paths import PARENT
from allpool.models.staging import child_classes, resource_classes, table_of

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "coding": {
        "": "code",
        "_system": "code system of `{name}`",
        "_display": "name of the code in its system",
        "_delivered": "what the source said",
    },
    "quantity": {
        "": "value in the dictionary's canonical unit",
        "_comparator": "`<`, `<=`, `>=` or `>` where the value is a bound",
        "_unit": "canonical unit (UCUM)",
        "_delivered": "value as the source said it",
        "_delivered_unit": "unit as the source said it",
    },
    "partial_date": {
        "_date": "first day that the date can mean",
        "_precision": "`year`, `month`, `day` or `second`: how much of `{name}_date` is known",
        "_time": "time of day with its UTC offset, for precision `second`",
        "_offset_days": "days after `{name}_anchor`, where no calendar date is known",
        "_anchor": "event that `{name}_offset_days` counts from",
    },
    "reference": {"_id": "id of the {target}"},
}
"""What each column of a composite means."""

HEAD: Final = """# Tables

Written from `allpool.models` by `python -m allpool.models.pages`; do not edit by hand.
Paths are FHIR R4 (4.0.1) element paths; [fhir.md](fhir.md) says how they are written and read.
Each table has a twin `stage_<table>` where a feed waits for its audit.
"""


def tables_page() -> str:
    """Return the page: per published table, each column's SQL type, FHIR path and meaning."""
    classes: tuple[type[Resource | Child], ...] = (*resource_classes(), *child_classes())
    return "\n".join([HEAD, *(_section(cls) for cls in classes)])


def _section(cls: type[Resource | Child]) -> str:
    """Return the section of one table."""
    meanings = _meanings(cls)
    where = (
        cls.resource_type if issubclass(cls, Resource) else f"{cls.parent.resource_type}.{cls.parent_path}"
    )
    rows = [_row(column, meanings.get(column.name, "")) for column in table_of(cls).columns]
    title = f"## {cls.__tablename__}\n\n{inspect.getdoc(cls)}\n\nFHIR: `{where}`\n"
    return "\n".join([title, "| column | type | FHIR path | meaning |", "|---|---|---|---|", *rows, ""])


def _row(column: Column[object], meaning: str) -> str:
    declared = column.info.get("fhir") or column.info.get("not_fhir")
    if isinstance(declared, Element):
        path = "by nesting" if declared.path == PARENT else f"`{declared.path}`"
        meaning = meaning or ("our own extension" if "extension(" in declared.path else "as FHIR defines it")
    elif isinstance(declared, NotFhir):
        path, meaning = "none", meaning or declared.reason
    else:
        path = "none"
    type_ = str(column.type).lower() + ("" if column.nullable else ", never empty")
    return f"| `{column.name}` | {type_} | {path} | {meaning} |"


def _meanings(cls: type[Resource | Child]) -> Mapping[str, str]:
    """Return what each column means: the text beneath its declaration, and its part in its composite."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("allpool.models"):
            said |= dict(_texts(base))
    found = dict(said)
    for name, composite in _composites(cls).items():
        for suffix, column in composite.columns.items():
            element = column.column.info["fhir"]
            meaning = PARTS[composite.kind][suffix].format(name=name, target=element.target)
            found[f"{name}{suffix}"] = (
                f"{meaning}. {said[name]}" if suffix in {"", "_date"} and name in said else meaning
            )
    return found


def _composites(cls: type[Resource | Child]) -> Mapping[str, Composite]:
    found: Mapping[str, Composite] = getattr(cls, "composites", {})
    return found


def _texts(cls: type) -> Iterator[tuple[str, str]]:
    """Yield each declared name of a class with the text that stands beneath it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for statement, below in pairwise(body):
        if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
            continue
        text = " ".join(inspect.cleandoc(str(below.value.value)).split()).replace("|", "\\|")
        for name in _targets(statement):
            yield name, text


def _targets(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement declares."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    for target in targets:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        yield from (name.id for name in names if isinstance(name, ast.Name))


if __name__ == "__main__":
    sys.stdout.write(tables_page())
