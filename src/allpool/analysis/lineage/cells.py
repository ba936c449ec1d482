"""Rows of resources, and the source cells that filled them: file, sheet, row and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from allpool.models import Base, MappingRule, ObservationComponent, SourceFile, published_tables

BATCH: Final = 500
"""Ids per query: SQLite takes 32,766 parameters in one, older ones 999."""


@dataclass(frozen=True)
class Resource:
    """One row of a resource table."""

    table: str
    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row["id"])


def read_resources(connection: Connection, ids: Iterable[tuple[str, str]]) -> dict[str, Resource]:
    """Return rows by id, given (table, id); with an observation come its components."""
    by_table: dict[str, list[str]] = {}
    for table, id_ in sorted(set(ids)):
        by_table.setdefault(table, []).append(id_)
    found: dict[str, Resource] = {}
    for name, wanted in by_table.items():
        for row in rows_in(connection, Base.metadata.tables[name], "id", wanted):
            found[str(row["id"])] = Resource(name, row)
    observations = by_table.get("observation", [])
    components = Base.metadata.tables[ObservationComponent.__tablename__]
    for row in rows_in(connection, components, "observation_id", observations):
        found[str(row["id"])] = Resource(components.name, row)
    return found


def cells_of(connection: Connection, resources: Sequence[Resource]) -> list[dict[str, Any]]:
    """Return the cells behind resources: where each stands, and the column that it fills.

    A column that the mapping joins from another file stands in that file, in the row of the patient; one that
    it computes is named as the mapping names it. Resources of the consortium's own study files have no cells.
    """
    sources = Base.metadata.tables[SourceFile.__tablename__]
    files = _by_id(connection, sources, {r.row["source_file"] for r in resources})
    rules = _rules(connection, {r.row["rule"] for r in resources if r.row["rule"]})
    joins = _Joins(connection)
    found: list[dict[str, Any]] = []
    for resource in resources:
        file = files.get(str(resource.row["source_file"]))
        own = {"table": resource.table, "id": resource.id}
        if file is None:
            found.append({**own, "feed": resource.row["feed"], "mapping": "the consortium's own study files"})
            continue
        rule = rules.get((str(resource.row["rule"]), str(resource.row["feed"])))
        present = set(file["columns"])
        for target, names in (rule["columns"] if rule else {}).items():
            name = next((name for name in names if name in present), names[0] if names else None)
            if name is None or not (name in present or len(names) == 1):
                continue
            there, row, note = file, resource.row["source_row"], None
            if name not in present:
                joined = joins.place(str(file["feed"]), name, resource)
                note = "computed by the mapping" if joined is None else "joined by the mapping"
                if joined is not None:
                    there, row, name = joined
            found.append(
                {
                    **own,
                    "column": target,
                    "feed": there["feed"],
                    "file": there["path"],
                    "sheet": there["sheet"],
                    "row": row,
                    "source_column": name,
                    "mapping": f"{rule['mapping']}:{rule['line']}" if rule else None,
                    "run": resource.row["run"],
                    "sha256": there["sha256"][:12],
                    **({"note": note} if note else {}),
                }
            )
    return found


def resources_at(connection: Connection, files: Iterable[str], row: int) -> list[Resource]:
    """Return the resources that a row of a file filled, given the ids of its contents over time."""
    wanted = sorted(set(files))
    found = []
    for table in published_tables():
        if "source_file" not in table.c:
            continue
        query = select(table).where(table.c.source_file.in_(wanted), table.c.source_row == row)
        found += [
            Resource(str(table.name), dict(each._mapping))
            for each in connection.execute(query.order_by(table.c.id))
        ]
    return found


def filled(connection: Connection, resources: Sequence[Resource], column: str) -> dict[str, list[str]]:
    """Return id -> the columns of the resource that a source column fills; none for the others."""
    rules = _rules(connection, {r.row["rule"] for r in resources if r.row["rule"]})
    found: dict[str, list[str]] = {}
    for resource in resources:
        rule = rules.get((str(resource.row["rule"]), str(resource.row["feed"])))
        targets = [target for target, names in (rule["columns"] if rule else {}).items() if column in names]
        if targets:
            found[resource.id] = targets
    return found


def joined_at(
    connection: Connection, resources: Sequence[Resource], *, feed: str, source: str, column: str
) -> list[tuple[Resource, list[str]]]:
    """Return resources of other files of a feed that the mapping joins a column into, and what it fills.

    `resources` are those of the row that the column is joined from: theirs are the patients.
    """
    name = f"{source}.{column}"
    table = Base.metadata.tables[MappingRule.__tablename__]
    rules = {
        row["id"]: (row["table_name"], [target for target, names in row["columns"].items() if name in names])
        for row in rows_in(connection, table, "feed", [feed])
    }
    patients = sorted({patient for patient in map(patient_of, resources) if patient})
    found = []
    for rule, (table_name, targets) in sorted(rules.items()):
        own = Base.metadata.tables[table_name]
        if targets and "subject_id" in own.c:
            query = select(own).where(own.c.rule == rule, own.c.feed == feed, own.c.subject_id.in_(patients))
            for row in connection.execute(query.order_by(own.c.id)):
                found.append((Resource(table_name, dict(row._mapping)), targets))  # noqa: PERF401
    return found


def elements_of(connection: Connection, *, feed: str, column: str) -> set[str]:
    """Return the data elements of the resources that a source column fills, for any patient of a feed."""
    table = Base.metadata.tables[MappingRule.__tablename__]
    found: set[str] = set()
    for rule in rows_in(connection, table, "feed", [feed]):
        own = Base.metadata.tables[rule["table_name"]]
        if "data_element" in own.c and any(column in names for names in rule["columns"].values()):
            query = select(own.c.data_element).distinct().where(own.c.rule == rule["id"], own.c.feed == feed)
            found |= set(connection.execute(query).scalars())
    return found


def patient_of(resource: Resource) -> str | None:
    """Return the id of the patient that a resource is of; none for a part of another."""
    if resource.table == "patient":
        return resource.id
    found = resource.row.get("subject_id") or resource.row.get("individual_id")
    return None if found is None else str(found)


class _Joins:
    """Where a joined column stands: in which file, and in which row for each patient."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.rows: dict[str, dict[str, int]] = {}
        self.files: dict[str, list[dict[str, Any]]] = {}

    def place(
        self, feed: str, name: str, resource: Resource
    ) -> tuple[dict[str, Any], int | None, str] | None:
        """Return file, row and column of `source.column`; None where the name is no joined column."""
        source, dot, column = name.partition(".")
        if feed not in self.files:
            table = Base.metadata.tables[SourceFile.__tablename__]
            self.files[feed] = rows_in(self.connection, table, "feed", [feed])
        for file in self.files[feed] if dot else ():
            if file["source"] != source or column not in file["columns"]:
                continue
            if file["id"] not in self.rows:
                self.rows[file["id"]] = self._by_patient(file["id"])
            row = self.rows[file["id"]].get(patient_of(resource) or self._parent(resource))
            if row is not None:
                return file, row, column
        return None

    def _by_patient(self, file: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for table in published_tables():
            if "source_file" not in table.c:
                continue
            for row in self.connection.execute(select(table).where(table.c.source_file == file)):
                resource = Resource(str(table.name), dict(row._mapping))
                patient = patient_of(resource)
                if patient and resource.row["source_row"] is not None:
                    found.setdefault(patient, int(resource.row["source_row"]))
        return found

    def _parent(self, resource: Resource) -> str:
        table = Base.metadata.tables["observation"]
        rows = rows_in(self.connection, table, "id", [str(resource.row.get("observation_id"))])
        return str(rows[0]["subject_id"]) if rows else ""


def rows_in(connection: Connection, table: Table, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table whose column holds one of many values."""
    found: list[dict[str, Any]] = []
    for at in range(0, len(values), BATCH):
        query = select(table).where(table.c[column].in_(values[at : at + BATCH]))
        found += [dict(row._mapping) for row in connection.execute(query.order_by(*table.primary_key))]
    return found


def _by_id(connection: Connection, table: Table, ids: Iterable[str | None]) -> dict[str, dict[str, Any]]:
    wanted = sorted(id_ for id_ in set(ids) if id_)
    return {str(row["id"]): row for row in rows_in(connection, table, "id", wanted)}


def _rules(connection: Connection, ids: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    table = Base.metadata.tables[MappingRule.__tablename__]
    rows = rows_in(connection, table, "id", sorted(set(ids)))
    return {(str(row["id"]), str(row["feed"])): row for row in rows}
