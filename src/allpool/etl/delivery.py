"""What a feed delivered: its files read into source frames, their failures and findings, a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import polars as pl

from allpool.config import FeedSection
from allpool.errors import SourceError
from allpool.etl.guard import KeyWarning, guarded, key_warning
from allpool.etl.landing import LandedFile, Landing, land
from allpool.etl.landing.file import NOT_LANDED
from allpool.etl.linkage.tokens import tokened, united
from allpool.etl.operations import SourceFileEntry
from allpool.etl.readers import (
    ROW,
    FileFacts,
    SourceFailure,
    SourceTable,
    file_hash,
    list_files,
    read_source,
)
from allpool.etl.transform.source import Scene, SourceFrame
from allpool.mappings.plan import CompiledMapping, SourcePlan
from allpool.mappings.read import FhirRead


@dataclass(frozen=True)
class ReadFile:
    """One file and sheet as read: its frame for the transform, and what the reader found in it."""

    frame: SourceFrame
    facts: FileFacts
    problems: pl.DataFrame
    blank_rows: int
    passed_over: pl.DataFrame
    """Cells that a named rule of the reader passes over: row, column, rule."""

    @property
    def blank_cells(self) -> int:
        """Cells of rows that hold nothing."""
        return self.blank_rows * len(self.frame.columns)

    @property
    def lost_cells(self) -> int:
        """Cells of rows that the reader could not put under the columns."""
        return int(self.problems.filter(pl.col("scope") == "row")["cells"].sum())


@dataclass
class Delivery:
    """All that a feed delivered."""

    files: list[ReadFile] = field(default_factory=list)
    failures: list[tuple[str, SourceFailure]] = field(default_factory=list)
    """Name of the source, and what could not be read of it."""
    warnings: list[KeyWarning] = field(default_factory=list)
    """Patient keys that are themselves direct identifiers."""
    landing: Landing = field(default_factory=Landing)
    """FHIR resources, each whole."""

    @property
    def failed_sources(self) -> frozenset[str]:
        """Sources of which something could not be read: their records are not retracted."""
        return frozenset(source for source, _ in self.failures)


def read_delivery(
    folder: Path, feed: FeedSection, mapping: CompiledMapping, scene: Scene | None = None
) -> Delivery:
    """Read every source of `mapping` in `folder`; what cannot be read is a failure and the rest goes on.

    FHIR files land whole, too; `scene` has the key of their pseudonyms, and is needed where there are any.
    """
    delivery = Delivery(landing=land(folder, mapping, scene) if scene is not None else Landing())
    for plan in mapping.sources:
        for read in read_source(folder, plan.file, plan.read, name=plan.name):
            if isinstance(read, SourceTable) and isinstance(plan.read, FhirRead):
                read = _without_refused(read, delivery.landing)
            if isinstance(read, SourceTable) and plan.linkage is not None:
                centre, key = (feed.centre, scene.linkage_key) if scene is not None else (feed.centre, None)
                read = tokened(read, plan, mapping, centre=centre, key=key)
            found = guarded(read, plan, mapping) if isinstance(read, SourceTable) else read
            if isinstance(found, SourceTable) and not found.columns:
                continue  # no resource of the type; the landing accounts for the others
            if isinstance(found, SourceTable):
                delivery.files.append(_read_file(feed, plan, found, delivery.landing))
                delivery.warnings += filter(None, [key_warning(found, plan)])
            elif plan.required or found.rule not in ("missing_file", "missing_sheet"):
                delivery.failures.append((plan.name, found))
    _unite_tokens(delivery, feed, mapping)
    unread = {failure.path for _, failure in delivery.failures}
    delivery.failures += [item for item in delivery.landing.failures if item[1].path not in unread]
    return delivery


def _unite_tokens(delivery: Delivery, feed: FeedSection, mapping: CompiledMapping) -> None:
    """Give each patient the linkage tokens of all files."""
    plans = {plan.name: plan for plan in mapping.sources}
    if not any(plan.linkage for plan in mapping.sources):
        return
    tables = [(file.frame.frame, plans[file.frame.source]) for file in delivery.files]
    frames = united(tables, mapping, study=feed.study, centre=feed.centre)
    delivery.files = [
        replace(file, frame=replace(file.frame, frame=frame))
        for file, frame in zip(delivery.files, frames, strict=True)
    ]


def _without_refused(table: SourceTable, landing: Landing) -> SourceTable:
    """Return a FHIR table without the rows that landing refuses, as another source asks for more checks."""
    file = landing.file(table.facts.path)
    if file is None or not file.refused:
        return table
    refused = list(file.refused)
    return replace(
        table,
        frame=table.frame.filter(~pl.col(ROW).is_in(refused)),
        problems=table.problems.filter(~pl.col("row").is_in(refused)),
    )


def fingerprint(
    folder: Path, feed: FeedSection, mapping: CompiledMapping, *, settings: Mapping[str, str]
) -> str | None:
    """Return a hash of all that decides what the feed becomes, or None where that takes reading it:
    its files cannot be listed, or a source is no file.

    Files by path and content, the mapping with its dictionary, the feed's own words, and `settings` (code
    version, key, mark of synthetic data). Equal fingerprints mean that there is nothing to do.
    """
    digest = sha256(f"{feed!r}|{mapping.hash}|{sorted(settings.items())!r}".encode())
    named = [(plan.name, plan.file, plan.read.beside) for plan in mapping.sources]
    named += [(plan.source, plan.file, ()) for plan in mapping.landings if plan.resource is None]
    for name, file, beside in named:
        if file is None:
            return None
        try:
            for path in (path for pattern in (file, *beside) for path in list_files(folder, pattern)):
                digest.update(f"{name}|{path.relative_to(folder).as_posix()}|{file_hash(path)}".encode())
        except SourceError:
            return None
    return digest.hexdigest()


def source_file_id(feed: str, facts: FileFacts, source: str) -> str:
    """Return the id of a file and sheet at one content."""
    named = f"{feed}|{source}|{facts.path}|{facts.sheet or ''}|{facts.sha256}"
    return sha256(named.encode()).hexdigest()[:16]


def source_files(delivery: Delivery, feed: str) -> list[SourceFileEntry]:
    """Return what was read as entries of the table `source_file`."""
    return [
        SourceFileEntry(
            id=file.frame.id,
            feed=feed,
            source=file.frame.source,
            path=file.facts.path,
            sheet=file.facts.sheet,
            sha256=file.facts.sha256,
            encoding=file.facts.encoding,
            bytes=file.facts.bytes,
            rows=file.frame.frame.height,
            columns=list(file.frame.columns),
        )
        for file in delivery.files
    ] + [_landed_file(file, feed) for file in delivery.landing.files]


def _landed_file(file: LandedFile, feed: str) -> SourceFileEntry:
    return SourceFileEntry(
        id=file.id,
        feed=feed,
        source=file.plan.source,
        path=file.facts.path,
        sheet=None,
        sha256=file.facts.sha256,
        encoding=file.facts.encoding,
        bytes=file.facts.bytes,
        rows=len(file.resources),
        columns=[],
    )


def _read_file(feed: FeedSection, plan: SourcePlan, table: SourceTable, landing: Landing) -> ReadFile:
    frame = SourceFrame(
        id=source_file_id(feed.id, table.facts, plan.name),
        source=plan.name,
        file=table.facts.path,
        sheet=table.facts.sheet,
        columns=table.columns,
        frame=table.frame,
        decimals=table.decimals,
        kept=_kept(plan.read, table, landing) if isinstance(plan.read, FhirRead) else None,
    )
    return ReadFile(frame, table.facts, table.problems, table.blank_rows, table.passed_over)


def _kept(read: FhirRead, table: SourceTable, landing: Landing) -> pl.DataFrame:
    """Return the cells of `table` that do not stay as they are in the landed resource: row, column, rule."""
    file = landing.file(table.facts.path)
    if file is None:
        return pl.DataFrame(schema={"row": pl.Int64, "column": pl.String, "rule": pl.String})
    lost = table.frame.filter(pl.col(ROW).is_in(list(file.conflicts)))
    cells = lost.unpivot(index=ROW, variable_name="column", value_name="text").drop_nulls("text")
    return pl.concat(
        [
            cells.select(pl.col(ROW).alias("row"), "column", pl.lit(NOT_LANDED).alias("rule")),
            file.gone.filter(pl.col("type") == read.resource).select("row", "column", "rule"),
        ]
    )
