"""Cohorts: a population in the store, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from allpool.analysis.cohorts.duplicates import Treatment, duplicates
from allpool.analysis.cohorts.membership import (
    DerivedTables,
    all_of,
    known_later,
    members,
    population_conditions,
)
from allpool.analysis.cohorts.samples import Grouping, Sample, grouped, sample_of
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.analysis.definitions.forms import ResponseEndpoint, TimeDefinition, TimeEndpoint
from allpool.errors import AnalysisError

if TYPE_CHECKING:
    from allpool.analysis.cohorts.curves import SurvivalCurves
    from allpool.analysis.cohorts.incidences import IncidenceCurves
    from allpool.analysis.cohorts.pooling import PooledStudies
    from allpool.analysis.cohorts.summary import SummaryTable


EARLY = ("diagnosis", "study_entry", "first_dose")
"""Moments at which no response, relapse or transplant under study can be known."""
OWN = "own"
"""The definition that asks each study under its own where it has one."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The subjects of one population, of some or all studies.

    `subjects` are their rows of adsl; `unknown` counts those of whom it cannot be told whether they belong.
    """

    population: Population
    subjects: pd.DataFrame
    unknown: int
    tables: DerivedTables
    catalogue: Catalogue
    conditions: tuple[Condition, ...] = ()
    """Further conditions that its subjects meet."""
    duplicates: pd.DataFrame | None = None
    """Who was left out as one person with somebody else (`duplicates.COLUMNS`); None: nobody was asked."""

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.subjects)

    def response(
        self,
        endpoint: str,
        *,
        by: str | Grouping | None = None,
        definition: str = "common",
        method: str = "clopper-pearson",
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Return proportions of responders: group, responders, n, proportion, lower, upper, not_evaluable.

        `n` are the evaluable; a group without any has nan for the rest. `by` is "study", "centre", a column
        of adsl, a baseline element or an endpoint.
        """
        from allpool.analysis.proportions import proportion

        sample = self.sample(endpoint, by=by, definition=definition)
        if sample.kind != "response":
            raise AnalysisError(f"{endpoint} is no response; ask `survival`")
        rows: list[dict[str, object]] = []
        for group, frame in sample.groups():
            out = sample.left_out_of(group)
            estimate = proportion(int(frame["event"].sum()), len(frame), method=method, level=level)
            rows.append(
                {
                    "group": group,
                    "responders": int(frame["event"].sum()),
                    "n": len(frame),
                    "proportion": estimate.estimate,
                    "lower": estimate.lower,
                    "upper": estimate.upper,
                    "not_evaluable": len(out),
                }
            )
        nobody = sorted(set(sample.left_out["group"]) - {row["group"] for row in rows})
        rows += [
            {"group": group, "responders": 0, "n": 0, "not_evaluable": len(sample.left_out_of(group))}
            for group in nobody
        ]
        columns = ["group", "responders", "n", "proportion", "lower", "upper", "not_evaluable"]
        return pd.DataFrame(rows, columns=columns).sort_values("group", ignore_index=True)

    def survival(
        self,
        endpoint: str,
        *,
        by: str | Grouping | None = None,
        definition: str = "common",
        unit: str = "month",
        ci: str = "log-log",
        level: float = 0.95,
        override: str | None = None,
    ) -> SurvivalCurves:
        """Return a Kaplan-Meier curve per group, times in `unit`; `.plot()` draws them with numbers at risk.

        Groups that are known only after time zero (response, transplant) are refused, since who lives
        longer has more time to get there; `override` is the reason to draw them all the same, printed with
        the curve.
        """
        from allpool.analysis.cohorts.curves import survival_curves

        sample = self.sample(endpoint, by=by, definition=definition, override=override)
        if sample.kind != "time-to-event":
            raise AnalysisError(f"{endpoint} is no time to an event; ask `response`")
        return survival_curves(
            sample,
            title=self.title(endpoint, definition),
            unit=unit,
            ci=ci,
            level=level,
            override=override,
            measure=self.catalogue.endpoint(endpoint).title,
        )

    def incidence(
        self,
        endpoint: str,
        *,
        by: str | Grouping | None = None,
        definition: str = "common",
        unit: str = "month",
        level: float = 0.95,
        override: str | None = None,
    ) -> IncidenceCurves:
        """Return the cumulative incidence of an event and of its competitors per group, times in `unit`.

        Groups that are known only after time zero are refused as in `survival`.
        """
        from allpool.analysis.cohorts.incidences import incidence_curves

        sample = self.sample(endpoint, by=by, definition=definition, override=override)
        if sample.kind != "time-to-event":
            raise AnalysisError(f"{endpoint} is no time to an event; ask `response`")
        return incidence_curves(sample, title=self.title(endpoint, definition), unit=unit, level=level)

    def pooled(
        self,
        endpoint: str,
        *,
        model: str = "glmm",
        by: str | Grouping = "study",
        definition: str = "common",
        method: str = "REML",
        test: str = "t",
        at: float | None = None,
        unit: str = "month",
        level: float = 0.95,
        outcome: str | None = None,
        published: bool = False,
        override: str | None = None,
    ) -> PooledStudies:
        """Return the two-stage synthesis over studies; `.forest()` draws it.

        A response is pooled by `model`: "glmm", "logit", "freeman-tukey", "arcsine" or "raw". A time to an
        event is pooled as survival at time `at` (in `unit`), on the scale log(-log S). `outcome` names the
        row of the poolability matrix by which the studies are judged; with `published`, studies without
        patients in the cohort enter by what they print. `override` is the reason to go on where a guard
        stops.
        """
        from allpool.analysis.cohorts.evidence import read_published
        from allpool.analysis.cohorts.synthesis import synthesis

        pooled, _ = synthesis(
            self,
            endpoint,
            by=by,
            definition=definition,
            model=model,
            method=method,
            test=test,
            at=at,
            unit=unit,
            level=level,
            outcome=outcome,
            published=read_published(self.tables.published) if published else (),
            override=override,
        )
        return pooled

    def sample(
        self,
        endpoint: str,
        *,
        by: str | Grouping | None = None,
        definition: str = "common",
        override: str | None = None,
    ) -> Sample:
        """Return the subjects with their answer, those left out with the reason, and their groups."""
        asked = self.catalogue.endpoint(endpoint)
        group = grouped(self.subjects, by, tables=self.tables, catalogue=self.catalogue)
        if isinstance(asked, TimeEndpoint) and group.after_time_zero and not override:
            raise AnalysisError(
                f"groups by {group.name} are known only after time zero, and who lives longer has more time "
                "to get there (immortal time); use a landmark or a time-dependent Cox model, or give "
                "`override` with the reason, which is printed beside the result"
            )
        if isinstance(asked, TimeEndpoint) and not override:
            self._selected_at_time_zero(endpoint, definition)
        own = self.tables.answers if isinstance(asked, ResponseEndpoint) else self.tables.times
        rows = own(endpoint)
        if definition == OWN:
            meant = rows["studyid"].map(self.definitions_of(endpoint))
            rows = rows[rows["definition"] == meant]
        else:
            self.catalogue.definition(endpoint, definition)
            rows = rows[rows["definition"] == definition]
        return sample_of(self.subjects, rows, kind=asked.kind, group=group)

    def _selected_at_time_zero(self, endpoint: str, definition: str) -> None:
        """Refuse subjects chosen by what is known only after the origin that they are followed from."""
        names = set(self.definitions_of(endpoint).values()) if definition == OWN else {definition}
        asked = [self.catalogue.definition(endpoint, name) for name in names]
        early = sorted({own.origin for own in asked if isinstance(own, TimeDefinition)} & set(EARLY))
        later = known_later((*population_conditions(self.population), *self.conditions), self.catalogue)
        if early and later:
            titles = " or ".join(self.catalogue.moments[name].title for name in early)
            raise AnalysisError(
                f"the subjects are chosen by {', '.join(later)}, known only after {titles}, from which "
                "they are followed: nobody can have the event before being chosen (immortal time); follow "
                "them from the response, take a landmark, or give `override` with the reason, which is "
                "printed beside the result"
            )

    def definitions_of(self, endpoint: str) -> dict[str, str]:
        """Return study -> its own definition of an endpoint, or the common one where it has none."""
        definitions = self.catalogue.endpoint(endpoint).definitions
        own: dict[str, str] = {}
        for name, definition in definitions.items():
            for study in definition.studies:  # of several the first, which is the one that the study reports
                own.setdefault(study, name)
        return {study: own.get(study, "common") for study in sorted(set(self.subjects["studyid"]))}

    def without(self, studies: Iterable[str]) -> Cohort:
        """Return the cohort without some studies."""
        return replace(
            self, subjects=self.subjects[~self.subjects["studyid"].isin(studies)].reset_index(drop=True)
        )

    def distinct(self, treatment: Treatment = "decided", *, excludes: Iterable[str] = ()) -> Cohort:
        """Return the cohort with each person once, as people have decided who is one (`allpool overlap`).

        With `candidates` all pairs that wait for a decision count as one person too, with `none` nobody. Of
        one study alone everybody stays, and nobody goes for somebody in the studies `excludes`.
        """
        asked = self.subjects[~self.subjects["studyid"].isin(list(excludes))]
        out = duplicates(asked, self.tables.links, treatment=treatment)
        inside = ~self.subjects["usubjid"].isin(out["usubjid"])
        return replace(self, subjects=self.subjects[inside].reset_index(drop=True), duplicates=out)

    def baseline_table(
        self, *, by: str | Grouping | None = None, variables: Sequence[str] | None = None
    ) -> SummaryTable:
        """Return "Table 1": counts, shares and quartiles per group and over all, with differences."""
        from allpool.analysis.cohorts.tables import baseline_table

        return baseline_table(self, by=by, variables=variables)

    def response_table(
        self,
        endpoints: Iterable[str | tuple[str, str]],
        *,
        by: str | Grouping | None = None,
        level: float = 0.95,
    ) -> SummaryTable:
        """Return responders of the evaluable per endpoint, and who was not evaluable."""
        from allpool.analysis.cohorts.tables import response_table

        return response_table(self, endpoints, by=by, level=level)

    def adverse_event_table(
        self,
        *,
        by: str | Grouping | None = None,
        per: Literal["patient", "course"] = "patient",
        terms: Sequence[str] | None = None,
    ) -> SummaryTable:
        """Return how many patients, or courses begun, had each adverse event, by worst grade."""
        from allpool.analysis.cohorts.adverse_events import adverse_event_table

        courses = self.tables.adex[["usubjid", "course"]] if per == "course" else None
        return adverse_event_table(self, self.tables.adae, per=per, by=by, courses=courses, terms=terms)

    def flow(
        self,
        *,
        endpoint: str | None = None,
        definition: str = "common",
        studies: Sequence[str] | None = None,
    ) -> SummaryTable:
        """Return how many came how far, per study, and why the others did not."""
        from allpool.analysis.cohorts.flow import flow

        return flow(self, endpoint=endpoint, definition=definition, studies=studies)

    def where(self, *conditions: Condition) -> Cohort:
        """Return the subjects of the cohort that meet further conditions; the unknown are counted."""
        met = all_of(conditions, self.subjects, tables=self.tables, catalogue=self.catalogue)
        inside = met.fillna(False).astype(bool)
        return replace(
            self,
            subjects=self.subjects[inside].reset_index(drop=True),
            unknown=self.unknown + int(met.isna().sum()),
            conditions=(*self.conditions, *conditions),
        )

    def title(self, endpoint: str, definition: str) -> str:
        """Return what is shown, under which definition, in whom."""
        asked = self.catalogue.endpoint(endpoint)
        if definition == OWN:
            return f"{asked.title} (each study's own definition); {self.population.title}"
        own = self.catalogue.definition(endpoint, definition)
        return f"{asked.title} ({own.label}); {self.population.title}"


