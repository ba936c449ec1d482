"""The guard at the door: direct identifiers that a source delivers go no further, not even to quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from allpool.etl.operations import QualityResultEntry
from allpool.etl.readers.source import PROBLEM_SCHEMA, ROW, FileFacts, SourceFailure, SourceTable
from allpool.etl.transform.source import ignore_reason
from allpool.mappings.identifiers.suspicion import SHORTEST, identifying, suspicion
from allpool.mappings.identifiers.words import header_words
from allpool.mappings.plan import CompiledMapping, SourcePlan
from allpool.mappings.profile import Suspicion
from allpool.mappings.read import FhirRead

RULE: Final = "direct_identifier"
KEY_RULE: Final = "identifying_patient_key"
"""Warns only; in `quality_result`."""

IN_NAME: Final = "the name of a file or sheet holds a direct identifier; rename it in the delivery"
IN_CELL: Final = "no direct identifier in the cell; take it out at the centre"
REMEDY: Final = "name the column under `ignore`, or make it the patient key, which is pseudonymised"


def guarded(table: SourceTable, plan: SourcePlan, mapping: CompiledMapping) -> SourceTable | SourceFailure:
    """Return `table` without the cells in which direct identifiers stand, a problem for each, without values.

    Looked at are the columns that the mapping reads: a column that looks like identifiers goes as a whole,
    else single cells that hold one. The patient key is left, if nothing else reads it. Of cells that the
    reader set aside, values stay only where the mapping reads the column and none is in them. A table whose
    file, sheet or column names hold one is refused, and one in whose header the mapping knows no column:
    where a file lost its header, the names told would be the values of its first row.
    """
    refused = _named(table, plan) or _without_header(table, plan, mapping)
    if refused is not None:
        return refused
    columns = _looked_at(table, plan, mapping)
    found = list(_found(table, columns))
    hidden = {column: pl.col(ROW).is_in(rows.implode()) for column, rows, _ in found}
    frame = table.frame.with_columns(
        pl.when(~held).then(pl.col(column)).alias(column) for column, held in hidden.items()
    )
    whole = {column for column, rows, expected in found if expected != IN_CELL}
    problems = pl.concat(
        [_silent(table.problems, columns - whole), *(_problems(*finding) for finding in found)]
    )
    return replace(table, frame=frame, problems=problems.sort("row", nulls_last=False, maintain_order=True))


@dataclass(frozen=True)
class KeyWarning:
    """A patient key that is itself a direct identifier: never stored, yet better not sent."""

    file: str
    sheet: str | None
    column: str
    rows: int
    message: str


def key_warning(table: SourceTable, plan: SourcePlan) -> KeyWarning | None:
    """Return the warning about the patient key of `table`, where it is a direct identifier."""
    key = next((column for column in plan.patient.column if column in table.columns), None)
    if key is None or not (table.frame[key].str.len_bytes() >= SHORTEST).any():
        return None
    said = suspicion(key, _counted(table.frame[key]))
    if said is None or said.kind in ("patient_key", "medical_record_number"):
        return None
    message = (
        f"the patient key '{key}' looks like a direct identifier ({_told(said)}); it is pseudonymised and "
        "never stored, but a key of the study's own would keep it within the centre"
    )
    return KeyWarning(table.facts.path, table.facts.sheet, key, table.frame.height, message)


def key_quality(warnings: Sequence[KeyWarning], *, run: int, feed: str) -> list[QualityResultEntry]:
    """Return the warnings as one row of the table `quality_result`, or none."""
    if not warnings:
        return []
    rows = sum(warning.rows for warning in warnings)
    return [
        QualityResultEntry(
            run=run,
            feed=feed,
            rule=KEY_RULE,
            table_name="patient",
            element=None,
            category="conformance",
            context="verification",
            severity="warn",
            rows=rows,
            failed=rows,
            success=False,
            message="; ".join(dict.fromkeys(warning.message for warning in warnings)),
        )
    ]


def _named(table: SourceTable, plan: SourcePlan) -> SourceFailure | None:
    """Return the failure of a table in whose names identifiers stand; it does not repeat them."""
    facts = table.facts
    if identifying(pl.Series([facts.path, facts.sheet or ""])).any():
        path = plan.file or plan.name
        message = IN_NAME
        return _refused(replace(facts, path=path, sheet=None), message)
    if identifying(pl.Series(table.columns, dtype=pl.String)).any():
        message = (
            "a column is called like a direct identifier: is this a row of data? "
            "set header_row to the row of the column names, or rename the column in the export"
        )
        return _refused(facts, message)
    return None


def _without_header(table: SourceTable, plan: SourcePlan, mapping: CompiledMapping) -> SourceFailure | None:
    """Return the failure of a table of rows in which the mapping knows no column at all."""
    if isinstance(plan.read, FhirRead) or not table.columns:
        return None
    known = {name for names in plan.named_columns() for name in names} | _scope_columns(mapping)
    if any(name in known or ignore_reason(plan, name) is not None for name in table.columns):
        return None
    message = (
        f"none of the {len(table.columns):,} columns is one that the mapping names; set header_row to the "
        "row of the column names, correct separator or sheet, or export the file with its header"
    )
    return _refused(table.facts, message, rule="no_header")


def _scope_columns(mapping: CompiledMapping) -> set[str]:
    return {
        name for scope in (mapping.study, mapping.centre) if scope and scope.column for name in scope.column
    }


def _refused(facts: FileFacts, message: str, *, rule: str = RULE) -> SourceFailure:
    return SourceFailure(
        path=facts.path, sheet=facts.sheet, rule=rule, message=message, row=None, column=None, facts=facts
    )


def _looked_at(table: SourceTable, plan: SourcePlan, mapping: CompiledMapping) -> set[str]:
    """Return the file's columns that the mapping reads, but for a patient key that nothing else reads."""
    names = {name for choice in plan.named_columns() for name in choice}
    names |= _scope_columns(mapping)
    names -= plan.for_tokens_alone()
    return names & set(table.columns) - (set(plan.patient.column) - _also_read(plan))


