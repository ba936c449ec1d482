"""Plans: which question is answered each night, in whom, under which definition, by which estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from allpool.analysis.cohorts.cohort import OWN
from allpool.analysis.cohorts.flow import described
from allpool.analysis.cohorts.poolability import load_poolability
from allpool.analysis.cohorts.samples import grouping_of
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import Name, TimeDefinition
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import EndpointStep
from allpool.errors import AnalysisError, DefinitionError
from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import Document, read_yaml


class Trap(Frozen):
    """What could go wrong with a question, and how the plan meets it."""

    trap: str
    met: str


class Plan(Frozen):
    """One plan: steps in order, times in one unit."""

    model_config = ConfigDict(use_attribute_docstrings=True)

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
    duplicates: Literal["exclude", "keep"] = "exclude"
    """Whether a person who stands in several studies is counted once where studies share an estimate (who is
    one person is decided by `allpool overlap`), with a sensitivity analysis beside it; or twice."""
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
    for number, condition in enumerate(step.where):
        catalogue.check_condition(document, ("steps", index, "where", number), condition)
    for field, exists in _named(step, catalogue):
        try:
            exists()
        except (AnalysisError, DefinitionError) as error:
            document.fail(error.message, ("steps", index, field), DefinitionError)
    if isinstance(step, EndpointStep):
        _check_endpoint(document, index, step, catalogue, estimator=step.estimator)


def _named(step: Step, catalogue: Catalogue) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the field of each name in a step, and what raises where there is nothing of that name."""
    yield "population", partial(catalogue.population, step.population)
    for field, fact in step.facts_named():
        yield field, partial(catalogue.fact, fact)
    for field, grouping in step.groupings_named():
        yield field, partial(grouping_of, grouping, catalogue)
    for field, endpoint, definition in step.endpoints_named():
        yield field, partial(catalogue.definition, endpoint, definition)
    if step.outcome is not None:
        of = step.endpoint if isinstance(step, EndpointStep) else None
        yield "outcome", partial(load_poolability().judging, step.outcome, of)
    if isinstance(step, EndpointStep):
        yield "endpoint", partial(catalogue.endpoint, step.endpoint)
        if step.definition != OWN:
            yield "definition", partial(catalogue.definition, step.endpoint, step.definition)


def _check_endpoint(
    document: Document, index: int, step: EndpointStep, catalogue: Catalogue, *, estimator: str
) -> None:
    endpoint = catalogue.endpoint(step.endpoint)
    if endpoint.kind != step.wanted:
        kind = {"response": "a response", "time-to-event": "a time to an event"}[endpoint.kind]
        more = "; say `at` which time" if estimator == "synthesis" and step.wanted == "response" else ""
        document.fail(
            f"{step.endpoint} is {kind}, which {estimator} does not take here{more}",
            ("steps", index, "estimator"),
            DefinitionError,
        )
    if step.by is not None and not step.grouped:
        document.fail(
            f"{estimator} answers for all subjects together and takes no `by`",
            ("steps", index, "by"),
            DefinitionError,
        )
    definition = None if step.definition == OWN else catalogue.definition(step.endpoint, step.definition)
    if step.competing and isinstance(definition, TimeDefinition) and not definition.competing:
        document.fail(
            f"{step.endpoint}/{step.definition} has no competing events; take kaplan-meier, log-rank or cox",
            ("steps", index, "estimator"),
            DefinitionError,
        )
    meant = definition.studies if definition else ()
    strangers = sorted(set(step.studies) - set(meant)) if meant else []
    if strangers:
        document.fail(
            f"definition {step.definition} of {step.endpoint} is meant for study "
            f"{', '.join(meant)}, not for {', '.join(strangers)}",
            ("steps", index, "studies"),
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
