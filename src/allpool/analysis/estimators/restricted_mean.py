"""The difference of two groups in mean time lived up to a horizon."""

from __future__ import annotations

from typing import Any

import numpy as np

from allpool.analysis.estimators.arrays import critical_value, indicators, labels, number, same_length, times
from allpool.analysis.estimators.kaplan_meier import KaplanMeier, kaplan_meier
from allpool.analysis.estimators.results import Estimate
from allpool.errors import AnalysisError


def restricted_mean_difference(
    time: Any, event: Any, group: Any, tau: float, *, level: float = 0.95
) -> Estimate:
    """Return the restricted mean up to `tau` of the second group minus that of the first (in sorted order).

    Unadjusted, with a normal interval, as R's survRM2 (Uno et al. 2014). The groups that were
    subtracted are named in `method`.

    Raises
    ------
    AnalysisError
        not exactly two groups, or a `tau` beyond the follow-up of either, where its curve is unknown.
    """
    exits, happened = times(time), indicators(event)
    same_length(time=exits, event=happened, group=group)
    names, member = labels(group, name="group")
    if len(names) != 2:
        raise AnalysisError(f"a difference needs exactly two groups; {len(names)} were given")
    margin = critical_value(level)
    curves = [kaplan_meier(exits[member == j], happened[member == j], level=level) for j in (0, 1)]
    reach = min(_reach(curve) for curve in curves)
    if number(tau, name="tau") > reach:
        raise AnalysisError(
            f"tau {tau:g} lies beyond the follow-up of one group; choose a tau of at most {reach:g}"
        )
    first, second = (curve.restricted_mean(tau) for curve in curves)
    difference = second.estimate - first.estimate
    error = float(np.hypot(first.standard_error, second.standard_error))
    return Estimate(
        estimate=difference,
        standard_error=error,
        lower=difference - margin * error,
        upper=difference + margin * error,
        level=level,
        method=f"restricted mean difference to {tau:g}, {names[1]} minus {names[0]}",
    )


def _reach(curve: KaplanMeier) -> float:
    """Return how far a curve is known: for ever once it is at 0, else to the last time."""
    return float("inf") if curve.survival[-1] == 0 else float(curve.time[-1])
