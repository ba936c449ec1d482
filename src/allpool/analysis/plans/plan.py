"""Plans: which question is answered each night, in whom, under which definition, by which estimator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from allpool.analysis.cohorts.cohort import OWN
from allpool.analysis.cohorts.flow import described
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import Name, TimeDefinition
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import EndpointStep
from allpool.errors import DefinitionError
from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import Document, read_yaml


class Trap(Frozen):
    """What could go wrong with a question, and how the plan meets it."""

    trap: str
    met: str


class Plan(Frozen):
    """One plan: steps in order, times in one unit."""

    plan: Name
    title: str
    unit: Literal["day", "week", "month", "year"] = "month"
    """A month is 30.4375 days, a year 365.25."""
    question: Name | None = None
    """Id of the consortium's question that it answers."""
    estimand: str | None = None
    studies: Mapping[str, str] = Field(default_factory=dict)
    """Study -> at which level it may enter, or why it may not."""
    model: str | None = None
    traps: tuple[Trap, ...] = ()
    steps: tuple[Step, ...]


def load_plan(path: Path, catalogue: Catalogue) -> Plan:
    """Load a plan and check that its populations, endpoints and definitions exist.

    Raises `DefinitionError` with file and line.
    """
    document = read_yaml(path, error=DefinitionError)
    plan = document.parse(Plan, error=DefinitionError)
    seen: set[str] = set()
    for index, step in enumerate(plan.steps):
        if step.id in seen:
            document.fail(f"step '{step.id}' stands here twice", ("steps", index, "id"), DefinitionError)
        seen.add(step.id)
        _check(document, index, step, catalogue)
    return plan


def _check(document: Document, index: int, step: Step, catalogue: Catalogue) -> None:
    def place(field: str) -> tuple[str | int, ...]:
        return ("steps", index, field)

    try:
        field = "population"
        catalogue.population(step.population)
        for named, name in step.facts_named():
            field = named
            catalogue.fact(name)
        if not isinstance(step, EndpointStep):
            return
        field = "endpoint"
        endpoint = catalogue.endpoint(step.endpoint)
        field = "definition"
        if step.definition == OWN:
            return
        definition = catalogue.definition(step.endpoint, step.definition)
    except DefinitionError as error:
        document.fail(error.message, place(field), DefinitionError)
    strangers = sorted(set(step.studies) - set(definition.studies)) if definition.studies else []
    if strangers:
        document.fail(
            f"definition {step.definition} of {step.endpoint} is meant for study "
            f"{', '.join(definition.studies)}, not for {', '.join(strangers)}",
            place("studies"),
            DefinitionError,
        )
    if endpoint.kind != step.wanted:
        kind = {"response": "a response", "time-to-event": "a time to an event"}[endpoint.kind]
        more = "; say `at` which time" if step.estimator == "synthesis" and step.wanted == "response" else ""
        document.fail(
            f"{step.endpoint} is {kind}, which {step.estimator} does not take here{more}",
            place("estimator"),
            DefinitionError,
        )


def definition_lines(step: Step, catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return what a step's definition says, as (word, sentence) to be printed beside its results."""
    population = catalogue.population(step.population)
    lines = [("Population", f"{population.title} ({population.id}, version {population.version})")]
    lines += [("Only where", described(condition)) for condition in step.where]
    if not isinstance(step, EndpointStep):
        return [*lines, *((word, catalogue.fact(name).title) for word, name in step.facts_named())]
    endpoint = catalogue.endpoint(step.endpoint)
    name = f"{endpoint.title} ({endpoint.endpoint}/{step.definition}, version {endpoint.version})"
    lines.append(("Endpoint", name))
    if step.definition == OWN:
        return [*lines, ("Definition", "each study's own where it has one, else the common one")]
    definition = catalogue.definition(step.endpoint, step.definition)
    lines.append(("Definition", definition.label))
    if isinstance(definition, TimeDefinition):
        titles = {name: moment.title for name, moment in catalogue.moments.items()}
        lines.append(("Time zero", titles[definition.origin]))
        lines.append(("Events", "; ".join(titles[name] for name in definition.events)))
        if definition.competing:
            lines.append(("Competing", "; ".join(titles[name] for name in definition.competing)))
        lines.append(("Censored at", " or ".join(titles[name] for name in definition.censoring)))
    lines.append(("Source", definition.source))
    if definition.note:
        lines.append(("Note", definition.note))
    return lines
