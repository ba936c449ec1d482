"""Two-stage synthesis: an estimate per study, then one over studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.estimators.kaplan_meier import kaplan_meier
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.proportions import proportion
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDIES = ["study", "events", "n", "estimate", "lower", "upper", "weight"]
LEAST_AT_RISK = 5


@dataclass(frozen=True)
class Pooled:
    """One pooled estimate, brought back to the scale of the studies' own."""

    estimate: float
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float


@dataclass(frozen=True, eq=False)
class PooledStudies:
    """A synthesis: `studies` (study, events, n, estimate, lower, upper, weight in percent), the
    random-effects and the common-effect estimate, heterogeneity, and who was left out and why.
    """

    title: str
    measure: str
    model: str
    studies: pd.DataFrame
    random: Pooled
    fixed: Pooled
    tau2: float
    tau2_lower: float
    tau2_upper: float
    i2: float
    q: float
    q_p: float
    k: int
    level: float
    left_out: tuple[str, ...]
    synthetic: bool

    @property
    def estimate(self) -> float:
        """The random-effects estimate on the studies' scale."""
        return self.random.estimate

    @property
    def lower(self) -> float:
        """Lower limit of the random-effects estimate."""
        return self.random.lower

    @property
    def upper(self) -> float:
        """Upper limit of the random-effects estimate."""
        return self.random.upper

    @property
    def prediction_lower(self) -> float:
        """Lower limit of the prediction interval; nan below three studies."""
        return self.random.prediction_lower

    @property
    def prediction_upper(self) -> float:
        """Upper limit of the prediction interval; nan below three studies."""
        return self.random.prediction_upper

    def to_frame(self) -> pd.DataFrame:
        """Return one row: the pooled estimates and the heterogeneity."""
        row = {
            "model": self.model,
            "k": self.k,
            "estimate": self.random.estimate,
            "lower": self.random.lower,
            "upper": self.random.upper,
            "prediction_lower": self.random.prediction_lower,
            "prediction_upper": self.random.prediction_upper,
            "fixed": self.fixed.estimate,
            "fixed_lower": self.fixed.lower,
            "fixed_upper": self.fixed.upper,
            "tau2": self.tau2,
            "i2": self.i2,
            "q": self.q,
            "q_p": self.q_p,
        }
        return pd.DataFrame([row])

    def forest(self) -> Figure:
        """Draw the studies, their weights and the pooled estimates."""
        from allpool.analysis.pages.plots import forest_figure

        return forest_figure(self)


def pool_responses(
    sample: Sample,
    *,
    title: str,
    model: str = "glmm",
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
) -> PooledStudies:
    """Pool proportions over the groups of a response sample; `AnalysisError` below two studies."""
    rows = []
    for study, frame in sample.groups():
        own = proportion(int(frame["event"].sum()), len(frame), level=level)
        rows.append((study, int(frame["event"].sum()), len(frame), own.estimate, own.lower, own.upper))
    studies = _at_least_two(pd.DataFrame(rows, columns=STUDIES[:-1]), sample)
    x, n = studies["events"].to_numpy(), studies["n"].to_numpy()
    random = pool_proportions(x, n, transform=model, method=method, test=test, level=level)
    fixed = pool_proportions(x, n, transform="logit" if model == "glmm" else model, method="FE", level=level)
    return PooledStudies(
        title=title,
        measure="proportion",
        model=_model_name(model, method, test),
        studies=studies.assign(weight=random.weights)[STUDIES],
        random=Pooled(
            random.proportion,
            random.proportion_lower,
            random.proportion_upper,
            *_prediction(random.proportion_prediction_lower, random.proportion_prediction_upper, k=random.k),
        ),
        fixed=Pooled(fixed.proportion, fixed.proportion_lower, fixed.proportion_upper, np.nan, np.nan),
        tau2=random.tau2,
        tau2_lower=random.tau2_lower,
        tau2_upper=random.tau2_upper,
        i2=random.i2,
        q=random.q,
        q_p=random.q_p,
        k=random.k,
        level=level,
        left_out=_left_out(sample),
        synthetic=bool(sample.frame["synthetic"].any()),
    )


def pool_survival(
    sample: Sample,
    *,
    title: str,
    at: float,
    unit: str = "month",
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
    at_risk_minimum: int = LEAST_AT_RISK,
) -> PooledStudies:
    """Pool survival at one time over groups, on the scale log(-log S) with Greenwood's variance.

    Studies with fewer than `at_risk_minimum` at risk at that time, or without any event or any survivor
    (whose log(-log S) does not exist), are left out and named.
    """
    rows, errors, omitted = [], [], []
    for study, frame in sample.groups():
        curve = kaplan_meier(frame["aval"] / days_per(unit), frame["event"], level=level)
        point = curve.at([at]).iloc[0]
        if point["at_risk"] < at_risk_minimum:
            omitted.append(
                f"{study}: {int(point['at_risk'])} at risk at {at:g} {unit}s, fewer than {at_risk_minimum}"
            )
        elif not 0 < point["survival"] < 1:
            omitted.append(f"{study}: survival is {point['survival']:g}, of which log(-log S) does not exist")
        else:
            rows.append(
                (study, int(curve.events), curve.n, point["survival"], point["lower"], point["upper"])
            )
            errors.append(point["standard_error"])
    studies = _at_least_two(pd.DataFrame(rows, columns=STUDIES[:-1]), sample, omitted)
    survival = studies["estimate"].to_numpy(dtype=float)
    y = np.log(-np.log(survival))
    v = (np.array(errors) / (survival * np.log(survival))) ** 2
    random = random_effects(y, v, method=method, test=test, level=level)
    fixed = random_effects(y, v, method="FE", level=level)

    def back(value: float) -> float:
        return float(np.exp(-np.exp(value)))

    return PooledStudies(
        title=title,
        measure=f"survival at {at:g} {unit}s",
        model=_model_name("log(-log S)", method, test),
        studies=studies.assign(weight=random.weights)[STUDIES],
        random=Pooled(
            back(random.estimate),
            back(random.upper),
            back(random.lower),
            *_prediction(back(random.prediction_upper), back(random.prediction_lower), k=random.k),
        ),
        fixed=Pooled(back(fixed.estimate), back(fixed.upper), back(fixed.lower), np.nan, np.nan),
        tau2=random.tau2,
        tau2_lower=random.tau2_lower,
        tau2_upper=random.tau2_upper,
        i2=random.i2,
        q=random.q,
        q_p=random.q_p,
        k=random.k,
        level=level,
        left_out=(*omitted, *_left_out(sample)),
        synthetic=bool(sample.frame["synthetic"].any()),
    )


def _at_least_two(studies: pd.DataFrame, sample: Sample, omitted: list[str] | None = None) -> pd.DataFrame:
    if len(studies) >= 2:
        return studies
    why = "; ".join([*(omitted or []), *_left_out(sample)])
    raise AnalysisError(
        f"too little data: a synthesis needs two studies, and {len(studies)} can be told"
        + (f": {why}" if why else "")
    )


def _left_out(sample: Sample) -> tuple[str, ...]:
    groups = sorted(set(sample.left_out["group"]))
    return tuple(f"{group}: {sample.note(group)}" for group in groups)


def _prediction(lower: float, upper: float, *, k: int) -> tuple[float, float]:
    """A prediction interval needs three studies."""
    return (lower, upper) if k >= 3 else (float("nan"), float("nan"))


def _model_name(model: str, method: str, test: str) -> str:
    if model == "glmm":
        return f"binomial-normal (logit, maximum likelihood), {test} interval"
    return f"{model}, random effects by {method}, {test} interval"
