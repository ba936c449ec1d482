"""The catalogue of definitions: loaded once, each name and code in it checked against the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from allpool.analysis.definitions.checks import Checks, ConditionNames, check_population
from allpool.analysis.definitions.conditions import BaselineFile, Condition, Population, PopulationFile
from allpool.analysis.definitions.forms import (
    Endpoint,
    EndpointFile,
    Moment,
    MomentFile,
    ResponseDefinition,
    TimeDefinition,
)
from allpool.analysis.definitions.subject_facts import AnyFact, ComputedFact, FactFile
from allpool.errors import DefinitionError
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.positions import Document, Location, read_yaml
from allpool.mappings.terminology import load_terminology

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """All moments, populations, endpoints, facts and baseline values by name, and the hash of their files."""

    moments: Mapping[str, Moment]
    populations: Mapping[str, Population]
    endpoints: Mapping[str, Endpoint]
    baseline: BaselineFile
    facts: Mapping[str, AnyFact]
    hash: str

    def population(self, name: str) -> Population:
        """Return the population called `name`; `DefinitionError` lists those there are."""
        return _named(self.populations, name, kind="population")

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint called `name`; `DefinitionError` lists those there are."""
        return _named(self.endpoints, name, kind="endpoint")

    def fact(self, name: str) -> AnyFact:
        """Return the fact called `name`; `DefinitionError` lists those there are."""
        return _named(self.facts, name, kind="fact")

    @property
    def baseline_elements(self) -> frozenset[str]:
        """The elements that conditions can be on."""
        return frozenset((*(item.element for item in self.baseline.baseline), self.baseline.treated))

    def check_condition(self, document: Document, at: Location, condition: Condition) -> None:
        """Check what a condition of another file names; `DefinitionError` with file and line."""
        contract = Checks(load_dictionary(), load_terminology(), self.moments)
        names = ConditionNames(contract, self.endpoints, self.facts, self.baseline_elements)
        names.check(document, at, condition)
        if condition.population is not None and condition.population not in self.populations:
            document.fail(f"there is no population '{condition.population}'", at, DefinitionError)

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


class Reader(Protocol):
    """Reads one file of definitions, and adds it to the catalogue's hash."""

    def __call__(self, path: Path, model: type[Model]) -> tuple[Document, Model]:
        """Return the document, for errors with a line, and what it holds."""
        ...  # pragma: no cover


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

    for path in sorted(folder.glob("poolability.yaml")):
        digest.update(path.read_bytes())  # which studies may be pooled is a definition too
    document, moment_file = read(folder / "moments.yaml", MomentFile)
    moments = moment_file.moments
    check = Checks(load_dictionary(), load_terminology(), moments)
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
    facts = _facts(folder, read, check)
    check.elements(document, ("treated",), [baseline.treated])
    values = frozenset((*(item.element for item in baseline.baseline), baseline.treated))
    populations = _populations(folder, read, ConditionNames(check, endpoints, facts, values))
    return Catalogue(moments, populations, endpoints, baseline, facts, digest.hexdigest())


def _facts(folder: Path, read: Reader, check: Checks) -> dict[str, AnyFact]:
    facts: dict[str, AnyFact] = {}
    computed: list[tuple[Document, Location, ComputedFact]] = []
    for path in sorted((folder / "facts").glob("*.yaml")):
        document, fact_file = read(path, FactFile)
        for index, fact in enumerate(fact_file.facts):
            if fact.fact in facts:
                document.fail(f"fact '{fact.fact}' is defined twice", ("facts", index), DefinitionError)
            check.fact(document, ("facts", index), fact)
            facts[fact.fact] = fact
            if isinstance(fact, ComputedFact):
                computed.append((document, ("facts", index), fact))
    for document, at, fact in computed:
        check.computed_fact(document, at, fact, facts)
    return facts


def _populations(folder: Path, read: Reader, names: ConditionNames) -> dict[str, Population]:
    found: dict[str, Population] = {}
    placed: list[tuple[Document, Location, Population]] = []
    for path in sorted((folder / "populations").glob("*.yaml")):
        document, population_file = read(path, PopulationFile)
        for index, population in enumerate(population_file.populations):
            at: Location = ("populations", index)
            if population.id in found:
                document.fail(f"population '{population.id}' is defined twice", at, DefinitionError)
            found[population.id] = population
            placed.append((document, at, population))
    for document, at, population in placed:
        check_population(document, at, population, names=names, populations=found)
    return found
