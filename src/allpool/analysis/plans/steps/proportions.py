"""Steps about shares: one per group, and groups compared."""

from __future__ import annotations

from typing import ClassVar, Literal

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import EITHER, Grouping, Sample, decided, evaluable, holds_numbers
from allpool.analysis.plans.steps.base import (
    Answer,
    EndpointStep,
    Statistic,
    joined,
    limits,
    number,
    pooled_groups,
    unknown_membership,
)
from allpool.errors import AnalysisError

NO_ORDER = "the groups are no numbers: the trend is over their names, one by one, which may mean nothing"


class ProportionStep(EndpointStep):
    """Share of responders per group."""

    estimator: Literal["proportion"]
    each_alone: ClassVar[bool] = True
    method: Literal["clopper-pearson", "wilson", "wilson-cc"] = "clopper-pearson"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the share with its interval and the responders of each group."""
        from allpool.analysis.proportions import proportion

        sample = evaluable(self.sample(cohort))
        more = pooled_groups(self, sample)
        statistics = []
        for group, frame in sample.groups():
            responders, n = int(frame["event"].sum()), len(frame)
            either = int(sample.left_out_of(group)["reason"].str.endswith(EITHER).sum())
            if either:
                statistics.append(_between(group, responders, n, either, note=sample.note(group)))
                continue
            own = proportion(responders, n, method=self.method, level=self.level)
            note = joined(more, unknown_membership(sample.note(group), cohort))
            statistics.append(
                Statistic("proportion", own.estimate, group=group, n=n, note=note, **limits(own))
            )
            statistics.append(Statistic("responders", responders, group=group, n=n))
        answered = {group for group, _ in sample.groups()}
        statistics += [
            Statistic("proportion", None, group=group, n=0, note=sample.note(group))
            for group in sorted(set(sample.left_out["group"]) - answered)
        ]
        return Answer.of(sample, statistics)


def _between(group: str, responders: int, n: int, either: int, *, note: str | None) -> Statistic:
    """Return that no share can be told: leaving out answers that may be yes keeps those that are no."""
    said = f"between {responders} and {responders + either} of {n + either}: {note}"
    return Statistic("proportion", None, group=group, n=n + either, note=said)


class CompareStep(EndpointStep):
    """Shares of groups held against each other by one test; of two groups also their difference."""

    estimator: Literal["compare-proportions"]
    by: str | Grouping
    test: Literal["fisher", "chi-square", "chi-square-corrected", "trend"] = "fisher"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the shares and P, and for two groups the risk difference (second less first)."""
        from allpool.analysis.proportions import proportion, risk_difference

        sample = decided(evaluable(self.sample(cohort)), override=self.override)
        table = _table(sample)
        if len(table) < 2:
            raise AnalysisError("too little data: a comparison needs two groups with evaluable subjects")
        n = int(table["n"].sum())
        statistics = [
            Statistic(
                "p",
                number(self._p(table)),
                n=n,
                note=joined(
                    self.test,
                    None if self.test != "trend" or self._ordered(cohort) else NO_ORDER,
                    pooled_groups(self, sample),
                    unknown_membership(sample.note(), cohort),
                ),
            )
        ]
        for row in table.to_dict("records"):
            own = proportion(row["x"], row["n"], level=self.level)
            statistics.append(
                Statistic("proportion", own.estimate, group=str(row["group"]), n=int(row["n"]), **limits(own))
            )
        if len(table) == 2:
            (x1, x2), (n1, n2) = table["x"].tolist(), table["n"].tolist()
            difference = risk_difference(x2, n2, x1, n1, level=self.level)
            second, first = table["group"].iloc[1], table["group"].iloc[0]
            statistics.append(
                Statistic(
                    "risk_difference",
                    number(difference.estimate),
                    group=f"{second} less {first}",
                    n=n,
                    note=difference.method,
                    **limits(difference),
                )
            )
        return Answer.of(sample, statistics)

    def _ordered(self, cohort: Cohort) -> bool:
        return holds_numbers(cohort.subjects, self.by, tables=cohort.tables, catalogue=cohort.catalogue)

    def _p(self, table: pd.DataFrame) -> float:
        from allpool.analysis.proportions import chi_square, fisher, trend

        x, n = table["x"].to_numpy(), table["n"].to_numpy()
        cells = [[int(a), int(b - a)] for a, b in zip(x, n, strict=True)]
        if self.test == "fisher":
            return fisher(cells)
        if self.test == "trend":
            return trend(x, n)
        return chi_square(cells, correction=self.test == "chi-square-corrected").p


def _table(sample: Sample) -> pd.DataFrame:
    rows = [(group, int(frame["event"].sum()), len(frame)) for group, frame in sample.groups()]
    return pd.DataFrame(rows, columns=["group", "x", "n"])
