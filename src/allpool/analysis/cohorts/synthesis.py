"""The synthesis of one endpoint over studies, behind its guards: who may stand together, and counted how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from allpool.analysis.cohorts.cohort import OWN
from allpool.analysis.cohorts.duplicates import note as duplicates_note
from allpool.analysis.cohorts.evidence import PATIENT_LEVEL, PUBLISHED, Evidence, PublishedEstimate, select
from allpool.analysis.cohorts.membership import members
from allpool.analysis.cohorts.mixtures import same_denominator
from allpool.analysis.cohorts.overlap import distinct_patients
from allpool.analysis.cohorts.poolability import check, load_poolability, published_enough
from allpool.analysis.cohorts.pooled import PooledStudies
from allpool.analysis.cohorts.pooling import pool_responses, pool_survival
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Grouping, Sample, decided
from allpool.errors import AnalysisError

if TYPE_CHECKING:
    from allpool.analysis.cohorts.cohort import Cohort

BY_STUDY = "study"


def synthesis(
    cohort: Cohort,
    endpoint: str,
    *,
    by: str | Grouping = BY_STUDY,
    definition: str = "common",
    model: str = "glmm",
    method: str = "REML",
    test: str = "t",
    at: float | None = None,
    unit: str = "month",
    level: float = 0.95,
    at_risk_minimum: int = AT_RISK_MINIMUM,
    outcome: str | None = None,
    published: Iterable[PublishedEstimate] = (),
    studies: Sequence[str] = (),
    excludes: Mapping[str, str] | None = None,
    override: str | None = None,
) -> tuple[PooledStudies, Sample]:
    """Return the synthesis and the sample behind it.

    Parameters
    ----------
    outcome
        a row of the poolability matrix: the studies that would enter are judged by it before anything is
        pooled. Without one, no judgement is made and a note says so.
    published
        estimates of papers. Of a study without evaluable patients, the one of this endpoint, population,
        definition and time enters as published; the others are put aside with the reason.
    studies
        the studies asked, from whose papers alone estimates are taken; none means all.
    excludes
        study -> why it is left out.
    override
        the reason to go on where a guard stops; it and the guard's advice are printed beside the result.

    Raises
    ------
    AnalysisError
        studies that may not be pooled, mixed denominators, mixed units of analysis, fewer than two studies.
    DefinitionError
        an outcome that the matrix does not have, or not for this endpoint.
    """
    reasons = dict(excludes or {})
    if cohort.duplicates is None:
        cohort = cohort.distinct(excludes=reasons)
    if outcome is not None:
        load_poolability().judging(outcome, endpoint)
    sample = cohort.sample(endpoint, by=by, definition=definition, override=override).without(reasons)
    decided(sample, override=override)
    if sample.kind == "time-to-event" and at is None:
        raise AnalysisError(f"{endpoint} is a time to an event: say `at` which time survival is to be pooled")
    when = at if sample.kind == "time-to-event" else None
    offered = [
        found for found in published if found.study not in reasons and (not studies or found.study in studies)
    ]
    if offered and sample.group_by != BY_STUDY:
        raise AnalysisError("published estimates stand for whole studies; group by study, or leave them out")
    if offered and _narrowed(cohort):
        raise AnalysisError(
            f"published estimates stand for the population {cohort.population.id} as it is, and conditions "
            "(`where`) narrow it here; name a population of its own, or leave them out"
        )
    with_patients = sorted(set(sample.frame["studyid"]))
    evidence = _evidence(cohort, endpoint, definition, when, unit, offered, with_patients, outcome)
    notes = [
        *_judged(outcome, with_patients, evidence, override),
        *_counted(cohort, endpoint, definition, sample, override),
        *([said] if (said := duplicates_note(cohort.duplicates)) else []),
        *evidence.notes,
        *evidence.put_aside,
        *(
            f"study {study} left out: {reason}"
            for study, reason in sorted(reasons.items())
            if study not in set(sample.left_out["studyid"])  # who has patients is named among those left out
        ),
    ]
    behind = cohort.subjects[cohort.subjects["usubjid"].isin(sample.frame["usubjid"])]
    notes += distinct_patients(behind, override=override, links=cohort.tables.links)
    title = cohort.title(endpoint, definition)
    if when is None:
        pooled = pool_responses(
            sample,
            title=title,
            model=model,
            method=method,
            test=test,
            level=level,
            published=evidence.entering,
            notes=tuple(notes),
            override=override,
        )
    else:
        pooled = pool_survival(
            sample,
            title=title,
            at=when,
            unit=unit,
            method=method,
            test=test,
            level=level,
            at_risk_minimum=at_risk_minimum,
            published=evidence.entering,
            notes=tuple(notes),
            override=override,
        )
    return pooled, sample


def _narrowed(cohort: Cohort) -> bool:
    """Whether some study has fewer subjects in the cohort than in its population, duplicates apart."""
    adsl = cohort.tables.adsl
    belongs = members(cohort.population, adsl, tables=cohort.tables, catalogue=cohort.catalogue)
    whole = adsl[belongs.fillna(False).astype(bool)].groupby("studyid").size()
    once = cohort.duplicates if cohort.duplicates is not None else cohort.subjects.iloc[:0]
    here = pd.concat([cohort.subjects["studyid"], once["studyid"]]).value_counts()
    return bool((here < whole.reindex(here.index)).any())


def _evidence(
    cohort: Cohort,
    endpoint: str,
    definition: str,
    at: float | None,
    unit: str,
    offered: list[PublishedEstimate],
    with_patients: list[str],
    outcome: str | None,
) -> Evidence:
    """Choose among the published estimates; class A of the matrix lets another definition in."""
    about = {found.study for found in offered if found.endpoint == endpoint}
    enough = outcome is not None and published_enough(outcome, {*with_patients, *about})
    return select(
        offered,
        endpoint=endpoint,
        population=cohort.population.id,
        definition=definition,
        at=at,
        unit=unit,
        any_definition="the poolability matrix says that it may be pooled as published" if enough else None,
    )


def _judged(
    outcome: str | None, with_patients: list[str], evidence: Evidence, override: str | None
) -> tuple[str, ...]:
    if outcome is None:
        return ("whether these studies may be pooled was not asked: no `outcome` of the matrix was named",)
    levels = dict.fromkeys(evidence.entering, PUBLISHED) | dict.fromkeys(with_patients, PATIENT_LEVEL)
    return check(outcome, levels, levels=levels).require(override=override)


def _counted(
    cohort: Cohort, endpoint: str, definition: str, sample: Sample, override: str | None
) -> tuple[str, ...]:
    """Check that studies under definitions of their own do not count by different rules."""
    if definition != OWN:
        return ()
    names = cohort.definitions_of(endpoint)
    studies = sorted(set(sample.frame["studyid"]))
    rules = {study: cohort.catalogue.definition(endpoint, names[study]).label for study in studies}
    return same_denominator(rules, override=override)
