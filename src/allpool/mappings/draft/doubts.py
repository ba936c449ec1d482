"""What keeps a proposal from being sure, however well it fits: ambiguous names, cells that say otherwise."""

from __future__ import annotations

from fnmatch import fnmatchcase

from allpool.mappings.draft.evidence import Evidence, calendar_readings, numeric_share
from allpool.mappings.draft.header import Header
from allpool.mappings.draft.lexicon import compact, load_lexicon
from allpool.mappings.draft.targets import Target
from allpool.mappings.profile import ColumnProfile

DOUBTED = 0.7
"""Most that a doubted proposal is sure: below 0.8, so that a person decides."""
MOSTLY = 0.9
NEAR = 0.995
"""Fit from which a name is as good as the element's own."""
EVENT = "adverse_event"
EVENT_WORDS = frozenset({EVENT, "serious", "crs", "icans"})
"""Notions that speak of an adverse event in a table that is not about them."""
DATED = frozenset({"date", "collection", "timepoint", "assessment"})
"""Notions that speak of a date, or of what has one."""


def structural(name: str) -> str | None:
    """Return what a column of the exporting system itself is, None where it is none."""
    text = name.strip().casefold()
    return next(
        (said for shape, said in load_lexicon().file.structural.items() if fnmatchcase(text, shape)), None
    )


def is_doubtful(target: Target, header: Header) -> bool:
    """Return whether the name must say more before it stands for `target`."""
    needed = load_lexicon().file.doubtful.get(target.id)
    return needed is not None and not any(token & set(needed) for token in header.tokens)


def doubt(
    target: Target,
    header: Header,
    column: ColumnProfile,
    evidence: Evidence,
    *,
    about: str | None,
    fit: float,
) -> str | None:
    """Return why a proposal is not sure, None where nothing does; `about` is the domain of its table,
    `fit` how well the name fits, 0 to 1.
    """
    if target.record == EVENT and about != EVENT and not any(token & EVENT_WORDS for token in header.tokens):
        return "neither its name nor the table speaks of adverse events"
    if target.id == "karyotype_iscn" and evidence.verdict != "bears out":
        return "its cells may be words as well"
    if is_doubtful(target, header):
        return "the name stands for other things as often"
    if compact(header.text) in {compact(name) for name in load_lexicon().file.unsure}:
        return "the name says too little"
    is_numbered = target.type == "code" and numeric_share(column) > MOSTLY and not evidence.codes
    if is_numbered and fit < NEAR:
        return "what its numbers stand for is not said"
    usual = target.element.unit if target.element else None
    if len(evidence.units) > 1 and usual not in evidence.units and header.unit_text is None:
        return f"the numbers fit several units, and not the usual one ({usual})"
    if target.id == "@date" and not any(token & DATED for token in header.tokens):
        return "the cells are dates, of which its name does not speak"
    says_date = any(token == frozenset({"date"}) for token in header.tokens)
    if says_date and target.type not in ("date", "dateTime") and target.field != "timepoint":
        return "the name speaks of a date" if not calendar_readings(column) else None
    return None
