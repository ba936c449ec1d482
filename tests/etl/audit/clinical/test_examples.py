"""Each clinical rule finds the patient who breaks it and leaves alone who does not, on both stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from allpool.etl.audit.clinical import ClinicalRule, clinical_rules, rule_files
from allpool.etl.audit.rules import Rule
from allpool.mappings.dictionary import load_dictionary
from allpool.models import STAGING, Base
from allpool.models.engine import connect
from tests.conftest import PostgreSQL
from tests.etl.audit.clinical.patients import patients

ENTRIES = {entry.rule: entry for file in rule_files() for entry in file.rules}
RULES = {rule.id: rule for rule in clinical_rules(load_dictionary())}
PATIENTS = {rule: list(patients(entry)) for rule, entry in ENTRIES.items()}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def staged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, set[tuple[Any, ...]]]]:
    """Stage every patient of every rule at once; return rule -> (id, other table, other id, other column)."""
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path_factory.mktemp('clinical') / 'store.db'}")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        engine = connect(server.fresh())
    with engine.begin() as connection:
        Base.metadata.create_all(connection, tables=list(STAGING.values()))
        for found in PATIENTS.values():
            for patient in found:
                for table, rows in patient.rows.items():
                    for row in rows:
                        connection.execute(insert(STAGING[table]).values(row))
    yield {name: _found(engine, rule) for name, rule in RULES.items()}
    engine.dispose()


def _found(engine: Engine, rule: Rule) -> set[tuple[Any, ...]]:
    assert rule.keys is not None
    with engine.connect() as connection:
        found: set[tuple[Any, ...]] = {(row.id,) for row in connection.execute(rule.keys)}
        by_predicate = select(STAGING[rule.table].c.id).where(rule.predicate)
        assert {row.id for row in connection.execute(by_predicate)} == {key for (key,) in found}
        if rule.others is not None:
            found |= set(map(tuple, connection.execute(rule.others)))
    return found


def test_there_are_as_many_rules_as_were_promised() -> None:
    assert len(RULES) >= 60
    assert set(RULES) == set(ENTRIES)


@pytest.mark.parametrize("rule", ENTRIES)
def test_a_rule_has_a_patient_who_breaks_it_and_one_who_does_not(rule: str) -> None:
    assert {bool(patient.wrong) for patient in PATIENTS[rule]} == {True, False}


@pytest.mark.parametrize("rule", ENTRIES)
def test_exactly_the_wrong_rows_fail(rule: str, staged: Mapping[str, set[tuple[Any, ...]]]) -> None:
    ours = {row["id"] for patient in PATIENTS[rule] for rows in patient.rows.values() for row in rows}
    expected = {key for patient in PATIENTS[rule] for key in patient.wrong}
    assert {row[0] for row in staged[rule] if row[0] in ours} == expected


@pytest.mark.parametrize("rule", ENTRIES)
def test_the_other_side_of_a_contradiction_is_another_cell_of_the_patient(
    rule: str, staged: Mapping[str, set[tuple[Any, ...]]]
) -> None:
    beside = {row[0]: [other for other in staged[rule] if other[0] == row[0]] for row in staged[rule]}
    for patient in PATIENTS[rule]:
        places = {(table, row["id"]) for table, rows in patient.rows.items() for row in rows}
        for key in patient.wrong:
            others = [other[1:] for other in beside[key] if len(other) > 1]
            assert {(table, name) for table, name, _ in others} <= places
            assert all(column in STAGING[table].c for table, _, column in others)
            if _contradicts(ENTRIES[rule]):
                assert others, key


def _contradicts(entry: ClinicalRule) -> bool:
    """Whether a rule is about two rows that both exist."""
    check = entry.check
    return check.form not in ("row", "pair") or bool(getattr(check, "present", ()))
