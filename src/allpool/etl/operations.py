"""What the night writes about itself: runs, feeds, files, cells, mapping rules and quality results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Protocol

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from allpool.models import Base

RunStatus = Literal["finished", "needs-a-person", "failed"]

_TABLES: Final = Base.metadata.tables


@dataclass(frozen=True)
class FeedEntry:
    """A feed as the configuration names it."""

    id: str
    study: str | None
    centre: str | None
    mapping: str
    mode: str


@dataclass(frozen=True)
class FeedRunEntry:
    """What one run did with one feed."""

    run: int
    feed: str
    status: Literal["published", "unchanged", "blocked", "failed"]
    message: str | None = None
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    retracted: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class SourceFileEntry:
    """One file and sheet at one content; `id` as `SourceFile.id`."""

    id: str
    feed: str
    source: str
    path: str
    sheet: str | None
    sha256: str
    encoding: str | None
    bytes: int
    rows: int
    columns: Sequence[str]


@dataclass(frozen=True)
class CellAccountEntry:
    """Cells of one file in one run: read = loaded + unchanged + quarantined + ignored + empty."""

    run: int
    source_file: str
    feed: str
    rows: int
    read: int
    loaded: int
    unchanged: int
    quarantined: int
    ignored: int
    empty: int
    ignored_by: Mapping[str, int]


@dataclass(frozen=True)
class MappingRuleEntry:
    """Which source columns filled which columns of a table; `id` as `MappingRule.id`."""

    id: str
    feed: str
    source: str
    record: str
    table_name: str
    mapping: str
    line: int | None
    columns: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class CodeRelationEntry:
    """A text that a feed's mapping brings to a code that does not mean the same; see `CodeRelation`."""

    feed: str
    rule: str
    target: str
    text: str
    table_name: str
    record: str
    data_element: str | None
    source_column: str
    code: str | None
    equivalence: str
    comment: str | None


@dataclass(frozen=True)
class NotCollectedEntry:
    """A data element that a feed's mapping declares never to be sent."""

    feed: str
    element: str
    record: str
    target: str | None
    line: int


@dataclass(frozen=True)
class QualityResultEntry:
    """What one rule found in one feed in one run."""

    run: int
    feed: str
    rule: str
    table_name: str
    element: str | None
    category: str
    context: str
    severity: str
    rows: int
    failed: int
    success: bool
    message: str | None = None
    tolerated: float | None = None
    usual: float | None = None
    raised: str | None = None


def start_run(connection: Connection, *, started_at: datetime, code_version: str, engine: str) -> int:
    """Write down that a run begins and return its number.

    Runs still called `running` were killed: the caller holds the store's lock, so none can be under way.
    """
    runs = _TABLES["etl_run"]
    connection.execute(update(runs).where(runs.c.status == "running").values(status="failed"))
    number = int(connection.scalar(select(func.coalesce(func.max(runs.c.run), 0))) or 0) + 1
    connection.execute(
        insert(runs).values(
            run=number, started_at=started_at, status="running", code_version=code_version, engine=engine
        )
    )
    return number


def finish_run(connection: Connection, *, run: int, finished_at: datetime, status: RunStatus) -> None:
    """Write down how and when `run` ended."""
    runs = _TABLES["etl_run"]
    connection.execute(update(runs).where(runs.c.run == run).values(finished_at=finished_at, status=status))


def register_feeds(connection: Connection, feeds: Sequence[FeedEntry]) -> None:
    """Write down the configured feeds; what is known of their last publish stays."""
    _put(connection, _TABLES["feed"], feeds)


def fingerprint(connection: Connection, feed: str) -> str | None:
    """Return the fingerprint of what `feed` was last published from, or None."""
    feeds = _TABLES["feed"]
    found = connection.scalar(select(feeds.c.fingerprint).where(feeds.c.id == feed))
    return None if found is None else str(found)


def remember_fingerprint(connection: Connection, *, feed: str, fingerprint: str, run: int) -> None:
    """Write down what `feed` was published from in `run`, in the transaction that publishes it."""
    feeds = _TABLES["feed"]
    connection.execute(update(feeds).where(feeds.c.id == feed).values(fingerprint=fingerprint, last_run=run))


def record_feed_run(connection: Connection, entry: FeedRunEntry) -> None:
    """Write down what a run did with a feed."""
    _put(connection, _TABLES["feed_run"], [entry])


def record_source_files(connection: Connection, files: Sequence[SourceFileEntry], *, run: int) -> None:
    """Write down the files read; one that is known keeps the run that first saw it."""
    _put(connection, _TABLES["source_file"], files, keep={"first_run": run})


def record_cells(connection: Connection, accounts: Sequence[CellAccountEntry]) -> None:
    """Write down the accounts of the cells of files."""
    _put(connection, _TABLES["cell_account"], accounts)


