"""The rows that fail a rule, by our own query from the rule itself, and what contradicts them."""

from __future__ import annotations

from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from allpool.errors import BrokenRuleError
from allpool.etl.audit.rules import Rule
from allpool.models import STAGING
from allpool.models.bulk import read

RELATED_SCHEMA: Final = pl.Schema(
    {
        "table": pl.String,
        "id": pl.String,
        "rule": pl.String,
        "other_table": pl.String,
        "other_id": pl.String,
        "other_column": pl.String,
    }
)
"""The other cells of a contradiction, beside the row that is at fault."""
WAIVED: Final = ("rule", "id", "content_hash")
"""Columns of the waivers: a rule, and a row that need not keep it as long as its content stays."""
SELECTED: Final = ("id", "source_file", "source_row", "feed", "content_hash")


def failing_rows(connection: Connection, rule: Rule) -> pl.DataFrame:
    """Return `SELECTED` of the staged rows that fail `rule`, never the library's truncated list of them."""
    columns = STAGING[rule.table].c
    wanted = select(*(columns[name] for name in SELECTED))
    return read(connection, wanted.where(rule.predicate).order_by(columns.id, columns.source_row))


def agreed(rule: Rule, found: pl.DataFrame, counted: int) -> pl.DataFrame:
    """Return what our query found, where the library counts as many. Raises `BrokenRuleError` elsewhere."""
    if found.height != counted:
        raise BrokenRuleError(
            f"rule {rule.id}: Great Expectations counts {counted} failing rows, our query {found.height}"
        )
    return found


def without_waived(rule: Rule, found: pl.DataFrame, waived: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows that fail `rule` and are not waived in it with the content that they have."""
    if waived is None or waived.is_empty():
        return found
    own = waived.filter(pl.col("rule") == rule.id)
    return found.join(own, on=["id", "content_hash"], how="anti", maintain_order="left")


def related_cells(connection: Connection, rule: Rule, found: pl.DataFrame) -> pl.DataFrame:
    """Return the cells that contradict the rows in `found` (`RELATED_SCHEMA`), where `rule` names any."""
    if found.is_empty():
        return pl.DataFrame(schema=RELATED_SCHEMA)
    names = ("id", "other_table", "other_id", "other_column")
    ids = found.select("id").unique()
    cells = [pl.DataFrame(schema=dict.fromkeys(names, pl.String))]
    if rule.others is not None:
        rows = connection.execute(rule.others).all()
        others = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        cells.append(others.join(ids, on="id", how="semi"))
    cells += [
        ids.select("id", other_table=pl.lit(rule.table), other_id="id", other_column=pl.lit(column))
        for column in rule.beside
    ]
    return (
        pl.concat(cells)
        .unique()
        .sort(names)
        .select(pl.lit(rule.table).alias("table"), "id", pl.lit(rule.id).alias("rule"), *names[1:])
    )
