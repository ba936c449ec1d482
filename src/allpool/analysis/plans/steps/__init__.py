"""The steps of plans: each kind is a form in YAML that knows how to answer over a cohort."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from allpool.analysis.plans.steps.competing import CumulativeIncidenceStep, GrayStep
from allpool.analysis.plans.steps.exposure import LandmarkStep, TimeDependentStep
from allpool.analysis.plans.steps.latent import LatentLevelStep
from allpool.analysis.plans.steps.overlap import OverlapStep
from allpool.analysis.plans.steps.paired import PairedStep
from allpool.analysis.plans.steps.proportions import CompareStep, ProportionStep
from allpool.analysis.plans.steps.regression import CoxStep, FineGrayStep, LogisticStep
from allpool.analysis.plans.steps.survival import FollowUpStep, LogRankStep, RestrictedMeanStep, SurvivalStep
from allpool.analysis.plans.steps.synthesis import RareEventStep, SynthesisStep
from allpool.analysis.plans.steps.tables import (
    AdverseEventStep,
    BaselineTableStep,
    FlowStep,
    ResponseTableStep,
)

Step: TypeAlias = Annotated[
    ProportionStep
    | CompareStep
    | SurvivalStep
    | LogRankStep
    | RestrictedMeanStep
    | FollowUpStep
    | CoxStep
    | FineGrayStep
    | LogisticStep
    | CumulativeIncidenceStep
    | GrayStep
    | LandmarkStep
    | TimeDependentStep
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
