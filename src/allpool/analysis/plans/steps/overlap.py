"""The step that counts patients who may stand in more than one study."""

from __future__ import annotations

from typing import ClassVar, Literal

import pandas as pd

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.overlap import comparable, linked, suspected
from allpool.analysis.plans.steps.base import Answer, Statistic, StepBase, joined

STATUSES = ("candidate", "same", "different")
"""What may be known of a pair."""
LINKED = "pairs that the night has found (allpool overlap list) and that nobody has decided to be two people"
ALIKE = "alike in token, or in sex, age, day of the first dose and disease status"


class OverlapStep(StepBase):
    """Pairs of subjects of different studies or centres who may be one person: those that the night has found
    and nobody has decided to be two, else those who are alike in all that is known of both.
    """

    estimator: Literal["overlap"]
    counts_once: ClassVar[bool] = False

    @property
    def matter(self) -> tuple[str, str]:
        """The subjects themselves."""
        return "overlap", "common"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the number of suspected pairs, and how many of each study could be compared."""
        own = cohort.without(self.excludes)
        links = own.tables.links
        found = {status: linked(own.subjects, links[links["status"] == status]) for status in STATUSES}
        known = comparable(own.subjects)
        compared = int(known["compared"].sum())
        lost = (
            f"{own.n - compared} could not be compared: not all of these are known"
            if own.n > compared
            else None
        )
        if any(len(pairs) for pairs in found.values()):
            pairs = (
                pd.concat([found["candidate"], found["same"]]) if len(found["same"]) else found["candidate"]
            )
            statistics = [Statistic("suspected_pairs", len(pairs), n=own.n, note=LINKED)]
            statistics += [Statistic(f"{status}_pairs", len(found[status]), n=own.n) for status in STATUSES]
        else:
            pairs = suspected(own.subjects)
            statistics = [Statistic("suspected_pairs", len(pairs), n=compared, note=joined(ALIKE, lost))]
        statistics += [
            Statistic("compared", int(row["compared"]), group=str(row["studyid"]), n=int(row["subjects"]))
            for row in known.to_dict("records")
        ]
        who = own.subjects["usubjid"].isin([*pairs["usubjid"], *pairs["other_usubjid"]])
        frame = own.subjects.loc[who, ["usubjid", "studyid", "synthetic"]].assign(group="suspected")
        return Answer(
            tuple(statistics), frame, frame.iloc[:0][["usubjid", "studyid", "group"]].assign(reason=None)
        )
