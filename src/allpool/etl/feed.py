"""One feed on its way: looked at, read, mapped, staged, audited; `ending` publishes it or holds it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Final, Literal

import polars as pl
from sqlalchemy import Engine, select
from sqlalchemy.engine import Connection

from allpool.config import FeedSection
from allpool.etl import operations, quarantine
from allpool.etl.audit import Audited, Delivered, Thresholds, audit, delivered
from allpool.etl.clock import Clock, Watch
from allpool.etl.data_docs import NightDocs
from allpool.etl.delivery import Delivery, fingerprint, read_delivery
from allpool.etl.publish import Counts
from allpool.etl.queries.waivers import waivers, waivers_mark
from allpool.etl.raised import Raised, raised_before
from allpool.etl.staging import stage
from allpool.etl.transform.ledger import Account
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import Harmonised, transform
from allpool.mappings.compile import Vocabulary
from allpool.mappings.plan import CompiledMapping
from allpool.models import LANDED, STAGING, Patient

PLACES: Final = (
    *("id", "content_hash", "study", "centre", "source_file", "source_row", "rule"),
    *("subject_id", "individual_id", "patient_id", "observation_id", "data_element"),
)
"""Columns of a mapped record that are asked for once it is staged."""

Status = Literal["published", "unchanged", "blocked", "failed"]


@dataclass(frozen=True)
class FeedResult:
    """What one night did with one feed."""

    feed: str
    status: Status
    message: str | None = None
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """File (and sheet) -> account of its cells."""
    counts: Counts = field(default_factory=Counts)
    waiting: int = 0
    """Open entries in quarantine."""
    warnings: int = 0
    """Failed rules of the audit that only warn."""
    raised: tuple[Raised, ...] = ()
    """Rules beyond their threshold or their own history, of the last delivery that was audited."""
    seconds: float = 0.0
    steps: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step."""

    @property
    def needs_a_person(self) -> bool:
        """Whether something waits for somebody to look at it."""
        return self.status in ("blocked", "failed") or self.waiting > 0 or bool(self.raised)


@dataclass(frozen=True)
class Night:
    """What all feeds of one night share."""

    engine: Engine
    run: int
    today: date
    vocabulary: Vocabulary
    key: bytes
    security: str | None
    settings: Mapping[str, str]
    """What decides a feed's outcome beside its files and mapping: code version, key's fingerprint."""
    dry_run: bool
    watch: Watch
    linkage_key: bytes | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    """How many failing rows are tolerated, and what is raised."""
    docs: NightDocs | None = None
    """Data Docs of this night, where they are asked for."""


@dataclass(frozen=True)
class Mapped:
    """A feed that is mapped and waits for staging, audit and publishing."""

    feed: FeedSection
    mapping: CompiledMapping
    delivery: Delivery
    harmonised: Harmonised
    fingerprint: str | None
    clock: Clock
    delivered: Delivered | None = None
    """What it brings of what is promised, once it is staged; None where a file could not be read."""

    @property
    def rows(self) -> int:
        """Rows to stage."""
        return sum(frame.height for frame in self.harmonised.tables.values())


@dataclass(frozen=True)
class Changed:
    """A feed that is not what it was when it was last published, and what the store knows of it."""

    feed: FeedSection
    folder: Path
    mapping: CompiledMapping
    fingerprint: str | None
    known_patients: frozenset[str]
    clock: Clock


def look_at_feed(
    night: Night, feed: FeedSection, folder: Path, mapping: CompiledMapping
) -> FeedResult | Changed:
    """Look whether `feed` has changed; one in which nothing has is done at once."""
    clock = Clock(feed.id)
    with clock.step("look"), night.engine.connect() as connection:
        decided = waivers_mark(connection, feed.id)
        settings = {**night.settings, **({"waivers": decided} if decided else {})}
        mark = fingerprint(folder, feed, mapping, settings=settings)
        known = operations.fingerprint(connection, feed.id)
        before = operations.last_cells(connection, feed.id)
        open_ = quarantine.open_entries(connection, feed.id)
        raised = raised_before(connection, feed.id)
    if mark is not None and known == mark:
        return _repeated(night, feed, before, open_, raised, clock)
    with night.engine.connect() as connection:
        published = connection.execute(select(Patient.id).where(Patient.feed == feed.id)).scalars()
        return Changed(feed, folder, mapping, mark, frozenset(published), clock)


def map_feed(night: Night, changed: Changed) -> Mapped:
    """Read and map a feed; needs no store, so that it can run beside the publishing of others."""
    feed, mapping, clock = changed.feed, changed.mapping, changed.clock
    scene = Scene(
        feed=feed.id,
        study=feed.study,
        centre=feed.centre,
        security=night.security,
        key=night.key,
        linkage_key=night.linkage_key,
    )
    with clock.step("read"):
        delivery = read_delivery(changed.folder, feed, mapping, scene)
    with clock.step("map"):
        # patients whom an earlier delivery introduced, where this one cannot or need not
        known = changed.known_patients if feed.mode == "append" or delivery.failures else frozenset()
        frames = [file.frame for file in delivery.files]
        harmonised = transform(frames, mapping, scene, known_patients=known)
        for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
            ledger.found_by_reader(file.problems)
            ledger.passed_over_by_reader(file.passed_over)
        harmonised = replace(harmonised, tables={**harmonised.tables, LANDED.name: delivery.landing.rows})
        delivery.landing = replace(delivery.landing, rows=delivery.landing.rows.clear())  # once is enough
    return Mapped(feed, mapping, delivery, harmonised, changed.fingerprint, clock)


