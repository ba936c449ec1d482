"""The flow diagram: a box per step with its subjects, and beside it who was left out and why."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from allpool.analysis.pages.plots import COLOURS, mark, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from allpool.analysis.cohorts.summary import SummaryTable

LINE: Final = 0.2
"""Inches that one line of text takes."""
GAP: Final = 0.35
LEFT, RIGHT = (0.2, 4.1), (4.75, 8.6)
"""Where the boxes of the steps and of those left out begin and end, in inches."""
WORDS: Final = 52


def flow_figure(table: SummaryTable) -> Figure:
    """Draw the flow of subjects of a table made by `flow`; what the table withholds is not drawn."""
    with style():
        steps = _steps(table)
        heights = [max(LINE * (len(kept) + 1), LINE * (len(out) + 1) * bool(out)) for kept, out in steps]
        height = sum(heights) + GAP * len(steps) + 0.8
        figure = Figure(figsize=(8.8, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, 8.8)
        axes.set_ylim(0, height)
        axes.axis("off")
        axes.text(LEFT[0], height - 0.25, "\n".join(wrap(table.title, 100)), va="top", fontsize=10)
        top = height - 0.6
        middle = sum(LEFT) / 2
        for index, ((kept, out), tall) in enumerate(zip(steps, heights, strict=True)):
            own = LINE * (len(kept) + 1)
            if index:
                _arrow(axes, (middle, top + GAP), (middle, top))
            _box(axes, LEFT, top, own, kept, COLOURS[0])
            if out:
                _box(axes, RIGHT, top, LINE * (len(out) + 1), out, COLOURS[1])
                _arrow(axes, (LEFT[1], top - own / 2), (RIGHT[0], top - own / 2), dashed=True)
            bottom = top - tall - GAP
            if index + 1 < len(steps) and tall > own:
                axes.plot([middle, middle], [top - own, bottom + GAP], color="#444444", lw=1)
            top = bottom
        mark(figure, synthetic=table.synthetic)
        return figure


def _steps(table: SummaryTable) -> list[tuple[list[str], list[str]]]:
    """Return per step the lines of its box and of the box of those left out."""
    rows = table.ard.to_dict("records")
    found = []
    for _, part in groupby(rows, key=lambda row: row["variable"]):
        own = list(part)
        everybody = next(row for row in own if row["context"] == "flow" and row["group1_level"] is None)
        kept = [*wrap(f"{everybody['variable_label']}: {everybody['stat_fmt']}", WORDS)]
        groups = [row for row in own if row["context"] == "flow" and row["group1_level"] is not None]
        if len(groups) > 1:
            shares = ", ".join(f"{row['group1_level']}: {row['stat_fmt']}" for row in groups)
            kept += wrap(shares, WORDS)
        out: list[str] = []
        for row in own:
            if row["context"] == "excluded" and row["group1_level"] is None and row["stat_fmt"] != "0":
                out += wrap(f"{row['stat_fmt']} {row['level_label']}", WORDS, subsequent_indent="    ")
        found.append((kept, out))
    return found


def _box(
    axes: Axes, span: tuple[float, float], top: float, tall: float, lines: list[str], colour: str
) -> None:
    from matplotlib.patches import FancyBboxPatch

    look: dict[str, Any] = {"facecolor": "white", "edgecolor": colour, "linewidth": 1.2}
    axes.add_patch(
        FancyBboxPatch(
            (span[0], top - tall), span[1] - span[0], tall, boxstyle="round,pad=0,rounding_size=0.06", **look
        )
    )
    for index, line in enumerate(lines):
        axes.text(
            span[0] + 0.12,
            top - LINE * (index + 1),
            line,
            va="center",
            fontsize=8.5,
            fontweight="bold" if index == 0 and colour == COLOURS[0] else "normal",
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": "#444444",
            "lw": 1,
            "ls": ":" if dashed else "-",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
