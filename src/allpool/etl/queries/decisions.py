"""What persons make of queries: a centre answers; the consortium accepts an answer, or waives a rule."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection, select, update

from allpool.errors import ConfigError
from allpool.etl.queries.record import QUERY, append_events
from allpool.mappings.identifiers.suspicion import identifying
from allpool.models import QualityResult

Decision = Literal["accepted", "waived"]
WAIVABLE: Final = ("plausibility", "completeness")
"""Kahn's categories whose rules a record may break and be right; what is not conformant cannot be stored."""
CLOSED: Final = ("mended",)


def decide(
    connection: Connection, ids: Sequence[str], decision: Decision, *, by: str, comment: str, at: datetime
) -> int:
    """Make queries `accepted` or `waived`, in the caller's transaction; return how many were not before.

    `accepted`: the answer is taken, and nothing is asked until the content changes. `waived`: the rule need
    not hold for these records as long as they say the same; the next night lets them pass. Raises
    `ConfigError`, before anything is changed, where a query is unknown, was mended, or cannot be waived.
    """
    refuse_identifiers(comment, "the comment")
    refuse_identifiers(by, "--by")
    found = [_query(connection, id_) for id_ in dict.fromkeys(ids)]
    if decision == "waived":
        for query in found:
            _check_waivable(connection, query)
    changed = [query["id"] for query in found if query["status"] != decision]
    for id_ in changed:
        connection.execute(update(QUERY).where(QUERY.c.id == id_).values(status=decision, closed_at=at))
    told = pl.DataFrame({"id": changed}, schema={"id": pl.String})
    append_events(
        connection,
        told.with_columns(status=pl.lit(decision), at=at, by=pl.lit(by), comment=pl.lit(comment)),
    )
    return len(changed)


def refuse_identifiers(text: str, what: str) -> None:
    """Raise `ConfigError` where a person's text holds what looks like a direct identifier."""
    if text and identifying(pl.Series([text])).any():
        raise ConfigError(f"{what} holds what looks like a direct identifier of a person; leave it out")


def known_ids(connection: Connection, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return id -> state and content of the queries among `ids` that the store has."""
    wanted = select(QUERY.c.id, QUERY.c.feed, QUERY.c.centre, QUERY.c.status, QUERY.c.answer)
    listed = sorted(ids)
    return {
        row.id: dict(row._mapping)
        for start in range(0, len(listed), 500)
        for row in connection.execute(wanted.where(QUERY.c.id.in_(listed[start : start + 500])))
    }


def _query(connection: Connection, id_: str) -> dict[str, Any]:
    row = connection.execute(select(QUERY).where(QUERY.c.id == id_)).first()
    if row is None:
        raise ConfigError(f"the store has no query {id_}; `allpool queries list` shows them")
    if row.status in CLOSED:
        raise ConfigError(f"query {id_} was mended by a later delivery; there is nothing to decide")
    return dict(row._mapping)


def _check_waivable(connection: Connection, query: dict[str, Any]) -> None:
    """Raise `ConfigError` where the rule of a query holds for every record, whatever a person says."""
    id_, rule = query["id"], query["rule"]
    if query["severity"] == "block":
        raise ConfigError(
            f"query {id_} cannot be waived: so many rows break {rule} that it blocks the delivery; "
            "a threshold of this centre would let it pass"
        )
    latest = (
        select(QualityResult.category)
        .where(QualityResult.feed == query["feed"], QualityResult.rule == rule)
        .order_by(QualityResult.run.desc())
        .limit(1)
    )
    category = connection.scalar(latest)
    if category is None or not query["records"]:
        raise ConfigError(
            f"query {id_} cannot be waived: {rule} is a rule of reader or transform, and what cannot be "
            "read cannot be stored; the centre mends the cell, or the consortium its mapping"
        )
    if category not in WAIVABLE:
        raise ConfigError(
            f"query {id_} cannot be waived: {rule} is a rule of {category}, and what breaks it cannot be "
            f"stored; rules of {' and '.join(WAIVABLE)} can be waived"
        )
