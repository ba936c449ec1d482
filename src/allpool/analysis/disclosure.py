"""What may leave: small counts are withheld, and whatever would give one away.

Every table that is written for others passes here: files of `allpool analyse --out`, the page of `allpool
report` and of the night, and what these commands print. The store and `allpool trace` are the operator's own.
Counts of 1 to `minimum` - 1 persons are withheld, zero is not. `minimum` is 5 unless the configuration says
otherwise: many agencies ask for five in a cell (threshold rule: OECD Glossary of Statistical Terms,
https://stats.oecd.org/glossary/detail.asp?ID=7010); Medicare's rule is 11
(https://resdac.org/articles/cms-cell-size-suppression-policy), OpenSAFELY's is 8.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from allpool.analysis.cell_suppression import Sum, withheld_cells
from allpool.analysis.cohorts.summary import COUNTS, WITHHELD, SummaryTable
from allpool.analysis.counts_told import POOLED, verdicts

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance
    from sqlalchemy import Connection

REASON: Final = "withheld: it would tell of a small number of persons"
Item = TypeVar("Item", bound="DataclassInstance")

EXTREMES: Final = ("min", "max")
"""Statistics that are one person's value."""
NUMBER: Final = re.compile(r"(?<![\w.,/-])([1-9]\d*)(?= (?!studies\b)[a-z])")
"""A whole number with a word behind it, as in `3 left out`; a study's id is none, nor how many studies."""
WEIGHT: Final = re.compile(r"weight [\d.]+ %,? ?")
"""A study's weight in a synthesis, which with the others tells its count."""
POOLED_DIGITS: Final = 2
"""Digits of a pooled share in a step of which a study is withheld: more would tell the study's count."""


def minimum_for(connection: Connection, configured: int) -> int:
    """Return the least count that may leave the store: 1, which withholds nothing, if all are synthetic."""
    from sqlalchemy import select

    from allpool.models import Adsl

    real = connection.execute(select(Adsl.usubjid).where(Adsl.synthetic.is_(False)).limit(1)).first()
    return 1 if real is None else configured


def disclosed(table: SummaryTable, *, minimum: int) -> SummaryTable:
    """Return a summary table without its small counts, and without what would give one of them away.

    Shares, intervals and differences go with the counts that they tell, quartiles with their number of
    persons, and lowest and highest values always, since each is one person's.
    """
    if minimum <= 1:
        return table
    rows = _records(table.ard)
    counts = {
        table.key(row): int(row["stat"])
        for row in rows
        if row["stat_name"] in COUNTS and row["stat"] == row["stat"]
    }
    withheld = withheld_cells(counts, table.sums, minimum=minimum)
    lines = {key[:3] for key in withheld}
    of_whom = {key[:2] for key in withheld if key[3] == "N"}
    variables = {key[1] for key in withheld}

    def goes(row: dict[str, Any]) -> bool:
        if row["stat_name"] in COUNTS:
            return table.key(row) in withheld
        if row["stat_name"] in ("smd", "smd_max"):
            return row["variable"] in variables
        group, variable = row["group1_level"], row["variable"]
        return (
            row["stat_name"] in EXTREMES
            or (group, variable, row["variable_level"]) in lines
            or (group, variable) in of_whom
        )

    ard = table.ard.copy()
    gone = [bool(row["stat"] == row["stat"]) and goes(row) for row in rows]
    ard.loc[gone, "stat"] = float("nan")
    ard.loc[gone, "stat_fmt"] = WITHHELD
    ard.loc[gone, "warning"] = REASON
    said = f"Withheld: counts of 1 to {minimum - 1} persons, what would tell them, and extreme values."
    return replace(
        table,
        ard=ard,
        subjects=table.subjects.iloc[0:0],
        notes=(*(quiet(note, minimum=minimum) or "" for note in table.notes), said),
    )


def disclosed_statistics(statistics: Sequence[Item], *, minimum: int) -> tuple[Item, ...]:
    """Return the statistics of one step (`Statistic`) without small counts and what would tell them."""
    if minimum <= 1:
        return tuple(statistics)
    rows = [vars(item) for item in statistics]
    found = verdicts(rows, minimum=minimum)
    study_gone = any(
        goes and row["statistic"] == "study_estimate" for row, (goes, _) in zip(rows, found, strict=True)
    )
    result = []
    for item, row, (value_goes, n_goes) in zip(statistics, rows, found, strict=True):
        note = WEIGHT.sub("", row["note"]) if study_gone and row["note"] else row["note"]
        changes: dict[str, Any] = {"note": _noted(note, goes=value_goes, minimum=minimum)}
        if study_gone and row["statistic"] in POOLED:
            changes |= {name: _rounded(row[name]) for name in ("value", "lower", "upper")}
        if value_goes:
            changes |= {"value": None, "lower": None, "upper": None}
        if n_goes:
            changes["n"] = None
        result.append(replace(item, **changes))
    return tuple(result)


def disclosed_counts(
    rows: Sequence[Mapping[str, Any]], *, total: str, parts: Iterable[str], minimum: int
) -> list[dict[str, Any]]:
    """Return rows in which columns `parts` count some of the persons that column `total` counts."""
    if minimum <= 1:
        return [dict(row) for row in rows]
    names = list(parts)
    counts: dict[Hashable, int] = {
        (index, name): int(row[name]) for index, row in enumerate(rows) for name in (total, *names)
    }
    sums = [Sum((index, total), ((index, name),)) for index, _ in enumerate(rows) for name in names]
    withheld = withheld_cells(counts, sums, minimum=minimum)
    return [
        {name: WITHHELD if (index, name) in withheld else value for name, value in row.items()}
        for index, row in enumerate(rows)
    ]


def quiet(note: str | None, *, minimum: int) -> str | None:
    """Return a note without its counts where one of them is small; the others would tell it."""
    if note is None or not any(0 < int(found) < minimum for found in NUMBER.findall(note)):
        return note
    return NUMBER.sub("[withheld]", note)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, POOLED_DIGITS)


def _noted(note: Any, *, goes: bool, minimum: int) -> str | None:
    said = quiet(None if note is None or note != note else str(note), minimum=minimum)
    if not goes:
        return said
    return REASON if said is None else f"{REASON}; {said}"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
