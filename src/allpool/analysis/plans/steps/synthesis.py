"""Steps that pool: two stages over studies, from patients and from what papers print."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.pooling import pool_responses, pool_survival
from allpool.analysis.cohorts.samples import Grouping
from allpool.analysis.plans.steps.base import (
    AT_RISK_MINIMUM,
    Answer,
    Drawing,
    EndpointStep,
    Statistic,
    number,
)


class SynthesisStep(EndpointStep):
    """Two-stage synthesis over studies: of proportions, or of survival at a time."""

    estimator: Literal["synthesis"]
    by: str | Grouping = "study"
    model: Literal["glmm", "logit", "freeman-tukey", "arcsine", "raw"] = "glmm"
    method: Literal["FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS"] = "REML"
    test: Literal["z", "t", "hksj"] = "z"
    at: float | None = Field(default=None, gt=0)
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)

    @property
    def wanted(self) -> str:
        """A response, or with `at` a time to an event."""
        return "response" if self.at is None else "time-to-event"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return each study's estimate, the pooled ones, the prediction interval and heterogeneity."""
        sample = self.sample(cohort)
        title = cohort.title(self.endpoint, self.definition)
        if self.at is None:
            pooled = pool_responses(
                sample,
                title=title,
                model=self.model,
                method=self.method,
                test=self.test,
                level=self.level,
            )
        else:
            pooled = pool_survival(
                sample,
                title=title,
                at=self.at,
                unit=unit,
                method=self.method,
                test=self.test,
                level=self.level,
                at_risk_minimum=self.at_risk_minimum,
            )
        statistics = [
            Statistic(
                "study_estimate",
                number(row["estimate"]),
                group=str(row["study"]),
                at=self.at,
                lower=number(row["lower"]),
                upper=number(row["upper"]),
                n=int(row["n"]),
                note=f"weight {row['weight']:.1f} %",
            )
            for row in pooled.studies.to_dict("records")
        ]
        n = int(pooled.studies["n"].sum())
        note = "; ".join((pooled.model, *pooled.left_out))
        for name, part in (("pooled", pooled.random), ("pooled_common_effect", pooled.fixed)):
            statistics.append(
                Statistic(
                    name,
                    number(part.estimate),
                    at=self.at,
                    lower=number(part.lower),
                    upper=number(part.upper),
                    n=n,
                    note=note if name == "pooled" else None,
                )
            )
        few = None if pooled.k >= 3 else "a prediction interval needs three studies"
        statistics.append(
            Statistic(
                "prediction",
                None if few else number(pooled.random.estimate),
                at=self.at,
                lower=number(pooled.prediction_lower),
                upper=number(pooled.prediction_upper),
                n=n,
                note=few,
            )
        )
        for name in ("tau2", "i2", "q", "q_p"):
            own_unit = "percent" if name == "i2" else None
            statistics.append(Statistic(name, number(getattr(pooled, name)), at=self.at, n=n, unit=own_unit))
        return Answer.of(sample, statistics, drawing=Drawing("Forest plot", pooled.forest))
