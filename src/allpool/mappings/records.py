"""Record types: which fields a data manager may fill, and which columns of the tables they become.

A record is what a centre thinks in (an MRD measurement, a course, an adverse event). `records.yaml` says
for each which table it is a row of, which fields it takes and what makes two of them the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pydantic import Field, model_validator

from allpool.mappings.dictionary import DataElement, Dictionary, Frozen, ValueType
from allpool.mappings.positions import Document, read_yaml
from allpool.models import STAGING, child_classes, resource_classes

FAMILY: Mapping[ValueType, str] = {
    "decimal": "value_quantity",
    "integer": "value_quantity",
    "code": "value_concept",
    "boolean": "value_boolean",
    "string": "value_string",
    "identifier": "value_string",
    "reference": "value_string",
    "date": "value_date",
    "dateTime": "value_date",
}
"""Where the value of a single-element observation lands, by value type."""


class FieldTarget(Frozen):
    """One field of a record: its element or its type, and the column, component or specimen it becomes."""

    element: str | None = None
    column: str | None = None
    """Column, or first name of a composite, of the record's table."""
    component: str | None = None
    """Column of `observation_component`: the field becomes a component with the element as its code."""
    specimen: bool = False
    """The field names the kind of sample: a Specimen row is made and referred to."""
    type: ValueType | None = None
    codes: str | None = None
    unit: str | None = None
    required: bool = False
    title: str | None = None

    @model_validator(mode="after")
    def _one_target(self) -> FieldTarget:
        if sum((self.column is not None, self.component is not None, self.specimen)) != 1:
            raise ValueError("a field has exactly one of column, component and specimen")
        if self.element is None and self.type is None:
            raise ValueError("a field names its element or its type")
        return self


class RecordType(Frozen):
    """One kind of record."""

    table: str
    title: str
    data_element: str | None = None
    """The element that is the row's code; for a family, each element of the family is a record of its own."""
    family: str | None = None
    """`record` value of the dictionary elements that this type is repeated for."""
    singular: bool = False
    """One per patient: parts that stand in several rows or sheets are put together."""
    key: tuple[str, ...] = ()
    """Fields that tell one record of a patient from another."""
    fixed: Mapping[str, str] = Field(default_factory=dict)
    fields: Mapping[str, FieldTarget]


class RecordFile(Frozen):
    """The content of `records.yaml`."""

    records: Mapping[str, RecordType]


STRUCTURE = "structure"
"""`record` of elements that the mapping's own words fill: `field` is study, centre, patient or lineage."""


def load_records(dictionary: Dictionary, path: Path | None = None) -> Mapping[str, RecordType]:
    """Return all record types by name, families spread out into one record per element.

    Raises `MappingError` with file and line where a type names an unknown table, column or element.
    """
    document = _document(path)
    types: dict[str, RecordType] = {}
    for name, record in document.parse(RecordFile).records.items():
        _check(document, name, record, dictionary)
        if record.family is None:
            types[name] = record
        else:
            for element in dictionary:
                if element.record == record.family:
                    types[element.id] = _member(record, element)
    for element in dictionary:
        if element.record == STRUCTURE:
            continue
        home = types.get(element.record) or types.get(element.id)
        if home is None or (element.record in types and element.field not in home.fields):
            document.fail(
                f"element {element.id} lands in {element.record}.{element.field}, which does not exist"
            )
    return types


def record_types() -> Mapping[str, RecordType]:
    """Return the record types that ship with allpool as they are written, families unspread."""
    return _document(None).parse(RecordFile).records


def _document(path: Path | None) -> Document:
    return read_yaml(path or Path(str(files("allpool.mappings").joinpath("records.yaml"))))


def _member(record: RecordType, element: DataElement) -> RecordType:
    """Return the family's record for one element: its own code, and its value where its type belongs."""
    fields = dict(record.fields)
    if record.table == "observation":
        column = "value_integer" if element.type == "integer" and not element.unit else FAMILY[element.type]
        fields = {"value": FieldTarget(element=element.id, column=column, required=True), **fields}
    return record.model_copy(
        update={"data_element": element.id, "family": None, "fields": fields, "title": element.title["en"]}
    )


def _check(document: Document, name: str, record: RecordType, dictionary: Dictionary) -> None:
    at = ("records", name)
    if record.table not in STAGING:
        document.fail(f"there is no table '{record.table}'", (*at, "table"))
    if record.data_element and record.data_element not in dictionary:
        document.fail(f"there is no element '{record.data_element}'", (*at, "data_element"))
    for part in record.key:
        if part not in record.fields and record.family is None:
            document.fail(f"the key names '{part}', which is not a field", (*at, "key"))
    known = _columns(record.table)
    for field, target in record.fields.items():
        here = (*at, "fields", field)
        if target.element and target.element not in dictionary:
            document.fail(f"there is no element '{target.element}'", here)
        if target.column and target.column not in known:
            document.fail(f"table {record.table} has no column '{target.column}'", here)
        if target.component and target.component not in _columns("observation_component"):
            document.fail(f"observation_component has no column '{target.component}'", here)


def _columns(table: str) -> set[str]:
    """Return the names that a field may target: plain columns and composites of `table`."""
    composites = {
        name
        for cls in (*resource_classes(), *child_classes())
        if cls.__tablename__ == table
        for name in getattr(cls, "composites", {})
    }
    return set(STAGING[table].c.keys()) | composites
