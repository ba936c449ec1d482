"""Medians, means, quartiles and ranges: in order, and of a shape that the quantity can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from allpool.analysis.published.arithmetic.entries import Entry
from allpool.analysis.published.arithmetic.findings import Checked, broken, kept
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.words import id_words

ORDER = ("min", "q1", "median", "q3", "max")
OLDEST = 100
"""Years; nobody in a cohort of treated patients is taken to be older."""
YEARS = frozenset({"a", "year", "years"})


def check(groups: Groups) -> Iterator[Checked]:
    """Yield whether each summary is in order, and whether quartiles of age can be such."""
    for entry in groups.paper.own:
        for name, figures in _summaries(entry):
            yield _ordered(entry, name, figures)
            if {"q1", "median", "q3"} <= set(figures) and _is_age(entry):
                yield _quartiles(groups, entry, figures)


def _summaries(entry: Entry) -> Iterator[tuple[str, Mapping[str, Printed]]]:
    """Yield each summary of a record by the names of its figures; some records have one before, one after."""
    value = entry.mapping("value")
    whole = _figures(entry, value)
    if len(whole) > 1:
        yield "", whole
    for name, part in value.items():
        if isinstance(part, Mapping) and len(own := _figures(entry, part)) > 1:
            yield f"{name} ", own


def _figures(entry: Entry, value: Mapping[str, object]) -> dict[str, Printed]:
    """Return the figures of a summary; limits are quartiles where the paper calls them so, else a range."""
    quartiles = "iqr" in str(entry.content.get("printed_as", entry.statistic)).lower()
    limits = {"lo": "q1", "hi": "q3"} if quartiles else {"lo": "min", "hi": "max"}
    reader = Entry(entry.study, entry.file, entry.line, entry.id, dict(value))
    found = {}
    for key in value:
        name = limits.get(key, key)
        if name in (*ORDER, "mean") and (number := reader.number(key)) is not None:
            found[name] = number
    return found


def _ordered(entry: Entry, name: str, figures: Mapping[str, Printed]) -> Checked:
    chain = [(key, figures[key]) for key in ORDER if key in figures]
    wrong = [(a, b) for a, b in pairwise(chain) if a[1].low > b[1].high]
    if "mean" in figures:
        around = [(key, figures[key]) for key in ("min", "mean", "max") if key in figures]
        wrong += [(a, b) for a, b in pairwise(around) if a[1].low > b[1].high]
    if str(entry.content.get("unit", "")) == "%":
        wrong += [((key, number), ("100", number)) for key, number in chain if number.low > 100]
    if not wrong:
        return kept("summary-out-of-order", entry)
    (a, b), *_ = wrong
    return broken(
        "summary-out-of-order",
        entry,
        printed=name + ", ".join(f"{key} {number.text}" for key, number in figures.items()),
        why=f"{a[0]} {a[1].text} is above {b[0]}" + (f" {b[1].text}" if b[0] != "100" else ""),
    )


def _quartiles(groups: Groups, entry: Entry, figures: Mapping[str, Printed]) -> Checked:
    """Hold quartiles of age against one peak between 0 and the oldest.

    Below the peak a density rises and above it falls. So either the peak is not below the median, and the
    first quarter takes at least as many years as the second; or it is not above, and the last quarter takes
    at least as many as the third. Where both fail, no single peak gives the quartiles.
    """
    q1, median, q3 = (figures[name] for name in ("q1", "median", "q3"))
    first = q1.high >= median.low - q1.high
    last = OLDEST - q3.low >= q3.low - median.high
    if first or last:
        return kept("quartiles-too-wide", entry)
    n = groups.size(entry)
    of = "" if n is None else f" of {n}"
    needed = 2 * q3.value - median.value
    return broken(
        "quartiles-too-wide",
        entry,
        printed=f"{median.text} (quartiles {q1.text}-{q3.text})",
        why=f"a quarter{of} would be at most {q1.text} and a quarter at least {q3.text}: with one peak that "
        f"takes ages up to {float(needed):.0f}, or more in the first {q1.text} years than in the "
        f"{float(median.value - q1.value):g} after them",
        possible=f"the range: {median.text} ({q1.text}-{q3.text})",
    )


def _is_age(entry: Entry) -> bool:
    return "age" in id_words(entry.id) and str(entry.content.get("unit", "")) in YEARS
