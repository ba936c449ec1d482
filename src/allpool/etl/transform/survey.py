"""What whole columns say of the mapping, found before any rule is applied to their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from allpool.etl.transform.dates import Calendar, DateColumn, DateDoubt
from allpool.etl.transform.doubtful_dates import doubtful_dates
from allpool.etl.transform.doubtful_units import doubtful_units
from allpool.etl.transform.source import Prepared
from allpool.etl.transform.unit_groups import Column
from allpool.mappings.plan import FieldPlan


@dataclass(frozen=True)
class Survey:
    """The columns of a delivery whose unit or date format is in doubt; no value of a cell is in it."""

    units: Mapping[Column, str] = field(default_factory=dict)
    dates: Mapping[DateColumn, DateDoubt] = field(default_factory=dict)

    def doubts(self, prepared: Prepared, plan: FieldPlan) -> dict[tuple[str, str], str]:
        """Return the units and centres in which the column of a quantity is in doubt, and why."""
        if plan.usual is None or not self.units:
            return {}
        column = prepared.actual(plan.binding.column or ())
        return {
            (group.unit, group.centre): why
            for group, why in self.units.items()
            if (group.file, group.column, group.element) == (prepared.source.id, column, plan.element)
        }


def take_survey(prepared: Sequence[Prepared], calendar: Calendar) -> Survey:
    """Return what the columns of all source tables together say."""
    return Survey(doubtful_units(prepared), doubtful_dates(prepared, calendar))
