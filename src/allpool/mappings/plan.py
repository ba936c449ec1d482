"""A compiled mapping: everything resolved, nothing left to look up or to re-check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

from allpool.mappings.codes.relations import Relation
from allpool.mappings.dates import DateFormat
from allpool.mappings.dictionary import Usual
from allpool.mappings.read import FhirRead, Read
from allpool.mappings.schema import Binding, Condition, Join, PatientKey, Scope
from allpool.mappings.units.conversion import Scale

Kind = Literal["coding", "quantity", "partial_date", "text", "integer", "boolean"]

ABSENT = "data_absent_reason"
"""Column of the tables that says why there is no value, and the code table that codes it."""

CONTEXT = frozenset(
    {"date", "timepoint", "specimen", "method", "performer", "course", "absent", "site", "result_status"}
)
"""Fields that describe a record; they alone do not make one."""


@dataclass(frozen=True)
class Words:
    """What a coded field understands: normalised text -> code, and texts that are known rubbish."""

    codes: Mapping[str, str]
    ignored: frozenset[str]
    table: str | None
    unmatched: Mapping[str, str] = field(default_factory=dict)
    """Normalised text that deliberately has no code -> why."""
    relations: tuple[Relation, ...] = ()
    """What the mapping and its code file say of texts, in their order; a table's own words are equivalent."""


@dataclass(frozen=True)
class FieldPlan:
    """One field of one rule: where it comes from, how it is read, and the columns that it fills."""

    name: str
    kind: Kind
    binding: Binding
    element: str | None
    required: bool
    column: str | None
    """Column or composite of the record's table, or of observation_component."""
    is_component: bool = False
    is_specimen: bool = False
    words: Words | None = None
    system: str | None = None
    """Canonical URL of the codes, where the column does not fix it."""
    has_system: bool = False
    has_delivered: bool = False
    has_time: bool = False
    units: Scale | None = None
    unit: str | None = None
    usual: Usual | None = None
    """What the column looks like as a whole in the right unit; None where that is not asked."""
    formats: tuple[DateFormat, ...] = ()
    external: tuple[str, str] | None = None
    """System and code of a component's element, where a public one is known."""
    expected: str = ""
    """What is accepted, as a sentence for the centre."""
    missing: Mapping[str, str | None] = field(default_factory=dict)
    """Text that says nothing here -> why there is no value (code of `data_absent_reason`), where that is
    known; the empty text is the empty cell."""

    @property
    def is_value(self) -> bool:
        """Whether it says what an observation found: its value, or the category of a measurement."""
        name = self.column or ""
        return not self.is_component and (name.startswith("value_") or name == "interpretation")

    @property
    def tells_absence(self) -> bool:
        """Whether a text of it says why there is no value."""
        return any(reason is not None for reason in self.missing.values())


@dataclass(frozen=True)
class RulePlan:
    """One record of one source."""

    id: str
    source: str
    record: str
    table: str
    data_element: str | None
    external: tuple[str, str] | None
    category: str | None
    singular: bool
    key: tuple[str, ...]
    fixed: Mapping[str, str]
    when: tuple[Condition, ...]
    key_columns: tuple[str, ...]
    fields: tuple[FieldPlan, ...]
    line: int
    takes_absence: bool = False
    """Whether its records can say why they have no value."""

    @property
    def absent_by(self) -> tuple[FieldPlan, ...]:
        """Fields whose missing-data texts say why the record has no value, if none of its values is read."""
        values = [item for item in self.fields if item.is_value] if self.takes_absence else []
        return tuple(values) if any(item.tells_absence for item in values) else ()

    @property
    def columns(self) -> dict[str, list[str]]:
        """Target (column, or component element) -> source columns, for the walk back to a cell."""
        found = {target_of(item): list(item.binding.column or ()) for item in self.fields}
        for item in self.absent_by:
            if item.tells_absence:
                found[ABSENT] = [*found.get(ABSENT, ()), *(item.binding.column or ())]
        return found


TOKENS: Final = "_linkage"
"""Column of the linkage tokens of each row, which no file has."""


