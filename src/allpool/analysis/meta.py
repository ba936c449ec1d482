"""Synthesis of study estimates under the names the documentation promises, each from its own module."""

from __future__ import annotations

from allpool.analysis.estimators.beta_binomial import BetaBinomial, beta_binomial
from allpool.analysis.estimators.meta_regression import MetaRegression, meta_regression
from allpool.analysis.estimators.pooled_proportions import exact_common, pool_proportions
from allpool.analysis.estimators.random_effects import random_effects
from allpool.analysis.estimators.subgroups import Subgroups, leave_one_out, subgroups
from allpool.analysis.estimators.synthesis import PooledProportion, Synthesis

__all__ = [
    "BetaBinomial",
    "MetaRegression",
    "PooledProportion",
    "Subgroups",
    "Synthesis",
    "beta_binomial",
    "exact_common",
    "leave_one_out",
    "meta_regression",
    "pool_proportions",
    "random_effects",
    "subgroups",
]
