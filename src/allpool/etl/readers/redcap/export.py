"""REDCap records with their data dictionary: columns checked, labels coded, boxes that say nothing passed."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.delimited import read_delimited
from allpool.etl.readers.encodings import decode
from allpool.etl.readers.files import Reading
from allpool.etl.readers.header import header_names
from allpool.etl.readers.redcap.boxes import unanswered
from allpool.etl.readers.redcap.columns import (
    INSTRUMENT,
    Column,
    columns_of,
    exported_columns,
    names_by_label,
)
from allpool.etl.readers.redcap.dictionary import DataDictionary, load_data_dictionary
from allpool.etl.readers.redcap.labels import coded
from allpool.etl.readers.redcap.records import json_cells
from allpool.etl.readers.source import Decimal, Problem, ReadLimits, problem
from allpool.etl.readers.table import Cells
from allpool.mappings.read import DelimitedRead, RedcapRead

NAMED: Final = 12
"""Columns that one notice names."""


def read_redcap(
    reading: Reading, read: RedcapRead, folder: Path, limits: ReadLimits
) -> tuple[Cells, str | None]:
    """Return the cells of an export (CSV, or JSON flat or EAV) and the encoding that it was read in.

    The dictionary lies in `folder`. Row numbers are those of the CSV, or count the objects of the JSON.
    Raises SourceError: what CSV raises; `missing_dictionary`, `unreadable_dictionary`, `ambiguous_header`,
    `unreadable_json`, `wrong_dictionary`, `missing_sheet` (an instrument that there is not).
    """
    dictionary = load_data_dictionary(folder, str(read.dictionary), encoding=None, limits=limits)
    chunks = iter(reading)
    first = next(chunks, b"")
    is_json = first.removeprefix(BOM_UTF8).lstrip()[:1] in (b"[", b"{")
    longest = limits.file_bytes if is_json else limits.line_bytes
    text = decode(chain((first,), chunks), declared=read.encoding, line_bytes=longest)
    if is_json:
        cells, is_partial = json_cells(text.content, dictionary, labels=read.export == "label")
        words = read.model_copy(update={"partial": read.partial or is_partial})
        return redcap_cells(cells, dictionary, words), text.encoding
    if not text.content.strip():
        raise SourceError(
            "the export holds no record; if the project has some, export it again", rule="empty_file"
        )
    delimited = DelimitedRead(format="csv", separator=read.separator)
    named = partial(_names_by_label, dictionary=dictionary) if read.header == "label" else header_names
    return redcap_cells(read_delimited(text, delimited, names=named), dictionary, read), text.encoding


def redcap_cells(cells: Cells, dictionary: DataDictionary, read: RedcapRead) -> Cells:
    """Return records under the dictionary: codes for labels, nulls for boxes that say nothing, notices."""
    missing_codes = {**dictionary.missing_codes, **read.missing_codes}
    columns = columns_of(cells.names, dictionary, missing_codes)
    if dictionary.record_id not in cells.names:
        raise SourceError(
            f"the export has no column {dictionary.record_id}, the record id by the data dictionary; give "
            "the dictionary of this very project, and correct export, header or separator in the mapping",
            rule="wrong_dictionary",
            place=Place(row=cells.header_row, column=dictionary.record_id),
        )
    stripped = cells.frame.rename(
        {name: str(index) for index, name in enumerate(cells.frame.columns)}
    ).select(pl.all().str.strip_chars())
    cells = replace(cells, frame=stripped.select(pl.when(pl.all() != "").then(pl.all())))
    cells = replace(cells, problems=(*cells.problems, *_notices(cells, columns, dictionary, read)))
    if read.instrument is not None:
        cells, columns = _of_instrument(cells, columns, dictionary, read.instrument)
    if read.export == "label":
        cells = coded(cells, columns, missing_codes)
    cells = unanswered(cells, columns, complete_means_no=read.unticked == "complete")
    return replace(cells, decimals=_decimals(columns, read), labels=tuple(map(_label, columns)))


def _names_by_label(
    headers: list[str], *, row: int | None, dictionary: DataDictionary
) -> tuple[str | None, ...]:
    labels = [" ".join(header.split()) or None for header in headers]
    return header_names([name or "" for name in names_by_label(labels, dictionary)], row=row)


def _notices(
    cells: Cells, columns: tuple[Column, ...], dictionary: DataDictionary, read: RedcapRead
) -> list[Problem]:
    """Return what export and dictionary do not agree on, as notices about the whole file."""
    found = []
    strange = [column.name for column in columns if column.part == "unknown" and column.name]
    if strange:
        found.append(
            problem(
                "unknown_field",
                scope="file",
                column=strange[0],
                expected=f"columns that the data dictionary knows; it lacks {_named(strange)}: give the "
                "dictionary of the day of the export",
            )
        )
    there = {column.said_name for column in columns}
    lacking = [name for name, _ in exported_columns(dictionary, read.instrument) if name not in there]
    if lacking and not read.partial:
        found.append(
            problem(
                "absent_field",
                scope="file",
                column=lacking[0],
                expected=f"all fields of the data dictionary; the export lacks {_named(lacking)}: export "
                "them, or say `partial: true` where they are left out on purpose",
            )
        )
    return [*found, *_strange_instruments(cells, columns, dictionary, read)]


def _strange_instruments(
    cells: Cells, columns: tuple[Column, ...], dictionary: DataDictionary, read: RedcapRead
) -> list[Problem]:
    index = next((i for i, column in enumerate(columns) if column.name == INSTRUMENT), None)
    if index is None or read.export == "label":
        return []
    said = cells.frame.get_column(str(index))
    strange = (said.is_not_null() & ~said.is_in(list(dictionary.instruments))).to_numpy()
    return [
        problem(
            "unknown_instrument",
            scope="file",
            row=int(row),
            column=INSTRUMENT,
            expected="an instrument of the data dictionary; give the dictionary of the day of the export",
        )
        for row in cells.rows[strange][:1]
    ]


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _of_instrument(
    cells: Cells, columns: tuple[Column, ...], dictionary: DataDictionary, instrument: str
) -> tuple[Cells, tuple[Column, ...]]:
    """Return one instrument as a sheet: its columns beside REDCap's own, on rows that say something of it.

    So each filled cell of the file lies in one instrument's sheet; the record id, REDCap's own columns and
    unknown ones lie in each.
    """
    if instrument not in dictionary.instruments:
        raise SourceError(
            f"there is no instrument {instrument}; there is {_named(list(dictionary.instruments))}; correct "
            "instrument in the mapping",
            rule="missing_sheet",
            place=Place(sheet=instrument),
        )
    mine = [
        i
        for i, column in enumerate(columns)
        if column.instrument == instrument and column.name != dictionary.record_id
    ]
    kept = [
        i
        for i, column in enumerate(columns)
        if i in mine or column.part in ("own", "unknown") or column.name == dictionary.record_id
    ]
    says = pl.any_horizontal(pl.col(str(i)).is_not_null() for i in mine) if mine else pl.lit(value=False)
    here = (
        cells.frame.select(says.alias("here")).to_series()
        if mine
        else pl.Series([False] * cells.frame.height)
    )
    position = {old: new for new, old in enumerate(kept)}
    rows = cells.rows[here.to_numpy().astype(np.bool_)]
    known = set(rows.tolist())
    return replace(
        cells,
        names=tuple(cells.names[i] for i in kept),
        frame=cells.frame.filter(here).select(
            pl.col(str(old)).alias(str(new)) for old, new in position.items()
        ),
        rows=rows,
        findings=tuple(
            replace(finding, index=position[finding.index])
            for finding in cells.findings
            if finding.index in position and finding.row in known
        ),
    ), tuple(columns[i] for i in kept)


def _label(column: Column) -> str | None:
    """Return what the project asks in words; of a box, with its choice."""
    if column.field is None or not column.field.label:
        return None
    choice = column.field.choices.get(column.code or "")
    return f"{column.field.label} (choice={choice})" if choice else column.field.label


def _decimals(columns: tuple[Column, ...], read: RedcapRead) -> dict[int, Decimal]:
    """Return the columns whose validation asks for a decimal comma, where the mapping says no sign."""
    if "decimal" in read.model_fields_set:
        return {}
    return {
        index: ","
        for index, column in enumerate(columns)
        if column.field is not None and column.field.has_decimal_comma
    }
