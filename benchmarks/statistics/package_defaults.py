"""What the package does when nothing is said, read from its signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from allpool.analysis.cohorts.pooling import pool_responses, pool_survival
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.one_stage import one_stage_curve
from allpool.analysis.proportions import proportion
from allpool.analysis.survival import kaplan_meier


def default(function: Callable[..., Any], name: str) -> Any:
    """Return a parameter's default."""
    return inspect.signature(function).parameters[name].default


def single_proportion() -> str:
    """Return the interval of one proportion."""
    return str(default(proportion, "method"))


def pooled_responses() -> str:
    """Return transform, method and interval of a cohort's pooled response."""
    return _pooled(pool_responses, transform="model")


def pooled_proportions() -> str:
    """Return the same of the bare function, whose defaults are metafor's."""
    return _pooled(pool_proportions, transform="transform")


def pooled_survival() -> str:
    """Return method and interval of a cohort's pooled survival."""
    return f"{default(pool_survival, 'method')}, {default(pool_survival, 'test')}"


def pooled_effects() -> str:
    """Return the same of the bare function, whose defaults are metafor's."""
    return f"{default(random_effects, 'method')}, {default(random_effects, 'test')}"


def one_stage() -> str:
    """Return the interval of survival over several studies in one stage."""
    return str(default(one_stage_curve, "test"))


def prediction() -> str:
    """Return the convention of prediction intervals."""
    return str(default(random_effects, "prediction"))


def curve() -> str:
    """Return the interval of a Kaplan-Meier curve."""
    return str(default(kaplan_meier, "ci"))


def _pooled(function: Callable[..., Any], *, transform: str) -> str:
    scale = default(function, transform)
    method = "ML" if scale == "glmm" else default(function, "method")
    return f"{scale}, {method}, {default(function, 'test')}"
