"""Rules that are raised: beyond their threshold, or failing more than they used to in the same feed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from allpool.etl.audit import RuleResult
from allpool.models import QualityResult

RESULTS: Any = QualityResult.metadata.tables[QualityResult.__tablename__]


@dataclass(frozen=True)
class Raised:
    """A rule that needs a person beyond its failing rows."""

    rule: str
    why: str
    """`threshold` or `trend`."""
    rows: int
    failed: int
    tolerated: float | None
    usual: float | None

    def __str__(self) -> str:
        beside = [
            f"{share:.1%} {word}"
            for share, word in ((self.tolerated, "tolerated"), (self.usual, "usual"))
            if share is not None
        ]
        told = f" ({', '.join(beside)})" if beside else ""
        if self.rule.startswith("delivery."):
            return f"{self.rule}: {self.rows:,} delivered, {self.failed:,} fewer than before"
        return f"{self.rule}: {self.failed:,} of {self.rows:,}{told}, raised by its {self.why}"


def raised_by(results: Iterable[RuleResult]) -> tuple[Raised, ...]:
    """Return what an audit raises."""
    return tuple(
        Raised(result.rule, result.raised, result.rows, result.failed, result.tolerated, result.usual)
        for result in results
        if result.raised is not None
    )


def raised_before(connection: Connection, feed: str) -> tuple[Raised, ...]:
    """Return what the last audit of `feed` raised: it holds as long as nothing else is delivered."""
    last = select(func.max(RESULTS.c.run)).where(RESULTS.c.feed == feed).scalar_subquery()
    names = ("rule", "raised", "rows", "failed", "tolerated", "usual")
    query = select(*(RESULTS.c[name] for name in names)).where(
        RESULTS.c.feed == feed, RESULTS.c.run == last, RESULTS.c.raised.is_not(None)
    )
    return tuple(Raised(*row) for row in connection.execute(query.order_by(RESULTS.c.rule)))
