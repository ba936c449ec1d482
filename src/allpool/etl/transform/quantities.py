"""A quantity read with its comparator and unit, or as a word for a value below a limit."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from allpool.etl.transform.numbers import converted, number_steps
from allpool.etl.transform.reading import Cell, Draft, Reading
from allpool.etl.transform.wordings import replaced
from allpool.mappings.plan import FieldPlan
from allpool.mappings.terminology import normal


def read_quantity(
    draft: Draft,
    plan: FieldPlan,
    cell: Cell,
    *,
    told: str,
    ignored: str | None,
    siblings: Mapping[str, Reading],
) -> Reading:
    """Return how a quantity is read from the working column `told`, in the canonical unit of its element.

    A word of `below` makes a value below its limit, which is a number in the unit of the row or the value of
    a sibling. The value and unit as delivered stay beside it.
    """
    name, factors = str(plan.column), plan.units or {}
    limits = _limits(plan, cell)
    limited = draft["limit"].is_not_null() if limits else pl.lit(value=False)
    read = told
    if limits:
        draft.step(limit=replaced(draft[told], limits))
        draft.step(plain=pl.when(~limited).then(draft[told]))
        read = "plain"
    number_steps(
        draft,
        read,
        decimal=cell.decimal,
        comparators=plan.binding.comparators,
        percent=plan.binding.unit == "%" or cell.unit is not None,
    )
    unit = _unit(draft, plan, cell)
    if limits:
        draft.step(bound=_bound(draft, unit, factors, siblings, set(limits.values())))
    draft.step(error=_error(draft, unit, told=told, limits=bool(limits), factors=factors, shared=cell.shared))
    number, comparator = _canonical(draft["value"], unit, factors), draft["comparator"]
    good = draft["error"].is_null() & draft["value"].is_not_null()
    if limits:
        good = draft["error"].is_null() & (draft["value"].is_not_null() | draft["bound"].is_not_null())
        number = pl.when(limited).then(draft["bound"]).otherwise(number)
        comparator = pl.when(limited).then(pl.lit("<")).otherwise(comparator)
    draft.step(
        amount=pl.when(good).then(number),
        sign=pl.when(good).then(comparator),
        canonical=pl.when(good).then(pl.lit(plan.unit)),
        delivered=pl.when(good).then(draft[told]),
        delivered_unit=pl.when(good & ~limited).then(
            unit if isinstance(unit, pl.Expr) else pl.lit(unit, dtype=pl.String)
        ),
    )
    draft.step(key=pl.concat_str([draft["sign"].fill_null(""), draft["amount"].cast(pl.String)]))
    columns = {
        name: "amount",
        f"{name}_comparator": "sign",
        f"{name}_unit": "canonical",
        f"{name}_delivered": "delivered",
        f"{name}_delivered_unit": "delivered_unit",
    }
    return draft.reading(columns, key="key", error="error", ignored=ignored, number="amount")


def _limits(plan: FieldPlan, cell: Cell) -> dict[str, str]:
    """Return the texts that stand for a value below a limit: text -> number, or name of a sibling."""
    return cell.wordings.coded({normal(word): limit for word, limit in plan.binding.below.items()})


def _unit(draft: Draft, plan: FieldPlan, cell: Cell) -> pl.Expr | str | None:
    """Return the unit of the rows: from a column of its own, or the one that the mapping declares for all."""
    if cell.unit is not None:
        return draft["unit"]
    return plan.binding.unit if isinstance(plan.binding.unit, str) else None


def _canonical(number: pl.Expr, unit: pl.Expr | str | None, factors: Mapping[str, float]) -> pl.Expr:
    """Return a number in the canonical unit, from the unit of its row."""
    nothing = pl.lit(None, dtype=pl.Float64)
    if not isinstance(unit, pl.Expr):
        return converted(number, factors[unit]) if unit is not None and unit in factors else nothing
    value = nothing
    for name, factor in factors.items():
        value = pl.when(unit == name).then(converted(number, factor)).otherwise(value)
    return value


def _bound(
    draft: Draft,
    unit: pl.Expr | str | None,
    factors: Mapping[str, float],
    siblings: Mapping[str, Reading],
    limits: set[str],
) -> pl.Expr:
    """Return the number that each text stands below."""
    bound = pl.lit(None, dtype=pl.Float64)
    for limit in sorted(limits):
        if limit not in siblings:
            chosen = _canonical(pl.lit(float(limit)), unit, factors)
        else:
            number = siblings[limit].number
            chosen = pl.col(number) if number else pl.lit(None, dtype=pl.Float64)
        bound = pl.when(draft["limit"] == limit).then(chosen).otherwise(bound)
    return bound


def _error(
    draft: Draft,
    unit: pl.Expr | str | None,
    *,
    told: str,
    limits: bool,
    factors: Mapping[str, float],
    shared: bool,
) -> pl.Expr:
    """Return the rule that a cell breaks; a unit that the element does not have comes first."""
    text, limited = draft[told], draft["limit"].is_not_null() if limits else pl.lit(value=False)
    if isinstance(unit, pl.Expr):
        wrong = text.is_not_null() & ~unit.is_in(list(factors)).fill_null(value=False)
        wrong |= text.str.ends_with("%") & (unit != "%") & ~limited
    elif unit not in factors:
        wrong = text.is_not_null()
    else:
        wrong = text.str.ends_with("%") & ~limited if unit != "%" else pl.lit(value=False)
    error = draft["wrong"]
    if limits:
        unknown = pl.lit(None, dtype=pl.String) if shared else pl.lit("below_unknown")
        error = pl.when(limited).then(pl.when(draft["bound"].is_null()).then(unknown)).otherwise(error)
    return pl.when(wrong).then(pl.lit("unit")).otherwise(error)