def stage_feeds(night: Night, mapped: Sequence[Mapped]) -> list[Mapped]:
    """Stage the feeds in one go; return them with the columns that are asked for after that.

    What they say is in the store then, and memory is free for the next batch.
    """
    with _shared(night, mapped, "stage"):
        stage(night.engine, *(item.harmonised.tables for item in mapped))
        brought = [_brought(item) for item in mapped]
    return [
        replace(item, harmonised=replace(item.harmonised, tables=_places(item.harmonised)), delivered=brings)
        for item, brings in zip(mapped, brought, strict=True)
    ]


def _brought(item: Mapped) -> Delivered | None:
    """Return what a feed brings; what stands in a file that cannot be read, nobody knows."""
    return None if item.delivery.failures else delivered(item.harmonised.tables, item.mapping)


def audit_feeds(night: Night, staged: Sequence[Mapped]) -> dict[str, Audited]:
    """Audit all that is staged in one pass."""
    feeds = [item.feed.id for item in staged]
    with _shared(night, staged, "audit"):
        with night.engine.connect() as connection:
            waived = waivers(connection, feeds)
        audited = audit(
            night.engine,
            feeds=feeds,
            run=night.run,
            dictionary=night.vocabulary.dictionary,
            terminology=night.vocabulary.terminology,
            records=night.vocabulary.records,
            today=night.today,
            staged={item.feed.id: _counted(item.harmonised) for item in staged},
            waived=waived,
            thresholds=night.thresholds,
            delivered={item.feed.id: item.delivered for item in staged if item.delivered is not None},
        )
        if night.docs is not None:
            counts = [_counted(item.harmonised) for item in staged]
            night.docs.add(night.engine, audited.values(), counts, night.vocabulary, today=night.today)
    return audited


def _counted(harmonised: Harmonised) -> dict[str, dict[str | None, int]]:
    """Return the number of rows per table and data element, in an order that does not change."""
    counts: dict[str, dict[str | None, int]] = {}
    for table in map(str, STAGING):
        rows = harmonised.tables.get(table, pl.DataFrame())
        if "data_element" in rows.columns:
            counts[table] = dict(rows.group_by("data_element").len().sort("data_element").iter_rows())
        elif rows.height:
            counts[table] = {None: rows.height}
    return counts


@contextmanager
def _shared(night: Night, feeds: Sequence[Mapped], name: str) -> Iterator[None]:
    """Time a step that feeds go through together; each bears its share by its rows."""
    began = perf_counter()
    night.watch.step(f"{len(feeds)} feeds" if len(feeds) > 1 else feeds[0].feed.id, name)
    yield
    seconds, total = perf_counter() - began, sum(item.rows for item in feeds) or 1
    for item in feeds:
        item.clock.add(name, seconds * item.rows / total)


def _places(harmonised: Harmonised) -> dict[str, pl.DataFrame]:
    """Return who and where each record is, and the hash of what it says."""
    return {
        table: rows.select(name for name in PLACES if name in rows.columns)
        for table, rows in harmonised.tables.items()
    }


def record_result(connection: Connection, run: int, result: FeedResult) -> None:
    """Write down what the night did with a feed."""
    counts = result.counts
    operations.record_feed_run(
        connection,
        operations.FeedRunEntry(
            run=run,
            feed=result.feed,
            status=result.status,
            message=result.message,
            inserted=counts.inserted,
            updated=counts.updated,
            unchanged=counts.unchanged,
            retracted=counts.retracted,
            seconds=result.seconds,
        ),
    )


def record_cells(
    connection: Connection, night: Night, feed: FeedSection, accounts: Mapping[str, Account]
) -> None:
    """Write down the accounts of a feed's files for this run."""
    operations.record_cells(
        connection,
        [
            operations.CellAccountEntry(run=night.run, feed=feed.id, **asdict(account))
            for account in accounts.values()
        ],
    )


def _repeated(
    night: Night,
    feed: FeedSection,
    before: Mapping[str, operations.CellAccountEntry],
    open_: int,
    raised: tuple[Raised, ...],
    clock: Clock,
) -> FeedResult:
    """Return the result of a feed in which nothing has changed; its accounts are stored for this run too."""
    again = {name: _account(entry).repeated() for name, entry in before.items()}
    result = FeedResult(
        feed=feed.id,
        status="unchanged",
        accounts=again,
        waiting=open_,
        raised=raised,
        seconds=clock.seconds,
        steps=clock.steps,
    )
    if not night.dry_run:
        with night.engine.begin() as connection:
            record_cells(connection, night, feed, again)
            record_result(connection, night.run, result)
    return result


def _account(entry: operations.CellAccountEntry) -> Account:
    return Account(**{name: value for name, value in asdict(entry).items() if name not in ("run", "feed")})
