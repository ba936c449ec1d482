"""What every step says, and what every answer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

import pandas as pd
from pydantic import ConfigDict, Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.membership import UNKNOWN
from allpool.analysis.cohorts.poolability import check
from allpool.analysis.cohorts.samples import Grouping, Sample, grouped, holds_numbers
from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.definitions.forms import Name
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import Frozen, Many

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from allpool.analysis.cohorts.summary import SummaryTable


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
    variable: str | None = None
    variable_level: str | None = None


@dataclass(frozen=True)
class Drawing:
    """What can be drawn of an answer: what it is called, and how to draw it."""

    kind: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a step gave: statistics, the subjects behind them, and what can be shown.

    `subjects` has the columns of `Sample.frame` that are known of each subject behind the numbers; `left_out`
    those of `Sample.left_out`.
    """

    statistics: tuple[Statistic, ...]
    subjects: pd.DataFrame
    left_out: pd.DataFrame
    group_by: str = ""
    drawing: Drawing | None = None
    table: SummaryTable | None = None

    @classmethod
    def of(
        cls,
        sample: Sample,
        statistics: list[Statistic],
        *,
        drawing: Drawing | None = None,
    ) -> Answer:
        """Return the answer that rests on a sample."""
        return cls(tuple(statistics), sample.frame, sample.left_out, sample.group_by, drawing)


MOST_GROUPS = 12
"""With more values than this a number makes groups of almost nobody."""


