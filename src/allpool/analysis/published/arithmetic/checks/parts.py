"""Subgroups against the whole: what excludes, what leaves nobody out, what is of some grades."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import COUNTS, Groups, complementary, exclusive
from allpool.analysis.published.arithmetic.words import id_words

LIMIT = re.compile(r"^(lt|le|gt|ge)([0-9.]+)$")
OPPOSITE = {"lt": "ge", "ge": "lt", "le": "gt", "gt": "le"}
GRADED = re.compile(r"^g[0-9]+$")
ADDING = 2
"""In how many other groups two arms must make up the whole."""
ANY = frozenset({"any", "all"})


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether parts add up."""
    for entry in groups.paper.own:
        yield from _within_one(groups, entry)
    yield from _classes(groups)
    yield from _pairs(groups)
    yield from _grades(groups)


def _within_one(groups: Groups, entry: Entry) -> Iterator[Checked]:
    """Hold the parts that one record lists against its own count."""
    parts = _whole_numbers(entry.mapping("detail"))
    total = entry.count()
    if parts and len(parts) == len(entry.mapping("detail")) and total is not None:
        yield _added(entry, parts, total)
    value = _whole_numbers(entry.mapping("value"))
    if (
        entry.statistic not in COUNTS - {"proportion"}
        or not value
        or len(value) != len(entry.mapping("value"))
    ):
        return
    if "total" in value:
        yield _added(entry, {name: n for name, n in value.items() if name != "total"}, value["total"])
    elif len(value) > 1 and (n := groups.size(entry)) is not None:
        yield _added(entry, value, n)


def _added(entry: Entry, parts: Mapping[str, int], total: int) -> Checked:
    given = sum(parts.values())
    if given == total:
        return kept("parts-above-whole", entry)
    said = " + ".join(f"{n} ({name})" for name, n in parts.items())
    return broken(
        "parts-above-whole" if given > total else "parts-below-whole",
        entry,
        printed=f"{said} of {total}",
        why=f"the parts add up to {given}, not to {total}",
        possible=f"{abs(total - given)} counted twice" if given > total else f"{total - given} in no part",
    )


def _classes(groups: Groups) -> Iterator[Checked]:
    """Hold numbered classes (cycles_1, cycles_2, ...) against all whom they divide."""
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in _counts(groups):
        *stem, last = id_words(entry.id)
        if stem and last.isdigit() and groups.size(entry) is not None:
            found["_".join(stem), entry.population].append(entry)
    for entries in found.values():
        if len(entries) < 2:
            continue
        total = groups.size(entries[0])
        given = sum(count for entry in entries if (count := entry.count()) is not None)
        if total is None or total == given:
            yield kept("parts-below-whole", *entries)
            continue
        said = " + ".join(str(entry.count()) for entry in entries)
        yield broken(
            "parts-above-whole" if given > total else "parts-below-whole",
            entries[0],
            *entries[1:],
            printed=f"{said} of {total}",
            why=f"the classes add up to {given}, not to {total}",
            possible=f"{total - given} in a class that is not printed" if given < total else "",
        )


def _pairs(groups: Groups) -> Iterator[Checked]:
    """Hold two groups of which nobody is in both, or of which everybody is in one, against the whole."""
    entries = [e for e in groups.paper.own if e.statistic in COUNTS and not e.content.get("unit")]
    pairs = [
        (first, second, differ)
        for first, second in combinations(entries, 2)
        if first.population == second.population and groups.size(first) == groups.size(second)
        if (differ := _words_apart(first, second)) is not None
    ]
    adding = Counter(frozenset(differ) for first, second, differ in pairs if _adds_up(groups, first, second))
    of_pair = Counter(frozenset(differ) for _, _, differ in pairs)
    for first, second, differ in pairs:
        words = frozenset(differ)
        # two arms that make up the whole in the other groups of the paper are taken to do so in this one
        usual = adding[words] >= ADDING and adding[words] == of_pair[words] - 1
        all_in = _kind(*differ)
        if all_in is not None:
            yield from _counted_pair(groups, first, second, all_in=all_in or usual)
            yield from _shared_pair(first, second, all_in=all_in)


