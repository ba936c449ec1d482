"""Two-stage synthesis: an estimate per study, from its patients or from its paper, then one over studies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from allpool.analysis.cohorts.evidence import PATIENT, PATIENT_LEVEL, PUBLISHED, PublishedEstimate
from allpool.analysis.cohorts.mixtures import same_unit
from allpool.analysis.cohorts.pooled import LEFT_OUT, STUDIES, Pooled, PooledStudies
from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.estimators.arrays import FloatArray, IntArray, critical_value
from allpool.analysis.estimators.kaplan_meier import kaplan_meier
from allpool.analysis.estimators.synthesis import Synthesis
from allpool.analysis.meta import exact_common, pool_proportions, random_effects
from allpool.analysis.proportions import proportion
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError

__all__ = ["Pooled", "PooledStudies", "pool_responses", "pool_survival"]

LEAST_AT_RISK = 5
FEW_STUDIES = 4
NAN = float("nan")


@dataclass(frozen=True)
class _Fit:
    """A synthesis brought back to the studies' scale; `note` says why there is no estimate."""

    pooled: Pooled
    tau2: float = NAN
    tau2_lower: float = NAN
    tau2_upper: float = NAN
    i2: float = NAN
    q: float = NAN
    q_p: float = NAN
    weights: tuple[float, ...] | None = None
    note: str | None = None


def pool_responses(
    sample: Sample,
    *,
    title: str,
    model: str = "glmm",
    method: str = "REML",
    test: str = "z",
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
    printed = _beside(published, sample)
    for study, found in printed.items():
        x, size = int(found.numerator or 0), int(found.denominator or 0)
        own = proportion(x, size, level=level)
        rows.append((study, PUBLISHED, x, size, own.estimate, own.lower, own.upper))
    studies = _at_least_two(rows, sample)
    happened, trials = studies["events"].to_numpy(float), studies["n"].to_numpy(float)

    def fit(kept: IntArray, *, sensitivity: bool = False) -> _Fit:
        x, n = happened[kept], trials[kept]
        how = "hksj" if sensitivity else test
        scale = "logit" if model == "glmm" and sensitivity else model
        try:
            found = pool_proportions(x, n, transform=scale, method=method, test=how, level=level)
        except AnalysisError as error:
            if scale != "glmm" or (0 < x.sum() < n.sum() and not ((x == 0) | (x == n)).all()):
                raise
            return _Fit(Pooled(NAN, NAN, NAN), weights=_shares(n), note=error.message)
        pooled = Pooled(
            found.proportion,
            found.proportion_lower,
            found.proportion_upper,
            found.proportion_prediction_lower,
            found.proportion_prediction_upper,
        )
        return _as_fit(found, pooled)

    if model == "glmm":
        exact = exact_common(happened, trials, level=level)
        fixed = Pooled(exact.estimate, exact.lower, exact.upper)
    else:
        common = pool_proportions(happened, trials, transform=model, method="FE", level=level)
        fixed = Pooled(common.proportion, common.proportion_lower, common.proportion_upper)
    return _pooled(
        studies,
        sample,
        fit,
        fixed=fixed,
        title=title,
        measure="proportion",
        model=_model_name(model, method, test),
        level=level,
        notes=(*_units(sample, printed, override), *_published_notes(published, printed), *notes),
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
    published: Mapping[str, PublishedEstimate] | None = None,
    notes: tuple[str, ...] = (),
    override: str | None = None,
) -> PooledStudies:
    """Pool survival at one time over groups, and published ones, on log(-log S) with Greenwood's variance.

    Studies with fewer than `at_risk_minimum` at risk at that time, or without any event or any survivor
    (whose log(-log S) does not exist), are left out and named.
    """
    rows: list[tuple[object, ...]] = []
    omitted: list[str] = []
    one_sided: list[str] = []
    for study, frame in sample.groups():
        curve = kaplan_meier(frame["aval"] / days_per(unit), frame["event"], level=level)
        point = curve.at([at]).iloc[0]
        if point["at_risk"] < at_risk_minimum:
            omitted.append(
                f"{study}: {int(point['at_risk'])} at risk at {at:g} {unit}s, fewer than {at_risk_minimum}"
            )
        elif not 0 < point["survival"] < 1:
            omitted.append(f"{study}: survival is {point['survival']:g}, of which log(-log S) does not exist")
            which = "low" if point["survival"] == 1 else "high"
            one_sided.append(
                f"{study} could not enter with a survival of {point['survival']:.0%}, so that the pooled survival "
                f"is too {which}; show the studies' own curves beside it"
            )
        else:
            told = (point["survival"], point["lower"], point["upper"], point["standard_error"])
            rows.append((study, PATIENT_LEVEL, int(curve.events), curve.n, *told))
    printed = _beside(published, sample)
    for study, found in printed.items():
        error = float(found.error or NAN)
        estimate = float(found.value or NAN)
        limits = _log_log_limits(estimate, error, level)
        rows.append((study, PUBLISHED, NAN, int(found.denominator or 0), estimate, *limits, error))
    studies = _at_least_two(rows, sample, omitted)
    survival = studies["estimate"].to_numpy(dtype=float)
    y = np.log(-np.log(survival))
    v = (studies["standard_error"].to_numpy(dtype=float) / (survival * np.log(survival))) ** 2

    def back(value: float) -> float:
        return float(np.exp(-np.exp(value)))

    def fit(kept: IntArray, *, sensitivity: bool = False) -> _Fit:
        how = "hksj" if sensitivity else test
        found = random_effects(y[kept], v[kept], method=method, test=how, level=level)
        pooled = Pooled(
            back(found.estimate),
            back(found.upper),
            back(found.lower),
            back(found.prediction_upper),
            back(found.prediction_lower),
        )
        return _as_fit(found, pooled)

    common = random_effects(y, v, method="FE", level=level)
    return _pooled(
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
            *_units(sample, printed, override),
            *one_sided,
            *_published_notes(published, printed),
            *notes,
        ),
    )


