"""Whom a recipe asks: the subjects of a study that it chooses, and what is known of each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, reduce
from operator import and_, or_

import numpy as np
import numpy.typing as npt
import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.membership import DerivedTables, members, values_of
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.analysis.published.recipes import Chosen, Of, RecipeBase
from allpool.errors import AnalysisError

EVERYBODY = "all_subjects"
Source = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Study:
    """One study's rows of the derived tables; what many recipes ask is found once."""

    name: str
    tables: DerivedTables
    catalogue: Catalogue
    _found: dict[Hashable, pd.Series] = field(default_factory=dict, repr=False)
    _sources: dict[Hashable, Mapping[str, Source]] = field(default_factory=dict, repr=False)

    @property
    def subjects(self) -> pd.DataFrame:
        """Every subject of the study: rows of adsl."""
        return self.tables.adsl

    @cached_property
    def events(self) -> pd.DataFrame:
        """Adverse events with their `grade` as a number, each subject's worst first."""
        events = self.tables.adae
        graded = events.assign(grade=pd.to_numeric(events["aetoxgr"], errors="coerce"))
        order = graded.assign(order=-graded["grade"]).sort_values(
            ["usubjid", "order", "srcid"], na_position="last"
        )
        return order.drop(columns="order").reset_index(drop=True)

    def met(self, condition: Condition) -> pd.Series:
        """Return whether each subject meets a condition (pandas boolean, missing where not known)."""
        if condition not in self._found:
            population = _population((condition,))
            self._found[condition] = members(
                population, self.subjects, tables=self.tables, catalogue=self.catalogue
            )
        return self._found[condition]

    def values(self, of: Of) -> pd.Series:
        """Return a value of each subject, missing where it is not known."""
        if of not in self._found:
            self._found[of] = values_of(of.known, self.subjects, tables=self.tables, catalogue=self.catalogue)
        return self._found[of]

    def sources(self, item: Condition | Of) -> Mapping[str, Source]:
        """Return usubjid -> table and id of the row that an item was read from, where there is one.

        What stands in adsl alone (age, a baseline value) has none.
        """
        response = item.response if isinstance(item, Condition) else None
        event = item.event if isinstance(item, Condition) else None
        if item.fact is not None:
            return self._rows(self.tables.adfact, item.fact, None)
        if response is not None:
            return self._rows(self.tables.adrs, response.endpoint, response.definition)
        if event is not None:
            return self._rows(self.tables.adtte, event.endpoint, event.definition)
        return {}

    def _rows(self, table: pd.DataFrame, name: str, definition: str | None) -> Mapping[str, Source]:
        key = (name, definition)
        if key not in self._sources:
            own = table["paramcd"] == name
            if definition is not None:
                own &= table["definition"] == definition
            rows = table.loc[own & table["srcid"].notna(), ["usubjid", "srcdom", "srcid"]]
            self._sources[key] = {
                str(who): (str(dom), str(id_)) for who, dom, id_ in rows.itertuples(index=False, name=None)
            }
        return self._sources[key]


@dataclass(frozen=True, eq=False)
class Asked:
    """The subjects that a recipe is about, by their positions; `unknown` may or may not be among them."""

    study: Study
    positions: npt.NDArray[np.intp]
    unknown: int = 0

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.positions)

    @property
    def usubjid(self) -> pd.Series:
        """Who they are."""
        return self._taken(self.study.subjects["usubjid"])

    def met(self, choice: Chosen) -> pd.Series:
        """Return whether each subject is chosen, in Kleene's logic: unknown is neither."""
        parts = [self.study.met(condition) for condition in choice.where]
        if choice.any_of:
            parts.append(reduce(or_, (self.study.met(condition) for condition in choice.any_of)))
        if not parts:
            return pd.Series(True, index=range(self.n), dtype="boolean")
        return self._taken(reduce(and_, parts))

    def of(self, choice: Chosen) -> Asked:
        """Return the chosen among the subjects."""
        met = self.met(choice)
        inside = met.fillna(False).to_numpy(dtype=bool)
        return Asked(self.study, self.positions[inside], self.unknown + int(met.isna().sum()))

    def values(self, of: Of) -> pd.Series:
        """Return a value of each subject, missing where it is not known."""
        return self._taken(self.study.values(of))

    def numbers(self, of: Of) -> pd.Series:
        """Return a number of each subject, missing where it is not known."""
        return pd.to_numeric(self.values(of), errors="coerce")

    def sources(self, items: Sequence[Condition | Of]) -> list[Source]:
        """Return table and id of the row that the first item with one was read from, else the subject's."""
        known = [self.study.sources(item) for item in items]
        return [
            next((found[who] for found in known if who in found), ("research_subject", who))
            for who in self.usubjid
        ]

    def cohort(self) -> Cohort:
        """Return the subjects as a cohort, to be asked for an endpoint."""
        subjects = self.study.subjects.iloc[self.positions].reset_index(drop=True)
        return Cohort(_population(()), subjects, self.unknown, self.study.tables, self.study.catalogue)

    def _taken(self, values: pd.Series) -> pd.Series:
        return values.take(self.positions).reset_index(drop=True)


def study_of(name: str, tables: DerivedTables, catalogue: Catalogue) -> Study:
    """Return one study's rows of every derived table."""
    frames: dict[str, pd.DataFrame] = {item.name: getattr(tables, item.name) for item in fields(tables)}
    own = {
        table: frame[frame["studyid"] == name].reset_index(drop=True)
        for table, frame in frames.items()
        if "studyid" in frame.columns
    }
    return Study(name, replace(tables, **own), catalogue)


def asked_of(recipe: RecipeBase, study: Study) -> Asked:
    """Return the subjects that a recipe is about.

    Raises `AnalysisError` where the first subjects by a date are asked for and the date is not known of all,
    or does not tell which are the first.
    """
    where = recipe.where
    if recipe.population is not None:
        where = (Condition.model_validate({"population": recipe.population, "in": ("Y",)}), *where)
    asked = Asked(study, np.arange(len(study.subjects)))
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
    return Asked(study, asked.positions[sorted(order.index[:number])], asked.unknown)


def _population(where: Sequence[Condition]) -> Population:
    return Population(
        id="published",
        version="1",
        title="as the record says",
        where=tuple(where),
        source="a recipe of a published figure",
    )
