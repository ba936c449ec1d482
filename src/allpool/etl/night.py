"""The night: every feed, one after another; what one costs, the others do not pay."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

from sqlalchemy import Engine

from allpool.config import Consortium, FeedSection
from allpool.errors import AllpoolError, BrokenRuleError, ConfigError, ExitCode, StoreError
from allpool.etl import operations
from allpool.etl.ahead import ahead
from allpool.etl.audit import preload
from allpool.etl.audit.limits import load_thresholds, thresholds_mark
from allpool.etl.clock import Watch
from allpool.etl.data_docs import NightDocs
from allpool.etl.ending import end_feed
from allpool.etl.feed import (
    Changed,
    FeedResult,
    Mapped,
    Night,
    audit_feeds,
    look_at_feed,
    map_feed,
    record_result,
    stage_feeds,
)
from allpool.etl.linkage import is_due, link_patients, waiting_links
from allpool.etl.lock import locked
from allpool.etl.publish import publish
from allpool.etl.queries.record import unsettled
from allpool.etl.staging import clear, stage
from allpool.etl.studies import FEED, load_studies, studies_hash, study_tables
from allpool.mappings.compile import load_mapping, load_vocabulary
from allpool.version import __version__

SYNTHETIC = "HTEST"
"""v3-ActReason: test health data."""

BATCH_ROWS = 300_000
"""Mapped rows from which a batch of feeds is closed: the audit costs a second or two whatever its size, so
small feeds share one; the frames of a batch stay in memory until it is staged."""

Result = TypeVar("Result")
Done = TypeVar("Done")


@dataclass(frozen=True)
class NightReport(Generic[Result]):
    """What a night did."""

    run: int
    feeds: Sequence[FeedResult]
    analysis: Result | None
    seconds: float
    exit_code: ExitCode
    candidates: int = 0
    """Pairs of patients who may be one person and of whom nobody has decided."""
    data_docs: Path | None = None
    """First of the Data Docs' pages, where they were asked for and anything was audited."""
    queries: int = 0
    """Queries of the whole store that wait for an answer or a decision."""


def run_night(
    consortium: Consortium,
    engine: Engine,
    *,
    now: datetime,
    watch: Watch,
    centres: Collection[str] = (),
    dry_run: bool = False,
    prepare: Callable[[Engine], None] | None = None,
    where: str = "local",
    analyse: Callable[[Engine], Result] | None = None,
) -> NightReport[Result]:
    """Run every feed of `consortium` (or those of `centres`), then `analyse`, and return the report.

    `prepare` brings the store's schema up to date, under the store's lock. `where` names the engine that the
    mapping runs on, for the record of the run. `now` is the time of the night; dates after it are in the
    future. Raises `StoreError` where the store is locked or out of reach, `ConfigError` and `SecretError`
    where the night cannot start, `BrokenRuleError` where a rule of the design does not hold.
    """
    began = perf_counter()
    feeds = _chosen(consortium, centres)
    key, linkage_key = consortium.pseudonym_key(), consortium.linkage_key()
    vocabulary = load_vocabulary()
    thresholds = load_thresholds(consortium, vocabulary)
    with locked(engine, since=now), _rare_collections():
        if prepare is not None:
            prepare(engine)
        with engine.begin() as connection:
            run = operations.start_run(connection, started_at=now, code_version=__version__, engine=where)
            operations.register_feeds(connection, [_entry(feed) for feed in (CONSORTIUM, *consortium.feeds)])
        night = Night(
            engine=engine,
            run=run,
            today=now.date(),
            vocabulary=vocabulary,
            key=key,
            linkage_key=linkage_key,
            security=SYNTHETIC if consortium.synthetic else None,
            settings={
                "code": __version__,
                "key": sha256(b"fingerprint" + key).hexdigest(),
                "linkage": sha256(b"fingerprint" + (linkage_key or b"")).hexdigest(),
                "synthetic": str(consortium.synthetic),
                "thresholds": thresholds_mark(thresholds),
            },
            dry_run=dry_run,
            watch=watch,
            thresholds=thresholds,
            docs=_docs(consortium, run, now),
        )
        results = [_studies(night, consortium), *_run_feeds(night, consortium, feeds)]
        pages = night.docs.close() if night.docs is not None else None
        candidates = _link(night)
        watch.step("analysis", "analyse")
        analysis = analyse(engine) if analyse is not None and not dry_run else None
        asks = candidates > 0 or any(result.needs_a_person for result in results)
        code = ExitCode.NEEDS_A_PERSON if asks else ExitCode.OK
        with engine.begin() as connection:
            operations.finish_run(connection, run=run, status=_status(code), finished_at=_later(now, began))
            asked = unsettled(connection)
    return NightReport(run, results, analysis, perf_counter() - began, code, candidates, pages, asked)


def _docs(consortium: Consortium, run: int, now: datetime) -> NightDocs | None:
    if not consortium.content.quality.data_docs:
        return None
    return NightDocs(consortium.output, run=run, title=consortium.name, now=now)


