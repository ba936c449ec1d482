"""How many rows rest on a code that does not mean what the source said, or say why they are empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from allpool.mappings.terminology import normal
from allpool.models import Base, CellAccount, CodeRelation, Feed, NotCollected, Observation

UNMATCHED: Final = "unmatched code"
"""Rule of the ledger under which texts without a code are ignored; its comment follows."""

COMPONENT: Final = "value_concept"
"""Column of a component's code; its relations name the component's element instead."""


def unequal_codes(connection: Connection, *, centre: str | None = None) -> list[dict[str, Any]]:
    """Return each relation: centre, study, feed, record, column, text, code, equivalence, comment, cells.

    `cells` of texts without a code are those that the feed's last account ignored for the same comment.
    """
    relations = _relations(connection)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for relation, where, cells in [*_rows(connection, relations), *_unmatched(connection, relations)]:
        if centre is not None and centre not in (where["centre"], relation.feed):
            continue
        key = (*where.values(), relation.feed, relation.record, relation.source_column, normal(relation.text))
        row = found.setdefault(
            key,
            {
                **where,
                "feed": relation.feed,
                "record": relation.record,
                "column": relation.source_column,
                "text": relation.text,
                "code": relation.code,
                "equivalence": relation.equivalence,
                "comment": relation.comment,
                "cells": 0,
            },
        )
        row["cells"] += cells
    return sorted(found.values(), key=lambda row: [str(value) for value in row.values()])


def absences(connection: Connection, *, centre: str | None = None) -> list[dict[str, Any]]:
    """Return centre, study, element, reason and rows: observations that only say why there is no value, and
    elements declared not collected (no rows).
    """
    own = Observation
    columns = (own.centre, own.study, own.data_element, own.data_absent_reason)
    query = select(*columns, func.count().label("rows")).where(own.data_absent_reason.is_not(None))
    found: list[dict[str, Any]] = [
        {"centre": row[0], "study": row[1], "element": row[2], "reason": row[3], "rows": row[4]}
        for row in connection.execute(query.group_by(*columns).order_by(*columns))
    ]
    never = select(Feed.centre, Feed.study, NotCollected.element, Feed.id).join(
        Feed, Feed.id == NotCollected.feed
    )
    for row in connection.execute(never.order_by(Feed.id, NotCollected.element)):
        where = {"centre": row[0] or row[3], "study": row[1], "element": row[2]}
        found.append({**where, "reason": "not collected", "rows": None})
    return [row for row in found if centre is None or row["centre"] == centre]


def _relations(connection: Connection) -> Sequence[Any]:
    table = Base.metadata.tables[CodeRelation.__tablename__]
    return connection.execute(select(table).order_by(table.c.feed, table.c.rule, table.c.target)).all()


def _rows(connection: Connection, relations: Sequence[Any]) -> Iterator[tuple[Any, Mapping[str, Any], int]]:
    """Yield each relation with the places whose rows rest on it, and their number."""
    groups: dict[tuple[str, str, str, str | None], dict[str, list[Any]]] = {}
    for relation in relations:
        if relation.code is not None:
            key = (relation.feed, relation.table_name, relation.target, relation.data_element)
            groups.setdefault(key, {}).setdefault(normal(relation.text), []).append(relation)
    for (feed, name, target, element), by_text in groups.items():
        table = Base.metadata.tables[name]
        column = target if target in table.c else COMPONENT
        code, delivered = table.c[column], table.c[f"{column}_delivered"]
        columns = (table.c.centre, table.c.study, table.c.rule, code, delivered)
        query = select(*columns, func.count()).where(table.c.feed == feed, delivered.is_not(None))
        if element is not None:
            query = query.where(table.c.data_element == element)
        known = {relation.code for relations_ in by_text.values() for relation in relations_}
        for centre, study, rule, value, text, cells in connection.execute(
            query.where(code.in_(sorted(known))).group_by(*columns)
        ):
            own = _own([item for item in by_text.get(normal(text), []) if item.code == value], rule)
            if own is not None:
                yield own, {"centre": centre, "study": study}, cells


def _own(candidates: Sequence[Any], rule: str | None) -> Any:
    """Return the relation of the row's own rule; for an earlier rule, or a record of several, the first."""
    return next((item for item in candidates if item.rule == rule), candidates[0] if candidates else None)


def _unmatched(
    connection: Connection, relations: Sequence[Any]
) -> Iterator[tuple[Any, Mapping[str, Any], int]]:
    """Yield each text without a code with the cells that its comment has had ignored, counted once."""
    feeds = {row.id: row for row in connection.execute(select(Feed.id, Feed.centre, Feed.study))}
    ignored = _ignored(connection)
    for relation in relations:
        if relation.code is None:
            cells = ignored.pop((relation.feed, f"{UNMATCHED}: {relation.comment}"), 0)
            feed = feeds.get(relation.feed)
            yield (
                relation,
                {"centre": feed.centre if feed else None, "study": feed.study if feed else None},
                cells,
            )


def _ignored(connection: Connection) -> dict[tuple[str, str], int]:
    """Return, by feed and rule, the cells that the last accounts of the feed's files ignored."""
    last = (
        select(CellAccount.feed, func.max(CellAccount.run).label("run")).group_by(CellAccount.feed).subquery()
    )
    query = select(CellAccount.feed, CellAccount.ignored_by).join(
        last, (last.c.feed == CellAccount.feed) & (last.c.run == CellAccount.run)
    )
    found: dict[tuple[str, str], int] = {}
    for feed, by_rule in connection.execute(query):
        for rule, cells in by_rule.items():
            found[feed, rule] = found.get((feed, rule), 0) + cells
    return found
