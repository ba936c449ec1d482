"""Which groups a paper names, how many it says are in them, and which figures are of the same groups."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from allpool.analysis.published.arithmetic.entries import Entry, Paper
from allpool.analysis.published.arithmetic.words import group_words, id_words, text_words, vocabulary

COUNTS = frozenset({"count", "ae_count", "proportion"})


@dataclass(frozen=True)
class GroupSize:
    """How many a paper says are in a group, and where."""

    n: int
    entry: Entry
    words: frozenset[str]


@dataclass(frozen=True)
class Sizes:
    """Sizes of several groups that were counted together: records whose ids differ in their last word."""

    stem: str
    of: Mapping[str, GroupSize]


class Groups:
    """The groups of one paper."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper

    @cached_property
    def counted(self) -> tuple[GroupSize, ...]:
        """Each count of patients as the size of the group that its id names."""
        found = []
        for entry in self.paper.own:
            n = entry.count()
            if entry.statistic in COUNTS and n is not None and not entry.content.get("unit"):
                found.append(GroupSize(n, entry, group_words(entry.id)))
        return tuple(found)

    @cached_property
    def named(self) -> tuple[tuple[tuple[str, ...], int, Entry], ...]:
        """The populations that are printed with a number: their words, and how many."""
        found: dict[tuple[str, ...], tuple[int, Entry]] = {}
        for entry in self.paper.own:
            n = entry.size()
            words = self._words(entry)
            bracketed = "(" in entry.population or entry.statistic not in COUNTS - {"proportion"}
            if n is not None and words and not entry.arms and bracketed:
                found.setdefault(words, (n, entry))
        return tuple((words, n, entry) for words, (n, entry) in found.items())

    def size(self, entry: Entry) -> int | None:
        """Return how many the figure is of: as printed with it, or of the arm that its id names."""
        if (own := entry.size()) is not None:
            return own
        given = group_words(entry.id)
        names = [arm.words[-1] for arm in entry.arms if arm.words]
        if len(set(names)) < len(entry.arms):
            return None  # the word before the number does not tell them apart
        fitting = [arm.n for arm, name in zip(entry.arms, names, strict=True) if name in given]
        return fitting[0] if len(fitting) == 1 else None

    def wider(self, entry: Entry) -> tuple[int, Entry] | None:
        """Return the size of the group that the population of a figure begins with, where it prints none."""
        words = self._words(entry)
        fitting = [
            (len(known), n, other)
            for known, n, other in self.named
            if len(known) >= 2 and words[: len(known)] == known and other.id != entry.id
        ]
        return max(fitting, key=lambda item: item[0])[1:] if fitting else None

    def sizes(self, labels: Iterable[str]) -> tuple[Sizes, ...]:
        """Return the sets of sizes that were counted together for at least two of the labels."""
        wanted = set(labels)
        found: dict[str, dict[str, GroupSize]] = defaultdict(dict)
        for size in self.counted:
            *stem, last = id_words(size.entry.id)
            if stem and size.entry.statistic == "count":
                found["_".join(stem)].setdefault(last, size)
        least = min(2, len(wanted))
        return tuple(Sizes(stem, own) for stem, own in found.items() if len(wanted & set(own)) >= least)

    def named_by(self, words: Iterable[str]) -> tuple[GroupSize, ...]:
        """Return the sizes of groups whose every word is among `words`."""
        given = set(words)
        return tuple(size for size in self.counted if size.words and size.words <= given)

    def limit(self, name: str | None) -> int | None:
        """Return how many a group can have at most: its printed size, or all of the study."""
        own = [size.n for size in self.counted if name is not None and size.words == {name}]
        return max(own, default=self.paper.total)

    def compared(self, test: Entry) -> tuple[Entry, ...]:
        """Return the figures whose groups a P value compares, in the order of the file.

        Those whose id goes on where the id of the P value ends with `_p`; else those with every word of it,
        or with "no" before that word.
        """
        if not test.id.lower().endswith("_p"):
            return ()
        kinds = _kinds(test)
        figures = [e for e in self.paper.own if e.statistic in kinds and e.number("percent") is not None]
        stem = test.id[:-1]
        found = [e for e in figures if e.id.startswith(stem)]
        if len(found) < 2:
            words = set(id_words(test.id)) - {"p"}
            found = [e for e in figures if _has(words, set(id_words(e.id)))]
        return tuple(_at_one_time(found)) if len(found) >= 2 else ()

    @staticmethod
    def _words(entry: Entry) -> tuple[str, ...]:
        return text_words(re.sub(r"\([^)]*\)?", " ", entry.population))


def label(entry: Entry, others: Iterable[Entry]) -> str | None:
    """Return the one word of an id that the others of its set do not have."""
    own = group_words(entry.id)
    shared = own.intersection(*(group_words(other.id) for other in others))
    rest = own - shared
    return next(iter(rest)) if len(rest) == 1 else None


def exclusive(first: str, second: str) -> bool:
    """Return whether nobody is in both of two groups."""
    known = vocabulary()
    return any({first, second} == pair for pair in (*known.exclusive, *known.complements))


def complementary(first: str, second: str) -> bool:
    """Return whether everybody is in one of two groups."""
    return any({first, second} == pair for pair in vocabulary().complements)


def _kinds(test: Entry) -> frozenset[str]:
    if test.statistic in {"logrank_p", "cox_p"}:
        return frozenset({"km_probability"})
    return frozenset({"proportion", "ae_count", "count"})


def _has(words: set[str], given: set[str]) -> bool:
    return all(word in given or f"no{word}" in given for word in words)


def _at_one_time(entries: list[Entry]) -> list[Entry]:
    """Return those of the earliest printed time: a comparison at one time has one figure per group."""
    times = [number.value for e in entries if (number := e.number("time")) is not None]
    if len(times) < len(entries):
        return entries
    first = min(times)
    return [e for e, at in zip(entries, times, strict=True) if at == first]
