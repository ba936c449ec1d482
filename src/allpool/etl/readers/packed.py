"""Tables that a small file can make large: refused before they are unpacked."""

from __future__ import annotations

from allpool.errors import SourceError
from allpool.etl.readers.source import ReadLimits


def refuse_too_large(rows: int, columns: int, *, packed_bytes: int, limits: ReadLimits) -> None:
    """Raise SourceError `too_many_columns` or `file_too_large` for what a file says that it holds."""
    if columns > limits.columns:
        raise SourceError(
            f"the file has {columns:,} columns; expected at most {limits.columns:,}: split it",
            rule="too_many_columns",
        )
    cells = rows * columns
    if cells > limits.sheet_cells and cells > limits.packed_ratio * packed_bytes:
        raise SourceError(
            f"the file has {packed_bytes:,} bytes and says that it holds {cells:,} cells; split the export",
            rule="file_too_large",
        )
