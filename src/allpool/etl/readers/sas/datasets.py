"""SAS transport files (XPORT) and data sets (sas7bdat) by pyreadstat, all values as text."""

from __future__ import annotations

import codecs
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.header import header_names
from allpool.etl.readers.packed import refuse_too_large
from allpool.etl.readers.sas.dates import date_texts, kind_of
from allpool.etl.readers.sas.transport import Member, members, unreadable
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.table import Cells
from allpool.etl.readers.texts import number_texts
from allpool.mappings.read import SasRead

# Header of a data set: M. Shotwell, "SAS7BDAT database binary format" (CRAN vignette of package sas7bdat).
MAGIC: Final = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")


def read_sas(content: bytes, read: SasRead, limits: ReadLimits) -> tuple[str | None, str | None, Cells]:
    """Return member (where the mapping names one), encoding and cells of a SAS file; rows from 1.

    Numbers are written as a workbook's are, dates, times and moments as ISO 8601 by their SAS format. A
    number missing without a reason (`.`) is blank; one with a reason is its token, `.A` to `.Z` and `._`.
    The variables' labels come with the cells.
    Raises SourceError: `unreadable_sas`, `missing_member`, `encoding`, `file_too_large`,
    `too_many_columns`, `duplicate_header`, `reserved_header`.
    """
    if read.format == "xpt":
        return _transport(content, read, limits)
    return _data_set(content, read, limits)


def _transport(content: bytes, read: SasRead, limits: ReadLimits) -> tuple[str | None, str | None, Cells]:
    member = _chosen(members(content), read)
    refuse_too_large(member.rows, len(member.variables), packed_bytes=len(content), limits=limits)
    import pyreadstat

    values, found = _by_library(pyreadstat.read_xport, member.content, encoding=read.encoding)
    height = _height(values)
    if len(values) != len(member.variables) or height > member.rows:
        unreadable("its variables are damaged; export it again")
    for index, (name, variable) in enumerate(zip(values, member.variables, strict=True)):
        if variable.is_numeric:
            first, is_missing = member.missing(index, rows=height)
            for row in np.flatnonzero(is_missing & (first != ord("."))).tolist():
                values[name][row] = chr(first[row])
        elif (cut := member.cut_text(index, rows=height)) is not None:
            raise SourceError(
                "a text holds a byte 0 before its end; correct it, or export again",
                rule="nul_byte",
                place=Place(row=cut + 1, column=name),
            )
    sheet = member.name if read.member is not None else None
    return sheet, read.encoding, _cells(values, found, read)


def _chosen(found: Sequence[Member], read: SasRead) -> Member:
    if read.member is None and len(found) == 1:
        return found[0]
    chosen = next((member for member in found if member.name in (read.member or ())), None)
    if chosen is None:
        wanted = " or ".join(read.member) if read.member else "one named in `member`"
        raise SourceError(
            f"expected a data set {wanted}; there is {', '.join(member.name for member in found)}; "
            "correct member in the mapping, or the export",
            rule="missing_member",
            place=Place(sheet=read.member[0] if read.member else None),
        )
    return chosen


def _data_set(content: bytes, read: SasRead, limits: ReadLimits) -> tuple[str | None, str | None, Cells]:
    _check(content)
    import pyreadstat

    _, about = _by_library(pyreadstat.read_sas7bdat, content, encoding=read.encoding, metadataonly=True)
    refuse_too_large(about.number_rows, about.number_columns, packed_bytes=len(content), limits=limits)
    values, found = _by_library(pyreadstat.read_sas7bdat, content, encoding=read.encoding, user_missing=True)
    return None, read.encoding or found.file_encoding, _cells(values, found, read)


def _check(content: bytes) -> None:
    """Refuse what is no data set, or not whole, before the library below looks at it."""
    if len(content) < 1024 or not content.startswith(MAGIC):
        unreadable("it is no SAS data set (sas7bdat), or damaged at its start; export it again")
    shift = 4 if content[35] == 0x33 else 0
    wide = 4 if content[32] == 0x33 else 0
    order = {0: ">", 1: "<"}.get(content[37])
    if order is None:
        unreadable("its header is damaged; export it again")

    def number(at: int, size: int = 4) -> int:
        return int.from_bytes(content[at : at + size], "little" if order == "<" else "big")

    header, page, pages = number(196 + shift), number(200 + shift), number(204 + shift, 4 + wide)
    if header < 288 or page < 512 or header + page * pages > len(content):
        unreadable("it is cut off, or its header is damaged; send it again")


def _by_library(
    function: Callable[..., tuple[Any, Any]], content: bytes, *, encoding: str | None, **words: bool
) -> tuple[dict[str, list[Any]], Any]:
    """Return the columns, each a list with None where nothing is, and what the file says of them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns with one name, which are refused here
            values, found = function(
                io.BytesIO(content),
                encoding=codecs.lookup(encoding).name if encoding else None,
                disable_datetime_conversion=True,
                output_format="dict",
                **words,
            )
    except UnicodeDecodeError:
        raise SourceError(
            f"its texts are not in {encoding or 'UTF-8'}; declare the encoding that SAS wrote it in",
            rule="encoding",
        ) from None
    except Exception as error:
        # whatever else the library below raises; a message of its own may quote cells
        unreadable(f"it is damaged ({type(error).__name__}); export it again")
    return values, found


def _height(values: Mapping[str, Sequence[Any]]) -> int:
    return len(next(iter(values.values()), ()))


def _cells(values: Mapping[str, list[Any]], found: Any, read: SasRead) -> Cells:
    formats, kinds = found.original_variable_types, found.readstat_variable_types
    columns = [
        _strings(column) if kinds[name] == "string" else _numbers(column, formats[name], read.decimal)
        for name, column in values.items()
    ]
    return Cells(
        names=_names(list(values)),
        frame=pl.DataFrame([column.alias(str(index)) for index, column in enumerate(columns)]),
        rows=np.arange(1, _height(values) + 1, dtype=np.int64),
        header_row=None,
        labels=tuple(found.column_labels),
    )


def _names(told: Sequence[str | None]) -> tuple[str | None, ...]:
    """Return the columns' names; the library below calls a second X `X_duplicated1`, and one without None."""
    first = {name: re.sub(r"_duplicated[0-9]+$", "", name or "") for name in told}
    return header_names([name if name in told else own or "" for own, name in first.items()], row=None)


def _strings(column: list[Any]) -> pl.Series:
    return pl.Series(column, dtype=pl.String).str.replace_all("\r\n?", "\n")


def _numbers(column: list[Any], sas_format: str | None, decimal: str) -> pl.Series:
    numbers = pl.Series([None if isinstance(value, str) else value for value in column], dtype=pl.Float64)
    texts = number_texts(numbers, decimal)
    kind = kind_of(sas_format)
    if kind is not None:
        dates = date_texts(numbers, kind)
        texts = dates.zip_with(dates.is_not_null(), texts)
    if numbers.null_count() == sum(value is None for value in column):
        return texts
    tokens = pl.Series([f".{value}" if isinstance(value, str) else None for value in column], dtype=pl.String)
    return tokens.zip_with(tokens.is_not_null(), texts)
