"""Cells of Parquet and SAS transport files, counted by pyarrow and pandas."""

from __future__ import annotations

import io
import warnings

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LARGEST = 4_000_000
"""Cells beyond which a file is not read a second time."""


def parquet_cells(content: bytes) -> int | None:
    """Return rows times columns of a Parquet file; None where columns nest, or pyarrow cannot read it."""
    try:
        told = pq.read_metadata(io.BytesIO(content))
        if not 0 <= told.num_rows * told.num_columns <= LARGEST:
            return None
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError):
        return None
    if any(pa.types.is_nested(column.type) for column in table.schema):
        return None
    if any(not name.strip() for name in table.column_names):
        return None
    return int(table.num_rows * table.num_columns)


def transport_cells(content: bytes) -> int | None:
    """Return rows times variables of a SAS transport file; None where pandas cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = pd.read_sas(io.BytesIO(content), format="xport", encoding="utf-8")
    except Exception:  # whatever another program says of a broken file
        return None
    return int(frame.shape[0] * frame.shape[1])
