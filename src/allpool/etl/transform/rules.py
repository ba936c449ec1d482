"""One rule applied to one source table: rows of text in, rows of a FHIR-aligned table out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from allpool.etl.transform.fields import read_field
from allpool.etl.transform.identity import uuid
from allpool.etl.transform.joins import Borrowed, joined_columns
from allpool.etl.transform.ledger import Ledger, Use, Verdict, positions
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.reading import Reading, texts
from allpool.etl.transform.source import Prepared, holds
from allpool.mappings.plan import CONTEXT, CompiledMapping, FieldPlan, RulePlan, condition_columns

SUBJECT: Final = {"research_subject": "individual_id", "consent": "patient_id"}
"""Column that refers to the patient, where it is not `subject_id`."""

SPECIMENS: Final = {"bone_marrow": "bm_specimen", "peripheral_blood": "blood_specimen", "csf": "csf_specimen"}
"""Code of the table `specimen` -> data element of the Specimen row that it makes."""


@dataclass
class Made:
    """Rows made by rules, by table; several parts a table."""

    parts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Add rows of `table`."""
        if not rows.is_empty():
            self.parts.setdefault(table, []).append(rows)


def apply_rule(
    prepared: Prepared,
    rule: RulePlan,
    mapping: CompiledMapping,
    *,
    ledger: Ledger,
    entries: Entries,
    made: Made,
    borrowed: Borrowed,
) -> None:
    """Read `rule`'s fields on all rows that it holds for and add the records to `made`."""
    frame = prepared.frame
    whose = frame["_pseudonym"].is_not_null()
    here = frame.select(holds(prepared, rule.when, frame)).to_series() & whose
    rows = frame.filter(here)
    if rows.is_empty():
        return
    readings: dict[str, Reading] = {}
    for plan in sorted(rule.fields, key=lambda item: bool(item.binding.below)):
        readings[plan.name] = _read(prepared, rule, plan, mapping, rows, readings)
    for plan in rule.fields:
        _note(prepared, rule, plan, rows, readings[plan.name], ledger, entries, borrowed)
    state = _state(rule, rows, readings)
    _note_incomplete(prepared, rule, rows, readings, state, ledger, entries)
    good = rows.filter(state["made"])
    held = rows.filter(state["held"])
    for column in _read_columns(prepared, rule):
        ledger.mark(column, positions(held), Verdict.HELD)
    if good.is_empty():
        return
    kept = {name: _kept(reading, state["made"]) for name, reading in readings.items()}
    records = _records(prepared, rule, good, kept, made)
    _components(rule, records, kept, made)
    used = {column: _used(prepared, rule, column, good, kept) for column in _read_columns(prepared, rule)}
    for column in joined_columns(dict.fromkeys(used), prepared):
        lent = pl.DataFrame({"_key": good[str(prepared.patient_column)], "_id": records["id"]})
        borrowed.uses.append((column, rule, lent.filter(used[column])))
    ledger.use(Use(rule.id, rule.table, good["_i"], records["id"], pl.DataFrame(used)))
    made.add(rule.table, records)


def _read(
    prepared: Prepared,
    rule: RulePlan,
    plan: FieldPlan,
    mapping: CompiledMapping,
    rows: pl.DataFrame,
    readings: dict[str, Reading],
) -> Reading:
    binding = plan.binding
    column = prepared.actual(binding.column) if binding.column else None
    text = texts(rows.height, binding.constant) if column is None else rows[column]
    if binding.when:
        reads = rows.select(holds(prepared, binding.when, rows)).to_series()
        text = pl.DataFrame({"t": text, "r": reads}).select(pl.when("r").then("t")).to_series()
    unit_text = None
    if binding.unit is not None and not isinstance(binding.unit, str):
        unit_column = prepared.actual(binding.unit.column)
        unit_text = rows[unit_column] if unit_column else texts(rows.height)
    shared = any(
        other is not plan and column is not None and prepared.actual(other.binding.column or ()) == column
        for other in rule.fields
    )
    return read_field(
        text,
        plan,
        missing=prepared.plan.missing if column else frozenset(),
        decimal=prepared.plan.read.decimal,
        timezone=mapping.timezone,
        siblings=readings,
        unit_text=unit_text,
        shared=shared,
    )


