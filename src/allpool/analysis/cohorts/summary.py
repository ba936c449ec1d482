"""Summary tables: rows of analysis results data, the sums that bind their counts, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Required, TypedDict, Unpack

import pandas as pd

from allpool.analysis.ard import COLUMNS
from allpool.analysis.cell_suppression import Sum

COUNTS: Final = ("n", "N", "N_miss")
"""Statistics that count persons: with the code or answer, of whom it is known, of whom it is not."""
SHOWN: Final = (*COLUMNS, "variable_label", "level_label")
KNOWN: Final = "known"
"""Level of the row that counts of how many a variable is known; the wide form goes without it."""
WITHHELD: Final = "withheld"
NOT_COLLECTED: Final = "not collected"

Key = tuple[str | None, str | None, str | None, str]
"""What names a count: group (none for all), variable, its level, statistic."""


class Where(TypedDict, total=False):
    """Where a statistic stands in a table."""

    group: Required[str | None]
    variable: Required[str]
    level: str | None
    level_label: str | None


@dataclass(frozen=True, eq=False)
class SummaryTable:
    """A table of a cohort: `ard` in the columns of `SHOWN`, one row per statistic.

    `sums` name the counts that add up to others, by (group, variable, level, statistic). `subjects` (usubjid,
    group, one row each) are those behind it; they never leave the store.
    """

    kind: str
    title: str
    group_by: str
    groups: tuple[str, ...]
    ard: pd.DataFrame
    sums: tuple[Sum, ...]
    subjects: pd.DataFrame
    synthetic: bool
    notes: tuple[str, ...] = ()

    def key(self, row: dict[str, Any]) -> Key:
        """Return what names the count of a row of `ard`."""
        return (row["group1_level"], row["variable"], row["variable_level"], str(row["stat_name"]))

    def wide(self) -> pd.DataFrame:
        """Return the table as it is read: variable, level, a column per group, `All`, and `SMD` if any.

        Numbers of a cell are joined: `n (p %)`, `median (quartiles; range)`, `n/N (p %; interval)`.
        """
        cells: dict[tuple[Any, Any, Any, Any], dict[str | None, dict[str, str]]] = {}
        for row in self.ard.to_dict("records"):
            line = (row["variable"], row["variable_label"], row["variable_level"], row["level_label"])
            group = "SMD" if row["stat_name"] == "smd_max" else row["group1_level"]
            if row["stat_name"] != "smd":
                cells.setdefault(line, {}).setdefault(group, {})[row["stat_name"]] = row["stat_fmt"]
        columns: dict[str, str | None] = {group: group for group in self.groups}
        columns["All"] = None
        if any("SMD" in found for found in cells.values()):
            columns["SMD"] = "SMD"
        rows = [
            {
                "variable": label,
                "level": level or "",
                **{heading: cell_text(found.get(group, {})) for heading, group in columns.items()},
            }
            for (_, label, code, level), found in cells.items()
            if code != KNOWN and not _nobody_missing(found)
        ]
        return pd.DataFrame(rows, columns=["variable", "level", *columns])


def _nobody_missing(found: dict[str | None, dict[str, str]]) -> bool:
    return all(stats.keys() == {"N_miss"} and stats["N_miss"] == "0" for stats in found.values())


def cell_text(stats: dict[str, str]) -> str:
    """Return the statistics of one cell as one text."""
    if WITHHELD in (stats.get("n"), stats.get("median"), stats.get("N_miss"), stats.get("smd_max")):
        return WITHHELD
    if "smd_max" in stats:
        return stats["smd_max"]
    if NOT_COLLECTED in stats.values():
        return NOT_COLLECTED
    if "median" in stats:
        if not stats["median"]:
            return "–"
        span = f"; {stats['min']} to {stats['max']}" if WITHHELD not in (stats["min"], stats["max"]) else ""
        return f"{stats['median']} ({stats['p25']} to {stats['p75']}{span})"
    if "conf.low" in stats:
        if WITHHELD in (stats["N"], stats["p"]):
            return f"{stats['n']}/{stats['N']}"
        return f"{stats['n']}/{stats['N']} ({stats['p']}; {stats['conf.low']} to {stats['conf.high']})"
    if "n" in stats:
        return f"{stats['n']} ({stats['p']})" if stats.get("p") else stats["n"]
    return stats.get("N_miss", stats.get("N", ""))


@dataclass
class Lines:
    """Rows of a table as they are counted."""

    group_by: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def count(
        self,
        name: str,
        number: int,
        *,
        context: str = "tabulate",
        warning: str | None = None,
        **where: Unpack[Where],
    ) -> Key:
        """Add a count of persons and return what names it."""
        labels = {"n": "n", "N": "N", "N_miss": "N missing"}
        self.number(
            name,
            float(number),
            f"{number:,}" if warning != NOT_COLLECTED else NOT_COLLECTED,
            label=labels[name],
            context=context,
            warning=warning,
            **where,
        )
        return (where["group"], where["variable"], where.get("level"), name)

    def not_collected(self, otherwise: str | None = None, **where: Unpack[Where]) -> None:
        """Say that nothing was collected to count, or `otherwise` why there is no count."""
        shown, warning = ("–", otherwise) if otherwise else (NOT_COLLECTED, NOT_COLLECTED)
        self.number("n", None, shown, label="n", context="tabulate", warning=warning, **where)

    def number(
        self,
        name: str,
        value: float | None,
        shown: str,
        *,
        label: str,
        context: str = "summary",
        warning: str | None = None,
        **where: Unpack[Where],
    ) -> None:
        """Add a statistic that is no count."""
        group, variable, level = where["group"], where["variable"], where.get("level")
        level_label = where.get("level_label")
        self.rows.append(
            {
                "group1": (self.group_by or None) if group is not None else None,
                "group1_level": group,
                "variable": variable,
                "variable_level": level,
                "context": context,
                "stat_name": name,
                "stat_label": label,
                "stat": value,
                "stat_fmt": shown,
                "warning": warning,
                "variable_label": self.labels.get(variable, variable),
                "level_label": level_label if level_label is not None else level,
            }
        )

    def adds_up(self, total: Key, parts: Sequence[Key]) -> None:
        """Note that counts are parts of a total."""
        if parts:
            self.sums.append(Sum(total, tuple(parts)))

    def over_groups(self, groups: Sequence[str]) -> None:
        """Note that each count of all is that of the groups together, where each group has one."""
        there = {
            (row["group1_level"], row["variable"], row["variable_level"], row["stat_name"])
            for row in self.rows
            if row["stat_name"] in COUNTS and row["stat"] is not None
        }
        for key in sorted((key for key in there if key[0] is None), key=str):
            self.adds_up(key, [(group, *key[1:]) for group in groups if (group, *key[1:]) in there])

    def frame(self) -> pd.DataFrame:
        """Return the rows, in the order in which variables and levels first came."""
        frame = pd.DataFrame(self.rows, columns=list(SHOWN))
        text = [name for name in SHOWN if name != "stat"]
        frame[text] = frame[text].astype(object).where(frame[text].notna(), None)
        return frame.astype({"stat": "float64"})


def percent(share: float) -> str:
    """Return a share in percent, one digit behind the point."""
    return f"{100 * share:.1f} %"
