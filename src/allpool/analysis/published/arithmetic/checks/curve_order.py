"""Survivals against each other: in time, between end points, against medians and follow-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.shares import smallest_denominator
from allpool.analysis.published.arithmetic.words import endpoint, group_words, vocabulary

MONTHS = {
    "mo": Fraction(1),
    "month": Fraction(1),
    "a": Fraction(12),
    "year": Fraction(12),
    "wk": Fraction(12 * 7 * 100, 36525),
    "d": Fraction(12 * 100, 36525),
}
"""Months in a unit of time: UCUM's mean month is a twelfth of 365.25 days."""
SIMPLE = 50
"""Patients; a share of fewer (6/7, 4/9) is alike by chance."""
NOT_REACHED = frozenset({"not reached", "nr", "not yet reached"})
DIGITS = Fraction(1, 100)
"""Percent; coarser survivals are alike by chance."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether the survivals of one group go together."""
    found = [e for e in groups.paper.own if e.number("percent") is not None and endpoint(e.id) is not None]
    timed = [e for e in found if e.number("time") is not None]
    survivals = [e for e in timed if e.statistic == "km_probability"]
    incidences = [
        e
        for e in groups.paper.own
        if e.statistic == "cumulative_incidence" and e.number("percent") and e.number("time")
    ]
    yield from _in_time(survivals, falls=True)
    yield from _in_time(incidences, falls=False)
    yield from _end_points(survivals)
    yield from _medians(groups, survivals)
    yield from _follow_up(groups, survivals)
    yield from _repeated(groups, survivals)


def months(entry: Entry, number: Printed) -> Printed | None:
    """Return a printed time in months, where its unit is known."""
    by = MONTHS.get(str(entry.content.get("unit", "")))
    return None if by is None else number.scaled(by)


def _needed(entry: Entry, name: str) -> Printed:
    number = entry.number(name)
    if number is None:
        raise AssertionError(f"only figures with {name} come here")
    return number


def _same_group(first: Entry, second: Entry) -> bool:
    return group_words(first.id) == group_words(second.id) and first.population == second.population


def _in_time(entries: Sequence[Entry], *, falls: bool) -> Iterator[Checked]:
    for first, second in combinations(entries, 2):
        times = _needed(first, "time").value, _needed(second, "time").value
        same = endpoint(first.id) == endpoint(second.id) and _same_group(first, second)
        if not same or times[0] == times[1]:
            continue
        early, late = (first, second) if times[0] < times[1] else (second, first)
        a, b = _needed(early, "percent"), _needed(late, "percent")
        if (b.low > a.high) if falls else (b.high < a.low):
            yield broken(
                "curve-rises",
                late,
                early,
                printed=f"{a.text} % at {_needed(early, 'time').text}, "
                f"{b.text} % at {_needed(late, 'time').text}",
                why=f"it {'rises' if falls else 'falls'} with time",
            )
        else:
            yield kept("curve-rises", early, late)


def _end_points(entries: Sequence[Entry]) -> Iterator[Checked]:
    kinds = vocabulary().endpoints
    for overall in entries:
        if kinds.get(endpoint(overall.id) or "") != "overall":
            continue
        for free in entries:
            same_time = _needed(free, "time").value == _needed(overall, "time").value
            if kinds.get(endpoint(free.id) or "") != "event_free" or not same_time:
                continue
            if not _same_group(overall, free):
                continue
            a, b = _needed(overall, "percent"), _needed(free, "percent")
            if b.low > a.high:
                yield broken(
                    "event-free-above-overall",
                    free,
                    overall,
                    printed=f"{b.text} % free of events, {a.text} % alive",
                    why="who is free of events is alive; Kaplan-Meier gives this only where many "
                    "are censored after an event and few are left of whom one dies",
                    possible="the two the other way round",
                )
            else:
                yield kept("event-free-above-overall", free, overall)


def _medians(groups: Groups, survivals: Sequence[Entry]) -> Iterator[Checked]:
    """Hold median times against survivals of the same curve: 50 % is crossed at the median."""
    for entry in groups.paper.own:
        if entry.statistic != "km_median":
            continue
        number = entry.number("value")
        median = None if number is None else months(entry, number)
        for curve in survivals:
            if endpoint(curve.id) != endpoint(entry.id) or not _same_group(entry, curve):
                continue
            at, survival = _needed(curve, "time"), _needed(curve, "percent")
            after = median is not None and at.value >= median.high and survival.low > 50
            before = survival.high < 50 and (
                str(entry.content.get("value")).lower() in NOT_REACHED
                or (median is not None and at.value < median.low)
            )
            if after or before:
                yield broken(
                    "median-against-curve",
                    entry,
                    curve,
                    printed=f"median {entry.content.get('value')}, {survival.text} % at {at.text} months",
                    why=f"the curve is {'above' if after else 'below'} 50 % at {at.text} months",
                )
            else:
                yield kept("median-against-curve", entry, curve)


def _follow_up(groups: Groups, survivals: Sequence[Entry]) -> Iterator[Checked]:
    """Hold survivals without error or interval against how long their patients were followed."""
    for entry in groups.paper.own:
        words = group_words(entry.id)
        if "followup" not in words:
            continue
        number = entry.number("median", "value") or entry.number("value")
        median = None if number is None else months(entry, number)
        if number is None or median is None:
            continue
        own = [e for e in survivals if words - {"followup"} <= group_words(e.id) and not e.arms]
        late = [
            e
            for e in own
            if _needed(e, "time").value > 2 * median.high and e.number("se") is None and not e.mapping("ci")
        ]
        if not late:
            if own:
                yield kept("beyond-follow-up", entry, *own)
            continue
        times = sorted({_needed(e, "time").text for e in late}, key=float)
        yield broken(
            "beyond-follow-up",
            entry,
            *late,
            printed=f"median follow-up {number.text}, survival at {' and '.join(times)} months",
            why="fewer than half were followed for half as long; without numbers at risk, errors or "
            "intervals nobody can tell on how few the figures rest",
        )


def _repeated(groups: Groups, survivals: Sequence[Entry]) -> Iterator[Checked]:
    """Hold survivals of different groups against each other, where no share of so few gives the digits."""
    for first, second in combinations(survivals, 2):
        a, b = _needed(first, "percent"), _needed(second, "percent")
        if a.text != b.text or a.high - a.low > DIGITS or group_words(first.id) == group_words(second.id):
            continue
        least = smallest_denominator(a)
        sizes = [n for e in (first, second) for n in (groups.size(e), *(arm.n for arm in e.arms)) if n]
        if not sizes or (least is not None and least <= max(*sizes, SIMPLE)):
            continue
        yield broken(
            "repeated-survival",
            first,
            second,
            printed=f"{a.text} % twice",
            why=f"it is no share of one group (the fewest are {least}), "
            "and takes the same numbers at risk twice",
            possible="a coincidence, or one copied to the other",
        )
