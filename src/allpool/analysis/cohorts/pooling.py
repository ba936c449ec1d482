"""Two-stage synthesis: an estimate per study, from its patients or from its paper, then one over studies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from allpool.analysis.cohorts.evidence import PATIENT_LEVEL, PUBLISHED, PublishedEstimate
from allpool.analysis.cohorts.pooled import Pooled, PooledStudies
from allpool.analysis.cohorts.samples import AT_RISK_MINIMUM, Sample
from allpool.analysis.cohorts.study_fits import (
    NAN,
    StudyFit,
    as_fit,
    at_least_two,
    beside,
    counted_units,
    pooled_studies,
    published_notes,
    shares_of,
)
from allpool.analysis.estimators.arrays import IntArray, critical_value
from allpool.analysis.estimators.kaplan_meier import kaplan_meier
from allpool.analysis.meta import exact_common, pool_proportions, random_effects
from allpool.analysis.proportions import proportion
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError

__all__ = ["Pooled", "PooledStudies", "pool_responses", "pool_survival"]


def pool_responses(
    sample: Sample,
    *,
    title: str,
    model: str = "glmm",
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    published: Mapping[str, PublishedEstimate] | None = None,
    notes: tuple[str, ...] = (),
    override: str | None = None,
) -> PooledStudies:
    """Pool proportions over the groups of a response sample, and over published ones of other studies.

    The common effect of "glmm" is exact: Clopper-Pearson of the sums. Where no study has a success, or none
    a failure, "glmm" has no estimate; the exact common effect then stands alone, and a note says so.

    Raises
    ------
    AnalysisError
        fewer than two studies; studies that count different things without an `override`.
    """
    rows = []
    for study, frame in sample.groups():
        x, size = int(frame["event"].sum()), len(frame)
        own = proportion(x, size, level=level)
        rows.append((study, PATIENT_LEVEL, x, size, own.estimate, own.lower, own.upper))
    printed = beside(published, sample)
    for study, found in printed.items():
        x, size = int(found.numerator or 0), int(found.denominator or 0)
        own = proportion(x, size, level=level)
        rows.append((study, PUBLISHED, x, size, own.estimate, own.lower, own.upper))
    studies = at_least_two(rows, sample)
    happened, trials = studies["events"].to_numpy(float), studies["n"].to_numpy(float)

    def fit(kept: IntArray, *, sensitivity: bool = False) -> StudyFit:
        x, n = happened[kept], trials[kept]
        how = "hksj" if sensitivity else test
        scale = "logit" if model == "glmm" and sensitivity else model
        try:
            found = pool_proportions(x, n, transform=scale, method=method, test=how, level=level)
        except AnalysisError as error:
            if scale != "glmm" or (0 < x.sum() < n.sum() and not ((x == 0) | (x == n)).all()):
                raise
            return StudyFit(Pooled(NAN, NAN, NAN), weights=shares_of(n), note=error.message)
        pooled = Pooled(
            found.proportion,
            found.proportion_lower,
            found.proportion_upper,
            found.proportion_prediction_lower,
            found.proportion_prediction_upper,
        )
        return as_fit(found, pooled)

    if model == "glmm":
        exact = exact_common(happened, trials, level=level)
        fixed = Pooled(exact.estimate, exact.lower, exact.upper)
    else:
        common = pool_proportions(happened, trials, transform=model, method="FE", level=level)
        fixed = Pooled(common.proportion, common.proportion_lower, common.proportion_upper)
    return pooled_studies(
        studies,
        sample,
        fit,
        fixed=fixed,
        title=title,
        measure="proportion",
        model=_model_name(model, method, test),
        level=level,
        notes=(*counted_units(sample, printed, override), *published_notes(published, printed), *notes),
    )


def pool_survival(
    sample: Sample,
    *,
    title: str,
    at: float,
    unit: str = "month",
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    at_risk_minimum: int = AT_RISK_MINIMUM,
    published: Mapping[str, PublishedEstimate] | None = None,
    notes: tuple[str, ...] = (),
    override: str | None = None,
) -> PooledStudies:
    """Pool survival at one time over groups, and published ones, on log(-log S) with Greenwood's variance.

    Studies with fewer than `at_risk_minimum` at risk at that time, or without any event or any survivor
    (whose log(-log S) does not exist), are left out and named.
    """
    rows, omitted, one_sided = _survivals(
        sample, at=at, unit=unit, level=level, at_risk_minimum=at_risk_minimum
    )
    printed = beside(published, sample)
    for study, found in printed.items():
        error = float(found.error or NAN)
        estimate = float(found.value or NAN)
        limits = _log_log_limits(estimate, error, level)
        rows.append((study, PUBLISHED, NAN, int(found.denominator or 0), estimate, *limits, error))
    studies = at_least_two(rows, sample, omitted)
    survival = studies["estimate"].to_numpy(dtype=float)
    y = np.log(-np.log(survival))
    v = (studies["standard_error"].to_numpy(dtype=float) / (survival * np.log(survival))) ** 2

    def back(value: float) -> float:
        return float(np.exp(-np.exp(value)))

    def fit(kept: IntArray, *, sensitivity: bool = False) -> StudyFit:
        how = "hksj" if sensitivity else test
        found = random_effects(y[kept], v[kept], method=method, test=how, level=level)
        pooled = Pooled(
            back(found.estimate),
            back(found.upper),
            back(found.lower),
            back(found.prediction_upper),
            back(found.prediction_lower),
        )
        return as_fit(found, pooled)

    common = random_effects(y, v, method="FE", level=level)
    return pooled_studies(
        studies,
        sample,
        fit,
        fixed=Pooled(back(common.estimate), back(common.upper), back(common.lower)),
        title=title,
        measure=f"survival at {at:g} {unit}s",
        model=_model_name("log(-log S)", method, test),
        level=level,
        omitted=tuple(omitted),
        notes=(
            *counted_units(sample, printed, override),
            *one_sided,
            *published_notes(published, printed),
            *notes,
        ),
    )


def _survivals(
    sample: Sample, *, at: float, unit: str, level: float, at_risk_minimum: int
) -> tuple[list[tuple[object, ...]], list[str], list[str]]:
    """Return each study's survival at one time, who is left out and why, and which way that biases."""
    rows: list[tuple[object, ...]] = []
    omitted: list[str] = []
    one_sided: list[str] = []
    for study, frame in sample.groups():
        entry = frame["entry"] / days_per(unit) if sample.delayed else None
        curve = kaplan_meier(frame["aval"] / days_per(unit), frame["event"], entry=entry, level=level)
        point = curve.at([at]).iloc[0]
        if point["at_risk"] < at_risk_minimum:
            omitted.append(
                f"{study}: {int(point['at_risk'])} at risk at {at:g} {unit}s, fewer than {at_risk_minimum}"
            )
        elif not 0 < point["survival"] < 1:
            omitted.append(f"{study}: survival is {point['survival']:g}, of which log(-log S) does not exist")
            which = "low" if point["survival"] == 1 else "high"
            one_sided.append(
                f"{study} could not enter with a survival of {point['survival']:.0%}, so that the pooled "
                f"survival is too {which}; show the studies' own curves beside it"
            )
        else:
            told = (point["survival"], point["lower"], point["upper"], point["standard_error"])
            rows.append((study, PATIENT_LEVEL, int(curve.events), curve.n, *told))
    return rows, omitted, one_sided


def _log_log_limits(estimate: float, error: float, level: float) -> tuple[float, float]:
    """Return the limits of survival on log(-log S)."""
    y, margin = np.log(-np.log(estimate)), critical_value(level) * error / (estimate * -np.log(estimate))
    return float(np.exp(-np.exp(y + margin))), float(np.exp(-np.exp(y - margin)))


def _model_name(model: str, method: str, test: str) -> str:
    if model == "glmm":
        return f"binomial-normal (logit, maximum likelihood), {test} interval"
    return f"{model}, random effects by {method}, {test} interval"
