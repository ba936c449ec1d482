"""Shares that reach a state, of groups that are defined by being in it."""

from __future__ import annotations

from collections.abc import Iterator

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.words import measured_state, text_words

RULE = "state-of-its-own-group"
ENTERED = frozenset({"in", "with", "all", "patients", "the", "of"})
"""Words that may stand between the start of a population, or its number, and the state it is in."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether the share that is in a state is 100 % of a group that is in it by definition."""
    for entry in groups.paper.own:
        state = measured_state(entry.id)
        percent = entry.number("percent")
        if state is None or percent is None or entry.statistic != "proportion":
            continue
        if not _is_in(entry, state) or percent.high >= 100:
            yield kept(RULE, entry)
            continue
        against = list(_compared_with(groups, entry))
        beside = "".join(
            f"; it is compared with {o.id} of '{o.population}'"
            for o in against
            if o.number("percent") is not None
        )
        yield broken(
            RULE,
            entry,
            *against,
            printed=f"{percent.text} % of '{entry.population}'",
            why=f"all of this group are in {state.upper()} when it is formed, so 100 % are{beside}",
            possible="the share of another state that they reach, such as MRD negativity",
        )


def _is_in(entry: Entry, state: str) -> bool:
    """Return whether a population's name begins with the state: "CR-MRDpos before treatment", "16 in CR"."""
    for word in text_words(entry.population):
        if word == state:
            return True
        if word not in ENTERED and not word.isdigit():
            return False
    return False


def _compared_with(groups: Groups, entry: Entry) -> Iterator[Entry]:
    """Yield the figures that a P value compares with this one."""
    for test in groups.paper.own:
        compared = groups.compared(test) if test.p is not None else ()
        if entry in compared:
            yield test
            yield from (other for other in compared if other != entry)
