"""Survival estimators under the names the documentation promises; each lives in a module of its own noun."""

from __future__ import annotations

from allpool.analysis.estimators.cox import CoxModel, cox
from allpool.analysis.estimators.cox_likelihood import MonotoneLikelihoodWarning
from allpool.analysis.estimators.follow_up import follow_up
from allpool.analysis.estimators.kaplan_meier import KaplanMeier, kaplan_meier
from allpool.analysis.estimators.landmark import landmark
from allpool.analysis.estimators.logrank import LogRank, logrank
from allpool.analysis.estimators.pseudo_values import RestrictedMeanModel, restricted_mean_regression
from allpool.analysis.estimators.restricted_mean import restricted_mean_difference

__all__ = [
    "CoxModel",
    "KaplanMeier",
    "LogRank",
    "MonotoneLikelihoodWarning",
    "RestrictedMeanModel",
    "cox",
    "follow_up",
    "kaplan_meier",
    "landmark",
    "logrank",
    "restricted_mean_difference",
    "restricted_mean_regression",
]