class StepBase(Frozen, ABC):
    """What every step says: the question, in whom, and of what."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: Name
    question: str
    population: Name
    where: tuple[Condition, ...] = ()
    """Further conditions on the population, of this step only."""
    studies: Many = ()
    """Studies asked; none means all that have subjects in the population."""
    excludes: Mapping[str, str] = Field(default_factory=dict)
    """Study -> why it is left out, printed beside the result."""
    override: str | None = None
    """Reason to go on where a guard would stop; printed beside the result."""
    outcome: str | None = None
    """Row of the poolability matrix that says which studies may stand together in one estimate."""
    level: float = Field(default=0.95, gt=0, lt=1)
    headline: bool = False
    """Whether the night's closing table shows it."""

    counts_once: ClassVar[bool] = True
    """Whether a person who stands in several studies is counted once; not where studies are told apart."""

    def shares_estimates(self) -> bool:
        """Return whether several studies may stand in one number of the step."""
        return self.counts_once

    @property
    @abstractmethod
    def matter(self) -> tuple[str, str]:
        """What is asked of, as it is stored: endpoint (or fact, or table) and definition."""

    def facts_named(self) -> list[tuple[str, str]]:
        """Return (field, fact) of the facts that the step is about."""
        return []

    def endpoints_named(self) -> list[tuple[str, str, str]]:
        """Return (field, endpoint, definition) of the endpoints beside the one that the step is about."""
        return []

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """Return (field, name or grouping) of what subjects are told apart by."""
        return []

    @abstractmethod
    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Answer over a cohort; times in `unit`. Raises `AnalysisError` where the data do not allow it."""


class EndpointStep(StepBase):
    """A step about one endpoint under one definition."""

    endpoint: Name
    definition: Name = "common"
    """`own` asks each study under its own definition where it has one."""
    by: str | Grouping | None = None
    """"study", "centre", a column of adsl, a baseline element, a fact, an endpoint, or a grouping."""

    competing: ClassVar[bool] = False
    """Whether the step asks of an event among others that compete with it."""
    each_alone: ClassVar[bool] = False
    """Whether each group's numbers rest on that group alone, and nothing compares or pools them."""

    def shares_estimates(self) -> bool:
        """Return whether several studies may stand in one number: not in those of each study or centre."""
        return not (self.each_alone and of_one_study(self.by))

    @property
    def wanted(self) -> str:
        """The kind of endpoint that the step takes."""
        return "response"

    @property
    def grouped(self) -> bool:
        """Whether the step answers per group, and so takes `by`."""
        return True

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups are by."""
        return [] if self.by is None else [("by", self.by)]

    @property
    def matter(self) -> tuple[str, str]:
        """The endpoint and its definition."""
        return self.endpoint, self.definition

    def sample(self, cohort: Cohort, by: str | Grouping | None = None) -> Sample:
        """Return the subjects with their answer, studies left out as the step says."""
        sample = cohort.sample(
            self.endpoint, by=by or self.by, definition=self.definition, override=self.override
        )
        self._few_groups(by or self.by, sample, cohort)
        return sample.without(self.excludes)

    def _few_groups(self, by: str | Grouping | None, sample: Sample, cohort: Cohort) -> None:
        """Raise `AnalysisError` where a number makes almost as many groups as there are subjects."""
        if by is None or (isinstance(by, Grouping) and by.cut):
            return
        found = sample.frame["group"].nunique()
        tables, catalogue = cohort.tables, cohort.catalogue
        if found > MOST_GROUPS and holds_numbers(cohort.subjects, by, tables=tables, catalogue=catalogue):
            raise AnalysisError(
                f"{sample.group_by} is a number of {found} values; say where to `cut` it, as in "
                "{column: age, cut: [18, 60]}"
            )


def of_one_study(by: str | Grouping | None) -> bool:
    """Return whether groups are the studies, or their centres."""
    name = by.name if isinstance(by, Grouping) else by
    return name in ("study", "studyid", "centre", "siteid")


def column_of(
    name: str | Grouping, frame: pd.DataFrame, cohort: Cohort, *, override: bool = False
) -> pd.Series:
    """Return a column of adsl, a baseline element or a fact for a sample; none of after time zero."""
    groups = grouped(cohort.subjects, name, tables=cohort.tables, catalogue=cohort.catalogue)
    if groups.after_time_zero and not override:
        raise AnalysisError(
            f"{groups.name} is known only after time zero and cannot be a baseline covariate or stratum; "
            "take a landmark or a time-dependent model, or give `override` with the reason"
        )
    return frame["usubjid"].map(groups.of)


def stratum(
    name: str | None, sample: Sample, cohort: Cohort, *, override: bool
) -> tuple[pd.DataFrame, pd.Series | None, str | None]:
    """Return the rows of whose stratum is known, their strata, and what must be printed of it."""
    if name is None:
        return sample.frame, None, None
    strata = column_of(name, sample.frame, cohort, override=override)
    known = strata != UNKNOWN
    if not known.any():
        raise AnalysisError(f"too little data: of nobody is {name} known, which are the strata")
    lost = f"{int((~known).sum())} left out: {name} unknown" if not known.all() else None
    return sample.frame[known], strata[known], joined(f"stratified by {name}", lost)


def pooled_groups(step: StepBase, sample: Sample) -> str | None:
    """Return what `pooled_studies` does of the studies that share a group with another one."""
    of_groups = [set(frame["studyid"]) for _, frame in sample.groups()]
    return _judged(step, set().union(*(studies for studies in of_groups if len(studies) > 1)))


def pooled_studies(step: StepBase, sample: Sample) -> str | None:
    """Return what must be printed where several studies share one estimate.

    Raises `AnalysisError` where the poolability matrix forbids it for the step's `outcome`.
    """
    return _judged(step, set(sample.frame["studyid"]))


def _judged(step: StepBase, together: set[str]) -> str | None:
    studies = sorted(together)
    if step.outcome is None or len(studies) < 2:
        return None
    return joined(*check(step.outcome, studies).require(override=step.override))


def design(
    names: tuple[str, ...],
    sample: Sample,
    cohort: Cohort,
    *,
    others: tuple[str, ...] = (),
    override: bool = False,
) -> tuple[pd.DataFrame, int]:
    """Return the sample's frame with covariates `names` and other columns, and how many lacked one.

    A covariate that holds numbers becomes one, and so do Y (1) and N (0); codes that look so stay codes.
    """
    frame = sample.frame.copy()
    for name in (*names, *others):
        frame[name] = column_of(name, sample.frame, cohort, override=override).to_numpy()
    known = (frame[[*names, *others]] != UNKNOWN).all(axis=1)
    lost = int((~known).sum())
    frame = frame[known].reset_index(drop=True)
    for name in names:
        if set(frame[name]) <= {"Y", "N"}:
            frame[name] = frame[name].map({"Y": 1.0, "N": 0.0})
        elif holds_numbers(cohort.subjects, name, tables=cohort.tables, catalogue=cohort.catalogue):
            frame[name] = frame[name].astype(float)
    return frame, lost


def unknown_membership(note: str | None, cohort: Cohort) -> str | None:
    """Add how many it cannot be told of whether they belong to the population."""
    if not cohort.unknown:
        return note
    more = f"{cohort.unknown} of whom it is not known whether they belong to the population"
    return f"{note}; {more}" if note else more


def joined(*notes: str | None) -> str | None:
    """Return the notes there are as one."""
    return "; ".join(note for note in notes if note) or None


class Limits(TypedDict):
    """The ends of an interval, None where they are not reached."""

    lower: float | None
    upper: float | None


def limits(own: Any) -> Limits:
    """Return the limits of an estimate, or of a row with `lower` and `upper`."""
    lower, upper = (own["lower"], own["upper"]) if isinstance(own, Mapping) else (own.lower, own.upper)
    return {"lower": number(lower), "upper": number(upper)}


def number(value: Any) -> float | None:
    """Return a finite number, or None for nan and infinity, which no database column should hold."""
    own = float(value)
    return own if isfinite(own) else None


def term_statistics(table: pd.DataFrame, ratio: str, *, n: int, said: Sequence[str] = ()) -> list[Statistic]:
    """Return the ratio with its interval and P of each term of a regression table.

    `said` is what the model warned of: a ratio without an interval is then one without an end, and is not
    told.
    """
    found: list[Statistic] = []
    for row in table.to_dict("records"):
        term, ends = str(row["term"]), limits(row)
        endless = bool(said) and ends["lower"] is None and ends["upper"] is None
        value, note = (None, joined(*said)) if endless else (number(row[ratio]), None)
        found.append(Statistic(ratio, value, group=term, n=n, note=note, **ends))
        found.append(Statistic("p", number(row["p"]), group=term, n=n))
    return found
