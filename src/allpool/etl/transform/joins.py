"""Columns that one source lends to another by patient, and the account of the cells lent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from allpool.etl.transform.ledger import Ledger, Use, Verdict, positions
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.reading import MISSING
from allpool.etl.transform.source import Prepared, joined_name, told
from allpool.mappings.plan import FieldPlan, RulePlan


@dataclass
class Borrowed:
    """What became of joined cells: records made of them (`uses`), and what was wrong with them (`faults`).

    Both name the joined column and hold the patient (`_key`) of each row, with the record's `_id` or the
    rule that the cell breaks (`_error`).
    """

    uses: list[tuple[str, RulePlan, pl.DataFrame]] = field(default_factory=list)
    faults: list[tuple[str, RulePlan, FieldPlan, pl.DataFrame]] = field(default_factory=list)


def settle_joins(
    prepared: Sequence[Prepared], ledgers: Sequence[Ledger], borrowed: Borrowed, entries: Entries
) -> None:
    """Bring what became of joined cells home to the rows that they stand on.

    A patient whose rows say two things lends neither; the cells wait as a `conflict`.
    """
    for name, column in {(item.plan.name, column): None for item in prepared for column in item.plan.lent}:
        homes = [
            (item, ledger)
            for item, ledger in zip(prepared, ledgers, strict=True)
            if item.plan.name == name and column in item.source.columns
        ]
        joined = joined_name(name, column)
        torn = _torn([item for item, _ in homes], column)
        for item, ledger in homes:
            said = told(item.plan, pl.col(column))
            silent = item.frame.select(pl.col(column).is_not_null() & said.is_null()).to_series()
            ledger.ignore(column, positions(item.frame, silent), MISSING)
            filled = _keyed(item).filter(said.is_not_null())
            _conflict(item, ledger, column, filled.join(torn, on="_key", how="semi"), entries)
            for borrower, rule, rows in borrowed.uses:
                if borrower == joined:
                    used = filled.select("_i", "_key").join(rows, on="_key")
                    cells = pl.DataFrame({column: [True] * used.height}, schema={column: pl.Boolean})
                    ledger.use(Use(rule.id, rule.table, used["_i"], used["_id"], cells))
            for borrower, rule, plan, rows in borrowed.faults:
                if borrower == joined:
                    _fault(item, ledger, column, filled.join(rows.unique(), on="_key"), rule, plan, entries)


def _keyed(item: Prepared) -> pl.DataFrame:
    key = item.patient_column
    return item.frame.with_columns(
        (pl.col(key) if key else pl.lit(None, dtype=pl.String)).alias("_key")
    ).filter(pl.col("_key").is_not_null())


def _torn(homes: Sequence[Prepared], column: str) -> pl.DataFrame:
    """Return the patients whose rows say different things in `column`."""
    parts = [
        _keyed(item).select("_key", told(item.plan, pl.col(column)).alias("said")).drop_nulls()
        for item in homes
    ]
    if not parts:
        return pl.DataFrame(schema={"_key": pl.String})
    counted = pl.concat(parts).group_by("_key").agg(pl.col("said").n_unique())
    return counted.filter(pl.col("said") > 1).select("_key")


def _conflict(item: Prepared, ledger: Ledger, column: str, rows: pl.DataFrame, entries: Entries) -> None:
    entries.cells(item.source, rows, column, "conflict", "one and the same in all rows of this patient")
    ledger.mark(column, positions(rows), Verdict.FAULT)


def _fault(
    item: Prepared,
    ledger: Ledger,
    column: str,
    rows: pl.DataFrame,
    rule: RulePlan,
    plan: FieldPlan,
    entries: Entries,
) -> None:
    entries.ruled(
        item.source, rows, column, rows["_error"], plan.expected, record=rule.record, element=plan.element
    )
    ledger.mark(column, positions(rows), Verdict.FAULT)


def joined_columns(columns: Mapping[str, None], prepared: Prepared) -> list[str]:
    """Return those of `columns` that were joined from another source."""
    made = {joined_name(join.source, column) for join in prepared.plan.joins for column in join.columns}
    return [column for column in columns if column in made]
