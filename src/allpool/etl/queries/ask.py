"""The night asks: what a feed's findings become, in the transaction that publishes or holds back the feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Connection, select

from allpool.config import FeedSection
from allpool.errors import BrokenRuleError
from allpool.etl.audit import Audited
from allpool.etl.delivery import Delivery
from allpool.etl.places import Places
from allpool.etl.queries.asked import asked, of_blocking_rules, of_keys
from allpool.etl.queries.record import Recorded, record
from allpool.etl.waiting import audit_findings
from allpool.models import EtlRun, SourceFile


def ask(
    connection: Connection,
    feed: FeedSection,
    *,
    run: int,
    delivery: Delivery,
    tables: Mapping[str, pl.DataFrame],
    places: Places,
    audited: Audited,
    found: pl.DataFrame,
    holders: pl.DataFrame | None = None,
) -> Recorded:
    """Ask the centre of `feed` about its findings (`found`, as `waiting` gives them), what warns included.

    `tables` are all records that were mapped, `holders` says how many rows wait with which. Where rules
    block the feed, each of them is one question, and nothing is mended. Raises `BrokenRuleError` where the
    store does not know the run.
    """
    questions = [asked(found, audited, tables=tables, places=places, holders=holders)]
    questions.append(of_keys(feed, delivery.warnings))
    if audited.blocked:
        at_fault = audited.failures.filter(pl.col("severity") == "block")
        questions.append(of_blocking_rules(feed, audit_findings(at_fault, places, None), audited.blocked))
    hashes = [rows.select("id", "content_hash") for rows in tables.values() if "content_hash" in rows.columns]
    staged = (
        pl.concat(hashes) if hashes else pl.DataFrame(schema={"id": pl.String, "content_hash": pl.String})
    )
    return record(
        connection,
        pl.concat(questions),
        feed=feed.id,
        run=run,
        at=_began(connection, run),
        owner=feed.contact,
        staged=staged,
        unread=unread_paths(connection, feed, delivery),
        mends=not audited.blocked,
    )


def unread_paths(connection: Connection, feed: FeedSection, delivery: Delivery) -> set[str]:
    """Return the files of which nothing is known this time: they could not be read, or did not come.

    A file that is gone from a source that was read tells that its cells are gone, too; where the feed
    appends, or the source could not be read, it tells nothing.
    """
    read = {file.frame.file for file in delivery.files} | {file.facts.path for file in delivery.landing.files}
    unread = {failure.path for _, failure in delivery.failures}
    known = select(SourceFile.path).where(SourceFile.feed == feed.id)
    if feed.mode != "append":
        known = known.where(SourceFile.source.in_(sorted(delivery.failed_sources)))
    return (unread | set(connection.scalars(known))) - (read - unread)


def _began(connection: Connection, run: int) -> datetime:
    """Return when the night began."""
    at = connection.scalar(select(EtlRun.started_at).where(EtlRun.run == run))
    if at is None:
        raise BrokenRuleError(f"the store knows no run {run}")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
