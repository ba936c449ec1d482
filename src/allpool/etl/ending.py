"""How a feed ends: published in one transaction, or held back by the audit; and what its centre is asked."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

import polars as pl
from sqlalchemy.engine import Connection

from allpool.etl import operations, quarantine
from allpool.etl.accounts import settled
from allpool.etl.audit import Audited, withdraw
from allpool.etl.delivery import source_files
from allpool.etl.feed import FeedResult, Mapped, Night, record_cells, record_result
from allpool.etl.guard import key_quality
from allpool.etl.mapping_entries import record_mapping
from allpool.etl.places import Places
from allpool.etl.publish import publish
from allpool.etl.queries.ask import ask, unread_paths
from allpool.etl.raised import raised_by
from allpool.etl.waiting import COLUMNS, audit_findings, waiting


def end_feed(night: Night, staged: Mapped, audited: Audited, *, connection: Connection) -> FeedResult:
    """Publish a staged feed: all of it becomes visible, in one transaction of `connection`, or none."""
    if audited.blocked:
        return _blocked(night, staged, audited)
    return _publish(night, staged, audited, connection)


def _publish(night: Night, staged: Mapped, audited: Audited, connection: Connection) -> FeedResult:
    feed, delivery, clock = staged.feed, staged.delivery, staged.clock
    night.watch.step(feed.id, "publish")
    began = perf_counter()
    ledgers = {ledger.source.id: ledger for ledger in staged.harmonised.ledgers}
    places = Places(delivery, staged.harmonised, staged.mapping)
    failed = [audit_findings(audited.held, places, ledgers), _warnings(audited, places)]
    with connection.begin():
        withdrawn = withdraw(connection, audited, appends=feed.mode == "append")
        failed.append(audit_findings(withdrawn.along, places, None))
        found = waiting(feed, delivery, staged.harmonised.quarantine, pl.concat(failed))
        unread = unread_paths(connection, feed, delivery)
        protected = operations.rules_of_sources(connection, feed=feed.id, sources=delivery.failed_sources)
        published = publish(
            connection,
            feed=feed.id,
            run=night.run,
            mode=feed.mode,
            protected=protected,
            staged=_left(staged.harmonised.tables, withdrawn.rows),
        )
        accounts = settled(delivery, staged.harmonised, published)
        held = found.filter(pl.col("severity") != "warn").select(COLUMNS)
        recorded = quarantine.record(connection, held, feed=feed.id, run=night.run, unread=unread)
        _ask(night, staged, audited, connection, places=places, found=found, holders=withdrawn.holders)
        operations.record_source_files(connection, source_files(delivery, feed.id), run=night.run)
        record_mapping(connection, feed, staged.mapping)
        warned = key_quality(delivery.warnings, run=night.run, feed=feed.id)
        operations.record_quality(connection, [*_quality(audited), *warned])
        record_cells(connection, night, feed, accounts)
        if staged.fingerprint is not None and not delivery.failures:
            operations.remember_fingerprint(
                connection, feed=feed.id, fingerprint=staged.fingerprint, run=night.run
            )
        result = FeedResult(
            feed=feed.id,
            status="published",
            accounts=accounts,
            counts=published.total,
            waiting=recorded.open,
            warnings=len(audited.warned) + len(warned),
            raised=raised_by(audited.results),
            seconds=clock.seconds + clock.add("publish", perf_counter() - began),
            steps=clock.steps,
        )
        record_result(connection, night.run, result)
        if night.dry_run:
            connection.rollback()
    return result


def _blocked(night: Night, staged: Mapped, audited: Audited) -> FeedResult:
    """Leave the published rows as they are and say which rules stop the feed."""
    rules = "; ".join(
        f"{rule.rule}: {rule.failed} of {rule.rows} rows ({rule.expected})" for rule in audited.blocked
    )
    result = FeedResult(
        feed=staged.feed.id,
        status="blocked",
        message=f"held back by the audit: {rules}",
        raised=raised_by(audited.results),
        seconds=staged.clock.seconds,
        steps=staged.clock.steps,
    )
    if not night.dry_run:
        places = Places(staged.delivery, staged.harmonised, staged.mapping)
        failed = [audit_findings(audited.held, places, None), _warnings(audited, places)]
        found = waiting(staged.feed, staged.delivery, staged.harmonised.quarantine, pl.concat(failed))
        with night.engine.begin() as connection:
            operations.record_quality(connection, _quality(audited))
            _ask(night, staged, audited, connection, places=places, found=found)
            record_result(connection, night.run, result)
    return result


def _warnings(audited: Audited, places: Places) -> pl.DataFrame:
    """Return the cells that only warn; they load."""
    return audit_findings(audited.failures.filter(pl.col("severity") == "warn"), places, None)


def _ask(
    night: Night,
    staged: Mapped,
    audited: Audited,
    connection: Connection,
    *,
    places: Places,
    found: pl.DataFrame,
    holders: pl.DataFrame | None = None,
) -> None:
    """Make queries of what was found."""
    ask(
        connection,
        staged.feed,
        run=night.run,
        delivery=staged.delivery,
        tables=staged.harmonised.tables,
        places=places,
        audited=audited,
        found=found,
        holders=holders,
    )


def _left(tables: Mapping[str, pl.DataFrame], withdrawn: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what the audit has left in staging."""
    gone = withdrawn.partition_by("table", as_dict=True)
    return {
        table: rows.join(gone[table,], on="id", how="anti", maintain_order="left")
        if (table,) in gone
        else rows
        for table, rows in tables.items()
    }


def _quality(audited: Audited) -> list[operations.QualityResultEntry]:
    return [operations.QualityResultEntry(**row) for row in audited.quality_rows()]
