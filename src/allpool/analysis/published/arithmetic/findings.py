"""What arithmetic finds in a paper: the rule that a figure breaks, where it stands, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from allpool.analysis.published.arithmetic.entries import Entry

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """A general check: what must hold of any paper's figures."""

    severity: Severity
    """error: no data can give the figure as printed; warning: data could, but something was left unsaid."""
    must: str


RULES: dict[str, Rule] = {
    "count-above-group": Rule("error", "no more are counted than there are"),
    "group-above-study": Rule("error", "no group of a study is larger than the study"),
    "denominator-of-other-group": Rule(
        "error", "the denominator of a figure is the size that its population is said to have"
    ),
    "denominators-differ": Rule("warning", "figures of one population in one table are of one denominator"),
    "share-of-no-count": Rule("error", "a percentage is that of a whole number of its group (GRIM)"),
    "share-of-other-count": Rule("error", "a percentage is that of the count beside it"),
    "share-of-other-group": Rule(
        "warning",
        "a percentage without a denominator is of a whole number of the group it is printed for",
    ),
    "shares-of-no-group": Rule("error", "percentages of one group are of one denominator"),
    "split-of-no-group": Rule(
        "error", "percentages of two groups that make up a third are of whole numbers that add up to it"
    ),
    "parts-above-whole": Rule("error", "parts that exclude one another are no more than the whole"),
    "parts-below-whole": Rule("warning", "parts that leave nobody out add up to the whole"),
    "percentages-of-whole": Rule(
        "error", "parts that exclude one another are at most 100 % together, and 100 % if nobody is left out"
    ),
    "grade-above-any": Rule("error", "no more have an event of some grades than have it of any"),
    "two-sizes": Rule("warning", "a group that is named once has one size"),
    "estimate-outside-interval": Rule("error", "an estimate lies in its own interval"),
    "interval-of-no-method": Rule("error", "some method in use gives a confidence interval from its count"),
    "curve-of-no-data": Rule(
        "error", "some numbers at risk in a group of its size give a survival with its error and interval"
    ),
    "curve-of-other-groups": Rule(
        "error", "one printed set of group sizes can give every survival of one comparison"
    ),
    "labels-swapped": Rule("error", "survivals stand at the group that can have them, not at the other"),
    "curve-rises": Rule("error", "survival falls in time, and cumulative incidence rises"),
    "event-free-above-overall": Rule("warning", "no more are free of events than are alive"),
    "median-against-curve": Rule("error", "a median time and a survival at a time are of one curve"),
    "clocks-in-conflict": Rule(
        "error", "events, their printed times and follow-up leave room for the printed survival"
    ),
    "beyond-follow-up": Rule(
        "warning",
        "a survival without error or interval is of at most twice the median follow-up",
    ),
    "repeated-survival": Rule("warning", "two groups do not share a survival that takes several deaths"),
    "p-of-no-test": Rule("error", "some usual test of the printed counts gives the P value"),
    "p-of-other-test": Rule("warning", "the test that is named gives the P value"),
    "p-of-few-expected": Rule(
        "warning", "a P value that only the chi-square test without correction gives expects 5 in every cell"
    ),
    "p-needs-later-deaths": Rule("warning", "the deaths up to the printed time give the log-rank P value"),
    "summary-out-of-order": Rule("error", "minimum, quartiles, median and maximum are in this order"),
    "quartiles-too-wide": Rule(
        "warning", "quartiles of age are such as a distribution with one peak and nobody above 100 has"
    ),
    "state-of-its-own-group": Rule("error", "all of a group that is defined by a state are in it"),
    "ratio-of-other-shares": Rule("error", "a ratio, difference or reduction follows from its two shares"),
    "ratio-against-p": Rule("error", "an interval leaves out 1 where P is below 5 %, and only there"),
}


@dataclass(frozen=True)
class Finding:
    """A printed figure that breaks a rule."""

    rule: str
    entry: Entry
    printed: str
    """The figure, as the paper has it."""
    why: str
    """The arithmetic that it breaks, with numbers."""
    possible: str = ""
    """What could have been printed, or of whom the figure could be."""
    others: tuple[str, ...] = ()
    """Ids of the other records that take part."""

    @property
    def severity(self) -> Severity:
        """How far the figure is impossible."""
        return RULES[self.rule].severity

    def line(self) -> dict[str, Any]:
        """Return the finding as a row of a table."""
        return {
            "study": self.entry.study,
            "file": self.entry.file,
            "line": self.entry.line,
            "record": self.entry.id,
            "rule": self.rule,
            "severity": self.severity,
            "printed": self.printed,
            "why": self.why,
            "possible": self.possible or None,
            "others": list(self.others),
        }


@dataclass(frozen=True)
class Checked:
    """One rule held against some records: kept, broken, or not decided (with the reason)."""

    rule: str
    entries: tuple[Entry, ...]
    finding: Finding | None = None
    undecided: str = ""


def kept(rule: str, *entries: Entry) -> Checked:
    """Return that `rule` holds."""
    return Checked(rule, entries)


def undecided(rule: str, why: str, *entries: Entry) -> Checked:
    """Return that the search for `rule` was left before its end; never that the figure is impossible."""
    return Checked(rule, entries, undecided=why)


def broken(
    rule: str,
    entry: Entry,
    *others: Entry,
    printed: str,
    why: str,
    possible: str = "",
    quiet: Sequence[Entry] = (),
) -> Checked:
    """Return that `rule` is broken by `entry` together with `others`; `quiet` were looked at as well."""
    finding = Finding(rule, entry, printed, why, possible, tuple(other.id for other in others))
    return Checked(rule, (entry, *others, *quiet), finding)
