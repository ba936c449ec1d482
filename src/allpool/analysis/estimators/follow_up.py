"""How long subjects were followed: the reverse Kaplan-Meier curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from allpool.analysis.estimators.arrays import indicators, one_of, same_length, tally, times
from allpool.analysis.estimators.kaplan_meier import KaplanMeier, curve, kaplan_meier
from allpool.analysis.estimators.ties import distinct_times

TIES = ("survfit", "prodlim")


def follow_up(
    time: Any, event: Any, *, ties: str = "survfit", ci: str = "log-log", level: float = 0.95
) -> KaplanMeier:
    """Estimate the follow-up curve with the roles of event and censoring exchanged (Schemper and Smith 1996).

    Parameters
    ----------
    time, event
        as for `kaplan_meier`; the end of follow-up (event 0) is what the curve counts.
    ties
        an event tied with an end of follow-up is still at risk then ("survfit", R's
        `survfit(Surv(time, 1 - event))`) or has left before ("prodlim", R's `prodlim(reverse = TRUE)`,
        whose quantiles are the first time at which the curve is at or below 1 - p, without midpoint).

    Raises
    ------
    AnalysisError
        as `kaplan_meier`, and for unknown `ties`.
    """
    one_of(ties, TIES, name="ties")
    happened = indicators(event)
    if ties == "survfit":
        return kaplan_meier(time, ~happened, ci=ci, level=level)
    exits = times(time)
    n = same_length(time=exits, event=happened)
    values, codes = distinct_times(exits)
    deaths = tally(codes[happened], size=values.size)
    ended = tally(codes[~happened], size=values.size)
    at_risk = np.cumsum((deaths + ended)[::-1])[::-1] - deaths
    # where all who are left die at once nobody is at risk for censoring: no step there
    rows = at_risk > 0
    if not rows.any():
        return kaplan_meier(time, ~happened, ci=ci, level=level)
    columns = (values[rows], at_risk[rows], ended[rows], deaths[rows])
    return curve(*columns, n=n, ci=ci, level=level, midpoint=False)
