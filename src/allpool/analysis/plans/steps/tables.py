"""Steps that make a table: baseline, responses, adverse events, the flow of subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import Grouping
from allpool.analysis.cohorts.summary import SummaryTable
from allpool.analysis.definitions.forms import Name
from allpool.analysis.plans.steps.base import Answer, Drawing, Statistic, StepBase, number, of_one_study
from allpool.mappings.dictionary import Many

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TableStep(StepBase):
    """A step whose answer is a table."""

    by: str | Grouping | None = None

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups are by."""
        return [] if self.by is None else [("by", self.by)]

    def shares_estimates(self) -> bool:
        """Return whether a column of the table is of several studies: not where columns are studies."""
        return self.counts_once and not of_one_study(self.by)

    def chosen(self, cohort: Cohort) -> Cohort:
        """Return the cohort without the studies left out."""
        return cohort.without(self.excludes)


def answer_of(table: SummaryTable, drawing: Drawing | None = None) -> Answer:
    """Return a table as an answer: a statistic for each of its numbers."""
    statistics = tuple(
        Statistic(
            row["stat_name"],
            None if row["stat"] is None else number(row["stat"]),
            group=row["group1_level"],
            variable=row["variable"],
            variable_level=row["variable_level"],
            note=row["warning"],
        )
        for row in table.ard.to_dict("records")
    )
    subjects = table.subjects.assign(synthetic=table.synthetic)
    nobody = table.subjects.iloc[:0][["usubjid", "group"]].assign(reason=None)
    return Answer(statistics, subjects, nobody, table.group_by, drawing, table)


class BaselineTableStep(TableStep):
    """What the subjects were like at baseline ("Table 1")."""

    estimator: Literal["baseline-table"]
    variables: Many = ()

    @property
    def matter(self) -> tuple[str, str]:
        """The table."""
        return "baseline", "table"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return counts and quartiles per group and over all, with standardized mean differences."""
        return answer_of(self.chosen(cohort).baseline_table(by=self.by, variables=self.variables or None))


class ResponseTableStep(TableStep):
    """Several responses side by side."""

    estimator: Literal["response-table"]
    endpoints: Many
    """Names, or name/definition."""

    def endpoints_named(self) -> list[tuple[str, str, str]]:
        """The responses."""
        return [("endpoints", name, definition) for name, definition in self._asked()]

    def _asked(self) -> list[tuple[str, str]]:
        parts = [name.partition("/") for name in self.endpoints]
        return [(endpoint, definition or "common") for endpoint, _, definition in parts]

    @property
    def matter(self) -> tuple[str, str]:
        """The table."""
        return "response", "table"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return responders of the evaluable with exact intervals, and those not evaluable by reason."""
        table = self.chosen(cohort).response_table(self._asked(), by=self.by, level=self.level)
        return answer_of(table)


class AdverseEventStep(TableStep):
    """Adverse events by worst grade, per patient or per course begun."""

    estimator: Literal["adverse-events"]
    per: Literal["patient", "course"] = "patient"
    terms: Many = ()

    @property
    def matter(self) -> tuple[str, str]:
        """The table, and what it counts."""
        return "adverse_events", self.per

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return how many had each event by worst grade; a centre that sent none is in no denominator."""
        return answer_of(
            self.chosen(cohort).adverse_event_table(by=self.by, per=self.per, terms=self.terms or None)
        )


class FlowStep(TableStep):
    """From the store to those evaluable, and why not all."""

    estimator: Literal["flow"]
    counts_once: ClassVar[bool] = False
    endpoint: Name | None = None
    definition: Name = "common"

    @property
    def matter(self) -> tuple[str, str]:
        """The endpoint that evaluable means, if any."""
        return self.endpoint or "flow", self.definition

    def endpoints_named(self) -> list[tuple[str, str, str]]:
        """The endpoint that evaluable means."""
        return [("endpoint", self.endpoint, self.definition)] if self.endpoint else []

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return how many came how far per study, with a diagram."""
        asked = self.studies or sorted(set(cohort.tables.adsl["studyid"]))
        studies = [study for study in asked if study not in self.excludes]
        table = self.chosen(cohort).flow(endpoint=self.endpoint, definition=self.definition, studies=studies)

        def draw() -> Figure:
            from allpool.analysis.pages.flow_plot import flow_figure

            return flow_figure(table)

        return answer_of(table, Drawing("Flow of subjects", draw))
