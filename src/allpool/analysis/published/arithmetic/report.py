"""All checks over all papers: what is broken, what holds, what could not be checked and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from allpool.analysis.published.arithmetic.checks import CHECKS
from allpool.analysis.published.arithmetic.entries import Entry, Paper, read_papers
from allpool.analysis.published.arithmetic.findings import Checked, Finding
from allpool.analysis.published.arithmetic.groups import Groups
from allpool.analysis.published.arithmetic.words import id_words

WORDS = (
    *("definition", "dose_schedule", "schedule", "eligibility_rule", "date_range", "assay", "methods"),
    *("category_list", "qualitative", "test_statement", "statement", "case_narrative", "design"),
)
"""Statistics that are no numbers of patients."""


@dataclass(frozen=True)
class NotChecked:
    """A record that no check applies to, and why."""

    entry: Entry
    reason: str


@dataclass(frozen=True)
class Report:
    """What arithmetic says of some papers."""

    papers: tuple[Paper, ...]
    checked: tuple[Checked, ...]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is broken, in the order of files and lines, errors first in each record."""
        found = [item.finding for item in self.checked if item.finding is not None]
        place = {entry: i for i, entry in enumerate(e for paper in self.papers for e in paper.entries)}
        return tuple(sorted(found, key=lambda f: (place[f.entry], f.severity != "error", f.rule)))

    @cached_property
    def undecided(self) -> tuple[Checked, ...]:
        """Checks that gave up; they say nothing against the figure."""
        return tuple(item for item in self.checked if item.undecided)

    @cached_property
    def not_checked(self) -> tuple[NotChecked, ...]:
        """Every record that no check was held against."""
        done = {entry for item in self.checked for entry in item.entries}
        return tuple(
            NotChecked(entry, _reason(entry))
            for paper in self.papers
            for entry in paper.entries
            if entry not in done
        )

    @cached_property
    def unread(self) -> tuple[NotChecked, ...]:
        """Every field that must be a number and is none; the rest of its record is checked."""
        return tuple(
            NotChecked(entry, reason)
            for paper in self.papers
            for entry in paper.entries
            for reason in entry.unread()
        )

    @property
    def records(self) -> int:
        """How many records the papers have."""
        return sum(len(paper.entries) for paper in self.papers)

    @property
    def held(self) -> Counter[str]:
        """How often each rule was held against records."""
        return Counter(item.rule for item in self.checked)


def check_papers(paths: Sequence[Path]) -> Report:
    """Check the files of published figures at `paths` (or every *.yaml of a folder) by arithmetic alone.

    Raises
    ------
    DefinitionError
        a file that is not there or cannot be read, with file and line.
    """
    papers = read_papers(paths)
    checked: list[Checked] = []
    for paper in papers:
        groups = Groups(paper)
        for check in CHECKS:
            checked += check(groups)
    return Report(papers, tuple(checked))


def _reason(entry: Entry) -> str:
    """Return why a record is not checked."""
    if unread := "; ".join(entry.unread()):
        return unread
    if entry.scope != "own":
        return (
            "a figure of other studies" if entry.scope == "external" else "not printed, derived by a reader"
        )
    if entry.statistic in WORDS:
        return "words or a rule, no figure"
    if entry.p is not None:
        return "a P value whose groups have no printed shares or survivals"
    if entry.statistic == "km_median":
        return "a median time without a survival of the same curve"
    if entry.statistic in {"time", "time_list"}:
        return "times of events that no printed curve is of"
    if entry.statistic == "odds_ratio" or entry.statistic == "hazard_ratio":
        return "a ratio without an interval or the shares it is of"
    if entry.whole("value") is not None or entry.number("value") is not None:
        if "followup" in id_words(entry.id) or entry.statistic.startswith("median"):
            return "one number without its range"
        return "a count without the number it is of"
    if entry.number("percent") is not None:
        return "a percentage without the number it is of"
    return "no figure that a check reads"
