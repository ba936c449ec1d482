"""The rule that nobody stands in a delivery under two numbers."""

from __future__ import annotations

from sqlalchemy import and_, func, literal, select, union

from allpool.etl.audit.moments import DAY
from allpool.etl.audit.rules import Rule, key_rule
from allpool.models import STAGING


def same_person_rule() -> Rule:
    """Return the rule that no two patients of a centre share birth, sex and the day of the diagnosis.

    Of a hundred patients of one birth year and sex, diagnosed over five years, two share the day by chance
    in a few deliveries: it warns, and a person looks.
    """
    patient, diagnosis = STAGING["patient"].alias(), STAGING["condition"].alias()
    who = (
        patient.c.feed,
        patient.c.centre,
        patient.c.gender,
        patient.c.birth_date,
        patient.c.birth_precision,
        diagnosis.c.onset_date,
    )
    each = (
        select(patient.c.id, *who)
        .select_from(patient.join(diagnosis, diagnosis.c.subject_id == patient.c.id))
        .where(
            diagnosis.c.data_element == "diagnosis",
            diagnosis.c.onset_precision.in_(DAY),
            *(column.is_not(None) for column in who if column.name != "centre"),
        )
        .distinct()
        .subquery("each")
    )
    by = [each.c[column.name] for column in who]
    grouped = select(
        each.c.id,
        func.min(each.c.id).over(partition_by=by).label("first_id"),
        func.max(each.c.id).over(partition_by=by).label("last_id"),
    ).subquery("grouped")
    twice = grouped.c.first_id != grouped.c.last_id
    others = [
        select(
            grouped.c.id,
            literal("patient").label("other_table"),
            other.label("other_id"),
            literal("identifier").label("other_column"),
        ).where(and_(twice, grouped.c.id != other))
        for other in (grouped.c.first_id, grouped.c.last_id)
    ]
    either = union(*others).subquery("either")
    return key_rule(
        select(grouped.c.id).where(twice),
        rule="patient.identifier.same-person",
        table="patient",
        column="identifier",
        category="plausibility",
        severity="warn",
        expected="No two patients of a centre have the same birth date, sex and day of diagnosis.",
        source="Consortium convention",
        others=select(*either.c),
    )
