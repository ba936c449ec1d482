"""What one night asks about a feed: one query per failing cell, with all that takes part in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import orjson
import polars as pl

from allpool.config import FeedSection
from allpool.etl.audit import HELD_WITH, Audited, RuleResult
from allpool.etl.guard import KEY_RULE, KeyWarning
from allpool.etl.places import Places
from allpool.etl.waiting import ASKED as FOUND

CELL: Final = ("feed", "centre", "file", "sheet", "row", "column", "rule")
"""Findings that have these in common are one query: one cell may be part of many records."""
SCHEMA: Final = pl.Schema(
    {
        **dict.fromkeys(FOUND, pl.String),
        "row": pl.Int64,
        "content_hash": pl.String,
        "records": pl.String,
        "others": pl.String,
        "held_with": pl.Int64,
    }
)
"""Columns of what is asked; `records` and `others` are JSON."""
OTHER: Final = ("file", "sheet", "row", "column", "value")
"""What is told of another cell of a contradiction."""
WHOLE_FEED: Final = "feed"


def asked(
    found: pl.DataFrame,
    audited: Audited,
    *,
    tables: Mapping[str, pl.DataFrame],
    places: Places,
    holders: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the queries (`SCHEMA`) that the findings `found` of one feed become.

    `tables` are the feed's records with id and content hash, `holders` says how many rows wait with which.
    Rows that only wait with others are no question of their own, nor is what the audit misses of a cell that
    reader or transform could not take.
    """
    own = _first_causes(found.filter(pl.col("rule") != HELD_WITH))
    if own.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    known = own.join(_hashes(tables), on=["table_name", "resource_id"], how="left", maintain_order="left")
    known = _with_holders(known, holders)
    cells = known.with_columns(
        _whole=pl.when(pl.col("column").is_null()).then(pl.col("resource_id")),
        _record=pl.format('["{}","{}"]', "resource_id", pl.col("content_hash").fill_null("")),
    )
    by_record = cells.sort("resource_id", nulls_last=False, maintain_order=True)
    folded = by_record.group_by(*CELL, "_whole", maintain_order=True).agg(
        *(pl.col(name).first() for name in (*FOUND, "content_hash") if name not in CELL),
        _ids=pl.col("resource_id").drop_nulls(),
        _tables=pl.col("table_name").drop_nulls().first(),
        records=pl.format("[{}]", pl.col("_record").drop_nulls().unique(maintain_order=True).str.join(",")),
        held_with=pl.col("held_with").sum(),
    )
    return folded.with_columns(others=_others(folded, audited.related, places)).select(
        pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    )


