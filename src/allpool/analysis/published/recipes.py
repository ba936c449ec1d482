"""Recipes: how a printed figure is computed from the store, written as data beside the figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.definitions.forms import Name
from allpool.mappings.dictionary import Frozen, Many

Unit = Literal["day", "week", "month", "year"]


class Chosen(Frozen):
    """Subjects that meet every condition of `where`, and one of `any_of` if there are some.

    Written as a plain list, it is `where`.
    """

    where: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()


def _chosen(given: Any) -> Any:
    return {"where": given} if isinstance(given, list | tuple) else given


Choice = Annotated[Chosen, BeforeValidator(_chosen)]
Groups = Annotated[Mapping[str, Choice], Field(min_length=2)]


class Of(Frozen):
    """One value of each subject: a column of adsl, a baseline element or a fact."""

    column: str | None = None
    element: str | None = None
    fact: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Of:
        if sum(part is not None for part in (self.column, self.element, self.fact)) != 1:
            raise ValueError("name exactly one of column, element and fact")
        return self

    @property
    def name(self) -> str:
        """What is taken, as it is printed."""
        return self.column or self.element or self.fact or ""

    @property
    def known(self) -> Condition:
        """The condition that it is known."""
        return Condition(column=self.column, element=self.element, fact=self.fact, known=True)


class Earliest(Frozen):
    """The first so many subjects by a date."""

    number: int = Field(ge=1)
    of: Of


class RecipeBase(Chosen):
    """What every recipe says: in whom, of the record's study (all subjects where it does not say)."""

    population: Name | None = None
    earliest: Earliest | None = None
    note: str | None = None
    """What had to be assumed because the paper does not say; printed beside the number."""


class CountRecipe(RecipeBase):
    """How many: `value` (and `numerator`) of `denominator`; without `numerator` all of them."""

    kind: Literal["count"]
    numerator: Choice = Chosen()


class ProportionRecipe(RecipeBase):
    """Share in percent with its exact interval: `numerator`, `denominator`, `percent`, `lower`, `upper`."""

    kind: Literal["proportion"]
    numerator: Choice = Chosen()
    interval: Literal["clopper-pearson", "wilson", "wilson-cc"] = "clopper-pearson"


class UnitOf(Frozen):
    """One unit of each subject (a course): who has it, and in whom it counts."""

    where: tuple[Condition, ...]
    numerator: Choice = Chosen()


class UnitsRecipe(RecipeBase):
    """Share of units other than subjects (courses): each entry of `units` adds those that have it."""

    kind: Literal["units"]
    units: Annotated[tuple[UnitOf, ...], Field(min_length=1)]


class DistinctRecipe(RecipeBase):
    """How many different values there are: `value`."""

    kind: Literal["distinct"]
    of: Of


class SummaryRecipe(RecipeBase):
    """`median`, `mean`, `min`, `max`, `q1`, `q3` (R's type 7), `sum` and number (`value`) of a value."""

    kind: Literal["summary"]
    of: Of


class ValuesRecipe(RecipeBase):
    """Each subject's value, smallest first: `values`, and `value` where there is but one."""

    kind: Literal["values"]
    of: Of


class PeriodRecipe(RecipeBase):
    """Months of the first and last date: `first`, `last`; agrees where all lie in the printed period."""

    kind: Literal["period"]
    of: Of


class AdverseEventsRecipe(RecipeBase):
    """Subjects with an event of one of `terms` (any term where none is given), by the worst grade of each.

    `grade` are the lowest and highest grade that count; without it an event counts whatever its grade.
    Gives `numerator`, `denominator`, `percent`, `lower`, `upper` and `value` (the numerator).
    """

    kind: Literal["adverse_events"]
    terms: Many = ()
    grade: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> AdverseEventsRecipe:
        if self.grade is not None and self.grade[0] > self.grade[1]:
            raise ValueError("`grade` is the lowest and the highest, in this order")
        return self


class TimeRecipe(RecipeBase):
    """What every recipe on a time to an event says: which one, under which definition.

    Subjects and groups that are known only after time zero (transplant, response) are taken only with
    `override`, the reason to do so all the same; it is printed beside the result.
    """

    endpoint: Name
    definition: Name = "common"
    override: str | None = None


