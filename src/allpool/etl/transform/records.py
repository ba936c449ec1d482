"""Rows of FHIR-aligned tables made of what a rule has read: records, their specimens and components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from allpool.etl.transform.absence import absence_columns
from allpool.etl.transform.identity import uuid
from allpool.etl.transform.reading import Reading
from allpool.etl.transform.source import Prepared
from allpool.mappings.plan import RulePlan

SUBJECT: Final = {"research_subject": "individual_id", "consent": "patient_id"}
"""Column that refers to the patient, where it is not `subject_id`."""

SPECIMENS: Final = {"bone_marrow": "bm_specimen", "peripheral_blood": "blood_specimen", "csf": "csf_specimen"}
"""Code of the table `specimen` -> data element of the Specimen row that it makes."""

WHOSE: Final = ("study", "centre", "pseudonym", "source_file", "source_row", "rule")


@dataclass
class Made:
    """Rows made by rules, by table; several parts a table."""

    parts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Add rows of `table`."""
        if not rows.is_empty():
            self.parts.setdefault(table, []).append(rows)


def make_records(
    prepared: Prepared, rule: RulePlan, rows: pl.DataFrame, readings: Mapping[str, Reading], made: Made
) -> pl.DataFrame:
    """Return the rows of the rule's table, with identity, references, values and lineage.

    `rows` are those working rows whose record is made; the specimens that they need are added to `made`.
    """
    wanted = _lineage(prepared, rule)
    wanted |= {name: pl.lit(value) for name, value in rule.fixed.items()}
    for item in rule.fields:
        if not item.is_component and not item.is_specimen:
            for name, column in readings[item.name].columns.items():
                # what the source says of a fixed column (a drug not given) wins; else the fixed one
                fixed = rule.fixed.get(name)
                wanted[name] = pl.col(column) if fixed is None else pl.col(column).fill_null(fixed)
    if rule.takes_absence:
        wanted |= absence_columns()
    if rule.table == "patient":
        wanted["id"] = pl.col("_patient")
        wanted["identifier"] = pl.col("_pseudonym")
        wanted["managing_organization_id"] = uuid("organization", pl.col("_centre"))
        return _selected(rows, wanted)
    if rule.table == "research_subject":
        wanted["id"] = uuid("research_subject", pl.col("_scope"))
        wanted["identifier"] = pl.col("_pseudonym")
        wanted["individual_id"] = pl.col("_patient")
        wanted["study_reference_id"] = uuid("research_study", pl.col("_study"))
        return _selected(rows, wanted)
    wanted[SUBJECT.get(rule.table, "subject_id")] = pl.col("_patient")
    wanted |= _coded(rule, set(wanted))
    sample = next((item for item in rule.fields if item.is_specimen), None)
    if rule.table == "observation" and sample is not None:
        wanted["specimen_id"] = _specimen_id(readings[sample.name], readings)
    wanted["id"] = _identity(rule, rows, readings)
    records = _selected(rows, wanted)
    if "specimen_id" in wanted and sample is not None:
        _make_specimens(records, rows[readings[sample.name].columns["specimen"]], sample.system, made)
    return records


def _lineage(prepared: Prepared, rule: RulePlan) -> dict[str, pl.Expr]:
    return {
        "study": pl.col("_study"),
        "centre": pl.col("_centre"),
        "pseudonym": pl.col("_pseudonym"),
        "source_file": pl.lit(prepared.source.id),
        "source_row": pl.col("_row").cast(pl.Int64),
        "rule": pl.lit(rule.id),
    }


def _selected(rows: pl.DataFrame, wanted: Mapping[str, pl.Expr]) -> pl.DataFrame:
    return rows.select(expr.alias(name) for name, expr in wanted.items())


def _coded(rule: RulePlan, present: set[str]) -> dict[str, pl.Expr]:
    """Return the columns that say what kind of record it is."""
    found: dict[str, str] = {}
    if rule.data_element is not None:
        found["data_element"] = rule.data_element
    if rule.external is not None and "code" not in present and rule.table in ("observation", "procedure"):
        found["code_system"], found["code"] = rule.external
    if rule.external is not None and rule.table == "medication_administration":
        found["medication_system"], found["medication"] = rule.external
    if rule.category is not None:
        found["category"] = rule.category
    return {name: pl.lit(value) for name, value in found.items()}


def _identity(rule: RulePlan, rows: pl.DataFrame, readings: Mapping[str, Reading]) -> pl.Expr:
    """Return the id: whose record of which kind, and the fields and columns that tell two of them apart."""
    named = [name for name in rule.key if name in readings]
    keys = [] if rule.singular else [pl.col(readings[name].key) for name in named]
    own = [pl.col(f"_own{i}") for i in range(len(rule.key_columns)) if f"_own{i}" in rows.columns]
    return uuid(rule.table, pl.col("_scope"), rule.record, "|".join(named), *keys, *own)


def _specimen_id(sample: Reading, readings: Mapping[str, Reading]) -> pl.Expr:
    """Return the id of the sample: one of each type at each moment."""
    code = pl.col(sample.columns["specimen"])
    moments = [pl.col(readings[name].key) for name in ("date", "timepoint") if name in readings]
    return pl.when(code.is_not_null()).then(uuid("specimen", pl.col("_scope"), code, *moments))


def _make_specimens(records: pl.DataFrame, sample: pl.Series, system: str | None, made: Made) -> None:
    """Make the Specimen rows that the records refer to."""
    taken = [name for name in records.columns if name.startswith("effective_")]
    specimens = (
        records.with_columns(sample.alias("type"))
        .filter(pl.col("type").is_not_null())
        .select(
            pl.col("specimen_id").alias("id"),
            *WHOSE,
            "subject_id",
            pl.col("type")
            .replace_strict(SPECIMENS, default=None, return_dtype=pl.String)
            .alias("data_element"),
            "type",
            pl.lit(system).alias("type_system"),
            *(pl.col(name).alias(name.replace("effective", "collected")) for name in taken),
        )
    )
    made.add("specimen", specimens.unique("id", keep="first", maintain_order=True))


def make_components(
    prepared: Prepared,
    rule: RulePlan,
    rows: pl.DataFrame,
    ids: pl.Series,
    readings: Mapping[str, Reading],
    made: Made,
) -> None:
    """Make the component rows of a rule's qualifying fields; `ids` are those of the records of `rows`."""
    components = [item for item in rule.fields if item.is_component]
    if not components:
        return
    rows = rows.with_columns(ids.alias("_id"))
    for item in components:
        reading = readings[item.name]
        wanted = _lineage(prepared, rule)
        wanted["id"] = uuid("observation_component", pl.col("_id"), str(item.element))
        wanted |= {name: pl.col(column) for name, column in reading.columns.items()}
        wanted["data_element"] = pl.lit(item.element)
        wanted["observation_id"] = pl.col("_id")
        if item.external is not None:
            wanted["code_system"], wanted["code"] = (pl.lit(part) for part in item.external)
        filled = rows[reading.key].is_not_null()
        made.add("observation_component", _selected(rows if filled.all() else rows.filter(filled), wanted))
