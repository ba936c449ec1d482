"""Steps about pairs: a value before and after in the same subjects."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.membership import UNKNOWN
from allpool.analysis.cohorts.samples import Grouping, Groups, grouped
from allpool.analysis.definitions.forms import Name
from allpool.analysis.definitions.subject_facts import RowsFact
from allpool.analysis.plans.steps.base import (
    Answer,
    Statistic,
    StepBase,
    joined,
    number,
    of_one_study,
    unknown_membership,
)
from allpool.errors import AnalysisError


class PairedStep(StepBase):
    """Change of a number fact from before to after: medians, Wilcoxon's signed-rank test, and over studies a
    mixed model of the log ratio with a random intercept for each study.
    """

    estimator: Literal["paired"]
    before: Name
    after: Name
    by: str | Grouping | None = None
    model: Literal["none", "mixed"] = "none"
    """`mixed`: log values in time with a random intercept for each subject."""

    def shares_estimates(self) -> bool:
        """Return whether several studies stand in one number: the model's, or a group's of another kind."""
        return self.model == "mixed" or not of_one_study(self.by)

    @property
    def matter(self) -> tuple[str, str]:
        """The two facts."""
        return self.after, self.before

    def facts_named(self) -> list[tuple[str, str]]:
        """The values before and after."""
        return [("before", self.before), ("after", self.after)]

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups are by."""
        return [] if self.by is None else [("by", self.by)]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return medians before and after and the signed-rank P, per group; and the model's mean ratio."""
        frame, left_out, groups = self._pairs(cohort)
        if frame.empty:
            raise AnalysisError(f"too little data: nobody has both {self.before} and {self.after}")
        self._one_quantity(cohort)
        statistics = []
        for group, own in frame.groupby("group", sort=True):
            n = len(own)
            lost = int((left_out["group"] == group).sum())
            note = joined(f"{lost} without a pair" if lost else None, unknown_membership(None, cohort))
            for name in ("before", "after"):
                values = own[name]
                statistics.append(
                    Statistic(
                        f"median_{name}",
                        number(values.median()),
                        group=str(group),
                        lower=number(values.quantile(0.25)),
                        upper=number(values.quantile(0.75)),
                        n=n,
                        unit=cohort.catalogue.fact(self.after).unit,
                        note=joined("limits are quartiles", note),
                    )
                )
            statistics.append(self._test(own, str(group)))
        for group in sorted(set(left_out["group"]) - set(frame["group"]) - {UNKNOWN}):
            note = f"{int((left_out['group'] == group).sum())} without a pair"
            statistics.append(Statistic("wilcoxon_p", None, group=str(group), n=0, note=note))
        if self.model == "mixed":
            statistics += self._mixed(frame)
        return Answer(tuple(statistics), frame, left_out, groups.name)

    def _one_quantity(self, cohort: Cohort) -> None:
        """Raise `AnalysisError` where before and after are read of different elements, or differ in units."""
        facts = [cohort.catalogue.fact(name) for name in (self.before, self.after)]
        read = [fact.element for fact in facts if isinstance(fact, RowsFact)]
        if len(set(read)) == 2 or len({fact.unit for fact in facts}) == 2:
            raise AnalysisError(f"{self.before} and {self.after} are different quantities, which are no pair")

    def _test(self, own: pd.DataFrame, group: str) -> Statistic:
        from allpool.analysis.paired import wilcoxon

        try:
            p = number(wilcoxon(own["before"], own["after"]).p)
            note = "Wilcoxon signed-rank, normal approximation with continuity correction"
        except AnalysisError as error:
            p, note = None, error.message
        return Statistic("wilcoxon_p", p, group=group, n=len(own), note=note)

    def _mixed(self, frame: pd.DataFrame) -> list[Statistic]:
        import numpy as np

        from allpool.analysis.mixed import mixed

        positive = frame[(frame["before"] > 0) & (frame["after"] > 0)]
        long = positive.melt(
            id_vars=["usubjid", "studyid"],
            value_vars=["before", "after"],
            var_name="when",
            value_name="value",
        )
        long["log_value"] = np.log(long["value"])
        long["later"] = (long["when"] == "after").astype(float)
        try:
            model = mixed(long, "log_value", ["later"], subject="usubjid", level=self.level)
        except AnalysisError as error:  # the medians stand by themselves
            return [Statistic("mean_ratio", None, n=len(positive), note=error.message)]
        row = model.table.set_index("term").loc["later"]
        return [
            Statistic(
                "mean_ratio",
                number(np.exp(row["coefficient"])),
                lower=number(np.exp(row["lower"])),
                upper=number(np.exp(row["upper"])),
                n=len(positive),
                note="after over before; mixed model of logarithms, a random intercept per subject",
            ),
            Statistic("p", number(row["p"]), group="mean_ratio", n=len(positive)),
        ]

    def _pairs(self, cohort: Cohort) -> tuple[pd.DataFrame, pd.DataFrame, Groups]:
        groups = grouped(cohort.subjects, self.by, tables=cohort.tables, catalogue=cohort.catalogue)
        frame = cohort.subjects[["usubjid", "studyid", "siteid", "synthetic"]].copy()
        frame["group"] = frame["usubjid"].map(groups.of)
        for name, fact in (("before", self.before), ("after", self.after)):
            values = cohort.tables.fact(cohort.catalogue.fact(fact))
            frame[name] = pd.to_numeric(frame["usubjid"].map(values), errors="coerce")
        frame["aval"] = frame["after"] - frame["before"]
        strange = frame["group"] == UNKNOWN
        whole = frame["aval"].notna() & ~frame["studyid"].isin(list(self.excludes)) & ~strange
        left_out = frame.loc[~whole, ["usubjid", "studyid", "group"]].copy()
        reason = left_out["studyid"].map(dict(self.excludes))
        reason = reason.where(reason.notna() | ~strange[~whole], f"{groups.name or 'group'} unknown")
        left_out["reason"] = reason.where(reason.notna(), "no value before or after").astype(object)
        source = cohort.tables.adfact[cohort.tables.adfact["paramcd"] == self.after].set_index("usubjid")
        kept = frame[whole].reset_index(drop=True)
        for name in ("srcdom", "srcid"):
            kept[name] = kept["usubjid"].map(source[name])
        return kept, left_out.reset_index(drop=True), groups
