"""Steps of a plan: each runs over a cohort and gives tidy statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort, cohort_of
from allpool.analysis.cohorts.curves import SurvivalCurves, survival_curves
from allpool.analysis.cohorts.membership import UNKNOWN, DerivedTables
from allpool.analysis.cohorts.pooling import PooledStudies, pool_responses, pool_survival
from allpool.analysis.cohorts.samples import Sample, grouped
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.estimators.kaplan_meier import KaplanMeier
from allpool.analysis.plans.plan import (
    CoxStep,
    LogRankStep,
    Plan,
    ProportionStep,
    Step,
    SurvivalStep,
    SynthesisStep,
)
from allpool.errors import AnalysisError


@dataclass(frozen=True)
class Statistic:
    """One number of one step; `value` is None where it cannot be told, and `note` says why."""

    statistic: str
    value: float | None
    group: str | None = None
    at: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    unit: str | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class StepResult:
    """What a step gave: statistics, the subjects behind them, and what can be drawn."""

    plan: Plan
    step: Step
    statistics: tuple[Statistic, ...]
    sample: Sample | None = None
    curves: SurvivalCurves | None = None
    pooled: PooledStudies | None = None

    @property
    def synthetic(self) -> bool:
        """Whether any subject behind it is synthetic."""
        return self.sample is not None and bool(self.sample.frame["synthetic"].any())


def run_step(plan: Plan, step: Step, tables: DerivedTables, catalogue: Catalogue) -> StepResult:
    """Run one step; what the data do not allow becomes a statistic `refused` whose note says why."""
    sample: Sample | None = None
    try:
        cohort = cohort_of(tables, catalogue, step.population, studies=step.studies or None)
        sample = cohort.sample(step.endpoint, by=step.by, definition=step.definition, override=step.override)
        sample = sample.without(step.excludes)
        run: Callable[..., StepResult] = _RUNS[type(step)]
        result = run(plan, step, sample, cohort)
    except AnalysisError as error:
        refused = Statistic("refused", None, note=error.message)
        return StepResult(plan, step, (refused,), sample)
    return replace(result, statistics=tuple(_noted(item, step) for item in result.statistics))


def _noted(item: Statistic, step: Step) -> Statistic:
    """Add what must be printed beside every number of the step."""
    notes = [item.note] if item.note else []
    if step.override:
        notes.append(f"groups are known only after time zero; compared all the same: {step.override}")
    notes += [f"study {study} left out: {reason}" for study, reason in step.excludes.items()]
    return replace(item, note="; ".join(notes) or None)


def _proportion(plan: Plan, step: ProportionStep, sample: Sample, cohort: Cohort) -> StepResult:
    from allpool.analysis.proportions import proportion

    if sample.frame.empty:
        raise AnalysisError(
            f"too little data: nobody is evaluable ({sample.note() or 'the cohort is empty'})"
        )
    statistics = []
    for group, frame in sample.groups():
        responders, n = int(frame["event"].sum()), len(frame)
        estimate = proportion(responders, n, method=step.method, level=step.level)
        statistics.append(
            Statistic(
                "proportion",
                estimate.estimate,
                group=group,
                lower=estimate.lower,
                upper=estimate.upper,
                n=n,
                note=_unknown(sample.note(group), cohort),
            )
        )
        statistics.append(Statistic("responders", responders, group=group, n=n))
    answered = {group for group, _ in sample.groups()}
    statistics += [
        Statistic("proportion", None, group=group, n=0, note=sample.note(group))
        for group in sorted(set(sample.left_out["group"]) - answered)
    ]
    return StepResult(plan, step, tuple(statistics), sample)


def _survival(plan: Plan, step: SurvivalStep, sample: Sample, cohort: Cohort) -> StepResult:
    curves = survival_curves(
        sample,
        title=cohort.title(step.endpoint, step.definition),
        unit=plan.unit,
        ci=step.ci,
        level=step.level,
        override=step.override,
    )
    statistics = []
    for group, curve in curves.items():
        note = _unknown(sample.note(group), cohort)
        statistics.append(Statistic("events", curve.events, group=group, n=curve.n, note=note))
        for row in curve.at(step.times).to_dict("records"):
            statistics += _at_time(row, group=group, n=curve.n, step=step, note=note)
        statistics.append(_median(curve, group=group, plan=plan, step=step))
    return StepResult(plan, step, tuple(statistics), sample, curves=curves)


def _median(curve: KaplanMeier, *, group: str, plan: Plan, step: SurvivalStep) -> Statistic:
    """Return the median; withheld where it is reached with too few at risk."""
    median = curve.quantile(0.5)
    value = _number(median.estimate)
    if value is None:
        lower = _number(median.lower)
        return Statistic(
            "median", None, group=group, lower=lower, n=curve.n, unit=plan.unit, note="median not reached"
        )
    at_risk = int(curve.at(value)["at_risk"].iloc[0])
    if at_risk < step.at_risk_minimum:
        few = f"median withheld: {at_risk} at risk, fewer than {step.at_risk_minimum}"
        return Statistic("median", None, group=group, n=curve.n, unit=plan.unit, note=few)
    return Statistic(
        "median",
        value,
        group=group,
        lower=_number(median.lower),
        upper=_number(median.upper),
        n=curve.n,
        unit=plan.unit,
    )


def _at_time(
    row: Mapping[Any, Any], *, group: str, n: int, step: SurvivalStep, note: str | None
) -> list[Statistic]:
    """Return survival, its standard error and the number at risk at one time; withheld where too few are."""
    at_risk = int(row["at_risk"])
    waiting = Statistic("at_risk", at_risk, group=group, at=row["time"], n=n)
    if at_risk < step.at_risk_minimum:
        few = f"withheld: {at_risk} at risk, fewer than {step.at_risk_minimum}"
        return [Statistic("survival", None, group=group, at=row["time"], n=n, note=few), waiting]
    survival = Statistic(
        "survival",
        _number(row["survival"]),
        group=group,
        at=row["time"],
        lower=_number(row["lower"]),
        upper=_number(row["upper"]),
        n=n,
        note=note,
    )
    error = Statistic("standard_error", _number(row["standard_error"]), group=group, at=row["time"], n=n)
    return [survival, error, waiting]


def _log_rank(plan: Plan, step: LogRankStep, sample: Sample, cohort: Cohort) -> StepResult:
    from allpool.analysis.estimators.logrank import logrank

    frame = sample.frame
    strata = None if step.strata is None else _column(step.strata, frame, cohort)
    test = logrank(frame["aval"], frame["event"], frame["group"], strata=strata)
    note = _unknown(sample.note(), cohort)
    if step.strata:
        note = f"stratified by {step.strata}" + (f"; {note}" if note else "")
    statistics = [
        Statistic("logrank_p", _number(test.p), n=len(frame), note=note),
        Statistic("logrank_chi2", _number(test.chi2), n=len(frame)),
        Statistic("logrank_df", test.df, n=len(frame)),
    ]
    for group, n, observed, expected in zip(test.groups, test.n, test.observed, test.expected, strict=True):
        statistics.append(Statistic("observed", float(observed), group=str(group), n=int(n)))
        statistics.append(Statistic("expected", float(expected), group=str(group), n=int(n)))
    return StepResult(plan, step, tuple(statistics), sample)


def _cox(plan: Plan, step: CoxStep, sample: Sample, cohort: Cohort) -> StepResult:
    import warnings

    from allpool.analysis.estimators.cox import cox
    from allpool.analysis.estimators.cox_likelihood import MonotoneLikelihoodWarning

    frame = sample.frame[["usubjid", "aval", "event"]].copy()
    for name in (*step.covariates, *step.strata):
        frame[name] = _column(name, sample.frame, cohort).to_numpy()
    known = (frame[[*step.covariates, *step.strata]] != UNKNOWN).all(axis=1)
    lost = int((~known).sum())
    frame = frame[known].reset_index(drop=True)
    for name in step.covariates:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if numbers.notna().all():
            frame[name] = numbers.astype(float)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MonotoneLikelihoodWarning)
        model = cox(
            frame,
            "aval",
            "event",
            list(step.covariates),
            strata=list(step.strata) or None,
            ties=step.ties,
            level=step.level,
        )
    notes = [str(item.message) for item in caught if item.category is MonotoneLikelihoodWarning]
    notes += [f"{lost} left out: a covariate or stratum is unknown"] if lost else []
    notes += [f"stratified by {', '.join(step.strata)}"] if step.strata else []
    notes += [text] if (text := _unknown(sample.note(), cohort)) else []
    statistics = [Statistic("events", model.events, n=model.n, note="; ".join(notes) or None)]
    for row in model.table.to_dict("records"):
        term = str(row["term"])
        statistics.append(
            Statistic(
                "hazard_ratio",
                _number(row["hazard_ratio"]),
                group=term,
                lower=_number(row["lower"]),
                upper=_number(row["upper"]),
                n=model.n,
            )
        )
        statistics.append(Statistic("p", _number(row["p"]), group=term, n=model.n))
    return StepResult(plan, step, tuple(statistics), sample)


def _synthesis(plan: Plan, step: SynthesisStep, sample: Sample, cohort: Cohort) -> StepResult:
    title = cohort.title(step.endpoint, step.definition)
    if step.at is None:
        pooled = pool_responses(
            sample, title=title, model=step.model, method=step.method, test=step.test, level=step.level
        )
    else:
        pooled = pool_survival(
            sample,
            title=title,
            at=step.at,
            unit=plan.unit,
            method=step.method,
            test=step.test,
            level=step.level,
            at_risk_minimum=step.at_risk_minimum,
        )
    statistics = [
        Statistic(
            "study_estimate",
            _number(row["estimate"]),
            group=str(row["study"]),
            at=step.at,
            lower=_number(row["lower"]),
            upper=_number(row["upper"]),
            n=int(row["n"]),
            note=f"weight {row['weight']:.1f} %",
        )
        for row in pooled.studies.to_dict("records")
    ]
    n = int(pooled.studies["n"].sum())
    note = "; ".join((pooled.model, *pooled.left_out))
    for name, part in (("pooled", pooled.random), ("pooled_common_effect", pooled.fixed)):
        statistics.append(
            Statistic(
                name,
                _number(part.estimate),
                at=step.at,
                lower=_number(part.lower),
                upper=_number(part.upper),
                n=n,
                note=note if name == "pooled" else None,
            )
        )
    few = None if pooled.k >= 3 else "a prediction interval needs three studies"
    statistics.append(
        Statistic(
            "prediction",
            None if few else _number(pooled.random.estimate),
            at=step.at,
            lower=_number(pooled.prediction_lower),
            upper=_number(pooled.prediction_upper),
            n=n,
            note=few,
        )
    )
    for name in ("tau2", "i2", "q", "q_p"):
        unit = "percent" if name == "i2" else None
        statistics.append(Statistic(name, _number(getattr(pooled, name)), at=step.at, n=n, unit=unit))
    return StepResult(plan, step, tuple(statistics), sample, pooled=pooled)


_RUNS: Mapping[type, Callable[..., StepResult]] = {
    ProportionStep: _proportion,
    SurvivalStep: _survival,
    LogRankStep: _log_rank,
    CoxStep: _cox,
    SynthesisStep: _synthesis,
}


def _column(name: str, frame: pd.DataFrame, cohort: Cohort) -> pd.Series:
    """Return a column of adsl or a baseline element for a sample; never one of after time zero."""
    groups = grouped(cohort.subjects, name, tables=cohort.tables, catalogue=cohort.catalogue)
    if groups.after_time_zero:
        raise AnalysisError(
            f"{name} is known only after time zero and cannot be a baseline covariate or stratum"
        )
    return frame["usubjid"].map(groups.of)


def _unknown(note: str | None, cohort: Cohort) -> str | None:
    """Add how many it cannot be told of whether they belong to the population."""
    if not cohort.unknown:
        return note
    more = f"{cohort.unknown} of whom it is not known whether they belong to the population"
    return f"{note}; {more}" if note else more


def _number(value: float) -> float | None:
    """Return a finite number, or None for nan and infinity, which no database column should hold."""
    number = float(value)
    return number if isfinite(number) else None
