"""Steps that model: Cox, Fine-Gray, logistic."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Literal

import pandas as pd
from pandas.api.types import is_numeric_dtype
from pydantic import Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import Grouping, Sample, decided, evaluable, punctual
from allpool.analysis.estimators.splines import restricted_cubic
from allpool.analysis.plans.steps.base import (
    Answer,
    EndpointStep,
    Statistic,
    design,
    joined,
    limits,
    number,
    pooled_studies,
    term_statistics,
    unknown_membership,
)
from allpool.analysis.plans.steps.survival import TimeStep
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import Many

if TYPE_CHECKING:
    from allpool.analysis.survival import CoxModel


BEND = "bend"
"""What the column of a spline is called that tells it from a straight line."""


class RegressionStep(EndpointStep):
    """A step that models an endpoint by covariates known at time zero."""

    covariates: Many = ()
    per: Mapping[str, float] = Field(default_factory=dict)
    """Covariate -> how many of its units a ratio is for (10 for ten years, or ten percent of blasts)."""
    interactions: tuple[tuple[str, str], ...] = ()
    """Pairs of number covariates whose product enters too."""
    splines: Many = ()
    """Number covariates that act along a curve: a restricted cubic spline of three knots. P of its `bend` is
    the test of linearity."""

    @property
    def grouped(self) -> bool:
        """No: what tells subjects apart are the covariates."""
        return False

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """The covariates."""
        return [*super().groupings_named(), *(("covariates", name) for name in self.covariates)]

    def modelled(
        self, cohort: Cohort, sample: Sample, *, others: tuple[str, ...] = ()
    ) -> tuple[pd.DataFrame, list[str], str | None]:
        """Return the frame of the model, the names of its columns, and what must be printed beside it."""
        override = self.override is not None
        frame, lost = design(self.covariates, sample, cohort, others=others, override=override)
        for name, units in self.per.items():
            if name not in self.covariates or not is_numeric_dtype(frame[name]):
                raise AnalysisError(f"`per` names {name}, which is no covariate that is a number")
            frame[name] = frame[name] / units
        names = list(self.covariates)
        knots = []
        for name in self.splines:
            if name not in self.covariates or not is_numeric_dtype(frame[name]):
                raise AnalysisError(f"`splines` names {name}, which is no covariate that is a number")
            names.append(f"{name} {BEND}")
            frame[names[-1]], stand = restricted_cubic(frame[name], name=name)
            knots.append(f"spline of {name} with knots at {', '.join(f'{knot:g}' for knot in stand)}")
        for first, second in self.interactions:
            if not all(name in frame and is_numeric_dtype(frame[name]) for name in (first, second)):
                raise AnalysisError(
                    f"the interaction of {first} and {second} needs two covariates that are numbers"
                )
            for one, other in product(self._parts(first), self._parts(second)):
                names.append(f"{one} x {other}")
                frame[names[-1]] = frame[one] * frame[other]
        note = joined(
            pooled_studies(self, sample),
            *(f"{name} per {units:g}" for name, units in self.per.items()),
            *knots,
            _left(lost),
            unknown_membership(sample.note(), cohort),
        )
        return frame, names, note

    def _parts(self, name: str) -> list[str]:
        """Return the columns that a covariate enters with."""
        return [name, f"{name} {BEND}"] if name in self.splines else [name]


def _left(lost: int) -> str | None:
    return f"{lost} left out: a covariate or stratum is unknown" if lost else None


def cox_model(
    frame: pd.DataFrame,
    names: list[str],
    *,
    time: str = "aval",
    entry: str | None = None,
    strata: tuple[str, ...] = (),
    ties: str = "efron",
    level: float,
) -> tuple[CoxModel, list[str]]:
    """Return a Cox model of `event`, and what it warns of, which is printed beside it."""
    from allpool.analysis.survival import MonotoneLikelihoodWarning, cox

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MonotoneLikelihoodWarning)
        model = cox(
            frame, time, "event", names, entry=entry, strata=list(strata) or None, ties=ties, level=level
        )
    said = [str(item.message) for item in caught if item.category is MonotoneLikelihoodWarning]
    for item in caught:
        if item.category is not MonotoneLikelihoodWarning:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    return model, said


class CoxStep(RegressionStep, TimeStep):
    """Cox model of covariates known at time zero, stratified or not."""

    estimator: Literal["cox"]
    covariates: Many
    strata: Many = ()
    ties: Literal["efron", "breslow"] = "efron"

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """The covariates and the strata."""
        return [*super().groupings_named(), *(("strata", name) for name in self.strata)]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the hazard ratio and P of each term."""
        sample = evaluable(self.sample(cohort))
        frame, names, note = self.modelled(cohort, sample, others=self.strata)
        model, said = cox_model(
            frame,
            names,
            entry="entry" if sample.delayed else None,
            strata=self.strata,
            ties=self.ties,
            level=self.level,
        )
        strata = f"stratified by {', '.join(self.strata)}" if self.strata else None
        events = Statistic("events", model.events, n=model.n, note=joined(*said, strata, note))
        terms = term_statistics(model.table, "hazard_ratio", n=model.n, said=said)
        return Answer.of(sample, [events, *terms])


