"""Samples: a cohort's subjects with one endpoint's answer, in groups, and those left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import model_validator

from allpool.analysis.cohorts.membership import UNKNOWN, baseline_values, happened
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import ResponseEndpoint, TimeEndpoint
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import Frozen
from allpool.models import Adsl

if TYPE_CHECKING:
    from allpool.analysis.cohorts.membership import DerivedTables

AT_RISK_MINIMUM = 5
"""With fewer at risk at a time, an estimate then is not told unless asked: our convention, no standard."""
CAUSES = {0: 1, 1: 0, 2: 2}
"""Cause of adtte's cnsr: the event, censored, a competing event."""
EITHER = "which may be either"
"""How the reason of an answer ends that stays open between yes and no (`derivation/assessments.py`)."""
BELOW = "below "
"""What the lowest group of a cut number begins with."""
AFTER_TIME_ZERO = ("dthfl",)
"""Columns of adsl that are known only after time zero."""
ALIASES = {"study": "studyid", "centre": "siteid"}


class Grouping(Frozen):
    """What subjects are grouped by: a column of adsl, a baseline element, a fact, a response or an event.

    `cut` makes groups of a number: below the first limit, from each limit on.
    """

    column: str | None = None
    element: str | None = None
    fact: str | None = None
    response: str | None = None
    event: str | None = None
    definition: str = "common"
    cut: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Grouping:
        parts = (self.column, self.element, self.fact, self.response, self.event)
        if sum(part is not None for part in parts) != 1:
            raise ValueError("a grouping names exactly one of column, element, fact, response and event")
        if list(self.cut) != sorted(set(self.cut)):
            raise ValueError("the limits of `cut` rise")
        return self

    @property
    def name(self) -> str:
        """What the groups are by, as it is stored and printed."""
        plain = self.column or self.element or self.fact
        if plain:
            return {"studyid": "study", "siteid": "centre"}.get(plain, plain)
        return f"{self.response or self.event}/{self.definition}"


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of each subject (by usubjid); `name` is empty where there is but one group."""

    name: str
    of: pd.Series
    after_time_zero: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """The evaluable subjects and those left out.

    `frame`: usubjid, studyid, siteid, group, synthetic, event (1 or 0), aval (days from the origin, or to the
    assessment), description, srcdom, srcid; of a time to an event also cause (0 censored, 1 the event, 2 a
    competing one) and entry (days from the origin to delayed entry, else 0). `left_out`: usubjid, studyid,
    group, reason.
    """

    kind: str
    group_by: str
    frame: pd.DataFrame
    left_out: pd.DataFrame

    def groups(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each group's name and rows, numbers by size, then names; the one of no grouping is `all`."""
        found = {str(group): frame for group, frame in self.frame.groupby("group", sort=True)}
        for group in sorted(found, key=_place):
            yield group, found[group]

    @property
    def delayed(self) -> bool:
        """Whether anybody came under observation after the origin."""
        return "entry" in self.frame and bool((self.frame["entry"] > 0).any())

    def left_out_of(self, group: str | None = None) -> pd.DataFrame:
        """Return the subjects left out, of one group or of all."""
        return self.left_out if group is None else self.left_out[self.left_out["group"] == group]

    def without(self, excluded: Mapping[str, str]) -> Sample:
        """Return the sample with some studies left out, each for the reason given."""
        outside = self.frame["studyid"].isin(list(excluded))
        moved = self.frame.loc[outside, ["usubjid", "studyid", "group"]].copy()
        moved["reason"] = moved["studyid"].map(dict(excluded))
        left_out = pd.concat([self.left_out, moved]).sort_values("usubjid").reset_index(drop=True)
        return replace(self, frame=self.frame[~outside].reset_index(drop=True), left_out=left_out)

    def note(self, group: str | None = None) -> str | None:
        """Return one sentence on who was left out and why; none where nobody was."""
        reasons = Counter(self.left_out_of(group)["reason"])
        if not reasons:
            return None
        parts = [
            f"{count} {reason}"
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ]
        return f"{sum(reasons.values())} left out: " + "; ".join(parts)


def _place(group: str) -> tuple[float, str]:
    """Return where a group stands: what `_cut` names and numbers by size, before names."""
    if group.startswith(BELOW):
        return -inf, group
    try:
        return float(group.split(" ", 1)[0]), group
    except ValueError:
        return inf, group


