"""How a column says which FHIR R4 element it holds.

A column is declared once, with its element path. From that declaration come the DDL, the serializer, the
parser, the documentation page and the test that each path exists in FHIR. A path is written as in FHIRPath,
within the resource: `code.coding[0].code`. `[n]` picks a repetition; `extension(name)` is the repetition of
`extension` with our canonical URL for `name` (see `systems.extension_url`), and within an extension its part
`name`. `models.paths` reads them.

Composites (`coding`, `quantity`, `partial_date`, `reference`, `period`) declare columns that belong together.
They are expanded when the class is built: `effective = partial_date("effectiveDateTime")` declares
`effective_date`, `effective_time`, `effective_precision`, `effective_offset_days` and `effective_anchor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from sqlalchemy import Boolean, Date, Float, Integer, String
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

FhirType = Literal[
    "id",
    "code",
    "string",
    "uri",
    "boolean",
    "integer",
    "positiveInt",
    "decimal",
    "date",
    "dateTime",
    "Reference",
]
Part = Literal["value", "date", "time", "precision", "offset", "anchor"]
Precision = Literal["year", "month", "day", "second"]

SQL_TYPES: Final[Mapping[str, type[TypeEngine[Any]]]] = MappingProxyType(
    {
        "boolean": Boolean,
        "integer": Integer,
        "positiveInt": Integer,
        "decimal": Float,
        "date": Date,
        "dateTime": Date,
    }
)
"""SQL type of a FHIR primitive; everything else is text."""


@dataclass(frozen=True)
class Instead:
    """Where a value goes while another column fills a type of the choice `choice` (`value`, `deceased`).

    FHIR allows one type of a choice, and no dataAbsentReason beside a value; a source may say both.
    """

    choice: str
    path: str


@dataclass(frozen=True)
class Element:
    """The FHIR element that a column holds (kept in `column.info["fhir"]`).

    `beside` are constants written with the value (a code's system, a fixed status); `target` is the resource
    type a reference points to; `part` is the column's role where one element needs several columns.
    """

    path: str
    type: FhirType
    part: Part = "value"
    target: str | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    instead: Instead | None = None


@dataclass(frozen=True)
class NotFhir:
    """Why a column has no FHIR element (kept in `column.info["not_fhir"]`)."""

    reason: str


def element(
    path: str,
    type_: FhirType = "string",
    *,
    beside: Mapping[str, str] | None = None,
    nullable: bool = True,
    part: Part = "value",
    target: str | None = None,
    instead: Instead | None = None,
    sql: type[TypeEngine[Any]] | None = None,
    primary_key: bool = False,
    sort_order: int = 0,
) -> MappedColumn[Any]:
    """Declare one column that holds the FHIR element at `path`, of primitive type `type_`."""
    info = Element(path, type_, part, target, MappingProxyType(dict(beside or {})), instead)
    return mapped_column(
        sql or SQL_TYPES.get(type_, String),
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        sort_order=sort_order,
        info={"fhir": info},
    )


def not_fhir(
    sql: type[TypeEngine[Any]],
    reason: str,
    *,
    nullable: bool = True,
    primary_key: bool = False,
    sort_order: int = 0,
) -> MappedColumn[Any]:
    """Declare one column that no FHIR element holds, and say why."""
    return mapped_column(
        sql,
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        sort_order=sort_order,
        info={"not_fhir": NotFhir(reason)},
    )


@dataclass(frozen=True)
class Composite:
    """Columns declared together: suffix -> column; the empty suffix is the attribute's own name."""

    kind: Literal["coding", "quantity", "partial_date", "reference", "period"]
    path: str
    columns: Mapping[str, MappedColumn[Any]]


def coding(
    path: str,
    *,
    system: str | None = None,
    text: str | None = None,
    display: bool = False,
    nullable: bool = True,
) -> Composite:
    """Declare a Coding at `path`: the code, its system unless fixed by `system`, and the text as delivered.

    `text` is the path of the CodeableConcept's text, where what the source said is kept.
    """
    fixed = {f"{path}.system": system} if system else {}
    columns = {"": element(f"{path}.code", "code", beside=fixed, nullable=nullable)}
    if system is None:
        columns["_system"] = element(f"{path}.system", "uri")
    if display:
        columns["_display"] = element(f"{path}.display")
    if text:
        columns["_delivered"] = element(text)
    return Composite("coding", path, columns)


def quantity(path: str, *, comparator: str | None = None) -> Composite:
    """Declare a Quantity in its canonical UCUM unit, beside the value and unit as delivered.

    `comparator` is the path of the comparator where FHIR asks for a SimpleQuantity, which has none.
    """
    ucum = {f"{path}.system": "http://unitsofmeasure.org"}
    return Composite(
        "quantity",
        path,
        {
            "": element(f"{path}.value", "decimal"),
            "_comparator": element(comparator or f"{path}.comparator", "code"),
            "_unit": element(f"{path}.code", "code", beside=ucum),
            "_delivered": element(f"{path}.extension(delivered-value).valueString"),
            "_delivered_unit": element(f"{path}.extension(delivered-unit).valueString"),
        },
    )


def partial_date(
    path: str, *, type_: Literal["date", "dateTime"] = "dateTime", relative: bool = True
) -> Composite:
    """Declare a date that keeps its precision, or a time that is only known relative to an anchor.

    `_date` is the first day that the value can mean (2023-05 is 2023-05-01 with precision `month`).
    `_time` is the time of day with its UTC offset (`07:30:00+01:00`), for precision `second`.
    `_offset_days` is the number of days after the event named by `_anchor`; then `_date` is empty: a calendar
    date is never invented (R4 core extension relative-date).
    """
    columns = {
        "_date": element(path, type_, part="date"),
        "_precision": element(path, type_, part="precision", sql=String),
    }
    if type_ == "dateTime":
        columns["_time"] = element(path, type_, part="time", sql=String)
    if relative:
        columns["_offset_days"] = element(path, type_, part="offset", sql=Float)
        columns["_anchor"] = element(path, type_, part="anchor", sql=String)
    return Composite("partial_date", path, columns)


def period(path: str) -> tuple[Composite, Composite]:
    """Declare a Period as its two partial dates, start and end."""
    return partial_date(f"{path}.start"), partial_date(f"{path}.end")


def reference(path: str, target: str, *, nullable: bool = True) -> Composite:
    """Declare a reference by id to a resource of type `target`; the column is `<name>_id`."""
    return Composite("reference", path, {"_id": element(path, "Reference", target=target, nullable=nullable)})
