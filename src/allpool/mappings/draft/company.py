"""The company that a column keeps: what its table is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.draft.targets import Target
from allpool.mappings.profile import TableProfile

if TYPE_CHECKING:
    from allpool.mappings.draft.reading import Reading

SUBJECTS = {
    "adverse_event": ("adverse_event", ("adverse_event", "grade", "serious")),
    "mrd": ("mrd", ("mrd",)),
    "treatment": ("course", ("course", "treatment", "infusion", "dose", "blinatumomab")),
    "laboratory": ("laboratory", ("laboratory",)),
    "procedure": ("transplant", ("transplant", "gvhd")),
    "outcome": ("contact", ("contact", "alive")),
    "response": ("response", ("response", "assessment")),
    "demographics": ("patient", ("patient",)),
}
"""Domain -> the notion that a table of it implies, and the words of a file or sheet name that tell it."""
PLAIN_DOMAINS = frozenset({"subject", "study", "specimen", ""})
LEADING = 0.5
"""Share of a table's told columns from which it is about one thing."""
SIDE = 0.94
"""What is left of the fit of an element that the table is not about."""


@dataclass(frozen=True)
class Company:
    """What a table is about."""

    domain: str | None = None
    notions: tuple[str, ...] = ()

    def factor(self, target: Target) -> float:
        """Return what the table leaves of the fit of `target`."""
        if target.domain == "adverse_event" and self.domain is None:
            return SIDE
        if self.domain is None or target.domain in PLAIN_DOMAINS or target.domain == self.domain:
            return 1.0
        return SIDE


def company_of(table: TableProfile, readings: Sequence[Reading]) -> Company:
    """Return what `table` is about: by the names of file and sheet, and by columns whose names are plain."""
    told: Counter[str] = Counter()
    for item in readings:
        if item.candidates and (best := item.candidates[0]).score > 0.7:
            lead = best.score - max(
                (c.score for c in item.candidates[1:] if c.target.domain != best.target.domain), default=0.0
            )
            if best.target.domain not in PLAIN_DOMAINS and lead > 0.05:
                told[best.target.domain] += 1
    named = _named(table)
    for domain in named:
        told[domain] += 2
    told.pop("demographics", None)
    if not told:
        return Company()
    (domain, most), *_ = told.most_common()
    if most < LEADING * sum(told.values()) or most < 2:
        return Company()
    notion = SUBJECTS.get(domain)
    return Company(domain, (notion[0],) if notion else ())


def _named(table: TableProfile) -> list[str]:
    text = f"{table.file.rsplit('.', 1)[0]} {table.sheet or ''}"
    tokens, _ = load_lexicon().tokens(text)
    said = {notion for token in tokens for notion in token}
    return [domain for domain, (_, tell) in SUBJECTS.items() if said & set(tell)]
