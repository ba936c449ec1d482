"""What waits: findings of reader, transform and audit as rows of the quarantine table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from allpool.config import FeedSection
from allpool.etl.audit.withdrawal import HELD_WITH
from allpool.etl.delivery import Delivery
from allpool.etl.places import Places
from allpool.etl.transform.identity import uuid
from allpool.etl.transform.ledger import Ledger, Verdict
from allpool.etl.transform.quarantine import SCHEMA

COLUMNS: Final = (
    "feed",
    "centre",
    "study",
    "source_file",
    "file",
    "sheet",
    "row",
    "column",
    "scope",
    "rule",
    "severity",
    "expected",
    "value",
    "record",
    "element",
    "patient_id",
    "resource_id",
)
"""Columns of the quarantine table that a finding fills; id, status and runs are set when it is stored."""
ASKED: Final = (*COLUMNS, "table_name")
"""What is told of a finding; the table of its record is for its query."""


def waiting(
    feed: FeedSection, delivery: Delivery, transformed: pl.DataFrame, audited: pl.DataFrame
) -> pl.DataFrame:
    """Return all findings of a feed (`ASKED`); less their table, they are rows of the quarantine table."""
    read = pl.concat([_failures(delivery), _problems(delivery)], how="diagonal_relaxed")
    whole = pl.concat([read, transformed, audited], how="diagonal_relaxed")
    whole = whole.with_columns(
        feed=pl.lit(feed.id),
        study=pl.col("study").fill_null(pl.lit(feed.study, dtype=pl.String)),
        centre=pl.col("centre").fill_null(pl.lit(feed.centre, dtype=pl.String)),
    )
    patient = pl.when(pl.col("pseudonym").is_not_null()).then(uuid("patient", *map(pl.col, WHO)))
    known = [pl.col("patient_id")] if "patient_id" in whole.columns else []
    absent = [name for name in ("resource_id", "table_name") if name not in whole.columns]
    return whole.with_columns(
        pl.coalesce(*known, patient).alias("patient_id"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in absent),
    ).select(ASKED)


WHO: Final = ("study", "centre", "pseudonym")


def _failures(delivery: Delivery) -> pl.DataFrame:
    rows = [
        {
            "file": failure.path,
            "sheet": failure.sheet,
            "row": failure.row,
            "column": failure.column,
            "scope": "file",
            "rule": failure.rule,
            "severity": "quarantine",
            "expected": failure.message,
        }
        for _, failure in delivery.failures
    ]
    return pl.DataFrame(rows, schema=SCHEMA) if rows else pl.DataFrame(schema=SCHEMA)


def _problems(delivery: Delivery) -> pl.DataFrame:
    parts = [
        file.problems.select(
            pl.lit(file.frame.id).alias("source_file"),
            pl.lit(file.frame.file).alias("file"),
            pl.lit(file.frame.sheet, dtype=pl.String).alias("sheet"),
            "row",
            "column",
            "scope",
            "rule",
            pl.lit("quarantine").alias("severity"),
            "expected",
            "value",
        )
        for file in delivery.files
    ]
    parts += [
        file.problems.select(
            "row",
            "column",
            "scope",
            "rule",
            "expected",
            "value",
            source_file=pl.lit(file.id),
            file=pl.lit(file.facts.path),
            severity=pl.lit("quarantine"),
        )
        for file in delivery.landing.files
    ]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts], how="diagonal_relaxed")


def audit_findings(
    failures: pl.DataFrame, places: Places, ledgers: Mapping[str, Ledger] | None
) -> pl.DataFrame:
    """Return the audit's failures as findings at their cells, and mark these cells in the ledgers.

    Where they only warn, there are no `ledgers`: their cells load. A row that waits with another has no cell
    at fault.
    """
    placed = places.find(failures).with_columns(
        pl.when(pl.col("rule") != HELD_WITH).then(name).alias(name) for name in ("source_column", "value")
    )
    column, row = pl.col("source_column"), pl.col("row")
    found = placed.select(
        *("source_file", "file", "sheet", "row", "rule", "severity", "expected", "value", "record"),
        *("element", "study", "centre", "patient_id"),
        column=column,
        scope=pl.when(column.is_not_null()).then(pl.lit("cell")).otherwise(pl.lit("row")),
        resource_id="id",
        table_name="table",
    )
    if ledgers is not None:
        cells = placed.filter(column.is_not_null() & row.is_not_null())
        for (source, name), group in cells.partition_by(
            "source_file", "source_column", as_dict=True, maintain_order=True
        ).items():
            ledgers[str(source)].mark_source_rows(str(name), group["row"], Verdict.FAULT)
    known = dict.fromkeys(("patient_id", "resource_id", "table_name"), pl.String)
    empty = pl.DataFrame(schema={**SCHEMA, **known})
    return pl.concat([empty, found], how="diagonal_relaxed")
