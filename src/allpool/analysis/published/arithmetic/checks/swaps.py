"""Two groups whose survivals stand at each other's name."""

from __future__ import annotations

from collections.abc import Iterator

from allpool.analysis.published.arithmetic.checks.curves import curves, risk_text
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept, undecided
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.logranks import Deaths, Reproduced, reproduced
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.survival import AtRisk, Curve, at_risk

RULE, LATER = "labels-swapped", "p-needs-later-deaths"
MOST = 40
"""Numbers at risk per group with which a P value is tried."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether survivals of two groups are possible as labelled, and whether their P value follows."""
    given = dict(curves(groups))
    for test in groups.paper.own:
        if test.statistic != "logrank_p" or test.p is None:
            continue
        compared = groups.compared(test)
        sizes = [groups.size(entry) for entry in compared]
        if len(compared) == 2 and sizes[0] is not None and sizes[1] is not None:
            (a, b), n = compared, (sizes[0], sizes[1])
            yield _pair(test, test.p, (a, b), (given[a], given[b]), n)


def _pair(
    test: Entry, p: Printed, pair: tuple[Entry, Entry], given: tuple[Curve, Curve], n: tuple[int, int]
) -> Checked:
    as_printed = at_risk(given[0], n[0], most=MOST), at_risk(given[1], n[1], most=MOST)
    if not any(found.impossible for found in as_printed):
        return _p(test, p, pair, _tried(as_printed, n, p))
    swapped = at_risk(given[1], n[0], most=MOST), at_risk(given[0], n[1], most=MOST)
    if not (swapped[0].found and swapped[1].found):
        return kept(RULE, test, *pair)
    found = _tried(swapped, n, p)
    names = tuple(arm.label for arm in pair[0].arms) if len(pair[0].arms) == 2 else (pair[0].id, pair[1].id)
    wrong = [
        f"{curve.survival.text} % cannot come from {size}"
        for curve, size, result in zip(given, n, as_printed, strict=True)
        if result.impossible
    ]
    if found.p is not None:
        beside = f"; the P value {p.text} then follows ({found.p:.4f}, at risk {_risks(found)})"
    else:
        beside = "" if not found.decided else f"; the P value {p.text} does not follow then"
    return broken(
        RULE,
        test,
        *pair,
        printed=f"{given[0].survival.text} % of {n[0]} and {given[1].survival.text} % of {n[1]}, P {p.text}",
        why="; ".join(wrong) + ", and both are possible the other way round",
        possible=f"{given[1].survival.text} % of {names[0]} ({risk_text(swapped[0].found[0])}), "
        f"{given[0].survival.text} % of {names[1]}{beside}",
    )


def _tried(found: tuple[AtRisk, AtRisk], n: tuple[int, int], p: Printed) -> Reproduced:
    pairs = [(Deaths(n[0], a), Deaths(n[1], b)) for a in found[0].found for b in found[1].found]
    whole = all(each.decided and len(each.found) < MOST for each in found)
    result = reproduced(pairs, p)
    return Reproduced(result.p, result.at_risk, result.least, result.most, result.decided and whole)


def _p(test: Entry, p: Printed, pair: tuple[Entry, Entry], found: Reproduced) -> Checked:
    if found.p is not None:
        return kept(LATER, test, *pair)
    if not found.decided:
        return undecided(LATER, "too many orders of deaths to try", test, *pair)
    return broken(
        LATER,
        test,
        *pair,
        printed=f"P {p.text}",
        why=f"the deaths up to the printed time give {found.least:.3f} to {found.most:.3f}",
        possible="deaths after that time, or another test",
    )


def _risks(found: Reproduced) -> str:
    return ", ".join(f"{a} and {b}" for a, b in found.at_risk)