def _pooled(
    studies: pd.DataFrame,
    sample: Sample,
    fit: Callable[..., _Fit],
    *,
    fixed: Pooled,
    title: str,
    measure: str,
    model: str,
    level: float,
    notes: tuple[str, ...],
    omitted: tuple[str, ...] = (),
) -> PooledStudies:
    """Fit all studies and all but each, and say what a reader must know of so many studies."""
    k = len(studies)
    everybody = np.arange(k)
    whole = fit(everybody)
    few = k <= FEW_STUDIES
    return PooledStudies(
        title=title,
        measure=measure,
        model=model,
        studies=studies.assign(weight=whole.weights)[STUDIES],
        random=whole.pooled if k >= 3 else _without_prediction(whole.pooled),
        fixed=fixed,
        hartung_knapp=_without_prediction(fit(everybody, sensitivity=True).pooled),
        tau2=whole.tau2,
        tau2_lower=NAN if few else whole.tau2_lower,
        tau2_upper=NAN if few else whole.tau2_upper,
        i2=whole.i2,
        q=whole.q,
        q_p=whole.q_p,
        k=k,
        level=level,
        left_out=(*omitted, *_left_out(sample)),
        synthetic=bool(sample.frame["synthetic"].any()),
        notes=(*_few_notes(k, whole), *notes),
        omit=partial(_each_left_out, studies, fit),
    )


def _each_left_out(studies: pd.DataFrame, fit: Callable[..., _Fit]) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    k = len(studies)
    for i, name in enumerate(studies["study"]):
        kept = np.flatnonzero(np.arange(k) != i)
        if k == 2:
            other = studies.iloc[kept[0]]
            rows.append(
                (
                    name,
                    1,
                    other["estimate"],
                    other["lower"],
                    other["upper"],
                    NAN,
                    NAN,
                    f"{other['study']} alone",
                )
            )
            continue
        rest = fit(kept)
        told = (rest.pooled.estimate, rest.pooled.lower, rest.pooled.upper, rest.tau2, rest.i2)
        rows.append((name, k - 1, *told, rest.note))
    return pd.DataFrame(rows, columns=LEFT_OUT)


def _few_notes(k: int, whole: _Fit) -> list[str]:
    notes = []
    if whole.note:
        notes.append(
            f"{whole.note}. The common effect is exact (Clopper-Pearson of the sums) and supposes that the "
            "studies share one proportion"
        )
    if k <= FEW_STUDIES:
        notes.append(
            f"{k} studies: how much studies differ can hardly be told from so few; tau2 has no interval "
            "here, and the common effect and the Hartung-Knapp interval stand beside the random effects"
        )
    return notes


def _beside(
    published: Mapping[str, PublishedEstimate] | None, sample: Sample
) -> dict[str, PublishedEstimate]:
    """Return the published estimates of studies that bring no patients."""
    with_patients = {study for study, _ in sample.groups()}
    return {study: found for study, found in sorted((published or {}).items()) if study not in with_patients}


def _published_notes(
    published: Mapping[str, PublishedEstimate] | None, entering: Mapping[str, PublishedEstimate]
) -> list[str]:
    notes = []
    for study, found in sorted((published or {}).items()):
        name = f"{study}: published {found.said} ({found.record})"
        if study in entering:
            notes.append(f"{name} entered as published; nobody can re-derive it")
        else:
            notes.append(f"{name} did not enter, since the study's patients did")
    return notes


def _units(sample: Sample, printed: Mapping[str, PublishedEstimate], override: str | None) -> tuple[str, ...]:
    """Check that one thing is counted; a sample counts patients unless its frame says otherwise."""
    units = {}
    for study, frame in sample.groups():
        said = set(frame["unit_of_analysis"]) if "unit_of_analysis" in frame.columns else {PATIENT}
        units[study] = " and ".join(sorted(str(unit) for unit in said))
    units |= {study: found.unit_of_analysis or "not stated" for study, found in printed.items()}
    return same_unit(units, override=override)


def _at_least_two(
    rows: Sequence[tuple[object, ...]], sample: Sample, omitted: list[str] | None = None
) -> pd.DataFrame:
    columns = [*STUDIES[:-1], "standard_error"][: len(rows[0])] if rows else STUDIES[:-1]
    studies = pd.DataFrame(rows, columns=columns).sort_values("study", kind="stable", ignore_index=True)
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


def _log_log_limits(estimate: float, error: float, level: float) -> tuple[float, float]:
    """Return the limits of survival on log(-log S)."""
    y, margin = np.log(-np.log(estimate)), critical_value(level) * error / (estimate * -np.log(estimate))
    return float(np.exp(-np.exp(y + margin))), float(np.exp(-np.exp(y - margin)))


def _as_fit(found: Synthesis, pooled: Pooled) -> _Fit:
    return _Fit(
        pooled,
        tau2=found.tau2,
        tau2_lower=found.tau2_lower,
        tau2_upper=found.tau2_upper,
        i2=found.i2,
        q=found.q,
        q_p=found.q_p,
        weights=found.weights,
    )


def _without_prediction(pooled: Pooled) -> Pooled:
    return Pooled(pooled.estimate, pooled.lower, pooled.upper)


def _shares(n: FloatArray) -> tuple[float, ...]:
    return tuple(float(share) for share in 100 * n / n.sum())


def _model_name(model: str, method: str, test: str) -> str:
    if model == "glmm":
        return f"binomial-normal (logit, maximum likelihood), {test} interval"
    return f"{model}, random effects by {method}, {test} interval"
