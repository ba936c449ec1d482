"""The transform: frames of text and a compiled mapping in, harmonised frames out; no store, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from allpool.etl.transform.dates import Calendar
from allpool.etl.transform.doubtful_computed import without_doubtful
from allpool.etl.transform.identity import content_hash, uuid
from allpool.etl.transform.joins import Borrowed, settle_joins
from allpool.etl.transform.ledger import Ledger, Verdict, positions
from allpool.etl.transform.merge import Conflict, merge
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.records import SUBJECT, Made
from allpool.etl.transform.rules import apply_rule
from allpool.etl.transform.source import Prepared, Scene, SourceFrame, prepare
from allpool.etl.transform.survey import Survey, take_survey
from allpool.mappings.plan import CompiledMapping, FieldPlan, RulePlan, condition_columns

PARENTS = {"observation_component": ("observation", "observation_id")}


@dataclass(frozen=True)
class Harmonised:
    """What a feed says: rows by table, what could not be taken, and the account of every cell.

    The rows have every column that they fill, with id, content_hash, security, study, centre, feed,
    source_file, source_row and rule; `version` and `run` are set when they are published.
    """

    tables: Mapping[str, pl.DataFrame]
    quarantine: pl.DataFrame
    ledgers: Sequence[Ledger]
    elsewhere: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Columns of merged rows that another row has told than the one of their lineage (`merge.ELSEWHERE`)."""


def transform(
    sources: Sequence[SourceFrame],
    mapping: CompiledMapping,
    scene: Scene,
    *,
    known_patients: frozenset[str] = frozenset(),
    survey: Survey | None = None,
) -> Harmonised:
    """Return what `sources` say under `mapping`.

    `known_patients` are the ids of patients published before, for a feed that appends. `survey` says which
    columns are in doubt; for a part of a delivery it is that of the whole (`survey_sources`).
    """
    entries, made, borrowed = Entries(), Made(), Borrowed()
    prepared = _prepared(sources, mapping, scene, entries)
    calendar = Calendar({item.source.id: item for item in prepared}, timezone=mapping.timezone)
    survey = take_survey(prepared, calendar) if survey is None else survey
    prepared = [without_doubtful(item, survey.dates, calendar) for item in prepared]
    calendar.doubt(survey.dates, {item.source.id: item for item in prepared})
    ledgers = [Ledger(item) for item in prepared]
    for item, ledger in zip(prepared, ledgers, strict=True):
        _mark_columns_and_rows(item, mapping, ledger, entries)
        for rule in item.plan.rules:
            apply_rule(
                item,
                rule,
                mapping,
                calendar=calendar,
                survey=survey,
                ledger=ledger,
                entries=entries,
                made=made,
                borrowed=borrowed,
            )
        calendar.release(item.source.id)
    settle_joins(prepared, ledgers, borrowed, entries)
    _subjects(made)
    rules = {rule.id: rule for plan in mapping.sources for rule in plan.rules}
    order = _order(prepared, mapping)
    tables: dict[str, pl.DataFrame] = {}
    elsewhere: dict[str, pl.DataFrame] = {}
    for table, parts in made.parts.items():
        merged = merge(table, parts, rules, order)
        tables[table] = merged.rows
        if not merged.elsewhere.is_empty():
            elsewhere[table] = merged.elsewhere
        for conflict in merged.conflicts:
            _note_conflict(conflict, rules, prepared, ledgers, entries)
    tables = _with_known_patients(tables, known_patients, prepared, ledgers, entries)
    tables = _with_parents(tables)
    return Harmonised(
        tables={
            table: _finished(table, rows, scene)
            for table, rows in sorted(tables.items())
            if not rows.is_empty()
        },
        quarantine=entries.frame(),
        ledgers=ledgers,
        elsewhere=elsewhere,
    )


def survey_sources(sources: Sequence[SourceFrame], mapping: CompiledMapping, scene: Scene) -> Survey:
    """Return which whole columns of `sources` are in doubt, for a transform of them part by part.

    Several of `sources` may be parts of one file: what their columns say together counts.
    """
    prepared = _prepared(sources, mapping, scene, Entries())
    parts = {str(place): item for place, item in enumerate(prepared)}
    return take_survey(prepared, Calendar(parts, timezone=mapping.timezone))


def _prepared(
    sources: Sequence[SourceFrame], mapping: CompiledMapping, scene: Scene, entries: Entries
) -> list[Prepared]:
    plans = {plan.name: plan for plan in mapping.sources}
    by_source: dict[str, list[SourceFrame]] = {}
    for source in sources:
        by_source.setdefault(source.source, []).append(source)
    return [
        prepare(source, plans[source.source], mapping, scene, by_source, plans, entries) for source in sources
    ]


def _order(prepared: Sequence[Prepared], mapping: CompiledMapping) -> dict[str, int]:
    """Return the place of each file and sheet: by the mapping's sources, then by path."""
    place = {plan.name: number for number, plan in enumerate(mapping.sources)}
    ranked = sorted(
        {
            (place[item.source.source], item.source.file, item.source.sheet or "", item.source.id)
            for item in prepared
        }
    )
    return {source_file: number for number, (*_, source_file) in enumerate(ranked)}


