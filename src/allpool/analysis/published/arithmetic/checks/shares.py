"""Percentages against the number they are of (GRIM: Brown & Heathers 2017)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from allpool.analysis.published.arithmetic.comparisons import groups as two_groups
from allpool.analysis.published.arithmetic.comparisons import tables, tests
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import Groups, complementary, exclusive, label
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.shares import (
    counts,
    denominators,
    share,
    smallest_denominator,
)
from allpool.analysis.published.arithmetic.words import text_words

CURVES = frozenset({"km_probability", "cumulative_incidence"})
"""Estimates under censoring: no share of a whole number of patients."""
TABLES = 20_000
"""Pairs of groups that are tried for an explanation."""
NEAR = 5
"""How many fitting denominators an explanation names."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether each percentage is that of a whole number of its group."""
    of_unsaid: dict[str, list[Entry]] = defaultdict(list)
    for entry in groups.paper.own:
        if entry.statistic in CURVES or str(entry.content.get("unit", "%")) != "%":
            continue
        n = groups.size(entry)
        for name, percent in _percentages(entry):
            if n is not None and n > 0:
                yield _of_group(groups, entry, name, percent, n)
            else:
                of_unsaid[entry.population].append(entry)
                yield from _of_wider(groups, entry, percent)
    for entries in of_unsaid.values():
        yield from _one_denominator(groups, list(dict.fromkeys(entries)))
    yield from _splits(groups)


def _percentages(entry: Entry) -> Iterator[tuple[str, Printed]]:
    if (percent := entry.number("percent")) is not None:
        yield "", percent
    elif entry.statistic == "proportion":
        for name in entry.mapping("value"):
            if (item := entry.number(name, "value")) is not None:
                yield f"{name} ", item


def _of_group(groups: Groups, entry: Entry, name: str, percent: Printed, n: int) -> Checked:
    count = entry.count() if not name else None
    fitting = counts(percent, n)
    if fitting and (count is None or count in fitting):
        return kept("share-of-no-count", entry)
    said = f"{name}{percent.text} % of {n}"
    if count is not None and 0 <= count <= n:
        own = float(share(count, n))
        elsewhere = _sizes_giving(groups, entry, percent, count)
        return broken(
            "share-of-other-count",
            entry,
            printed=f"{count} ({percent.text} %) of {n}",
            why=f"{count} of {n} is {own:.2f} %",
            possible=f"{_rounded(own, percent)} %{elsewhere}",
        )
    return broken(
        "share-of-no-count",
        entry,
        printed=said,
        why=f"no count of {n} gives {percent.text} %: {_neighbours(percent, n)}",
        possible=f"{_nearby(percent, n)}{_sizes_giving(groups, entry, percent, None)}",
    )


def _of_wider(groups: Groups, entry: Entry, percent: Printed) -> Iterator[Checked]:
    """Hold a percentage without a denominator against the size of the group it is printed for."""
    if (found := groups.wider(entry)) is None:
        return
    n, source = found
    if counts(percent, n):
        yield kept("share-of-other-group", entry, source)
        return
    fitting = denominators(percent, most=n)
    given = ", ".join(f"{'/'.join(map(str, counts(percent, of)))} of {of}" for of in fitting[-NEAR:])
    yield broken(
        "share-of-other-group",
        entry,
        source,
        printed=f"{percent.text} %, denominator not printed",
        why=f"no count of the {n} of this group gives it: {_neighbours(percent, n)}",
        possible=given or f"none of up to {n}; the fewest are {smallest_denominator(percent)}",
    )


def _one_denominator(groups: Groups, entries: Sequence[Entry]) -> Iterator[Checked]:
    """Hold percentages of one population, whose size is not printed, against each other."""
    given = [(entry, percent) for entry in entries if (percent := entry.number("percent")) is not None]
    most = groups.paper.total
    if most is None or not given:
        return
    common = set(range(1, most + 1))
    for _, percent in given:
        common &= set(denominators(percent, most=most))
    if common:
        yield kept("shares-of-no-group", *(entry for entry, _ in given))
        return
    said = ", ".join(f"{percent.text} % ({entry.id})" for entry, percent in given)
    each = "; ".join(f"{percent.text} %: {_few(denominators(percent, most=most))}" for _, percent in given)
    yield broken(
        "shares-of-no-group",
        given[0][0],
        *(entry for entry, _ in given[1:]),
        printed=said,
        why=f"no denominator up to the study's {most} gives {'all' if len(given) > 1 else 'it'}: {each}",
        possible=f"the fewest that give {given[0][1].text} % are {smallest_denominator(given[0][1])}",
    )


