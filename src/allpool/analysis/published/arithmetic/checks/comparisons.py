"""P values against the counts they compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from allpool.analysis.published.arithmetic.comparisons import TwoShares, p_values, rarer_tests, tables
from allpool.analysis.published.arithmetic.comparisons import groups as two_groups
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept, undecided
from allpool.analysis.published.arithmetic.groups import Groups, label
from allpool.analysis.published.arithmetic.later_deaths import later_deaths
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.shares import counts

NAMED = {"fisher_p": ("Fisher",), "chi2_p": ("chi-square", "chi-square with correction")}
"""Tests that a statistic names; of any other every usual test may be meant."""
OF_SHARES = frozenset({*NAMED, "group_p", "univariate_p"})
"""P values that compare shares, where their groups have them; of others the data are not printed."""
SHOWN = 4
TABLES = 20_000
"""Pairs of groups that are tried; a P value of more is not decided."""
Found = tuple[TwoShares, tuple[str, ...]]


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether some usual test of the printed counts gives each P value."""
    searched: dict[tuple[str, ...], list[tuple[Entry, list[Found]]]] = defaultdict(list)
    for test in groups.paper.own:
        if test.p is None:
            continue
        if test.statistic == "logrank_p":
            yield from later_deaths(groups, test)
            continue
        if test.statistic not in OF_SHARES:
            continue
        if test.mapping("table"):
            yield from _of_table(test, test.p)
            continue
        compared = groups.compared(test)
        if len(compared) != 2:
            continue
        first, second = compared
        sizes = groups.size(first), groups.size(second)
        if sizes[0] is not None and sizes[1] is not None:
            yield from _judged(test, test.p, _known(groups, first, second), compared)
        elif _too_many(groups, compared):
            yield undecided("p-of-no-test", "too many sizes of the two groups to try", test, *compared)
        else:
            key = tuple(entry.population for entry in compared)
            searched[key].append((test, _unknown(groups, compared, test.p)))
    for tests in searched.values():
        yield from _of_one_pair(groups, tests)


def _of_table(test: Entry, p: Printed) -> Iterator[Checked]:
    rows = [
        [int(str(n)) for n in row if str(n).isdigit()]
        for row in test.mapping("table").values()
        if isinstance(row, list)
    ]
    if len(rows) == 2 and all(len(row) == 2 for row in rows):
        (a, b), (c, d) = rows
        yield from _judged(test, p, [TwoShares(a, a + b, c, c + d)], ())


def _known(groups: Groups, first: Entry, second: Entry) -> list[TwoShares]:
    """Return the counts that two figures with printed sizes may mean."""
    n = groups.size(first) or 0, groups.size(second) or 0
    return [TwoShares(a, n[0], b, n[1]) for a in _counts(first, n[0]) for b in _counts(second, n[1])]


def _counts(entry: Entry, n: int) -> tuple[int, ...]:
    """Return how many of `n` a figure may mean: as counted, else as its percentage allows."""
    count, percent = entry.count(), entry.number("percent")
    if count is not None:
        return (count,) if 0 <= count <= n else ()
    return () if percent is None else counts(percent, n)


def _too_many(groups: Groups, compared: Sequence[Entry]) -> bool:
    shares = [entry.number("percent") for entry in compared]
    most = groups.paper.total
    if most is None or shares[0] is None or shares[1] is None:
        return False
    return tables(shares[0], shares[1], most=most) > TABLES


def _unknown(groups: Groups, compared: Sequence[Entry], p: Printed) -> list[Found]:
    """Return the counts of any two groups within the study that give both percentages and the P value."""
    most = groups.paper.total
    shares = [entry.number("percent") for entry in compared]
    if most is None or shares[0] is None or shares[1] is None:
        return []
    names_of = label(compared[0], [compared[1]]), label(compared[1], [compared[0]])
    limits = groups.limit(names_of[0]) or most, groups.limit(names_of[1]) or most
    found = []
    for two in two_groups(shares[0], shares[1], most=most):
        within = two.of_first <= limits[0] and two.of_second <= limits[1]
        if within and two.of_first + two.of_second <= most and (names := _names(two, p)):
            found.append((two, names))
    return found


def _judged(
    test: Entry, p: Printed, tables: Sequence[TwoShares], compared: Sequence[Entry]
) -> Iterator[Checked]:
    if not tables:
        return
    found = [(two, names) for two in tables if (names := _names(two, p))]
    rarer = [(two, names) for two in tables if (names := rarer_tests(two, p))]
    if not found and rarer:
        yield from _tests(test, rarer, compared)
        return
    if not found:
        two = tables[0]
        given = ", ".join(f"{name} {value:.4f}" for name, value in _values(two).items())
        yield broken(
            "p-of-no-test",
            test,
            *compared,
            printed=f"P {p.text} of {_said(two)}",
            why="no usual test of the two shares gives it",
            possible=given,
        )
        return
    yield from _tests(test, found, compared)


def _of_one_pair(groups: Groups, tests: Sequence[tuple[Entry, list[Found]]]) -> Iterator[Checked]:
    """Judge the P values of one pair of groups, whose sizes are not printed, together."""
    common = set.intersection(*({(t.of_first, t.of_second) for t, _ in found} for _, found in tests))
    for test, found in tests:
        compared = groups.compared(test)
        if not found and groups.paper.total is not None and test.p is not None:
            yield broken(
                "p-of-no-test",
                test,
                *compared,
                printed=f"P {test.p.text}",
                why=f"no two groups among {groups.paper.total} give both percentages and by any usual test P",
            )
            continue
        kept_sizes = [one for one in found if (one[0].of_first, one[0].of_second) in common] or found
        if kept_sizes:
            yield from _tests(test, kept_sizes, compared)


def _tests(test: Entry, found: Sequence[Found], compared: Sequence[Entry]) -> Iterator[Checked]:
    """Say which tests give a P value, and whether one of them is the one that is named and fits."""
    names = {name for _, own in found for name in own}
    wanted = NAMED.get(test.statistic)
    p = test.p
    if p is None:
        raise AssertionError("only P values come here")
    if wanted is not None and not names & set(wanted):
        yield broken(
            "p-of-other-test",
            test,
            *compared,
            printed=f"P {p.text}, said to be {wanted[0]}",
            why=f"it is that of {', '.join(sorted(names))}",
            possible=_possible(found),
        )
    elif names == {"chi-square"} and all(_least_expected(two) < 5 for two, _ in found):
        yield broken(
            "p-of-few-expected",
            test,
            *compared,
            printed=f"P {p.text}",
            why="only the chi-square test without correction gives it, and it expects fewer than 5 in a cell",
            possible=_possible(found),
        )
    else:
        yield kept("p-of-no-test", test, *compared)


def _possible(found: Sequence[Found]) -> str:
    given = [
        f"{_said(two)}: " + ", ".join(f"{name} {value:.4f}" for name, value in _values(two).items())
        for two, _ in found[:SHOWN]
    ]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(given) + more


def _said(two: TwoShares) -> str:
    return f"{two.first}/{two.of_first} and {two.second}/{two.of_second}"


def _least_expected(two: TwoShares) -> float:
    hits, n = two.first + two.second, two.of_first + two.of_second
    return min(size * part / n for size in (two.of_first, two.of_second) for part in (hits, n - hits))


def _names(two: TwoShares, p: Printed) -> tuple[str, ...]:
    return tuple(name for name, value in _values(two).items() if p.holds(value))


@lru_cache(maxsize=20_000)
def _values(two: TwoShares) -> dict[str, float]:
    return p_values(two)
