"""Membership: what is known of each subject, and whether it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from allpool.analysis.cohorts.duplicates import LINKS
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.analysis.definitions.subject_facts import AnyFact
from allpool.errors import AnalysisError, DefinitionError

UNKNOWN = "unknown"
"""A code of several code tables; it says no more than an empty cell."""


@dataclass(frozen=True, eq=False)
class DerivedTables:
    """The derived tables as frames, `baseline` of adsl as a mapping per subject, and what papers print.

    `links` are the pairs of patients who may be one person (columns `duplicates.LINKS`).
    """

    adsl: pd.DataFrame
    adrs: pd.DataFrame
    adtte: pd.DataFrame
    adfact: pd.DataFrame
    adae: pd.DataFrame
    adex: pd.DataFrame
    admrd: pd.DataFrame
    published: pd.DataFrame
    links: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LINKS), dtype=object))

    @cached_property
    def facts(self) -> dict[str, pd.Series]:
        """Fact -> its values (numbers, or codes) by usubjid; missing where it is not known."""
        values = _either(self.adfact.set_index("usubjid"))
        places = self.adfact.groupby("paramcd", sort=True).indices
        return {str(name): values.iloc[rows] for name, rows in places.items()}

    def answers(self, endpoint: str, definition: str | None = None) -> pd.DataFrame:
        """Return the rows of adrs of one response, under one definition or all."""
        return _under(self._adrs.get(endpoint, self.adrs.iloc[:0]), definition)

    def times(self, endpoint: str, definition: str | None = None) -> pd.DataFrame:
        """Return the rows of adtte of one time to an event, under one definition or all."""
        return _under(self._adtte.get(endpoint, self.adtte.iloc[:0]), definition)

    @cached_property
    def _adrs(self) -> dict[str, pd.DataFrame]:
        return {str(endpoint): rows for endpoint, rows in self.adrs.groupby("paramcd", sort=True)}

    @cached_property
    def _adtte(self) -> dict[str, pd.DataFrame]:
        return {str(endpoint): rows for endpoint, rows in self.adtte.groupby("paramcd", sort=True)}

    def fact(self, asked: AnyFact) -> pd.Series:
        """Return a fact by usubjid, empty where no subject is of a study that it is read for.

        `AnalysisError` where the store was derived without it.
        """
        if asked.fact in self.facts:
            return self.facts[asked.fact]
        if not asked.studies or set(asked.studies) & set(self.adsl["studyid"]):
            raise AnalysisError(f"the store has no fact '{asked.fact}'; run a night to derive it")
        return pd.Series(dtype=object)


def _under(rows: pd.DataFrame, definition: str | None) -> pd.DataFrame:
    return rows if definition is None else rows[rows["definition"] == definition]


def members(
    population: Population, subjects: pd.DataFrame, *, tables: DerivedTables, catalogue: Catalogue
) -> pd.Series:
    """Return whether each subject belongs (pandas boolean, missing where that is not known)."""
    met = all_of(population.where, subjects, tables=tables, catalogue=catalogue)
    if not population.any_of:
        return met
    either = pd.Series(False, index=subjects.index, dtype="boolean")
    for condition in population.any_of:
        either = either | _met(condition, subjects, tables=tables, catalogue=catalogue)
    return met & either


def population_conditions(population: Population) -> tuple[Condition, ...]:
    """Return every condition of a population."""
    return (*population.where, *population.any_of)


def known_later(conditions: Sequence[Condition], catalogue: Catalogue) -> list[str]:
    """Return what conditions are on, directly or through populations, that is known only after time zero.

    A condition that asks only whether something is known chooses nobody by what it is.
    """
    found: set[str] = set()
    for condition in conditions:
        if condition.known is not None:
            continue
        asked = condition.response or condition.event
        if asked is not None:
            found.add(asked.endpoint)
        elif condition.fact is not None and catalogue.fact(condition.fact).known == "later":
            found.add(condition.fact)
        elif condition.population is not None:
            inner = population_conditions(catalogue.population(condition.population))
            found |= set(known_later(inner, catalogue))
    return sorted(found)


def all_of(
    conditions: Sequence[Condition], subjects: pd.DataFrame, *, tables: DerivedTables, catalogue: Catalogue
) -> pd.Series:
    """Return whether each subject meets every condition, in Kleene's logic: unknown is neither."""
    met = pd.Series(True, index=subjects.index, dtype="boolean")
    for condition in conditions:
        met = met & _met(condition, subjects, tables=tables, catalogue=catalogue)
    return met


def _met(
    condition: Condition, subjects: pd.DataFrame, *, tables: DerivedTables, catalogue: Catalogue
) -> pd.Series:
    values = values_of(condition, subjects, tables=tables, catalogue=catalogue)
    known = values.notna() & (values != UNKNOWN)
    if condition.known is not None:
        return (known == condition.known).astype("boolean")
    met = pd.Series(True, index=subjects.index, dtype="boolean")
    if condition.in_ or condition.not_in:
        words = values.map(word_of)
        if condition.in_:
            met &= words.isin(list(condition.in_))
        if condition.not_in:
            met &= ~words.isin(list(condition.not_in))
    numbers = pd.to_numeric(values, errors="coerce")
    if condition.at_least is not None:
        met &= numbers >= condition.at_least
    if condition.above is not None:
        met &= numbers > condition.above
    if condition.at_most is not None:
        met &= numbers <= condition.at_most
    if condition.below is not None:
        met &= numbers < condition.below
    return met.where(known, pd.NA)


def values_of(
    condition: Condition, subjects: pd.DataFrame, *, tables: DerivedTables, catalogue: Catalogue
) -> pd.Series:
    """Return what a condition is on, for each subject (dtype object, missing where it is not known)."""
    if condition.column is not None:
        return subjects[condition.column].astype(object)
    if condition.element is not None:
        return baseline_values(subjects, condition.element)
    if condition.fact is not None:
        return subjects["usubjid"].map(tables.fact(catalogue.fact(condition.fact))).astype(object)
    if condition.response is not None:
        asked = condition.response
        rows = tables.answers(asked.endpoint, asked.definition)
        return subjects["usubjid"].map(rows.set_index("usubjid")["avalc"]).astype(object)
    if condition.event is not None:
        event = condition.event
        rows = tables.times(event.endpoint, event.definition)
        return subjects["usubjid"].map(happened(rows.set_index("usubjid")["cnsr"])).astype(object)
    if condition.population is None:
        raise DefinitionError("a condition is on exactly one thing")
    inside = members(catalogue.population(condition.population), subjects, tables=tables, catalogue=catalogue)
    return inside.map({True: "Y", False: "N"}).astype(object)


def happened(cnsr: pd.Series) -> pd.Series:
    """Return Y where the event was seen, N where it was not, missing where it cannot be told."""
    return cnsr.map({0: "Y", 1: "N", 2: "N"})


def baseline_values(subjects: pd.DataFrame, element: str) -> pd.Series:
    """Return a baseline element of each subject, missing where it is not known."""
    found = [values.get(element) for values in subjects["baseline"]]
    return pd.Series(found, index=subjects.index, dtype=object)


def _either(rows: pd.DataFrame) -> pd.Series:
    return rows["avalc"].astype(object).where(rows["avalc"].notna(), rows["aval"].astype(object))


def word_of(value: Any) -> str:
    """Return a value as conditions name it: true and false, and a whole number without its point."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
