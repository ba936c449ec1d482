"""Results of plans in the store: tidy rows of analysis_result, and the subjects behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson
import polars as pl
from sqlalchemy import JSON, Connection, delete, select

from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.steps.base import Statistic
from allpool.models import AnalysisResult, AnalysisSubject, Base
from allpool.models.bulk import append
from allpool.version import __version__

if TYPE_CHECKING:
    import pandas as pd

SUBJECTS: Final[Mapping[str, pl.DataType]] = {
    "analysis_id": pl.String(),
    "usubjid": pl.String(),
    "group_value": pl.String(),
    "aval": pl.Float64(),
    "event": pl.Int64(),
    "description": pl.String(),
    "srcdom": pl.String(),
    "srcid": pl.String(),
}
"""Columns of analysis_subject."""


def store_results(
    connection: Connection, results: Sequence[StepResult], catalogue: Catalogue, *, release: str | None
) -> int:
    """Put the results of plans in place of those that they gave before in the same release.

    Ids are hashes of what identifies a statistic, rows are in their order: the same results give the same
    table. Returns the number of statistics.
    """
    names = sorted({result.plan.plan for result in results})
    own = AnalysisResult.__table__
    same_release = own.c.release.is_(None) if release is None else own.c.release == release
    earlier = select(own.c.analysis_id).where(own.c.plan.in_(names), same_release)
    connection.execute(delete(AnalysisSubject).where(AnalysisSubject.analysis_id.in_(earlier)))
    connection.execute(delete(AnalysisResult).where(own.c.plan.in_(names), same_release))
    rows = [row for result in results for row in result_rows(result, catalogue, release=release)]
    append_rows(connection, AnalysisResult, rows)
    found = [pl.DataFrame(schema=SUBJECTS), *(_subjects(result, release) for result in results)]
    subjects = pl.concat(found, how="diagonal")
    own_subjects = Base.metadata.tables[AnalysisSubject.__tablename__]
    append(connection, own_subjects, subjects.sort("analysis_id", "usubjid"))
    return len(rows)


def append_rows(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows to a table in the order of their keys; what a JSON column holds is written as JSON."""
    own = Base.metadata.tables[model.__tablename__]
    ordered = sorted(rows, key=lambda row: tuple(str(row[key.name]) for key in own.primary_key))
    columns = {
        column.name: [
            _json(row.get(column.name)) if isinstance(column.type, JSON) else row.get(column.name)
            for row in ordered
        ]
        for column in own.columns
    }
    append(connection, own, pl.DataFrame(columns, strict=False, infer_schema_length=None))


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def analysis_id(plan: str, step: str, release: str | None) -> str:
    """Return the id of one plan step in one release: 32 hex digits of SHA-256."""
    return _hash(plan, step, release)


def result_rows(result: StepResult, catalogue: Catalogue, *, release: str | None) -> list[dict[str, object]]:
    """Return the statistics of a result as rows of analysis_result."""
    step, plan = result.step, result.plan
    key = analysis_id(plan.plan, step.id, release)
    endpoint, definition = step.matter
    common = {
        "analysis_id": key,
        "plan": plan.plan,
        "step": step.id,
        "population": step.population,
        "endpoint": endpoint,
        "definition": definition,
        "definition_version": asked.version if (asked := catalogue.endpoints.get(endpoint)) else "1",
        "estimator": step.estimator,
        "group_by": result.answer.group_by or None,
        "level": step.level,
        "synthetic": result.synthetic,
        "release": release,
        "code_version": __version__,
    }
    return [
        {**common, "id": _hash(key, *_names(item)), **_numbers(item, plan.unit)} for item in result.statistics
    ]


def _names(item: Statistic) -> tuple[object, ...]:
    """Return what tells a statistic from the others of its step."""
    table = () if item.variable is None else (item.variable, item.variable_level)
    return (item.statistic, item.group, item.at, *table)


def _numbers(item: Statistic, unit: str) -> dict[str, object]:
    bounded = item.lower is not None or item.upper is not None
    return {
        "group_value": item.group,
        "variable": item.variable,
        "variable_level": item.variable_level,
        "statistic": item.statistic,
        "at": item.at,
        "value": None if item.value is None else float(item.value),
        "lower": item.lower,
        "upper": item.upper,
        "n": item.n,
        "unit": item.unit or (unit if item.at is not None else None),
        "note": item.note,
        **({} if bounded else {"level": None}),
    }


def _subjects(result: StepResult, release: str | None) -> pl.DataFrame:
    """Return every subject behind the answer, with what it brought, or why it brought nothing."""
    inside = result.answer.subjects.rename(columns={"group": "group_value"})
    outside = result.answer.left_out.rename(columns={"group": "group_value", "reason": "description"})
    rows = pl.concat([_taken(inside), _taken(outside)], how="diagonal")
    key = analysis_id(result.plan.plan, result.step.id, release)
    return rows.with_columns(pl.lit(key).alias("analysis_id"))


def _taken(frame: pd.DataFrame) -> pl.DataFrame:
    """Return the columns of analysis_subject that `frame` has; what it shows as missing is null."""
    names = [name for name in SUBJECTS if name in frame.columns]
    return pl.from_pandas(frame[names]).cast({name: SUBJECTS[name] for name in names})


def _hash(*parts: object) -> str:
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return sha256(text.encode()).hexdigest()[:32]
