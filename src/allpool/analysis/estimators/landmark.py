"""The landmark analysis: compare by what was known at a fixed time, among those still at risk then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import indicators, number, times
from allpool.analysis.estimators.design import present_columns
from allpool.errors import AnalysisError

ADDED = ("exposed", "time_from_landmark")


def landmark(frame: pd.DataFrame, *, at: float, time: str, event: str, exposure_time: str) -> pd.DataFrame:
    """Return the subjects still followed past the landmark, with their exposure as known at it.

    A subject stays if its `time` lies beyond `at`; it counts as exposed if `exposure_time` is at or
    before `at`. A missing `exposure_time` means never exposed; a later exposure is not yet known at
    the landmark and does not count (Anderson, Cain and Gelber 1983).

    Parameters
    ----------
    at
        the landmark, in the unit of the columns, counted from the same origin.
    time, event, exposure_time
        names of columns: follow-up time, 1 or 0, time of exposure or missing.

    Returns
    -------
    DataFrame
        the rows at risk with all their columns, and `exposed` (1 or 0) and `time_from_landmark`.

    Raises
    ------
    AnalysisError
        an absent column, a column named as those added, missing or negative times, a landmark that
        nobody passes.
    """
    present_columns(frame, (time, event, exposure_time))
    taken = [name for name in ADDED if name in frame.columns]
    if taken:
        raise AnalysisError(f"the frame already has a column {', '.join(taken)}; rename it first")
    if not 0 <= number(at, name="the landmark") < np.inf:
        raise AnalysisError(f"the landmark must be a time of at least 0, not {at}")
    follow_up = times(frame[time], name=time)
    indicators(frame[event], name=event)
    known = frame[exposure_time].notna().to_numpy()
    exposed = np.zeros(len(frame), dtype=np.int64)
    exposed[known] = times(frame.loc[known, exposure_time], name=exposure_time) <= at
    stays = follow_up > at
    if not stays.any():
        raise AnalysisError(f"too little data: nobody is followed past the landmark at {at:g}")
    kept = frame.loc[stays]
    added = pd.DataFrame(
        {"exposed": exposed[stays], "time_from_landmark": follow_up[stays] - at}, index=kept.index
    )
    return pd.concat([kept, added], axis=1)