@dataclass(frozen=True)
class LinkagePlan:
    """The columns of direct identifiers that tokens are made from, each as the names it may have."""

    name: tuple[tuple[str, ...], ...] = ()
    """Family and given name, or the full one."""
    birth: FieldPlan | None = None
    sex: FieldPlan | None = None
    national_id: tuple[str, ...] = ()
    country: str | None = None
    hospital_number: tuple[str, ...] = ()

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """Every column, each as the names it may have."""
        fields = [item.binding.column for item in (self.birth, self.sex) if item is not None]
        found = (*self.name, *fields, self.national_id, self.hospital_number)
        return [names for names in found if names]


@dataclass(frozen=True)
class SourcePlan:
    """One source and its rules."""

    name: str
    file: str | None
    """None where the source is no file."""
    read: Read
    required: bool
    patient: PatientKey
    missing: Mapping[str, str | None]
    """Text that says nothing in any column -> why there is no value, where the mapping says that."""
    joins: tuple[Join, ...]
    computed: Mapping[str, tuple[str, tuple[tuple[str, ...], ...], Mapping[str, str]]]
    """Name -> function, columns (each as the names it may have), settings."""
    rules: tuple[RulePlan, ...]
    ignore: Mapping[str, str]
    lent: tuple[str, ...] = ()
    """Columns that other sources join."""
    linkage: LinkagePlan | None = None

    def named_columns(self) -> list[tuple[str, ...]]:
        """Return every column that the source reads, each as the names it may have."""
        return list(dict.fromkeys([*self._read(), *(self.linkage.columns if self.linkage else ())]))

    def for_tokens_alone(self) -> frozenset[str]:
        """Return the columns that linkage tokens are made from and nothing else reads."""
        linked = {name for names in self.linkage.columns for name in names} if self.linkage else set()
        return frozenset(linked - {name for names in self._read() for name in names})

    def _read(self) -> list[tuple[str, ...]]:
        found: dict[tuple[str, ...], None] = {self.patient.column: None}
        for _, columns, _ in self.computed.values():
            found.update(dict.fromkeys(columns))
        found.update({(column,): None for column in self.lent})
        for rule in self.rules:
            for item in rule.fields:
                if item.binding.column:
                    found[item.binding.column] = None
                if item.binding.unit is not None and not isinstance(item.binding.unit, str):
                    found[item.binding.unit.column] = None
                found.update(dict.fromkeys(condition_columns(item.binding.when)))
            found.update(dict.fromkeys(condition_columns(rule.when)))
            found.update({(column,): None for column in rule.key_columns})
        made = {
            TOKENS,
            *self.computed,
            *(f"{join.source}.{column}" for join in self.joins for column in join.columns),
        }
        return [names for names in found if names[0] not in made]


@dataclass(frozen=True)
class NotCollectedPlan:
    """A data element that the mapping declares never to be sent."""

    element: str
    record: str
    target: str | None
    """Column or component element that it would fill; None where the whole record is not collected."""
    line: int


@dataclass(frozen=True)
class LandingPlan:
    """FHIR files of which every resource is kept whole."""

    source: str
    """Name of the source that names the files."""
    file: str
    read: FhirRead
    required: bool
    resource: str | None
    """Type of resources that the source maps; None: none."""

    @property
    def rule(self) -> str:
        """The id in `mapping_rule` of what these files land as."""
        return sha256(f"landing|{self.source}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class CompiledMapping:
    """A mapping that is valid: every element, unit, code and function in it exists."""

    name: str
    version: str
    language: str
    timezone: str | Mapping[str, str]
    """Of times of day without an offset: one, or centre -> its own; at another centre they say no moment."""
    study: Scope | None
    centre: Scope | None
    sources: tuple[SourcePlan, ...]
    """Those whose rows become records."""
    file: str
    hash: str
    """Over the mapping file, those that it names, the dictionary, the terminology and the record types."""
    codes: str | None = None
    """The code sheet beside the mapping."""
    not_collected: tuple[NotCollectedPlan, ...] = ()
    landings: tuple[LandingPlan, ...] = ()
    """FHIR files, in the order of the mapping; one that several name lands once."""


def target_of(item: FieldPlan) -> str:
    """Return what a field fills, as walks name it: a column of the table, or the element of a component."""
    if item.is_component:
        return item.element or item.name
    return item.column or "specimen_id"


def condition_columns(conditions: tuple[Condition, ...]) -> list[tuple[str, ...]]:
    """Return the columns that conditions look at."""
    found: list[tuple[str, ...]] = []
    for condition in conditions:
        if condition.column:
            found.append(condition.column)
        found.extend(condition_columns(condition.any))
    return found
