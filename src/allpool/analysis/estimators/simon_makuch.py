"""Simon and Makuch's survival curves: with and without an exposure that begins during follow-up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from allpool.analysis.estimators.kaplan_meier import KaplanMeier, kaplan_meier
from allpool.analysis.estimators.mantel_byar import STATES, states
from allpool.errors import AnalysisError


def simon_makuch(
    time: Any,
    event: Any,
    exposure_time: Any,
    *,
    entry: Any = None,
    landmark: float = 0,
    ci: str = "log-log",
    level: float = 0.95,
) -> Mapping[str, KaplanMeier]:
    """Estimate survival in either state of an exposure that begins during follow-up (Simon and Makuch 1984).

    The "unexposed" curve censors a subject when the exposure begins; the "exposed" curve lets the subject
    in then. Each is the Kaplan-Meier estimate of somebody who would stay in the state from the landmark on:
    it compares hazards over time and follows no group of patients. While few are yet exposed that curve is
    unstable, which a later landmark mends.

    Parameters
    ----------
    time, event, exposure_time, entry
        as for `mantel_byar`.
    landmark
        from when on both curves count, on the same clock (which keeps its origin): both are 1 until there,
        and only those followed past it take part, each in the state of the moment.

    Returns
    -------
    Mapping
        "unexposed" and "exposed" to their curves; `n` counts the subjects who spent time in the state.

    Raises
    ------
    AnalysisError
        nobody in one of the states after the landmark, a negative landmark, arrays of different length,
        missing or negative times, subjects followed for no time.
    """
    if not (np.isfinite(landmark) and landmark >= 0):
        raise AnalysisError(f"the landmark must be a time of at least 0, not {landmark}")
    cut, happened = states(time, event, exposure_time, entry=entry)
    ends_with_event = happened[cut.row] & cut.last
    followed = cut.stop > landmark
    curves = {}
    for code, state in enumerate(STATES):
        rows = followed & (cut.exposed[:, 0] == bool(code))
        if not rows.any():
            raise AnalysisError(f"too little data: nobody is {state} after the landmark at {landmark:g}")
        curves[state] = kaplan_meier(
            cut.stop[rows],
            ends_with_event[rows],
            entry=np.maximum(cut.start[rows], landmark),
            ci=ci,
            level=level,
        )
    return MappingProxyType(curves)