class FineGrayStep(RegressionStep, TimeStep):
    """Fine and Gray's model of the subdistribution hazard, in the presence of competing events."""

    estimator: Literal["fine-gray"]
    competing: ClassVar[bool] = True
    covariates: Many

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the subdistribution hazard ratio and P of each term."""
        from allpool.analysis.competing import fine_gray

        sample = punctual(evaluable(self.sample(cohort)), "Fine and Gray's model")
        frame, names, note = self.modelled(cohort, sample)
        model = fine_gray(frame, "aval", "cause", names, level=self.level)
        events = Statistic("events", model.events, n=model.n, note=note)
        return Answer.of(sample, [events, *term_statistics(model.table, "hazard_ratio", n=model.n)])


class LogisticStep(RegressionStep):
    """Logistic model of a response, in one stage over studies where `study` says how.

    Firth's penalty is taken where the likelihood has no maximum (separation), or always where asked.
    """

    estimator: Literal["logistic"]
    study: Literal["stratified", "random"] | None = None
    """An intercept for each study, or study intercepts that are normal around a common one."""
    penalty: Literal["auto", "none", "firth"] = "auto"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the odds ratio and P of each term, and with random study intercepts their variance."""
        from allpool.analysis.logistic import logistic
        from allpool.analysis.one_stage import one_stage_logistic

        sample = decided(evaluable(self.sample(cohort)), override=self.override)
        frame, names, note = self.modelled(cohort, sample)
        if self.study == "random":
            pooled = one_stage_logistic(
                frame, "event", names, study="studyid", effect="random", level=self.level
            )
            events = Statistic("events", pooled.events, n=pooled.n, note=joined(*pooled.left_out, note))
            spread = Statistic("tau2", number(pooled.between), n=pooled.n)
            terms = term_statistics(pooled.table, "odds_ratio", n=pooled.n)
            return Answer.of(sample, [events, *terms, spread])
        strata = "studyid" if self.study else None
        model = logistic(frame, "event", names, strata=strata, penalty=self.penalty, level=self.level)
        own = "an intercept for each study" if self.study else None
        note = joined(model.note, own, note)
        events = Statistic("events", number(model.events), n=model.n, note=note)
        return Answer.of(sample, [events, *term_statistics(model.table, "odds_ratio", n=model.n)])


class RestrictedMeanRegressionStep(RegressionStep, TimeStep):
    """Difference in time lived without the event up to a horizon, adjusted by regression of pseudo-values."""

    estimator: Literal["restricted-mean-regression"]
    covariates: Many
    tau: float = Field(gt=0)
    strata: Many = ()
    """Each has a level of its own, so that covariates are compared within (studies)."""

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """The covariates and the strata."""
        return [*super().groupings_named(), *(("strata", name) for name in self.strata)]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the difference in restricted mean, with its robust interval, and P of each term."""
        from allpool.analysis.survival import restricted_mean_regression

        sample = punctual(evaluable(self.sample(cohort)), "the restricted mean")
        frame, names, note = self.modelled(cohort, sample, others=self.strata)
        frame["aval"] = frame["aval"] / days_per(unit)
        model = restricted_mean_regression(
            frame, "aval", "event", names, tau=self.tau, strata=list(self.strata) or None, level=self.level
        )
        strata = f"within {', '.join(self.strata)}" if self.strata else None
        found = [Statistic("events", model.events, n=model.n, note=joined(strata, note))]
        for row in model.table.to_dict("records"):
            term = str(row["term"])
            found.append(
                Statistic(
                    "restricted_mean_difference",
                    number(row["difference"]),
                    group=term,
                    at=self.tau,
                    n=model.n,
                    unit=unit,
                    **limits(row),
                )
            )
            found.append(Statistic("p", number(row["p"]), group=term, n=model.n))
        return Answer.of(sample, found)
