"""What is written at the ends of the paths: one value of a row as JSON text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import Integer
from sqlalchemy.schema import Column

from allpool.errors import BrokenRuleError
from allpool.models.element import Element

Row = Sequence[Any]
Leaf = Callable[[Row], bytes]
"""Writes one value of a row as JSON; called only where the value is there."""


def value_leaf(column: Column[Any], element: Element, index: int) -> Leaf | int:
    """Return the leaf that writes a column which stands alone; its position where JSON takes it as it is."""
    if element.type == "boolean":
        return lambda row: b"true" if row[index] else b"false"
    if element.type == "decimal":
        return lambda row: decimal(row[index])
    if element.type == "id" and isinstance(column.type, Integer):
        return lambda row: b'"%d"' % row[index]
    return index


def reference_leaf(target: str, index: int) -> Leaf:
    """Return the leaf that writes a reference by type and id."""
    prefix = f"{target}/"
    return lambda row: orjson.dumps(prefix + row[index])


def decimal(value: float) -> bytes:
    """Return the shortest JSON number that reads back as the same float."""
    text = orjson.dumps(float(value))
    if text == b"null":
        raise BrokenRuleError("a decimal in the store is not a finite number, which FHIR cannot carry")
    return text
