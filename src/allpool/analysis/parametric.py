"""Parametric survival by lifelines: what a curve looks like beyond the last subject at risk, and how sure.

A sensitivity beside Kaplan-Meier, never instead of it: the model is an assumption, and its name and AIC stand
with every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import checked_level, indicators, one_of, same_length, times
from allpool.errors import AnalysisError

Family = Literal["exponential", "weibull", "log-normal", "log-logistic"]


@dataclass(frozen=True, eq=False)
class ParametricSurvival:
    """A fitted parametric model of one group."""

    family: Family
    n: int
    events: int
    log_likelihood: float
    aic: float
    median: float
    parameters: pd.DataFrame
    """parameter, estimate, standard_error, lower, upper."""
    level: float
    _fitter: Any

    def at(self, moments: float | Sequence[float]) -> pd.DataFrame:
        """Return time and survival at given times, in the unit that the model was fitted in."""
        asked = np.atleast_1d(np.asarray(moments, dtype=float))
        return pd.DataFrame(
            {"time": asked, "survival": self._fitter.survival_function_at_times(asked).to_numpy()}
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the parameters, with family and AIC in each row."""
        return self.parameters.assign(family=self.family, aic=self.aic)


def parametric_survival(
    time: Any, event: Any, *, family: Family = "weibull", level: float = 0.95
) -> ParametricSurvival:
    """Fit one parametric family to right-censored times by maximum likelihood.

    `time` in any unit and above zero, `event` 1 or 0. Raises `AnalysisError` for an unknown family, a time of
    zero (these families give it no probability), or no events.
    """
    one_of(family, get_args(Family), name="family")
    checked_level(level)
    duration, died = times(time), indicators(event)
    same_length(time=duration, event=died)
    if (duration <= 0).any():
        raise AnalysisError("a parametric model needs times above zero; say how an event at time 0 is meant")
    if not died.any():
        raise AnalysisError("a parametric model needs at least one event")
    fitter = _fitter_of(family)(alpha=1 - level)
    fitter.fit(duration, died)
    summary = fitter.summary
    bounds = [name for name in summary.columns if name.startswith("coef ") and "%" in name]
    parameters = pd.DataFrame(
        {
            "parameter": [str(name).rstrip("_") for name in summary.index],
            "estimate": summary["coef"].to_numpy(),
            "standard_error": summary["se(coef)"].to_numpy(),
            "lower": summary[bounds[0]].to_numpy(),
            "upper": summary[bounds[1]].to_numpy(),
        }
    )
    return ParametricSurvival(
        family=family,
        n=int(duration.size),
        events=int(died.sum()),
        log_likelihood=float(fitter.log_likelihood_),
        aic=float(fitter.AIC_),
        median=float(fitter.median_survival_time_),
        parameters=parameters,
        level=level,
        _fitter=fitter,
    )


def _fitter_of(family: Family) -> Any:
    """Return lifelines' class: maximum likelihood, right censoring (Davidson-Pilon, JOSS 2019;4:1317)."""
    from lifelines import ExponentialFitter, LogLogisticFitter, LogNormalFitter, WeibullFitter

    return {
        "exponential": ExponentialFitter,
        "weibull": WeibullFitter,
        "log-normal": LogNormalFitter,
        "log-logistic": LogLogisticFitter,
    }[family]