def evaluable(sample: Sample) -> Sample:
    """Return the sample; `AnalysisError` where nobody is evaluable."""
    if sample.frame.empty:
        raise AnalysisError(
            f"too little data: nobody is evaluable ({sample.note() or 'the cohort is empty'})"
        )
    return sample


def decided(sample: Sample, *, override: str | None = None) -> Sample:
    """Return the sample; `AnalysisError` where answers stay open between yes and no, and no reason is given.

    Leaving them out would keep those that are no: a composite remission asked whether it was complete may
    be either, and no remission is none.
    """
    open_ = sample.left_out[sample.left_out["reason"].str.endswith(EITHER)]
    if len(open_) and override is None:
        studies = ", ".join(
            f"{count} of {study}" for study, count in sorted(Counter(open_["studyid"]).items())
        )
        raise AnalysisError(
            f"answers stay open: {studies} may be either yes or no as reported, and those that are surely no "
            "would stay in; ask the wider endpoint (crc, orr), leave the study out (`excludes`), or give "
            "`override` with the reason"
        )
    return sample


def punctual(sample: Sample, what: str) -> Sample:
    """Return the sample; `AnalysisError` where somebody entered late, which `what` has no room for."""
    if sample.delayed:
        raise AnalysisError(
            f"{what} takes no delayed entry, and some subjects come under observation after time zero; "
            "ask from the first dose, or take Kaplan-Meier, log-rank, Cox or cumulative incidence"
        )
    return sample


def grouped(
    subjects: pd.DataFrame, by: str | Grouping | None, *, tables: DerivedTables, catalogue: Catalogue
) -> Groups:
    """Return the group of each subject; `AnalysisError` where `by` names nothing that subjects differ in."""
    if by is None:
        return Groups("", pd.Series("all", index=subjects["usubjid"]))
    asked = grouping_of(by, catalogue)
    values = _values(asked, subjects, tables=tables, catalogue=catalogue)
    if asked.cut and not _numbers(values):
        raise AnalysisError(f"{asked.name} does not hold numbers, and `cut` makes groups of numbers")
    words = [_cut(value, asked.cut) if asked.cut else _word(value) for value in values]
    late = asked.response is not None or asked.event is not None or asked.column in AFTER_TIME_ZERO
    late = late or (asked.fact is not None and catalogue.fact(asked.fact).known == "later")
    return Groups(asked.name, pd.Series(words, index=subjects["usubjid"]), late)


def grouping_of(by: str | Grouping, catalogue: Catalogue) -> Grouping:
    """Return what is grouped by: of a plain word a column of adsl, a baseline element, a fact, or
    endpoint/definition.

    Raises `AnalysisError` for what is nothing to group by, `DefinitionError` for an unknown name.
    """
    if isinstance(by, str):
        by = _read(by, catalogue)
    if not isinstance(by, Grouping):
        raise AnalysisError('group by a name, or by a Grouping such as Grouping(response="cr")')
    if by.column is not None and by.column not in Adsl.__table__.c:
        raise AnalysisError(f"adsl has no column '{by.column}' to group by")
    if by.fact is not None:
        catalogue.fact(by.fact)
    for name, form in ((by.response, ResponseEndpoint), (by.event, TimeEndpoint)):
        if name is not None and not isinstance(catalogue.endpoint(name), form):
            raise AnalysisError(f"{name} is another kind of endpoint; name it as the other to group by it")
        if name is not None:
            catalogue.definition(name, by.definition)
    return by


def holds_numbers(
    subjects: pd.DataFrame, by: str | Grouping, *, tables: DerivedTables, catalogue: Catalogue
) -> bool:
    """Whether a column of adsl, baseline element or fact holds numbers; codes that look so are none."""
    values = _values(grouping_of(by, catalogue), subjects, tables=tables, catalogue=catalogue)
    return bool(values.notna().any()) and _numbers(values)


