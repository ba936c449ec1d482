"""The step that counts patients who may stand in more than one study."""

from __future__ import annotations

from typing import Literal

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.overlap import comparable, suspected
from allpool.analysis.plans.steps.base import Answer, Statistic, StepBase, joined


class OverlapStep(StepBase):
    """Pairs of subjects of different studies or centres who are alike in all that is known of both."""

    estimator: Literal["overlap"]

    @property
    def matter(self) -> tuple[str, str]:
        """The subjects themselves."""
        return "overlap", "common"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the number of suspected pairs, and how many of each study could be compared."""
        own = cohort.without(self.excludes)
        pairs, known = suspected(own.subjects), comparable(own.subjects)
        compared = int(known["compared"].sum())
        alike = "alike in token, or in sex, age, day of the first dose and disease status"
        lost = (
            f"{own.n - compared} could not be compared: not all of these are known"
            if own.n > compared
            else None
        )
        statistics = [
            Statistic(
                "suspected_pairs",
                len(pairs),
                n=compared,
                note=joined(alike, lost),
            )
        ]
        statistics += [
            Statistic("compared", int(row["compared"]), group=str(row["studyid"]), n=int(row["subjects"]))
            for row in known.to_dict("records")
        ]
        who = own.subjects["usubjid"].isin([*pairs["usubjid"], *pairs["other_usubjid"]])
        frame = own.subjects.loc[who, ["usubjid", "studyid", "synthetic"]].assign(group="suspected")
        return Answer(
            tuple(statistics), frame, frame.iloc[:0][["usubjid", "studyid", "group"]].assign(reason=None)
        )
