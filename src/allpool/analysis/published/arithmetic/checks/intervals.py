"""Confidence intervals of shares, and ratios with their intervals and P values."""

from __future__ import annotations

from collections.abc import Iterator

from allpool.analysis.published.arithmetic.checks.shares import CURVES
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import COUNTS, Groups
from allpool.analysis.published.arithmetic.intervals import METHODS, methods
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.shares import counts

RATIOS = {"odds_ratio", "hazard_ratio", "relative_risk", "risk_ratio"}
FROM_SHARES = {"relative_risk", "risk_ratio", "relative_reduction", "risk_difference", "crude_odds_ratio"}


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether some method gives each interval, and whether ratios follow from what is beside them."""
    for entry in groups.paper.own:
        limits = limits_of(entry)
        point = entry.number("percent") or entry.number("value")
        if limits is not None and point is not None:
            yield _inside(entry, point, limits)
            if entry.statistic in COUNTS:
                yield from _given(groups, entry, limits)
        if entry.statistic in RATIOS and limits is not None:
            yield from _against_p(entry, limits)
        if entry.statistic in FROM_SHARES:
            yield from _follows(groups, entry)


def limits_of(entry: Entry) -> tuple[Printed, Printed] | None:
    """Return the printed limits of an entry's interval."""
    lower, upper = entry.number("lo", "ci"), entry.number("hi", "ci")
    return (lower, upper) if lower is not None and upper is not None else None


def level_of(entry: Entry) -> float:
    """Return the coverage of an entry's interval; 0.95 where none is printed."""
    level = entry.number("level", "ci")
    return float(level.value) / 100 if level is not None and 0 < level.value < 100 else 0.95


def _inside(entry: Entry, point: Printed, limits: tuple[Printed, Printed]) -> Checked:
    lower, upper = limits
    if lower.low <= point.high and point.low <= upper.high and lower.low <= upper.high:
        return kept("estimate-outside-interval", entry)
    return broken(
        "estimate-outside-interval",
        entry,
        printed=f"{point.text} ({lower.text}-{upper.text})",
        why=f"{point.text} is not between {lower.text} and {upper.text}",
    )


def _given(groups: Groups, entry: Entry, limits: tuple[Printed, Printed]) -> Iterator[Checked]:
    n, count, percent = groups.size(entry), entry.count(), entry.number("percent")
    if n is None or n < 1 or entry.statistic in CURVES:
        return
    possible = (count,) if count is not None else counts(percent, n) if percent is not None else ()
    possible = tuple(one for one in possible if 0 <= one <= n)
    if not possible:
        return  # the count itself is what is wrong, and said so
    lower, upper = limits
    level = level_of(entry)
    if any(methods(one, n, lower, upper, level=level) for one in possible):
        yield kept("interval-of-no-method", entry)
        return
    one = possible[0]
    given = "; ".join(
        f"{name} {100 * max(low, 0):.1f}-{100 * min(high, 1):.1f}"
        for name, method in METHODS.items()
        for low, high in (method(one, n, level),)
    )
    yield broken(
        "interval-of-no-method",
        entry,
        printed=f"{lower.text}-{upper.text} for {one} of {n}",
        why=f"no method in use gives it at {100 * level:g} %",
        possible=given,
    )


def _against_p(entry: Entry, limits: tuple[Printed, Printed]) -> Iterator[Checked]:
    """Hold the interval of a ratio against its P value: 1 is in it where P is above 1 - level."""
    if entry.p is None:
        return
    lower, upper = limits
    alpha = 1 - level_of(entry)
    without = lower.low > 1 or upper.high < 1
    within = lower.high < 1 < upper.low
    if (without and float(entry.p.low) > alpha) or (within and float(entry.p.high) < alpha):
        yield broken(
            "ratio-against-p",
            entry,
            printed=f"{lower.text}-{upper.text}, P {entry.p.text}",
            why=f"the interval {'leaves out' if without else 'holds'} 1 and P is {entry.p.text}",
        )
        return
    yield kept("ratio-against-p", entry)


def _follows(groups: Groups, entry: Entry) -> Iterator[Checked]:
    """Hold a ratio, difference or reduction against the two shares that `of` names."""
    named = entry.content.get("of")
    by_id = {other.id: other for other in groups.paper.own}
    if not isinstance(named, list) or len(named) != 2 or not all(name in by_id for name in named):
        return
    pair = by_id[named[0]], by_id[named[1]]
    shares = _range(groups, pair[0]), _range(groups, pair[1])
    value = entry.number("value") or entry.number("percent")
    if shares[0] is None or shares[1] is None or value is None:
        return
    reach = _reach(entry.statistic, shares[0], shares[1])
    if value.within(min(reach), max(reach)):
        yield kept("ratio-of-other-shares", entry, *pair)
        return
    yield broken(
        "ratio-of-other-shares",
        entry,
        *pair,
        printed=value.text,
        why=f"from {_said(shares[0])} and {_said(shares[1])} it is {min(reach):.3g} to {max(reach):.3g}",
    )


def _range(groups: Groups, entry: Entry) -> tuple[float, float] | None:
    """Return the least and the largest share, in percent, that an entry can mean."""
    count, n, percent = entry.count(), groups.size(entry), entry.number("percent")
    if percent is not None:
        return float(percent.low), float(percent.high)
    return (100 * count / n, 100 * count / n) if count is not None and n else None


def _reach(statistic: str, first: tuple[float, float], second: tuple[float, float]) -> list[float]:
    """Return the values at the corners of two ranges: each is monotone in both shares."""
    found = []
    for a in first:
        for b in second:
            if statistic == "risk_difference":
                found += [a - b, b - a]
            elif statistic == "crude_odds_ratio":
                found.append((a * (100 - b)) / max(b * (100 - a), 1e-12))
            elif statistic == "relative_reduction":
                found.append(100 * (1 - a / max(b, 1e-12)))
            else:
                found.append(a / max(b, 1e-12))
    return found


def _said(reach: tuple[float, float]) -> str:
    return f"{sum(reach) / 2:g} %"