def _also_read(plan: SourcePlan) -> set[str]:
    """Return the columns that fill a field, are computed with, lent, or part of a record's identity."""
    read = {name for rule in plan.rules for item in rule.fields for name in item.binding.column or ()}
    read |= {name for _, parts, _ in plan.computed.values() for names in parts for name in names}
    return read | set(plan.lent) | {name for rule in plan.rules for name in rule.key_columns}


def _found(table: SourceTable, columns: set[str]) -> Iterator[tuple[str, pl.Series, str]]:
    """Yield the columns with identifiers, the rows on which they stand, and what was expected."""
    longest = table.frame.select(pl.col(sorted(columns)).str.len_bytes().max()) if columns else pl.DataFrame()
    for column in (name for name in table.columns if name in columns):
        if (longest[column].item() or 0) < SHORTEST and not header_words(column):
            continue
        filled = table.frame.select(ROW, text=column).drop_nulls("text")
        texts = _counted(filled["text"])
        said = suspicion(column, texts)
        if said is not None and said.kind != "patient_key" and filled.height:
            yield column, filled[ROW], _expected(said)
            continue
        held = texts["text"].filter(identifying(texts["text"]))
        if held.len():
            yield column, filled.filter(pl.col("text").is_in(held.implode()))[ROW], IN_CELL


def _counted(texts: pl.Series) -> pl.DataFrame:
    return texts.drop_nulls().rename("text").value_counts(name="cells")


def _expected(said: Suspicion) -> str:
    return f"no direct identifier ({_told(said)}); {REMEDY}"


def _told(said: Suspicion) -> str:
    return f"{said.kind.replace('_', ' ')}: {said.reason}"


def _problems(column: str, rows: pl.Series, expected: str) -> pl.DataFrame:
    """Return one finding per cell, without its value."""
    fixed = {"column": column, "scope": "cell", "rule": RULE, "expected": expected, "value": None, "cells": 1}
    return (
        rows.cast(pl.Int64)
        .to_frame("row")
        .select(
            "row", *(pl.lit(value, dtype=PROBLEM_SCHEMA[name]).alias(name) for name, value in fixed.items())
        )
    )


def _silent(problems: pl.DataFrame, told: set[str]) -> pl.DataFrame:
    """Return what the reader found, with values only of `told` columns and where no identifier is in them."""
    if problems["value"].null_count() == problems.height:
        return problems
    values = problems["value"].unique().drop_nulls()
    held = values.filter(identifying(values))
    may_be_told = pl.col("column").is_in(sorted(told)) & ~pl.col("value").is_in(held.implode())
    return problems.with_columns(pl.when(may_be_told).then("value").alias("value"))
