"""What a centre sends: without it, that a subject has none of something cannot be told from silence."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.derivation.tables import read
from allpool.mappings.dictionary import Dictionary

EVERY_CENTRE = ""


def read_collected(connection: Connection) -> pl.DataFrame:
    """Return studyid, siteid, record: the records that the mapping of a centre's feed has a rule for.

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
    rules = read(connection, "mapping_rule", ["feed", "record"]).unique()
    return (
        rules.join(feeds, left_on="feed", right_on="id")
        .select(
            pl.col("study").alias("studyid"),
            pl.col("centre").fill_null(EVERY_CENTRE).alias("siteid"),
            "record",
        )
        .unique()
        .sort("studyid", "siteid", "record")
    )


def collecting(
    subjects: pl.DataFrame, collected: pl.DataFrame, elements: Iterable[str], dictionary: Dictionary
) -> pl.DataFrame:
    """Return the usubjid of `subjects` (usubjid, studyid, siteid) whose centre sends any of `elements`."""
    records = sorted({name for element in elements for name in (element, dictionary[element].record)})
    sent = collected.filter(pl.col("record").is_in(records))
    whole = subjects.join(sent.filter(pl.col("siteid") == EVERY_CENTRE), on="studyid", how="semi")
    one = subjects.join(sent, on=["studyid", "siteid"], how="semi")
    return pl.concat([whole.select("usubjid"), one.select("usubjid")]).unique()
