"""Poolability: which studies may stand together in a synthesis of an outcome, at which level, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import model_validator

from allpool.analysis.cohorts.evidence import PATIENT_LEVEL, PUBLISHED
from allpool.errors import AnalysisError, DefinitionError
from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import read_yaml

Class = Literal["A", "B", "B*", "C"]
MOST_STUDIES = 15  # subsets of more are not searched one by one


class Outcome(Frozen):
    """One outcome: what each study reports of it, and the class of each pair of studies."""

    title: str
    endpoints: tuple[str, ...] = ()
    """Endpoints that the outcome is judged for; none means any."""
    common_definition: str
    says: Mapping[str, str]
    pairs: Mapping[Class, tuple[str, ...]]
    how: str | None = None
    """What a pooled figure must heed."""

    @model_validator(mode="after")
    def _each_pair_once(self) -> Outcome:
        listed = [pair for pairs in self.pairs.values() for pair in pairs]
        wanted = {"-".join(pair) for pair in combinations(sorted(self.says), 2)}
        if len(listed) != len(set(listed)) or set(listed) != wanted:
            raise ValueError("each pair of the studies in `says` has exactly one class")
        return self

    def class_of(self, first: str, second: str) -> Class | None:
        """Return the class of a pair; None where it was never judged."""
        pair = "-".join(sorted((first, second)))
        return next((name for name, pairs in self.pairs.items() if pair in pairs), None)


class Poolability(Frozen):
    """The whole matrix: outcomes by name, and what the classes mean."""

    classes: Mapping[Class, str]
    outcomes: Mapping[str, Outcome]

    def outcome(self, name: str) -> Outcome:
        """Return the outcome called `name`; `DefinitionError` lists those there are."""
        if name not in self.outcomes:
            raise DefinitionError(
                f"the poolability matrix has no outcome '{name}'; it has {', '.join(sorted(self.outcomes))}"
            )
        return self.outcomes[name]

    def judging(self, name: str, endpoint: str | None) -> Outcome:
        """Return the outcome called `name`; `DefinitionError` where it is not judged for `endpoint`."""
        found = self.outcome(name)
        if found.endpoints and endpoint is not None and endpoint not in found.endpoints:
            raise DefinitionError(
                f"outcome {name} says which studies may be pooled for {', '.join(found.endpoints)}, "
                f"not for {endpoint}; name the outcome of {endpoint}, or leave it out"
            )
        return found


@dataclass(frozen=True)
class Objection:
    """Why two studies may not stand together as asked, and what each of them reports."""

    studies: tuple[str, str]
    reason: str
    says: str


@dataclass(frozen=True)
class Verdict:
    """Whether the studies asked may be pooled for an outcome.

    `subsets` are the largest sets of two or more of them that may; `says` is what each study objected to
    reports of the outcome; `notes` is what must be printed beside a synthesis that may be made.
    """

    outcome: str
    title: str
    studies: tuple[str, ...]
    objections: tuple[Objection, ...]
    subsets: tuple[tuple[str, ...], ...]
    says: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether nothing speaks against the synthesis."""
        return not self.objections

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        asked = _listed(self.studies)
        if self.allowed:
            return f"{self.title}: {asked} may be pooled"
        reasons = dict.fromkeys(objection.reason for objection in self.objections)
        against = "; ".join(f"{reason}: {self._pairs(reason)}" for reason in reasons)
        reported = "; ".join(f"{study} {text}" for study, text in sorted(self.says.items()))
        ways = " or ".join(_listed(subset) for subset in self.subsets)
        offer = (
            f"May be pooled: {ways}" if ways else "No two of them may be pooled: show each study by itself"
        )
        return f"{self.title}: {asked} may not be pooled. {against}. As reported: {reported}. {offer}"

    def _pairs(self, reason: str) -> str:
        """Return the pairs of one reason, those of one first study together."""
        of: dict[str, list[str]] = {}
        for objection in self.objections:
            if objection.reason == reason:
                of.setdefault(objection.studies[0], []).append(objection.studies[1])
        return ", ".join(f"{first} with {_listed(tuple(others), 'or')}" for first, others in of.items())

    def require(self, *, override: str | None = None) -> tuple[str, ...]:
        """Return what is to be printed beside the synthesis; `AnalysisError` where it may not be made.

        `override` is the user's reason to pool all the same, which is then part of what is printed.
        """
        if self.allowed:
            return self.notes
        if override:
            return (*self.notes, f"pooled against this advice: {self.sentence}. The reason given: {override}")
        raise AnalysisError(
            f"{self.sentence}. Leave studies out with the reason (`excludes`), ask fewer (`studies`), or "
            "give `override` with the reason to pool all the same, which is printed beside the result"
        )


