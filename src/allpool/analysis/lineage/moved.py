"""What rests on resources: the endpoints that they decide, and the results that a change would move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
from sqlalchemy import select
from sqlalchemy.engine import Connection

from allpool.analysis.cohorts.adverse_events import ALL_EVENTS
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import ELEMENT_OF
from allpool.analysis.definitions.forms import ResponseDefinition, TimeDefinition
from allpool.analysis.lineage.behind import (
    PERSON,
    condition_name,
    definitions_of,
    moment_roles,
    names_in,
)
from allpool.analysis.lineage.cells import BATCH, Resource, rows_in
from allpool.analysis.lineage.moments import moments_of
from allpool.models import AnalysisResult, AnalysisSubject, Base

PERSONAL: Final = ("patient", "research_subject")
"""Tables of a person's own row."""
SHOWN: Final = ("id", "plan", "step", "endpoint", "definition", "group_value", "statistic", "at", "value")


@dataclass
class Rests:
    """What rests on some resources of one subject: by moment, by name (fact, element, endpoint), by row."""

    ids: frozenset[str]
    moments: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    everything: bool = False
    """Whether it is the subject itself that is asked about."""


def resting(
    connection: Connection,
    catalogue: Catalogue,
    resources: Sequence[Resource],
    *,
    fills: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Rests]:
    """Return usubjid -> what of that subject rests on the resources.

    `fills` are the columns in question, by resource; of a person's own row, which says several things, only
    what these say counts then, also where it is empty so far.
    """
    ids = frozenset(resource.id for resource in resources) | {
        str(resource.row["observation_id"]) for resource in resources if "observation_id" in resource.row
    }
    level = _subjects_of(connection, resources)
    found = {usubjid: Rests(ids) for usubjid in level}
    if not found:
        return found
    times = moments_of(connection, catalogue, level).filter(pl.col("srcid").is_in(list(ids)))
    chosen = fills or {}
    for usubjid, moment, srcid in times.select("usubjid", "moment", "srcid").iter_rows():
        own = catalogue.moments[moment]
        if own.table not in PERSONAL or srcid not in chosen or own.time in chosen[srcid]:
            found[usubjid].moments.add(moment)
    for table, name in (("adfact", "paramcd"), ("adrs", ""), ("adtte", ""), ("adae", "aedecod")):
        for row in rows_in(connection, Base.metadata.tables[table], "srcid", sorted(ids)):
            if row["usubjid"] in found:
                said = row[name] if name else f"{row['paramcd']}/{row['definition']}"
                found[row["usubjid"]].names |= {str(said), ALL_EVENTS} if table == "adae" else {str(said)}
    for resource in resources:
        columns = chosen.get(resource.id)
        happening = {
            name
            for name, moment in catalogue.moments.items()
            if moment.table == resource.table in PERSONAL and moment.time in (columns or ())
        }
        for usubjid in level:
            found[usubjid].names |= _own_names(resource, catalogue, columns)
            found[usubjid].moments |= happening
    return found


def endpoints_resting(
    connection: Connection, catalogue: Catalogue, rests: Mapping[str, Rests]
) -> list[dict[str, Any]]:
    """Return the derived rows that rest on the resources, and in which role."""
    found: list[dict[str, Any]] = []
    for name in ("adtte", "adrs", "adfact"):
        own = Base.metadata.tables[name]
        for row in rows_in(connection, own, "usubjid", sorted(rests)):
            mine = rests[row["usubjid"]]
            definition = row.get("definition")
            roles = [] if row["srcid"] not in mine.ids else ["answer"]
            for asked in definitions_of(catalogue, row["paramcd"], definition) if definition else ():
                roles += _moment_roles(asked, mine.moments, catalogue)
            if roles or mine.everything:
                shown = {"usubjid": row["usubjid"], "paramcd": row["paramcd"], "definition": definition}
                found.append({"table": name, **shown, "role": "; ".join(dict.fromkeys(roles)) or None})
    return found


def results_moved(
    connection: Connection, catalogue: Catalogue, rests: Mapping[str, Rests]
) -> list[dict[str, Any]]:
    """Return the results whose subjects include one of these through something that rests on the resources.

    `through` says by what: the answer, a moment of the definition, the group, a covariate, the population.
    A result of a group that the subject is not in is not moved, unless it is the group that would change.
    """
    subject = Base.metadata.tables[AnalysisSubject.__tablename__]
    result = Base.metadata.tables[AnalysisResult.__tablename__]
    of: dict[str, list[dict[str, Any]]] = {}
    for row in rows_in(connection, subject, "usubjid", sorted(rests)):
        of.setdefault(row["analysis_id"], []).append(row)
    groups = _groups(connection, of)
    found = []
    for row in rows_in(connection, result, "analysis_id", sorted(of)):
        through: dict[str, None] = {}
        for mine in of[row["analysis_id"]]:
            own = rests[mine["usubjid"]]
            said = ["the subject itself"] if own.everything else list(_through(row, mine, own, catalogue))
            changes_group = any(part.startswith("group: ") for part in said)
            others = groups[row["analysis_id"]] - {mine["group_value"], None}  # without a group: of all
            elsewhere = row["group_value"] in others
            if not elsewhere or changes_group:
                through.update(dict.fromkeys(said))
        if through:
            found.append({**{name: row[name] for name in SHOWN}, "through": "; ".join(through)})
    return sorted(found, key=lambda row: (row["plan"], row["step"], row["id"]))


