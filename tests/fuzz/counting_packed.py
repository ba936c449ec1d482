"""Cells of Parquet and SAS transport files, counted by pyarrow and by hand."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

RECORD, NAMESTR = 80, 140
"""Bytes of a record of a SAS transport file, and of the description of a variable."""
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
    """Return rows times variables of a SAS transport file with one data set of version 5; None of any other.

    By TS-140: the lengths of the variables stand in the NAMESTR records, blanks fill the last record of rows.
    """
    names, rows = content.find(b"HEADER RECORD*******NAMESTR"), content.find(b"HEADER RECORD*******OBS")
    if names < 0 or rows < 0 or content.count(b"HEADER RECORD*******MEMBER") != 1:
        return None
    described = [content[at : at + NAMESTR] for at in range(names + RECORD, rows - NAMESTR + 1, NAMESTR)]
    count = content[names + 54 : names + 58]
    width = sum(int.from_bytes(one[4:6]) for one in described[: int(count) if count.isdigit() else 0])
    data = content[rows + RECORD :]
    if width == 0:
        return None
    cut = [data[at : at + width] for at in range(0, len(data) - width + 1, width)]
    while cut and not cut[-1].strip(b" "):
        cut.pop()
    return len(cut) * int(count)
