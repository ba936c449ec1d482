"""Readers: every source yields one form, a frame of text plus file, sheet and row."""

from __future__ import annotations

from allpool.etl.readers.files import file_hash, list_files
from allpool.etl.readers.reader import read_source
from allpool.etl.readers.source import (
    PROBLEM_SCHEMA,
    ROW,
    FileFacts,
    ReadLimits,
    SourceFailure,
    SourceTable,
)

__all__ = [
    "PROBLEM_SCHEMA",
    "ROW",
    "FileFacts",
    "ReadLimits",
    "SourceFailure",
    "SourceTable",
    "file_hash",
    "list_files",
    "read_source",
]
