"""What the code says to a centre, read out of its source: sentences (`{}` where a value stands) and rules.

Read are the calls that make a finding or a part of its sentence (`SENTENCE_AT`), every call with `expected=`
or `advice=`, what the functions named in `RETURNING` return, and the constants named in `CONSTANTS`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import allpool

SOURCE: Final = Path(allpool.__file__).parent
ROOMS: Final = (
    "etl/readers",
    "etl/readers/fhir",
    "etl/readers/odm",
    "etl/readers/redcap",
    "etl/readers/sas",
    "etl/transform",
    "etl/landing",
    "etl",
)
BESIDE: Final = (
    "etl/check/groups.py",
    "etl/check/precheck.py",
    "etl/check/rehearsal.py",
    "etl/audit/judgement.py",
    "etl/linkage/identifiers.py",
    "mappings/fields.py",
    "mappings/identifiers/suspicion.py",
    "mappings/not_collected.py",
)
WITHIN: Final = ("fhir", "odm", "redcap", "sas", "identifiers")
GAP: Final = "{}"

SENTENCE_AT: Final[Mapping[str, tuple[int, ...]]] = {
    "SourceError": (0,),
    "WrongVersionError": (0,),
    "DateDoubt": (0,),
    "Fault": (2,),
    "Refusal": (3,),
    "fhir.nesting.Fault": (1,),
    "Broken": (1,),
    "KeyWarning": (4,),
    "column": (3,),
    "cells": (4,),
    "xml.refuse": (0,),
    "unreadable": (0,),
    "parquet._unreadable": (0,),
    "redcap.dictionary._unreadable": (1,),
    "redcap.records._refused": (1,),
    "guard._refused": (1,),
}
"""Function, or module and function -> places of its sentences among the arguments without a name."""
KEYWORDS: Final = ("expected", "what", "reason")
RULE_AT: Final = {
    "problem": 0,
    "column": 2,
    "cells": 3,
    "Fault": 1,
    "Refusal": 2,
    "Broken": 0,
    "fhir.nesting.Fault": 0,
}
RETURNING: Final = (
    "fields._expected",
    "fhir.entries._characters",
    "fhir.entries._model_fault",
    "fhir.entries._nesting",
    "fhir.entries._parsed",
    "fhir.entries._unpacked",
    "fhir.structure.unknown_type",
    "doubtful_units._doubt",
    "doubtful_units._implausible",
    "unit_columns._sentence",
    "identifiers.suspicion._named",
)
"""Functions that return a sentence, or a rule and its sentence."""
CONSTANTS: Final = (
    "EXPECTED",
    "SAID",
    "IN_CELL",
    "IN_NAME",
    "REMEDY",
    "NOT_UTF_8",
    "NO_ZONE",
    "NOT_FHIR",
    "DEEPEST",
    "TWICE",
    "ONE_OF_A_NAME",
    "FORM",
)


@dataclass(frozen=True)
class Said:
    """One sentence at one place; `text` is None where it is not written there."""

    text: str | None
    place: str
    code: str


def modules() -> list[Path]:
    """Return the modules that make findings."""
    found = {path for room in ROOMS for path in (SOURCE / room).glob("*.py")}
    return [*sorted(found), *(path for name in BESIDE if (path := SOURCE / name).exists())]


def _module(path: Path) -> str:
    """Return the name of a module, after that of its package where that is a room within a room."""
    return f"{path.parent.name}.{path.stem}" if path.parent.name in WITHIN else path.stem


def sentences() -> Iterator[Said]:
    """Yield every sentence that the code can say in a finding."""
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = _assigned(tree.body)
        for name in CONSTANTS:
            for value in constants.get(name, ()):
                for text in _texts(value, {}):
                    yield Said(text, f"{path.name}:{value.lineno}", name)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                known = {**constants, **_assigned(ast.walk(node))}
                yield from _of(path, node, known)
        # calls outside of functions
        outside = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        for node in outside:
            for value in _said_in(path, node):
                for text in _texts(value, constants):
                    yield Said(text, f"{path.name}:{value.lineno}", ast.unparse(value))


def rules() -> dict[str, str]:
    """Return every rule that is written down in the code, with one place of it."""
    found: dict[str, str] = {}
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            values: list[ast.expr] = []
            if isinstance(node, ast.Call):
                values = [item.value for item in node.keywords if item.arg == "rule"]
                place = RULE_AT.get(f"{_module(path)}.{_name(node)}", RULE_AT.get(_name(node)))
                if place is not None and len(node.args) > place:
                    values.append(node.args[place])
            elif isinstance(node, ast.FunctionDef) and f"{_module(path)}.{node.name}" in RETURNING:
                values = [
                    item.value.elts[0]
                    for item in ast.walk(node)
                    if isinstance(item, ast.Return) and isinstance(item.value, ast.Tuple)
                ]
            for value in values:
                found |= {text: f"{path.name}:{value.lineno}" for text in _texts(value, {}) if text}
    return found


def _of(path: Path, function: ast.FunctionDef, known: Mapping[str, list[ast.expr]]) -> Iterator[Said]:
    returning = f"{_module(path)}.{function.name}" in RETURNING
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and returning and node.value is not None:
            values = [node.value.elts[-1] if isinstance(node.value, ast.Tuple) else node.value]
            values = [value for value in values if _is_written(value)]
        else:
            values = list(_said_in(path, node)) if isinstance(node, ast.Call) else []
        for value in values:
            for text in _texts(value, known):
                yield Said(text, f"{path.name}:{value.lineno}", ast.unparse(value))


def _said_in(path: Path, within: ast.AST) -> Iterator[ast.expr]:
    """Yield the arguments that are sentences: of a call, or of all calls within a statement."""
    for node in [within] if isinstance(within, ast.Call) else ast.walk(within):
        if isinstance(node, ast.Call):
            yield from (item.value for item in node.keywords if item.arg in KEYWORDS)
            name = _name(node)
            for place in SENTENCE_AT.get(f"{_module(path)}.{name}", SENTENCE_AT.get(name, ())):
                if len(node.args) > place and not isinstance(node.args[place], ast.Starred):
                    yield node.args[place]


def _is_written(value: ast.expr) -> bool:
    """Whether a returned expression is a text of its own, not one that another function made."""
    return not isinstance(value, ast.Name | ast.Call) and not (
        isinstance(value, ast.Constant) and value.value is None
    )


def _assigned(nodes: object) -> dict[str, list[ast.expr]]:
    """Return what is assigned to each name; `rule, expected = ...` too."""
    known: dict[str, list[ast.expr]] = {}
    for node in nodes:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            known.setdefault(node.target.id, []).append(node.value)
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name):
            known.setdefault(target.id, []).append(node.value)
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for item, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(item, ast.Name):
                    known.setdefault(item.id, []).append(value)
    return known


def _texts(value: ast.expr, known: Mapping[str, list[ast.expr]]) -> list[str | None]:
    """Return the texts that an expression can be, with `{}` for what is put into them."""
    match value:
        case ast.Constant(value=str(text)):
            return [re.sub(r"\{\w+\}", GAP, text)]  # of a text that `format` fills later
        case ast.JoinedStr():
            parts = [_part(part, known) for part in value.values]
            return ["".join(chosen) for chosen in product(*parts)]
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
        case ast.Subscript(value=ast.Name(id=name)) if name in known:
            return [text for item in known[name] for text in _texts(item, known)]
        case ast.Call(func=ast.Attribute(attr="get", value=ast.Dict() as told), args=[_, other]):
            return [*_texts(told, known), *_texts(other, known)]
        case ast.Name(id=name) if name in known:
            fewer = {other: values for other, values in known.items() if other != name}
            return [text for item in known[name] for text in _texts(item, fewer)]
    return [None]


def _part(part: ast.expr, known: Mapping[str, list[ast.expr]]) -> list[str]:
    """Return what a part of an f-string can be: its text, the texts of a name, else a gap."""
    if isinstance(part, ast.Constant):
        return [re.sub(r"\{\w+\}", GAP, str(part.value))]
    assert isinstance(part, ast.FormattedValue)
    texts = (_texts(part.value, known) if part.format_spec is None else None) or [None]
    return [GAP if text is None else text for text in dict.fromkeys(texts)]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
