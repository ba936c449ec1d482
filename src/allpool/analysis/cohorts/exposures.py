"""When an exposure came, on the clock of the endpoint that it is held against."""

from __future__ import annotations

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.definitions.conditions import Event, Response
from allpool.analysis.definitions.forms import ResponseDefinition, TimeDefinition
from allpool.errors import AnalysisError


def exposure_times(
    cohort: Cohort,
    sample: Sample,
    *,
    endpoint: str,
    definition: str,
    event: Event | None = None,
    response: Response | None = None,
) -> pd.Series:
    """Return usubjid -> days from the origin of `endpoint` to the exposure, missing where it never came.

    An event counts from the same origin, a response from the day of its assessment (known where its window
    counts from that origin, or by default from the first dose). Raises `AnalysisError` where the clocks
    differ, or where it cannot be told of some subject of the sample whether or when it was exposed.
    """
    own = cohort.catalogue.definition(endpoint, definition)
    if not isinstance(own, TimeDefinition):
        raise AnalysisError(f"{endpoint} is no time to an event; an exposure is held against one")
    if event is not None:
        return _of_event(cohort, sample, event, origin=own.origin)
    if response is None:
        raise AnalysisError("an exposure is one of `event` and `response`")
    return _of_response(cohort, sample, response, origin=own.origin)


def _of_event(cohort: Cohort, sample: Sample, event: Event, *, origin: str) -> pd.Series:
    asked = cohort.catalogue.definition(event.endpoint, event.definition)
    if not isinstance(asked, TimeDefinition):
        raise AnalysisError(f"{event.endpoint} is no time to an event; name it as a response")
    if asked.origin != origin:
        raise AnalysisError(
            f"{event.endpoint}/{event.definition} counts from {asked.origin}, the endpoint from {origin}; "
            "take a definition with the same origin"
        )
    rows = cohort.tables.times(event.endpoint, event.definition)
    rows = rows[rows["usubjid"].isin(sample.frame["usubjid"])]
    untold = rows.loc[rows["cnsr"].isna(), "evntdesc"]
    _all_told(sample, rows, untold, what=f"when {event.endpoint} came", kind="event")
    return rows[rows["cnsr"] == 0].set_index("usubjid")["aval"]


def _of_response(cohort: Cohort, sample: Sample, response: Response, *, origin: str) -> pd.Series:
    asked = cohort.catalogue.definition(response.endpoint, response.definition)
    if not isinstance(asked, ResponseDefinition):
        raise AnalysisError(f"{response.endpoint} is no response; name it as an event")
    since = asked.window.since if asked.window is not None and asked.window.since else "first_dose"
    if since != origin:
        raise AnalysisError(
            f"the assessments of {response.endpoint}/{response.definition} are dated from {since}, "
            f"the endpoint from {origin}; take a definition with the same origin"
        )
    rows = cohort.tables.answers(response.endpoint, response.definition)
    rows = rows[rows["usubjid"].isin(sample.frame["usubjid"])]
    untold = rows.loc[rows["avalc"].isna(), "reason"]
    _all_told(sample, rows, untold, what=f"whether {response.endpoint} was reached", kind="response")
    yes = rows[rows["avalc"] == "Y"]
    if yes["ady"].isna().any():
        count = int(yes["ady"].isna().sum())
        raise AnalysisError(
            f"of {count} subjects the day of {response.endpoint} is not known; name what exposes as an "
            "event, or leave them out by a condition on the step"
        )
    return yes.set_index("usubjid")["ady"].clip(lower=0)


def _all_told(sample: Sample, rows: pd.DataFrame, untold: pd.Series, *, what: str, kind: str) -> None:
    """Check that of each subject of the sample it is told; who is silent was not simply never exposed."""
    absent = len(sample.frame) - len(rows)
    reasons = [str(reason) for reason in untold] + ["the definition is not meant for this study"] * absent
    if reasons:
        raise AnalysisError(
            f"of {len(reasons)} subjects it cannot be told {what} ({reasons[0]}); leave them out by a "
            f"condition on the step, `{kind}: {{endpoint: ..., definition: ...}}` with `known: true`"
        )
