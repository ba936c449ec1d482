"""Checkboxes of REDCap: an export writes 0 for every box that is not ticked, answered or not."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Final

import polars as pl

from allpool.etl.readers.redcap.columns import Column
from allpool.etl.readers.table import PASSED_CELLS, Cells

UNANSWERED: Final = "unanswered checkbox"
BY_MISSING_CODE: Final = "checkbox answered by a missing-data code"
COMPLETE: Final = "2"


def unanswered(cells: Cells, columns: tuple[Column, ...], *, complete_means_no: bool) -> Cells:
    """Return `cells` with the zeros passed over that need not mean no.

    A zero means no where another box of the field is ticked on the same row (one that says "none" too). Where
    no box is ticked the question may never have been asked, whatever the status of the instrument: REDCap
    exports the same zeros. `complete_means_no` is the project's word that an instrument marked complete had
    its boxes read. Where only a missing-data code is ticked, that is the answer, and the zeros beside it are
    none.
    """
    fields: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        if column.part == "box" and column.field is not None:
            fields.setdefault(column.field.name, []).append(index)
    status = {column.instrument: i for i, column in enumerate(columns) if column.part == "status"}
    frame, passed = cells.frame.with_columns(pl.Series("_row", cells.rows, pl.Int64)), [cells.passed_over]
    for boxes in fields.values():
        ticked = _any_ticked([i for i in boxes if not columns[i].is_missing_code])
        by_code = _any_ticked([i for i in boxes if columns[i].is_missing_code])
        done = status.get(columns[boxes[0]].instrument)
        if complete_means_no and done is not None:
            ticked = ticked | (~by_code & (pl.col(str(done)) == COMPLETE).fill_null(value=False))
        rule = pl.when(by_code).then(pl.lit(BY_MISSING_CODE)).otherwise(pl.lit(UNANSWERED))
        for index in boxes:
            says_nothing = ~ticked & (pl.col(str(index)) == "0").fill_null(value=False)
            passed.append(
                frame.filter(says_nothing).select(
                    pl.col("_row").alias("row"), pl.lit(index, pl.Int64).alias("index"), rule.alias("rule")
                )
            )
        frame = frame.with_columns(
            pl.when(ticked | (pl.col(str(index)) != "0").fill_null(value=True)).then(pl.col(str(index)))
            for index in boxes
        )
    return replace(
        cells,
        frame=frame.drop("_row"),
        passed_over=pl.concat(passed) if passed else pl.DataFrame(schema=PASSED_CELLS),
    )


def _any_ticked(boxes: list[int]) -> pl.Expr:
    ticked = [(pl.col(str(index)) == "1").fill_null(value=False) for index in boxes]
    return reduce(or_, ticked, pl.lit(value=False))
