"""What one column may be: each candidate with how well the name fits and what the cells say."""

from __future__ import annotations

from dataclasses import dataclass, replace

from allpool.mappings.draft.company import Company
from allpool.mappings.draft.events import OF_EVENT, event_term
from allpool.mappings.draft.evidence import FACTOR, Evidence, numeric_share, says_positive, weigh, yes_no
from allpool.mappings.draft.header import Header
from allpool.mappings.draft.targets import Match, Target, Targets
from allpool.mappings.profile import ColumnProfile

KEPT = 12
"""Candidates that a column keeps."""
BORNE_OUT = 0.12
"""How much of what the name lacks its cells make up for."""
CHECKBOX = 0.75
"""What is left of the fit of one box of several, whose answer the name does not say."""
UNKNOWN_WORDS = 0.75
"""What is left where the name is the element's own and its words are none of the code table: below 0.8."""
FULLER = 1e-4
"""For each character: of two columns otherwise alike, the longer text says more (USUBJID, SUBJID)."""
LEAST = 0.3
"""Fit below which a column is taken for none of the elements."""


@dataclass(frozen=True)
class Candidate:
    """One target for one column: how well the name fits, what the cells say, and both together."""

    target: Target
    name: str
    fit: float
    evidence: Evidence
    score: float


@dataclass(frozen=True)
class Reading:
    """One column as the draft sees it, with its candidates, the best first."""

    column: ColumnProfile
    header: Header
    candidates: tuple[Candidate, ...]


def read_column(
    column: ColumnProfile, header: Header, shorter: Header | None, targets: Targets, company: Company | None
) -> Reading:
    """Return a column with what it may be.

    `shorter` is the name without the word that many columns of the table begin with; `company` what the
    table is about, where that is known.
    """
    drug = _drug(header, targets)
    found = [
        _candidate(targets.all[name], match, column, header, targets, company, drug)
        for name, match in _matches(column, header, shorter, targets, company, drug).items()
        if match.score >= LEAST
    ]
    found.sort(key=lambda item: (-item.score, targets.order[item.target.id]))
    return Reading(column, header, tuple(found[:KEPT]))


def _matches(
    column: ColumnProfile,
    header: Header,
    shorter: Header | None,
    targets: Targets,
    company: Company | None,
    drug: str | None,
) -> dict[str, Match]:
    implied = [*_implied(column, header, targets), *(company.notions if company else ())]
    matches = targets.match(header, implied)
    for variant, lent, share in _variants(header, shorter, targets):
        for name, match in targets.match(variant, [*implied, *lent]).items():
            if drug and targets.all[name].record not in ("course", "dose_step"):
                continue
            if match.score * share > matches.get(name, Match(0, "")).score:
                matches[name] = Match(match.score * share, match.name)
    if event_term(header, targets.words.terminology) is not None:
        graded = any("grade" in token for token in header.tokens)
        matches["ae_grade" if graded else "ae_term"] = Match(0.93 if graded else 0.85, OF_EVENT)
    return matches


def _candidate(
    target: Target,
    match: Match,
    column: ColumnProfile,
    header: Header,
    targets: Targets,
    company: Company | None,
    drug: str | None,
) -> Candidate:
    evidence = weigh(target, header, column, targets.words.terminology)
    is_exact_code = match.score > 1 and target.type == "code" and evidence.verdict == "speaks against"
    score = match.score * (UNKNOWN_WORDS if is_exact_code else FACTOR[evidence.verdict])
    if evidence.verdict == "bears out" and match.score < 1:
        score += (1 - match.score) * BORNE_OUT
    if company:
        score *= company.factor(target)
    is_drug_itself = (
        drug is not None and target.id == drug and len(header.tokens) > 1 and target.type == "code"
    )
    if header.is_checkbox or is_drug_itself:
        score *= CHECKBOX
    score = min(score, 1.0)
    if target.type in ("identifier", "string"):
        score += min(column.longest, 50) * FULLER
    if drug and target.record == "course" and target.id != "drug_blinatumomab":
        target = replace(target, record=drug)
    return Candidate(target, match.name, match.score, evidence, score)


def _drug(header: Header, targets: Targets) -> str | None:
    """Return the drug that a name speaks of beside something else of it (its start, its dose)."""
    named = [targets.drugs[notion] for token in header.tokens for notion in token if notion in targets.drugs]
    said = {notion for token in header.tokens for notion in token}
    return named[0] if named and said & {"start", "end", "dose", "course", "number", "days"} else None


def _variants(
    header: Header, shorter: Header | None, targets: Targets
) -> list[tuple[Header, tuple[str, ...], float]]:
    """Return other readings of a name, the notions that what is left out lends, and its share of the fit."""
    found: list[tuple[Header, tuple[str, ...], float]] = []
    if shorter is not None and shorter.tokens:
        lent = {notion for token in header.tokens for notion in token} - {
            notion for token in shorter.tokens for notion in token
        }
        found.append(
            (replace(shorter, timepoint=header.timepoint, course=header.course), tuple(sorted(lent)), 0.97)
        )
    if _drug(header, targets):
        rest = tuple(token for token in header.tokens if not any(notion in targets.drugs for notion in token))
        found.append((replace(header, tokens=rest), ("course", "treatment"), 0.97))
    return found


def _implied(column: ColumnProfile, header: Header, targets: Targets) -> list[str]:
    """Return the notions that the cells say, so that the name need not."""
    found = ["patient", "of"]
    if column.dates and numeric_share(column) < 0.5:
        found.append("date")
    if yes_no(column, targets.words.terminology):
        found.append("positivity" if says_positive(column) else "yes_no")
    if "%" in header.units:
        found.append("percent")
    if header.course is not None:
        found.extend(["course", "start", "date"] if header.timepoint == "day_1" else ["course"])
    if numeric_share(column) > 0.5:
        found.append("value")
    return found
