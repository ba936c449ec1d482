"""From staging to the published tables: set-based, table by table, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import ColumnElement, Table, delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from allpool.errors import BrokenRuleError
from allpool.etl import history
from allpool.models import STAGED, filled_tables
from allpool.models.bulk import read, temporary

Mode = Literal["snapshot", "append"]

OUTCOME: Final = pl.Enum(["inserted", "updated", "unchanged", "conflict"])
"""What became of a staged row; `conflict`: another feed published this id first, and says something else."""

TABLE: Final = pl.Enum([str(table.name) for table in filled_tables()])

NOTHING: Final = pl.DataFrame(schema={"id": pl.String, "content_hash": pl.String})

SET_BY_PUBLISH: Final = ("version", "run")


@dataclass(frozen=True)
class Counts:
    """Rows of one table (or of a feed) by what became of them."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    retracted: int = 0
    conflict: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))


COUNTED: Final = ("inserted", "updated", "unchanged", "retracted", "conflict")


@dataclass(frozen=True)
class Published:
    """What publishing did: counts per table that it touched, and the outcome of each staged row."""

    counts: Mapping[str, Counts]
    outcomes: pl.DataFrame
    """Columns table, id, outcome; ids are unique within a table."""

    @property
    def total(self) -> Counts:
        """The counts of all tables together."""
        return sum(self.counts.values(), Counts())


def publish(
    connection: Connection,
    *,
    feed: str,
    run: int,
    mode: Mode,
    protected: Collection[str] = (),
    staged: Mapping[str, pl.DataFrame] | None = None,
) -> Published:
    """Make the published rows of `feed` what the staging tables say, and keep what they said before.

    A row is new (version 1, or one more than before it was retracted), changed (its content hash differs:
    version + 1) or unchanged (not touched). In a `snapshot` feed, published rows that are not staged are
    retracted, but for rows of the mapping rules in `protected`, whose source could not be read this time.
    The caller's transaction holds it all: nobody sees half a feed. The caller holds the store's lock.

    `staged` gives the ids and hashes (columns id, content_hash) that staging holds of the feed, by published
    table, to a caller who knows them; else they are read. Other feeds' rows in staging are left alone. Raises
    BrokenRuleError where staging holds an id twice, or other rows than `staged` says.
    """
    found = {
        str(table.name): _Publication(connection, table, feed=feed, run=run).publish(
            None if staged is None else staged.get(str(table.name), NOTHING),
            mode=mode,
            protected=frozenset(protected),
        )
        for table in filled_tables()
    }
    counts = {name: counted for name, (counted, _) in found.items() if counted != Counts()}
    outcomes = [
        rows.select(pl.lit(name, TABLE).alias("table"), "id", "outcome") for name, (_, rows) in found.items()
    ]
    return Published(counts, pl.concat(outcomes))


