"""What a centre sends: without it, that a subject has none of something cannot be told from silence."""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl
from sqlalchemy import Connection, String, cast, select

from allpool.analysis.derivation.tables import read
from allpool.mappings.dictionary import Dictionary
from allpool.models import Base, bulk

EVERY_CENTRE = ""


def read_collected(connection: Connection) -> pl.DataFrame:
    """Return studyid, siteid, record, column: what the mapping of a centre's feed has a rule for.

    A column is one that a rule of the record fills, by the name of its element: `performed` for its date.
    What a mapping declares not collected is not sent, whatever an earlier mapping had a rule for.
    `siteid` is empty where one feed brings every centre of its study. A feed that names no study brings those
    of the subjects that came with it.
    """
    brought = read(connection, "research_subject", ["feed", "study"]).unique()
    feeds = (
        read(connection, "feed", ["id", "study", "centre"])
        .join(brought.rename({"study": "brought"}), left_on="id", right_on="feed", how="left")
        .with_columns(pl.coalesce("study", "brought").alias("study"))
        .filter(pl.col("study").is_not_null())
    )
    own = Base.metadata.tables["mapping_rule"]
    as_text = cast(own.c.columns, String).label("columns")  # not every database hands JSON over as text
    rules = bulk.read(connection, select(own.c.feed, own.c.record, as_text))
    filled = [list(json.loads(columns)) or [None] for columns in rules["columns"]]  # it sends the record
    rules = (
        rules.with_columns(pl.Series("column", filled, dtype=pl.List(pl.String)))
        .explode("column")
        .select("feed", "record", "column")
        .unique()
    )
    # rules of earlier mappings stay in the store; what the mapping now declares not collected is not sent
    never = read(connection, "not_collected", ["feed", "record", "target"])
    whole = never.filter(pl.col("target").is_null())
    rules = rules.join(whole, on=["feed", "record"], how="anti").join(
        never.rename({"target": "column"}), on=["feed", "record", "column"], how="anti"
    )
    return (
        rules.join(feeds, left_on="feed", right_on="id")
        .select(
            pl.col("study").alias("studyid"),
            pl.col("centre").fill_null(EVERY_CENTRE).alias("siteid"),
            "record",
            "column",
        )
        .unique()
        .sort("studyid", "siteid", "record", "column")
    )


def collecting(
    subjects: pl.DataFrame,
    collected: pl.DataFrame,
    elements: Iterable[str],
    dictionary: Dictionary,
    *,
    column: str | None = None,
) -> pl.DataFrame:
    """Return the usubjid of `subjects` (usubjid, studyid, siteid) whose centre sends any of `elements`.

    With `column`, only where a rule fills that column of the table too.
    """
    records = sorted({name for element in elements for name in (element, dictionary[element].record)})
    sent = collected.filter(pl.col("record").is_in(records))
    if column is not None:
        # a rule names the element (`value_quantity`), the table has a column for each of its parts
        part_of = pl.lit(column).str.starts_with(pl.concat_str(pl.col("column"), pl.lit("_")))
        sent = sent.filter((pl.col("column") == column) | part_of)
    whole = subjects.join(sent.filter(pl.col("siteid") == EVERY_CENTRE), on="studyid", how="semi")
    one = subjects.join(sent, on=["studyid", "siteid"], how="semi")
    return pl.concat([whole.select("usubjid"), one.select("usubjid")]).unique()
