"""The mapping language: what a data manager may write in a mapping file.

One YAML file says how one centre's (or one study's) files become records. See docs/mapping-language.md.
The models here hold what the author typed; `compile.py` resolves it against the dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from allpool.mappings.codes.relations import Codes
from allpool.mappings.dictionary import Frozen, Language, Many, as_tuple
from allpool.mappings.read import FhirRead, Read

Text = str


def _as_missing(value: Any) -> Any:
    """Let an author write the texts alone, where nothing more is known of them."""
    return value if isinstance(value, dict) else dict.fromkeys(as_tuple(value))  # type: ignore[call-overload]


Missing = Annotated[Mapping[Text, Text | None], BeforeValidator(_as_missing)]
"""Text that stands for no value -> why there is none (code of `data_absent_reason`), where that is known."""


class Condition(Frozen):
    """A condition on a row. All the words given must hold; several conditions in a list must all hold."""

    column: Many | None = None
    equals: Text | None = None
    in_: Many | None = Field(default=None, alias="in")
    not_in: Many | None = None
    filled: bool | None = None
    """true: the cell says something; false: it is empty or holds a missing-data code."""
    any: tuple[Condition, ...] = ()
    """At least one of these holds."""

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        tests = [self.equals, self.in_, self.not_in, self.filled]
        if self.any:
            if self.column or any(test is not None for test in tests):
                raise ValueError("`any` stands alone")
            return self
        if self.column is None:
            raise ValueError("a condition names its column")
        if sum(test is not None for test in tests) != 1:
            raise ValueError("a condition has exactly one of equals, in, not_in, filled, any")
        return self


class Relative(Frozen):
    """The cell counts time from an event instead of giving a date."""

    anchor: str
    """A code of the table `time_anchor`: study-entry, first-dose, diagnosis, ..."""
    unit: Literal["d", "wk"] = "d"
    """UCUM unit: days or weeks; months have no fixed length and are refused."""
    origin: Literal["0", "1", "cdisc"] = "0"
    """Number of the anchor's own day or week; `cdisc`: it is day 1, and the day before it is day -1."""

    @model_validator(mode="after")
    def _days_alone(self) -> Relative:
        if self.origin == "cdisc" and self.unit != "d":
            raise ValueError("`origin: cdisc` counts days (`unit: d`)")
        return self


class UnitColumn(Frozen):
    """The unit stands in a column of its own."""

    column: Many
    codes: Mapping[Text, Text] = Field(default_factory=dict)
    """What the column says -> UCUM unit; a UCUM unit or a written form that allpool knows needs no entry."""


class Binding(Frozen):
    """Where one field of a record comes from."""

    column: Many | None = None
    """Column name, or the names it has in different deliveries: the first that the file has is read."""
    constant: Text | None = None
    when: tuple[Condition, ...] = ()
    """Read the cell only on rows where this holds."""
    missing: Missing = Field(default_factory=dict)
    """Further texts that say nothing here, beside the source's; what each says, if that is known."""
    skip: Many = ()
    """Texts that another field of the record reads: nothing for this one, and no error."""
    codes: Codes | None = None
    """A code table by name, or text -> code; for a text field, text -> the text that stands for it."""
    numeric: Text | None = None
    """Code that any number stands for (a column that mixes words and numbers)."""
    unit: Text | UnitColumn | None = None
    """UCUM unit of the numbers in this column; required for every quantity."""
    unit_confirmed: Text | None = None
    """Why a column that looks like another unit is in this one all the same; it is then not doubted."""
    comparators: bool = False
    """Accept `<0.01` and the like as a value with its comparator."""
    below: Mapping[Text, Text] = Field(default_factory=dict)
    """Word -> number, or field of the same record, that the value is known to be below."""
    format: Many = ()
    """Date formats: %Y-%m-%d, %d. %B %y and the like, `iso`, `excel` (serial of 1900) or `excel1904`."""
    century: int | None = Field(default=None, ge=1800, le=2000)
    """First of the hundred years that a year of two digits (%y) means: 1930 is 1930 to 2029."""
    unknown_parts: Many = ()
    """Texts that stand for an unknown day or month (UN, XX, 00): the date is then of the month or year."""
    relative: Relative | None = None
    pattern: Text | None = None
    """Regular expression that the whole text must match."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"constant": value}
        if isinstance(value, dict) and isinstance(value.get("when"), dict):
            return {**value, "when": [value["when"]]}
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Binding:
        if (self.column is None) == (self.constant is None):
            raise ValueError("a field takes either a column or a constant")
        if self.relative and self.format:
            raise ValueError("`relative` counts days and takes no date format")
        return self


class Record(Frozen):
    """One record that each row (for which `when` holds) becomes. Fields stand beside the reserved words."""

    record: str
    when: tuple[Condition, ...] = ()
    repeat: Mapping[str, Many] | None = None
    """Name -> texts: the record is repeated with `{name}` in column names and constants replaced."""
    key: Many = ()
    """Columns that tell two records of a patient apart where its own fields do not (a row number, an id)."""
    fields: Mapping[str, Binding] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_fields(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        words = {"record", "when", "repeat", "key"}
        gathered = {name: item for name, item in value.items() if name in words}
        gathered["fields"] = {name: item for name, item in value.items() if name not in words}
        if isinstance(gathered.get("when"), dict):
            gathered["when"] = [gathered["when"]]
        return gathered


ID_GROUP: Final = "id"
"""Name of the group in a patient key's pattern that holds the id."""