def record_mapping_rules(connection: Connection, rules: Sequence[MappingRuleEntry]) -> None:
    """Write down the rules in use; those of earlier mappings stay, since published rows may point to them."""
    _put(connection, _TABLES["mapping_rule"], rules)


def replace_code_relations(connection: Connection, feed: str, relations: Sequence[CodeRelationEntry]) -> None:
    """Write down the relations of the feed's mapping in place of those that it had."""
    _replace(connection, _TABLES["code_relation"], feed, relations)


def replace_not_collected(connection: Connection, feed: str, elements: Sequence[NotCollectedEntry]) -> None:
    """Write down what the feed's mapping declares not collected in place of what it declared."""
    _replace(connection, _TABLES["not_collected"], feed, elements)


def rules_of_sources(connection: Connection, *, feed: str, sources: Collection[str]) -> frozenset[str]:
    """Return the ids of all rules, past ones too, that filled rows of `feed` from `sources`.

    They are what `publish` protects where a source could not be read.
    """
    rules = _TABLES["mapping_rule"]
    query = select(rules.c.id).where(rules.c.feed == feed, rules.c.source.in_(sorted(sources)))
    return frozenset(connection.scalars(query))


def record_quality(connection: Connection, results: Sequence[QualityResultEntry]) -> None:
    """Write down what the audit's rules found."""
    _put(connection, _TABLES["quality_result"], results)


def last_cells(connection: Connection, feed: str) -> dict[str, CellAccountEntry]:
    """Return the accounts of the feed's latest accounted run, by file (and sheet) as a person names it.

    Where several sources read it, their names tell the accounts apart.
    """
    cells, files = _TABLES["cell_account"], _TABLES["source_file"]
    latest = select(func.max(cells.c.run)).where(cells.c.feed == feed).scalar_subquery()
    query = (
        select(cells, files.c.path, files.c.sheet, files.c.source)
        .join(files, files.c.id == cells.c.source_file)
        .where(cells.c.feed == feed, cells.c.run == latest)
        .order_by(files.c.path, files.c.sheet, files.c.source)
    )
    names = [item.name for item in fields(CellAccountEntry)]
    found: dict[str, CellAccountEntry] = {}
    for row in connection.execute(query):
        name = file_name(row.path, row.sheet)
        entry = CellAccountEntry(**{item: getattr(row, item) for item in names})
        found[f"{name} as {row.source}" if name in found else name] = entry
    return found


def file_name(path: str, sheet: str | None) -> str:
    """Return how a person names a file, or a sheet of a workbook."""
    return f"{path} [{sheet}]" if sheet else path


def overview(connection: Connection) -> list[dict[str, Any]]:
    """Return the latest run of each feed, with what it moved, what waits, and how many rules are raised."""
    runs, waiting = _TABLES["feed_run"], _TABLES["quarantine"]
    latest = select(runs.c.feed, func.max(runs.c.run).label("run")).group_by(runs.c.feed).subquery()
    open_ = (
        select(waiting.c.feed, func.count().label("waiting"))
        .where(waiting.c.status == "open")
        .group_by(waiting.c.feed)
        .subquery()
    )
    found = _TABLES["quality_result"]
    last = select(found.c.feed, func.max(found.c.run).label("run")).group_by(found.c.feed).subquery()
    raised = (
        select(found.c.feed, func.count().label("raised"))
        .join(last, (last.c.feed == found.c.feed) & (last.c.run == found.c.run))
        .where(found.c.raised.is_not(None))
        .group_by(found.c.feed)
        .subquery()
    )
    query = (
        select(
            runs,
            func.coalesce(open_.c.waiting, 0).label("waiting"),
            func.coalesce(raised.c.raised, 0).label("raised"),
        )
        .outerjoin(raised, raised.c.feed == runs.c.feed)
        .join(latest, (latest.c.feed == runs.c.feed) & (latest.c.run == runs.c.run))
        .outerjoin(open_, open_.c.feed == runs.c.feed)
        .order_by(runs.c.feed)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


class _Entry(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def _replace(connection: Connection, table: Table, feed: str, entries: Sequence[_Entry]) -> None:
    connection.execute(delete(table).where(table.c.feed == feed))
    _put(connection, table, entries)


def _put(
    connection: Connection, table: Table, entries: Sequence[_Entry], *, keep: Mapping[str, Any] | None = None
) -> None:
    """Insert `entries`, or update the rows that have their keys, but for the columns in `keep`."""
    if not entries:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    names = [item.name for item in fields(entries[0])]  # `asdict` copies deeply, which takes longer
    rows = [{**{name: getattr(entry, name) for name in names}, **(keep or {})} for entry in entries]
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in {*keys, *(keep or {})}}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