def waiting_rests(catalogue: Catalogue, elements: Iterable[str]) -> Rests:
    """Return what would rest on a cell of some data elements that waits in quarantine; all, if of none."""
    wanted = sorted(set(elements))
    rests = Rests(frozenset(), everything=not wanted)
    for element in wanted:
        rests.moments |= {
            name
            for name, moment in catalogue.moments.items()
            if element in moment.elements or element == moment.element
        }
        rests.names |= {element, *(name for name, of in ELEMENT_OF.items() if of == element)}
        rests.names |= {
            name for name, fact in catalogue.facts.items() if element in _words(fact.model_dump())
        }
        for endpoint in catalogue.endpoints.values():
            for name, definition in endpoint.definitions.items():
                words = set(_words(definition.model_dump()))
                measured = isinstance(definition, ResponseDefinition) and definition.measured is not None
                is_mrd = element.startswith("mrd") and measured
                if element in words or is_mrd:
                    rests.names.add(f"{endpoint.endpoint}/{name}")
    return rests


def _through(
    result: Mapping[str, Any], subject: Mapping[str, Any], rests: Rests, catalogue: Catalogue
) -> Iterator[str]:
    if subject["srcid"] is not None and subject["srcid"] in rests.ids:
        yield f"answer: {subject['description']}" if subject["description"] else "answer"
    for definition in definitions_of(catalogue, result["endpoint"], result["definition"]):
        yield from _moment_roles(definition, rests.moments, catalogue)
    asked = f"{result['endpoint']}/{result['definition']}"
    if asked in rests.names and subject["srcid"] is None:
        yield f"answer: {asked}"
    for role, name in names_in(catalogue, result):
        if name in rests.names or ELEMENT_OF.get(name, name) in rests.names:
            yield f"{role}: {name}"
    population = catalogue.populations.get(result["population"])
    for condition in (*population.where, *population.any_of) if population else ():
        own = condition_name(condition)
        if own is not None and (own in rests.names or ELEMENT_OF.get(own, own) in rests.names):
            yield f"population: {own}"


def _moment_roles(definition: Any, moments: Iterable[str], catalogue: Catalogue) -> list[str]:
    if not isinstance(definition, TimeDefinition):
        return []
    roles = moment_roles(definition)
    return [f"{roles[name]}: {catalogue.moments[name].title}" for name in sorted(moments) if name in roles]


def _own_names(resource: Resource, catalogue: Catalogue, columns: Sequence[str] | None) -> set[str]:
    """Return the names that the analysis knows a resource by: its data element, or columns of the person."""
    if resource.table in PERSONAL:
        own = {name: column for name, (table, column) in PERSON.items() if table == resource.table}
        if resource.table == "patient":
            own["age_at_index"] = "birth"
        return {name for name, column in own.items() if columns is None or column in columns}
    element = resource.row.get("data_element")
    return {str(element)} & catalogue.baseline_elements


def _subjects_of(connection: Connection, resources: Sequence[Resource]) -> dict[str, str]:
    """Return usubjid -> patient id of the subjects that the resources are of."""
    level: dict[str, str] = {}
    patients: set[str] = set()
    parents: set[str] = set()
    for resource in resources:
        row = resource.row
        if resource.table == "research_subject":
            level[resource.id] = str(row["individual_id"])
        elif resource.table == "patient":
            patients.add(resource.id)
        elif "observation_id" in row:
            parents.add(str(row["observation_id"]))
        elif row.get("subject_id"):
            patients.add(str(row["subject_id"]))
    observations = rows_in(connection, Base.metadata.tables["observation"], "id", sorted(parents))
    patients |= {str(row["subject_id"]) for row in observations}
    table = Base.metadata.tables["research_subject"]
    for row in rows_in(connection, table, "individual_id", sorted(patients)):
        level[str(row["id"])] = str(row["individual_id"])
    return level


def _groups(connection: Connection, analyses: Iterable[str]) -> dict[str, set[str | None]]:
    """Return analysis -> the groups that its subjects are in."""
    table = Base.metadata.tables[AnalysisSubject.__tablename__]
    wanted = sorted(set(analyses))
    found: dict[str, set[str | None]] = {name: set() for name in wanted}
    for at in range(0, len(wanted), BATCH):
        query = select(table.c.analysis_id, table.c.group_value).distinct()
        for name, group in connection.execute(query.where(table.c.analysis_id.in_(wanted[at : at + BATCH]))):
            found[name].add(group)
    return found


def _words(value: Any) -> Iterator[str]:
    """Yield every text in a nested definition."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _words(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _words(part)
