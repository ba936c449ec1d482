"""Figures: survival curves with numbers at risk, and how every figure is written; same data, same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import cycle
from math import floor
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from allpool.analysis.cohorts.curves import SurvivalCurves
    from allpool.analysis.estimators.arrays import FloatArray
    from allpool.analysis.estimators.kaplan_meier import KaplanMeier

# Okabe and Ito's palette, made for colour-blind readers: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STROKES = ("-", "--", "-.", ":")
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "allpool",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_FEWEST: ContextVar[int] = ContextVar("fewest", default=1)
MOST_SHADED = 2
STEPS = (1, 2, 3, 4, 6, 12, 24, 36, 60, 90, 120, 180, 365, 730, 1826)
"""Distances between ticks of time that a reader expects, in any unit."""


def survival_figure(curves: SurvivalCurves) -> Figure:
    """Draw Kaplan-Meier curves with their intervals, ticks for censoring, and a table of numbers at risk.

    Where fewer than five are at risk the curve is only hinted at. The legend gives n and events, the title
    the definition.
    """
    with style():
        rows = len(curves)
        table = 0.17 * rows + 0.25
        figure = Figure(figsize=(7.2, 4.5 + table))
        plot, risk = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [4.0, table], "hspace": 0.32}
        )
        end = max(float(curve.time.max()) for curve in curves.values())
        ticks = ticks_to(end)
        longest = max(len(group) for group in curves)
        for (group, curve), colour, stroke in zip(
            curves.items(), cycle(COLOURS), cycle(STROKES), strict=False
        ):
            _draw_curve(
                plot,
                curve,
                label=f"{group}: n = {curve.n}, events {curve.events}",
                style=(colour, stroke),
                shaded=rows <= MOST_SHADED,
            )
        axes_of_time(plot, end, ticks, unit=curves.unit, measure=curves.measure)
        figure.text(0.02, 0.985, fill(curves.title, 100), va="top", fontsize=9)
        plot.legend(
            frameon=False, loc="best", fontsize=8, title=curves.sample.group_by or None, title_fontsize=8
        )
        rows_at_risk = [(group, curve.at(ticks)["at_risk"].tolist()) for group, curve in curves.items()]
        numbers_at_risk(risk, rows_at_risk, ticks)
        figure.subplots_adjust(left=min(0.11 + 0.009 * longest, 0.34), right=0.97, top=0.88, bottom=0.07)
        one = next(iter(curves.values()))
        notes = [f"pale where fewer than {AT_RISK_MINIMUM} are at risk; ticks: censored"]
        if rows <= MOST_SHADED:
            notes.insert(0, f"shaded: {one.level:.0%} intervals ({one.ci})")
        if curves.override:
            notes.append(f"groups known only after time zero: {curves.override}")
        foot(figure, "; ".join(notes))
        mark(figure, synthetic=curves.synthetic)
        return figure


def write_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write `figure` as SVG and PNG (`path` is without suffix); the bytes depend on the data alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
    with style():
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    text = svg.read_text(encoding="utf-8")
    svg.write_text(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE), encoding="utf-8")
    return svg, png


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house's style, whatever the user's own is."""
    with mpl.rc_context(STYLE):
        yield


def _draw_curve(axes: Axes, curve: KaplanMeier, *, label: str, style: tuple[str, str], shaded: bool) -> None:
    colour, stroke = style
    time = np.concatenate(([0.0], curve.time))
    survival = np.concatenate(([1.0], curve.survival))
    cut = steps(axes, time, survival, curve.at_risk, label=label, color=colour, ls=stroke)
    if _FEWEST.get() > 1:
        time = time[:cut]
    if shaded:
        lower, upper = (np.concatenate(([1.0], part)) for part in (curve.lower, curve.upper))
        # where a limit does not exist yet, as before the first event, nothing is shaded
        axes.fill_between(time[:cut], lower[:cut], upper[:cut], step="post", color=colour, alpha=0.12, lw=0)
    censored = (curve.censored_at > 0) & (curve.time <= time[-1])
    axes.plot(curve.time[censored], curve.survival[censored], "|", color=colour, ms=6, mew=0.9)


def steps(
    axes: Axes, time: FloatArray, height: FloatArray, at_risk: FloatArray, *, label: str, color: str, ls: str
) -> int:
    """Draw a curve of steps (from time 0) and return how many points of it stand in full.

    It stands up to the last time with enough at risk, and is only hinted at beyond; where small counts are
    not shown it ends there, since each further step is one of few persons.
    """
    few = np.flatnonzero(at_risk < AT_RISK_MINIMUM)
    cut = int(few[0]) + 1 if few.size else time.size
    axes.step(time[:cut], height[:cut], where="post", color=color, ls=ls, label=label)
    if _FEWEST.get() == 1:
        axes.step(time[cut - 1 :], height[cut - 1 :], where="post", color=color, ls=ls, alpha=0.35)
    return cut


def numbers_at_risk(axes: Axes, rows: Sequence[tuple[str, Sequence[float]]], ticks: Sequence[float]) -> None:
    """Write under a plot how many of each group are at risk at each tick, in the colours of its curves."""
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axis("off")
    axes.text(0, 1.02, "At risk", transform=axes.transAxes, fontsize=8, fontweight="bold", va="bottom")
    for row, ((group, numbers), colour) in enumerate(zip(rows, cycle(COLOURS), strict=False)):
        axes.annotate(
            group,
            (0, row),
            xycoords=("axes fraction", "data"),
            xytext=(-18, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color=colour,
        )
        for tick, number in zip(ticks, numbers, strict=True):
            axes.text(tick, row, shown_count(int(number)), ha="center", va="center", fontsize=8)


def axes_of_time(plot: Axes, end: float, ticks: Sequence[float], *, unit: str, measure: str) -> None:
    """Set the axes of a curve from time 0 to `end`, in percent."""
    plot.set_ylim(0, 1.02)
    plot.set_xlim(0, end * 1.02 or 1)
    plot.set_xticks(ticks)
    plot.tick_params(labelbottom=True)
    plot.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    plot.set_xlabel(f"Time ({unit}s)")
    plot.set_ylabel(measure)


@contextmanager
def fewest_shown(minimum: int) -> Iterator[None]:
    """Draw numbers of 1 to `minimum` - 1 persons as few, and no curve beyond where few are at risk."""
    token = _FEWEST.set(minimum)
    try:
        yield
    finally:
        _FEWEST.reset(token)


def shown_count(number: int) -> str:
    """Return a number of persons as a figure may show it."""
    return f"<{_FEWEST.get()}" if 0 < number < _FEWEST.get() else f"{number}"


def ticks_to(end: float) -> list[float]:
    """Return where an axis of time from 0 to `end` has its ticks."""
    step = next((step for step in STEPS if end / step <= 8), end / 8 or 1)
    return [float(step * index) for index in range(floor(end / step) + 1)]


def foot(figure: Figure, text: str) -> None:
    """Write the small print under a figure."""
    figure.text(0.02, 0.012, fill(text, 118), fontsize=7, color="#444444", va="bottom")


def mark(figure: Figure, *, synthetic: bool) -> None:
    """Write SYNTHETIC across a figure where any subject is."""
    if synthetic:
        figure.text(
            0.5,
            0.5,
            "SYNTHETIC",
            fontsize=44,
            color="#888888",
            alpha=0.18,
            rotation=25,
            ha="center",
            va="center",
        )