def _splits(groups: Groups) -> Iterator[Checked]:
    """Hold percentages of two groups that make up a printed one against every way to divide it."""
    unsaid = [
        entry
        for entry in groups.paper.own
        if entry.statistic not in CURVES and entry.number("percent") and groups.size(entry) is None
    ]
    for first, second in pairwise(unsaid):
        one, other = label(first, [second]), label(second, [first])
        if one is None or other is None or not exclusive(one, other):
            continue
        both = (groups.limit(one) or 0) + (groups.limit(other) or 0)
        if not complementary(one, other) and both != groups.paper.total:
            continue
        shared = set(text_words(first.population)) & set(text_words(second.population))
        whole = max(groups.named_by(shared), key=lambda size: (len(size.words), -size.n), default=None)
        if whole is not None:
            yield _split(groups, first, second, whole.n, whole.entry, (one, other))


def _split(
    groups: Groups, first: Entry, second: Entry, n: int, source: Entry, names: tuple[str, str]
) -> Checked:
    shares = first.number("percent"), second.number("percent")
    if shares[0] is None or shares[1] is None:
        raise AssertionError("only figures with a percentage are split")
    if any(True for _ in two_groups(shares[0], shares[1], most=n, total=n)):
        return kept("split-of-no-group", first, second, source)
    each = "; ".join(
        f"{percent.text} % takes {_few(denominators(percent, most=n))}" for percent in (shares[0], shares[1])
    )
    return broken(
        "split-of-no-group",
        first,
        second,
        source,
        printed=f"{shares[0].text} % and {shares[1].text} % of two groups of {n} together",
        why=f"no two numbers that add up to {n} ({source.id}) give both: up to {n}, {each}",
        possible=_elsewhere(groups, first, second, (shares[0], shares[1]), names),
    )


def _elsewhere(
    groups: Groups, first: Entry, second: Entry, shares: tuple[Printed, Printed], names: tuple[str, str]
) -> str:
    """Return of which groups of the study the two percentages, with their P value, can be."""
    limits = tuple(groups.limit(name) or 0 for name in names)
    most = max(limits)
    p = next((test for test in groups.paper.own if test.p and groups.compared(test) == (first, second)), None)
    found = []
    if tables(shares[0], shares[1], most=most) > TABLES:
        return ""
    for two in two_groups(shares[0], shares[1], most=most):
        if two.of_first > limits[0] or two.of_second > limits[1]:
            continue
        names_of_tests = tests(two, p.p) if p is not None and p.p is not None else ("no test printed",)
        if names_of_tests:
            given = f"{two.first}/{two.of_first} and {two.second}/{two.of_second}"
            found.append(f"{given} ({', '.join(names_of_tests)})")
    if not found:
        return ""
    beside = f" with P {p.p.text}" if p is not None and p.p is not None else ""
    more = f" and {len(found) - NEAR} more" if len(found) > NEAR else ""
    return f"in groups of up to {limits[0]} and {limits[1]}{beside}: {'; '.join(found[:NEAR])}{more}"


def _neighbours(percent: Printed, n: int) -> str:
    """Return the shares of the counts on both sides of what is printed."""
    below = int(percent.value * n / 100)
    return ", ".join(
        f"{count} is {float(share(count, n)):.2f} %" for count in (below, below + 1) if 0 <= count <= n
    )


def _nearby(percent: Printed, n: int) -> str:
    least = smallest_denominator(percent)
    if least is None:
        return "no share gives it"
    near = sorted(denominators(percent, most=max(2 * n, least)), key=lambda of: (abs(of - n), of))[:NEAR]
    given = ", ".join(f"{counts(percent, of)[0]} of {of}" for of in sorted(near))
    return f"the fewest are {counts(percent, least)[0]} of {least}; nearest to {n}: {given}"


def _sizes_giving(groups: Groups, entry: Entry, percent: Printed, count: int | None) -> str:
    """Return which other sizes that the paper prints give the percentage."""
    own = groups.size(entry)
    found = sorted({n for other in groups.paper.own if (n := other.size()) is not None and n != own})
    fitting = [
        n for n in found if (count in counts(percent, n) if count is not None else bool(counts(percent, n)))
    ]
    if not fitting:
        return ""
    return f"; of the sizes in this paper {', '.join(map(str, fitting))} would give {percent.text} %"


def _few(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    return ", ".join(map(str, numbers[:8])) + ("..." if len(numbers) > 8 else "")


def _rounded(value: float, like: Printed) -> str:
    digits = len(like.text.partition(".")[2])
    return f"{value:.{digits}f}"
