"""The figures of the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.statistics.results import read

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOMINAL = 0.95
SIZES = (10, 20, 60)
POOLED = {
    "logit, FE, z": ("common effect, z", "#999999", "-"),
    "logit, REML, z": ("logit, REML, z", "#c0392b", "-"),
    "logit, REML, t": ("logit, REML, t", "#c0392b", "--"),
    "logit, REML, hksj": ("logit, REML, Hartung-Knapp", "#c0392b", ":"),
    "glmm, ML, z": ("binomial-normal, z", "#1f5fa8", "-"),
    "glmm, ML, t": ("binomial-normal, t", "#1f5fa8", "--"),
}
COLOURS = ("#1f5fa8", "#c0392b", "#2e7d32")


def draw(results: Path, folder: Path) -> None:
    """Draw all figures from the results."""
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    # the same results give the same file: no date, and names of parts from a fixed salt
    with mpl.rc_context({"svg.hashsalt": "allpool", "svg.fonttype": "none", "font.size": 9}):
        for name, figure in (
            ("coverage-proportion", _proportion(read("single_proportion", results))),
            ("coverage-pooled", _pooled(read("pooled_proportions", results))),
            ("coverage-survival", _survival(read("curves", results))),
        ):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _panels(titles: list[str], *, label: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(titles) + 0.6, 3.4), layout="constrained")
    axes: Any = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axis, title in zip(axes, titles, strict=True):
        axis.axhline(NOMINAL, color="black", linewidth=0.8)
        axis.set(title=title, xlabel=label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("coverage")
    return figure, list(axes)


def _legend(figure: Figure, axis: Axes) -> None:
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3), frameon=False)


def _proportion(frame: pd.DataFrame) -> Figure:
    shown = [n for n in SIZES if n in set(frame["n"])]
    figure, axes = _panels([f"n = {n}" for n in shown], label="true rate")
    for axis, n in zip(axes, shown, strict=True):
        for (method, part), colour in zip(
            frame[frame["n"] == n].groupby("method", sort=False), COLOURS, strict=True
        ):
            axis.plot(part["p"], part["coverage"], color=colour, linewidth=1.2, label=str(method))
    _legend(figure, axes[0])
    return figure


def _pooled(frame: pd.DataFrame) -> Figure:
    named = frame.assign(candidate=frame[["transform", "method", "interval"]].agg(", ".join, axis=1))
    numbers = sorted(named["k"].unique())
    figure, axes = _panels([f"{k} studies" for k in numbers], label="tau (logit scale)")
    for axis, k in zip(axes, numbers, strict=True):
        for candidate, (label, colour, line) in POOLED.items():
            part = named[(named["k"] == k) & (named["candidate"] == candidate)].groupby("tau")["coverage"]
            axis.plot(part.mean(), color=colour, linestyle=line, marker="o", markersize=3, label=label)
    _legend(figure, axes[0])
    return figure


def _survival(frame: pd.DataFrame) -> Figure:
    points = frame[frame["quantity"] == "survival at 12 months"]
    levels = sorted(points["survival"].unique())
    figure, axes = _panels([f"true survival {level:g}" for level in levels], label="subjects")
    for axis, level in zip(axes, levels, strict=True):
        part = points[points["survival"] == level]
        for (interval, rows), colour in zip(part.groupby("interval", sort=False), COLOURS, strict=True):
            mean = rows.groupby("n")["coverage"].mean()
            axis.plot(mean, color=colour, marker="o", markersize=3, label=str(interval))
    _legend(figure, axes[0])
    return figure
