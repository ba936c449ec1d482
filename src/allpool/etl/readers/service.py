"""Sources that are no files: a service is asked, and what it answers is hashed as a file would be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from allpool.errors import SourceError
from allpool.etl.readers.query import read_query
from allpool.etl.readers.redcap.api import read_redcap_api
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.table import Cells
from allpool.mappings.read import Read, RedcapRead, SqlRead

SLICE = 50_000


def answer(read: Read, folder: Path, limits: ReadLimits) -> tuple[Cells, str, int]:
    """Return the cells that the service of `read` answers, with their SHA-256 and size as text in bytes.

    `folder` is the feed's. The same answer in the same order has the same hash.
    Raises SourceError: what the service's reader raises.
    """
    if isinstance(read, SqlRead):
        cells = read_query(read, folder, limits)
    elif isinstance(read, RedcapRead):
        cells = read_redcap_api(read, folder)
    else:
        raise SourceError(f"format {read.format} reads files; name them in `file`", rule="missing_file")
    sha256, size = _hashed(cells)
    return cells, sha256, size


def _hashed(cells: Cells) -> tuple[str, int]:
    digest = hashlib.sha256(json.dumps(cells.names).encode())
    size = 0
    for piece in cells.frame.iter_slices(SLICE):
        text = piece.write_csv(include_header=False, quote_style="always").encode()
        digest.update(text)
        size += len(text)
    return digest.hexdigest(), size