@cache
def load_poolability(path: Path | None = None) -> Poolability:
    """Load the matrix of the founding studies, or another; `DefinitionError` names file and line."""
    own = Path(str(files("allpool.analysis.definitions"))) / "poolability.yaml"
    return read_yaml(path or own, error=DefinitionError).parse(Poolability, error=DefinitionError)


def check(
    outcome: str,
    studies: Iterable[str],
    *,
    levels: Mapping[str, str] | None = None,
    matrix: Poolability | None = None,
) -> Verdict:
    """Judge whether studies may be pooled for an outcome.

    Parameters
    ----------
    outcome
        a row of the matrix, such as "cr_overt_rr".
    levels
        study -> "patient-level" (as is taken for who is not named) or "published". A pair of class B needs
        the patients of both; one of class A may be pooled as published; C never; a pair that nobody judged
        is refused until somebody does.

    Raises
    ------
    DefinitionError
        the matrix has no such outcome.
    AnalysisError
        a level that does not exist.
    """
    found = (matrix or load_poolability()).outcome(outcome)
    asked = tuple(sorted(set(studies)))
    level = {study: (levels or {}).get(study, PATIENT_LEVEL) for study in asked}
    strange = sorted(set(level.values()) - {PATIENT_LEVEL, PUBLISHED})
    if strange:
        raise AnalysisError(f"unknown level {', '.join(strange)}; choose {PATIENT_LEVEL} or {PUBLISHED}")
    objections = {}
    for pair in combinations(asked, 2):
        reason = _objection(found, pair, level)
        if reason:
            objections[pair] = Objection(pair, reason, _says(found, *pair))
    return Verdict(
        outcome=outcome,
        title=found.title,
        studies=asked,
        objections=tuple(objections.values()),
        subsets=_largest(asked, set(objections)) if objections else (),
        says={
            study: found.says.get(study) or "nothing of it"
            for study in sorted({study for pair in objections for study in pair})
        },
        notes=_notes(found, asked),
    )


def published_enough(outcome: str, studies: Iterable[str], *, matrix: Poolability | None = None) -> bool:
    """Whether each pair of the studies may be pooled from what the papers print (class A)."""
    found = (matrix or load_poolability()).outcome(outcome)
    return all(found.class_of(*pair) == "A" for pair in combinations(sorted(set(studies)), 2))


def matrix_frame(matrix: Poolability | None = None) -> pd.DataFrame:
    """Return the matrix as rows: outcome, pair, class, meaning, reason."""
    whole = matrix or load_poolability()
    rows = [
        {
            "outcome": name,
            "pair": pair,
            "class": kind,
            "meaning": whole.classes[kind],
            "reason": _says(found, *pair.split("-")),
        }
        for name, found in whole.outcomes.items()
        for kind, pairs in found.pairs.items()
        for pair in pairs
    ]
    return pd.DataFrame(rows).sort_values(["outcome", "pair"], ignore_index=True)


def _objection(found: Outcome, pair: tuple[str, str], level: Mapping[str, str]) -> str | None:
    kind = found.class_of(*pair)
    if kind is None:
        strangers = [study for study in pair if study not in found.says]
        return f"Nobody has judged {' and '.join(strangers)}, which the poolability matrix does not have"
    if kind == "C":
        return "Never together, whatever the data"
    printed = [study for study in pair if level[study] == PUBLISHED]
    if kind in ("B", "B*") and printed:
        return f"Needs patient-level data of {' and '.join(printed)}, re-derived under the common definition"
    return None


def _says(found: Outcome, first: str, second: str) -> str:
    return "; ".join(f"{study}: {found.says.get(study) or 'nothing of it'}" for study in (first, second))


def _notes(found: Outcome, asked: tuple[str, ...]) -> tuple[str, ...]:
    kinds = {found.class_of(*pair) for pair in combinations(asked, 2)}
    notes = []
    if "B*" in kinds:
        notes.append(
            "some studies reported nothing of it: they enter only if their centres collected it, and not "
            "reported is not zero"
        )
    if "B" in kinds:
        notes.append(
            f"pooled from patients under one definition (for which the poolability matrix asks: "
            f"{found.common_definition})"
        )
    if found.how:
        notes.append(f"the matrix asks to heed: {found.how}")
    return tuple(notes)


def _largest(asked: tuple[str, ...], apart: set[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Return the maximal sets of at least two studies none of whose pairs is objected to."""
    if len(asked) > MOST_STUDIES:
        return ()
    found: list[tuple[str, ...]] = []
    for size in range(len(asked), 1, -1):
        for subset in combinations(asked, size):
            if any(pair in apart for pair in combinations(subset, 2)):
                continue
            if not any(set(subset) < set(larger) for larger in found):
                found.append(subset)
    return tuple(found)


def _listed(studies: tuple[str, ...], word: str = "and") -> str:
    if len(studies) < 2:
        return "".join(studies)
    return f"{', '.join(studies[:-1])} {word} {studies[-1]}"
