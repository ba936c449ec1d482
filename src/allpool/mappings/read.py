"""How a source is read: one form per format, each with its own words."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from allpool.mappings.dictionary import Frozen, Many


class DelimitedRead(Frozen):
    """A text with one record per line, or more where a cell is quoted."""

    format: Literal["csv", "tsv"]
    encoding: str | None = None
    """None: UTF-8, or UTF-16 with its mark."""
    separator: str | None = None
    decimal: Literal[".", ","] = "."
    quote: str = '"'
    """May be empty: nothing is quoted."""
    header_row: int = Field(default=1, ge=1)

    @field_validator("encoding")
    @classmethod
    def _text_encoding(cls, name: str | None) -> str | None:
        if name is not None:
            check_encoding(name)
        return name

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


class WorkbookRead(Frozen):
    """A sheet of an Excel or OpenDocument workbook; its true numbers are written with `decimal`."""

    format: Literal["excel"]
    decimal: Literal[".", ","] = "."
    header_row: int = Field(default=1, ge=1)
    sheet: Many | None = None
    """Sheet name, or the names it has in different deliveries; None: the first worksheet."""


Read = Annotated[DelimitedRead | WorkbookRead, Field(discriminator="format")]


def check_encoding(name: str) -> None:
    """Raise ValueError with a sentence unless `name` is a text encoding that Python knows."""
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"encoding {name!r} is unknown; write a name such as utf-8, gb18030, cp1250"
        ) from None
    if not getattr(known, "_is_text_encoding", True) or known.incrementaldecoder is None:
        raise ValueError(f"encoding {name!r} is not a text encoding")
