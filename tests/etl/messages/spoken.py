"""What the code says to a centre, read out of its source: sentences (`{}` where a value stands) and rules.

Read are the calls that make a finding: `SourceError(sentence, rule=)`, `problem`, `CellFinding`,
`Entries.cells` and `.column`, every call with `expected=` or a sentence at a known place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import allpool

SOURCE = Path(allpool.__file__).parent
ROOMS = ("etl/readers", "etl/transform", "etl/audit", "etl")
FIELDS = SOURCE / "mappings" / "fields.py"
SENTENCE_AT = {
    "SourceError": 0,
    "unreadable": 0,
    "refused": 0,
    "column": 3,
    "cells": 4,
    "_rule": 4,
    "_row": 4,
}
"""Function -> place of its sentence among the arguments without a name."""
RULE_AT = {"problem": 0, "column": 2, "cells": 3}


@dataclass(frozen=True)
class Said:
    """One sentence at one place; `text` is None where it is not written there."""

    text: str | None
    place: str
    code: str


def modules() -> list[Path]:
    """Return the modules that make findings."""
    found = {path for room in ROOMS for path in (SOURCE / room).glob("*.py")}
    return [*sorted(found), FIELDS]


def sentences() -> Iterator[Said]:
    """Yield every sentence that the code can say in a finding."""
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                yield from _of_function(path, function)
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXPECTED":
                yield from (
                    Said(text, f"{path.name}:{node.lineno}", "EXPECTED") for text in _texts(node.value, {})
                )


def rules() -> dict[str, str]:
    """Return every rule that is written down in the code, with one place of it."""
    found: dict[str, str] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = [item.value for item in node.keywords if item.arg == "rule"]
            place = RULE_AT.get(_name(node))
            if place is not None and len(node.args) > place:
                named.append(node.args[place])
            for value in named:
                for text in _texts(value, {}):
                    if text is not None:
                        found[text] = f"{path.name}:{node.lineno}"
    return found


def _of_function(path: Path, function: ast.FunctionDef) -> Iterator[Said]:
    known = _assigned(function)
    for node in ast.walk(function):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [item.value for item in node.keywords if item.arg == "expected"]
            at = SENTENCE_AT.get(_name(node))
            if at is not None and len(node.args) > at:
                values.append(node.args[at])
        elif isinstance(node, ast.Return) and function.name == "_expected" and node.value is not None:
            values = [node.value]
        for value in values:
            for text in _texts(value, known):
                yield Said(text, f"{path.name}:{value.lineno}", ast.unparse(value))


def _assigned(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    known: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known.setdefault(node.targets[0].id, []).append(node.value)
    return known


def _texts(value: ast.expr, known: dict[str, list[ast.expr]]) -> list[str | None]:
    """Return the texts that an expression can be, with `{}` for what is put into them."""
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return [
                "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in value.values)
            ]
        case ast.IfExp():
            return [*_texts(value.body, known), *_texts(value.orelse, known)]
        case ast.BinOp(op=ast.Add()):
            heads, tails = _texts(value.left, known), _texts(value.right, known)
            return [
                head + tail if head is not None and tail is not None else None
                for head in heads
                for tail in tails
            ]
        case ast.Dict():
            return [text for item in value.values for text in _texts(item, known)]
        case ast.Name(id=name) if name in known:
            return [text for item in known[name] for text in _texts(item, {})]
    return [None]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
