"""What waits: findings of reader, transform and audit as rows of the quarantine table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from allpool.config import FeedSection
from allpool.etl.delivery import Delivery
from allpool.etl.transform.identity import uuid
from allpool.etl.transform.ledger import Ledger, Verdict
from allpool.etl.transform.quarantine import SCHEMA
from allpool.mappings.plan import CompiledMapping, RulePlan

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


def waiting(
    feed: FeedSection, delivery: Delivery, transformed: pl.DataFrame, audited: pl.DataFrame
) -> pl.DataFrame:
    """Return all findings of a feed as rows of the quarantine table (`COLUMNS`)."""
    read = pl.concat([_failures(delivery), _problems(delivery)], how="diagonal_relaxed")
    whole = pl.concat([read, transformed, audited], how="diagonal_relaxed")
    whole = whole.with_columns(
        feed=pl.lit(feed.id),
        study=pl.col("study").fill_null(pl.lit(feed.study, dtype=pl.String)),
        centre=pl.col("centre").fill_null(pl.lit(feed.centre, dtype=pl.String)),
    )
    patient = pl.when(pl.col("pseudonym").is_not_null()).then(uuid("patient", *map(pl.col, WHO)))
    known = [pl.col("patient_id")] if "patient_id" in whole.columns else []
    resource = [] if "resource_id" in whole.columns else [pl.lit(None, dtype=pl.String).alias("resource_id")]
    return whole.with_columns(pl.coalesce(*known, patient).alias("patient_id"), *resource).select(COLUMNS)


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
    failures: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    delivery: Delivery,
    mapping: CompiledMapping,
    ledgers: Mapping[str, Ledger] | None,
) -> pl.DataFrame:
    """Return the audit's failures as findings at their cells, and mark these cells in the ledgers.

    Where they only warn, there are no `ledgers`: their cells load. A failure names a table's column; the
    mapping rule that made the row knows the source columns behind it.
    """
    rules = {rule.id: rule for plan in mapping.sources for rule in plan.rules}
    frames = {file.frame.id: file.frame for file in delivery.files}
    parts: list[pl.DataFrame] = [
        pl.DataFrame(schema={**SCHEMA, "patient_id": pl.String, "resource_id": pl.String})
    ]
    for (table,), failed in failures.partition_by("table", as_dict=True, maintain_order=True).items():
        rows = tables[str(table)]
        subject = next((c for c in ("subject_id", "individual_id", "patient_id") if c in rows.columns), "id")
        lineage = rows.select(
            "id", "rule", "source_file", "source_row", "study", "centre", patient_id=subject
        )
        placed = failed.select("id", "column", "expected", "element", "severity", breaks="rule").join(
            lineage, on="id", how="left"
        )
        for (rule_id, source_file, column), group in placed.partition_by(
            "rule", "source_file", "column", as_dict=True, maintain_order=True
        ).items():
            rule, source = rules.get(str(rule_id)), frames.get(str(source_file))
            name = _source_column(rule, source.columns, str(column)) if rule and source else None
            found = group.select(
                pl.col("source_file"),
                pl.col("source_row").alias("row"),
                pl.lit(name, dtype=pl.String).alias("column"),
                pl.lit("cell" if name else "row").alias("scope"),
                pl.col("breaks").alias("rule"),
                "severity",
                "expected",
                pl.lit(rule.record if rule else None, dtype=pl.String).alias("record"),
                "element",
                "study",
                "centre",
                "patient_id",
                pl.col("id").alias("resource_id"),
            )
            if source is not None:
                found = found.with_columns(
                    pl.lit(source.file).alias("file"), pl.lit(source.sheet, dtype=pl.String).alias("sheet")
                )
                if name is not None:
                    values = source.frame.select(pl.col("_row").cast(pl.Int64).alias("row"), value=name)
                    found = found.join(values, on="row", how="left", maintain_order="left")
                    if ledgers is not None:
                        ledgers[source.id].mark_source_rows(name, found["row"], Verdict.FAULT)
            parts.append(found)
    return pl.concat(parts, how="diagonal_relaxed")


def _source_column(rule: RulePlan, columns: tuple[str, ...], column: str) -> str | None:
    """Return the file's column that filled `column` of the rule's table, where one did."""
    best: str | None = None
    length = -1
    for field in rule.fields:
        target = field.column or ""
        if field.is_component or not (column == target or column.startswith(f"{target}_")):
            continue
        name = next((name for name in field.binding.column or () if name in columns), None)
        if name is not None and len(target) > length:
            best, length = name, len(target)
    return best
