"""Counts against the groups they are of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import COUNTS, Groups, label
from allpool.analysis.published.arithmetic.populations import size


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether counts are within their groups, and groups as large as they are said to be."""
    for entry in groups.paper.own:
        if entry.statistic in COUNTS and not entry.content.get("unit"):
            yield from _within(groups, entry)
            yield from _in_study(groups, entry)
            yield from _denominator(entry)
    yield from _same_denominator(groups)
    yield from _one_size(groups)


def _within(groups: Groups, entry: Entry) -> Iterator[Checked]:
    count, n = entry.count(), groups.size(entry)
    if count is None or n is None:
        return
    if 0 <= count <= n:
        yield kept("count-above-group", entry)
        return
    yield broken(
        "count-above-group",
        entry,
        printed=f"{count} of {n}",
        why=f"{count} are counted in a group of {n}",
        possible=f"0 to {n}",
    )


def _in_study(groups: Groups, entry: Entry) -> Iterator[Checked]:
    n, total = groups.size(entry), groups.paper.total
    if n is None or total is None:
        return
    if n <= total:
        yield kept("group-above-study", entry)
        return
    yield broken(
        "group-above-study",
        entry,
        printed=f"of {n}",
        why=f"the study has {total} patients",
        possible="a unit other than patients, which `unit` says",
    )


def _denominator(entry: Entry) -> Iterator[Checked]:
    """Hold a stated denominator against the number in the population's own name."""
    given, named = entry.whole("denominator"), size(entry.population)
    if given is None or named is None or not entry.stated:
        return
    if given == named:
        yield kept("denominator-of-other-group", entry)
        return
    yield broken(
        "denominator-of-other-group",
        entry,
        printed=f"of {given}",
        why=f"the denominator is {given}, the population is printed with {named}",
        possible=f"of {named}, or another population",
    )


def _same_denominator(groups: Groups) -> Iterator[Checked]:
    """Hold denominators of one table and one population against each other."""
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in groups.paper.own:
        known = entry.stated and entry.whole("denominator") is not None and not entry.content.get("unit")
        if known and size(entry.population) is None and not entry.arms:
            found[str(entry.content.get("location")), entry.population].append(entry)
    for entries in found.values():
        each = Counter(entry.whole("denominator") for entry in entries)
        (usual, _), *others = each.most_common()
        if not others:
            yield kept("denominators-differ", *entries)
            continue
        odd = [entry for entry in entries if entry.whole("denominator") != usual]
        yield broken(
            "denominators-differ",
            odd[0],
            *odd[1:],
            printed=", ".join(f"of {entry.whole('denominator')} ({entry.id})" for entry in odd),
            why=f"{each[usual]} figures of the same population in the same place are of {usual}",
            possible=f"of {usual}, or a population with a name of its own",
            quiet=[entry for entry in entries if entry not in odd],
        )


def _one_size(groups: Groups) -> Iterator[Checked]:
    """Hold sizes of one group against each other, where figures that are compared print none.

    A set of sizes is of records whose ids differ in their last word; the same last word in two sets is one
    group counted twice, such as at enrolment and at the first dose.
    """
    seen: set[frozenset[str]] = set()
    for test in groups.paper.own:
        figures = [entry for entry in groups.compared(test) if groups.size(entry) is None]
        labels = frozenset(name for e in figures if (name := label(e, [o for o in figures if o is not e])))
        if len(labels) < 2 or labels in seen:
            continue
        seen.add(labels)
        sets = groups.sizes(labels)
        twice = {name: [s.of[name] for s in sets if name in s.of] for name in sorted(labels)}
        differ = {name: own for name, own in twice.items() if len({one.n for one in own}) > 1}
        entries = list(dict.fromkeys(one.entry for own in (differ or twice).values() for one in own))
        if not differ:
            if entries:
                yield kept("two-sizes", *entries, *figures)
            continue
        said = "; ".join(
            f"{name}: {', '.join(f'{one.n} ({one.entry.id})' for one in own)}" for name, own in differ.items()
        )
        yield broken(
            "two-sizes",
            entries[-1],
            *entries[:-1],
            printed=said,
            why=f"patients are divided in {len(sets)} ways, and {figures[0].id} does not say which it is of",
            possible="each figure names the division it is of",
            quiet=figures,
        )
