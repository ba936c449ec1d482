"""Printed and recomputed figures in the store: published_estimate, analysis_result, analysis_subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import polars as pl
from sqlalchemy import Connection, delete, select

from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.plans.outcomes import SUBJECTS, analysis_id, append_rows
from allpool.analysis.published.estimate import SHARES, estimate_row
from allpool.analysis.published.recipes import (
    CountRecipe,
    CumulativeIncidenceRecipe,
    DistinctRecipe,
    PeriodRecipe,
    ProportionRecipe,
    RankSumRecipe,
    Recipe,
    SummaryRecipe,
    SurvivalRecipe,
    TimeRecipe,
    ValuesRecipe,
)
from allpool.analysis.published.recompute import PartResult, RecordResult
from allpool.analysis.published.subjects import EVERYBODY
from allpool.models import AnalysisResult, AnalysisSubject, Base, PublishedEstimate
from allpool.models.bulk import append
from allpool.version import __version__

TIMED = (SurvivalRecipe, CumulativeIncidenceRecipe)
"""Recipes at a time, in a unit of their own."""
OF_VALUE = (DistinctRecipe, SummaryRecipe, ValuesRecipe, PeriodRecipe, RankSumRecipe)
"""Recipes on one value of each subject."""


def plan_name(study: str) -> str:
    """Return the plan under which a study's recomputed figures stand in analysis_result."""
    return f"published_{study.lower()}"


def store_published(
    connection: Connection,
    results: Sequence[RecordResult],
    catalogue: Catalogue,
    *,
    release: str | None = None,
) -> int:
    """Put what is printed and what was recomputed in place of what stood there; return the records.

    Rows are in the order of their keys: the same results give the same tables. What an earlier night stored
    of a study that has no file any more goes, too.
    """
    before = connection.execute(select(PublishedEstimate.study).distinct()).scalars()
    studies = sorted({*before, *(result.study for result in results)})
    connection.execute(delete(PublishedEstimate))
    own = AnalysisResult.__table__
    mine = (
        own.c.plan.in_([plan_name(study) for study in studies]),
        own.c.release.is_not_distinct_from(release),
    )
    earlier = select(own.c.analysis_id).where(*mine)
    connection.execute(delete(AnalysisSubject).where(AnalysisSubject.analysis_id.in_(earlier)))
    connection.execute(delete(AnalysisResult).where(*mine))
    append_rows(connection, PublishedEstimate, [estimate_row(result) for result in results])
    parts = [(result, part) for result in results for part in result.parts if part.result is not None]
    rows = [row for result, part in parts for row in _statistics(result, part, catalogue, release)]
    append_rows(connection, AnalysisResult, rows)
    found = [pl.DataFrame(schema=SUBJECTS), *(_subjects(result, part, release) for result, part in parts)]
    table = Base.metadata.tables[AnalysisSubject.__tablename__]
    append(connection, table, pl.concat(found, how="diagonal").sort("analysis_id", "usubjid"))
    return len(results)


def result_id(study: str, record: str, part: str, quantity: str, *, release: str | None = None) -> str:
    """Return the id in analysis_result of one recomputed quantity, for `allpool trace`."""
    return analysis_id(_key(study, record, part, release), quantity, None)


def _key(study: str, record: str, part: str, release: str | None) -> str:
    return analysis_id(plan_name(study), _step(record, part), release)


def _step(record: str, part: str) -> str:
    return f"{record}.{part}" if part else record


def _statistics(
    result: RecordResult, part: PartResult, catalogue: Catalogue, release: str | None
) -> Iterable[dict[str, Any]]:
    found, recipe = part.result, part.part.recompute
    if found is None:
        return
    endpoint, definition = _matter(recipe)
    key = _key(result.study, result.record.record, part.name, release)
    asked = catalogue.endpoints.get(endpoint)
    unit = recipe.unit if isinstance(recipe, TIMED) else result.record.unit
    for item in part.compared:
        name = "p" if item.quantity == "verdict" else item.quantity
        value = found.figures.get(name)
        yield {
            "id": result_id(result.study, result.record.record, part.name, item.quantity, release=release),
            "analysis_id": key,
            "plan": plan_name(result.study),
            "step": _step(result.record.record, part.name),
            "population": recipe.population or EVERYBODY,
            "endpoint": endpoint,
            "definition": definition,
            "definition_version": asked.version if asked is not None else "1",
            "estimator": recipe.kind,
            "group_by": None,
            "group_value": None,
            "statistic": name,
            "at": recipe.at if isinstance(recipe, TIMED) else None,
            "value": float(value) if isinstance(value, int | float) and isfinite(value) else None,
            "n": found.n,
            "unit": "%" if name in SHARES else unit,
            "note": f"printed {item.printed}, recomputed {item.recomputed}: {item.agreement}",
            "synthetic": result.synthetic,
            "release": release,
            "code_version": __version__,
        }


def _matter(recipe: Recipe) -> tuple[str, str]:
    """Return what a recipe is on: an endpoint and its definition, or the value that it takes."""
    if isinstance(recipe, TimeRecipe):
        return recipe.endpoint, recipe.definition
    if isinstance(recipe, CountRecipe | ProportionRecipe):
        for condition in recipe.numerator.where:
            if condition.response is not None:
                return condition.response.endpoint, condition.response.definition
            if condition.event is not None:
                return condition.event.endpoint, condition.event.definition
    value = recipe.of.name if isinstance(recipe, OF_VALUE) else "subjects"
    return value, "as the recipe says"


def _subjects(result: RecordResult, part: PartResult, release: str | None) -> pl.DataFrame:
    if part.result is None:
        return pl.DataFrame(schema=SUBJECTS)
    rows = part.result.subjects.to_dict("list")
    key = _key(result.study, result.record.record, part.name, release)
    size = len(part.result.subjects)
    columns = {
        name: [key] * size if name == "analysis_id" else [_cell(value) for value in rows[name]]
        for name in SUBJECTS
    }
    return pl.DataFrame(columns, schema=SUBJECTS, strict=False)


def _cell(value: Any) -> Any:
    """Return what Pandas shows as missing as None."""
    import pandas as pd

    return None if value is None or pd.isna(value) else value
