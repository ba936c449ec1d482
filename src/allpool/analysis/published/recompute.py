"""Recomputing: each record of a study from the store's tables, held against what is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from allpool.analysis.cohorts.membership import DerivedTables
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.published import comparing, counting, times
from allpool.analysis.published.agreement import agrees, shown
from allpool.analysis.published.forms import Part, PublishedFile, PublishedRecord
from allpool.analysis.published.recipes import (
    AdverseEventsRecipe,
    AssociationRecipe,
    CountRecipe,
    CoxRecipe,
    CumulativeIncidenceRecipe,
    DistinctRecipe,
    LogisticRecipe,
    LogRankRecipe,
    PeriodRecipe,
    ProportionRecipe,
    RankSumRecipe,
    SummaryRecipe,
    SurvivalRecipe,
    UnitsRecipe,
    ValuesRecipe,
    WilcoxonRecipe,
)
from allpool.analysis.published.recomputed import Recomputed, Value
from allpool.analysis.published.subjects import Study, asked_of, study_of
from allpool.errors import AnalysisError

Agreement: TypeAlias = Literal["reproduced", "corrected", "differs", "not_recomputed", "no_data"]
"""corrected: impossible as printed, and the value that a flag puts in its place is reproduced; no_data: the
store has no subjects of the study."""
WORST: Sequence[Agreement] = ("no_data", "differs", "corrected", "reproduced")


@dataclass(frozen=True)
class Compared:
    """One quantity: as printed, as corrected where it was, as recomputed in the same digits."""

    quantity: str
    printed: str
    corrected: str | None
    recomputed: str
    value: Value
    agreement: Agreement


@dataclass(frozen=True, eq=False)
class PartResult:
    """One figure of a record; `result` is none where the store does not allow it, and `refused` says why."""

    name: str
    part: Part
    compared: tuple[Compared, ...]
    result: Recomputed | None
    refused: str | None
    agreement: Agreement


@dataclass(frozen=True, eq=False)
class RecordResult:
    """One record, with its figures recomputed; none where the record says why it is not."""

    study: str
    record: PublishedRecord
    parts: tuple[PartResult, ...]
    agreement: Agreement
    synthetic: bool

    @property
    def kind(self) -> str:
        """The agreement, or the kind of reason where the record is not recomputed."""
        reason = self.record.not_recomputed
        return reason.kind if reason is not None else self.agreement


def recompute(
    files: Sequence[PublishedFile], tables: DerivedTables, catalogue: Catalogue
) -> tuple[RecordResult, ...]:
    """Return every record of every file, in their order, recomputed from the store's tables."""
    studies = {file.study: study_of(file.study, tables, catalogue) for file in files}
    return tuple(recompute_record(studies[file.study], record) for file in files for record in file.records)


def recompute_record(study: Study, record: PublishedRecord) -> RecordResult:
    """Return one record recomputed; what the data do not allow is said, and differs."""
    synthetic = bool(study.subjects["synthetic"].any())
    if record.not_recomputed is not None:
        return RecordResult(study.name, record, (), "not_recomputed", synthetic)
    nobody = study.subjects.empty
    parts = tuple(
        _absent(name, part) if nobody else _part(name, part, study) for name, part in record.figures.items()
    )
    worst = next(level for level in WORST if any(part.agreement == level for part in parts))
    return RecordResult(study.name, record, parts, worst, synthetic)


def _absent(name: str, part: Part) -> PartResult:
    compared = _compared(part, {}, "no_data")
    return PartResult(name, part, compared, None, "the store has no subjects of this study", "no_data")


def _part(name: str, part: Part, study: Study) -> PartResult:
    try:
        asked = asked_of(part.recompute, study)
        result: Recomputed = RECIPES[type(part.recompute)](part.recompute, asked)
    except AnalysisError as error:
        return PartResult(name, part, _compared(part, {}), None, error.message, "differs")
    figures = dict(result.figures)
    if "p" in figures:
        figures["verdict"] = figures["p"]
    compared = _compared(part, figures)
    worst = next(level for level in WORST if any(item.agreement == level for item in compared))
    return PartResult(name, part, compared, result, None, worst)


def _compared(
    part: Part, figures: Mapping[str, Value], agreement: Agreement | None = None
) -> tuple[Compared, ...]:
    corrected = part.corrected.given if part.corrected is not None else {}
    rows = []
    for quantity, printed in part.printed.given.items():
        right = corrected.get(quantity)
        expected = printed if right is None else right
        value = figures.get(quantity)
        found: Agreement = (
            "differs"
            if not agrees(quantity, value, expected)
            else "reproduced"
            if right is None
            else "corrected"
        )
        rows.append(
            Compared(
                quantity,
                _text(printed),
                None if right is None else _text(right),
                shown(quantity, value, expected),
                value,
                agreement or found,
            )
        )
    return tuple(rows)


def _text(printed: str | tuple[str, ...]) -> str:
    return printed if isinstance(printed, str) else ", ".join(printed)


RECIPES: Mapping[type, Callable[[Any, Any], Recomputed]] = {
    CountRecipe: counting.count,
    ProportionRecipe: counting.count,
    UnitsRecipe: counting.units,
    DistinctRecipe: counting.distinct,
    SummaryRecipe: counting.summary,
    ValuesRecipe: counting.values,
    PeriodRecipe: counting.period,
    AdverseEventsRecipe: counting.adverse_events,
    SurvivalRecipe: times.survival,
    CumulativeIncidenceRecipe: times.cumulative_incidence,
    LogRankRecipe: times.log_rank,
    CoxRecipe: comparing.cox,
    LogisticRecipe: comparing.logistic,
    AssociationRecipe: comparing.association,
    WilcoxonRecipe: comparing.wilcoxon,
    RankSumRecipe: comparing.rank_sum,
}
