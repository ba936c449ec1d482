"""What definitions name, held against the contract: tables, columns, elements, codes and moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import Float, Integer

from allpool.analysis.definitions.conditions import ELEMENT_OF, Condition, Population
from allpool.analysis.definitions.forms import (
    Endpoint,
    Moment,
    ResponseDefinition,
    ResponseEndpoint,
    TimeEndpoint,
    Window,
)
from allpool.analysis.definitions.rules import Graded, Measured, Reported
from allpool.analysis.definitions.subject_facts import (
    DAYS_SINCE,
    VALUE,
    AnyFact,
    ComputedFact,
    HappenedFact,
    IntervalFact,
    RowsFact,
)
from allpool.errors import DefinitionError
from allpool.mappings.dictionary import Dictionary
from allpool.mappings.positions import Document, Location
from allpool.mappings.terminology import Terminology
from allpool.models import Adsl, Base

VALUED = ("observation", "adverse_event")
"""Tables whose rows have a value of their own: an observation's, and an adverse event's grade."""


YES_OR_NO = frozenset("YN")
"""What a response, an event and a population can be."""


@dataclass(frozen=True)
class Checks:
    """Each name and code of a definition held against the contract; `fail` says file and line."""

    dictionary: Dictionary
    terminology: Terminology
    known: Mapping[str, Moment]

    def moment(self, document: Document, at: Location, moment: Moment) -> None:
        """Check a moment's table, date, columns, element and codes."""
        table = Base.metadata.tables[moment.table]
        if f"{moment.time}_date" not in table.c:
            _fail(document, (*at, "time"), f"table {moment.table} has no partial date '{moment.time}'")
        columns = [("flag", moment.flag), ("unless", moment.unless), ("only", moment.only)]
        columns += [("where", name) for name in moment.where] + [("besides", name) for name in moment.besides]
        for word, column in columns:
            if column is not None and column not in table.c:
                _fail(document, (*at, word), f"table {moment.table} has no column '{column}'")
        if (moment.element is None) == ("data_element" in table.c):
            _fail(
                document,
                at,
                f"a moment of {moment.table} {'names its' if moment.element is None else 'has no'} element",
            )
        if moment.codes and moment.table != "observation":
            _fail(document, (*at, "codes"), "`codes` are those of an observation's value")
        self.elements(document, (*at, "elements"), moment.elements)
        if moment.told is not None:
            self.elements(document, (*at, "told"), [moment.told.element])
        if moment.element is not None:
            self.elements(document, (*at, "element"), [moment.element])
            self.codes(document, (*at, "codes"), moment.codes, self.dictionary[moment.element].codes)
        for word, anchor in (("anchor", moment.anchor), ("days_from", moment.days_from)):
            if anchor is not None:
                self.codes(document, (*at, word), [anchor], "time_anchor")
        self.moments_exist(document, at, [name for name in (moment.after, moment.until) if name])
        if moment.measured is not None:
            self._measured(document, (*at, "measured"), moment.measured)
        self.elements(document, (*at, "counts"), [limit.element for limit in moment.counts])

    def endpoint(self, document: Document, at: Location, endpoint: Endpoint) -> None:
        """Check each definition of an endpoint."""
        if isinstance(endpoint, TimeEndpoint):
            for name, time in endpoint.definitions.items():
                self.moments_exist(document, (*at, "definitions", name), time.moments)
            return
        for name, response in endpoint.definitions.items():
            self._response(document, (*at, "definitions", name), response)

    def _response(self, document: Document, at: Location, response: ResponseDefinition) -> None:
        self.moments_exist(document, (*at, "among"), response.among)
        for window in response.windows:
            self.window(document, (*at, "window"), window)
        rule = response.rule
        if isinstance(rule, Reported):
            self.elements(document, (*at, "reported"), [rule.element])
            table = self.dictionary[rule.element].codes
            self.codes(document, (*at, "reported"), (*rule.codes, *rule.silent, *rule.unclear), table)
        elif isinstance(rule, Measured):
            self._measured(document, (*at, "measured"), rule)
        elif isinstance(rule, Graded):
            self.codes(document, (*at, "graded"), rule.terms, "ae_term")
            self.elements(document, (*at, "graded", "elements"), rule.elements)
            systems = (*rule.systems, *rule.elements.values())
            self.codes(document, (*at, "graded"), systems, "ae_grade_system")
        else:
            self.elements(document, (*at, "derived"), [limit.element for limit in rule.limits])

    def _measured(self, document: Document, at: Location, rule: Measured) -> None:
        self.codes(document, at, rule.methods, "mrd_method")
        self.codes(document, at, rule.specimens, "specimen")

    def window(self, document: Document, at: Location, window: Window) -> None:
        """Check a window's visits and moment."""
        self.codes(document, (*at, "timepoints"), window.timepoints, "timepoint")
        if window.since:
            self.moments_exist(document, (*at, "since"), [window.since])

    def fact(self, document: Document, at: Location, fact: AnyFact) -> None:
        """Check a fact's table, columns, element, codes and moments."""
        if isinstance(fact, RowsFact):
            table = Base.metadata.tables[fact.table]
            named = [*fact.where, *fact.unless, *(() if fact.of in (VALUE, DAYS_SINCE) else (fact.of,))]
            for column in named:
                if column not in table.c:
                    _fail(document, at, f"table {fact.table} has no column '{column}'")
            self.elements(document, (*at, "element"), [fact.element])
            for words in (fact.where, fact.unless):
                if fact.table == "observation" and "value_concept" in words:
                    self.codes(document, at, words["value_concept"], self.dictionary[fact.element].codes)
            self._of(document, at, fact)
            if fact.window is not None:
                self.window(document, (*at, "window"), fact.window)
                for word, column in (("timepoints", "timepoint"), ("courses", "course_number")):
                    if getattr(fact.window, word) and column not in table.c:
                        _fail(document, (*at, "window", word), f"table {fact.table} has no column '{column}'")
        elif isinstance(fact, IntervalFact):
            self.moments_exist(document, at, [fact.start, fact.end])
        elif isinstance(fact, HappenedFact):
            self.moments_exist(document, at, [fact.moment, *filter(None, (fact.since, fact.before))])

    def _of(self, document: Document, at: Location, fact: RowsFact) -> None:
        """Check that what is taken of a row is there to be taken, and a number where it must be."""
        if fact.take in ("any", "count") and fact.at_least is None and fact.below is None:
            return
        if fact.of == DAYS_SINCE:
            return
        if fact.of == VALUE:
            if fact.table not in VALUED:
                _fail(document, at, f"a row of {fact.table} has no value; say `of` which column")
            return
        sized = fact.take in ("least", "most") or fact.at_least is not None or fact.below is not None
        if sized and not isinstance(Base.metadata.tables[fact.table].c[fact.of].type, Float | Integer):
            _fail(document, (*at, "of"), f"'{fact.of}' of {fact.table} is no number, which has no size")

    def computed_fact(
        self, document: Document, at: Location, fact: ComputedFact, facts: Mapping[str, AnyFact]
    ) -> None:
        """Check that a computed fact is of facts that are read, not computed, and may hold numbers."""
        for name in fact.of:
            if name not in facts or isinstance(facts[name], ComputedFact | HappenedFact):
                _fail(document, (*at, "of"), f"fact '{fact.fact}' is of '{name}', which is no number read")

    def moments_exist(self, document: Document, at: Location, names: Iterable[str]) -> None:
        """Check that there are moments of these names."""
        for name in names:
            if name not in self.known:
                _fail(document, at, f"there is no moment '{name}'; moments.yaml has {', '.join(self.known)}")

    def elements(self, document: Document, at: Location, names: Iterable[str]) -> None:
        """Check that the dictionary has these elements."""
        for name in names:
            if name not in self.dictionary:
                _fail(document, at, f"the dictionary has no element '{name}'")

    def codes(self, document: Document, at: Location, codes: Iterable[str], table: str | None) -> None:
        """Check that `codes` stand in a code table."""
        for code in codes:
            if table is None:
                _fail(document, at, "this element has no code table, so `in` and `codes` mean nothing here")
            if table not in self.terminology:
                _fail(document, at, f"there is no code table '{table}'")
            if code not in self.terminology[table].codes:
                known = ", ".join(self.terminology[table].codes)
                _fail(document, at, f"'{code}' is not a code of {table}, which has {known}")


