"""Whom a recipe asks: the subjects of a study that it chooses, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.membership import DerivedTables, members, values_of
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.analysis.published.recipes import Chosen, Of, RecipeBase
from allpool.errors import AnalysisError

EVERYBODY = "all_subjects"


@dataclass(frozen=True, eq=False)
class Asked:
    """The subjects (rows of adsl) that a recipe is about; `unknown` may or may not be among them."""

    study: str
    subjects: pd.DataFrame
    unknown: int
    tables: DerivedTables
    catalogue: Catalogue

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.subjects)

    def met(self, choice: Chosen) -> pd.Series:
        """Return whether each subject is chosen (pandas boolean, missing where that is not known)."""
        population = _population(choice.where, choice.any_of)
        return members(population, self.subjects, tables=self.tables, catalogue=self.catalogue)

    def of(self, choice: Chosen) -> Asked:
        """Return the chosen among the subjects."""
        met = self.met(choice)
        inside = met.fillna(False).astype(bool)
        return Asked(
            self.study,
            self.subjects[inside].reset_index(drop=True),
            self.unknown + int(met.isna().sum()),
            self.tables,
            self.catalogue,
        )

    def values(self, of: Of) -> pd.Series:
        """Return a value of each subject, missing where it is not known."""
        condition = Condition(column=of.column, element=of.element, fact=of.fact, known=True)
        return values_of(condition, self.subjects, tables=self.tables, catalogue=self.catalogue)

    def numbers(self, of: Of) -> pd.Series:
        """Return a number of each subject, missing where it is not known."""
        return pd.to_numeric(self.values(of), errors="coerce")

    def cohort(self) -> Cohort:
        """Return the subjects as a cohort, to be asked for an endpoint."""
        population = _population((), ())
        return Cohort(population, self.subjects, self.unknown, self.tables, self.catalogue)

    def sources(self, items: Sequence[Condition | Of]) -> pd.DataFrame:
        """Return srcdom and srcid of each subject: the row that the first item with one was read from.

        What stands in adsl alone (age, a baseline value) is traced to the subject itself.
        """
        found = pd.DataFrame(
            {"srcdom": "research_subject", "srcid": self.subjects["usubjid"]}, index=self.subjects.index
        ).astype(object)
        open_ = pd.Series(True, index=self.subjects.index)
        for item in items:
            rows = self._rows(item)
            if rows is None:
                continue
            known = self.subjects["usubjid"].map(rows["srcid"])
            fill = open_ & known.notna()
            found.loc[fill, "srcid"] = known[fill]
            found.loc[fill, "srcdom"] = self.subjects["usubjid"].map(rows["srcdom"])[fill]
            open_ &= ~fill
        return found

    def _rows(self, item: Condition | Of) -> pd.DataFrame | None:
        """Return the rows of adfact, adrs or adtte that an item is read from, by usubjid."""
        fact = item.fact
        if fact is not None:
            table, name, definition = self.tables.adfact, fact, None
        elif isinstance(item, Condition) and item.response is not None:
            table, name, definition = self.tables.adrs, item.response.endpoint, item.response.definition
        elif isinstance(item, Condition) and item.event is not None:
            table, name, definition = self.tables.adtte, item.event.endpoint, item.event.definition
        else:
            return None
        rows = table[table["paramcd"] == name]
        if definition is not None:
            rows = rows[rows["definition"] == definition]
        return rows.set_index("usubjid")


def asked_of(recipe: RecipeBase, study: str, tables: DerivedTables, catalogue: Catalogue) -> Asked:
    """Return the subjects that a recipe is about.

    Raises `AnalysisError` where the first subjects by a date are asked for and the date is not known of all,
    or does not tell which are the first.
    """
    everyone = tables.adsl[tables.adsl["studyid"] == study].reset_index(drop=True)
    where = recipe.where
    if recipe.population is not None:
        where = (Condition.model_validate({"population": recipe.population, "in": ("Y",)}), *where)
    asked = Asked(study, everyone, 0, tables, catalogue)
    if where or recipe.any_of:
        asked = asked.of(Chosen(where=where, any_of=recipe.any_of))
    if recipe.earliest is None:
        return asked
    dates = asked.values(recipe.earliest.of)
    if dates.isna().any():
        raise AnalysisError(f"{recipe.earliest.of.name} is not known of all, so nothing tells who was first")
    order = dates.sort_values(kind="stable")
    number = recipe.earliest.number
    if len(order) > number and order.iloc[number - 1] == order.iloc[number]:
        raise AnalysisError(f"{recipe.earliest.of.name} does not tell who were the first {number}")
    first = asked.subjects.loc[sorted(order.index[:number])].reset_index(drop=True)
    return Asked(study, first, asked.unknown, tables, catalogue)


def _population(where: Sequence[Condition], any_of: Sequence[Condition]) -> Population:
    return Population(
        id="published",
        version="1",
        title="as the record says",
        where=tuple(where),
        any_of=tuple(any_of),
        source="a recipe of a published figure",
    )
