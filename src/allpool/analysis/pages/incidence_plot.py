"""Cumulative incidence curves with numbers at risk."""

from __future__ import annotations

from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM
from allpool.analysis.pages.plots import COLOURS, foot, mark, shown_count, style, ticks_to

if TYPE_CHECKING:
    from allpool.analysis.cohorts.incidences import IncidenceCurves

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
        risk.set_ylim(len(groups) - 0.4, -0.6)
        risk.axis("off")
        risk.text(0, 1.02, "At risk", transform=risk.transAxes, fontsize=8, fontweight="bold", va="bottom")
        for row, (curve, colour) in enumerate(zip(groups, cycle(COLOURS), strict=False)):
            for index, cause in enumerate(curves.estimate.causes):
                words, stroke = CAUSES.get(cause, (f"cause {cause}", ":"))
                events = int(curve.events[:, index].sum())
                time = np.concatenate(([0.0], curve.time))
                steps = np.concatenate(([0.0], curve.incidence[:, index]))
                # up to the first time with too few at risk the curve stands, beyond it is only hinted at
                few = np.flatnonzero(curve.at_risk < AT_RISK_MINIMUM)
                cut = int(few[0]) + 1 if few.size else time.size
                look = {"where": "post", "color": colour, "ls": stroke}
                label = f"{curve.group}, {words}: {events} of {curve.n}"
                plot.step(time[:cut], steps[:cut], label=label, **look)
                plot.step(time[cut - 1 :], steps[cut - 1 :], alpha=0.35, **look)
            risk.annotate(
                str(curve.group),
                (0, row),
                xycoords=("axes fraction", "data"),
                xytext=(-18, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=8,
                color=colour,
            )
            waiting = np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, ticks, side="left")]
            for tick, number in zip(ticks, waiting, strict=True):
                risk.text(tick, row, shown_count(int(number)), ha="center", va="center", fontsize=8)
        plot.set_ylim(0, 1.02)
        plot.set_xlim(0, end * 1.02 or 1)
        plot.set_xticks(ticks)
        plot.tick_params(labelbottom=True)
        plot.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        plot.set_xlabel(f"Time ({curves.unit}s)")
        plot.set_ylabel("Cumulative incidence")
        plot.legend(frameon=False, loc="best", fontsize=8)
        figure.text(0.02, 0.985, fill(curves.title, 100), va="top", fontsize=9)
        longest = max(len(str(curve.group)) for curve in groups)
        figure.subplots_adjust(left=min(0.11 + 0.009 * longest, 0.34), right=0.97, top=0.88, bottom=0.07)
        foot(figure, f"Aalen-Johansen; pale where fewer than {AT_RISK_MINIMUM} are at risk")
        mark(figure, synthetic=curves.synthetic)
        return figure
