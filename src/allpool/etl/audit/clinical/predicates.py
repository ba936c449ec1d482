"""Conditions of clinical rules as SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Float, FromClause, Integer, and_, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from allpool.etl.audit.clinical.conditions import Condition, Operand, owner
from allpool.etl.audit.moments import Moment, days_apart, moment

GREATER = (">", ">=")
LESS = ("<", "<=")


@dataclass(frozen=True)
class Scope:
    """Where names stand for columns: a row, and at times others beside it."""

    row: FromClause
    others: Mapping[str, FromClause] = field(default_factory=dict)

    def column(self, name: str) -> ColumnElement[Any]:
        """Return a column by its name."""
        return self._source(name).c[_bare(name)]

    def comparator(self, name: str) -> ColumnElement[Any] | None:
        """Return the comparator beside a number, where its table has one."""
        return self._source(name).c.get(f"{_bare(name)}_comparator")

    def moment(self, name: str) -> Moment:
        """Return a partial date by its name."""
        return moment(self._source(name), _bare(name))

    def _source(self, name: str) -> FromClause:
        other = owner(name)
        return self.row if other is None else self.others[other]


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def all_of(conditions: Sequence[Condition], scope: Scope) -> ColumnElement[bool]:
    """Return what is true where every condition is."""
    return and_(literal(1) == literal(1), *(_holds(condition, scope) for condition in conditions))


def _holds(condition: Condition, scope: Scope) -> ColumnElement[bool]:
    if condition.any_of:
        return or_(*(_holds(one, scope) for one in condition.any_of))
    if condition.days is not None:
        days = days_apart(scope.moment(condition.days.start), scope.moment(condition.days.to))
        return and_(*(_ordered(days, test, operand, scope) for test, operand in condition.operands.items()))
    return and_(*_tests(condition, str(condition.column), scope))


def _tests(condition: Condition, name: str, scope: Scope) -> list[ColumnElement[bool]]:
    column = scope.column(name)
    found: list[ColumnElement[bool]] = []
    if condition.given is not None:
        found.append(column.is_not(None) if condition.given else column.is_(None))
    if condition.equals is not None:
        found.append(_equal(column, condition.equals))
    if condition.in_ is not None:
        found.append(or_(*(_equal(column, value) for value in condition.in_)))
    if condition.not_in is not None:
        found += [column.is_not(None), *(~_equal(column, value) for value in condition.not_in)]
    if condition.differs_from is not None:
        found.append(column != scope.column(condition.differs_from))
    if condition.operands:
        value = column * scope.column(condition.by) if condition.by else column
        found += [_ordered(value, test, operand, scope) for test, operand in condition.operands.items()]
        found += _certain(condition, name, scope)
    return found


def _equal(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    if isinstance(column.type, Boolean):
        return column.is_(value == "true")
    if isinstance(column.type, Integer | Float):
        return column == literal(float(value), Float())
    return column == value


def _ordered(column: ColumnElement[Any], test: str, operand: Operand, scope: Scope) -> ColumnElement[bool]:
    other = _value(operand, scope)
    if test == "above":
        return column > other
    if test == "at_least":
        return column >= other
    return column < other if test == "below" else column <= other


def _value(operand: Operand, scope: Scope) -> ColumnElement[Any]:
    if operand.number is not None:
        return literal(operand.number, Float())
    value = scope.column(operand.of)
    if operand.by is not None:
        value = value * scope.column(operand.by)
    if operand.times != 1:
        value = value * literal(operand.times, Float())
    return value + literal(operand.plus, Float()) if operand.plus else value


def _certain(condition: Condition, name: str, scope: Scope) -> list[ColumnElement[bool]]:
    """Return what must be true of comparators: `< 5` is above nothing, and `> 5` below nothing."""
    found = []
    for test, operand in condition.operands.items():
        up, down = (GREATER, LESS) if test in ("above", "at_least") else (LESS, GREATER)
        left = [name, *([condition.by] if condition.by else [])]
        sides = [*((ours, up) for ours in left), *((other, down) for other in operand.names)]
        for side, allowed in sides:
            comparator = scope.comparator(side)
            if comparator is not None:
                found.append(or_(comparator.is_(None), comparator.in_(allowed)))
    return found


class often(FunctionElement[bool]):  # noqa: N801 # as SQL functions are written
    """A condition that SQLite is told is mostly true.

    It guesses that a condition on a column without an index leaves next to no rows, and then compares all of
    them with all rows of the other side instead of making an index: quadratic, where the guess is wrong.
    """

    name = "often"
    type = Boolean()
    inherit_cache = True


@compiles(often)
def _plain(element: Any, compiler: Any, **more: Any) -> str:
    (condition,) = element.clauses
    return f"({compiler.process(condition, **more)})"


@compiles(often, "sqlite")
def _hinted(element: Any, compiler: Any, **more: Any) -> str:
    (condition,) = element.clauses
    return f"likelihood({compiler.process(condition, **more)}, 0.99)"
