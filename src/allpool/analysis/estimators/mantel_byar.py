"""The Mantel-Byar test: events with and without an exposure that begins during follow-up."""

from __future__ import annotations

from typing import Any

import numpy as np

from allpool.analysis.estimators.arrays import BoolArray, indicators, labels, same_length, tally, times
from allpool.analysis.estimators.counting_process import Intervals, entered, exposure_times, intervals
from allpool.analysis.estimators.logrank import LogRank, compared
from allpool.analysis.estimators.risk_sets import risk_sets
from allpool.errors import AnalysisError

STATES = ("unexposed", "exposed")


def mantel_byar(
    time: Any, event: Any, exposure_time: Any, *, entry: Any = None, strata: Any = None
) -> LogRank:
    """Test whether an exposure that begins during follow-up changes the hazard (Mantel and Byar 1974).

    Each subject is at risk as unexposed until the exposure begins and as exposed from then on; at each event
    the exposed share of those at risk is what was expected. This is the score test of Cox's model with the
    exposure as the time-dependent covariate, with the hypergeometric variance for tied events.

    Parameters
    ----------
    time, event
        follow-up from the origin, above 0; 1 or 0.
    exposure_time
        when the exposure began, on the same clock; missing if it never did. At the end of follow-up or
        later it is too late to count; at 0 the subject is exposed throughout.
    entry
        times of delayed entry, before the end of follow-up: a subject is at risk from then on, in the state
        of the moment.
    strata
        events are compared within a stratum only.

    Returns
    -------
    LogRank
        `groups` are "unexposed" and "exposed"; `n` counts the subjects who spent time in each state.

    Raises
    ------
    AnalysisError
        no events, nobody exposed or nobody unexposed when one happens, arrays of different length, missing or
        negative times, subjects followed for no time.
    """
    cut, happened = states(time, event, exposure_time, entry=entry, strata=strata)
    stratum = np.zeros(happened.size, dtype=np.int64) if strata is None else labels(strata, name="strata")[1]
    state = cut.exposed[:, 0].astype(np.int64)
    if not state.any():
        raise AnalysisError("too little data: nobody is exposed before the end of follow-up")
    ends_with_event = happened[cut.row] & cut.last
    return compared(
        risk_sets(cut.stop, ends_with_event, entries=cut.start, stratum=stratum[cut.row]),
        state,
        observed=tally(state[ends_with_event], size=2),
        n=np.bincount(state, minlength=2),
        groups=STATES,
    )


def states(
    time: Any, event: Any, exposure_time: Any, *, entry: Any, strata: Any = None
) -> tuple[Intervals, BoolArray]:
    """Return each subject's intervals without and with the exposure, and whether its event happened."""
    follow_up, happened = times(time), indicators(event)
    begins = exposure_times(exposure_time, name="exposure_time")
    entries = None if entry is None else times(entry, name="entry")
    same_length(time=follow_up, event=happened, exposure_time=begins, entry=entries, strata=strata)
    cut = intervals(follow_up, begins[:, None], name="time")
    if entries is None:
        return cut, happened
    if (entries >= follow_up).any():
        raise AnalysisError("entry must lie before time for every subject")
    return entered(cut, entries), happened
