"""Recipes that count and describe: shares, units, values, periods, adverse events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import numpy as np
import pandas as pd

from allpool.analysis.proportions import proportion
from allpool.analysis.published.recipes import (
    AdverseEventsRecipe,
    Chosen,
    CountRecipe,
    DistinctRecipe,
    PeriodRecipe,
    ProportionRecipe,
    SummaryRecipe,
    UnitsRecipe,
    ValuesRecipe,
)
from allpool.analysis.published.recomputed import Recomputed, Value, brought, unknown_note
from allpool.analysis.published.subjects import Asked
from allpool.errors import AnalysisError

EXACT: Final = "clopper-pearson"


def count(recipe: CountRecipe | ProportionRecipe, asked: Asked) -> Recomputed:
    """Return how many of the subjects are in the numerator, as a share with its exact interval."""
    met = asked.met(recipe.numerator)
    chosen = met.fillna(False).astype(bool)
    items = (*recipe.numerator.where, *recipe.numerator.any_of)
    method = EXACT if isinstance(recipe, CountRecipe) else recipe.interval
    how = "count of subjects" if isinstance(recipe, CountRecipe) else f"share of subjects, {method} interval"
    return Recomputed(
        _share(int(chosen.sum()), asked.n, method),
        brought(asked, event=chosen, items=(*items, *recipe.where)),
        how,
        asked.n,
        unknown_note(asked, met if items else None),
    )


def units(recipe: UnitsRecipe, asked: Asked) -> Recomputed:
    """Return how many units (courses) count, over all units of all subjects."""
    parts, total, hits = [], 0, 0
    for number, unit in enumerate(recipe.units, start=1):
        having = asked.of(Chosen(where=unit.where))
        met = having.met(unit.numerator).fillna(False).astype(bool)
        total, hits = total + having.n, hits + int(met.sum())
        items = (*unit.numerator.where, *unit.numerator.any_of, *unit.where)
        frame = brought(having, event=met, items=items)
        parts.append(frame.assign(group_value=str(number)))
    subjects = pd.concat(parts, ignore_index=True)
    own = subjects.groupby("usubjid", sort=True).agg(
        event=("event", "max"), aval=("event", "size"), srcdom=("srcdom", "first"), srcid=("srcid", "first")
    )
    rows = own.reset_index().assign(group_value=None, description="units of this subject stand in aval")
    return Recomputed(_share(hits, total, EXACT), rows, "count of units, not of subjects", total)


def distinct(recipe: DistinctRecipe, asked: Asked) -> Recomputed:
    """Return the number of different values."""
    values = asked.values(recipe.of)
    figures: dict[str, Value] = {"value": float(values.dropna().nunique())}
    group = values.map(str)
    return Recomputed(
        figures,
        brought(asked, group=group, items=(recipe.of,)),
        f"count of different values of {recipe.of.name}",
        asked.n,
    )


def summary(recipe: SummaryRecipe, asked: Asked) -> Recomputed:
    """Return median, mean, range, quartiles and sum of a value of the subjects who have one."""
    numbers = asked.numbers(recipe.of)
    known = numbers.dropna().to_numpy(dtype=float)
    if known.size == 0:
        raise AnalysisError(f"too little data: {recipe.of.name} is known of nobody")
    q1, median, q3 = np.percentile(known, [25, 50, 75])  # linear between ranks: R's type 7
    figures: dict[str, Value] = {
        "value": float(known.size),
        "median": float(median),
        "mean": float(known.mean()),
        "sum": float(known.sum()),
        "min": float(known.min()),
        "max": float(known.max()),
        "q1": float(q1),
        "q3": float(q3),
    }
    return Recomputed(
        figures,
        brought(asked, aval=numbers, items=(recipe.of,)),
        f"summary of {recipe.of.name}",
        int(known.size),
        _missing(asked, numbers, recipe.of.name),
    )


def values(recipe: ValuesRecipe, asked: Asked) -> Recomputed:
    """Return each value, smallest first."""
    numbers = asked.numbers(recipe.of)
    found = tuple(sorted(float(number) for number in numbers.dropna()))
    figures: dict[str, Value] = {"values": found, "value": found[0] if len(found) == 1 else None}
    return Recomputed(
        figures,
        brought(asked, aval=numbers, items=(recipe.of,)),
        f"each value of {recipe.of.name}",
        len(found),
        _missing(asked, numbers, recipe.of.name),
    )


def period(recipe: PeriodRecipe, asked: Asked) -> Recomputed:
    """Return the first and the last date."""
    dates = [_date(value) for value in asked.values(recipe.of).dropna()]
    if not dates:
        raise AnalysisError(f"too little data: {recipe.of.name} is known of nobody")
    figures: dict[str, Value] = {"first": min(dates), "last": max(dates)}
    return Recomputed(
        figures,
        brought(asked, items=(recipe.of,)),
        f"first and last {recipe.of.name}; within the printed period",
        len(dates),
    )


def adverse_events(recipe: AdverseEventsRecipe, asked: Asked) -> Recomputed:
    """Return the subjects with an event of the terms and grades, each counted once."""
    who, events = asked.usubjid, asked.study.events
    keep = pd.Series(True, index=events.index)
    if recipe.terms:
        keep &= events["aedecod"].isin(list(recipe.terms))
    if recipe.grade is not None:
        keep &= events["grade"].between(*recipe.grade)
    worst = events.loc[keep, ["usubjid", "grade", "srcdom", "srcid"]].drop_duplicates("usubjid")
    one = worst.set_index("usubjid")
    hit = who.isin(one.index)
    rows = brought(asked, event=hit, aval=who.map(one["grade"]))
    for name in ("srcdom", "srcid"):
        rows[name] = who.map(one[name]).where(hit, rows[name])
    grades = "" if recipe.grade is None else f" of grade {'-'.join(map(str, sorted(set(recipe.grade))))}"
    return Recomputed(
        _share(int(hit.sum()), asked.n, EXACT),
        rows,
        f"subjects with an adverse event{grades}",
        asked.n,
        unknown_note(asked),
    )


def _share(hits: int, total: int, method: str) -> dict[str, Value]:
    if total == 0:
        raise AnalysisError("too little data: nobody is in the denominator")
    estimate = proportion(hits, total, method=method)
    return {
        "value": float(hits),
        "numerator": float(hits),
        "denominator": float(total),
        "percent": 100 * estimate.estimate,
        "lower": 100 * estimate.lower,
        "upper": 100 * estimate.upper,
    }


def _missing(asked: Asked, numbers: pd.Series, name: str) -> tuple[str, ...]:
    lost = int(numbers.isna().sum())
    notes = unknown_note(asked)
    return (*notes, f"{lost} of whom {name} is not known are left out") if lost else notes


def _date(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