def _link(night: Night) -> int:
    """Look for patients who stand in the store twice, and return how many pairs wait for a person."""
    if night.dry_run:
        return 0
    with night.engine.begin() as connection:
        if is_due(connection):
            night.watch.step("all feeds", "link")
            link_patients(connection, run=night.run)
        return waiting_links(connection)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for garbage in cycles less often: the audit's library alone keeps a million objects."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


CONSORTIUM = FeedSection(id=FEED, mapping="", folder="")
"""The consortium's own study files, as a feed."""


def _entry(feed: FeedSection) -> operations.FeedEntry:
    return operations.FeedEntry(
        id=feed.id, study=feed.study, centre=feed.centre, mapping=feed.mapping, mode=feed.mode
    )


def _status(code: ExitCode) -> operations.RunStatus:
    return "finished" if code is ExitCode.OK else "needs-a-person"


def _later(now: datetime, began: float) -> datetime:
    return now + timedelta(seconds=perf_counter() - began)


def _chosen(consortium: Consortium, centres: Collection[str]) -> list[FeedSection]:
    known = {feed.centre for feed in consortium.feeds} | {feed.id for feed in consortium.feeds}
    unknown = sorted(set(centres) - {name for name in known if name})
    if unknown:
        raise ConfigError(
            f"no feed of centre {', '.join(unknown)}; there are {', '.join(sorted(n for n in known if n))}"
        )
    return [feed for feed in consortium.feeds if not centres or {feed.centre, feed.id} & set(centres)]


def _run_feeds(night: Night, consortium: Consortium, feeds: Sequence[FeedSection]) -> list[FeedResult]:
    """Run the feeds, in batches that share one audit, and return their results in the order of the feeds."""
    results: dict[str, FeedResult] = {}
    changed: list[Changed] = []
    for feed in feeds:
        looked = _guarded(night, feed, partial(_look, night, consortium, feed))
        if isinstance(looked, FeedResult):
            results[feed.id] = looked
        else:
            changed.append(looked)
    if changed:
        preload()  # the audit's library loads while the first files are read
    batch: list[Mapped] = []
    for feed, mapping in ahead(changed, partial(map_feed, night), limit=BATCH_ROWS):
        mapped = _guarded(night, feed, mapping)
        if isinstance(mapped, FeedResult):
            results[feed.id] = mapped
        else:
            batch.append(mapped)
        if sum(item.rows for item in batch) >= BATCH_ROWS:
            results.update(_end_batch(night, batch))
            batch = []
    results.update(_end_batch(night, batch))
    return [results[feed.id] for feed in feeds]


def _end_batch(night: Night, batch: Sequence[Mapped]) -> dict[str, FeedResult]:
    """Stage and audit a batch, publish it feed by feed, and empty the staging tables."""
    if not batch:
        return {}
    staged = stage_feeds(night, batch)
    # One connection for all feeds: the next finds the indexes' pages in its memory, and the last to leave
    # a SQLite file copies the log into the file, which takes as long as to write it.
    with night.engine.connect() as connection:
        audited = audit_feeds(night, staged)
        results = {
            item.feed.id: end_feed(night, item, audited[item.feed.id], connection=connection)
            for item in staged
        }
        clear(night.engine)
    return results


def _look(night: Night, consortium: Consortium, feed: FeedSection) -> FeedResult | Changed:
    folder = consortium.content.paths.mappings
    mapping = load_mapping(consortium.path(folder, feed.mapping), night.vocabulary)
    return look_at_feed(night, feed, consortium.path(feed.folder), mapping)


def _guarded(night: Night, feed: FeedSection, work: Callable[[], Done]) -> FeedResult | Done:
    """Do one feed's work; an error that a person can act on costs this feed only."""
    try:
        return work()
    except (BrokenRuleError, StoreError):
        raise
    except AllpoolError as error:
        result = FeedResult(feed=feed.id, status="failed", message=str(error))
        if not night.dry_run:
            with night.engine.begin() as connection:
                record_result(connection, night.run, result)
        return result


def _studies(night: Night, consortium: Consortium) -> FeedResult:
    """Publish the consortium's own studies and centres; in a dry run too, since the feeds refer to them."""
    folder = consortium.path(consortium.content.paths.studies)
    night.watch.step(FEED, "publish")
    mark = sha256((studies_hash(folder) + str(sorted(night.settings.items()))).encode()).hexdigest()
    with night.engine.connect() as connection:
        known = operations.fingerprint(connection, FEED)
    if known == mark:
        unchanged = FeedResult(feed=FEED, status="unchanged")
        with night.engine.begin() as connection:
            record_result(connection, night.run, unchanged)
        return unchanged
    studies = load_studies(folder, night.vocabulary.terminology)
    stage(night.engine, study_tables(studies, security=night.security))
    with night.engine.begin() as connection:
        published = publish(connection, feed=FEED, run=night.run, mode="snapshot")
        result = FeedResult(feed=FEED, status="published", counts=published.total)
        operations.remember_fingerprint(connection, feed=FEED, fingerprint=mark, run=night.run)
        record_result(connection, night.run, result)
    clear(night.engine)
    return result
