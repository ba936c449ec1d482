"""A recipe's conditions in a few words, as they stand beside the number."""

from __future__ import annotations

from collections.abc import Sequence

from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.published.recipes import Chosen, CountRecipe, ProportionRecipe, Recipe, UnitsRecipe

ANSWERS = {"Y": "yes", "N": "no"}


def recipe_phrases(recipe: Recipe) -> tuple[str, ...]:
    """Return who is asked, and who of them counts, where a recipe says so."""
    population = () if recipe.population is None else (f"population {recipe.population}",)
    asked = (*population, *_all(recipe))
    found = [f"of those with {', '.join(asked)}"] if asked else []
    if recipe.earliest is not None:
        found.append(f"of the first {recipe.earliest.number} by {recipe.earliest.of.name}")
    if isinstance(recipe, CountRecipe | ProportionRecipe) and (counted := _all(recipe.numerator)):
        found.append(f"counted are those with {', '.join(counted)}")
    if isinstance(recipe, UnitsRecipe):
        for number, unit in enumerate(recipe.units, start=1):
            found.append(f"unit {number} with {', '.join(map(phrase, unit.where))}")
            found.append(f"counted with {', '.join(_all(unit.numerator)) or 'nothing more'}")
    return tuple(found)


def phrase(condition: Condition) -> str:
    """Return a condition as words: `ph_status positive`, `bm_blasts at least 5`, `os/common seen: no`."""
    name = _name(condition)
    if condition.known is not None:
        return f"{name} {'known' if condition.known else 'not known'}"
    said = condition.bounds
    if condition.in_:
        said.append(_words(condition.in_))
    if condition.not_in:
        said.append(f"not {_words(condition.not_in)}")
    return f"{name} {' and '.join(said)}"


def _name(condition: Condition) -> str:
    if condition.response is not None:
        return f"{condition.response.endpoint}/{condition.response.definition}"
    if condition.event is not None:
        return f"{condition.event.endpoint}/{condition.event.definition} seen"
    return condition.column or condition.element or condition.fact or f"population {condition.population}"


def _words(codes: Sequence[str]) -> str:
    return " or ".join(ANSWERS.get(code, code) for code in codes)


def _all(choice: Chosen) -> tuple[str, ...]:
    either = " or ".join(map(phrase, choice.any_of))
    return (*map(phrase, choice.where), *((either,) if either else ()))
