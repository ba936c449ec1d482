"""Results as they may leave: a step's answer without small counts and what would give one away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allpool.analysis.disclosure import disclosed, disclosed_statistics
from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.steps.base import Answer, Drawing

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
    statistics = disclosed_statistics(answer.statistics, minimum=minimum)
    whole = all(
        (old.value, old.n) == (new.value, new.n)
        for old, new in zip(answer.statistics, statistics, strict=True)
        if old.statistic != "at_risk"
    )
    drawing = None if answer.drawing is None or not whole else _guarded(answer.drawing, minimum)
    return replace(result, answer=replace(answer, statistics=statistics, drawing=drawing))


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
