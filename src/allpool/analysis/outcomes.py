"""Results of plans in the store: tidy rows of analysis_result, and the subjects behind them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import polars as pl
from sqlalchemy import Connection, delete, select

from allpool.analysis.catalogue import Catalogue
from allpool.analysis.steps import Statistic, StepResult
from allpool.models import AnalysisResult, AnalysisSubject, Base
from allpool.models.bulk import append
from allpool.version import __version__


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
    rows = [row for result in results for row in _statistics(result, catalogue, release)]
    _append(connection, AnalysisResult, rows)
    _append(connection, AnalysisSubject, [row for result in results for row in _subjects(result, release)])
    return len(rows)


def analysis_id(plan: str, step: str, release: str | None) -> str:
    """Return the id of one plan step in one release: 32 hex digits of SHA-256."""
    return _hash(plan, step, release)


def _statistics(result: StepResult, catalogue: Catalogue, release: str | None) -> list[dict[str, object]]:
    step, plan = result.step, result.plan
    key = analysis_id(plan.plan, step.id, release)
    common = {
        "analysis_id": key,
        "plan": plan.plan,
        "step": step.id,
        "population": step.population,
        "endpoint": step.endpoint,
        "definition": step.definition,
        "definition_version": catalogue.endpoint(step.endpoint).version,
        "estimator": step.estimator,
        "group_by": (result.sample.group_by if result.sample else "") or None,
        "level": step.level,
        "synthetic": result.synthetic,
        "release": release,
        "code_version": __version__,
    }
    return [
        {**common, "id": _hash(key, item.statistic, item.group, item.at), **_numbers(item, plan.unit)}
        for item in result.statistics
    ]


def _numbers(item: Statistic, unit: str) -> dict[str, object]:
    bounded = item.lower is not None or item.upper is not None
    return {
        "group_value": item.group,
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


def _subjects(result: StepResult, release: str | None) -> list[dict[str, object]]:
    """Return every subject of the sample, with what it brought, or why it brought nothing."""
    if result.sample is None:
        return []
    key = analysis_id(result.plan.plan, result.step.id, release)
    columns = ["usubjid", "group", "aval", "event", "description", "srcdom", "srcid"]
    names = {"group": "group_value"}
    inside: list[dict[str, object]] = [
        {str(name): value for name, value in row.items()}
        for row in result.sample.frame[columns].rename(columns=names).to_dict("records")
    ]
    outside: list[dict[str, object]] = [
        {"usubjid": row["usubjid"], "group_value": row["group"], "description": row["reason"]}
        for row in result.sample.left_out.to_dict("records")
    ]
    rows = [
        {"analysis_id": key, **{name: _plain(value) for name, value in row.items()}}
        for row in [*inside, *outside]
    ]
    return sorted(rows, key=lambda row: str(row["usubjid"]))


def _plain(value: object) -> object:
    """Return None for what a frame shows as missing."""
    return None if value is None or value != value else value


def _append(connection: Connection, model: type[Base], rows: list[dict[str, object]]) -> None:
    own = Base.metadata.tables[model.__tablename__]
    ordered = sorted(rows, key=lambda row: tuple(str(row[key.name]) for key in own.primary_key))
    columns = {name: [row.get(name) for row in ordered] for name in own.columns.keys()}  # noqa: SIM118
    append(connection, own, pl.DataFrame(columns, strict=False, infer_schema_length=None))


def _hash(*parts: object) -> str:
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return sha256(text.encode()).hexdigest()[:32]