class PatientKey(Frozen):
    """The column that says whose row it is. The pattern is required: ids that lost a zero are found by it.

    Where the pattern has a group `id`, that part of the text is the id: `Patient/(?P<id>.+)`.
    """

    column: Many
    pattern: str


class Named(Frozen):
    """The column of one identifier; or the names that it has in different deliveries."""

    column: Many


class NationalId(Frozen):
    """The column of a national personal number, and the country whose check digits it has."""

    column: Many
    country: Literal["cz", "cn", "de"]


class Linkage(Frozen):
    """Columns of direct identifiers that tokens are made from, by which a person is known in two studies.

    The identifiers themselves go no further. A column that a record reads too (sex, birth) is read as ever.
    """

    family_name: Named | None = None
    given_name: Named | None = None
    full_name: Named | None = None
    birth_date: Binding | None = None
    sex: Binding | None = None
    national_id: NationalId | None = None
    hospital_number: Named | None = None
    """A number that is one person's in all studies of a centre."""

    @model_validator(mode="after")
    def _makes_a_token(self) -> Linkage:
        parts = (self.family_name, self.given_name)
        if (parts[0] is None) != (parts[1] is None) or (parts[0] and self.full_name):
            raise ValueError("a name is family_name and given_name, or full_name")
        named = parts[0] is not None or self.full_name is not None
        if named != (self.birth_date is not None):
            raise ValueError("a token of a name takes birth_date, and birth_date a name")
        if not (named or self.national_id or self.hospital_number):
            raise ValueError(
                "name what tokens are made from: national_id, hospital_number, or name and birth"
            )
        for binding in (self.birth_date, self.sex):
            if binding is not None and binding.column is None:
                raise ValueError("birth_date and sex are columns here")
        return self


class Scope(Frozen):
    """Study or centre: a constant, or a column (with a code table where its texts are not the ids)."""

    column: Many | None = None
    constant: Text | None = None
    codes: Mapping[Text, Text] | None = None
    prefix: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"constant": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> Scope:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either a text or a column")
        return self


class Computed(Frozen):
    """A column computed from others by a function of the closed registry (`functions.py`)."""

    function: str
    of: Annotated[tuple[Many, ...], BeforeValidator(as_tuple)]
    """Columns; each may be a list of the names that different deliveries use."""
    with_: Mapping[str, Text] = Field(default_factory=dict, alias="with")


class Join(Frozen):
    """Columns taken from another source of the same feed, by patient key; used as `<source>.<column>`."""

    source: str
    columns: Many


class Source(Frozen):
    """One file pattern (and sheet) and the records in it."""

    file: str | None = None
    """Glob within the feed's folder; None where `read` asks a service (a database) instead."""
    read: Read
    required: bool = True
    patient: PatientKey | None = None
    """None only where nothing is mapped: FHIR files that are kept whole."""
    missing: Missing = Field(default_factory=dict)
    """Texts that stand for no value in any column of this source (named rule `missing-data code`)."""
    join: tuple[Join, ...] = ()
    compute: Mapping[str, Computed] = Field(default_factory=dict)
    records: tuple[Record, ...] = ()
    linkage: Linkage | None = None
    ignore: Mapping[str, Text] = Field(default_factory=dict)
    """Column, or pattern with `*`, -> why it is not loaded."""

    @model_validator(mode="before")
    @classmethod
    def _ignore_list(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("ignore"), list):
            return {**value, "ignore": dict.fromkeys(value["ignore"], "ignored by name")}
        return value

    @model_validator(mode="after")
    def _maps_something(self) -> Source:
        if not self.is_mapped:
            if self.patient or self.records or self.join or self.compute or self.ignore or self.linkage:
                raise ValueError("say under `read` which `resource` is mapped; else nothing is, all is kept")
        elif self.patient is None or "records" not in self.model_fields_set:
            raise ValueError("`patient` and `records` are missing: whose row it is, and what it says")
        return self

    @property
    def is_mapped(self) -> bool:
        """Whether its rows become records; FHIR files may be kept whole and nothing else."""
        return not isinstance(self.read, FhirRead) or self.read.resource is not None

    @model_validator(mode="after")
    def _file_where_read(self) -> Source:
        if self.read.reads_files and self.file is None:
            raise ValueError(f"`file` is missing; format {self.read.format} reads files, name them")
        if not self.read.reads_files and self.file is not None:
            raise ValueError("`file` has no meaning here: `read` asks a service; leave it out")
        return self


class MappingFile(Frozen):
    """A mapping file."""

    mapping: str
    version: str
    title: str = ""
    language: Language = "en"
    timezone: str | Mapping[Text, str] = "UTC"
    """IANA name, or centre -> IANA name; a time of day without an offset is read in it."""
    study: Scope | None = None
    centre: Scope | None = None
    codes: Text | None = None
    """CSV file relative to the mapping, a filled work-list: what texts of its fields become."""
    not_collected: Many = ()
    """Records and data elements that are never sent, so that their absence says nothing of a patient."""
    sources: Mapping[str, Source]
