"""Baseline variables of a cohort: values per subject, what they are called, and what their codes mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from allpool.analysis.cohorts.membership import UNKNOWN, baseline_values, word_of
from allpool.analysis.definitions.conditions import ELEMENT_OF
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.terminology import load_terminology

if TYPE_CHECKING:
    from allpool.analysis.cohorts.cohort import Cohort

FIRST: Final = ("age", "sex", "disease_status", "ph_status")
BOOLEAN: Final[Mapping[str, str]] = {"true": "Yes", "false": "No", "Y": "Yes", "N": "No"}


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable: `values` per subject in the order of the cohort's rows, missing where not known.

    `levels` are code -> label in the order in which they are shown; a number has none.
    """

    name: str
    title: str
    kind: Literal["number", "code"]
    values: pd.Series
    levels: Mapping[str, str] = field(default_factory=dict)


def baseline_variables(cohort: Cohort, names: Sequence[str | Variable] | None = None) -> list[Variable]:
    """Return variables by name: columns of adsl, elements of baseline.yaml, facts; by default all known.

    Raises `AnalysisError` for a name that is neither.
    """
    if names is not None:
        return [name if isinstance(name, Variable) else _variable(cohort, name) for name in names]
    held = set(ELEMENT_OF.values())
    baseline = cohort.catalogue.baseline
    others = [item.element for item in baseline.baseline if item.element not in held]
    found = [_variable(cohort, name) for name in (*FIRST, *others)]
    return [variable for variable in found if variable.values.notna().any()]


def variable_of(name: str, values: pd.Series, *, title: str | None = None) -> Variable:
    """Return a variable of values; the dictionary tells its title, kind and codes where it knows the name."""
    dictionary, terminology = load_dictionary(), load_terminology()
    element = dictionary.elements.get(name)
    known = values.astype(object).where(values.notna(), None)
    words = known.map(word_of, na_action="ignore")
    words = words.where(words != UNKNOWN, None)
    heading = title or (element.title["en"] if element else name.replace("_", " ").capitalize())
    numeric = pd.to_numeric(words, errors="coerce")
    is_number = element.type in ("decimal", "integer") if element else _all_numbers(known)
    if is_number:
        unit = f" ({element.unit})" if element and element.unit and element.unit != "1" else ""
        unit = " (years)" if unit == " (a)" else unit  # UCUM's a is the year
        return Variable(name, f"{heading}{unit}", "number", numeric.astype("float64"))
    table = terminology[element.codes] if element and element.codes and element.codes in terminology else None
    labels = {code: term.display for code, term in table.codes.items()} if table else dict(BOOLEAN)
    present = set(words.dropna())
    levels = {code: label for code, label in labels.items() if code in present}
    levels |= {word: word for word in sorted(present - set(levels))}
    return Variable(name, heading, "code", words.astype(object), levels)


def _variable(cohort: Cohort, name: str) -> Variable:
    subjects = cohort.subjects
    if name in subjects.columns and name != "baseline":
        values = subjects[name].astype(object)
        element = ELEMENT_OF.get(name, name)
    elif name in cohort.catalogue.baseline_elements:
        values = baseline_values(subjects, name)
        element = name
    elif name in cohort.catalogue.facts:
        values = subjects["usubjid"].map(cohort.tables.fact(cohort.catalogue.fact(name))).astype(object)
        return variable_of(name, values, title=cohort.catalogue.facts[name].title)
    else:
        raise AnalysisError(
            f"'{name}' is no variable; take a column of adsl, an element of baseline.yaml, or a fact"
        )
    found = variable_of(element, values)
    return Variable(name, found.title, found.kind, found.values, found.levels)


def _all_numbers(values: pd.Series) -> bool:
    known = values.dropna()
    return bool(len(known)) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )
