"""The walk from a result to its subjects, resources and cells, and from a resource to its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection

from allpool.errors import AnalysisError
from allpool.models import (
    Adrs,
    Adtte,
    AnalysisResult,
    AnalysisSubject,
    Base,
    MappingRule,
    ResourceHistory,
    SourceFile,
    published_tables,
)

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Trace:
    """What an id is, where it comes from, and what rests on it; one list of rows a heading."""

    kind: str
    id: str
    parts: dict[str, Rows] = field(default_factory=dict)


def trace(connection: Connection, id_: str) -> Trace:
    """Return the walk from a result, subject or resource id. Raises `AnalysisError` for an unknown id."""
    result = _rows(connection, select(AnalysisResult.__table__).where(AnalysisResult.id == id_))
    if result:
        return _of_result(connection, id_, result)
    for table in published_tables():
        found = _rows(connection, select(table).where(table.c.id == id_))
        if found:
            return _of_resource(connection, str(table.name), found[0])
    ended = _rows(connection, select(ResourceHistory.__table__).where(ResourceHistory.id == id_))
    if ended:
        return Trace("retracted resource", id_, {"versions": _history(connection, id_)})
    raise AnalysisError(
        f"no result, subject or resource has the id {id_}; ids stand in every table and result"
    )


def _of_result(connection: Connection, id_: str, result: Rows) -> Trace:
    subject = AnalysisSubject
    rows = _rows(
        connection,
        select(
            subject.usubjid,
            subject.group_value,
            subject.aval,
            subject.event,
            subject.description,
            subject.srcdom,
            subject.srcid,
        )
        .where(subject.analysis_id == result[0]["analysis_id"])
        .order_by(subject.group_value, subject.usubjid),
    )
    group = result[0]["group_value"]
    mine = [row for row in rows if group is None or row["group_value"] == group] or list(rows)
    return Trace("result", id_, {"result": result, "subjects": mine, "cells": _cells_of(connection, mine)})


def _of_resource(connection: Connection, table: str, row: dict[str, Any]) -> Trace:
    parts: dict[str, Rows] = {"row": [{"table": table, **{k: v for k, v in row.items() if v is not None}}]}
    parts["cells"] = _cells(connection, table, row)
    history = _history(connection, row["id"])
    if history:
        parts["earlier versions"] = history
    if table == "research_subject":
        parts["resources"] = _resources(connection, row["individual_id"])
    endpoints = _endpoints(connection, row["id"])
    if endpoints:
        parts["endpoints that rest on it"] = endpoints
        parts["results that it moves"] = _results(connection, row["id"])
    return Trace(table, row["id"], parts)


def _cells_of(connection: Connection, subjects: Rows) -> Rows:
    found: list[dict[str, Any]] = []
    for subject in subjects:
        table = Base.metadata.tables.get(subject["srcdom"] or "")
        if table is None or subject["srcid"] is None:
            continue
        for row in _rows(connection, select(table).where(table.c.id == subject["srcid"])):
            found += [
                {"usubjid": subject["usubjid"], **cell} for cell in _cells(connection, str(table.name), row)
            ]
    return found


def _cells(connection: Connection, table: str, row: dict[str, Any]) -> Rows:
    """Return the source cells behind a row: file, sheet, row, column, and the table's column they fill."""
    file = _rows(connection, select(SourceFile.__table__).where(SourceFile.id == row["source_file"]))
    rule = _rows(
        connection,
        select(MappingRule.__table__).where(MappingRule.id == row["rule"], MappingRule.feed == row["feed"]),
    )
    if not file:
        return [{"table": table, "feed": row["feed"], "mapping": "the consortium's own study files"}]
    present = set(file[0]["columns"])
    columns: dict[str, list[str]] = rule[0]["columns"] if rule else {}
    return [
        {
            "table": table,
            "column": target,
            "file": file[0]["path"],
            "sheet": file[0]["sheet"],
            "row": row["source_row"],
            "source_column": name,
            "mapping": f"{rule[0]['mapping']}:{rule[0]['line']}",
            "run": row["run"],
            "sha256": file[0]["sha256"][:12],
        }
        for target, names in columns.items()
        for name in [next((name for name in names if name in present), None)]
        if name is not None
    ]


def _history(connection: Connection, id_: str) -> Rows:
    table = ResourceHistory.__table__
    return _rows(
        connection,
        select(table.c.version, table.c.ended_run, table.c.reason, table.c.content_hash)
        .where(table.c.id == id_)
        .order_by(table.c.version),
    )


def _resources(connection: Connection, patient: str) -> Rows:
    found: list[dict[str, Any]] = []
    for table in published_tables():
        if "subject_id" in table.c:
            rows = _rows(
                connection,
                select(table.c.id, table.c.data_element, table.c.version, table.c.source_row)
                .where(table.c.subject_id == patient)
                .order_by(table.c.data_element, table.c.id),
            )
            found += [{"table": table.name, **row} for row in rows]
    return found


def _endpoints(connection: Connection, id_: str) -> Rows:
    found: list[dict[str, Any]] = []
    for name in (Adtte.__tablename__, Adrs.__tablename__):
        table = Base.metadata.tables[name]
        rows = _rows(
            connection,
            select(table.c.usubjid, table.c.paramcd, table.c.definition).where(
                or_(table.c.srcid == id_, table.c.usubjid == id_)
            ),
        )
        found += [{"table": name, **row} for row in rows]
    return found


def _results(connection: Connection, id_: str) -> Rows:
    subject, result = AnalysisSubject, AnalysisResult
    moved = select(subject.analysis_id).where(or_(subject.srcid == id_, subject.usubjid == id_))
    return _rows(
        connection,
        select(
            result.id,
            result.plan,
            result.step,
            result.endpoint,
            result.group_value,
            result.statistic,
            result.value,
        )
        .where(result.analysis_id.in_(moved))
        .order_by(result.plan, result.step, result.id),
    )


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