def _note(
    prepared: Prepared,
    rule: RulePlan,
    plan: FieldPlan,
    rows: pl.DataFrame,
    reading: Reading,
    ledger: Ledger,
    entries: Entries,
    borrowed: Borrowed,
) -> None:
    """Put the field's bad cells into quarantine and the passed-over ones into the ledger."""
    column = prepared.actual(plan.binding.column) if plan.binding.column else None
    if column is None:
        return
    if reading.error.null_count() < len(reading.error):
        for cell in _cells_of(prepared, column):
            if joined_columns({cell: None}, prepared):
                lent = pl.DataFrame(
                    {"_key": rows[str(prepared.patient_column)], "_error": reading.error}
                ).drop_nulls("_error")
                borrowed.faults.append((cell, rule, plan, lent))
                continue
            errors = rows.select(pl.when(pl.col(cell).is_not_null()).then(reading.error)).to_series()
            entries.ruled(
                prepared.source,
                rows,
                cell,
                errors,
                plan.expected,
                record=rule.record,
                element=plan.element,
            )
            ledger.mark(cell, positions(rows, reading.error.is_not_null()), Verdict.FAULT)
    for reason in reading.ignored.unique().drop_nulls().sort().to_list():
        for cell in _cells_of(prepared, column):
            ledger.ignore(cell, positions(rows, reading.ignored == reason), reason)


def _cells_of(prepared: Prepared, column: str) -> tuple[str, ...]:
    """Return the file's columns behind `column`: itself, or those that it is computed from."""
    return prepared.computed.get(column, (column,))


def _state(rule: RulePlan, rows: pl.DataFrame, readings: dict[str, Reading]) -> pl.DataFrame:
    """Return for each row whether its record is `made`, `held` for a fault, or `incomplete`."""
    required = [item for item in rule.fields if item.required]
    from_columns = [item for item in rule.fields if item.binding.column]
    own = [
        item for item in from_columns if item.required or (item.name not in CONTEXT and not item.is_component)
    ]
    telling = own or ([] if rule.when else from_columns)
    no, yes = (
        pl.repeat(value=False, n=rows.height, eager=True),
        pl.repeat(value=True, n=rows.height, eager=True),
    )
    all_there, faulty, tells, extra = yes, no, no, no
    for item in required:
        all_there &= readings[item.name].filled
        faulty |= readings[item.name].error.is_not_null()
    for item in telling:
        tells |= readings[item.name].filled
    for item in own:
        if not item.required:
            extra |= readings[item.name].filled
    any_fault = no
    for item in own:
        any_fault |= readings[item.name].error.is_not_null()
    # a row of the patient table introduces its patient, however little it says
    introduces = rule.table == "patient" and not rule.when
    made = all_there & (tells if telling and not introduces else yes)
    incomplete = ~all_there & ~faulty & extra
    return pl.DataFrame({"made": made, "incomplete": incomplete, "held": ~made & (any_fault | incomplete)})


def _note_incomplete(
    prepared: Prepared,
    rule: RulePlan,
    rows: pl.DataFrame,
    readings: dict[str, Reading],
    state: pl.DataFrame,
    ledger: Ledger,
    entries: Entries,
) -> None:
    """Report rows on which a required field is empty while the record says other things."""
    waiting = rows.filter(state["incomplete"])
    for item in rule.fields:
        if item.required and item.binding.column and not waiting.is_empty():
            column = prepared.actual(item.binding.column)
            empty = waiting.filter(~readings[item.name].filled.filter(state["incomplete"]))
            entries.cells(
                prepared.source,
                empty,
                column or item.binding.column[0],
                "required_missing",
                item.expected,
                scope="row",
                record=rule.record,
                element=item.element,
            )
    for column in _read_columns(prepared, rule):
        ledger.mark(column, positions(waiting), Verdict.HELD)


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
            wanted.update(dict.fromkeys(_cells_of(prepared, column)))
    wanted.update(dict.fromkeys(prepared.scope_columns))
    return list(wanted)


def _used(
    prepared: Prepared, rule: RulePlan, column: str, good: pl.DataFrame, kept: dict[str, Reading]
) -> pl.Series:
    """Return on which rows the record says what the cell of `column` says."""
    fields = [
        item
        for item in rule.fields
        if item.binding.column and column in _cells_of(prepared, prepared.actual(item.binding.column) or "")
    ]
    if not fields:
        return pl.repeat(value=True, n=good.height, eager=True)
    used = pl.repeat(value=False, n=good.height, eager=True)
    for item in fields:
        used |= kept[item.name].filled
    return used


def _kept(reading: Reading, mask: pl.Series) -> Reading:
    return Reading(
        {name: series.filter(mask) for name, series in reading.columns.items()},
        key=reading.key.filter(mask),
        error=reading.error.filter(mask),
        ignored=reading.ignored.filter(mask),
    )


