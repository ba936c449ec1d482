"""Steps that pool: two stages over studies, from patients and from what papers print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Grouping, evaluable
from allpool.analysis.plans.steps.base import (
    Answer,
    Drawing,
    EndpointStep,
    Statistic,
    joined,
    limits,
    number,
    pooled_studies,
    unknown_membership,
)

if TYPE_CHECKING:
    from allpool.analysis.cohorts.pooled import PooledStudies


class SynthesisStep(EndpointStep):
    """Two-stage synthesis over studies: of proportions, or of survival at a time."""

    estimator: Literal["synthesis"]
    by: str | Grouping = "study"
    model: Literal["glmm", "logit", "freeman-tukey", "arcsine", "raw"] = "glmm"
    method: Literal["FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS"] = "REML"
    test: Literal["z", "t", "hksj"] = "t"
    """`t` on k - 1 degrees of freedom, as the simulation of small studies recommends (docs/statistics.md)."""
    at: float | None = Field(default=None, gt=0)
    at_risk_minimum: int = Field(default=AT_RISK_MINIMUM, ge=1)
    published: bool = False
    """Whether studies without patients in the sample enter by what they print."""

    @property
    def wanted(self) -> str:
        """A response, or with `at` a time to an event."""
        return "response" if self.at is None else "time-to-event"

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return each study's estimate, the pooled ones, the prediction interval and heterogeneity."""
        from allpool.analysis.cohorts.evidence import read_published
        from allpool.analysis.cohorts.synthesis import synthesis

        pooled, sample = synthesis(
            cohort,
            self.endpoint,
            by=self.by,
            definition=self.definition,
            model=self.model,
            method=self.method,
            test=self.test,
            at=self.at,
            unit=unit,
            level=self.level,
            at_risk_minimum=self.at_risk_minimum,
            outcome=self.outcome,
            published=read_published(cohort.tables.published) if self.published else (),
            studies=self.studies,
            excludes=self.excludes,
            override=self.override,
        )
        statistics = [
            *self._studies(pooled),
            *self._together(pooled),
            *self._heterogeneity(pooled),
            *self._left_out(pooled),
        ]
        return Answer.of(
            sample, statistics, drawing=Drawing("Forest plot", lambda: pooled.forest(hartung_knapp=True))
        )

    def _studies(self, pooled: PooledStudies) -> list[Statistic]:
        return [
            Statistic(
                "study_estimate",
                number(row["estimate"]),
                group=str(row["study"]),
                at=self.at,
                n=int(row["n"]),
                note=f"weight {row['weight']:.1f} %, {row['level']}",
                **limits(row),
            )
            for row in pooled.studies.to_dict("records")
        ]

    def _together(self, pooled: PooledStudies) -> list[Statistic]:
        """Return the pooled estimates, and where a new study may lie."""
        n, at = _patients(pooled), self.at
        random, common, own = pooled.random, pooled.fixed, pooled.hartung_knapp
        note = "; ".join((pooled.model, *pooled.left_out, *pooled.notes))
        few = None if pooled.k >= 3 else "a prediction interval needs three studies"
        found = [
            Statistic("pooled", number(random.estimate), at=at, n=n, note=note, **limits(random)),
            Statistic("pooled_common_effect", number(common.estimate), at=at, n=n, **limits(common)),
            Statistic(
                "prediction",
                None if few else number(random.estimate),
                at=at,
                lower=number(pooled.prediction_lower),
                upper=number(pooled.prediction_upper),
                n=n,
                note=few,
            ),
        ]
        if self.test != "hksj":
            why = "random effects with Hartung and Knapp's interval, as a sensitivity"
            if own.upper - own.lower < pooled.upper - pooled.lower:
                why += "; narrower than the model's own, as the estimates lie closer than chance has it"
            found.append(
                Statistic("pooled_hartung_knapp", number(own.estimate), at=at, n=n, note=why, **limits(own))
            )
        return found

    def _heterogeneity(self, pooled: PooledStudies) -> list[Statistic]:
        n, at = _patients(pooled), self.at
        return [
            Statistic("tau2", number(pooled.tau2), at=at, n=n),
            Statistic("i2", number(pooled.i2), at=at, n=n, unit="percent"),
            Statistic("q", number(pooled.q), at=at, n=n),
            Statistic("q_p", number(pooled.q_p), at=at, n=n),
        ]

    def _left_out(self, pooled: PooledStudies) -> list[Statistic]:
        return [
            Statistic(
                "pooled_without",
                number(row["estimate"]),
                group=str(row["omitted"]),
                at=self.at,
                note=row["note"] if isinstance(row["note"], str) else None,
                **limits(row),
            )
            for row in pooled.leave_one_out.to_dict("records")
        ]


def _patients(pooled: PooledStudies) -> int:
    return int(pooled.studies["n"].sum())


class RareEventStep(EndpointStep):
    """A rare (or nearly certain) response over studies, without any correction: the exact common effect,
    and a beta-binomial model in which studies differ.
    """

    estimator: Literal["rare-events"]

    @property
    def grouped(self) -> bool:
        """No: the groups are the studies."""
        return False

    def answer(self, cohort: Cohort, unit: str) -> Answer:
        """Return each study's share, Clopper-Pearson of the sums, and the beta-binomial mean."""
        from allpool.analysis.meta import beta_binomial, exact_common
        from allpool.analysis.proportions import proportion

        sample = evaluable(self.sample(cohort, by="study"))
        note = joined(pooled_studies(self, sample), unknown_membership(sample.note(), cohort))
        counts = [(study, int(frame["event"].sum()), len(frame)) for study, frame in sample.groups()]
        statistics = []
        for study, x, n in counts:
            own = proportion(x, n, level=self.level)
            statistics.append(Statistic("study_estimate", own.estimate, group=study, n=n, **limits(own)))
        events, sizes = [x for _, x, _ in counts], [n for _, _, n in counts]
        together = exact_common(events, sizes, level=self.level)
        statistics.append(
            Statistic(
                "pooled_common_effect",
                number(together.estimate),
                n=sum(sizes),
                note=joined("Clopper-Pearson of the sums", note),
                **limits(together),
            )
        )
        apart = beta_binomial(events, sizes, level=self.level)
        why = "beta-binomial, profile likelihood"
        statistics.append(
            Statistic("pooled", number(apart.estimate), n=sum(sizes), note=why, **limits(apart))
        )
        statistics.append(Statistic("correlation", number(apart.correlation), n=sum(sizes)))
        return Answer.of(sample, statistics)
