"""What syntheses of proportions and of survival share: the fit of all studies and of all but each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from allpool.analysis.cohorts.evidence import PATIENT, PublishedEstimate
from allpool.analysis.cohorts.mixtures import same_unit
from allpool.analysis.cohorts.pooled import LEFT_OUT, STUDIES, Pooled, PooledStudies
from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.estimators.arrays import FloatArray
from allpool.analysis.estimators.synthesis import Synthesis
from allpool.errors import AnalysisError

FEW_STUDIES = 4
NAN = float("nan")


@dataclass(frozen=True)
class StudyFit:
    """A synthesis brought back to the studies' scale; `note` says why there is no estimate."""

    pooled: Pooled
    standard_error: float = NAN
    p: float = NAN
    h2: float = NAN
    tau2: float = NAN
    tau2_lower: float = NAN
    tau2_upper: float = NAN
    i2: float = NAN
    q: float = NAN
    q_p: float = NAN
    weights: tuple[float, ...] | None = None
    note: str | None = None


def pooled_studies(
    studies: pd.DataFrame,
    sample: Sample,
    fit: Callable[..., StudyFit],
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
        standard_error=whole.standard_error,
        p=whole.p,
        i2=whole.i2,
        h2=whole.h2,
        q=whole.q,
        q_p=whole.q_p,
        k=k,
        level=level,
        left_out=(*omitted, *_left_out(sample)),
        synthetic=bool(sample.frame["synthetic"].any()),
        notes=(*_few_notes(k, whole), *notes),
        omit=partial(_each_left_out, studies, fit),
    )


def _each_left_out(studies: pd.DataFrame, fit: Callable[..., StudyFit]) -> pd.DataFrame:
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


def _few_notes(k: int, whole: StudyFit) -> list[str]:
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


def beside(published: Mapping[str, PublishedEstimate] | None, sample: Sample) -> dict[str, PublishedEstimate]:
    """Return the published estimates of studies that bring no patients."""
    with_patients = {study for study, _ in sample.groups()}
    return {study: found for study, found in sorted((published or {}).items()) if study not in with_patients}


def published_notes(
    published: Mapping[str, PublishedEstimate] | None, entering: Mapping[str, PublishedEstimate]
) -> list[str]:
    """Return, per published estimate, whether it entered."""
    notes = []
    for study, found in sorted((published or {}).items()):
        name = f"{study}: published {found.said} ({found.record})"
        if study in entering:
            notes.append(f"{name} entered as published; nobody can re-derive it")
        else:
            notes.append(f"{name} did not enter, since the study's patients did")
    return notes


def counted_units(
    sample: Sample, printed: Mapping[str, PublishedEstimate], override: str | None
) -> tuple[str, ...]:
    """Check that one thing is counted; a sample counts patients unless its frame says otherwise."""
    units = {}
    for study, frame in sample.groups():
        said = set(frame["unit_of_analysis"]) if "unit_of_analysis" in frame.columns else {PATIENT}
        units[study] = " and ".join(sorted(str(unit) for unit in said))
    units |= {study: found.unit_of_analysis or "not stated" for study, found in printed.items()}
    return same_unit(units, override=override)


def at_least_two(
    rows: Sequence[tuple[object, ...]], sample: Sample, omitted: list[str] | None = None
) -> pd.DataFrame:
    """Return the studies in the order of their names; `AnalysisError` below two of them."""
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


def as_fit(found: Synthesis, pooled: Pooled) -> StudyFit:
    """Return a synthesis with its estimates brought back."""
    return StudyFit(
        pooled,
        standard_error=found.standard_error,
        p=found.p,
        h2=found.h2,
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


def shares_of(n: FloatArray) -> tuple[float, ...]:
    """Return the studies' sizes in percent of all."""
    return tuple(float(share) for share in 100 * n / n.sum())
