"""Running a step: the cohort it asks for, its answer, and what must be printed beside every number."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from allpool.analysis.cohorts.cohort import cohort_of
from allpool.analysis.cohorts.membership import DerivedTables
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.plans.plan import Plan
from allpool.analysis.plans.sensitivity import answer_once
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import Answer, Statistic
from allpool.errors import AnalysisError

NOBODY = pd.DataFrame({"usubjid": [], "studyid": [], "group": [], "synthetic": []}, dtype=object)


@dataclass(frozen=True, eq=False)
class StepResult:
    """A step of a plan and what it gave."""

    plan: Plan
    step: Step
    answer: Answer

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The numbers."""
        return self.answer.statistics

    @property
    def synthetic(self) -> bool:
        """Whether any subject behind it is synthetic."""
        return "synthetic" in self.answer.subjects and bool(self.answer.subjects["synthetic"].any())


def run_step(plan: Plan, step: Step, tables: DerivedTables, catalogue: Catalogue) -> StepResult:
    """Run one step; what the data do not allow becomes a statistic `refused` whose note says why."""
    try:
        _check_excluded(step, tables)
        cohort = cohort_of(tables, catalogue, step.population, studies=step.studies or None)
        if step.where:
            cohort = cohort.where(*step.where)
        answer = answer_once(plan, step, cohort)
    except AnalysisError as error:
        refused = Statistic("refused", None, note=error.message)
        return StepResult(plan, step, Answer((refused,), NOBODY, NOBODY))
    return StepResult(
        plan, step, replace(answer, statistics=tuple(_noted(item, step) for item in answer.statistics))
    )


def _check_excluded(step: Step, tables: DerivedTables) -> None:
    """Raise `AnalysisError` where a study is said to be left out that the store does not have."""
    strange = sorted(set(step.excludes) - set(tables.adsl["studyid"]))
    if strange:
        raise AnalysisError(f"`excludes` names study {', '.join(strange)}, of which the store has nobody")


def _noted(item: Statistic, step: Step) -> Statistic:
    """Add what must be printed beside every number of the step."""
    notes = [item.note] if item.note else []
    more = [f"a guard was overridden: {step.override}"] if step.override else []
    more += [f"study {study} left out: {reason}" for study, reason in step.excludes.items()]
    notes += [note for note in more if note not in (item.note or "")]
    return replace(item, note="; ".join(notes) or None)
