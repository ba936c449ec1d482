"""Events, their printed times and the follow-up, against the survival that is printed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from allpool.analysis.published.arithmetic.checks.curve_order import months
from allpool.analysis.published.arithmetic.checks.curves import curves
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept, undecided
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.printed import NOISE, Printed
from allpool.analysis.published.arithmetic.shares import share
from allpool.analysis.published.arithmetic.survival import Curve, at_risk
from allpool.analysis.published.arithmetic.words import (
    endpoint,
    group_words,
    id_words,
    text_words,
    vocabulary,
)

RULE = "clocks-in-conflict"
DEATHS = frozenset({"death", "deaths", "times", "time"})
"""Words of an id that lists when patients died."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether the events that can have happened by a time leave the survival that is printed for it."""
    for entry, curve in curves(groups):
        if (time := entry.number("time")) is not None:
            yield from _listed(groups, entry, curve, time)
    for counted in groups.paper.own:
        total, n = counted.whole("value"), groups.size(counted)
        if id_words(counted.id)[-1] != "events" or total is None or n is None:
            continue
        for entry, curve in curves(groups):
            kind = vocabulary().endpoints.get(endpoint(entry.id) or "")
            time = entry.number("time")
            if kind == "event_free" and time is not None and entry.population == counted.population:
                yield _held(groups, counted, (entry, curve, time), total, n)


def _listed(groups: Groups, entry: Entry, curve: Curve, time: Printed) -> Iterator[Checked]:
    """Hold the survival at a time against listed times of every death: each costs at least 1/n of it."""
    n = groups.size(entry)
    if n is None or vocabulary().endpoints.get(endpoint(entry.id) or "") != "overall":
        return
    for times in groups.paper.own:
        if times.statistic != "time_list" or group_words(times.id) - DEATHS != group_words(entry.id):
            continue
        at = [moved for number in times.numbers("value") if (moved := months(times, number)) is not None]
        surely, perhaps = (sum(test(one) for one in at) for test in _by(time))
        if not at or not DEATHS & group_words(times.id):
            continue
        found = at_risk(curve, n, deaths=perhaps)
        if not found.decided:
            yield undecided(RULE, f"too many numbers at risk to try for {n} patients", entry, times)
            continue
        most = float(share(n - min(surely, n), n))
        if found.found and float(curve.survival.low) <= most + NOISE:
            yield kept(RULE, entry, times)
            continue
        yield broken(
            RULE,
            entry,
            times,
            printed=f"{curve.survival.text} % of {n} at {time.text} months",
            why=f"{perhaps} of the {len(at)} listed deaths are by then"
            + (
                f", so at most {most:.1f} % are alive"
                if found.found
                else ", and no numbers at risk give it so"
            ),
            possible="deaths that are not listed, or times counted from another origin",
        )


def _by(time: Printed) -> tuple[Callable[[Printed], bool], Callable[[Printed], bool]]:
    """Return whether a printed time is surely, and whether it is perhaps, not later than another."""
    return (lambda one: one.high <= time.low), (lambda one: one.low <= time.high)


def _held(groups: Groups, counted: Entry, at: tuple[Entry, Curve, Printed], total: int, n: int) -> Checked:
    entry, curve, time = at
    late = list(_late(groups, counted, entry, time))
    at_most = total - len(late)
    complete = _followed(groups, time)
    if complete is None:
        found = at_risk(curve, n, deaths=max(at_most, 0))
        if not found.decided:
            return undecided(RULE, f"too many numbers at risk to try for {n} patients", entry, counted)
        possible = bool(found.found)
    else:
        possible = any(curve.survival.holds(share(n - events, n)) for events in range(max(at_most, 0) + 1))
    sources = [source for source, _ in late]
    if possible:
        return kept(RULE, entry, counted, *sources)
    least = float(share(n - at_most, n))
    times = ", ".join(f"{number.text} ({source.id})" for source, number in late)
    follow = "" if complete is None else f"; nobody is censored before {time.text} months ({complete.id})"
    needed = float((100 - curve.survival.value) * n / 100)
    return broken(
        RULE,
        entry,
        counted,
        *dict.fromkeys(sources),
        *(() if complete is None else (complete,)),
        printed=f"{curve.survival.text} % of {n} at {time.text} months, {total} events in all",
        why=f"{len(late)} of the {total} events are later than {time.text} months: at {times} months; so "
        f"at most {at_most} are by then, and the survival is at least {least:.1f} %{follow}",
        possible=f"{curve.survival.text} % takes {needed:.0f} events: a time counted from another origin, or "
        "an event that is not counted",
    )


def _late(groups: Groups, counted: Entry, curve: Entry, time: Printed) -> Iterator[tuple[Entry, Printed]]:
    """Yield each event that is printed with a time later than `time`: listed times, and the median.

    A median survival that is reached is the time of an event, since the curve falls at events alone; it is
    one of its own where no listed time may be it.
    """
    listed: list[Printed] = []
    for entry in groups.paper.own:
        if entry.statistic == "time_list" and _is_part(entry, counted):
            for number in entry.numbers("value"):
                if (at := months(entry, number)) is not None and at.low > time.value:
                    listed.append(at)
                    yield entry, number
    for entry in groups.paper.own:
        same = entry.statistic == "km_median" and endpoint(entry.id) == endpoint(curve.id)
        reached = entry.number("value")
        if not same or entry.population != curve.population or reached is None:
            continue
        median = months(entry, reached)
        if median is None or median.low <= time.value:
            continue
        if not any(at.low <= median.high and median.low <= at.high for at in listed):
            yield entry, reached


def _is_part(times: Entry, counted: Entry) -> bool:
    """Return whether listed times are those of one kind of the events that are counted."""
    words = {word.removesuffix("s") for word in text_words(times.population)}
    many = str(len(times.numbers("value")))
    return any(
        str(number) == many and {word.removesuffix("s") for word in kind.lower().split("_")} <= words
        for kind, number in counted.mapping("detail").items()
    )


def _followed(groups: Groups, time: Printed) -> Entry | None:
    """Return where the paper says that all who are alive were followed beyond a time, if it does."""
    for entry in groups.paper.own:
        if not {"followup"} <= set(id_words(entry.id)):
            continue
        least = entry.number("min", "value")
        if least is not None and (at := months(entry, least)) is not None and at.low >= Fraction(time.value):
            return entry
    return None
