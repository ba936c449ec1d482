"""Steps that compare groups which were not given by chance."""

from __future__ import annotations

from typing import Literal

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import Grouping, decided, evaluable
from allpool.analysis.plans.steps.base import (
    Answer,
    Statistic,
    joined,
    limits,
    number,
)
from allpool.analysis.plans.steps.regression import RegressionStep
from allpool.mappings.dictionary import Many

GROUP = "group"


class OverlapWeightedStep(RegressionStep):
    """Shares of two groups among those who might have been in either, by overlap weights."""

    estimator: Literal["overlap-weighted"]
    by: str | Grouping
    covariates: Many
    """Known when the group was chosen: what the weights make equal."""

    @property
    def grouped(self) -> bool:
        """Yes: the two groups are compared."""
        return True

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """What the groups are by, and the covariates."""
        return [("by", self.by), *super().groupings_named()]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the weighted share and effective size of each group, and their difference."""
        from allpool.analysis.weighting import overlap_weighted

        sample = decided(evaluable(self.sample(cohort)), override=self.override)
        frame, names, note = self.modelled(cohort, sample)
        found = overlap_weighted(frame, "event", GROUP, names, level=self.level)
        total = sum(found.n)
        own = found.difference
        statistics = [
            Statistic(
                "risk_difference",
                number(own.estimate),
                group=found.contrast,
                n=total,
                note=joined(f"overlap weights on {', '.join(names)}", own.method, note),
                **limits(own),
            )
        ]
        for group, n, share, effective in zip(
            found.groups, found.n, found.shares, found.effective_n, strict=True
        ):
            statistics.append(
                Statistic("proportion", number(share.estimate), group=group, n=n, **limits(share))
            )
            statistics.append(Statistic("effective_n", number(effective), group=group, n=n))
        return Answer.of(sample, statistics)
