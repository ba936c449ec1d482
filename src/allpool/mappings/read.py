"""How a source is read: one form per format, each with its own words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from allpool.mappings.dictionary import Frozen, Many


def _known_encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"encoding {name!r} is unknown; write a name such as utf-8, gb18030, cp1250"
        ) from None
    if not getattr(known, "_is_text_encoding", True) or known.incrementaldecoder is None:
        raise ValueError(f"encoding {name!r} is not a text encoding")
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]
"""A text encoding that Python knows."""


class ReadForm(Frozen):
    """What the forms of all formats say."""

    decimal: Literal[".", ","] = "."
    """The sign in numbers, as texts hold it and as true numbers are written."""

    @property
    def reads_files(self) -> bool:
        """Whether the source names files of the delivery; one that does not is asked (a database)."""
        return True

    @property
    def beside(self) -> tuple[str, ...]:
        """Patterns of further files in the feed's folder that decide what is read (a data dictionary)."""
        return ()


class DelimitedRead(ReadForm):
    """A text with one record per line, or more where a cell is quoted."""

    format: Literal["csv", "tsv"]
    encoding: Encoding | None = None
    """None: UTF-8, or UTF-16 with its mark."""
    separator: str | None = None
    quote: str = '"'
    """May be empty: nothing is quoted."""
    header_row: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _characters(self) -> DelimitedRead:
        if len(self.field_separator) != 1 or self.field_separator in "\r\n":
            raise ValueError("separator must be one character, not a line break")
        if len(self.quote) > 1 or self.quote in ("\r", "\n", self.field_separator):
            raise ValueError("quote must be empty or one character other than the separator")
        return self

    @property
    def field_separator(self) -> str:
        """The declared separator, else the format's own."""
        return self.separator if self.separator is not None else "\t" if self.format == "tsv" else ","


class WorkbookRead(ReadForm):
    """A sheet of an Excel or OpenDocument workbook; its true numbers are written with `decimal`."""

    format: Literal["excel"]
    header_row: int = Field(default=1, ge=1)
    sheet: Many | None = None
    """Sheet name, or the names it has in different deliveries; None: the first worksheet."""


class SasRead(ReadForm):
    """A SAS transport file (XPORT, version 5 or 8), or a SAS data set (sas7bdat)."""

    format: Literal["xpt", "sas7bdat"]
    encoding: Encoding | None = None
    """None: UTF-8 in a transport file, which names none; a data set names its own."""
    member: Many | None = None
    """The data set to read of a transport file with several, or the names it has in different deliveries."""

    @model_validator(mode="after")
    def _members(self) -> SasRead:
        if self.member is not None and self.format == "sas7bdat":
            raise ValueError("a sas7bdat file is one data set; leave member out")
        return self


class ParquetRead(ReadForm):
    """An Apache Parquet file."""

    format: Literal["parquet"]


class JsonLinesRead(ReadForm):
    """One JSON object per line; nested ones are flattened to paths such as `code.coding[0].code`."""

    format: Literal["jsonl"]
    encoding: Encoding | None = None
    """None: UTF-8 (RFC 8259), or UTF-16 with its mark."""


class SqlRead(ReadForm):
    """The answer of a database to one query."""

    format: Literal["sql"]
    url_env: str | None = None
    """Environment variable that holds the database's address, an SQLAlchemy URL."""
    url_file: str | None = None
    """File that holds it, relative to the feed's folder."""
    query: str | None = None
    """One statement that only reads; `order by` gives rows places that last."""
    query_file: str | None = None
    """File that holds it, beside the mapping; read when the mapping is loaded."""

    @model_validator(mode="after")
    def _one_of_each(self) -> SqlRead:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("give either url_env or url_file; the address itself does not belong here")
        if (self.query is None) == (self.query_file is None):
            raise ValueError("give either query or query_file")
        return self

    @property
    def reads_files(self) -> bool:
        """A database is asked."""
        return False


