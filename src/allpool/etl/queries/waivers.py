"""Rules that need not hold for some records, as the consortium has decided."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

import polars as pl
from sqlalchemy import Connection, String, cast, select

from allpool.etl.queries.record import EVENT, QUERY, WAIVED, record_hashes
from allpool.models.bulk import read


def waivers(connection: Connection, feeds: Collection[str]) -> pl.DataFrame:
    """Return rule, id, content_hash of the records that need not keep a rule as long as they say the same."""
    wanted = select(QUERY.c.id, QUERY.c.rule, cast(QUERY.c.records, String).label("records")).where(
        QUERY.c.status == WAIVED, QUERY.c.feed.in_(sorted(feeds))
    )
    waived = read(connection, wanted.order_by(QUERY.c.id))
    rules = waived.select("rule", query="id")
    return (
        record_hashes(waived)
        .join(rules, on="query", maintain_order="left")
        .select("rule", "id", "content_hash")
    )


def waivers_mark(connection: Connection, feed: str) -> str | None:
    """Return a hash of what persons have decided about waivers of `feed`, or None where they have not.

    Part of the feed's fingerprint: after a waiver it is looked at again although its files are the same.
    What the night makes of waivers does not change it.
    """
    ever = select(EVENT.c.query).where(EVENT.c.status == WAIVED, EVENT.c.by.is_not(None))
    decided = (
        select(EVENT.c.query, EVENT.c.number)
        .join(QUERY, QUERY.c.id == EVENT.c.query)
        .where(QUERY.c.feed == feed, EVENT.c.by.is_not(None), EVENT.c.query.in_(ever))
        .order_by(EVENT.c.query, EVENT.c.number)
    )
    steps = [f"{query}:{number}" for query, number in connection.execute(decided)]
    return sha256("|".join(steps).encode()).hexdigest() if steps else None
