"""Survivals against the numbers at risk that their groups can have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from allpool.analysis.published.arithmetic.checks.intervals import level_of, limits_of
from allpool.analysis.published.arithmetic.curve_intervals import Interval
from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept, undecided
from allpool.analysis.published.arithmetic.groups import Groups, Sizes, label
from allpool.analysis.published.arithmetic.survival import AtRisk, Curve, Solution, at_risk
from allpool.analysis.published.arithmetic.words import endpoint, id_words, vocabulary

RULE, GROUPS = "curve-of-no-data", "curve-of-other-groups"
TRIED = 120
"""Sizes up to which the smallest fitting group is looked for."""
QUICK = 5_000
"""Nodes of a search that only says what would fit."""


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether each survival can be had from its group."""
    unsaid: dict[tuple[str | None, str], list[Entry]] = defaultdict(list)
    for entry, curve in curves(groups):
        n = groups.size(entry)
        if n is not None:
            yield _of_size(groups, entry, curve, n)
            continue
        unsaid[endpoint(entry.id), str(entry.content.get("time"))].append(entry)
        if groups.paper.total is not None:
            yield _of_size(groups, entry, curve, groups.paper.total, at_most=True)
    for entries in unsaid.values():
        yield from _of_sets(groups, entries)


def curves(groups: Groups) -> Iterator[tuple[Entry, Curve]]:
    """Yield each survival that is printed, with its error and interval."""
    for entry in groups.paper.own:
        percent = entry.number("percent")
        if entry.statistic != "km_probability" or percent is None:
            continue
        limits = limits_of(entry)
        interval = None if limits is None else Interval(*limits, level_of(entry))
        yield entry, Curve(percent, entry.number("se"), interval)


def risk_text(solution: Solution) -> str:
    """Return numbers at risk as a sentence part: k of n where nobody is censored between the deaths."""
    if not solution:
        return "no deaths"
    if len(solution) > 1 and solution[0] - solution[-1] == len(solution) - 1:
        return f"{solution[-1] - 1} of {solution[0]} alive"
    return f"deaths with {', '.join(map(str, solution))} at risk"


def _of_size(groups: Groups, entry: Entry, curve: Curve, n: int, *, at_most: bool = False) -> Checked:
    """Hold a survival against a group of `n`.

    What a smaller group can give, a larger can too, as if the others were censored before the first death;
    so a group of unknown size is held against the whole study.
    """
    deaths = None if at_most else _deaths(groups, entry)
    found = at_risk(curve, n, deaths=None if deaths is None else deaths[0])
    if found.found:
        return kept(RULE, entry)
    if not found.decided:
        return undecided(RULE, f"too many numbers at risk to try for {n} patients", entry)
    why, other = _why(curve, n, deaths)
    if at_most:
        why = f"{why}, which is all of the study"
    return broken(RULE, entry, *other, printed=_said(curve), why=why, possible=_fitting(entry, curve, n))


def _why(curve: Curve, n: int, deaths: tuple[int, Entry] | None) -> tuple[str, tuple[Entry, ...]]:
    """Return what of the figure is impossible: the survival alone, or only with what stands beside it."""
    parts = [("the survival", Curve(curve.survival))]
    if curve.error is not None:
        parts.append(("the survival with its standard error (Greenwood)", Curve(curve.survival, curve.error)))
    if curve.interval is not None:
        parts.append(("the survival with its interval", curve))
    for name, part in parts:
        if at_risk(part, n).impossible:
            return f"no numbers at risk among {n} give {name}; {_closest(part, n)}", ()
    if deaths is not None:
        return f"no numbers at risk among {n} give it with {deaths[0]} deaths", (deaths[1],)
    return f"no numbers at risk among {n} give it", ()


def _closest(curve: Curve, n: int) -> str:
    """Return the nearest shares of a group of which nobody is censored."""
    alive = float(curve.survival.value) * n / 100
    near = sorted({max(min(int(alive), n), 0), min(int(alive) + 1, n)})
    given = []
    for count in near:
        share = count / n
        error = 100 * (share * (1 - share) / n) ** 0.5
        given.append(f"{count}/{n} is {100 * share:.2f}" + (f" ± {error:.2f}" if curve.error else ""))
    return f"without censoring {', '.join(given)}"


