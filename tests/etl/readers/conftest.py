"""How the readers' tests write a file and read it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from allpool.etl.readers import ReadLimits, SourceFailure, SourceTable, read_source
from allpool.mappings.read import Read

Outcome = SourceTable | SourceFailure
Reader = Callable[..., Outcome]


def read_bytes(
    folder: Path, content: bytes, *, name: str = "f.csv", limits: ReadLimits | None = None, **options: object
) -> Outcome:
    (folder / name).write_bytes(content)
    chosen: Read = TypeAdapter(Read).validate_python({"format": "csv", **options})
    (outcome,) = read_source(folder, name, chosen, limits=limits)
    return outcome


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., SourceTable]:
    """Read bytes that must yield a table."""

    def read(content: bytes, **options: object) -> SourceTable:
        outcome = read_bytes(tmp_path, content, **options)
        assert isinstance(outcome, SourceTable), outcome
        return outcome

    return read


@pytest.fixture
def failure(tmp_path: Path) -> Callable[..., SourceFailure]:
    """Read bytes that must yield a failure."""

    def read(content: bytes, **options: object) -> SourceFailure:
        outcome = read_bytes(tmp_path, content, **options)
        assert isinstance(outcome, SourceFailure), outcome
        return outcome

    return read