class RedcapRead(ReadForm):
    """Records of a REDCap project: an export (CSV or JSON) with the data dictionary, or the live API.

    `decimal` is said only where the export was forced into one sign; else each field's validation says it.
    """

    format: Literal["redcap"]
    dictionary: str | None = None
    """The data dictionary in the feed's folder (CSV, or the project's XML); a pattern for one file."""
    export: Literal["raw", "label"] = "raw"
    """Whether choices are exported as codes or as labels; labels are turned into codes."""
    header: Literal["raw", "label"] = "raw"
    """Whether columns are called by variable or by label; they are read as variables."""
    encoding: Encoding | None = None
    separator: str = ","
    missing_codes: Mapping[str, str] = Field(default_factory=dict)
    """The project's missing-data codes -> their labels (a list: labels are not used)."""
    unticked: Literal["unknown", "complete"] = "unknown"
    """What boxes say of which none is ticked: nothing; or no, where the instrument is marked complete."""
    partial: bool = False
    """The export holds chosen fields only: those that it lacks are no notice."""
    instrument: str | None = None
    """Only this instrument's columns, on the rows that say something of it."""
    url: str | None = None
    """Address of the live API instead of files."""
    token_env: str | None = None
    """Environment variable that holds the API token."""
    batch: int = Field(default=200, ge=1)
    """Records that are asked for at once."""

    @model_validator(mode="before")
    @classmethod
    def _list_of_codes(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("missing_codes"), list):
            return {**value, "missing_codes": {code: code for code in value["missing_codes"]}}
        return value

    @model_validator(mode="after")
    def _file_or_service(self) -> RedcapRead:
        if (self.url is None) != (self.token_env is None):
            raise ValueError("the live API takes url and token_env (the name of a variable, not a token)")
        if self.url is None and self.dictionary is None:
            raise ValueError("name the project's data dictionary in `dictionary`")
        if self.url is not None:
            if {"dictionary", "export", "header", "encoding", "separator"} & self.model_fields_set:
                raise ValueError("the live API gives codes and its dictionary; say only url and token_env")
            if not re.match(r"https?://[^/\s]+/(.*/)?api/$", self.url):
                raise ValueError("url is the address of the API: https://.../api/")
            if not re.match(r"https:|http://(localhost|127\.0\.0\.1|\[::1\])[:/]", self.url):
                raise ValueError("url begins with https://, so that the token is not sent in the clear")
        if len(self.separator) != 1 or self.separator in '\r\n"':
            raise ValueError("separator must be one character, not a line break or quote")
        return self

    @property
    def reads_files(self) -> bool:
        """Without url."""
        return self.url is None

    @property
    def beside(self) -> tuple[str, ...]:
        """The data dictionary."""
        return (self.dictionary,) if self.dictionary else ()


class OdmRead(ReadForm):
    """One form, or one item group, of a CDISC ODM 1.3 file (REDCap's project XML is one)."""

    format: Literal["odm"]
    form: str | None = None
    """FormOID, or the form's name: a row is one filled-in form."""
    item_group: str | None = None
    """ItemGroupOID, or its name: a row is one item group."""
    unticked: Literal["unknown", "complete"] = "unknown"
    """As REDCap's: what boxes of a REDCap project say of which none is ticked."""

    @model_validator(mode="after")
    def _one_sheet(self) -> OdmRead:
        if (self.form is None) == (self.item_group is None):
            raise ValueError("give either form or item_group")
        return self


class FhirRead(ReadForm):
    """FHIR R4 as JSON: a resource, a Bundle of any type, or NDJSON; all of it is kept whole (`landing`)."""

    format: Literal["fhir"]
    resource: str | None = None
    """Type of the resources that are this source's rows; None: nothing is mapped, all is kept whole."""
    check: Literal["light", "structure"] = "light"
    """`structure` asks fhir.resources' class of each resource too, which takes about ten times as long."""

    @field_validator("resource")
    @classmethod
    def _type_of_r4(cls, name: str | None) -> str | None:
        from allpool.models.fhir_types import is_resource_type

        if name is not None and not is_resource_type(name):
            raise ValueError(f"FHIR R4 has no resource type '{name}'")
        return name


Read = Annotated[
    DelimitedRead
    | WorkbookRead
    | SasRead
    | ParquetRead
    | JsonLinesRead
    | SqlRead
    | RedcapRead
    | OdmRead
    | FhirRead,
    Field(discriminator="format"),
]