def _records(
    prepared: Prepared, rule: RulePlan, good: pl.DataFrame, kept: dict[str, Reading], made: Made
) -> pl.DataFrame:
    """Return the rows of the rule's table, with identity, references, values and lineage."""
    scope = [pl.col("study"), pl.col("centre"), pl.col("pseudonym")]
    rows = good.select(
        pl.col("_study").alias("study"),
        pl.col("_centre").alias("centre"),
        pl.col("_pseudonym").alias("pseudonym"),
        pl.lit(prepared.source.id).alias("source_file"),
        pl.col("_row").cast(pl.Int64).alias("source_row"),
        pl.lit(rule.id).alias("rule"),
    )
    rows = rows.with_columns(pl.lit(value).alias(name) for name, value in rule.fixed.items())
    # what the source says of a fixed column (a drug not given) wins; the fixed value holds where it is silent
    rows = rows.with_columns(
        (series.fill_null(rule.fixed[name]) if name in rule.fixed else series).alias(name)
        for item in rule.fields
        if not item.is_component and not item.is_specimen
        for name, series in kept[item.name].columns.items()
    )
    patient = uuid("patient", *scope)
    if rule.table == "patient":
        return rows.with_columns(
            id=patient,
            identifier="pseudonym",
            managing_organization_id=uuid("organization", pl.col("centre")),
        )
    if rule.table == "research_subject":
        return rows.with_columns(
            id=uuid("research_subject", *scope),
            identifier="pseudonym",
            individual_id=patient,
            study_reference_id=uuid("research_study", pl.col("study")),
        )
    rows = rows.with_columns(patient.alias(SUBJECT.get(rule.table, "subject_id")))
    if rule.data_element is not None:
        rows = rows.with_columns(pl.lit(rule.data_element).alias("data_element"))
    if (
        rule.external is not None
        and "code" not in rows.columns
        and rule.table in ("observation", "procedure")
    ):
        rows = rows.with_columns(code_system=pl.lit(rule.external[0]), code=pl.lit(rule.external[1]))
    if rule.external is not None and rule.table == "medication_administration":
        rows = rows.with_columns(
            medication_system=pl.lit(rule.external[0]), medication=pl.lit(rule.external[1])
        )
    if rule.category is not None:
        rows = rows.with_columns(category=pl.lit(rule.category))
    if rule.table == "observation":
        rows = _with_specimen(rule, rows, kept, made)
    keys = [] if rule.singular else [kept[name].key for name in rule.key if name in kept]
    own = [good[column] for column in rule.key_columns if column in good.columns]
    parts = rows.with_columns(
        *(series.alias(f"_key{i}") for i, series in enumerate([*keys, *own])),
        _key=pl.lit("|".join(name for name in rule.key if name in kept)),
    )
    identity = [pl.col(f"_key{i}") for i in range(len(keys) + len(own))]
    return rows.with_columns(
        parts.select(uuid(rule.table, *scope, rule.record, pl.col("_key"), *identity).alias("id"))["id"]
    )


def _with_specimen(rule: RulePlan, rows: pl.DataFrame, kept: dict[str, Reading], made: Made) -> pl.DataFrame:
    """Make the Specimen rows that a rule's samples need, and refer to them."""
    named = next((item for item in rule.fields if item.is_specimen), None)
    if named is None:
        return rows
    sample = kept[named.name].columns["specimen"]
    when = [kept[name].key for name in ("date", "timepoint") if name in kept]
    taken = [name for name in rows.columns if name.startswith("effective_")]
    whole = rows.with_columns(sample.alias("type"), *(s.alias(f"_when{i}") for i, s in enumerate(when)))
    scope = [pl.col("study"), pl.col("centre"), pl.col("pseudonym")]
    moments = [pl.col(f"_when{i}") for i in range(len(when))]
    whole = whole.with_columns(
        specimen_id=pl.when(pl.col("type").is_not_null()).then(
            uuid("specimen", *scope, pl.col("type"), *moments)
        )
    )
    specimens = whole.filter(pl.col("type").is_not_null()).select(
        pl.col("specimen_id").alias("id"),
        "study",
        "centre",
        "pseudonym",
        "source_file",
        "source_row",
        "rule",
        "subject_id",
        pl.col("type").replace_strict(SPECIMENS, default=None, return_dtype=pl.String).alias("data_element"),
        "type",
        pl.lit(named.system).alias("type_system"),
        *(pl.col(name).alias(name.replace("effective", "collected")) for name in taken),
    )
    made.add("specimen", specimens.unique("id", keep="first", maintain_order=True))
    return rows.with_columns(whole["specimen_id"])


def _components(rule: RulePlan, records: pl.DataFrame, kept: dict[str, Reading], made: Made) -> None:
    """Make the component rows of a rule's qualifying fields."""
    for item in rule.fields:
        if not item.is_component:
            continue
        reading = kept[item.name]
        parts = records.select("study", "centre", "pseudonym", "source_file", "source_row", "rule", "id")
        parts = parts.with_columns(
            *(series.alias(name) for name, series in reading.columns.items()),
            pl.lit(item.element).alias("data_element"),
            pl.col("id").alias("observation_id"),
        )
        if item.external is not None:
            parts = parts.with_columns(code_system=pl.lit(item.external[0]), code=pl.lit(item.external[1]))
        parts = parts.filter(reading.filled).with_columns(
            id=uuid("observation_component", pl.col("observation_id"), str(item.element))
        )
        made.add("observation_component", parts)
