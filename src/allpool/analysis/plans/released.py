"""Results as they may leave: a step's answer without small counts and what would give one away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from allpool.analysis.disclosure import (
    POOLED_DIGITS,
    REASON,
    disclosed,
    disclosed_statistics,
    quiet,
)
from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.sensitivity import base_of
from allpool.analysis.plans.steps.base import Answer, Drawing, Statistic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from allpool.analysis.cohorts.summary import SummaryTable


def released(result: StepResult, *, minimum: int) -> StepResult:
    """Return a result as it may leave; the same one where `minimum` is 1.

    A figure is drawn only where nothing of its step is withheld, and then shows no small number at risk. A
    flow diagram is drawn from its table as that may leave.
    """
    if minimum <= 1:
        return result
    answer = result.answer
    if answer.table is not None:
        return replace(result, answer=_table(answer, answer.table, minimum))
    own = [item for item in answer.statistics if base_of(item.statistic) is None]
    again = [item for item in answer.statistics if base_of(item.statistic) is not None]
    statistics = disclosed_statistics(own, minimum=minimum)
    statistics += tuple(_sensitivity(item, own, statistics, minimum) for item in again)
    whole = all(
        (old.value, old.n) == (new.value, new.n)
        for old, new in zip(own, statistics[: len(own)], strict=True)
        if old.statistic != "at_risk"
    )
    drawing = None if answer.drawing is None or not whole else _guarded(answer.drawing, minimum)
    return replace(result, answer=replace(answer, statistics=statistics, drawing=drawing))


def _sensitivity(
    item: Statistic, own: Sequence[Statistic], left: Sequence[Statistic], minimum: int
) -> Statistic:
    """Return a statistic over other persons, and let its difference from the first tell of no few."""
    told = {
        (new.group, new.at): (old, new)
        for old, new in zip(own, left, strict=True)
        if old.statistic == base_of(item.statistic)
    }
    item = replace(item, note=quiet(item.note, minimum=minimum))
    first, shown = told.get((item.group, item.at), (None, None))
    if first is None or shown is None or (first.value is not None and shown.value is None):
        return replace(item, value=None, lower=None, upper=None, n=None, note=REASON)
    if first.n is None or item.n is None or 0 < abs(first.n - item.n) < minimum:
        value, lower, upper = (_rounded(end) for end in (item.value, item.lower, item.upper))
        return replace(item, value=value, lower=lower, upper=upper, n=None)
    return item if shown.n is not None else replace(item, n=None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, POOLED_DIGITS)


def _table(answer: Answer, table: SummaryTable, minimum: int) -> Answer:
    left = disclosed(table, minimum=minimum)
    statistics = tuple(
        item
        if row["stat"] == row["stat"] or item.value is None
        else replace(item, value=None, note=row["warning"])
        for item, row in zip(answer.statistics, left.ard.to_dict("records"), strict=True)
    )

    def draw() -> Figure:
        from allpool.analysis.pages.flow_plot import flow_figure

        return flow_figure(left)

    drawing = None if answer.drawing is None else Drawing(answer.drawing.kind, draw)
    return replace(answer, statistics=statistics, table=left, drawing=drawing)


def _guarded(drawing: Drawing, minimum: int) -> Drawing:
    def draw() -> Figure:
        from allpool.analysis.pages.plots import fewest_shown

        with fewest_shown(minimum):
            return drawing.draw()

    return Drawing(drawing.kind, draw)
