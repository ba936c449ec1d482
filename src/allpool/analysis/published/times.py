"""Recipes on times to an event: survival, cumulative incidence, log-rank test."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan

import pandas as pd

from allpool.analysis.cohorts.samples import Sample, evaluable
from allpool.analysis.published.recipes import (
    Chosen,
    CumulativeIncidenceRecipe,
    LogRankRecipe,
    SurvivalRecipe,
    TimeRecipe,
)
from allpool.analysis.published.recomputed import SUBJECTS, Recomputed, Value, unknown_note
from allpool.analysis.published.subjects import Asked
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError

CENSORED, EVENT = 0, 1


def survival(recipe: SurvivalRecipe, asked: Asked) -> Recomputed:
    """Return Kaplan-Meier survival at a time, with its standard error and interval, and the median."""
    from allpool.analysis.estimators.kaplan_meier import kaplan_meier

    sample = sample_of(recipe, asked)
    frame = sample.frame
    months = frame["aval"] / days_per(recipe.unit)
    curve = kaplan_meier(months, frame["event"], ci=recipe.interval)
    median = curve.quantile(0.5).estimate
    figures: dict[str, Value] = {"median": inf if isnan(median) else median, "denominator": float(len(frame))}
    if recipe.at is not None:
        row = curve.at([recipe.at]).iloc[0]
        figures |= {
            "percent": 100 * float(row["survival"]),
            "standard_error": 100 * float(row["standard_error"]),
            "lower": 100 * float(row["lower"]),
            "upper": 100 * float(row["upper"]),
            "numerator": float(len(frame) - ((frame["event"] == 1) & (months <= recipe.at)).sum()),
        }
    at = f" at {recipe.at:g} {recipe.unit}s" if recipe.at is not None else ", median"
    how = f"Kaplan-Meier of {recipe.endpoint}/{recipe.definition}{at}, {recipe.interval} interval"
    return Recomputed(figures, _rows(sample), how, len(frame), _notes(recipe, asked, sample))


def cumulative_incidence(recipe: CumulativeIncidenceRecipe, asked: Asked) -> Recomputed:
    """Return the cumulative incidence of the event before its competing events at a time."""
    from allpool.analysis.competing import cumulative_incidence as aalen_johansen

    sample = sample_of(recipe, asked)
    frame = sample.frame
    time = frame["aval"] / days_per(recipe.unit)
    found = aalen_johansen(time, frame["cause"]).at([recipe.at])
    own = found[found["cause"] == EVENT]
    by_then = (frame["cause"] == EVENT) & (time <= recipe.at)
    figures: dict[str, Value] = {
        "percent": 0.0 if own.empty else 100 * float(own["incidence"].iloc[0]),
        "standard_error": 0.0 if own.empty else 100 * float(own["standard_error"].iloc[0]),
        "numerator": float(by_then.sum()),
        "denominator": float(len(frame)),
    }
    how = (
        f"cumulative incidence of {recipe.endpoint}/{recipe.definition} at {recipe.at:g} {recipe.unit}s "
        "before competing events (Aalen-Johansen)"
    )
    return Recomputed(figures, _rows(sample), how, len(frame), _notes(recipe, asked, sample))


def log_rank(recipe: LogRankRecipe, asked: Asked) -> Recomputed:
    """Return the log-rank test of the groups; who is in none of them is left out."""
    from allpool.analysis.estimators.logrank import logrank

    sample = sample_of(recipe, asked)
    group = groups_of(recipe.groups, asked)
    frame = sample.frame.assign(group=sample.frame["usubjid"].map(group))
    outside = int(frame["group"].isna().sum())
    frame = frame[frame["group"].notna()].reset_index(drop=True)
    test = logrank(frame["aval"], frame["event"], frame["group"])
    notes = _notes(recipe, asked, sample)
    if outside:
        notes = (*notes, f"{outside} in none of the groups are left out")
    sizes = ", ".join(f"{name} {size}" for name, size in frame["group"].value_counts(sort=False).items())
    rows = _rows(sample)
    rows["group_value"] = rows["usubjid"].map(group)
    how = f"log-rank test of {recipe.endpoint}/{recipe.definition}: {sizes}"
    return Recomputed({"p": float(test.p)}, rows, how, len(frame), notes)


def sample_of(recipe: TimeRecipe, asked: Asked) -> Sample:
    """Return the subjects with a time; `AnalysisError` where nobody has one."""
    sample = asked.cohort().sample(recipe.endpoint, definition=recipe.definition, override=recipe.override)
    return evaluable(sample)


def groups_of(groups: Mapping[str, Chosen], asked: Asked) -> pd.Series:
    """Return usubjid -> group; `AnalysisError` where somebody is in two, or a group is empty."""
    found = pd.Series(pd.NA, index=asked.usubjid, dtype=object)
    for name, choice in groups.items():
        inside = asked.met(choice).fillna(False).astype(bool).to_numpy()
        if not inside.any():
            raise AnalysisError(f"too little data: nobody is in group {name}")
        if found[inside].notna().any():
            raise AnalysisError(f"group {name} shares subjects with another group")
        found[inside] = name
    return found


def _rows(sample: Sample) -> pd.DataFrame:
    """Return everybody in the sample, and those left out with the reason."""
    inside = sample.frame.assign(group_value=None)[list(SUBJECTS)]
    outside = sample.left_out.rename(columns={"reason": "description"}).reindex(columns=list(SUBJECTS))
    outside = outside.assign(group_value=None)
    both = [part.astype(object) for part in (inside, outside) if len(part)]
    return pd.concat(both, ignore_index=True)


def _notes(recipe: TimeRecipe, asked: Asked, sample: Sample) -> tuple[str, ...]:
    notes = list(unknown_note(asked))
    if (left_out := sample.note()) is not None:
        notes.append(left_out)
    if recipe.override:
        notes.append(f"counted although known only after time zero: {recipe.override}")
    return tuple(notes)
