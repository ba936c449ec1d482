"""Cumulative incidence curves with numbers at risk."""

from __future__ import annotations

from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM
from allpool.analysis.pages.plots import (
    COLOURS,
    axes_of_time,
    foot,
    mark,
    numbers_at_risk,
    steps,
    style,
    ticks_to,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allpool.analysis.cohorts.incidences import IncidenceCurves
    from allpool.analysis.estimators.cumulative_incidence import GroupIncidence

CAUSES = {1: ("the event", "-"), 2: ("competing events", "--")}


def incidence_figure(curves: IncidenceCurves) -> Figure:
    """Draw the incidence of the event and of what competes with it, per group, with the numbers at risk."""
    with style():
        groups = curves.estimate.curves
        table = 0.17 * len(groups) + 0.25
        figure = Figure(figsize=(7.2, 4.5 + table))
        plot, risk = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [4.0, table], "hspace": 0.32}
        )
        end = max(float(curve.time.max()) for curve in groups)
        ticks = ticks_to(end)
        for curve, colour in zip(groups, cycle(COLOURS), strict=False):
            for index, cause in enumerate(curves.estimate.causes):
                words, stroke = CAUSES.get(cause, (f"cause {cause}", ":"))
                events = int(curve.events[:, index].sum())
                time = np.concatenate(([0.0], curve.time))
                height = np.concatenate(([0.0], curve.incidence[:, index]))
                label = f"{curve.group}, {words}: {events} of {curve.n}"
                steps(plot, time, height, curve.at_risk, label=label, color=colour, ls=stroke)
        axes_of_time(plot, end, ticks, unit=curves.unit, measure="Cumulative incidence")
        plot.legend(frameon=False, loc="best", fontsize=8)
        figure.text(0.02, 0.985, fill(curves.title, 100), va="top", fontsize=9)
        numbers_at_risk(risk, [(str(curve.group), _waiting(curve, ticks)) for curve in groups], ticks)
        longest = max(len(str(curve.group)) for curve in groups)
        figure.subplots_adjust(left=min(0.11 + 0.009 * longest, 0.34), right=0.97, top=0.88, bottom=0.07)
        foot(figure, f"Aalen-Johansen; pale where fewer than {AT_RISK_MINIMUM} are at risk")
        mark(figure, synthetic=curves.synthetic)
        return figure


def _waiting(curve: GroupIncidence, ticks: Sequence[float]) -> list[float]:
    """Return how many are at risk at each tick."""
    found = np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, ticks, side="left")]
    return [float(number) for number in found]
