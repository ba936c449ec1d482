"""What a rule could not take or passes over, brought to quarantine and ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from allpool.etl.transform.joins import Borrowed, joined_columns
from allpool.etl.transform.ledger import Ledger, Verdict, positions
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.reading import Reading
from allpool.etl.transform.source import Prepared
from allpool.mappings.plan import FieldPlan, RulePlan

PLACE = ("_i", "_row", "_study", "_centre", "_pseudonym")


class Findings:
    """The bad, passed-over and missing cells of one rule on one source table.

    `rows` are the rule's working rows, with the columns of `readings` and the state of each record.
    """

    def __init__(
        self,
        prepared: Prepared,
        rule: RulePlan,
        rows: pl.DataFrame,
        readings: Mapping[str, Reading],
        *,
        ledger: Ledger,
        entries: Entries,
        borrowed: Borrowed,
    ) -> None:
        self._prepared, self._rule, self._rows, self._readings = prepared, rule, rows, readings
        self._ledger, self._entries, self._borrowed = ledger, entries, borrowed

    def note_cells(self) -> None:
        """Put bad cells into quarantine and those that a named rule passes over into the ledger."""
        for plan in self._rule.fields:
            reading = self._readings[plan.name]
            column = self._prepared.actual(plan.binding.column) if plan.binding.column else None
            if column is None:
                continue
            cells = self._prepared.cells_of(column)
            if reading.error and self._rows[reading.error].null_count() < self._rows.height:
                hint = pl.col(reading.hint) if reading.hint else pl.lit(None, dtype=pl.String)
                bad = self._rows.filter(reading.faulty).select(
                    "_i", pl.col(reading.error).alias("_error"), hint.alias("_expected")
                )
                for cell in cells:
                    self._note_errors(plan, cell, bad)
            if reading.ignored and self._rows[reading.ignored].null_count() < self._rows.height:
                passed = self._rows[reading.ignored]
                for reason in passed.unique().drop_nulls().sort().to_list():
                    at = positions(self._rows, passed == reason)
                    for cell in cells:
                        self._ledger.ignore(cell, at, reason)

    def _note_errors(self, plan: FieldPlan, cell: str, bad: pl.DataFrame) -> None:
        if joined_columns({cell: None}, self._prepared):
            key = self._prepared.frame[str(self._prepared.patient_column)].gather(bad["_i"])
            lent = pl.DataFrame({"_key": key, "_error": bad["_error"], "_expected": bad["_expected"]})
            self._borrowed.faults.append((cell, self._rule, plan, lent))
            return
        at = self._source_rows(cell, bad["_i"]).with_columns(bad["_expected"])
        filled = at[cell].is_not_null()
        self._entries.ruled(
            self._prepared.source,
            at.filter(filled),
            cell,
            bad["_error"].filter(filled),
            plan.expected,
            record=self._rule.record,
            element=plan.element,
        )
        self._ledger.mark(cell, positions(bad), Verdict.FAULT)

    def note_incomplete(self, looked_at: Sequence[str]) -> None:
        """Report rows on which a required field is empty while the record says other things."""
        if not self._rows["_incomplete"].any():
            return
        waiting = self._rows.filter("_incomplete")
        for item in self._rule.fields:
            if item.required and item.binding.column:
                column = self._prepared.actual(item.binding.column)
                empty = waiting.filter(~self._readings[item.name].filled)
                self._entries.cells(
                    self._prepared.source,
                    self._source_rows(column, empty["_i"]),
                    column or item.binding.column[0],
                    "required_missing",
                    item.expected,
                    scope="row",
                    record=self._rule.record,
                    element=item.element,
                )
        for column in looked_at:
            self._ledger.mark(column, positions(waiting), Verdict.HELD)

    def _source_rows(self, column: str | None, at: pl.Series) -> pl.DataFrame:
        """Return the place of rows of the source, and their cells of `column`."""
        return self._prepared.frame.select(*PLACE, *([column] if column else []))[at]
