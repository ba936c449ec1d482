"""Answers in which each person counts once, and what would come out if others were taken for one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.duplicates import Treatment, note
from allpool.analysis.plans.plan import Plan
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import Answer, Statistic, joined
from allpool.errors import AnalysisError

REPEATED: Final = (
    "proportion",
    "survival",
    "incidence",
    "logrank_p",
    "gray_p",
    "hazard_ratio",
    "odds_ratio",
    "restricted_mean_difference",
    "mean_ratio",
    "wilcoxon_p",
    "pooled",
)
"""Statistics that stand for their step, and are told again with other people taken for one person."""

SUFFIXES: Final[Mapping[Treatment, str]] = {
    "candidates": "_candidates_excluded",
    "none": "_duplicates_kept",
}
"""What is taken for one person -> end of the statistic's name."""
WHY: Final[Mapping[Treatment, str]] = {
    "candidates": "sensitivity: pairs that wait for a decision are taken for one person too",
    "none": "sensitivity: nobody is left out as a duplicate",
}


def answer_once(plan: Plan, step: Step, cohort: Cohort) -> Answer:
    """Return a step's answer in which each person counts once, with its sensitivity to who is one person.

    Where the store has no links, where the step tells studies apart and where the plan keeps duplicates, this
    is the step's own answer over everybody, and nothing is computed twice. An answer under another treatment
    is told where that leaves out others than the first.
    """
    everybody = cohort.distinct("none")
    if plan.duplicates == "keep" or cohort.tables.links.empty or not step.shares_estimates():
        return step.answer(everybody, plan.unit)
    once = cohort.distinct(excludes=step.excludes)
    answer = step.answer(once, plan.unit)
    others: dict[Treatment, Cohort] = {
        "candidates": cohort.distinct("candidates", excludes=step.excludes),
        "none": everybody,
    }
    more = [
        item
        for treatment, other in others.items()
        if answer.table is None and other.n != once.n
        for item in _again(step, other, plan.unit, treatment)
    ]
    return _with_duplicates(answer, once.duplicates, more)


def base_of(statistic: str) -> str | None:
    """Return the statistic that one of a sensitivity analysis repeats; None where it is of none."""
    found = next((suffix for suffix in SUFFIXES.values() if statistic.endswith(suffix)), None)
    return statistic.removesuffix(found) if found else None


def _again(step: Step, cohort: Cohort, unit: str, treatment: Treatment) -> list[Statistic]:
    """Return the main statistics over another cohort, under names of their own."""
    suffix = SUFFIXES[treatment]
    try:
        found = step.answer(cohort, unit).statistics
    except AnalysisError as error:
        return [Statistic(f"refused{suffix}", None, note=joined(WHY[treatment], error.message))]
    said = joined(WHY[treatment], note(cohort.duplicates))
    return [
        replace(item, statistic=f"{item.statistic}{suffix}", note=said)
        for item in found
        if item.statistic in REPEATED
    ]


def _with_duplicates(answer: Answer, out: pd.DataFrame | None, more: list[Statistic]) -> Answer:
    """Return an answer with further statistics, the note on duplicates, and who was left out as one."""
    said = note(out)
    if out is None or said is None:
        return replace(answer, statistics=(*answer.statistics, *more))
    statistics = [
        item if said in (item.note or "") else replace(item, note=joined(item.note, said))
        for item in answer.statistics
    ]
    reasons = [
        f"the same person as {kept} (study {study}), who is counted"
        for kept, study in zip(out["kept"], out["kept_study"], strict=True)
    ]
    gone = out[["usubjid", "studyid"]].assign(group=None, reason=reasons)
    left_out = pd.concat([frame for frame in (answer.left_out, gone) if len(frame)], ignore_index=True)
    return replace(answer, statistics=(*statistics, *more), left_out=left_out)
