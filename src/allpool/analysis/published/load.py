"""Reading the files of published figures, each name in them checked against the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from allpool.analysis.cohorts.membership import known_later, population_conditions
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.definitions.forms import TimeDefinition
from allpool.analysis.published.forms import OurTerms, PublishedFile, PublishedRecord
from allpool.analysis.published.recipes import Of, Recipe, TimeRecipe
from allpool.errors import DefinitionError
from allpool.mappings.positions import Document, Location, read_yaml


def load_published(folder: Path, catalogue: Catalogue) -> tuple[PublishedFile, ...]:
    """Load every file of `folder`, in the order of studies; none where the folder is not there.

    Raises `DefinitionError` with file and line where a record is not valid, stands twice, or names a
    population, endpoint, definition or fact that does not exist.
    """
    found: dict[str, PublishedFile] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path, error=DefinitionError)
        file = document.parse(PublishedFile, error=DefinitionError)
        if file.study in found:
            document.fail(f"study '{file.study}' has two files", ("study",), DefinitionError)
        seen: set[str] = set()
        for index, record in enumerate(file.records):
            at: Location = ("records", index)
            if record.record in seen:
                document.fail(f"record '{record.record}' stands here twice", (*at, "record"), DefinitionError)
            seen.add(record.record)
            _check(document, at, record, file.study, catalogue)
        found[file.study] = file
    return tuple(found[study] for study in sorted(found))


def _check(
    document: Document, at: Location, record: PublishedRecord, study: str, catalogue: Catalogue
) -> None:
    try:
        _check_terms(record.ours, catalogue)
    except DefinitionError as error:
        document.fail(error.message, (*at, "ours"), DefinitionError)
    for name, part in record.figures.items():
        where: Location = (*at, "parts", name, "recompute") if name else (*at, "recompute")
        _check_recipe(document, where, part.recompute, study, catalogue)


def _check_terms(terms: OurTerms | None, catalogue: Catalogue) -> None:
    if terms is None:
        return
    if terms.population is not None:
        catalogue.population(terms.population)
    if terms.endpoint is not None:
        catalogue.endpoint(terms.endpoint)
        if terms.definition is not None:
            catalogue.definition(terms.endpoint, terms.definition)


def _check_recipe(document: Document, at: Location, recipe: Recipe, study: str, catalogue: Catalogue) -> None:
    try:
        if recipe.population is not None:
            catalogue.population(recipe.population)
        if isinstance(recipe, TimeRecipe):
            _check_time(recipe, study, catalogue)
    except DefinitionError as error:
        document.fail(error.message, at, DefinitionError)
    asked: list[Condition] = []
    if recipe.population is not None:
        asked += population_conditions(catalogue.population(recipe.population))
    for place, item in _leaves(recipe, at):
        asked.append(item if isinstance(item, Condition) else item.known)
        catalogue.check_condition(document, place, asked[-1])
    if isinstance(recipe, TimeRecipe) and known_later(asked, catalogue) and not recipe.override:
        document.fail(
            "subjects or groups are known only after time zero, and who lives longer has more time to get "
            "there (immortal time); give `override` with the reason to count them all the same",
            at,
            DefinitionError,
        )


def _check_time(recipe: TimeRecipe, study: str, catalogue: Catalogue) -> None:
    definition = catalogue.definition(recipe.endpoint, recipe.definition)
    if not isinstance(definition, TimeDefinition):
        raise DefinitionError(f"{recipe.endpoint} is no time to an event")
    if definition.studies and study not in definition.studies:
        raise DefinitionError(f"definition {recipe.definition} is not meant for study {study}")


def _leaves(item: object, at: Location) -> Iterator[tuple[Location, Condition | Of]]:
    """Yield every condition and value that a recipe names, with its place in the file."""
    if isinstance(item, Condition | Of):
        yield at, item
    elif isinstance(item, BaseModel):
        for name in type(item).model_fields:
            yield from _leaves(getattr(item, name), (*at, name))
    elif isinstance(item, Mapping):
        for key, value in item.items():
            yield from _leaves(value, (*at, str(key)))
    elif isinstance(item, tuple):
        for index, value in enumerate(item):
            yield from _leaves(value, (*at, index))