def _adds_up(groups: Groups, first: Entry, second: Entry) -> bool:
    a, b = first.count(), second.count()
    return a is not None and b is not None and a + b == groups.size(first)


def _counted_pair(groups: Groups, first: Entry, second: Entry, *, all_in: bool) -> Iterator[Checked]:
    total, a, b = groups.size(first), first.count(), second.count()
    if total is None or a is None or b is None:
        return
    above = a + b > total
    if not above and (a + b == total or not all_in):
        yield kept("parts-above-whole", first, second)
        return
    yield broken(
        "parts-above-whole" if above else "parts-below-whole",
        first,
        second,
        printed=f"{a} and {b} of {total}",
        why=f"{'nobody is in both' if above else 'everybody is in one'}, and they add up to {a + b}",
        possible=f"{total - b} and {b}, or {a} and {total - a}",
    )


def _shared_pair(first: Entry, second: Entry, *, all_in: bool) -> Iterator[Checked]:
    a, b = first.number("percent"), second.number("percent")
    if a is None or b is None:
        return
    above, below = a.low + b.low > 100, all_in and a.high + b.high < 100
    if not above and not below:
        yield kept("percentages-of-whole", first, second)
        return
    yield broken(
        "percentages-of-whole",
        first,
        second,
        printed=f"{a.text} % and {b.text} %",
        why=f"{'nobody is in both' if above else 'everybody is in one'}, and together they are "
        + (f"at least {float(a.low + b.low):.1f} %" if above else f"at most {float(a.high + b.high):.1f} %"),
        possible=f"{100 - float(b.value):g} % and {b.text} %, or {a.text} % and {100 - float(a.value):g} %",
    )


def _words_apart(first: Entry, second: Entry) -> tuple[str, str] | None:
    """Return the two words in which two ids differ, where it is one each."""
    a, b = id_words(first.id), id_words(second.id)
    if len(a) != len(b):
        return None
    differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    return differ[0] if len(differ) == 1 else None


def _kind(x: str, y: str) -> bool | None:
    """Return whether two words leave nobody out (True) or exclude one another (False)."""
    limits = LIMIT.match(x), LIMIT.match(y)
    if limits[0] and limits[1]:
        return True if OPPOSITE[limits[0][1]] == limits[1][1] and limits[0][2] == limits[1][2] else None
    if complementary(x, y):
        return True
    return False if exclusive(x, y) else None


def _grades(groups: Groups) -> Iterator[Checked]:
    """Hold events of some grades against those of any."""
    found: dict[tuple[str, str], dict[bool, list[Entry]]] = defaultdict(lambda: {True: [], False: []})
    for entry in _counts(groups):
        words = id_words(entry.id)
        place = next((i for i, word in enumerate(words) if word in ANY or GRADED.match(word)), None)
        if place:
            found["_".join(words[:place]), entry.population][words[place] in ANY].append(entry)
    for both in found.values():
        for whole in both[True]:
            for part in both[False]:
                counts = part.count() or 0, whole.count() or 0
                if counts[0] <= counts[1]:
                    yield kept("grade-above-any", part, whole)
                    continue
                yield broken(
                    "grade-above-any",
                    part,
                    whole,
                    printed=f"{counts[0]} against {counts[1]} of any grade",
                    why=f"{counts[0]} have it of some grades and only {counts[1]} of any",
                    possible=f"at most {counts[1]}",
                )


def _counts(groups: Groups) -> list[Entry]:
    return [
        entry
        for entry in groups.paper.own
        if entry.statistic in COUNTS and entry.count() is not None and not entry.content.get("unit")
    ]


def _whole_numbers(given: Mapping[str, object]) -> dict[str, int]:
    return {name: int(str(value)) for name, value in given.items() if str(value).isdigit()}
