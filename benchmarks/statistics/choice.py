"""Which interval or test the numbers recommend, by a rule stated beforehand, and what the package does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

ON_AVERAGE = 0.94
AT_WORST = 0.90
# 5 % and three Monte-Carlo standard errors of 2,000 replicates
LARGEST_SIZE = 0.065


@dataclass(frozen=True)
class Choice:
    """The candidates' summary (best first by the rule's order) and the row the rule takes."""

    candidates: pd.DataFrame
    chosen: str
    qualified: bool

    def row(self, candidate: str) -> pd.Series:
        """Return a candidate's summary."""
        return self.candidates.set_index("candidate").loc[candidate]


def choose_interval(frame: pd.DataFrame, name: Sequence[str], *, coverage: str = "coverage") -> Choice:
    """Take the narrowest candidate that holds 94 % on average and 90 % in its worst setting.

    Where none does both, the one with the best worst setting among those that hold 94 % on average (or all).
    """
    table = summary(frame, name, coverage=coverage)
    fit = table[(table["mean"] >= ON_AVERAGE) & (table["worst"] >= AT_WORST)]
    if len(fit):
        return Choice(table, str(fit.sort_values("width")["candidate"].iloc[0]), qualified=True)
    near = table[table["mean"] >= ON_AVERAGE] if (table["mean"] >= ON_AVERAGE).any() else table
    return Choice(table, str(near.sort_values("worst")["candidate"].iloc[-1]), qualified=False)


def summary(frame: pd.DataFrame, name: Sequence[str], *, coverage: str = "coverage") -> pd.DataFrame:
    """Return one row per candidate: coverage (mean and worst setting), mean width, shares given."""
    known = frame.assign(candidate=frame[list(name)].agg(", ".join, axis=1))
    if "given" not in known:
        known = known.assign(given=1.0)
    width = "width" if coverage == "coverage" else f"{coverage}_width"
    grouped = known.groupby("candidate", sort=False)
    table = pd.DataFrame(
        {
            "mean": grouped[coverage].mean(),
            "worst": grouped[coverage].min(),
            "width": grouped[width].mean() if width in known else float("nan"),
            "given": grouped["given"].mean(),
            "least_given": grouped["given"].min(),
        }
    )
    return table.dropna(subset=["mean"]).reset_index()


def choose_test(frame: pd.DataFrame) -> Choice:
    """Take, of the tests that nowhere exceed 6.5 %, the one nearest to 5 % on average.

    Where every test exceeds that somewhere, the one with the smallest worst size.
    """
    grouped = frame.groupby("test", sort=False)
    table = pd.DataFrame(
        {
            "mean": grouped["size"].mean(),
            "worst": grouped["size"].max(),
            "given": grouped["given"].mean(),
            "least_given": grouped["given"].min(),
        }
    )
    table = table.reset_index().rename(columns={"test": "candidate"})
    fit = table[table["worst"] <= LARGEST_SIZE]
    if len(fit):
        nearest = (fit["mean"] - 0.05).abs().sort_values().index[0]
        return Choice(table, str(fit.loc[nearest, "candidate"]), qualified=True)
    return Choice(table, str(table.sort_values("worst")["candidate"].iloc[0]), qualified=False)
