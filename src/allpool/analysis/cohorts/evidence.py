"""Published estimates: what a paper prints of a study, as a synthesis may take it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from allpool.analysis.estimators.arrays import critical_value
from allpool.analysis.units import days_per
from allpool.errors import AnalysisError

PATIENT_LEVEL = "patient-level"
PUBLISHED = "published"
PATIENT = "patient"
"""The unit of analysis of a patient-level estimate, and of a published one that may stand beside it."""
PROPORTIONS = frozenset({"proportion", "count", "ae_count", "cumulative_incidence_crude"})
SURVIVALS = frozenset({"km_probability", "survival"})
# an interval this symmetrical about its estimate (of two printed decimals of a percentage) is a plain one
SYMMETRICAL = 0.0015


@dataclass(frozen=True)
class PublishedEstimate:
    """One figure of one paper.

    A proportion has `numerator` and `denominator`; survival at a time has `value`, `at` in `time_unit`,
    `standard_error` or an interval, and the number of patients as `denominator`. `definition` is the name of
    the definition that the paper counted by, None where it does not say or it is none of ours;
    `definition_note` says why. `unit_of_analysis` is what was counted: patient, course, sample.
    """

    study: str
    record: str
    kind: Literal["proportion", "survival"]
    endpoint: str | None = None
    population: str | None = None
    definition: str | None = None
    definition_note: str | None = None
    numerator: int | None = None
    denominator: int | None = None
    value: float | None = None
    standard_error: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    at: float | None = None
    time_unit: str | None = None
    unit_of_analysis: str | None = None
    flags: tuple[str, ...] = ()
    printed: str | None = None

    def __post_init__(self) -> None:
        """Check what any use of it supposes."""
        place = f"published estimate {self.study}/{self.record}"
        if self.kind == "proportion":
            if self.numerator is None or not self.denominator:
                raise AnalysisError(f"{place}: a proportion needs a numerator and a denominator above 0")
            if not 0 <= self.numerator <= self.denominator:
                raise AnalysisError(f"{place}: the numerator must lie between 0 and the denominator")
        elif self.value is None or not 0 <= self.value <= 1 or self.at is None or self.at < 0:
            raise AnalysisError(f"{place}: survival needs a value between 0 and 1, and a time")

    @property
    def error(self) -> float | None:
        """Standard error of survival: as printed, else from the printed interval; None where neither is.

        An interval symmetrical about the estimate is read as plain, another as one on log(-log S).
        """
        if self.standard_error is not None:
            return self.standard_error
        if self.value is None or self.lower is None or self.upper is None or not 0 < self.value < 1:
            return None
        z = critical_value(self.level or 0.95)
        if abs((self.lower + self.upper) / 2 - self.value) <= SYMMETRICAL:
            return (self.upper - self.lower) / (2 * z)
        if not 0 < self.lower < self.upper < 1:
            return None
        width = np.log(-np.log(self.lower)) - np.log(-np.log(self.upper))
        return float(width / (2 * z) * self.value * -np.log(self.value))

    @property
    def said(self) -> str:
        """The figure in a few words, flags with it."""
        if self.kind == "proportion":
            text = f"{self.numerator}/{self.denominator}"
        else:
            text = f"{self.value:.1%} at {self.at:g} {self.time_unit or 'unit of time not stated'}s"
        return text + (f" (flags {', '.join(self.flags)})" if self.flags else "")


@dataclass(frozen=True)
class Evidence:
    """The published estimates that may enter a synthesis, one per study, and the others with the reason."""

    entering: Mapping[str, PublishedEstimate]
    put_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_published(rows: pd.DataFrame) -> tuple[PublishedEstimate, ...]:
    """Read the rows of the table `published_estimate` that are proportions or survival at a time.

    Rows of other statistics, and those whose numbers are not printed, are passed over.
    """
    found = []
    for row in rows.to_dict("records"):
        known: dict[str, Any] = {str(name): None if _missing(value) else value for name, value in row.items()}
        kind: Literal["proportion", "survival"]
        if known["statistic"] in SURVIVALS and known["value"] is not None and known["at"] is not None:
            kind = "survival"
        elif known["statistic"] in PROPORTIONS and known["numerator"] is not None and known["denominator"]:
            kind = "proportion"
        else:
            continue
        found.append(
            PublishedEstimate(
                study=str(known["study"]),
                record=str(known["record"]),
                kind=kind,
                endpoint=known["endpoint"],
                population=known["population_id"],
                definition=known["definition"],
                definition_note=known["definition_note"],
                numerator=_whole(known["numerator"]),
                denominator=_whole(known["denominator"]),
                value=known["value"],
                standard_error=known["standard_error"],
                lower=known["lower"],
                upper=known["upper"],
                level=known["level"],
                at=known["at"],
                time_unit=known["time_unit"],
                unit_of_analysis=known["unit_of_analysis"],
                flags=_flags(known["flags"]),
                printed=known["printed"],
            )
        )
    return tuple(found)


def select(
    estimates: Iterable[PublishedEstimate],
    *,
    endpoint: str,
    population: str,
    definition: str,
    at: float | None = None,
    unit: str = "month",
    any_definition: str | None = None,
) -> Evidence:
    """Return, per study, the published estimate of an endpoint in a population, and what was put aside.

    A study of which two figures would fit (arms of the population, say) enters with neither: which of them
    stands for the study is not guessed.

    Parameters
    ----------
    definition
        the definition asked. A figure counted by another, or by none that is stated, is put aside;
        `any_definition` is the reason to take it all the same, printed beside the result.
    at, unit
        the time of survival; a figure for another time is none of this question and is passed over.
    """
    fitting: dict[str, list[PublishedEstimate]] = {}
    put_aside, notes = [], []
    for found in sorted(estimates, key=lambda item: (item.study, item.record)):
        if (found.endpoint, found.population) != (endpoint, population):
            continue
        if (found.kind == "survival") != (at is not None):
            continue
        if at is not None and not _same_time(found, at, unit):
            continue
        reason = _unfit(found, definition, any_definition)
        if reason:
            put_aside.append(f"{_named(found)} put aside: {reason}")
        else:
            fitting.setdefault(found.study, []).append(found)
    entering: dict[str, PublishedEstimate] = {}
    for study, candidates in fitting.items():
        if len(candidates) > 1:
            all_of_them = " and ".join(f"{item.said} ({item.record})" for item in candidates)
            put_aside.append(f"{study}: {all_of_them} put aside: which stands for the study is not said")
            continue
        entering[study] = found = candidates[0]
        if found.definition != definition:
            notes.append(f"{_named(found)} enters although {_difference(found)}: {any_definition}")
    return Evidence(entering, tuple(put_aside), tuple(notes))


def _named(found: PublishedEstimate) -> str:
    return f"{found.study}: {found.said} ({found.record})"


def _unfit(found: PublishedEstimate, definition: str, any_definition: str | None) -> str | None:
    if found.unit_of_analysis is None:
        return "the paper does not say whether it counts patients"
    if found.unit_of_analysis != PATIENT:
        return f"it counts {found.unit_of_analysis}s, not patients"
    if found.kind == "survival" and not found.denominator:
        return "the number of patients behind it is not known"
    if found.kind == "survival" and found.error is None:
        return "no standard error and no interval is printed"
    if found.kind == "survival" and found.value in (0.0, 1.0):
        return "log(-log S) does not exist at 0 % and 100 %"
    if found.definition != definition and not any_definition:
        return _difference(found)
    return None


def _difference(found: PublishedEstimate) -> str:
    what = (
        f"it was counted as {found.definition}"
        if found.definition
        else "its definition is not stated or not ours"
    )
    return f"{what} ({found.definition_note})" if found.definition_note else what


def _same_time(found: PublishedEstimate, at: float, unit: str) -> bool:
    if found.at is None or found.time_unit is None:
        return False
    asked, own = at * days_per(unit), found.at * days_per(found.time_unit)
    return abs(asked - own) <= 0.02 * asked  # 24 months and 2 years are one time


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _flags(value: Any) -> tuple[str, ...]:
    found = json.loads(value) if isinstance(value, str) else value
    return tuple(str(flag) for flag in found or ())


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
