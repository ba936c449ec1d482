"""Label exports: labels back to codes, by the data dictionary; what it does not say once is not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from allpool.etl.readers.redcap.columns import Column
from allpool.etl.readers.redcap.dictionary import plain
from allpool.etl.readers.table import CellFinding, Cells


def coded(cells: Cells, columns: tuple[Column, ...], missing_codes: Mapping[str, str]) -> Cells:
    """Return `cells` with the code for each label of a field with choices, a box and a status.

    Labels of missing-data codes are coded too. Findings: `unknown_label` (the dictionary lacks it, or the
    cell holds a code already), `ambiguous_label` (two codes have it).
    """
    frame, findings = cells.frame, list(cells.findings)
    for index, column in enumerate(columns):
        if not column.choices:
            continue
        offered = [*column.choices.items(), *missing_codes.items()]
        name = str(index)
        said = frame.get_column(name).unique().drop_nulls().to_list()
        codes = {text: [code for code, label in offered if plain(label) == plain(text)] for text in said}
        for text, found in codes.items():
            if len(found) == 1:
                continue
            rule = "ambiguous_label" if found else "unknown_label"
            expected = (
                "a label that one choice has; the data dictionary has it twice: export codes (raw)"
                if found
                else f"one of the labels that the data dictionary gives {column.name}"
            )
            at = (frame.get_column(name) == text).fill_null(value=False).to_numpy()
            findings += [
                CellFinding(row=int(row), index=index, rule=rule, expected=expected, value=text)
                for row in cells.rows[at]
            ]
        known = {text: found[0] for text, found in codes.items() if len(found) == 1}
        frame = frame.with_columns(
            pl.col(name).replace_strict(
                list(known), list(known.values()), default=None, return_dtype=pl.String
            )
        )
    return replace(cells, frame=frame, findings=tuple(findings))