def _fitting(entry: Entry, curve: Curve, n: int) -> str:
    """Return the smallest group that gives the figure, and which printed groups do."""
    smallest = next(
        ((m, a.found[0]) for m in range(1, TRIED + 1) if (a := at_risk(curve, m, steps=QUICK)).found), None
    )
    if smallest is None:
        return f"no group of up to {TRIED} gives it"
    said = f"the smallest group that gives it has {smallest[0]} ({risk_text(smallest[1])})"
    arms = [arm for arm in entry.arms if arm.n != n and at_risk(curve, arm.n).found]
    if arms:
        said += "; it is possible in " + " and ".join(f"{arm.label} ({arm.n})" for arm in arms)
    return said


def _deaths(groups: Groups, entry: Entry) -> tuple[int, Entry] | None:
    """Return how many deaths are printed for the same patients, where the curve is of deaths alone."""
    if vocabulary().endpoints.get(endpoint(entry.id) or "") != "overall":
        return None
    for other in groups.paper.own:
        same = groups.size(other) == groups.size(entry) and other.population == entry.population
        if same and id_words(other.id) in {("deaths",), ("dead",)} and (n := other.count()) is not None:
            return n, other
    return None


def _of_sets(groups: Groups, entries: Sequence[Entry]) -> Iterator[Checked]:
    """Hold survivals of groups without printed sizes against each set of sizes that the paper prints."""
    given = dict(curves(groups))
    labelled = {name: e for e in entries if (name := label(e, [o for o in entries if o is not e]))}
    if len(entries) < 2 or len(labelled) < 2:
        return
    tried: list[tuple[Sizes, dict[str, AtRisk]]] = []
    for sizes in groups.sizes(labelled):
        known = {
            name: at_risk(given[e], sizes.of[name].n) for name, e in labelled.items() if name in sizes.of
        }
        tried.append((sizes, known))
    if not tried:
        return
    failing = [
        (sizes, name, labelled[name])
        for sizes, results in tried
        for name, result in results.items()
        if result.impossible
    ]
    if any(not any(result.impossible for result in results.values()) for _, results in tried):
        yield kept(GROUPS, *entries)
        return
    whys = [
        f"{_said(given[e])} ({e.id}) cannot come from the {sizes.of[name].n} of {sizes.of[name].entry.id}"
        for sizes, name, e in failing
    ]
    fits = [
        f"{sizes.of[name].n} of {sizes.of[name].entry.id} would give {_said(given[labelled[name]])}"
        f" ({risk_text(result.found[0])})"
        for sizes, results in tried
        for name, result in results.items()
        if result.found
    ]
    alone = [f"{e.id} alone: {_simplest(groups, given[e])}" for _, _, e in failing]
    first, *others = dict.fromkeys([e for _, _, e in failing] + list(entries))
    yield broken(
        GROUPS,
        first,
        *others,
        printed="; ".join(f"{name} {_said(given[e])}" for name, e in labelled.items()),
        why="; ".join(whys),
        possible="; ".join(dict.fromkeys(fits + alone)),
    )


def _simplest(groups: Groups, curve: Curve) -> str:
    """Return shares without censoring that give the figure, of the largest group that does."""
    for n in range(groups.paper.total or TRIED, 0, -1):
        low, high = float(curve.survival.low) * n / 100, float(curve.survival.high) * n / 100
        for alive in range(max(int(low), 0), min(int(high) + 1, n) + 1):
            survival = alive / n
            variance = (n - alive) / (n * alive) if alive else 0.0
            error = curve.error is None or curve.error.holds(100 * survival * variance**0.5)
            if curve.survival.holds(100 * survival) and error:
                return f"{alive} of {n} without censoring"
    return "no share without censoring"


def _said(curve: Curve) -> str:
    error = f" ± {curve.error.text}" if curve.error is not None else ""
    limits = f" ({curve.interval.lower.text}-{curve.interval.upper.text})" if curve.interval else ""
    return f"{curve.survival.text} %{error}{limits}"
