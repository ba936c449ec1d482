"""What waits in quarantine: the elements that a subject's cells would have filled.

A cell may fill more than one element (a date of death is also that of its cause). Its entry names one of
them; the mapping says which others wait with it.
"""

from __future__ import annotations

import json

import polars as pl
from sqlalchemy import Connection, String, cast, select

from allpool.analysis.derivation.tables import read
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.records import RecordType, load_records
from allpool.models import Base, bulk

COLUMNS = ("patient_id", "element", "record")
"""What is said of an entry."""


def read_entries(connection: Connection) -> pl.DataFrame:
    """Return the open entries of patients (`COLUMNS`); a cell stands once for each element that it fills."""
    entries = read(connection, "quarantine", [*COLUMNS, "status", "feed", "column"])
    entries = entries.filter((pl.col("status") == "open") & pl.col("patient_id").is_not_null())
    of_cells = entries.filter(pl.col("column").is_not_null()).select("patient_id", "feed", "column")
    if of_cells.is_empty():
        return entries.select(COLUMNS)
    others = of_cells.join(_filled(connection), on=["feed", "column"])
    return pl.concat([entries.select(COLUMNS), others.select(COLUMNS)]).unique()


def _filled(connection: Connection) -> pl.DataFrame:
    """Return feed, column, record, element: what each source column fills."""
    own = Base.metadata.tables["mapping_rule"]
    as_text = cast(own.c.columns, String).label("columns")  # not every database hands JSON over as text
    rules = bulk.read(connection, select(own.c.feed, own.c.record, as_text))
    types = load_records(load_dictionary())
    rows = [
        (feed, name, record, _element(types.get(record), target))
        for feed, record, columns in rules.select("feed", "record", "columns").rows()
        for target, names in json.loads(columns).items()
        for name in names
    ]
    schema = dict.fromkeys(("feed", "column", "record", "element"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row").unique()


def _element(record: RecordType | None, target: str) -> str | None:
    """Return the element that a column of a record holds; of a date beside a value, that of the value."""
    if target in load_dictionary():
        return target
    fields = record.fields.values() if record is not None else ()
    own = next((field.element for field in fields if field.column == target and field.element), None)
    return own or (record.data_element if record is not None else None)
