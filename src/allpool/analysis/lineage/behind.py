"""What a subject's part in a result rests on: the resources that decided it, and in which role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from allpool.analysis.cohorts.adverse_events import ALL_EVENTS
from allpool.analysis.cohorts.cohort import OWN
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.conditions import ELEMENT_OF, Condition
from allpool.analysis.definitions.forms import TimeDefinition
from allpool.analysis.lineage.cells import rows_in
from allpool.analysis.lineage.moments import moments_of
from allpool.models import Base

NOT_ROWS: Final = ("study", "centre", "studyid", "siteid")
PERSON: Final[Mapping[str, tuple[str, str]]] = {
    "sex": ("patient", "gender"),
    "arm": ("research_subject", "actual_arm"),
    "cohort_at_enrolment": ("research_subject", "cohort_at_enrolment"),
    "evaluable_response": ("research_subject", "evaluable_response"),
}
"""Columns of adsl that stand in the person's own rows."""


@dataclass(frozen=True, order=True)
class Behind:
    """One resource behind one subject's part in a result.

    `columns` are those of a person's own row that it is about; none means all.
    """

    usubjid: str
    role: str
    table: str
    id: str
    columns: tuple[str, ...] = ()


def resources_behind(
    connection: Connection,
    catalogue: Catalogue,
    result: Mapping[str, Any],
    subjects: Sequence[Mapping[str, Any]],
) -> list[Behind]:
    """Return what decided each subject's answer, origin, group, membership and, in a table, variable."""
    found: dict[Behind, None] = {}
    for subject in subjects:
        if subject["srcid"] is not None and subject["srcdom"] is not None:
            role = f"answer: {subject['description']}" if subject["description"] else "answer"
            found[Behind(subject["usubjid"], role, subject["srcdom"], subject["srcid"])] = None
    level = _subject_level(connection, [subject["usubjid"] for subject in subjects])
    for definition in definitions_of(catalogue, result["endpoint"], result["definition"]):
        if isinstance(definition, TimeDefinition):
            found.update(dict.fromkeys(_moments(connection, catalogue, definition, level)))
    reader = _Reader(connection, catalogue, level)
    population = catalogue.populations.get(result["population"])
    for name in names_in(catalogue, result):
        found.update(dict.fromkeys(reader.of(name, f"{name[0]}: {name[1]}")))
    for condition in (*population.where, *population.any_of) if population else ():
        own = condition_name(condition)
        if own is not None:
            found.update(dict.fromkeys(reader.of(("population", own), f"population: {own}")))
    return _joined(found)


def definitions_of(catalogue: Catalogue, endpoint: str, definition: str) -> list[Any]:
    """Return the definitions that a result was asked under; all of an endpoint's where each study's own."""
    asked = catalogue.endpoints.get(endpoint)
    if asked is None:
        return []
    own: Mapping[str, Any] = asked.definitions
    if definition == OWN:
        return list(own.values())
    return [own[definition]] if definition in own else []


