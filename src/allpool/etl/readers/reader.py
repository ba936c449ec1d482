"""One source of a feed: every file that its pattern matches, or what a service answers, as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from allpool.errors import Place, SourceError
from allpool.etl.readers.delimited import read_delimited
from allpool.etl.readers.encodings import decode
from allpool.etl.readers.fhir.entries import LINE_BYTES, LINES
from allpool.etl.readers.fhir.resources import read_fhir
from allpool.etl.readers.files import Reading, list_files, opened
from allpool.etl.readers.json_lines import read_json_lines
from allpool.etl.readers.odm.forms import read_odm
from allpool.etl.readers.parquet import read_parquet
from allpool.etl.readers.redcap.export import read_redcap
from allpool.etl.readers.sas.datasets import read_sas
from allpool.etl.readers.service import answer
from allpool.etl.readers.source import FileFacts, ReadLimits, SourceFailure, SourceTable
from allpool.etl.readers.table import Cells, source_table
from allpool.etl.readers.workbook import read_workbook
from allpool.mappings.read import (
    DelimitedRead,
    FhirRead,
    JsonLinesRead,
    OdmRead,
    ParquetRead,
    Read,
    RedcapRead,
    SasRead,
    SqlRead,
    WorkbookRead,
)


def read_source(
    folder: Path,
    pattern: str | None,
    read: Read,
    *,
    name: str = "source",
    limits: ReadLimits | None = None,
) -> Iterator[SourceTable | SourceFailure]:
    """Yield the table of each file in `folder` that matches `pattern`, sorted by path, one at a time.

    A file that cannot be read yields a SourceFailure, and the next goes on; so does a pattern that matches
    nothing (`missing_file`). Content is read once: the hash is of the very bytes that were parsed. Raises
    MappingError if the pattern leaves the folder.

    Without a pattern the source is no file: `read` asks a service, and its answer is one table, called
    `<format>:<name>` where others have their path.
    """
    if pattern is None:
        yield _ask(f"{read.format}:{name}", read, folder, limits or ReadLimits())
        return
    try:
        beside = {path for extra in read.beside for path in list_files(folder, extra)}
        paths = [path for path in list_files(folder, pattern) if path not in beside]
    except SourceError as error:
        yield _failure(error, path=pattern, facts=None)
        return
    if not paths:
        absent = SourceError(
            "no file matches; check file in the mapping, and that the delivery came", rule="missing_file"
        )
        yield _failure(absent, path=pattern, facts=None)
    for path in paths:
        yield _read_file(path, folder, read, limits or ReadLimits())


def _ask(path: str, read: Read, folder: Path, limits: ReadLimits) -> SourceTable | SourceFailure:
    try:
        cells, sha256, size = answer(read, folder, limits)
        facts = FileFacts(path=path, sheet=None, sha256=sha256, encoding=None, bytes=size)
        return source_table(cells, facts, limits)
    except SourceError as error:
        return _failure(error, path=path, facts=None)


def _read_file(path: Path, folder: Path, read: Read, limits: ReadLimits) -> SourceTable | SourceFailure:
    relative = path.relative_to(folder).as_posix()
    try:
        with opened(path, file_bytes=limits.file_bytes) as file:
            reading = Reading(file)
            found = _parsed(reading, read, folder, limits)
            sha256 = reading.finish()
    except SourceError as error:
        return _failure(error, path=relative, facts=None)
    facts = FileFacts(path=relative, sheet=None, sha256=sha256, encoding=None, bytes=reading.size)
    if isinstance(found, SourceError):
        sheet = found.place.sheet if found.place else None
        return _failure(found, path=relative, facts=replace(facts, sheet=sheet))
    facts = replace(facts, sheet=found.sheet, encoding=found.encoding)
    if isinstance(read, FhirRead):  # an attachment or narrative is one cell, bounded by its line
        limits = replace(limits, cell_characters=LINE_BYTES)
    try:
        return source_table(found.cells, facts, limits)
    except SourceError as error:
        return _failure(error, path=relative, facts=facts)


@dataclass(frozen=True)
class _Parsed:
    cells: Cells
    sheet: str | None = None
    encoding: str | None = None


def _parsed(reading: Reading, read: Read, folder: Path, limits: ReadLimits) -> _Parsed | SourceError:
    """Return what the file says, or why it cannot be told; either way the file is hashed to its end."""
    try:
        return _content(reading, read, folder, limits)
    except SourceError as error:
        return error


def _content(reading: Reading, read: Read, folder: Path, limits: ReadLimits) -> _Parsed:
    """Return what the reader of a format makes of a file's bytes."""
    match read:
        case DelimitedRead():
            text = decode(iter(reading), declared=read.encoding, line_bytes=limits.line_bytes)
            return _Parsed(cells=read_delimited(text, read), encoding=text.encoding)
        case WorkbookRead():
            sheet, cells = read_workbook(b"".join(reading), read, limits)
            return _Parsed(cells=cells, sheet=sheet)
        case RedcapRead():
            cells, encoding = read_redcap(reading, read, folder, limits)
            return _Parsed(cells=cells, sheet=read.instrument, encoding=encoding)
        case OdmRead():
            sheet, cells = read_odm(iter(reading), read, limits)
            return _Parsed(cells=cells, sheet=sheet)
        case SasRead():
            member, named, cells = read_sas(b"".join(reading), read, limits)
            return _Parsed(cells=cells, sheet=member, encoding=named)
        case ParquetRead():
            return _Parsed(cells=read_parquet(b"".join(reading), read, limits))
        case JsonLinesRead():
            named, cells = read_json_lines(iter(reading), read, limits)
            return _Parsed(cells=cells, encoding=named)
        case FhirRead():
            cells = read_fhir(reading, read, lines=reading.is_called(*LINES))
            return _Parsed(cells=cells, sheet=read.resource, encoding="utf-8")
        case SqlRead():
            raise SourceError("a database is no file; leave `file` out", rule="unreadable_file")


def _failure(error: SourceError, *, path: str, facts: FileFacts | None) -> SourceFailure:
    place = error.place or Place()
    return SourceFailure(
        path=path,
        sheet=facts.sheet if facts else place.sheet,
        rule=error.rule,
        message=error.message,
        row=place.row,
        column=place.column,
        facts=facts,
    )
