"""The flow of subjects: from the store to the treated, the population, those evaluable, and why not all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from allpool.analysis.cohorts.membership import all_of, members
from allpool.analysis.cohorts.summary import Key, Lines, SummaryTable
from allpool.analysis.definitions.conditions import ELEMENT_OF, Condition
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.terminology import load_terminology

if TYPE_CHECKING:
    from allpool.analysis.cohorts.cohort import Cohort

TREATED: Final = "all_treated"
"""The population that counts who was given the treatment at all."""


@dataclass(frozen=True, eq=False)
class _Step:
    """One step: what it is called, and why each subject of the one before is out (missing: it is in)."""

    name: str
    title: str
    reasons: pd.Series


def flow(
    cohort: Cohort,
    *,
    endpoint: str | None = None,
    definition: str = "common",
    studies: Sequence[str] | None = None,
    treated: str = TREATED,
) -> SummaryTable:
    """Return how many subjects came how far, per study and in all, and the reasons of those who did not.

    In the store, given the treatment (population `treated`), in the population of the cohort, and, with an
    `endpoint`, evaluable for it. `studies` as the cohort was asked for; by default all of the store. Who
    does not meet a condition and of whom it is not known are counted apart.
    """
    everybody = cohort.tables.adsl
    if studies is not None:
        everybody = everybody[everybody["studyid"].isin(list(studies))]
    inside = everybody.reset_index(drop=True)
    names = sorted(set(everybody["studyid"]))
    lines = Lines("study")
    before = _counted(lines, inside, names, "in_store", "In the store")
    trail = inside[["usubjid", "studyid", "siteid"]].assign(step="in_store", reason=None)
    for step in _steps(cohort, inside, endpoint=endpoint, definition=definition, treated=treated):
        reasons = inside["usubjid"].map(step.reasons)
        out = inside[reasons.notna()].assign(reason=reasons.dropna())
        inside = inside[reasons.isna()]
        kept = _counted(lines, inside, names, step.name, step.title)
        for reason, _ in sorted(
            out["reason"].value_counts().items(), key=lambda item: (-int(item[1]), item[0])
        ):
            for group in (*names, None):
                own = out[out["reason"] == reason]
                key = lines.count(
                    "N_miss",
                    len(own if group is None else own[own["studyid"] == group]),
                    context="excluded",
                    group=group,
                    variable=step.name,
                    level=str(reason),
                    level_label=f"left out: {reason}",
                )
                kept[group].append(key)
        for group, parts in kept.items():
            lines.adds_up(before[group][0], parts)
        before = kept
        trail.loc[trail["usubjid"].isin(inside["usubjid"]), "step"] = step.name
        trail["reason"] = trail["reason"].where(
            ~trail["usubjid"].isin(out["usubjid"]), trail["usubjid"].map(out.set_index("usubjid")["reason"])
        )
    lines.over_groups(names)
    return SummaryTable(
        "flow",
        f"Flow of subjects: {cohort.population.title}",
        "study",
        tuple(names),
        lines.frame(),
        tuple(lines.sums),
        trail.assign(group=trail["studyid"]).rename(columns={"reason": "description"}),
        bool(everybody["synthetic"].any()),
    )


def described(condition: Condition) -> str:
    """Return a condition in words: what it is on, by the dictionary's title, and what that must be."""
    what = condition.column or condition.element or condition.fact
    if condition.response is not None or condition.event is not None:
        asked = condition.response or condition.event
        what = f"{asked.endpoint} ({asked.definition})" if asked else what
    if condition.population is not None:
        what = f"population {condition.population}"
    element = load_dictionary().elements.get(ELEMENT_OF.get(what or "", what or ""))
    title = element.title["en"] if element else (what or "").replace("_", " ")
    table = load_terminology().tables.get(element.codes) if element and element.codes else None
    labels = {code: term.display for code, term in table.codes.items()} if table else {}
    if condition.known is not None:
        return f"{title} known" if condition.known else f"{title} not known"
    said = [" or ".join(labels.get(code, code) for code in condition.in_)] if condition.in_ else []
    said += [f"not {' or '.join(labels.get(code, code) for code in condition.not_in)}"] * bool(
        condition.not_in
    )
    return f"{title}: {' and '.join([*said, *condition.bounds])}"


def _steps(
    cohort: Cohort, everybody: pd.DataFrame, *, endpoint: str | None, definition: str, treated: str
) -> Iterator[_Step]:
    """Yield the steps after the first, with the reason of each subject that does not go on."""
    tables, catalogue, own = cohort.tables, cohort.catalogue, cohort.population
    first = catalogue.population(treated)
    if own.id != first.id:
        met = members(first, everybody, tables=tables, catalogue=catalogue)
        told = _where(met.eq(False), f"not: {first.title}", everybody)
        yield _Step(
            "treated", first.title, told.fillna(_where(met.isna(), f"not known: {first.title}", everybody))
        )
    reasons = pd.Series(None, index=everybody["usubjid"], dtype=object)
    met_by = {
        described(condition): all_of([condition], everybody, tables=tables, catalogue=catalogue)
        for condition in own.where
    }
    # what is known to be otherwise counts before what is not known
    for words, met in met_by.items():
        reasons = reasons.fillna(_where(met.eq(False), f"not {words}", everybody))
    for words, met in met_by.items():
        reasons = reasons.fillna(_where(met.isna(), f"not known: {words}", everybody))
    belongs = members(own, everybody, tables=tables, catalogue=catalogue)  # `any_of` speaks here alone
    reasons = reasons.fillna(_where(belongs.eq(False), f"not: {own.title}", everybody))
    reasons = reasons.fillna(_where(belongs.isna(), f"not known: {own.title}", everybody))
    inside = reasons.index.isin(cohort.subjects["usubjid"])
    reasons[reasons.isna() & ~inside] = "the further conditions asked are not met, or not known"
    reasons[inside] = None
    yield _Step("population", own.title, reasons)
    if endpoint is not None:
        sample = cohort.sample(endpoint, definition=definition)
        left = sample.left_out.set_index("usubjid")["reason"]
        title = catalogue.endpoint(endpoint).title
        yield _Step("evaluable", f"Evaluable for {title.lower()}", left)


def _where(chosen: pd.Series, reason: str, everybody: pd.DataFrame) -> pd.Series:
    """Return the reason by usubjid for the subjects chosen; missing for the others."""
    words = [reason if value is not pd.NA and bool(value) else None for value in chosen]
    return pd.Series(words, index=everybody["usubjid"], dtype=object)


def _counted(
    lines: Lines, inside: pd.DataFrame, names: Sequence[str], step: str, title: str
) -> dict[str | None, list[Key]]:
    """Count who came as far as a step, per study and in all."""
    lines.labels[step] = title
    counts = inside["studyid"].value_counts()
    return {
        group: [
            lines.count(
                "n",
                len(inside) if group is None else int(counts.get(group, 0)),
                context="flow",
                group=group,
                variable=step,
            )
        ]
        for group in (*names, None)
    }