def of_blocking_rules(feed: FeedSection, found: pl.DataFrame, blocked: Iterable[RuleResult]) -> pl.DataFrame:
    """Return a query for each rule that blocks a feed; `found` are their failures at their cells.

    So many rows fail that they are asked about at once: as a column where they are of one, else as the feed.
    """
    rows = []
    for result in blocked:
        own = found.filter(pl.col("rule") == result.rule)
        places = own.select("file", "sheet", "column").unique()
        one = places.rows(named=True)[0] if places.height == 1 else {}
        column = one.get("column")
        rows.append(
            {
                **(one if column is not None else {}),
                "feed": feed.id,
                "centre": feed.centre,
                "study": feed.study,
                "scope": "column" if column is not None else WHOLE_FEED,
                "rule": result.rule,
                "severity": result.severity,
                "expected": result.expected,
                "element": result.element,
                "table_name": result.table,
                "records": "[]",
                "others": "[]",
                "held_with": result.failed,
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def of_keys(feed: FeedSection, warnings: Sequence[KeyWarning]) -> pl.DataFrame:
    """Return a query for each column of patient keys that are direct identifiers."""
    rows = [
        {
            "feed": feed.id,
            "centre": feed.centre,
            "study": feed.study,
            "file": warning.file,
            "sheet": warning.sheet,
            "column": warning.column,
            "scope": "column",
            "rule": KEY_RULE,
            "severity": "warn",
            "expected": warning.message,
            "records": "[]",
            "others": "[]",
            "held_with": 0,
        }
        for warning in warnings
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def _first_causes(found: pl.DataFrame) -> pl.DataFrame:
    """Return findings without those of the audit at a cell that did not get that far."""
    cell = ("file", "sheet", "row", "column")
    unread = found.filter(
        pl.col("resource_id").is_null(), pl.all_horizontal(pl.col("file", "row", "column").is_not_null())
    )
    refused = unread.select(*cell, _refused=pl.lit(value=True)).unique()
    told = found.join(refused, on=cell, how="left", nulls_equal=True, maintain_order="left")
    return told.filter(pl.col("resource_id").is_null() | pl.col("_refused").is_null()).drop("_refused")


def _hashes(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return table_name, resource_id, content_hash of all records; of an id the first."""
    parts = [pl.DataFrame(schema=dict.fromkeys(("table_name", "resource_id", "content_hash"), pl.String))]
    parts += [
        rows.select(table_name=pl.lit(table), resource_id="id", content_hash="content_hash")
        for table, rows in tables.items()
        if rows.height and "content_hash" in rows.columns
    ]
    return pl.concat(parts).unique(["table_name", "resource_id"], keep="first", maintain_order=True)


def _with_holders(found: pl.DataFrame, holders: pl.DataFrame | None) -> pl.DataFrame:
    """Return findings with the number of rows that wait for their record."""
    if holders is None:
        return found.with_columns(held_with=pl.lit(0, dtype=pl.Int64))
    waiting = holders.select(table_name="table", resource_id="id", held_with="rows")
    joined = found.join(waiting, on=["table_name", "resource_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("held_with").fill_null(0))


def _others(folded: pl.DataFrame, related: pl.DataFrame, places: Places) -> pl.Series:
    """Return the other cells of each query as JSON: of this feed and the query's centre alone.

    What another centre sent is not this one's to see: of such a cell nothing is told.
    """
    none = pl.repeat("[]", folded.height, eager=True)
    if related.is_empty() or folded.is_empty():
        return none
    cells = related.select(table="other_table", id="other_id", column="other_column").unique(
        maintain_order=True
    )
    there = places.find(cells).filter(pl.col("file").is_not_null())
    told = related.join(
        there.rename({"table": "other_table", "id": "other_id", "column": "other_column"}),
        on=["other_table", "other_id", "other_column"],
        maintain_order="left",
    ).select(
        "rule",
        resource_id="id",
        other_centre="centre",
        **{f"other_{name}": "source_column" if name == "column" else name for name in OTHER},
    )
    asking = folded.with_row_index("_n").select("_n", *CELL, "_ids").explode("_ids")
    joined = asking.join(told, left_on=["rule", "_ids"], right_on=["rule", "resource_id"]).filter(
        (pl.col("other_centre").is_null() & pl.col("centre").is_null())
        | (pl.col("other_centre").fill_null(pl.col("centre")) == pl.col("centre")),
        # the cell itself, as another record sees it
        ~pl.all_horizontal(pl.col(f"other_{name}").eq_missing(pl.col(name)) for name in OTHER[:4]),
    )
    # a row without its cell tells nothing where one of its cells is known
    named = pl.col("other_column").is_not_null()
    joined = joined.filter(named | ~named.any().over("_n", "other_file", "other_sheet", "other_row"))
    lines = joined.select("_n", *(f"other_{name}" for name in OTHER)).unique().sort(pl.all())
    said = {
        number: orjson.dumps([dict(zip(OTHER, cell[1:], strict=True)) for cell in cells_]).decode()
        for number, cells_ in groupby(lines.iter_rows(), key=lambda line: line[0])
    }
    return none.scatter(list(said), list(said.values())) if said else none
