"""The rule of magnitude: a value far from all others of its kind in one delivery."""

from __future__ import annotations

from functools import reduce
from operator import mul
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from allpool.etl.audit.rules import Rule, key_rule
from allpool.models import STAGING

FEWEST: Final = 20
"""Values of one element at one time point, from which quartiles say where values lie."""
FAR_OUT: Final = 3
"""Beyond a quartile by three times the distance of the quartiles is "far out". Tukey JW, Exploratory Data
Analysis, 1977, chapter 2; here of the logarithms, since what is measured spreads by factors."""
BELOW: Final = 10.0
ABOVE: Final = 30.0
"""Factors beyond a quartile. An injured liver or a proliferating leukaemia takes a value up by more than ten;
nothing takes it down so far, and a wrong unit is a factor of a hundred or a thousand."""
WITHIN: Final = ("%", "1")
"""Units of shares: they run over all magnitudes by themselves (blasts before and after treatment)."""


def magnitude_rule() -> Rule:
    """Return the rule that no value is far out among those of its feed, element and time point.

    Of logarithms `x > q3 + 3 (q3 - q1)` is `x q1^3 > q3^4` of the values: no database needs to have
    logarithms. Values with a comparator, zeros, negative ones and shares are left out.
    """
    row = STAGING["observation"].alias()
    group = (row.c.feed, row.c.data_element, func.coalesce(row.c.timepoint, "").label("timepoint"))
    ranked = (
        select(
            row.c.id,
            row.c.value_quantity.label("x"),
            *group,
            func.row_number().over(partition_by=group, order_by=(row.c.value_quantity, row.c.id)).label("n"),
            func.count().over(partition_by=group).label("of"),
        )
        .where(
            row.c.value_quantity > 0,
            row.c.value_quantity_comparator.is_(None),
            row.c.value_quantity_unit.not_in(WITHIN),
        )
        .cte("ranked")
    )
    by = (ranked.c.feed, ranked.c.data_element, ranked.c.timepoint)
    quartile = [
        func.min(case((4 * ranked.c.n >= part * ranked.c.of, ranked.c.x))).label(f"q{part}")
        for part in (1, 3)
    ]
    spread = select(*by, *quartile).where(ranked.c.of >= FEWEST).group_by(*by).subquery("spread")
    x, low, high = ranked.c.x, spread.c.q1, spread.c.q3
    above = and_(x > ABOVE * high, x * _power(low, FAR_OUT) > _power(high, FAR_OUT + 1))
    below = and_(BELOW * x < low, x * _power(high, FAR_OUT) < _power(low, FAR_OUT + 1))
    same = and_(*(spread.c[column.name] == column for column in by))
    return key_rule(
        select(ranked.c.id).select_from(ranked.join(spread, same)).where(or_(above, below)),
        rule="observation.value_quantity.magnitude",
        table="observation",
        column="value_quantity",
        category="plausibility",
        severity="warn",
        expected="The value does not lie far from nearly all others of its kind in this delivery, "
        "as with a lost decimal sign.",
        source="Tukey JW, Exploratory Data Analysis, 1977",
    )


def _power(value: ColumnElement[float], times: int) -> ColumnElement[float]:
    return reduce(mul, [value] * times)
