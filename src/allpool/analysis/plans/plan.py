"""Plans: which question is answered each night, in whom, under which definition, by which estimator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from allpool.analysis.cohorts.samples import Grouping
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import Name, ResponseEndpoint, TimeDefinition
from allpool.errors import DefinitionError
from allpool.mappings.dictionary import Frozen, Many, as_tuple
from allpool.mappings.positions import Document, read_yaml

Times = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
AT_RISK_MINIMUM = 5


class StepBase(Frozen):
    """What every step says: the question, in whom, and of what."""

    id: Name
    question: str
    population: str
    studies: Many = ()
    """Studies asked; none means all that have subjects in the population."""
    excludes: Mapping[str, str] = Field(default_factory=dict)
    """Study -> why it is left out, printed beside the result."""
    endpoint: str
    definition: str = "common"
    by: str | Grouping | None = None
    """"study", "centre", a column of adsl, a baseline element, an endpoint, or a grouping written out."""
    override: str | None = None
    """Reason to compare groups that are known only after time zero; printed beside the result."""
    level: float = Field(default=0.95, gt=0, lt=1)
    headline: bool = False
    """Whether the night's closing table shows it."""


class ProportionStep(StepBase):
    """Share of responders per group."""

    estimator: Literal["proportion"]
    method: Literal["clopper-pearson", "wilson", "wilson-cc"] = "clopper-pearson"


class SurvivalStep(StepBase):
    """Kaplan-Meier per group: survival at times, median, numbers at risk."""

    estimator: Literal["kaplan-meier"]
    times: Times
    ci: Literal["log-log", "log", "plain"] = "log-log"
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)
    """With fewer at risk at a time, survival then is withheld."""


class LogRankStep(StepBase):
    """Log-rank test of groups, plain or stratified."""

    estimator: Literal["log-rank"]
    by: str | Grouping
    strata: str | None = None


class CoxStep(StepBase):
    """Cox model of baseline covariates, stratified or not."""

    estimator: Literal["cox"]
    covariates: Many
    strata: Many = ()
    ties: Literal["efron", "breslow"] = "efron"


class SynthesisStep(StepBase):
    """Two-stage synthesis over studies: of proportions, or of survival at a time."""

    estimator: Literal["synthesis"]
    by: str | Grouping = "study"
    model: Literal["glmm", "logit", "freeman-tukey", "arcsine", "raw"] = "glmm"
    method: Literal["FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS"] = "REML"
    test: Literal["z", "t", "hksj"] = "z"
    at: float | None = Field(default=None, gt=0)
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)


Step = Annotated[
    ProportionStep | SurvivalStep | LogRankStep | CoxStep | SynthesisStep, Field(discriminator="estimator")
]


class Plan(Frozen):
    """One plan: steps in order, times in one unit."""

    plan: Name
    title: str
    unit: Literal["day", "week", "month", "year"] = "month"
    """A month is 30.4375 days, a year 365.25."""
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
        field = "endpoint"
        endpoint = catalogue.endpoint(step.endpoint)
        field = "definition"
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
    responds = isinstance(endpoint, ResponseEndpoint)
    wants_response = step.estimator == "proportion" or (isinstance(step, SynthesisStep) and step.at is None)
    if responds != wants_response:
        kind = "a response" if responds else "a time to an event"
        more = "; say `at` which time" if isinstance(step, SynthesisStep) and not responds else ""
        document.fail(
            f"{step.endpoint} is {kind}, which {step.estimator} does not take here{more}",
            place("estimator"),
            DefinitionError,
        )


def definition_lines(step: Step, catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return what a step's definition says, as (word, sentence) to be printed beside its results."""
    population = catalogue.population(step.population)
    endpoint = catalogue.endpoint(step.endpoint)
    definition = catalogue.definition(step.endpoint, step.definition)
    lines = [
        ("Population", f"{population.title} ({population.id}, version {population.version})"),
        ("Endpoint", f"{endpoint.title} ({endpoint.endpoint}/{step.definition}, version {endpoint.version})"),
        ("Definition", definition.label),
    ]
    if isinstance(definition, TimeDefinition):
        titles = {name: moment.title for name, moment in catalogue.moments.items()}
        lines.append(("Time zero", titles[definition.origin]))
        lines.append(("Events", "; ".join(titles[name] for name in definition.events)))
        lines.append(("Censored at", " or ".join(titles[name] for name in definition.censoring)))
    lines.append(("Source", definition.source))
    if definition.note:
        lines.append(("Note", definition.note))
    return lines