class SurvivalRecipe(TimeRecipe):
    """Kaplan-Meier: `percent`, `standard_error`, `lower`, `upper` at `at`, and `median`.

    `numerator` is the number of whom no event is known by `at`, `denominator` all.
    """

    kind: Literal["survival"]
    at: float | None = Field(default=None, gt=0)
    unit: Unit = "month"
    interval: Literal["plain", "log", "log-log"] = "log-log"


class CumulativeIncidenceRecipe(TimeRecipe):
    """Cumulative incidence before competing events (Aalen-Johansen): `percent`, `standard_error`.

    `numerator` are the events by `at`, `denominator` all.
    """

    kind: Literal["cumulative_incidence"]
    at: float = Field(gt=0)
    unit: Unit = "month"


class LogRankRecipe(TimeRecipe):
    """Log-rank test of two or more groups: `p`, `verdict`."""

    kind: Literal["log_rank"]
    groups: Groups


class Covariate(Frozen):
    """A number of each subject, or 1 and 0 for who is and is not among `chosen`."""

    of: Of | None = None
    chosen: Choice | None = None
    per: float = Field(default=1, gt=0)
    """The ratio is that of so many units."""

    @model_validator(mode="after")
    def _one(self) -> Covariate:
        if (self.of is None) == (self.chosen is None):
            raise ValueError("a covariate is either `of` a value or of who is `chosen`")
        return self


class TermRecipe(RecipeBase):
    """What every recipe on one term of a model says: its covariates, and which of them."""

    covariates: Annotated[Mapping[Name, Covariate], Field(min_length=1)]
    term: Name

    @model_validator(mode="after")
    def _named(self) -> TermRecipe:
        if self.term not in self.covariates:
            raise ValueError(f"`term` is none of the covariates ({', '.join(self.covariates)})")
        return self


class CoxRecipe(TimeRecipe, TermRecipe):
    """One term of a Cox model (Efron): `hazard_ratio`, `lower`, `upper`, `p`."""

    kind: Literal["cox"]


class LogisticRecipe(TermRecipe):
    """One term of a logistic model: `odds_ratio`, `lower`, `upper`, `p`."""

    kind: Literal["logistic"]
    outcome: Choice


class OutcomeGroup(Chosen):
    """One group of a table, with an outcome of its own where the groups do not share one."""

    outcome: Choice | None = None


class AssociationRecipe(RecipeBase):
    """Test of an outcome between groups: `p`, `verdict`."""

    kind: Literal["association"]
    groups: Annotated[Mapping[str, Annotated[OutcomeGroup, BeforeValidator(_chosen)]], Field(min_length=2)]
    outcome: Choice | None = None
    test: Literal["fisher", "chi-square"]

    @model_validator(mode="after")
    def _whole(self) -> AssociationRecipe:
        if any((group.outcome is None) == (self.outcome is None) for group in self.groups.values()):
            raise ValueError("give one `outcome` for all groups, or one for each of them")
        return self


class WilcoxonRecipe(RecipeBase):
    """Wilcoxon's signed-rank test of pairs, normal approximation: `p`, `verdict`."""

    kind: Literal["wilcoxon"]
    before: Of
    after: Of
    zero: Literal["wilcoxon", "pratt"] = "wilcoxon"
    correction: bool = False


class RankSumRecipe(RecipeBase):
    """Mann-Whitney's test of two groups, normal approximation: `p`, `verdict`."""

    kind: Literal["rank_sum"]
    of: Of
    groups: Annotated[Mapping[str, Choice], Field(min_length=2, max_length=2)]
    correction: bool = False


Recipe = Annotated[
    CountRecipe
    | ProportionRecipe
    | UnitsRecipe
    | DistinctRecipe
    | SummaryRecipe
    | ValuesRecipe
    | PeriodRecipe
    | AdverseEventsRecipe
    | SurvivalRecipe
    | CumulativeIncidenceRecipe
    | LogRankRecipe
    | CoxRecipe
    | LogisticRecipe
    | AssociationRecipe
    | WilcoxonRecipe
    | RankSumRecipe,
    Field(discriminator="kind"),
]
