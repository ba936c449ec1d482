"""Benchmark data: many patients drawn from a small cohort, with new identifiers, shifted dates and
varied counts."""

from __future__ import annotations

import numpy as np
import polars as pl

from examples.generate.writing import Tables

# measured values that may vary by some percent without changing a response or a threshold
VARIED = (
    "wbc",
    "wbc_before",
    "wbc_after",
    "alt",
    "ast",
    "alt_before",
    "alt_after",
    "ast_before",
    "ast_after",
    "bilirubin",
    "weight",
    "il6",
)
LONGEST_SHIFT_DAYS = 60


def enlarge(tables: Tables, *, patients: int, seed: int, study: str) -> Tables:
    """Draw `patients` with replacement from `tables["patients"]` and carry their rows of every
    other table along.

    Each copy gets an identifier of its own in its centre's style, and all its dates move back by
    the same 0-60 days.
    """
    source = np.random.default_rng([seed, int(study)])
    base = tables["patients"]
    pick = source.integers(0, base.height, patients)
    key = ["patient"] if "centre" not in base.columns else ["centre", "patient"]
    copies = base.select(key)[pick].with_columns(
        pl.int_range(1, patients + 1).alias("copy"),
        pl.Series("shift", source.integers(0, LONGEST_SHIFT_DAYS + 1, patients), dtype=pl.Int64),
    )
    enlarged = {}
    for name, frame in tables.items():
        keys = [column for column in key if column in frame.columns]
        joined = copies.select(*keys, "copy", "shift").join(
            frame, on=keys, how="inner", maintain_order="left_right"
        )
        enlarged[name] = (
            _varied(joined, source).with_columns(_identifier(study).alias("patient")).select(frame.columns)
        )
    return enlarged


def _identifier(study: str) -> pl.Expr:
    number = pl.col("copy").cast(pl.String).str.zfill(6)
    if study in ("001", "004"):
        return pl.lit(f"SYN{study}-") + number
    if study == "002":
        return pl.col("patient").str.head(3) + number
    return pl.col("patient").str.head(2) + number if study == "003" else number


def _varied(frame: pl.DataFrame, source: np.random.Generator) -> pl.DataFrame:
    changes = [
        (pl.col(column) - pl.duration(days="shift")).alias(column)
        for column, kind in frame.schema.items()
        if kind == pl.Date and column not in ("birth", "birth_year")
    ]
    for column in VARIED:
        if column in frame.columns:
            factor = pl.Series(source.uniform(0.93, 1.07, frame.height))
            whole = frame.schema[column].is_integer()
            varied = (pl.col(column) * factor).round(
                0 if whole else 1 if column in ("weight", "bilirubin", "il6") else 2
            )
            changes.append(varied.cast(frame.schema[column]).alias(column))
    return frame.with_columns(changes)
