"""The words of ids and populations: which group, which end point, what time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

WORD = re.compile(r"[a-z0-9][a-z0-9.]*|[<>]=?[0-9.]+%?")
DAYS = re.compile(r"\b([0-9]+)[- ]days?\b")
TIME = re.compile(r"^[0-9]+(y|mo|m|w|wk)$")
ENDPOINT, EVENT_FREE = "overall", "event_free"


@dataclass(frozen=True)
class Vocabulary:
    """The words of `words.yaml`, looked up the way the checks ask."""

    spellings: tuple[tuple[str, str], ...]
    """Spelling -> word, longest spelling first."""
    endpoints: dict[str, str]
    states: dict[str, str]
    of_whom: frozenset[str]
    not_a_group: frozenset[str]
    complements: tuple[frozenset[str], ...]
    exclusive: tuple[frozenset[str], ...]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the words, read once."""
    text = files("allpool.analysis.published.arithmetic").joinpath("words.yaml").read_text(encoding="utf-8")
    content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - scalars stay text: `no` is a word here
    spellings = [(spelling, word) for word, given in content["spellings"].items() for spelling in given]
    return Vocabulary(
        spellings=tuple(sorted(spellings, key=lambda pair: -len(pair[0]))),
        endpoints={word: kind for kind, given in content["endpoints"].items() for word in given},
        states={word: state for state, given in content["states"].items() for word in given},
        of_whom=frozenset(content["of_whom"]),
        not_a_group=frozenset(content["not_a_group"]),
        complements=tuple(frozenset(pair) for pair in content["complements"]),
        exclusive=tuple(frozenset(pair) for pair in content["exclusive"]),
    )


def id_words(identifier: str) -> tuple[str, ...]:
    """Return the words of an id, in our spelling where they have one."""
    found = []
    for word in identifier.lower().split("_"):
        own = [name for spelling, name in vocabulary().spellings if spelling == word]
        found.append(own[0] if own else word)
    return tuple(word for word in found if word)


def group_words(identifier: str) -> frozenset[str]:
    """Return the words of an id that name whom a figure is of: no end point, time, test or kind of figure."""
    known = vocabulary()
    dropped = known.not_a_group | set(known.endpoints)
    return frozenset(word for word in id_words(identifier) if word not in dropped and not TIME.match(word))


def text_words(text: str) -> tuple[str, ...]:
    """Return the words of a population or label, each known spelling as its word."""
    plain = DAYS.sub(r"\1d", text.lower())
    for spelling, word in vocabulary().spellings:
        plain = re.sub(rf"(?<![a-z0-9]){re.escape(spelling)}(?![a-z0-9+])", f" {word} ", plain)
    return tuple(WORD.findall(plain))


def endpoint(identifier: str) -> str | None:
    """Return the word of a time to event that an id names: os, efs."""
    known = vocabulary().endpoints
    return next((word for word in id_words(identifier) if word in known), None)


def measured_state(identifier: str) -> str | None:
    """Return the state whose share an id says it gives: cr of `cr_mrdpos`, nothing of `hsct_of_cr`."""
    known = vocabulary()
    for word in id_words(identifier):
        if word in known.of_whom:
            return None
        if word in known.states:
            return known.states[word]
    return None