@dataclass(frozen=True)
class ConditionNames:
    """What a condition can be on, and what that must be."""

    contract: Checks
    endpoints: Mapping[str, Endpoint]
    facts: Mapping[str, AnyFact]
    baseline: frozenset[str]

    def check(self, document: Document, at: Location, condition: Condition) -> None:
        """Check what a condition is on, and the codes that it asks for."""
        codes = (*condition.in_, *condition.not_in)
        self._yes_or_no(document, at, condition)
        if condition.column is not None:
            self._column(document, at, condition.column, codes)
            self._sized(document, at, condition, ELEMENT_OF.get(condition.column, ""))
        elif condition.element is not None:
            if condition.element not in self.baseline:
                _fail(document, at, f"'{condition.element}' is not in baseline.yaml; add it there")
            self._sized(document, at, condition, condition.element)
            if not {"true", "false"} >= set(codes):
                self.contract.codes(document, at, codes, self.contract.dictionary[condition.element].codes)
        elif condition.fact is not None:
            if condition.fact not in self.facts:
                _fail(document, at, f"there is no fact '{condition.fact}'")
        elif condition.response is not None or condition.event is not None:
            self._endpoint(document, at, condition)

    def _column(self, document: Document, at: Location, column: str, codes: Iterable[str]) -> None:
        if column not in Adsl.__table__.c:
            _fail(document, at, f"adsl has no column '{column}'")
        element = ELEMENT_OF.get(column, "")
        table = self.contract.dictionary[element].codes if element in self.contract.dictionary else None
        if table is not None:
            self.contract.codes(document, at, codes, table)

    def _sized(self, document: Document, at: Location, condition: Condition, element: str) -> None:
        """Check that only numbers are asked for their size, and that a decimal is asked for nothing else."""
        if element not in self.contract.dictionary:
            return
        held = self.contract.dictionary[element]
        name = condition.column or condition.element
        if condition.bounds and held.codes is not None:
            _fail(document, at, f"{name} holds codes of {held.codes}, which have no size; ask with `in`")
        if held.type == "decimal" and (condition.in_ or condition.not_in):
            _fail(document, at, f"{name} is a number; ask with `at_least`, `above`, `at_most` or `below`")

    def _yes_or_no(self, document: Document, at: Location, condition: Condition) -> None:
        """Check that what is yes or no is asked for Y or N, and no number."""
        if not (condition.response or condition.event or condition.population):
            return
        strange = sorted({*condition.in_, *condition.not_in} - YES_OR_NO)
        if strange or condition.bounds:
            said = ", ".join((*strange, *condition.bounds))
            _fail(document, at, f"a response, an event and a population are Y or N, not '{said}'")

    def _endpoint(self, document: Document, at: Location, condition: Condition) -> None:
        asked = condition.response or condition.event
        if asked is None:
            raise AssertionError("a condition is on exactly one thing")
        kind = "response" if condition.response else "time to event"
        form = ResponseEndpoint if condition.response else TimeEndpoint
        found = self.endpoints.get(asked.endpoint)
        if not isinstance(found, form):
            _fail(document, at, f"there is no {kind} '{asked.endpoint}'")
        if asked.definition not in found.definitions:
            _fail(document, at, f"{asked.endpoint} has no definition '{asked.definition}'")


def check_population(
    document: Document,
    at: Location,
    population: Population,
    *,
    names: ConditionNames,
    populations: Mapping[str, Population],
) -> None:
    """Check every condition of a population, and that it does not rest on itself."""
    for word, conditions in (("where", population.where), ("any_of", population.any_of)):
        for index, condition in enumerate(conditions):
            names.check(document, (*at, word, index), condition)
            if condition.population is not None and condition.population not in populations:
                _fail(document, (*at, word, index), f"there is no population '{condition.population}'")
    if population.id in _rests_on(population, populations, frozenset()):
        _fail(document, at, f"population '{population.id}' rests on itself")


def _rests_on(
    population: Population, populations: Mapping[str, Population], seen: frozenset[str]
) -> frozenset[str]:
    """Return the populations that one rests on, directly or through others."""
    conditions = (*population.where, *population.any_of)
    found = frozenset(condition.population for condition in conditions if condition.population)
    for name in found - seen:
        if name in populations:
            found |= _rests_on(populations[name], populations, seen | found)
    return found


def _fail(document: Document, at: Location, message: str) -> NoReturn:
    document.fail(message, at, DefinitionError)
