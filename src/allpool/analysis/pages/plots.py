"""Figures: survival curves with numbers at risk, and forest plots; the same data give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from math import floor, isfinite
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from allpool.analysis.cohorts.curves import SurvivalCurves
    from allpool.analysis.cohorts.pooling import Pooled, PooledStudies
    from allpool.analysis.estimators.kaplan_meier import KaplanMeier

# Okabe and Ito's palette, made for colour-blind readers: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STROKES = ("-", "--", "-.", ":")
STYLE = {
    "svg.hashsalt": "allpool",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
FEW_AT_RISK = 5
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
        plot.set_ylim(0, 1.02)
        plot.set_xlim(0, end * 1.02 or 1)
        plot.set_xticks(ticks)
        plot.tick_params(labelbottom=True)
        plot.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        plot.set_xlabel(f"Time ({curves.unit}s)")
        plot.set_ylabel(curves.measure)
        figure.text(0.02, 0.985, fill(curves.title, 100), va="top", fontsize=9)
        plot.legend(
            frameon=False, loc="best", fontsize=8, title=curves.sample.group_by or None, title_fontsize=8
        )
        _at_risk(risk, curves, ticks)
        figure.subplots_adjust(left=min(0.11 + 0.009 * longest, 0.34), right=0.97, top=0.88, bottom=0.07)
        one = next(iter(curves.values()))
        notes = [f"pale where fewer than {FEW_AT_RISK} are at risk; ticks: censored"]
        if rows <= MOST_SHADED:
            notes.insert(0, f"shaded: {one.level:.0%} intervals ({one.ci})")
        if curves.override:
            notes.append(f"groups known only after time zero: {curves.override}")
        foot(figure, "; ".join(notes))
        mark(figure, synthetic=curves.synthetic)
        return figure


def forest_figure(pooled: PooledStudies) -> Figure:
    """Draw each study with its weight, the pooled estimates, and from three studies a prediction interval."""
    with style():
        rows = pooled.studies.to_dict("records")
        height = 1.75 + 0.3 * (len(rows) + 4)
        figure = Figure(figsize=(8.6, height))
        axes = figure.subplots()
        top = len(rows) + 3
        for place, row in enumerate(rows):
            y = top - place
            size = 3.0 + 9.0 * np.sqrt(row["weight"] / 100)
            axes.plot([row["lower"], row["upper"]], [y, y], color=COLOURS[0], lw=1.4)
            axes.plot(row["estimate"], y, "s", color=COLOURS[0], ms=size)
            counts = f"{int(row['events'])}/{int(row['n'])}"
            _line(axes, y, str(row["study"]), counts, _interval(row["estimate"], row["lower"], row["upper"]))
            axes.text(1.78, y, f"{row['weight']:.1f} %", va="center", ha="right")
        _diamond(axes, 2.4, pooled.random, "Random effects", COLOURS[1])
        _diamond(axes, 1.4, pooled.fixed, "Common effect", COLOURS[6])
        if isfinite(pooled.prediction_lower):
            axes.plot([pooled.prediction_lower, pooled.prediction_upper], [0.4, 0.4], color=COLOURS[1], lw=3)
            span = f"({pooled.prediction_lower:.1%} to {pooled.prediction_upper:.1%})"
            _line(axes, 0.4, "Prediction interval", "", span)
        _line(axes, top + 0.9, "Study", "events/n", f"estimate ({pooled.level:.0%} CI)", bold=True)
        axes.text(1.78, top + 0.9, "weight", va="center", ha="right", fontweight="bold")
        axes.axvline(pooled.random.estimate, color=COLOURS[1], lw=0.8, ls=":")
        axes.set_xlabel(pooled.measure)  # under the axis, where a long name has room
        axes.set_ylim(-0.2, top + 1.4)
        axes.set_xlim(0, 1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        figure.subplots_adjust(left=0.27, right=0.62, top=1 - 0.55 / height, bottom=0.85 / height)
        figure.text(0.02, 1 - 0.16 / height, fill(pooled.title, 112), va="top", fontsize=9)
        i2 = f"I² = {pooled.i2:.0f} %" if isfinite(pooled.i2) else "I² not defined"
        tau2 = f"τ² = {pooled.tau2:.3f}" if isfinite(pooled.tau2) else "τ² not defined"
        foot(
            figure, f"{pooled.model}; k = {pooled.k}; {i2}; {tau2}; Q = {pooled.q:.2f}, P = {pooled.q_p:.3f}"
        )
        mark(figure, synthetic=pooled.synthetic)
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
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def _draw_curve(axes: Axes, curve: KaplanMeier, *, label: str, style: tuple[str, str], shaded: bool) -> None:
    colour, stroke = style
    time = np.concatenate(([0.0], curve.time))
    survival = np.concatenate(([1.0], curve.survival))
    # up to the first time with too few at risk the curve stands, beyond it is only hinted at
    few = np.flatnonzero(curve.at_risk < FEW_AT_RISK)
    cut = int(few[0]) + 1 if few.size else time.size
    axes.step(time[:cut], survival[:cut], where="post", color=colour, ls=stroke, label=label)
    axes.step(time[cut - 1 :], survival[cut - 1 :], where="post", color=colour, ls=stroke, alpha=0.35)
    if shaded:
        lower, upper = (np.concatenate(([1.0], part)) for part in (curve.lower, curve.upper))
        # where a limit does not exist yet, as before the first event, nothing is shaded
        axes.fill_between(time[:cut], lower[:cut], upper[:cut], step="post", color=colour, alpha=0.12, lw=0)
    censored = curve.censored_at > 0
    axes.plot(curve.time[censored], curve.survival[censored], "|", color=colour, ms=6, mew=0.9)


def _at_risk(axes: Axes, curves: SurvivalCurves, ticks: list[float]) -> None:
    axes.set_ylim(len(curves) - 0.4, -0.6)
    axes.axis("off")
    axes.text(0, 1.02, "At risk", transform=axes.transAxes, fontsize=8, fontweight="bold", va="bottom")
    for row, ((group, curve), colour) in enumerate(zip(curves.items(), cycle(COLOURS), strict=False)):
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
        for tick, number in zip(ticks, curve.at(ticks)["at_risk"], strict=True):
            axes.text(tick, row, f"{int(number)}", ha="center", va="center", fontsize=8)


def ticks_to(end: float) -> list[float]:
    """Return where an axis of time from 0 to `end` has its ticks."""
    step = next((step for step in STEPS if end / step <= 8), end / 8 or 1)
    return [float(step * index) for index in range(floor(end / step) + 1)]


def _diamond(axes: Axes, y: float, part: Pooled, name: str, colour: str) -> None:
    if isfinite(part.lower) and isfinite(part.upper):
        corners = [(part.lower, y), (part.estimate, y + 0.3), (part.upper, y), (part.estimate, y - 0.3)]
        axes.fill(*zip(*corners, strict=True), color=colour)
    _line(axes, y, name, "", _interval(part.estimate, part.lower, part.upper), bold=True)


def _line(axes: Axes, y: float, name: str, counts: str, text: str, *, bold: bool = False) -> None:
    """Write the words of one row left and right of the plot, in the axes' own width."""
    more: dict[str, Any] = {"fontweight": "bold"} if bold else {}
    axes.text(-0.62, y, name, va="center", **more)
    axes.text(-0.06, y, counts, va="center", ha="right", **more)
    axes.text(1.05, y, text, va="center", **more)


def _interval(estimate: float, lower: float, upper: float) -> str:
    return f"{estimate:.1%} ({lower:.1%} to {upper:.1%})"


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
