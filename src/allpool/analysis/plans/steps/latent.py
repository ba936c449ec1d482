"""The step that models a measured level which assays see only in part."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import Grouping, evaluable
from allpool.analysis.definitions.forms import ResponseDefinition
from allpool.analysis.definitions.rules import Measured
from allpool.analysis.plans.steps.base import (
    Answer,
    EndpointStep,
    Statistic,
    design,
    joined,
    number,
    pooled_studies,
    term_statistics,
    unknown_membership,
)
from allpool.errors import AnalysisError
from allpool.mappings.dictionary import Many


class LatentLevelStep(EndpointStep):
    """The MRD level behind a response, censored where its assay does not see it, by study and covariates."""

    estimator: Literal["latent-level"]
    covariates: Many = ("studyid",)
    threshold: float = Field(default=1e-4, gt=0, le=1)

    @property
    def grouped(self) -> bool:
        """No: what tells subjects apart are the covariates."""
        return False

    def groupings_named(self) -> list[tuple[str, str | Grouping]]:
        """The covariates."""
        return [*super().groupings_named(), *(("covariates", name) for name in self.covariates)]

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return the ratio of levels of each term, and by group of the first covariate the share below."""
        from allpool.analysis.latent_level import latent_level

        asked = cohort.catalogue.definition(self.endpoint, self.definition)
        if not (isinstance(asked, ResponseDefinition) and isinstance(asked.rule, Measured)):
            raise AnalysisError(f"{self.endpoint}/{self.definition} is not judged by a level; ask of mrd")
        sample = evaluable(self.sample(cohort))
        frame, lost = design(self.covariates, sample, cohort, override=self.override is not None)
        limits = _limits(cohort.tables.admrd)
        frame = frame.merge(limits, left_on=["usubjid", "srcid"], right_index=True, how="left")
        silent = int(frame["low"].isna().sum())
        frame = frame[frame["low"].notna()].reset_index(drop=True)
        model = latent_level(frame, "low", "high", self.covariates, level=self.level)
        note = joined(
            pooled_studies(self, sample),
            f"{silent} without a level or a limit" if silent else None,
            f"{lost} left out: a covariate is unknown" if lost else None,
            f"{model.censored} of {model.n} levels known between limits only",
            unknown_membership(sample.note(), cohort),
        )
        statistics = [Statistic("spread", number(model.spread), n=model.n, unit="log10", note=note)]
        statistics += term_statistics(model.table, "ratio", n=model.n)
        shares = frame.assign(below=model.below(self.threshold, frame)).groupby(self.covariates[0])["below"]
        statistics += [
            Statistic("share_below", number(share), group=str(group), at=self.threshold, unit="fraction")
            for group, share in shares.mean().items()
        ]
        return Answer.of(sample, statistics)


def _limits(admrd: pd.DataFrame) -> pd.DataFrame:
    """Return low and high of each measurement, by usubjid and srcid; missing where it says nothing."""
    rows = admrd.drop_duplicates(["usubjid", "srcid"]).set_index(["usubjid", "srcid"])
    value, compare, category = rows["aval"].astype(float), rows["avalcomp"], rows["avalc"]
    seen, counted = rows["lod"].astype(float), rows["lloq"].astype(float)
    plain = value.notna() & compare.isna() & (value > 0)
    under, over = compare.isin(["<", "<="]), compare.isin([">", ">="])
    low = value.where(plain | over)
    high = value.where(plain | under).mask(over, np.inf)
    undetectable = category == "undetectable"
    low, high = low.mask(under | undetectable, 0.0), high.mask(undetectable & high.isna(), seen)
    between = (category == "positive_not_quantifiable") & ~plain
    low, high = low.mask(between, 0.0), high.mask(between & high.isna(), counted.fillna(seen))
    frame = pd.DataFrame({"low": low, "high": high})
    return frame.where(frame.notna().all(axis=1))
