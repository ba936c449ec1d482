"""One rule applied to one source table: rows of text in, rows of a FHIR-aligned table out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import zip_longest
from operator import or_

import polars as pl

from allpool.etl.transform.absence import ABSENCE, absence, says_absence
from allpool.etl.transform.dates import Calendar, read_constant
from allpool.etl.transform.fields import read_field
from allpool.etl.transform.findings import Findings
from allpool.etl.transform.joins import Borrowed, joined_columns
from allpool.etl.transform.ledger import Ledger, Use, Verdict, positions
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.reading import Cell, Reading
from allpool.etl.transform.records import Made, make_components, make_records
from allpool.etl.transform.source import Prepared, holds
from allpool.etl.transform.survey import Survey
from allpool.etl.transform.unit_columns import unit_cell
from allpool.etl.transform.wordings import Wordings
from allpool.mappings.plan import CONTEXT, CompiledMapping, FieldPlan, RulePlan, condition_columns

LINEAGE = ("_i", "_row", "_study", "_centre", "_pseudonym", "_scope", "_patient")


def apply_rule(
    prepared: Prepared,
    rule: RulePlan,
    mapping: CompiledMapping,
    *,
    calendar: Calendar,
    survey: Survey,
    ledger: Ledger,
    entries: Entries,
    made: Made,
    borrowed: Borrowed,
) -> None:
    """Read `rule`'s fields on all rows that it holds for and add the records to `made`."""
    readings: dict[str, Reading] = {}
    for plan in sorted(rule.fields, key=lambda item: bool(item.binding.below)):
        cell = _cell(prepared, rule, plan, mapping, calendar, survey)
        readings[plan.name] = read_field(plan, cell, readings)
    rows = _read(prepared, rule, readings)
    if rows.is_empty():
        return
    looked_at = _read_columns(prepared, rule)
    findings = Findings(prepared, rule, rows, readings, ledger=ledger, entries=entries, borrowed=borrowed)
    findings.note_cells()
    findings.note_incomplete(looked_at)
    if rows["_held"].any():
        held = positions(rows, rows["_held"])
        for column in looked_at:
            ledger.mark(column, held, Verdict.HELD)
    good = rows if rows["_made"].all() else rows.filter("_made")
    if good.is_empty():
        return
    records = make_records(prepared, rule, good, readings, made)
    make_components(prepared, rule, good, records["id"], readings, made)
    cells = good.select(_used(prepared, rule, column, readings).alias(column) for column in looked_at)
    for column in joined_columns(dict.fromkeys(looked_at), prepared):
        key = prepared.frame[str(prepared.patient_column)].gather(good["_i"])
        lent = pl.DataFrame({"_key": key, "_id": records["id"]})
        borrowed.uses.append((column, rule, lent.filter(cells[column])))
    ledger.use(Use(rule.id, rule.table, good["_i"], records["id"], cells))
    made.add(rule.table, records)


def _cell(
    prepared: Prepared,
    rule: RulePlan,
    plan: FieldPlan,
    mapping: CompiledMapping,
    calendar: Calendar,
    survey: Survey,
) -> Cell:
    """Return where the field's text comes from."""
    binding = plan.binding
    column = prepared.actual(binding.column) if binding.column else None
    text = pl.lit(binding.constant, dtype=pl.String) if column is None else pl.col(column)
    here = holds(prepared, binding.when, prepared.frame) if binding.when else None
    if here is not None:
        text = pl.when(here).then(text)
    dates: dict[str, pl.Expr] = {}
    if plan.kind == "partial_date" and binding.relative is None:
        if column is not None:
            read = calendar.column(prepared.source.id, column, plan.formats, timed=plan.has_time)
            dates = {part: pl.lit(read[part]) for part in read.columns}
        else:
            zone = mapping.timezone if isinstance(mapping.timezone, str) else None
            dates = read_constant(str(binding.constant), plan.formats, timezone=zone, timed=plan.has_time)
    shared = any(
        other is not plan and column is not None and prepared.actual(other.binding.column or ()) == column
        for other in rule.fields
    )
    return Cell(
        text,
        prepared.wordings(column) if column else Wordings(pl.Series([binding.constant], dtype=pl.String)),
        missing=plan.missing if column else {},
        decimal=prepared.decimal(column) if column else ".",  # a mapping writes a point
        dates=dates,
        unit=unit_cell(prepared, plan),
        doubts=survey.doubts(prepared, plan),
        shared=shared,
        here=here,
    )


