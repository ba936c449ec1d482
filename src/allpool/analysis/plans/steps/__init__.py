"""The steps of plans: each kind is a form in YAML that knows how to answer over a cohort."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from allpool.analysis.plans.steps.competing import CumulativeIncidenceStep, GrayStep
from allpool.analysis.plans.steps.exposure import LandmarkStep, TimeDependentStep
from allpool.analysis.plans.steps.latent import LatentLevelStep
from allpool.analysis.plans.steps.one_stage import OneStageSurvivalStep
from allpool.analysis.plans.steps.overlap import OverlapStep
from allpool.analysis.plans.steps.paired import PairedStep
from allpool.analysis.plans.steps.proportions import CompareStep, ProportionStep
from allpool.analysis.plans.steps.regression import (
    CoxStep,
    FineGrayStep,
    LogisticStep,
    RestrictedMeanRegressionStep,
)
from allpool.analysis.plans.steps.survival import FollowUpStep, LogRankStep, RestrictedMeanStep, SurvivalStep
from allpool.analysis.plans.steps.synthesis import RareEventStep, SynthesisStep
from allpool.analysis.plans.steps.tables import (
    AdverseEventStep,
    BaselineTableStep,
    FlowStep,
    ResponseTableStep,
)
from allpool.analysis.plans.steps.weighting import OverlapWeightedStep

Step: TypeAlias = Annotated[
    ProportionStep
    | CompareStep
    | OverlapWeightedStep
    | SurvivalStep
    | LogRankStep
    | RestrictedMeanStep
    | RestrictedMeanRegressionStep
    | FollowUpStep
    | CoxStep
    | FineGrayStep
    | LogisticStep
    | CumulativeIncidenceStep
    | GrayStep
    | LandmarkStep
    | TimeDependentStep
    | OneStageSurvivalStep
    | SynthesisStep
    | RareEventStep
    | LatentLevelStep
    | PairedStep
    | OverlapStep
    | BaselineTableStep
    | ResponseTableStep
    | AdverseEventStep
    | FlowStep,
    Field(discriminator="estimator"),
]
"""One step of a plan; `estimator` says which."""
