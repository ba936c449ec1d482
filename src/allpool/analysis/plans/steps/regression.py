"""Steps that model: Cox, Fine-Gray, logistic."""

from __future__ import annotations

import warnings
from typing import Literal

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import punctual
from allpool.analysis.plans.steps.base import (
    Answer,
    EndpointStep,
    Statistic,
    design,
    evaluable,
    joined,
    number,
    term_statistics,
    unknown_membership,
)
from allpool.analysis.plans.steps.survival import TimeStep
from allpool.mappings.dictionary import Many


def _left(lost: int) -> str | None:
    return f"{lost} left out: a covariate or stratum is unknown" if lost else None


class CoxStep(TimeStep):
    """Cox model of covariates known at time zero, stratified or not."""

    estimator: Literal["cox"]
    covariates: Many
    strata: Many = ()
    ties: Literal["efron", "breslow"] = "efron"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the hazard ratio and P of each term."""
        from allpool.analysis.survival import MonotoneLikelihoodWarning, cox

        sample = evaluable(self.sample(cohort))
        frame, lost = design(
            self.covariates, sample, cohort, others=self.strata, override=self.override is not None
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MonotoneLikelihoodWarning)
            model = cox(
                frame,
                "aval",
                "event",
                list(self.covariates),
                entry="entry" if sample.delayed else None,
                strata=list(self.strata) or None,
                ties=self.ties,
                level=self.level,
            )
        said = [str(item.message) for item in caught if item.category is MonotoneLikelihoodWarning]
        strata = f"stratified by {', '.join(self.strata)}" if self.strata else None
        note = joined(*said, _left(lost), strata, unknown_membership(sample.note(), cohort))
        events = Statistic("events", model.events, n=model.n, note=note)
        return Answer.of(sample, [events, *term_statistics(model.table, "hazard_ratio", n=model.n)])


class FineGrayStep(TimeStep):
    """Fine and Gray's model of the subdistribution hazard, in the presence of competing events."""

    estimator: Literal["fine-gray"]
    covariates: Many

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the subdistribution hazard ratio and P of each term."""
        from allpool.analysis.competing import fine_gray

        sample = punctual(evaluable(self.sample(cohort)), "Fine and Gray's model")
        frame, lost = design(self.covariates, sample, cohort, override=self.override is not None)
        model = fine_gray(frame, "aval", "cause", list(self.covariates), level=self.level)
        note = joined(_left(lost), unknown_membership(sample.note(), cohort))
        events = Statistic("events", model.events, n=model.n, note=note)
        return Answer.of(sample, [events, *term_statistics(model.table, "hazard_ratio", n=model.n)])


class LogisticStep(EndpointStep):
    """Logistic model of a response, one stage over studies: study intercepts, or none.

    Firth's penalty is taken where the likelihood has no maximum (separation), or always where asked.
    """

    estimator: Literal["logistic"]
    covariates: Many
    strata: str | None = None
    """A column whose values get an intercept each, `study` for a one-stage synthesis."""
    penalty: Literal["auto", "none", "firth"] = "auto"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the odds ratio and P of each term."""
        from allpool.analysis.logistic import logistic

        sample = evaluable(self.sample(cohort))
        others = (self.strata,) if self.strata else ()
        frame, lost = design(
            self.covariates, sample, cohort, others=others, override=self.override is not None
        )
        model = logistic(
            frame,
            "event",
            list(self.covariates),
            strata=self.strata,
            penalty=self.penalty,
            level=self.level,
        )
        strata = f"an intercept for each {self.strata}" if self.strata else None
        note = joined(model.note, _left(lost), strata, unknown_membership(sample.note(), cohort))
        events = Statistic("events", number(model.events), n=model.n, note=note)
        return Answer.of(sample, [events, *term_statistics(model.table, "odds_ratio", n=model.n)])