def _read(prepared: Prepared, rule: RulePlan, readings: dict[str, Reading]) -> pl.DataFrame:
    """Return the rows that the rule holds for, with all working columns of its readings and its own state.

    All fields take their steps together, so that the engine works on them side by side; fields that need a
    sibling's value come after it.
    """
    here = holds(prepared, rule.when, prepared.frame) & pl.col("_pseudonym").is_not_null()
    first = {name: expr for reading in readings.values() for name, expr in reading.steps[0].items()}
    own = [column for column in rule.key_columns if column in prepared.frame.columns]
    rows = (
        prepared.frame.select(
            *LINEAGE,
            *(pl.col(column).alias(f"_own{i}") for i, column in enumerate(own)),
            *(expr.alias(name) for name, expr in first.items()),
            here.alias("_here"),
        )
        .filter("_here")
        .drop("_here")
    )
    if rows.is_empty():
        return rows
    early = [readings[item.name].steps[1:] for item in rule.fields if not item.binding.below]
    late = [readings[item.name].steps[1:] for item in rule.fields if item.binding.below]
    together = [
        {name: expr for step in steps for name, expr in step.items()}
        for steps in zip_longest(*early, fillvalue={})
    ]
    for step in [*together, *(step for steps in late for step in steps)]:
        rows = rows.with_columns(expr.alias(name) for name, expr in step.items())
    if rule.takes_absence:
        rows = rows.with_columns(**absence(rule, readings))
    return rows.with_columns(**_state(rule, readings, _alone(prepared, rule)))


def _alone(prepared: Prepared, rule: RulePlan) -> list[FieldPlan]:
    """Return the rule's date where no other rule reads its column: it says that there is such a record.

    A date that several records share says nothing of the one that has no value; nor does one beside a column
    that the file lacks, which is told once and not row by row.
    """
    wanted = (item.binding.column for item in rule.fields if item.required)
    if any(names and prepared.actual(names) is None for names in wanted):
        return []
    dates = [
        item for item in rule.fields if item.name == "date" and item.binding.column and not item.required
    ]
    others = {
        prepared.actual(item.binding.column)
        for other in prepared.plan.rules
        if other is not rule
        for item in other.fields
        if item.binding.column
    }
    return [item for item in dates if prepared.actual(item.binding.column or ()) not in others]


def _state(rule: RulePlan, readings: dict[str, Reading], alone: Sequence[FieldPlan]) -> dict[str, pl.Expr]:
    """Return for each row whether its record is `_made`, `_held` for a fault, or `_incomplete`."""
    required = [item for item in rule.fields if item.required]
    # where a cell's text about what is else fixed (a status) cannot be read, the fixed text would be a guess
    firm = [item for item in rule.fields if item.column in rule.fixed and item.binding.column]
    from_columns = [item for item in rule.fields if item.binding.column]
    own = [
        item for item in from_columns if item.required or (item.name not in CONTEXT and not item.is_component)
    ]
    telling = own or ([] if rule.when else from_columns)
    # a row of the patient table introduces its patient, however little it says
    introduces = rule.table == "patient" and not rule.when
    # a record that says why it has no value needs none
    excused = pl.col(ABSENCE).is_not_null() if rule.takes_absence else pl.lit(value=False)
    all_there = ~_any(~_there(item, readings[item.name], excused) for item in required)
    tells = _any(readings[item.name].filled for item in telling) | excused
    extra = _any(readings[item.name].filled for item in (*(i for i in own if not i.required), *alone))
    faulty = _any(readings[item.name].faulty for item in required)
    made = all_there & tells if telling and not introduces else all_there
    made = made & ~_any(readings[item.name].faulty for item in firm)
    incomplete = ~all_there & ~faulty & extra
    return {
        "_made": made,
        "_incomplete": incomplete,
        "_held": ~made & (_any(readings[item.name].faulty for item in (*own, *firm)) | incomplete),
    }


def _there(item: FieldPlan, reading: Reading, excused: pl.Expr) -> pl.Expr:
    """Return where a required field is read, or need not be."""
    return reading.filled | (excused & ~reading.faulty) if item.is_value else reading.filled


def _any(conditions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(or_, conditions, pl.lit(value=False))


def _read_columns(prepared: Prepared, rule: RulePlan) -> list[str]:
    """Return the file's columns that the rule looks at, patient and conditions included."""
    wanted: dict[str, None] = {}
    names = [item.binding.column for item in rule.fields if item.binding.column]
    names += [names_ for item in rule.fields for names_ in condition_columns(item.binding.when)]
    names += [
        item.binding.unit.column
        for item in rule.fields
        if item.binding.unit is not None and not isinstance(item.binding.unit, str)
    ]
    names += condition_columns(rule.when)
    names += [(column,) for column in rule.key_columns]
    names += [prepared.plan.patient.column]
    for choice in names:
        column = prepared.actual(choice)
        if column is not None:
            wanted.update(dict.fromkeys(prepared.cells_of(column)))
    wanted.update(dict.fromkeys(prepared.scope_columns))
    return list(wanted)


def _used(prepared: Prepared, rule: RulePlan, column: str, readings: dict[str, Reading]) -> pl.Expr:
    """Return on which rows the record says what the cell of `column` says."""
    fields = [
        item
        for item in rule.fields
        if item.binding.column and column in prepared.cells_of(prepared.actual(item.binding.column) or "")
    ]
    if not fields:
        return pl.col("_i").is_not_null()
    said = [readings[item.name].filled for item in fields]
    # a text that says why there is no value is said by the record
    said += [says_absence(readings[item.name]) for item in fields if item in rule.absent_by]
    return _any(said)