def names_in(catalogue: Catalogue, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (role, name) of what a result is grouped by, a table's variable, or a model's terms."""
    by = result["group_by"]
    if by and by not in NOT_ROWS:
        yield "group", by
    if result["variable"]:
        yield "variable", result["variable"]
    if not by and result["group_value"]:
        term = re.split(r"[\[:= ]", str(result["group_value"]))[0]
        if term in catalogue.facts or term in ELEMENT_OF or term in catalogue.baseline_elements:
            yield "covariate", term
    asked = result["endpoint"]
    if asked in catalogue.facts:
        yield "fact", asked
    elif ELEMENT_OF.get(asked, asked) in catalogue.baseline_elements or asked in PERSON:
        yield "value", asked


def condition_name(condition: Condition) -> str | None:
    """Return what a condition is on, in the words that `group_by` would use."""
    if condition.response is not None:
        return f"{condition.response.endpoint}/{condition.response.definition}"
    if condition.event is not None:
        return f"{condition.event.endpoint}/{condition.event.definition}"
    return condition.column or condition.element or condition.fact


class _Reader:
    """Looks up the resources that a name (column, element, fact, endpoint, adverse event) was read from."""

    def __init__(self, connection: Connection, catalogue: Catalogue, level: Mapping[str, str]) -> None:
        self.connection = connection
        self.catalogue = catalogue
        self.level = level
        self.subject_of = {patient: usubjid for usubjid, patient in level.items()}

    def of(self, name: tuple[str, str], role: str) -> Iterator[Behind]:
        """Yield what stands behind `name` for each subject."""
        word = name[1]
        endpoint, _, definition = word.partition("/")
        if word in self.catalogue.facts:
            yield from self._derived("adfact", role, paramcd=word)
        elif endpoint in self.catalogue.endpoints:
            wanted = {"paramcd": endpoint, "definition": definition or "common"}
            yield from self._derived("adrs", role, **wanted)
            yield from self._derived("adtte", role, **wanted)
        elif word in PERSON:
            yield from self._person(*PERSON[word], role)
        elif ELEMENT_OF.get(word, word) in self.catalogue.baseline_elements:
            yield from self._element(ELEMENT_OF.get(word, word), role)
        elif word == ALL_EVENTS:
            yield from self._derived("adae", role)
        elif name[0] == "variable":
            yield from self._derived("adae", role, aedecod=word)

    def _derived(self, table: str, role: str, **wanted: str) -> Iterator[Behind]:
        own = Base.metadata.tables[table]
        query = select(own.c.usubjid, own.c.srcdom, own.c.srcid).where(
            own.c.srcid.is_not(None), *(own.c[name] == value for name, value in wanted.items())
        )
        for usubjid, srcdom, srcid in self.connection.execute(query):
            if usubjid in self.level and srcdom is not None:
                yield Behind(usubjid, role, srcdom, srcid)

    def _person(self, table: str, column: str, role: str) -> Iterator[Behind]:
        for usubjid, patient in self.level.items():
            yield Behind(usubjid, role, table, patient if table == "patient" else usubjid, (column,))

    def _element(self, element: str, role: str) -> Iterator[Behind]:
        treated = element == self.catalogue.baseline.treated
        own = Base.metadata.tables["medication_administration" if treated else "observation"]
        query = select(own.c.id, own.c.subject_id).where(own.c.data_element == element)
        known = set()
        for id_, patient in self.connection.execute(query):
            if patient in self.subject_of:
                known.add(patient)
                yield Behind(self.subject_of[patient], role, str(own.name), id_)
        if element == "age_at_index":  # else computed from the date of birth
            for usubjid, patient in self.level.items():
                if patient not in known:
                    yield Behind(usubjid, role, "patient", patient, ("birth",))


def _moments(
    connection: Connection, catalogue: Catalogue, definition: TimeDefinition, level: Mapping[str, str]
) -> Iterator[Behind]:
    """Yield the rows that say when the definition's moments happened."""
    roles = moment_roles(definition)
    times = moments_of(connection, catalogue, level)
    wanted = times.filter(pl.col("moment").is_in(list(roles)) & pl.col("srcid").is_not_null())
    for usubjid, moment, srcdom, srcid in wanted.select("usubjid", "moment", "srcdom", "srcid").iter_rows():
        title = catalogue.moments[moment].title
        own = catalogue.moments[moment]
        columns = (own.time,) if own.table in ("patient", "research_subject") else ()
        yield Behind(usubjid, f"{roles[moment]}: {title}", srcdom, srcid, columns)


def moment_roles(definition: TimeDefinition) -> dict[str, str]:
    """Return moment -> its part in a definition; the origin before all others."""
    parts = definition.model_dump()
    roles: dict[str, str] = {}
    for part in ("origin", "entry", "events", "competing", "failure", "among", "assessed", "censoring"):
        value = parts.get(part)
        words = (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, tuple | list)
            else (value,)
        )
        for name in words:
            if isinstance(name, str):
                roles.setdefault(name, {"events": "event", "competing": "competing event"}.get(part, part))
    return roles


def _subject_level(connection: Connection, usubjids: Iterable[str]) -> dict[str, str]:
    """Return usubjid -> patient id."""
    table: Table = Base.metadata.tables["research_subject"]
    rows = rows_in(connection, table, "id", sorted(set(usubjids)))
    return {str(row["id"]): str(row["individual_id"]) for row in rows}


def _joined(found: Iterable[Behind]) -> list[Behind]:
    """Return one row per subject and resource, its roles and columns together.

    An answer is of the columns of the moment that it is; where no moment says so, it is of the whole row.
    """
    roles: dict[tuple[str, str, str], list[Behind]] = {}
    for each in found:
        roles.setdefault((each.usubjid, each.table, each.id), []).append(each)
    joined = []
    for (usubjid, table, id_), parts in roles.items():
        told = [part for part in parts if part.columns]
        explained = any(not part.role.startswith("population") for part in told)
        whole = len(told) < len(parts) and not explained
        columns = () if whole else tuple(dict.fromkeys(name for part in told for name in part.columns))
        said = "; ".join(dict.fromkeys(part.role for part in parts))
        joined.append(Behind(usubjid, said, table, id_, columns))
    return sorted(joined)