class _Publication:
    """One table's part."""

    def __init__(self, connection: Connection, table: Table, *, feed: str, run: int) -> None:
        self.connection = connection
        self.table = table
        self.staged = STAGED[table.name]
        self.feed = feed
        self.run = run

    def publish(
        self, staged: pl.DataFrame | None, *, mode: Mode, protected: frozenset[str]
    ) -> tuple[Counts, pl.DataFrame]:
        published = self._read_published()
        rows = self._classify(self._read_staged() if staged is None else staged, published)
        gone = _absent(rows, published, protected) if mode == "snapshot" else published.clear()
        fresh = rows.filter(pl.col("outcome") == "inserted").height
        if fresh == rows.height and not gone.height and not history.has_any(self.connection, self.table):
            written = self._insert(self._rows(literal(1))) if fresh else 0
        else:
            written = self._change(rows, gone)
        expected = rows.filter(pl.col("outcome") != "unchanged").height
        if written != expected:
            rows = self._find_conflicts(rows)
        return self._count(rows, gone, written=written), rows

    def _read_published(self) -> pl.DataFrame:
        columns = self.table.c
        query = select(
            columns.id, columns.content_hash.label("published_hash"), columns.version, columns.rule
        )
        return read(self.connection, query.where(columns.feed == self.feed))

    def _read_staged(self) -> pl.DataFrame:
        columns = self.staged.c
        query = select(columns.id, columns.content_hash)
        return read(self.connection, query.where(columns.feed == self.feed))

    def _classify(self, staged: pl.DataFrame, published: pl.DataFrame) -> pl.DataFrame:
        """Return id, outcome and next version (null where new) of each staged row."""
        twice = staged.height - staged["id"].n_unique()
        if twice:
            raise BrokenRuleError(f"{self.staged.name} of feed {self.feed} holds {twice} ids more than once")
        if not published.height:
            return staged.select(
                "id", pl.lit("inserted", OUTCOME).alias("outcome"), next_version=pl.lit(None, pl.Int64)
            )
        return staged.join(published, on="id", how="left", maintain_order="left").select(
            "id", _outcome(), next_version=pl.col("version") + 1
        )

    def _change(self, rows: pl.DataFrame, gone: pl.DataFrame) -> int:
        """End what is superseded or retracted, insert what is new or changed; return the rows inserted."""
        changed = rows.filter(pl.col("outcome") != "unchanged").select("id", version="next_version")
        retracted = gone.select("id", version=pl.lit(None, pl.Int64))
        ids = pl.concat([changed, retracted]).sort("id")
        if not ids.height:
            return 0
        if changed["version"].null_count():
            ids = self._with_first_versions(ids, retracted)
        with temporary(self.connection, ids) as changes:
            if gone.height or changed["version"].count():
                self._end(changes)
            query = self._rows(changes.c.version).join(changes, changes.c.id == self.staged.c.id)
            return self._insert(query) if changed.height else 0

    def _with_first_versions(self, ids: pl.DataFrame, retracted: pl.DataFrame) -> pl.DataFrame:
        """Fill in the versions of new rows: 1, or one more than before they were retracted."""
        with temporary(self.connection, ids.select("id")) as listed:
            before = history.last_versions(self.connection, self.table, listed)
        first = pl.coalesce("version", pl.col("last") + 1, pl.lit(1, pl.Int64))
        is_gone = pl.col("id").is_in(retracted["id"].implode())
        return ids.join(before, on="id", how="left", maintain_order="left").select(
            "id", version=pl.when(~is_gone).then(first)
        )

    def _end(self, changes: Table) -> None:
        # Within coalesce, so that no database walks the feed's index: the ids are few, the feed's rows many.
        of_feed = func.coalesce(self.table.c.feed, "") == self.feed
        history.keep(self.connection, self.table, changes, where=of_feed, run=self.run)
        ended = self.table.c.id.in_(select(changes.c.id))
        self.connection.execute(delete(self.table).where(ended, of_feed))

    def _rows(self, version: ColumnElement[Any]) -> Select[Any]:
        """Return the staged rows as the published table has them."""
        columns = [column for column in self.staged.c if column.name not in SET_BY_PUBLISH]
        rows = select(*columns, version.label("version"), literal(self.run).label("run"))
        return rows.where(self.staged.c.feed == self.feed)

    def _insert(self, rows: Select[Any]) -> int:
        """Insert `rows`, but for ids that another feed published before."""
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        names = [column.key for column in rows.selected_columns]
        statement = dialect.insert(self.table).from_select(names, rows)
        # No ORDER BY: staging stores rows in the order of their ids; to sort them again costs a third more.
        statement = statement.on_conflict_do_nothing(index_elements=["id"])
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount

    def _find_conflicts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Say of rows whose id another feed holds whether the two say the same."""
        theirs = read(
            self.connection,
            select(self.staged.c.id, (self.staged.c.content_hash == self.table.c.content_hash).label("same"))
            .join(self.table, self.table.c.id == self.staged.c.id)
            .where(self.table.c.feed != self.feed, self.staged.c.feed == self.feed),
        )
        said = pl.when("same").then(pl.lit("unchanged", OUTCOME)).otherwise(pl.lit("conflict", OUTCOME))
        return rows.join(theirs, on="id", how="left", maintain_order="left").select(
            "id", pl.when(pl.col("same").is_null()).then("outcome").otherwise(said).alias("outcome")
        )

    def _count(self, rows: pl.DataFrame, gone: pl.DataFrame, *, written: int) -> Counts:
        found = dict(rows.group_by("outcome").len().iter_rows())
        counts = Counts(**{str(name): number for name, number in found.items()}, retracted=gone.height)
        if counts.inserted + counts.updated != written:
            raise BrokenRuleError(
                f"{self.table.name} of feed {self.feed}: {counts.inserted + counts.updated} rows to write, "
                f"{written} written"
            )
        return counts


def _absent(rows: pl.DataFrame, published: pl.DataFrame, protected: frozenset[str]) -> pl.DataFrame:
    absent = published.join(rows, on="id", how="anti")
    return absent.filter(~pl.col("rule").is_in(sorted(protected)).fill_null(value=False))


def _outcome() -> pl.Expr:
    return (
        pl.when(pl.col("published_hash").is_null())
        .then(pl.lit("inserted", OUTCOME))
        .when(pl.col("published_hash") != pl.col("content_hash"))
        .then(pl.lit("updated", OUTCOME))
        .otherwise(pl.lit("unchanged", OUTCOME))
        .alias("outcome")
    )
