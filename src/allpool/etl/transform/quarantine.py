"""What the transform could not take, with its place; kept as frames, values beside the data only."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import polars as pl

SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "source_file": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "scope": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "expected": pl.String,
    "value": pl.String,
    "record": pl.String,
    "element": pl.String,
    "study": pl.String,
    "centre": pl.String,
    "pseudonym": pl.String,
}
"""Columns of the transform's quarantine frame."""

CellScope = Literal["cell", "row", "column", "file", "feed"]


class Located(Protocol):
    """A source table, as far as an entry needs it."""

    @property
    def id(self) -> str:
        """Id of the file and sheet."""

    @property
    def file(self) -> str:
        """Path within the feed's folder."""

    @property
    def sheet(self) -> str | None:
        """Sheet name of a workbook."""


class Entries:
    """Collects quarantine entries; `frame()` gives them all."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []

    def column(self, source: Located, column: str, rule: str, expected: str) -> None:
        """Note something about a whole column."""
        self._add(pl.DataFrame({"column": [column]}), source, rule, expected, "column")

    def cells(
        self,
        source: Located,
        rows: pl.DataFrame,
        column: str | None,
        rule: str,
        expected: str,
        *,
        scope: CellScope = "cell",
        hide: bool = False,
        record: str | None = None,
        element: str | None = None,
    ) -> None:
        """Note the cells of `column` on `rows` (which have `_row`); `hide` keeps the value out.

        Where `rows` say themselves what was expected (`_expected`), that stands instead of `expected`.
        """
        if rows.is_empty():
            return
        has_value = column is not None and column in rows.columns and not hide
        part = rows.select(
            pl.col("_row").cast(pl.Int64).alias("row"),
            pl.lit(column, dtype=pl.String).alias("column"),
            (pl.col(column) if has_value and column else pl.lit(None, dtype=pl.String)).alias("value"),
            pl.lit(record, dtype=pl.String).alias("record"),
            pl.lit(element, dtype=pl.String).alias("element"),
            *(
                pl.col(f"_{name}").alias(name)
                if f"_{name}" in rows.columns
                else pl.lit(None, dtype=pl.String).alias(name)
                for name in ("study", "centre", "pseudonym")
            ),
            *([pl.col("_expected").alias("expected")] if "_expected" in rows.columns else []),
        )
        self._add(part, source, rule, expected, scope)

    def ruled(
        self,
        source: Located,
        rows: pl.DataFrame,
        column: str,
        errors: pl.Series,
        expected: str,
        *,
        record: str,
        element: str | None,
    ) -> None:
        """Note the cells of `column` for which `errors` (one per row) names a rule."""
        for rule in errors.unique().drop_nulls().sort().to_list():
            self.cells(
                source,
                rows.filter((errors == rule).fill_null(value=False)),
                column,
                rule,
                expected,
                record=record,
                element=element,
            )

    def frame(self) -> pl.DataFrame:
        """Return all entries, in a fixed order."""
        if not self._parts:
            return pl.DataFrame(schema=SCHEMA)
        return pl.concat(self._parts).sort(
            "file", "sheet", "row", "column", "rule", "record", nulls_last=False, maintain_order=True
        )

    def _add(self, part: pl.DataFrame, source: Located, rule: str, expected: str, scope: CellScope) -> None:
        whole = part.with_columns(
            pl.lit(source.id).alias("source_file"),
            pl.lit(source.file).alias("file"),
            pl.lit(source.sheet, dtype=pl.String).alias("sheet"),
            pl.lit(scope).alias("scope"),
            pl.lit(rule).alias("rule"),
            pl.lit("quarantine").alias("severity"),
            (
                pl.col("expected").fill_null(expected) if "expected" in part.columns else pl.lit(expected)
            ).alias("expected"),
        )
        absent = [pl.lit(None, dtype=type_).alias(n) for n, type_ in SCHEMA.items() if n not in whole.columns]
        self._parts.append(
            whole.with_columns(*absent).select(pl.col(name).cast(type_) for name, type_ in SCHEMA.items())
        )
