"""The counts of persons that the statistics of one step say or tell, and which of them have to go."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from allpool.analysis.cell_suppression import Sum, withheld_cells

PERSONS: Final = ("responders", "events", "competing_events", "observed", "exposed", "subjects")
"""Statistics that count persons of a group, of whom the others are a count too."""
SHARES: Final = ("proportion", "study_estimate")
"""Statistics that are a share of `n`, so that they tell the count."""
SMALL_SHARES: Final = ("survival", "incidence", "competing_incidence")
"""Statistics that tell a count of `n` as nearly as nobody was censored before."""

POOLED: Final = ("pooled", "pooled_common_effect")
"""Statistics that tell how many of all studies together."""
OF_STUDIES: Final = (
    "pooled_without",
    "pooled_hartung_knapp",
    "prediction",
    "i2",
    "q",
    "q_p",
    "tau2",
    "correlation",
)
"""Statistics from which, with the total and the sizes, the count of a study could be worked out."""
CONTRASTS: Final = ("risk_difference", "restricted_mean_difference")
"""Statistics from which, with one group, the other could be worked out."""
OF_ALL: Final = (*CONTRASTS, "p", "hazard_ratio", "odds_ratio", "ratio", "mean_ratio")
"""Statistics whose group is a contrast or a term of a model, and whose `n` are all in the step."""

Cell = tuple[str, str | None, str | None, float | None]
"""A count: what it counts, of which group, and at which time."""
_TOTAL: Final[Cell] = ("study_estimate", "count", None, None)
"""How many of all studies together, which a pooled share tells."""


def verdicts(rows: Sequence[Mapping[str, Any]], *, minimum: int) -> list[tuple[bool, bool]]:
    """Return for each statistic of one step whether its value goes, and whether its `n` goes.

    `rows` have statistic, group, at, value and n.
    """
    counts: dict[Hashable, int] = {}
    sums: list[Sum] = []
    told: list[Cell | None] = []
    for row in rows:
        group, whole = _group(row), _number(row["n"])
        if whole is not None:
            counts[_n(group, whole)] = int(whole)
        own = _count(row)
        key: Cell | None = None
        if own is not None:
            key = (str(row["statistic"]), "count", group, _number(row["at"]))
            counts[key] = own[0]
            if own[1] and whole is not None and own[0] <= whole:
                sums.append(Sum(_n(group, whole), (key,)))
        told.append(key)
    sums += _apart(rows, counts) + _over_groups(rows, counts, told)
    told = [
        _TOTAL if row["statistic"] in POOLED and _TOTAL in counts else key
        for row, key in zip(rows, told, strict=True)
    ]
    withheld = withheld_cells(counts, sums, minimum=minimum)
    groups = {  # a group whose size or main count is small says nothing more
        _group(row)
        for row, key in zip(rows, told, strict=True)
        if (key in withheld and row["statistic"] not in ("at_risk", *POOLED))
        or (_number(row["n"]) is not None and _n(_group(row), _number(row["n"])) in withheld)
    }
    found = []
    for row, key in zip(rows, told, strict=True):
        group, whole = _group(row), _number(row["n"])
        n_goes = whole is not None and _n(group, whole) in withheld
        goes = group in groups or key in withheld or _is_small_share(row, minimum)
        goes = goes or _follows(row, rows, groups)
        found.append((goes and _number(row["value"]) is not None, n_goes))
    hidden_at = {
        (_group(row), _number(row["at"]))
        for row, (goes, _) in zip(rows, found, strict=True)
        if goes and row["statistic"] in (*SMALL_SHARES, "at_risk")
    }
    return [
        (goes or ((_group(row), _number(row["at"])) in hidden_at and _tells_of_end(row, minimum)), n_goes)
        for row, (goes, n_goes) in zip(rows, found, strict=True)
    ]


def _follows(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], groups: set[str | None]) -> bool:
    """Return whether a statistic goes because what it could be worked back to has gone."""
    statistic = row["statistic"]
    if statistic in OF_STUDIES:
        return any(other["statistic"] == "study_estimate" and _group(other) in groups for other in rows)
    if statistic in OF_ALL and None in groups:  # a model of few events, or of few without
        return True
    compared = statistic == "p" and any(other["statistic"] == "proportion" for other in rows)
    return bool(groups) and (statistic in CONTRASTS or compared)


def _tells_of_end(row: Mapping[str, Any], minimum: int) -> bool:
    """Return whether a statistic at a time at which survival is withheld tells how few it has ended for."""
    value, whole = _number(row["value"]), _number(row["n"])
    if row["statistic"] != "at_risk" or value is None or whole is None:
        return bool(row["statistic"] != "at_risk")
    return 0 < whole - value < minimum


def _apart(rows: Sequence[Mapping[str, Any]], counts: Mapping[Hashable, int]) -> list[Sum]:
    """Return that events, competing events and those with neither make up each group."""
    sums = []
    for row in rows:
        group, whole = _group(row), _number(row["n"])
        parts = tuple((name, "count", group, None) for name in ("events", "competing_events"))
        both = row["statistic"] == "competing_events" and all(part in counts for part in parts)
        if both and whole is not None and sum(counts[part] for part in parts) <= whole:
            sums.append(Sum(_n(group, whole), parts))
    return sums


def _over_groups(
    rows: Sequence[Mapping[str, Any]], counts: dict[Hashable, int], told: Sequence[Cell | None]
) -> list[Sum]:
    """Return the sums over groups that totals of the step tell; a pooled share tells that of all studies."""
    sums = []
    sized = [row for row in rows if _number(row["n"]) is not None]
    sizes = {_group(row): _n(_group(row), _number(row["n"])) for row in sized}
    parts = tuple(dict.fromkeys(sizes[group] for group in sizes if group is not None))
    wholes = dict.fromkeys(_n(None, _number(row["n"])) for row in sized if _group(row) is None)
    sums += [
        Sum(whole, parts)
        for whole in wholes
        if parts and counts[whole] >= sum(counts[part] for part in parts)
    ]
    for statistic in (*PERSONS, *SHARES):
        own = [key for row, key in zip(rows, told, strict=True) if row["statistic"] == statistic and key]
        groups = tuple(dict.fromkeys(key for key in own if key[2] is not None))
        total = next((key for key in own if key[2] is None), None)
        if statistic == "study_estimate" and groups and None in sizes:
            total = _TOTAL
            counts[total] = sum(counts[key] for key in groups)
        if total is not None and groups and counts[total] >= sum(counts[key] for key in groups):
            sums.append(Sum(total, groups))
    return sums


def _count(row: Mapping[str, Any]) -> tuple[int, bool] | None:
    """Return the count of persons that a statistic says or tells, and whether the others are a count too."""
    value, whole = _number(row["value"]), _number(row["n"])
    if value is None:
        return None
    if row["statistic"] in PERSONS:
        return round(value), True
    if row["statistic"] == "at_risk":
        return round(value), False
    if row["statistic"] in SHARES and whole is not None and 0 <= value <= 1:
        return round(value * whole), True
    return None


def _is_small_share(row: Mapping[str, Any], minimum: int) -> bool:
    value, whole = _number(row["value"]), _number(row["n"])
    if row["statistic"] not in SMALL_SHARES or value is None or whole is None:
        return False
    return any(0 < round(share * whole) < minimum for share in (value, 1 - value))


def _n(group: str | None, whole: float | None) -> Cell:
    return ("n", "of", group, whole)


def _group(row: Mapping[str, Any]) -> str | None:
    """Return the group of persons that a statistic is of; None where it is of all in the step."""
    group = row["group"]
    if group is None or group != group or group == "all" or row["statistic"] in OF_ALL:
        return None
    return str(group)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
