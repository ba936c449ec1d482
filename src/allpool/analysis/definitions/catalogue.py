"""The catalogue of definitions: loaded once, each name and code in it checked against the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel

from allpool.analysis.definitions.conditions import BaselineFile, Population, PopulationFile
from allpool.analysis.definitions.forms import (
    Endpoint,
    EndpointFile,
    Moment,
    MomentFile,
    ResponseDefinition,
    ResponseEndpoint,
    TimeDefinition,
    TimeEndpoint,
    Window,
)
from allpool.errors import DefinitionError
from allpool.mappings.dictionary import Dictionary, load_dictionary
from allpool.mappings.positions import Document, read_yaml
from allpool.mappings.terminology import Terminology, load_terminology
from allpool.models import Adsl, Base

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Catalogue:
    """All moments, populations, endpoints and baseline values by name, and the hash of their files."""

    moments: Mapping[str, Moment]
    populations: Mapping[str, Population]
    endpoints: Mapping[str, Endpoint]
    baseline: BaselineFile
    hash: str

    def population(self, name: str) -> Population:
        """Return the population called `name`; `DefinitionError` lists those there are."""
        return _named(self.populations, name, kind="population")

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint called `name`; `DefinitionError` lists those there are."""
        return _named(self.endpoints, name, kind="endpoint")

    def definition(self, endpoint: str, definition: str) -> ResponseDefinition | TimeDefinition:
        """Return one definition of an endpoint; `DefinitionError` lists those there are."""
        found: Mapping[str, ResponseDefinition | TimeDefinition] = self.endpoint(endpoint).definitions
        return _named(found, definition, kind=f"definition of {endpoint}")


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Load moments, baseline, populations and endpoints from `folder`, by default allpool's own.

    Raises `DefinitionError` with file and line where an entry is not valid, a name stands twice, or an entry
    names a moment, column, element or code that does not exist.
    """
    return _load(folder or Path(str(files("allpool.analysis.definitions"))))


Item = TypeVar("Item")


def _named(items: Mapping[str, Item], name: str, *, kind: str) -> Item:
    if name not in items:
        raise DefinitionError(f"there is no {kind} '{name}'; there are: {', '.join(sorted(items))}")
    return items[name]


@cache
def _load(folder: Path) -> Catalogue:
    digest = sha256()

    def read(path: Path, model: type[Model]) -> tuple[Document, Model]:
        document = read_yaml(path, error=DefinitionError)
        digest.update(path.read_bytes())
        return document, document.parse(model, error=DefinitionError)

    document, moment_file = read(folder / "moments.yaml", MomentFile)
    moments = moment_file.moments
    check = _Checks(load_dictionary(), load_terminology(), moments)
    for name, moment in moments.items():
        check.moment(document, ("moments", name), moment)
    document, baseline = read(folder / "baseline.yaml", BaselineFile)
    check.moments_exist(document, ("since",), [baseline.since])
    for index, item in enumerate(baseline.baseline):
        check.elements(document, ("baseline", index, "element"), [item.element])
        check.codes(document, ("baseline", index, "timepoints"), item.timepoints, "timepoint")
    endpoints: dict[str, Endpoint] = {}
    for path in sorted((folder / "endpoints").glob("*.yaml")):
        document, endpoint_file = read(path, EndpointFile)
        for index, endpoint in enumerate(endpoint_file.endpoints):
            at: Location = ("endpoints", index)
            if endpoint.endpoint in endpoints:
                document.fail(f"endpoint '{endpoint.endpoint}' is defined twice", at, DefinitionError)
            check.endpoint(document, at, endpoint)
            endpoints[endpoint.endpoint] = endpoint
    populations: dict[str, Population] = {}
    check.elements(document, ("treated",), [baseline.treated])
    values = frozenset((*(item.element for item in baseline.baseline), baseline.treated))
    for path in sorted((folder / "populations").glob("*.yaml")):
        document, population_file = read(path, PopulationFile)
        for index, population in enumerate(population_file.populations):
            at = ("populations", index)
            if population.id in populations:
                document.fail(f"population '{population.id}' is defined twice", at, DefinitionError)
            check.population(document, at, population, endpoints=endpoints, baseline=values)
            populations[population.id] = population
    return Catalogue(moments, populations, endpoints, baseline, digest.hexdigest())


CODED_COLUMNS: Mapping[str, str] = {
    "sex": "sex",
    "cohort_at_enrolment": "cohort_at_enrolment",
    "disease_status": "disease_status_at_start",
    "ph_status": "ph_status",
}
"""Columns of adsl that hold codes, and the element whose code table says which."""


@dataclass(frozen=True)
class _Checks:
    dictionary: Dictionary
    terminology: Terminology
    known: Mapping[str, Moment]

    def moment(self, document: Document, at: Location, moment: Moment) -> None:
        table = Base.metadata.tables[moment.table]
        if f"{moment.time}_date" not in table.c:
            _fail(document, (*at, "time"), f"table {moment.table} has no partial date '{moment.time}'")
        for word, column in (("flag", moment.flag), ("unless", moment.unless)):
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
        if moment.anchor is not None:
            self.codes(document, (*at, "anchor"), [moment.anchor], "time_anchor")

    def endpoint(self, document: Document, at: Location, endpoint: Endpoint) -> None:
        if isinstance(endpoint, TimeEndpoint):
            for name, time in endpoint.definitions.items():
                here = (*at, "definitions", name)
                failure = [time.failure.moment, time.failure.unless] if time.failure else []
                optional = [part for part in (time.among, time.assessed) if part]
                self.moments_exist(
                    document, here, [time.origin, *time.events, *time.censoring, *optional, *failure]
                )
            return
        for name, response in endpoint.definitions.items():
            self._response(document, (*at, "definitions", name), response)

    def _response(self, document: Document, at: Location, response: ResponseDefinition) -> None:
        if response.among:
            self.moments_exist(document, (*at, "among"), [response.among])
        if response.reported:
            self.elements(document, (*at, "reported"), [response.reported.element])
            rule = response.reported
            table = self.dictionary[rule.element].codes
            self.codes(document, (*at, "reported"), (*rule.codes, *rule.silent, *rule.unclear), table)
        if response.measured:
            self.codes(document, (*at, "measured"), response.measured.methods, "mrd_method")
        if response.window:
            self._window(document, (*at, "window"), response.window)

    def _window(self, document: Document, at: Location, window: Window) -> None:
        self.codes(document, (*at, "timepoints"), window.timepoints, "timepoint")
        if window.since:
            self.moments_exist(document, (*at, "since"), [window.since])

    def population(
        self,
        document: Document,
        at: Location,
        population: Population,
        *,
        endpoints: Mapping[str, Endpoint],
        baseline: frozenset[str],
    ) -> None:
        for index, condition in enumerate(population.where):
            here = (*at, "where", index)
            if condition.column is not None:
                if condition.column not in Adsl.__table__.c:
                    _fail(document, here, f"adsl has no column '{condition.column}'")
                coded = CODED_COLUMNS.get(condition.column)
                if coded is not None and coded in self.dictionary:
                    self.codes(document, here, condition.in_, self.dictionary[coded].codes)
            elif condition.element is not None:
                if condition.element not in baseline:
                    _fail(document, here, f"'{condition.element}' is not in baseline.yaml; add it there")
                if {"true", "false"} >= set(condition.in_):
                    continue
                self.codes(document, here, condition.in_, self.dictionary[condition.element].codes)
            elif condition.response is not None:
                asked = endpoints.get(condition.response.endpoint)
                if not isinstance(asked, ResponseEndpoint):
                    _fail(document, here, f"there is no response '{condition.response.endpoint}'")
                elif condition.response.definition not in asked.definitions:
                    _fail(
                        document,
                        here,
                        f"{asked.endpoint} has no definition '{condition.response.definition}'",
                    )

    def moments_exist(self, document: Document, at: Location, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.known:
                _fail(document, at, f"there is no moment '{name}'; moments.yaml has {', '.join(self.known)}")

    def elements(self, document: Document, at: Location, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.dictionary:
                _fail(document, at, f"the dictionary has no element '{name}'")

    def codes(self, document: Document, at: Location, codes: Iterable[str], table: str | None) -> None:
        for code in codes:
            if table is None:
                _fail(document, at, "this element has no code table, so `in` and `codes` mean nothing here")
            if table not in self.terminology:
                _fail(document, at, f"there is no code table '{table}'")
            if code not in self.terminology[table].codes:
                known = ", ".join(self.terminology[table].codes)
                _fail(document, at, f"'{code}' is not a code of {table}, which has {known}")


def _fail(document: Document, at: Location, message: str) -> NoReturn:
    document.fail(message, at, DefinitionError)
