"""A quantity read with its comparator and unit, or as a word for a value below a limit."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from allpool.etl.transform.numbers import number_steps
from allpool.etl.transform.reading import DOUBTFUL, Cell, Draft, Reading
from allpool.etl.transform.wordings import replaced
from allpool.mappings.plan import FieldPlan
from allpool.mappings.terminology import normal
from allpool.mappings.units.conversion import Conversion


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
    name, ways = str(plan.column), _conversions(plan, cell)
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
    near = _read_units(draft, cell)
    unit = draft["ucum"] if cell.unit is not None else str(plan.binding.unit)
    if limits:
        draft.step(bound=_bound(draft, unit, ways, siblings, set(limits.values())))
    error = _error(draft, unit, told=told, limits=bool(limits), shared=cell.shared)
    hint = _doubt(draft, unit, error, cell, near)
    draft.step(
        error=pl.when(draft["doubt"].is_not_null()).then(pl.lit(DOUBTFUL)).otherwise(error)
        if cell.doubts
        else error
    )
    number, comparator = _canonical(draft["value"], unit, ways), draft["comparator"]
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
    return draft.reading(columns, key="key", error="error", ignored=ignored, number="amount", hint=hint)


def _limits(plan: FieldPlan, cell: Cell) -> dict[str, str]:
    """Return the texts that stand for a value below a limit: text -> number, or name of a sibling."""
    return cell.wordings.coded({normal(word): limit for word, limit in plan.binding.below.items()})


def _conversions(plan: FieldPlan, cell: Cell) -> dict[str, Conversion]:
    """Return the units that the rows can have, each with its way to the canonical one."""
    if cell.unit is not None:
        return dict(sorted(cell.unit.known.values()))
    assert plan.units is not None  # noqa: S101  # compiled so
    unit = str(plan.binding.unit)
    return {unit: plan.units.conversion(unit)}


def _read_units(draft: Draft, cell: Cell) -> str | None:
    """Read the units that their own column says: `ucum`; return the part that holds suggestions, if any."""
    if cell.unit is None:
        return None
    read = {"ucum": replaced(draft["unit"], {text: unit for text, (unit, _) in cell.unit.known.items()})}
    if cell.unit.near:
        read["near"] = replaced(draft["unit"], cell.unit.near)
    draft.step(**read)
    return "near" if cell.unit.near else None


def _doubt(draft: Draft, unit: pl.Expr | str, error: pl.Expr, cell: Cell, near: str | None) -> str | None:
    """Read why a good cell is in doubt: `doubt`; return the part that holds what was expected, if any."""
    if not cell.doubts:
        return near
    said = pl.lit(None, dtype=pl.String)
    for (doubtful, centre), sentence in sorted(cell.doubts.items()):
        here = pl.col("_centre") == centre
        if isinstance(unit, pl.Expr):
            here &= (unit == doubtful).fill_null(value=False)
        said = pl.when(here).then(pl.lit(sentence)).otherwise(said)
    draft.step(doubt=pl.when(error.is_null() & draft["body"].is_not_null()).then(said))
    if near is None:
        return "doubt"
    draft.step(expected=pl.coalesce(draft[near], draft["doubt"]))
    return "expected"


def _canonical(number: pl.Expr, unit: pl.Expr | str, ways: Mapping[str, Conversion]) -> pl.Expr:
    """Return a number in the canonical unit, from the unit of its row."""
    if not isinstance(unit, pl.Expr):
        return ways[unit](number)
    value = pl.lit(None, dtype=pl.Float64)
    for name, way in ways.items():
        value = pl.when(unit == name).then(way(number)).otherwise(value)
    return value


def _bound(
    draft: Draft,
    unit: pl.Expr | str,
    ways: Mapping[str, Conversion],
    siblings: Mapping[str, Reading],
    limits: set[str],
) -> pl.Expr:
    """Return the number that each text stands below."""
    bound = pl.lit(None, dtype=pl.Float64)
    for limit in sorted(limits):
        if limit not in siblings:
            chosen = _canonical(pl.lit(float(limit)), unit, ways)
        else:
            number = siblings[limit].number
            chosen = pl.col(number) if number else pl.lit(None, dtype=pl.Float64)
        bound = pl.when(draft["limit"] == limit).then(chosen).otherwise(bound)
    return bound


def _error(draft: Draft, unit: pl.Expr | str, *, told: str, limits: bool, shared: bool) -> pl.Expr:
    """Return the rule that a cell breaks; a unit that the element does not have comes first."""
    text, limited = draft[told], draft["limit"].is_not_null() if limits else pl.lit(value=False)
    if isinstance(unit, pl.Expr):
        wrong = text.is_not_null() & unit.is_null()
        wrong |= text.str.ends_with("%") & (unit != "%") & ~limited
    else:
        wrong = text.str.ends_with("%") & ~limited if unit != "%" else pl.lit(value=False)
    error = draft["wrong"]
    if limits:
        unknown = pl.lit(None, dtype=pl.String) if shared else pl.lit("below_unknown")
        error = pl.when(limited).then(pl.when(draft["bound"].is_null()).then(unknown)).otherwise(error)
    return pl.when(wrong).then(pl.lit("unit")).otherwise(error)
