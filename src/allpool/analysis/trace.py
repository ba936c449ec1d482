"""The walk from a result to its subjects, resources and cells, and from a cell or resource to its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from allpool.analysis.definitions.catalogue import Catalogue, load_catalogue
from allpool.analysis.lineage import landed
from allpool.analysis.lineage.behind import Behind, resources_behind
from allpool.analysis.lineage.cells import (
    Resource,
    cells_of,
    elements_of,
    filled,
    joined_at,
    read_resources,
    resources_at,
    rows_in,
)
from allpool.analysis.lineage.moved import (
    Rests,
    endpoints_resting,
    resting,
    results_moved,
    waiting_rests,
)
from allpool.analysis.lineage.places import CellPlace, find_place, told, waiting_at
from allpool.errors import AnalysisError
from allpool.models import (
    LANDED,
    AnalysisResult,
    AnalysisSubject,
    Base,
    Quarantine,
    ResourceHistory,
    published_tables,
)

Rows = Sequence[dict[str, Any]]
FILLS_NOTHING = (
    "the cell is empty, or the mapping ignores its column, or it is a key or a condition: then it says which "
    "resources its row has, and the row can be asked for"
)


@dataclass(frozen=True)
class Trace:
    """What an id is, where it comes from, and what rests on it; one list of rows a heading.

    `real` says whether persons who are not synthetic are listed.
    """

    kind: str
    id: str
    parts: dict[str, Rows] = field(default_factory=dict)
    real: bool = False

    def counted(self) -> Trace:
        """Return the walk with counts in place of lists of persons: by group and answer, role, and column."""
        by = {
            "subjects": ("group_value", "description"),
            "resources": ("role", "table", "data_element"),
            "cells": ("feed", "file", "sheet", "source_column", "table", "column"),
        }
        parts = {name: _counts(rows, by[name]) if name in by else rows for name, rows in self.parts.items()}
        return replace(self, parts=parts)


def trace(connection: Connection, id_: str) -> Trace:
    """Return the walk from the id of a result, subject, resource or quarantine entry.

    Raises `AnalysisError` for an unknown id.
    """
    catalogue = load_catalogue()
    result = _by_id(connection, AnalysisResult.__tablename__, id_)
    if result:
        return _of_result(connection, catalogue, result[0])
    for table in published_tables():
        found = _by_id(connection, str(table.name), id_)
        if found:
            return _of_resource(connection, catalogue, Resource(str(table.name), found[0]))
    whole = _by_id(connection, LANDED.name, id_)
    if whole:
        return _of_landed(connection, whole[0])
    entry = _by_id(connection, Quarantine.__tablename__, id_)
    if entry:
        return _of_entry(connection, catalogue, entry[0])
    history = _history(connection, id_)
    if history:
        return Trace("retracted resource", id_, {"versions": history})
    raise AnalysisError(
        f"no result, subject, resource or quarantine entry has the id {id_}; ids stand in every table and "
        "result; a cell is asked for as FILE:ROW:COLUMN"
    )


def trace_place(connection: Connection, place: CellPlace) -> Trace:
    """Return the walk from a cell (or, without a column, a row) to what it fills, decides and moves.

    Raises `AnalysisError` for a file, sheet or column that was never read, with the nearest names.
    """
    catalogue = load_catalogue()
    found = find_place(connection, place)
    resources = resources_at(connection, found.contents, place.row)
    columns = filled(connection, resources, place.column) if place.column is not None else {}
    filling = [resource for resource in resources if resource.id in columns]
    if place.column is not None:
        joined = joined_at(connection, resources, feed=found.feed, source=found.source, column=place.column)
        filling += [resource for resource, _ in joined]
        columns |= {resource.id: targets for resource, targets in joined}
    followed = filling if place.column is not None else resources
    where = {"feed": found.feed, "file": found.path, "sheet": found.sheet, "row": place.row}
    parts: dict[str, Rows] = {"place": [{**where, "column": place.column}]}
    if filling:
        parts["resources it fills"] = [
            {**_named(resource), "fills": ", ".join(columns[resource.id])} for resource in filling
        ]
    else:
        parts["resources of its row"] = [_named(resource) for resource in resources]
    whole = landed.landed_at(connection, feed=found.feed, path=found.path, row=place.row)
    if whole:
        parts["landed whole"] = whole
    waiting = waiting_at(connection, found)
    if waiting:
        parts["waits in quarantine"] = waiting
    elif place.column is not None and not filling:
        parts["why it fills nothing"] = [{"why": FILLS_NOTHING}]
    rests = resting(connection, catalogue, followed, fills=columns)
    if waiting:
        rests = _entries_rests(connection, catalogue, waiting, rests)
    return Trace(
        "cell" if place.column else "row", str(place), {**parts, **_forward(connection, catalogue, rests)}
    )


def _of_result(connection: Connection, catalogue: Catalogue, result: dict[str, Any]) -> Trace:
    table = Base.metadata.tables[AnalysisSubject.__tablename__]
    rows = rows_in(connection, table, "analysis_id", [result["analysis_id"]])
    group = result["group_value"]
    mine = [row for row in rows if group is None or row["group_value"] == group] or rows
    mine.sort(key=lambda row: (str(row["group_value"]), row["usubjid"]))
    behind = resources_behind(connection, catalogue, result, mine)
    resources = read_resources(connection, {(each.table, each.id) for each in behind})
    own = Base.metadata.tables["adsl"]
    people = rows_in(connection, own, "usubjid", [row["usubjid"] for row in mine])
    real = any(not row["synthetic"] for row in people)
    parts: dict[str, Rows] = {
        "result": [result],
        "subjects": [{name: row[name] for name in table.c.keys() if name != "analysis_id"} for row in mine],  # noqa: SIM118
        "resources": _behind_rows(behind, resources),
        "cells": _cells(connection, behind, resources),
    }
    return Trace("result", str(result["id"]), parts, real)


def _of_resource(connection: Connection, catalogue: Catalogue, resource: Resource) -> Trace:
    row = {name: value for name, value in resource.row.items() if value is not None}
    parts: dict[str, Rows] = {"row": [{"table": resource.table, **row}]}
    whole = [resource, *_components(connection, resource)]
    parts["cells"] = cells_of(connection, whole)
    history = _history(connection, resource.id)
    if history:
        parts["earlier versions"] = history
    if resource.table == "research_subject":
        parts["resources"] = _resources(connection, str(resource.row["individual_id"]))
    rests = resting(connection, catalogue, whole)
    if resource.table == "research_subject":
        rests = {resource.id: Rests(frozenset({resource.id}), everything=True)}
    return Trace(resource.table, resource.id, {**parts, **_forward(connection, catalogue, rests)})


def _of_landed(connection: Connection, row: dict[str, Any]) -> Trace:
    parts: dict[str, Rows] = {"row": [landed.told(row)], "place": landed.place_of(connection, row)}
    records = [_named(resource) for resource in landed.records_of(connection, row)]
    if records:
        parts["records of its row"] = records
    history = _history(connection, str(row["id"]))
    if history:
        parts["earlier versions"] = history
    return Trace(LANDED.name, str(row["id"]), parts)


def _of_entry(connection: Connection, catalogue: Catalogue, entry: dict[str, Any]) -> Trace:
    rests = _entries_rests(connection, catalogue, [entry], {})
    parts: dict[str, Rows] = {"quarantine entry": [told(entry)]}
    return Trace(
        "quarantine entry", str(entry["id"]), {**parts, **_forward(connection, catalogue, rests, waits=True)}
    )


def _entries_rests(
    connection: Connection, catalogue: Catalogue, entries: Rows, rests: Mapping[str, Rests]
) -> dict[str, Rests]:
    """Return `rests` with what would rest on quarantined cells of the subjects that they are of."""
    found = dict(rests)
    own = Base.metadata.tables[Quarantine.__tablename__]
    subjects = Base.metadata.tables["research_subject"]
    for entry in rows_in(connection, own, "id", [str(entry["id"]) for entry in entries]):
        if entry["patient_id"] is None:
            continue
        elements = {entry["element"]} - {None}
        if elements and entry["column"] is not None:  # one entry stands for all that the cell would fill
            elements |= elements_of(connection, feed=entry["feed"], column=entry["column"])
        for row in rows_in(connection, subjects, "individual_id", [entry["patient_id"]]):
            found.setdefault(str(row["id"]), waiting_rests(catalogue, elements))
    return found


def _forward(
    connection: Connection, catalogue: Catalogue, rests: Mapping[str, Rests], *, waits: bool = False
) -> dict[str, Rows]:
    """Return the parts that say what rests on resources; absent where nothing does."""
    endpoints = [] if waits else endpoints_resting(connection, catalogue, rests)
    results = results_moved(connection, catalogue, rests)
    parts: dict[str, Rows] = {}
    if endpoints:
        parts["endpoints that rest on it"] = endpoints
    if results:
        parts["results that it moves" if not waits else "results that it would move"] = results
    return parts


def _behind_rows(behind: Sequence[Behind], resources: Mapping[str, Resource]) -> Rows:
    return [
        {"usubjid": each.usubjid, "role": each.role, **_named(resources[each.id])}
        for each in behind
        if each.id in resources
    ]


def _cells(connection: Connection, behind: Sequence[Behind], resources: Mapping[str, Resource]) -> Rows:
    """Return the cells of the resources, each under the subjects whose part rests on it."""
    owners: dict[str, list[Behind]] = {}
    for each in behind:
        owners.setdefault(each.id, []).append(each)
    found: list[dict[str, Any]] = []
    for cell in cells_of(connection, list(resources.values())):
        resource = resources[cell["id"]]
        owner = str(resource.row.get("observation_id") or resource.id)
        found += [
            {"usubjid": each.usubjid, **cell}
            for each in owners.get(owner, ())
            if not each.columns or cell.get("column") is None or cell["column"] in each.columns
        ]
    return sorted(
        found, key=lambda cell: (cell["usubjid"], cell["table"], cell["id"], cell.get("column") or "")
    )


def _named(resource: Resource) -> dict[str, Any]:
    row = resource.row
    return {
        "table": resource.table,
        "id": resource.id,
        "data_element": row.get("data_element"),
        "version": row["version"],
        "source_row": row["source_row"],
    }


def _components(connection: Connection, resource: Resource) -> list[Resource]:
    if resource.table != "observation":
        return []
    table = Base.metadata.tables["observation_component"]
    return [
        Resource(str(table.name), row) for row in rows_in(connection, table, "observation_id", [resource.id])
    ]


def _resources(connection: Connection, patient: str) -> Rows:
    found: list[dict[str, Any]] = []
    for table in published_tables():
        if "subject_id" in table.c:
            rows = rows_in(connection, table, "subject_id", [patient])
            rows.sort(key=lambda row: (row["data_element"], row["id"]))
            found += [_named(Resource(str(table.name), row)) for row in rows]
    return found


def _history(connection: Connection, id_: str) -> Rows:
    table = Base.metadata.tables[ResourceHistory.__tablename__]
    query = (
        select(table.c.version, table.c.ended_run, table.c.reason, table.c.content_hash)
        .where(table.c.id == id_)
        .order_by(table.c.version)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def _by_id(connection: Connection, table: str, id_: str) -> list[dict[str, Any]]:
    return rows_in(connection, Base.metadata.tables[table], "id", [id_])


def _counts(rows: Rows, by: Sequence[str]) -> Rows:
    counts: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row.get(name) for name in by)
        counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: tuple(str(part) for part in item[0]))
    return [{**dict(zip(by, key, strict=True)), "count": number} for key, number in ordered]
