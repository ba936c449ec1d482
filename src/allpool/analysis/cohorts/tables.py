"""Tables of a cohort: baseline ("Table 1") and response; tidy rows, with a wide form for reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import isfinite
from typing import TYPE_CHECKING, Final

import pandas as pd

from allpool.analysis.cohorts.balance import mean_difference, share_difference
from allpool.analysis.cohorts.membership import UNKNOWN
from allpool.analysis.cohorts.samples import Grouping, Groups, Sample, grouped
from allpool.analysis.cohorts.summary import KNOWN, NOT_COLLECTED, Key, Lines, SummaryTable, Where, percent
from allpool.analysis.cohorts.variables import Variable, baseline_variables
from allpool.analysis.definitions.forms import ResponseEndpoint
from allpool.errors import AnalysisError

if TYPE_CHECKING:
    from allpool.analysis.cohorts.cohort import Cohort

SUBJECTS: Final = "subjects"
"""The variable of the row that counts the subjects of each group."""
DIFFERENCES: Final = (
    "SMD: standardized mean difference (for codes, Mahalanobis distance of their shares) of those known; of "
    "more than two groups the largest of any two. Unlike a P value it does not depend on the groups' size."
)
SHARES: Final = (
    "Shares are of those known. Numbers are median (lower to upper quartile; lowest to highest). "
    "Not collected: known of nobody in the group."
)


def baseline_table(
    cohort: Cohort, *, by: str | Grouping | None = None, variables: Sequence[str | Variable] | None = None
) -> SummaryTable:
    """Return "Table 1": n and share of each code with the unknown counted, quartiles and range of numbers.

    Per group and over all, with standardized mean differences between groups. `variables` are columns of
    adsl, elements of baseline.yaml or facts, by default all of the first two that are known. Raises
    `AnalysisError` for a name that is none of these.
    """
    groups = grouped(cohort.subjects, by, tables=cohort.tables, catalogue=cohort.catalogue)
    chosen = baseline_variables(cohort, variables)
    lines, names, members = _begun(groups)
    for variable in chosen:
        lines.labels[variable.name] = variable.title
        for group in (*names, None):
            inside = variable.values.to_numpy()[members[group]]
            if variable.kind == "number":
                _numbers(lines, variable, group, pd.Series(inside, dtype="float64"))
            else:
                _codes(lines, variable, group, pd.Series(inside, dtype=object))
        _differences(lines, variable, names, members)
    lines.over_groups(names)
    return SummaryTable(
        "baseline",
        f"Baseline: {cohort.population.title}",
        groups.name,
        tuple(names),
        lines.frame(),
        tuple(lines.sums),
        _subjects(cohort, groups),
        bool(cohort.subjects["synthetic"].any()),
        (SHARES, *([DIFFERENCES] if len(names) > 1 else []), *strangers(groups, cohort)),
    )


def response_table(
    cohort: Cohort,
    endpoints: Iterable[str | tuple[str, str]],
    *,
    by: str | Grouping | None = None,
    method: str = "clopper-pearson",
    level: float = 0.95,
) -> SummaryTable:
    """Return responders of those evaluable with an exact interval, and those not evaluable by reason.

    `endpoints` are names of response endpoints, or (name, definition); `method` as in
    `allpool.analysis.proportions.proportion`. Per group and over all.
    """
    groups = grouped(cohort.subjects, by, tables=cohort.tables, catalogue=cohort.catalogue)
    lines, names, _ = _begun(groups)
    notes: list[str] = []
    for asked in endpoints:
        endpoint, definition = (asked, "common") if isinstance(asked, str) else asked
        if not isinstance(cohort.catalogue.endpoint(endpoint), ResponseEndpoint):
            raise AnalysisError(f"{endpoint} is a time to an event; a table of responses takes none")
        sample = cohort.sample(endpoint, by=by, definition=definition)
        variable = f"{endpoint}/{definition}"
        title = cohort.catalogue.endpoint(endpoint).title
        lines.labels[variable] = title
        notes.append(f"{title}: {cohort.catalogue.definition(endpoint, definition).label}")
        _responses(lines, sample, variable, [*names, None], method=method, level=level)
    lines.over_groups(names)
    return SummaryTable(
        "response",
        f"Response: {cohort.population.title}",
        groups.name,
        tuple(names),
        lines.frame(),
        tuple(lines.sums),
        _subjects(cohort, groups),
        bool(cohort.subjects["synthetic"].any()),
        (
            f"Responders / evaluable (share; {level:.0%} interval, {method}).",
            *notes,
            *strangers(groups, cohort),
        ),
    )


def _responses(
    lines: Lines, sample: Sample, variable: str, groups: Sequence[str | None], *, method: str, level: float
) -> None:
    """Count responders and those evaluable of each group (none for all), and who was not, by reason."""
    from allpool.analysis.proportions import proportion

    reasons = sorted(Counter(sample.left_out["reason"]).items(), key=lambda item: (-item[1], item[0]))
    for group in groups:
        frame = sample.frame if group is None else sample.frame[sample.frame["group"] == group]
        out = sample.left_out_of(group)
        n, responders = len(frame), int(frame["event"].sum())
        answer: Where = {"group": group, "variable": variable, "level": "Y", "level_label": "yes"}
        part = lines.count("n", responders, **answer)
        total = lines.count("N", n, **answer)
        lines.adds_up(total, [part])
        if n:
            found = proportion(responders, n, method=method, level=level)
            for name, label, value in (
                ("p", "%", found.estimate),
                ("conf.low", "CI lower bound", found.lower),
                ("conf.high", "CI upper bound", found.upper),
            ):
                lines.number(name, value, percent(value), label=label, context="proportion", **answer)
        missing = [
            lines.count(
                "N_miss",
                int((out["reason"] == reason).sum()),
                context="missing",
                group=group,
                variable=variable,
                level=reason,
                level_label=f"not evaluable: {reason}",
            )
            for reason, _ in reasons
        ]
        lines.adds_up((group, SUBJECTS, None, "N"), [total, *missing])


def _begun(groups: Groups) -> tuple[Lines, list[str], dict[str | None, list[bool]]]:
    """Return lines that count the subjects, the groups shown, and who is in each."""
    of = groups.of.to_numpy()
    names = sorted({str(group) for group in of} - {UNKNOWN}) if groups.name else []
    members: dict[str | None, list[bool]] = {name: [bool(group == name) for group in of] for name in names}
    members[None] = [True] * len(of)
    lines = Lines(groups.name, labels={SUBJECTS: "Subjects"})
    for name in (*names, None):
        lines.count("N", sum(members[name]), group=name, variable=SUBJECTS, context="total_n")
    return lines, names, members


def _codes(lines: Lines, variable: Variable, group: str | None, values: pd.Series) -> None:
    """Count each code among those known, then the unknown."""
    known = int(values.notna().sum())
    nobody = known == 0 and len(values) > 0
    counts = values.value_counts()
    parts = []
    for code, label in variable.levels.items():
        number = int(counts.get(code, 0))
        where: Where = {"group": group, "variable": variable.name, "level": code, "level_label": label}
        if nobody:
            lines.not_collected(**where)
            continue
        parts.append(lines.count("n", number, **where))
        if known:
            share = number / known
            lines.number("p", share, percent(share), label="%", context="tabulate", **where)
    _known(lines, variable, group, known=known, parts=parts, of=len(values))


def _numbers(lines: Lines, variable: Variable, group: str | None, values: pd.Series) -> None:
    """Say where the numbers lie: quartiles (type 7, as R and pandas have them), lowest and highest."""
    known = values.dropna()
    where: Where = {"group": group, "variable": variable.name, "level_label": ""}
    nobody = known.empty and len(values) > 0
    for name, label, share in (
        ("median", "Median", 0.5),
        ("p25", "25th percentile", 0.25),
        ("p75", "75th percentile", 0.75),
        ("min", "Min", 0.0),
        ("max", "Max", 1.0),
    ):
        value = None if known.empty else float(known.quantile(share))
        shown = NOT_COLLECTED if nobody else "" if value is None else f"{value:.4g}"
        lines.number(name, value, shown, label=label, warning=NOT_COLLECTED if nobody else None, **where)
    for name, label, value in (("mean", "Mean", known.mean()), ("sd", "SD", known.std(ddof=1))):
        number = float(value) if isfinite(float(value)) else None
        lines.number(name, number, "" if number is None else f"{number:.4g}", label=label, **where)
    _known(lines, variable, group, known=len(known), parts=[], of=len(values))


def _known(
    lines: Lines, variable: Variable, group: str | None, *, known: int, parts: Sequence[Key], of: int
) -> None:
    """Count of how many the variable is known and of how many not; the two make up the group."""
    total = lines.count("N", known, group=group, variable=variable.name, level=KNOWN)
    lines.adds_up(total, parts)
    nobody = known == 0 and of > 0
    missing = lines.count(
        "N_miss",
        of - known,
        group=group,
        variable=variable.name,
        level=UNKNOWN,
        context="missing",
        warning=NOT_COLLECTED if nobody else None,
    )
    lines.adds_up((group, SUBJECTS, None, "N"), [total, missing])


def _differences(
    lines: Lines, variable: Variable, names: Sequence[str], members: dict[str | None, list[bool]]
) -> None:
    """Add the difference of each two groups, and the largest of them."""
    values = {name: variable.values[members[name]].dropna() for name in names}
    found: list[float] = []
    for one, two in combinations([name for name in names if len(values[name])], 2):
        if variable.kind == "number":
            apart = mean_difference(values[one].to_numpy(float), values[two].to_numpy(float))
        else:
            counts = [[int((values[name] == code).sum()) for code in variable.levels] for name in (one, two)]
            apart = share_difference(*counts)
        shown = f"{apart:.2f}" if isfinite(apart) else ""
        lines.number(
            "smd",
            apart if isfinite(apart) else None,
            shown,
            label="Standardized mean difference",
            group=f"{one} vs {two}",
            variable=variable.name,
        )
        found += [apart] if isfinite(apart) else []
    if found:
        first = next(iter(variable.levels.items()), (None, "")) if variable.kind == "code" else (None, "")
        lines.number(
            "smd_max",
            max(found),
            f"{max(found):.2f}",
            label="Largest standardized mean difference",
            group=None,
            variable=variable.name,
            level=first[0],
            level_label=first[1],
        )


def _subjects(cohort: Cohort, groups: Groups) -> pd.DataFrame:
    frame = cohort.subjects[["usubjid", "studyid", "siteid"]].copy()
    return frame.assign(group=groups.of.to_numpy())


def strangers(groups: Groups, cohort: Cohort) -> list[str]:
    """Say who is in no group, and of whom it is not known whether they belong here at all."""
    lost = int((groups.of == UNKNOWN).sum()) if groups.name else 0
    notes = [f"{lost} of unknown {groups.name} stand under All only."] if lost else []
    if cohort.unknown:
        notes.append(f"{cohort.unknown} of whom it is not known whether they belong to the population.")
    return notes
