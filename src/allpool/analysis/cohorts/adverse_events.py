"""The table of adverse events: the worst grade per patient, or per course begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from allpool.analysis.cohorts.membership import UNKNOWN
from allpool.analysis.cohorts.samples import Grouping, grouped
from allpool.analysis.cohorts.summary import NOT_COLLECTED, Key, Lines, SummaryTable, Where, percent
from allpool.errors import AnalysisError
from allpool.mappings.terminology import load_terminology

if TYPE_CHECKING:
    from allpool.analysis.cohorts.cohort import Cohort

ANY: Final = "any"
NOT_STATED: Final = "not stated"
# grade 5 is death from the event (CTCAE 5.0, NCI 2017; ASTCT: Lee et al., Biol Blood Marrow Transplant 2019)
GRADES: Final[Mapping[str, tuple[int, ...]]] = {"1-2": (1, 2), "3-4": (3, 4), "5": (5,)}
ALL_EVENTS: Final = "any adverse event"
UNITS: Final = "units"


def adverse_event_table(
    cohort: Cohort,
    events: pd.DataFrame,
    *,
    per: Literal["patient", "course"] = "patient",
    by: str | Grouping | None = None,
    courses: pd.DataFrame | None = None,
    terms: Sequence[str] | None = None,
    grades: Mapping[str, tuple[int, ...]] = GRADES,
) -> SummaryTable:
    """Return how many patients (or courses) had each event, by their worst grade.

    `events` are rows of adae; `courses` (usubjid, course) those begun, asked for where `per` is "course". A
    centre that sent no adverse event at all did not collect them: its patients are in no denominator, and a
    group of such centres alone is "not collected". Grades of different systems are kept apart. Raises
    `AnalysisError` where courses are asked for and nothing says which course an event belongs to.
    """
    strange = sorted(set(terms or ()) - set(load_terminology()["ae_term"].codes))
    if strange:
        raise AnalysisError(f"{', '.join(strange)} is no adverse event; the code table `ae_term` lists them")
    groups = grouped(cohort.subjects, by, tables=cohort.tables, catalogue=cohort.catalogue)
    who = cohort.subjects[["usubjid", "studyid", "siteid", "synthetic"]].assign(group=groups.of.to_numpy())
    sending = set(zip(events["studyid"], events["siteid"], strict=True))
    who["sends"] = [pair in sending for pair in zip(who["studyid"], who["siteid"], strict=True)]
    silent = _silent(who)
    names = sorted(set(who["group"]) - {UNKNOWN}) if groups.name else []
    found = events[events["usubjid"].isin(who["usubjid"])]
    notes = [_systems(found), *silent]
    unit = ["usubjid"]
    units = who.loc[who["sends"], ["usubjid", "studyid", "group"]]
    if per == "course":
        found, units, more = _per_course(found, who, courses)
        who["sends"] &= who["studyid"].isin(found["studyid"])
        notes += more
        unit = ["usubjid", "course"]
    lines = Lines(groups.name, labels={UNITS: "Patients" if per == "patient" else "Courses begun"})
    events_of = _by_term(found, units, unit, terms)
    for group in (*names, None):
        inside = units if group is None else units[units["group"] == group]
        collected = bool((who if group is None else who[who["group"] == group])["sends"].any())
        said = None if collected else NOT_COLLECTED
        lines.count("N", len(inside), group=group, variable=UNITS, context="total_n", warning=said)
        for variable, (title, rows) in events_of.items():
            lines.labels[variable] = title
            if variable == ALL_EVENTS:
                used = frozenset(_mine(rows, group)["system"])
                shared = _shared(rows, inside)
            part = _Part(group, variable, len(inside), collected, used, shared)
            _grades(lines, part, rows, unit, grades)
    lines.over_groups(names)
    return SummaryTable(
        "adverse-events",
        f"Adverse events per {per}, worst grade: {cohort.population.title}",
        groups.name,
        tuple(names),
        lines.frame(),
        tuple(lines.sums),
        _subjects(who),
        bool(who["synthetic"].any()),
        tuple(notes),
    )


@dataclass(frozen=True)
class _Part:
    """One event in one group: of how many units, and by which systems the group's events are graded.

    `shared` are the systems that every study in the group uses: only these have the group as denominator.
    """

    group: str | None
    variable: str
    n: int
    collected: bool
    systems: frozenset[str]
    shared: frozenset[str]


def _by_term(
    found: pd.DataFrame, units: pd.DataFrame, unit: list[str], terms: Sequence[str] | None
) -> dict[str, tuple[str, pd.DataFrame]]:
    """Return per event its title and rows (group, system, aetoxgr), most frequent first."""
    displays = {code: term.display for code, term in load_terminology()["ae_term"].codes.items()}
    rows = found.drop(columns="studyid").merge(units, on=unit)
    rows["system"] = rows["aetoxsys"].where(rows["aetoxsys"].notna(), UNKNOWN)
    rows["aetoxgr"] = pd.to_numeric(rows["aetoxgr"], errors="coerce")
    rows["term"] = rows["aedecod"].where(rows["aedecod"].notna(), "unnamed")
    result = {ALL_EVENTS: ("Any adverse event", rows)}
    sizes = rows.drop_duplicates([*unit, "term"]).groupby("term").size()
    for term in sorted(sizes.index, key=lambda term: (-int(sizes[term]), term)):
        if terms is None or term in terms:
            result[term] = (displays.get(term, str(term)), rows[rows["term"] == term])
    return result


def _grades(
    lines: Lines, part: _Part, rows: pd.DataFrame, unit: list[str], grades: Mapping[str, tuple[int, ...]]
) -> None:
    """Count the units with the event at all, then by worst grade within each grading system."""
    mine = _mine(rows, part.group)
    everybody = _count(lines, part, len(mine.drop_duplicates(unit)), ANY, "any grade")
    if part.collected:
        lines.adds_up((part.group, UNITS, None, "N"), [everybody])
    for system in sorted(set(rows["system"])):
        worst = mine[mine["system"] == system].groupby(unit, as_index=False)["aetoxgr"].max()
        graded = {name: int(worst["aetoxgr"].isin(list(values)).sum()) for name, values in grades.items()}
        if rows.loc[rows["system"] == system, "aetoxgr"].isna().any():
            graded[NOT_STATED] = len(worst) - sum(graded.values())
        used = replace(
            part, collected=part.collected and system in part.systems, n=part.n * (system in part.shared)
        )
        keys = [
            _count(lines, used, number, f"{system}: {name}", f"{_system(system)}: grade {name}", part)
            for name, number in graded.items()
        ]
        if used.collected:
            lines.adds_up(everybody, keys)


def _count(lines: Lines, part: _Part, number: int, level: str, label: str, group: _Part | None = None) -> Key:
    """Count units with their share; where the group sent nothing, or used another system, say so."""
    where: Where = {
        "group": part.group,
        "variable": part.variable,
        "level": level,
        "level_label": label,
    }
    if not part.collected:
        other = "another grading system" if group is not None and group.collected else None
        lines.not_collected(other, **where)
        return (part.group, part.variable, level, "n")
    key = lines.count("n", number, **where)
    if part.n:
        share = number / part.n
        lines.number("p", share, percent(share), label="%", context="tabulate", **where)
    return key


def _shared(rows: pd.DataFrame, units: pd.DataFrame) -> frozenset[str]:
    """Return the grading systems that events of every study among `units` are graded by."""
    used = rows.groupby("studyid")["system"].agg(set)
    studies = [used.get(study, set()) for study in sorted(set(units["studyid"]))]
    return frozenset(set.intersection(*studies)) if studies else frozenset()


def _mine(rows: pd.DataFrame, group: str | None) -> pd.DataFrame:
    return rows if group is None else rows[rows["group"] == group]


def _system(code: str) -> str:
    tables = load_terminology()["ae_grade_system"].codes
    known = code in tables and code != UNKNOWN
    return tables[code].display if known else f"system {NOT_STATED}"


def _per_course(
    found: pd.DataFrame, who: pd.DataFrame, courses: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the events with their course, the courses begun, and what had to be left out."""
    if courses is None:
        raise AnalysisError("a table per course needs `courses`: usubjid and course of each course begun")
    placed = found[found["aecourse"].notna()].assign(course=lambda rows: rows["aecourse"].astype("int64"))
    if placed.empty:
        raise AnalysisError(
            "no adverse event says in which course it happened; count them per patient, or map the course"
        )
    telling = set(placed["studyid"])
    units = who[who["sends"] & who["studyid"].isin(telling)]
    begun = courses[["usubjid", "course"]].merge(units[["usubjid", "studyid", "group"]], on="usubjid")
    strays = placed.merge(begun, on=["usubjid", "course"], how="left")["group"].isna()
    lost = len(found) - len(placed)
    notes = [f"{lost} events say of no course and are left out."] if lost else []
    if strays.any():
        notes.append(f"{int(strays.sum())} events of a course that is not known to have begun are left out.")
    silent = sorted(set(found["studyid"]) - telling)
    if silent:
        notes.append(f"Not told per course: study {', '.join(silent)}.")
    return placed, begun, notes


def _subjects(who: pd.DataFrame) -> pd.DataFrame:
    told = who["sends"].map({True: None, False: "adverse events not collected"}).astype(object)
    return who[["usubjid", "studyid", "siteid", "group"]].assign(description=told)


def _systems(found: pd.DataFrame) -> str:
    names = found["aetoxsys"].where(found["aetoxsys"].notna(), UNKNOWN)
    said = ", ".join(sorted({_system(code) for code in names})) or NOT_STATED
    return f"Graded by {said}. Grades of different systems are not put together: – is not graded by this one."


def _silent(who: pd.DataFrame) -> list[str]:
    """Name the centres that sent no adverse event: missing, not zero."""
    out = who[~who["sends"]]
    if out.empty:
        return []
    counts = out.groupby(["studyid", "siteid"], dropna=False).size()
    places = ", ".join(f"{study}/{site}" for study, site in counts.index)
    return [f"Not collected, and in no denominator: {places} ({len(out)} patients)."]
