"""Curves are pale where few are at risk; where small counts do not leave they end there, like the numbers."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.figure import Figure

from allpool.analysis.cohorts.curves import survival_curves
from allpool.analysis.cohorts.incidences import incidence_curves
from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.pages.plots import fewest_shown

N = 12
ENOUGH_UNTIL = 8.0
"""Last day on which five of the twelve, of whom one leaves each day, are at risk."""


def sample() -> Sample:
    day = pd.Series(range(1, N + 1), dtype=float)
    cause = pd.Series([1, 2, 0] * (N // 3))
    frame = pd.DataFrame(
        {
            "usubjid": [f"s{number}" for number in range(N)],
            "studyid": "a",
            "siteid": "b",
            "group": "all",
            "synthetic": True,
            "event": (cause == 1).astype(int),
            "cause": cause,
            "entry": 0.0,
            "aval": day,
        }
    )
    return Sample("time-to-event", "", frame, frame.iloc[:0].assign(reason=None))


def survival() -> Figure:
    return survival_curves(sample(), title="", unit="day").plot()


def incidence() -> Figure:
    return incidence_curves(sample(), title="", unit="day").plot()


def ends(figure: Figure, *, pale: bool) -> list[float]:
    """Return where the curves (not the ticks of who is censored) end."""
    plot = figure.axes[0]
    lines = [line for line in plot.get_lines() if line.get_drawstyle() == "steps-post"]
    return [float(line.get_xdata()[-1]) for line in lines if (line.get_alpha() is not None) == pale]


@pytest.mark.parametrize(("draw", "curves"), [(survival, 1), (incidence, 2)])
def test_curves_end_where_few_are_at_risk(draw: Callable[[], Figure], curves: int) -> None:
    figure = draw()
    assert ends(figure, pale=False) == [ENOUGH_UNTIL] * curves
    assert ends(figure, pale=True) == [float(N)] * curves
    with fewest_shown(5):
        figure = draw()
    assert ends(figure, pale=False) == [ENOUGH_UNTIL] * curves
    assert ends(figure, pale=True) == []


@pytest.mark.parametrize("draw", [survival, incidence])
def test_small_numbers_at_risk_are_not_told(draw: Callable[[], Figure]) -> None:
    def numbers(figure: Figure) -> list[str]:
        return [text.get_text() for text in figure.axes[1].texts if text.get_text()[-1].isdigit()]

    whole = numbers(draw())
    assert {"12", "1"} <= set(whole)
    with fewest_shown(5):
        guarded = numbers(draw())
    assert guarded == [text if int(text) >= 5 or text == "0" else "<5" for text in whole]
