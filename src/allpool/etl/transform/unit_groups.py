"""Unit groups: the numbers of each column, file, centre and unit, read once for each distinct text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from allpool.etl.transform.numbers import number_steps
from allpool.etl.transform.reading import Draft
from allpool.etl.transform.source import Prepared, holds
from allpool.etl.transform.unit_columns import unit_cell
from allpool.etl.transform.wordings import replaced
from allpool.mappings.dictionary import Usual
from allpool.mappings.plan import FieldPlan, RulePlan
from allpool.mappings.units.conversion import Conversion, Scale

Values = npt.NDArray[np.float64]


class Column(NamedTuple):
    """A unit group: cells of one column of one file that name one unit, of one element and centre."""

    file: str
    column: str
    element: str
    unit: str
    centre: str


@dataclass(frozen=True)
class Group:
    """The positive values of a unit group and how often each stands there, in the unit as declared."""

    key: Column
    source: str
    usual: Usual
    scale: Scale
    way: Conversion
    numbers: Values
    times: npt.NDArray[np.int64]
    sibling: Column | None = None
    """The unit group of the same rows that these values are not below."""
    siblings: Values | None = None
    """Its values, in the canonical unit."""


def unit_groups(prepared: Prepared) -> Iterator[Group]:
    """Yield the unit groups of each quantity that the dictionary knows a usual look of."""
    asked: list[tuple[FieldPlan, FieldPlan | None, pl.LazyFrame]] = []
    for rule in prepared.plan.rules:
        for plan in rule.fields:
            if plan.usual is not None and prepared.actual(plan.binding.column or ()) is not None:
                sibling = next((item for item in rule.fields if item.name == plan.usual.not_below), None)
                asked.append((plan, sibling, _numbers(prepared, rule, plan, sibling)))
    found = pl.collect_all([query for _, _, query in asked])
    for (plan, sibling, _), read in zip(asked, found, strict=True):
        yield from _groups(prepared, plan, sibling, read)


def _groups(
    prepared: Prepared, plan: FieldPlan, sibling: FieldPlan | None, read: pl.DataFrame
) -> Iterator[Group]:
    assert plan.usual is not None  # noqa: S101  # asked by the caller
    assert plan.units is not None  # noqa: S101  # a quantity has them
    column = str(prepared.actual(plan.binding.column or ()))
    for (unit, centre, other_unit), rows in read.partition_by(
        "unit", "centre", "other_unit", as_dict=True
    ).items():
        other = None
        if sibling is not None and other_unit is not None:
            other = Column(
                prepared.source.id,
                str(prepared.actual(sibling.binding.column or ())),
                str(sibling.element),
                str(other_unit),
                str(centre),
            )
        yield Group(
            Column(prepared.source.id, column, str(plan.element), str(unit), str(centre)),
            prepared.plan.name,
            plan.usual,
            plan.units,
            plan.units.conversion(str(unit)),
            rows["number"].to_numpy(),
            rows["times"].cast(pl.Int64).to_numpy(),
            other,
            rows["other"].to_numpy() if other is not None else None,
        )


def _numbers(prepared: Prepared, rule: RulePlan, plan: FieldPlan, sibling: FieldPlan | None) -> pl.LazyFrame:
    """Return the distinct positive numbers with `unit`, `centre` and `times`, and what stands beside them."""
    here = holds(prepared, rule.when, prepared.frame) & pl.col("_pseudonym").is_not_null()
    wanted = {"centre": pl.col("_centre"), **_texts(prepared, plan, "")}
    if sibling is not None:
        wanted |= _texts(prepared, sibling, "other_")
    rows = (
        prepared.frame.lazy()
        .filter(here)
        .select(**wanted)
        .drop_nulls(["text", "unit"])
        .group_by(list(wanted))
        .agg(pl.len().alias("times"))
    )
    rows = _read(rows, _decimal(prepared, plan), "").filter(pl.col("number") > 0)
    if sibling is None or sibling.units is None:
        rows = rows.with_columns(
            other=pl.lit(None, dtype=pl.Float64), other_unit=pl.lit(None, dtype=pl.String)
        )
    else:
        rows = _read(rows, _decimal(prepared, sibling), "other_")
        amount = pl.lit(None, dtype=pl.Float64)
        for unit, way in _ways(prepared, sibling).items():
            amount = pl.when(pl.col("other_unit") == unit).then(way(pl.col("other_number"))).otherwise(amount)
        rows = rows.with_columns(other=pl.when(amount > 0).then(amount)).with_columns(
            other_unit=pl.when(pl.col("other").is_not_null()).then("other_unit")
        )
    return rows.select("unit", "centre", "other_unit", "number", "other", "times")


def _ways(prepared: Prepared, plan: FieldPlan) -> dict[str, Conversion]:
    """Return the units that a field's rows can have, each with its way to the canonical one."""
    cell = unit_cell(prepared, plan)
    if cell is not None:
        return dict(sorted(cell.known.values()))
    assert plan.units is not None  # noqa: S101  # asked by the caller
    return {str(plan.binding.unit): plan.units.conversion(str(plan.binding.unit))}


def _texts(prepared: Prepared, plan: FieldPlan, prefix: str) -> dict[str, pl.Expr]:
    """Return the text and the unit of a field where it reads its cell."""
    column = prepared.actual(plan.binding.column or ())
    text = pl.lit(plan.binding.constant, dtype=pl.String) if column is None else pl.col(column)
    if plan.binding.when:
        text = pl.when(holds(prepared, plan.binding.when, prepared.frame)).then(text)
    silent = sorted({*plan.missing, *plan.binding.skip, *plan.binding.below} - {""})
    cell = unit_cell(prepared, plan)
    if cell is None:
        unit: pl.Expr = pl.lit(str(plan.binding.unit))
    else:
        unit = replaced(cell.text, {said: code for said, (code, _) in cell.known.items()})
    return {f"{prefix}text": pl.when(~text.is_in(silent)).then(text), f"{prefix}unit": unit}


def _decimal(prepared: Prepared, plan: FieldPlan) -> Literal[".", ","]:
    column = prepared.actual(plan.binding.column or ())
    return prepared.decimal(column) if column else "."


def _read(rows: pl.LazyFrame, decimal: Literal[".", ","], prefix: str) -> pl.LazyFrame:
    """Add the numbers that texts say, as the transform reads them; null where they say none."""
    draft = Draft("read")
    draft.step(text=pl.col(f"{prefix}text"))
    number_steps(draft, "text", decimal=decimal, comparators=False, percent=True)
    for step in draft.steps:
        rows = rows.with_columns(expr.alias(name) for name, expr in step.items())
    number = pl.when(draft["wrong"].is_null()).then(draft["value"])
    return rows.with_columns(number.alias(f"{prefix}number"))
