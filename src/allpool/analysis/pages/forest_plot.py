"""Forest plots: each study at its level with its weight, and the pooled estimates beneath."""

from __future__ import annotations

from math import isfinite
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from allpool.analysis.cohorts.evidence import PUBLISHED
from allpool.analysis.pages.plots import COLOURS, mark, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from allpool.analysis.cohorts.pooled import Pooled, PooledStudies

NAME, LEVEL, COUNTS, TEXT, WEIGHT = -0.86, -0.6, -0.06, 1.05, 1.78
"""Where the words of a row stand, in widths of the plot."""
ROW = 0.3
NOTE_WIDTH = 180


def forest_figure(pooled: PooledStudies, *, hartung_knapp: bool = False) -> Figure:
    """Draw each study with its level and weight, and the random-effects and the common-effect estimate.

    Published estimates are hollow. `hartung_knapp` adds the row of that interval; a prediction interval is
    drawn from three studies on.
    """
    with style():
        studies = pooled.studies.to_dict("records")
        summary = _summary(pooled, hartung_knapp=hartung_knapp)
        small = "\n".join(fill(line, NOTE_WIDTH) for line in _small_print(pooled))
        under = 0.62 + 0.125 * (small.count("\n") + 1)
        height = 0.75 + ROW * (len(studies) + len(summary) + 2) + under
        figure = Figure(figsize=(9.6, height))
        axes = figure.subplots()
        top = len(studies) + len(summary)
        for place, row in enumerate(studies):
            _study(axes, top - place, row)
        for place, (name, part, colour) in enumerate(summary):
            _diamond(axes, len(summary) - 0.5 - place, part, name, colour)
        _heading(axes, top + 1, pooled.level)
        if isfinite(pooled.random.estimate):
            axes.axvline(pooled.random.estimate, color=COLOURS[1], lw=0.8, ls=":")
        axes.set_xlabel(pooled.measure)  # under the axis, where a long name has room
        axes.set_ylim(-0.2, top + 1.5)
        axes.set_xlim(0, 1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        figure.subplots_adjust(left=0.335, right=0.655, top=1 - 0.5 / height, bottom=under / height)
        figure.text(0.02, 1 - 0.14 / height, fill(pooled.title, 124), va="top", fontsize=9)
        figure.text(0.02, 0.06 / height, small, fontsize=7, color="#444444", va="bottom")
        mark(figure, synthetic=pooled.synthetic)
        return figure


def _summary(pooled: PooledStudies, *, hartung_knapp: bool) -> list[tuple[str, Pooled, str]]:
    """Return the rows under the studies: name, estimate (nan of the prediction interval), colour."""
    from allpool.analysis.cohorts.pooled import Pooled

    rows: list[tuple[str, Pooled, str]] = [
        ("Random effects", pooled.random, COLOURS[1]),
        ("Common effect", pooled.fixed, COLOURS[6]),
    ]
    if hartung_knapp:
        rows.insert(1, ("Hartung-Knapp", pooled.hartung_knapp, COLOURS[2]))
    if isfinite(pooled.prediction_lower):
        span = Pooled(float("nan"), pooled.prediction_lower, pooled.prediction_upper)
        rows.append(("Prediction interval", span, COLOURS[1]))
    return rows


def _study(axes: Axes, y: float, row: dict[Any, Any]) -> None:
    printed = row["level"] == PUBLISHED
    axes.plot([row["lower"], row["upper"]], [y, y], color=COLOURS[0], lw=1.4, ls="--" if printed else "-")
    size = 3.0 + 9.0 * float(np.sqrt(row["weight"] / 100))
    face = "white" if printed else COLOURS[0]
    axes.plot(row["estimate"], y, "s", color=COLOURS[0], markerfacecolor=face, ms=size, clip_on=False)
    events = f"{int(row['events'])}/" if isfinite(row["events"]) else "n = "
    _words(axes, y, str(row["study"]), str(row["level"]), f"{events}{int(row['n'])}")
    axes.text(TEXT, y, _interval(row["estimate"], row["lower"], row["upper"]), va="center")
    axes.text(WEIGHT, y, f"{row['weight']:.1f} %", va="center", ha="right")


def _diamond(axes: Axes, y: float, part: Pooled, name: str, colour: str) -> None:
    if not (isfinite(part.lower) and isfinite(part.upper)):
        _words(axes, y, name, "", "", bold=True)
        axes.text(TEXT, y, "no estimate", va="center", fontweight="bold")
        return
    if not isfinite(part.estimate):
        axes.plot([part.lower, part.upper], [y, y], color=colour, lw=3)
        text = f"({part.lower:.1%} to {part.upper:.1%})"
    else:
        corners = [(part.lower, y), (part.estimate, y + 0.3), (part.upper, y), (part.estimate, y - 0.3)]
        axes.fill(*zip(*corners, strict=True), color=colour)
        text = _interval(part.estimate, part.lower, part.upper)
    _words(axes, y, name, "", "", bold=True)
    axes.text(TEXT, y, text, va="center", fontweight="bold")


def _heading(axes: Axes, y: float, level: float) -> None:
    _words(axes, y, "Study", "level", "events/n", bold=True)
    axes.text(TEXT, y, f"estimate ({level:.0%} CI)", va="center", fontweight="bold")
    axes.text(WEIGHT, y, "weight", va="center", ha="right", fontweight="bold")


def _words(axes: Axes, y: float, name: str, level: str, counts: str, *, bold: bool = False) -> None:
    more: dict[str, Any] = {"fontweight": "bold"} if bold else {}
    axes.text(NAME, y, name, va="center", **more)
    axes.text(LEVEL, y, level, va="center", **more)
    axes.text(COUNTS, y, counts, va="center", ha="right", **more)


def _small_print(pooled: PooledStudies) -> list[str]:
    i2 = f"I² = {pooled.i2:.0f} %" if isfinite(pooled.i2) else "I² not defined"
    tau2 = f"τ² = {pooled.tau2:.3f}" if isfinite(pooled.tau2) else "τ² not defined"
    parts = [pooled.model, f"k = {pooled.k}", i2, tau2]
    if isfinite(pooled.q):
        parts.append(f"Q = {pooled.q:.2f}, P = {pooled.q_p:.3f}")
    hollow = ["hollow, dashed: as published"] if (pooled.studies["level"] == PUBLISHED).any() else []
    return ["; ".join([*parts, *hollow]), *pooled.notes]


def _interval(estimate: float, lower: float, upper: float) -> str:
    return f"{estimate:.1%} ({lower:.1%} to {upper:.1%})"
