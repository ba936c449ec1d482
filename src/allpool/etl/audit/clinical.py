"""Rules of the clinic across tables: what cannot both be true of one patient.

A rule is one entry of `clinical_rules`. It names the table and column at fault, why it matters and where that
is said, and a query of the keys that fail. To add one, write its query with `moments.before` or
`moments.same_day` and list it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import FromClause, Select, func, or_, select

from allpool.etl.audit.moments import Moment, before, moment, partial_dates, same_day
from allpool.etl.audit.rules import Category, Rule, Severity, key_rule
from allpool.mappings.dictionary import Dictionary
from allpool.models import STAGING

TREATMENT: Final = "drug_blinatumomab"
RESPONSE: Final = "response_as_reported"
BLASTS: Final = "bm_blasts"
REMISSIONS: Final = ("cr", "crh", "cri", "crc")
"""Codes of the response table that mean fewer than 5 % marrow blasts."""
BLAST_LIMIT: Final[Mapping[str, float]] = {"%": 5.0, "1": 0.05}
"""Complete remission has fewer than 5 % blasts in the marrow. Cheson BD et al., J Clin Oncol 2003;21:4642."""
AFTERLIFE: Final = (RESPONSE, "relapse_type", "mrd_value", "last_contact_date", BLASTS)
"""Elements that only the living give."""

DATED: Final = (
    ("condition", "onset"),
    ("specimen", "collected"),
    ("observation", "effective"),
    ("medication_administration", "effective_start"),
    ("procedure", "performed"),
    ("adverse_event", "date"),
)
"""(table, partial date) of what happens to a patient."""


def clinical_rules(dictionary: Dictionary) -> Iterator[Rule]:
    """Yield the rules across tables."""
    for table, name in DATED:
        yield _before_birth(table, name)
    yield _after_death()
    yield _undetectable_without_sensitivity()
    yield from _remission_with_blasts(dictionary)
    yield _relapse_before_treatment()
    yield _treatment_before_diagnosis()


def _before_birth(table: str, name: str) -> Rule:
    row, patient = STAGING[table].alias(), STAGING["patient"].alias()
    failing = (
        select(row.c.id)
        .select_from(row.join(patient, patient.c.id == row.c.subject_id))
        .where(before(moment(row, name), moment(patient, "birth")))
    )
    return _rule(
        "before-birth", table, f"{name}_date", failing,
        f"{name} is not before the patient's birth.",
        "A date before birth belongs to another patient or is mistyped.",
    )  # fmt: skip


def _after_death() -> Rule:
    row, patient = _given("observation", *AFTERLIFE), STAGING["patient"].alias()
    failing = (
        select(row.c.id)
        .select_from(row.join(patient, patient.c.id == row.c.subject_id))
        .where(before(moment(patient, "deceased"), moment(row, "effective")))
    )
    return _rule(
        "after-death", "observation", "effective_date", failing,
        "Responses, relapses, blasts, MRD and the last contact are not after the patient's death.",
        "One of the two dates is wrong; survival would depend on which one is read.",
    )  # fmt: skip


def _undetectable_without_sensitivity() -> Rule:
    row, sensitivity = _given("observation", "mrd_value"), _given("observation_component", "mrd_lod")
    failing = (
        select(row.c.id)
        .select_from(row.outerjoin(sensitivity, sensitivity.c.observation_id == row.c.id))
        .where(row.c.interpretation == "undetectable", sensitivity.c.id.is_(None))
    )
    return _rule(
        "undetectable-without-sensitivity", "observation", "interpretation", failing,
        "An undetectable MRD comes with the sensitivity that the assay reached.",
        "Below which level nothing was found decides whether it counts as negative at a threshold. "
        "Brueggemann M et al., Leukemia 2010;24:521 (EuroMRD).",
        severity="warn", category="completeness", element="mrd_value",
    )  # fmt: skip


def _remission_with_blasts(dictionary: Dictionary) -> Iterator[Rule]:
    unit = dictionary[BLASTS].unit if BLASTS in dictionary else None
    if unit is None or unit not in BLAST_LIMIT:
        return
    row, blasts = _given("observation", RESPONSE), _given("observation", BLASTS)
    comparator = blasts.c.value_quantity_comparator
    failing = (
        select(row.c.id)
        .select_from(row.join(blasts, blasts.c.subject_id == row.c.subject_id))
        .where(
            row.c.value_concept.in_(REMISSIONS),
            blasts.c.value_quantity >= BLAST_LIMIT[unit],
            or_(comparator.is_(None), comparator.in_((">", ">="))),
            same_day(moment(row, "effective"), moment(blasts, "effective")),
        )
    )
    yield _rule(
        "remission-with-blasts", "observation", "value_concept", failing,
        "A complete remission has fewer than 5 % marrow blasts on the same day.",
        "Cheson BD et al., J Clin Oncol 2003;21:4642.",
        severity="warn", element=RESPONSE,
    )  # fmt: skip


def _relapse_before_treatment() -> Rule:
    row, first = _given("observation", "relapse_type"), _first_dose()
    failing = (
        select(row.c.id)
        .select_from(row.join(first, first.c.subject_id == row.c.subject_id))
        .where(before(moment(row, "effective"), _moment_of(first)))
    )
    return _rule(
        "relapse-before-treatment", "observation", "effective_date", failing,
        "A relapse after the treatment under study is not before its first dose; else it is a prior relapse.",
        "Relapse-free survival starts with the response to the treatment under study.",
        severity="warn", element="relapse_type",
    )  # fmt: skip


def _treatment_before_diagnosis() -> Rule:
    row, diagnosis = _given("medication_administration", TREATMENT), _given("condition", "diagnosis")
    failing = (
        select(row.c.id)
        .select_from(row.join(diagnosis, diagnosis.c.subject_id == row.c.subject_id))
        .where(before(moment(row, "effective_start"), moment(diagnosis, "onset")))
    )
    return _rule(
        "treatment-before-diagnosis", "medication_administration", "effective_start_date", failing,
        "The first dose is not before the diagnosis.",
        "A treatment before its diagnosis means that one of the two dates is another event's.",
        severity="warn", element="course_start",
    )  # fmt: skip


def _given(table: str, *elements: str) -> FromClause:
    """Return the staged rows of some elements, with the columns that the rules here read.

    Distinct, so that the database makes a small table of them and joins by its key. Otherwise SQLite can
    choose to walk all rows of an element, by the index on `data_element`, once per row of the other side.
    """
    row = STAGING[table].alias()
    dates = {name: moment(row, name) for name in partial_dates(table) if (table, name) in DATED}
    names = ("id", "subject_id", "observation_id", "interpretation", "value_concept", "value_quantity")
    values = [row.c[name] for name in (*names, "value_quantity_comparator") if name in row.c]
    times = [part for date in dates.values() for part in vars(date).values()]
    return select(*values, *times).where(row.c.data_element.in_(elements)).distinct().subquery()


def _first_dose() -> FromClause:
    """Return subject and first start of the treatment, one row per calendar or anchor."""
    dose = STAGING["medication_administration"].alias()
    return (
        select(
            dose.c.subject_id,
            dose.c.effective_start_anchor.label("anchor"),
            func.min(dose.c.effective_start_date).label("date"),
            func.min(dose.c.effective_start_offset_days).label("offset"),
        )
        .where(dose.c.data_element == TREATMENT)
        .group_by(dose.c.subject_id, dose.c.effective_start_anchor)
        .subquery()
    )


def _moment_of(first: FromClause) -> Moment:
    return Moment(first.c.date, first.c.date, first.c.offset, first.c.anchor)


def _rule(
    name: str,
    table: str,
    column: str,
    failing: Select[Any],
    expected: str,
    source: str,
    *,
    severity: Severity = "quarantine",
    category: Category = "plausibility",
    element: str | None = None,
) -> Rule:
    return key_rule(
        failing,
        rule=f"clinical.{name}.{table}" if name == "before-birth" else f"clinical.{name}",
        table=table,
        column=column,
        category=category,
        severity=severity,
        expected=expected,
        element=element,
        source=source,
    )