def _mark_columns_and_rows(
    prepared: Prepared, mapping: CompiledMapping, ledger: Ledger, entries: Entries
) -> None:
    """Settle what no rule will: columns that nobody knows, rows without a patient, study or centre."""
    frame = prepared.frame
    every = positions(frame)
    for column in prepared.unknown_columns(mapping):
        ledger.mark(column, every, Verdict.FAULT)
    for computed, failed in prepared.uncomputed.items():
        expected = f"a text that {prepared.plan.computed[computed][0]} can compute '{computed}' with"
        for column in prepared.computed[computed]:
            entries.cells(prepared.source, frame.filter(failed), column, "not_computed", expected)
            ledger.mark(column, positions(frame, failed), Verdict.FAULT)
    lost = frame["_pseudonym"].is_null()
    rows = positions(frame, lost)
    ledger.mark_rows(rows, Verdict.HELD)
    if prepared.patient_column is not None:
        ledger.mark(prepared.patient_column, rows, Verdict.FAULT)


def _subjects(made: Made) -> None:
    """Give each patient a part in the study, where no `subject` record does."""
    scope = [pl.col("study"), pl.col("centre"), pl.col("pseudonym")]
    own = [part["individual_id"] for part in made.parts.get("research_subject", [])]
    told = pl.concat([pl.Series("individual_id", [], dtype=pl.String), *own])
    for patients in list(made.parts.get("patient", [])):
        made.add(
            "research_subject",
            patients.filter(~pl.col("id").is_in(told.implode())).select(
                uuid("research_subject", *scope).alias("id"),
                "study",
                "centre",
                "pseudonym",
                "source_file",
                "source_row",
                "rule",
                pl.lit("on-study").alias("status"),
                pl.col("pseudonym").alias("identifier"),
                pl.col("id").alias("individual_id"),
                uuid("research_study", pl.col("study")).alias("study_reference_id"),
            ),
        )


def _note_conflict(
    conflict: Conflict,
    rules: Mapping[str, RulePlan],
    prepared: Sequence[Prepared],
    ledgers: Sequence[Ledger],
    entries: Entries,
) -> None:
    """Put the cells that contradict each other into quarantine."""
    for item, ledger in zip(prepared, ledgers, strict=True):
        mine = conflict.rows.filter(pl.col("source_file") == item.source.id)
        for rule_id in mine["rule"].unique().sort().to_list():
            rule = rules[rule_id]
            rows = item.frame.join(
                mine.filter(pl.col("rule") == rule_id).select(pl.col("source_row").alias("_row")).unique(),
                on="_row",
                how="semi",
            )
            for plan in rule.fields:
                if not conflict.concerns(plan):
                    continue
                for cell in _told_by(item, rule, plan):
                    filled = rows.filter(pl.col(cell).is_not_null())
                    entries.cells(
                        item.source,
                        filled,
                        cell,
                        "conflict",
                        "one and the same in all rows of this record",
                        record=rule.record,
                        element=plan.element,
                    )
                    ledger.mark(cell, positions(filled), Verdict.FAULT)


def _told_by(item: Prepared, rule: RulePlan, plan: FieldPlan) -> list[str]:
    """Return the columns that say a field: its own; of a constant those by which the mapping says it."""
    column = item.actual(plan.binding.column or ())
    if column is not None:
        return list(item.cells_of(column))
    conditions = (*condition_columns(plan.binding.when), *condition_columns(rule.when))
    found = (item.actual(names) for names in conditions)
    return list(dict.fromkeys(cell for name in found if name for cell in item.cells_of(name)))


def _with_known_patients(
    tables: dict[str, pl.DataFrame],
    known_patients: frozenset[str],
    prepared: Sequence[Prepared],
    ledgers: Sequence[Ledger],
    entries: Entries,
) -> dict[str, pl.DataFrame]:
    """Hold the records of patients whom no `patient` record introduces."""
    known = set(known_patients)
    if "patient" in tables:
        known |= set(tables["patient"]["id"].to_list())
    strangers: list[pl.DataFrame] = []
    kept: dict[str, pl.DataFrame] = {}
    for table, rows in tables.items():
        reference = SUBJECT.get(table, "subject_id")
        if reference not in rows.columns:
            kept[table] = rows
            continue
        at_home = rows[reference].is_in(list(known))
        kept[table] = rows.filter(at_home)
        strangers.append(rows.filter(~at_home).select("source_file", "source_row"))
    lost = pl.concat(strangers).unique() if strangers else pl.DataFrame(schema={"source_file": pl.String})
    for item, ledger in zip(prepared, ledgers, strict=True):
        mine = lost.filter(pl.col("source_file") == item.source.id)
        if mine.is_empty() or item.patient_column is None:
            continue
        rows = item.frame.join(mine.select(pl.col("source_row").alias("_row")), on="_row", how="semi")
        entries.cells(
            item.source,
            rows,
            item.patient_column,
            "unknown_patient",
            "a patient whom the feed's patient table has",
            scope="row",
            hide=True,
        )
        ledger.mark(item.patient_column, positions(rows), Verdict.FAULT)
    return kept


def _with_parents(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Leave out the parts of records that wait."""
    for child, (parent, reference) in PARENTS.items():
        if child in tables:
            ids = tables[parent].select("id") if parent in tables else pl.DataFrame(schema={"id": pl.String})
            tables[child] = tables[child].join(ids, left_on=reference, right_on="id", how="semi")
    return tables


def _finished(table: str, rows: pl.DataFrame, scene: Scene) -> pl.DataFrame:
    """Return rows with feed, security and content hash, in the order of their ids."""
    whole = rows.drop("pseudonym").with_columns(
        feed=pl.lit(scene.feed), security=pl.lit(scene.security, dtype=pl.String)
    )
    return whole.with_columns(content_hash(table, whole).alias("content_hash")).sort("id")