def sample_of(subjects: pd.DataFrame, rows: pd.DataFrame, *, kind: str, group: Groups) -> Sample:
    """Join the subjects with their rows of adrs or adtte; subjects of an unknown group are left out."""
    who = subjects[["usubjid", "studyid", "siteid", "synthetic"]].copy()
    who["group"] = group.of.to_numpy()
    frame = who.merge(rows.drop(columns=["studyid", "siteid"]), on="usubjid", how="left").sort_values(
        "usubjid"
    )
    if kind == "response":
        frame["event"] = frame["avalc"].map({"Y": 1, "N": 0})
        frame["aval"], frame["description"] = frame["ady"], frame["avalc"]
        reason = frame["reason"]
    else:
        frame["event"] = frame["cnsr"].map({0: 1, 1: 0, 2: 0})
        frame["cause"] = frame["cnsr"].map(CAUSES)
        frame["entry"] = frame["entry_day"].astype("float64").fillna(0.0)
        frame["description"] = frame["evntdesc"]
        reason = frame["evntdesc"].where(frame["event"].isna())
    reason = reason.where(frame["paramcd"].notna(), "the definition is not meant for this study")
    strange = frame["group"] == UNKNOWN
    frame["reason"] = reason.where(~strange | frame["event"].isna(), f"{group.name or 'group'} unknown")
    kept = frame["event"].notna() & ~strange
    columns = [
        "usubjid",
        "studyid",
        "siteid",
        "group",
        "synthetic",
        "event",
        "aval",
        "description",
        "srcdom",
        "srcid",
        *(("cause", "entry") if kind == "time-to-event" else ()),
    ]
    whole = {name: "int64" for name in ("event", "cause") if name in columns}
    chosen = frame.loc[kept, columns].astype(whole).reset_index(drop=True)
    left_out = frame.loc[~kept, ["usubjid", "studyid", "group", "reason"]].reset_index(drop=True)
    return Sample(kind, group.name, chosen, left_out)


def _values(
    asked: Grouping, subjects: pd.DataFrame, *, tables: DerivedTables, catalogue: Catalogue
) -> pd.Series:
    """Return of each subject what it is grouped by, missing where it is not known."""
    if asked.column is not None:
        return subjects[asked.column]
    if asked.element is not None:
        return baseline_values(subjects, asked.element)
    if asked.fact is not None:
        return subjects["usubjid"].map(tables.fact(catalogue.fact(asked.fact)))
    return subjects["usubjid"].map(_answers(asked, tables))


def _numbers(values: pd.Series) -> bool:
    """Whether all that is known is a number (of nothing known, nothing speaks against it)."""
    known = values.dropna()
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in known)


def _read(by: str, catalogue: Catalogue) -> Grouping:
    column = ALIASES.get(by, by)
    if column in Adsl.__table__.c and column != "baseline":
        return Grouping(column=column)
    if by in {item.element for item in catalogue.baseline.baseline}:
        return Grouping(element=by)
    if by in catalogue.facts:
        return Grouping(fact=by)
    name, _, definition = by.partition("/")
    found = catalogue.endpoints.get(name)
    if isinstance(found, ResponseEndpoint):
        return Grouping(response=name, definition=definition or "common")
    if isinstance(found, TimeEndpoint):
        return Grouping(event=name, definition=definition or "common")
    raise AnalysisError(
        f"'{by}' is nothing to group by; take study, centre, a column of adsl, an element of "
        f"baseline.yaml, a fact ({', '.join(sorted(catalogue.facts))}), or an endpoint "
        f"({', '.join(sorted(catalogue.endpoints))})"
    )


def _answers(asked: Grouping, tables: DerivedTables) -> pd.Series:
    """Return usubjid -> Y or N: whether the response was reached, or the event ever seen."""
    endpoint = asked.response or asked.event or ""
    own = tables.answers if asked.response is not None else tables.times
    rows = own(endpoint, asked.definition).set_index("usubjid")
    return rows["avalc"] if asked.response is not None else happened(rows["cnsr"])


def _cut(value: Any, limits: tuple[float, ...]) -> str:
    """Return the group of a number between rising limits."""
    if value is None or pd.isna(value):
        return UNKNOWN
    number = float(str(value))
    above = [limit for limit in limits if number >= limit]
    below = [limit for limit in limits if number < limit]
    if not above:
        return f"{BELOW}{below[0]:g}"
    return f"{above[-1]:g} or more" if not below else f"{above[-1]:g} to below {below[0]:g}"


def _word(value: Any) -> str:
    if value is None or pd.isna(value):
        return UNKNOWN
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