def cohort_of(
    tables: DerivedTables,
    catalogue: Catalogue,
    population: str | Population,
    *,
    studies: Sequence[str] | None = None,
) -> Cohort:
    """Return the cohort of a population, by name or as an object, in some studies or all.

    Raises `DefinitionError` for a population that does not exist, `AnalysisError` for an unknown study.
    """
    chosen = catalogue.population(population) if isinstance(population, str) else population
    if not isinstance(chosen, Population):
        raise AnalysisError("a cohort is asked for by the name of a population or by a Population")
    subjects = tables.adsl
    if studies is not None:
        studies = [studies] if isinstance(studies, str) else list(studies)
        if not studies:
            raise AnalysisError("studies names no study; leave it out for all of them")
        unknown = sorted(set(studies) - set(subjects["studyid"]))
        if unknown:
            known = ", ".join(sorted(set(subjects["studyid"]))) or "none"
            raise AnalysisError(f"no subjects of study {', '.join(unknown)} in the store; it has {known}")
        subjects = subjects[subjects["studyid"].isin(studies)]
    met = members(chosen, subjects, tables=tables, catalogue=catalogue)
    inside = met.fillna(False).astype(bool)
    return Cohort(chosen, subjects[inside].reset_index(drop=True), int(met.isna().sum()), tables, catalogue)
