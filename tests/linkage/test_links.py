"""Links in the store: found by night, decided by people, kept through nights; on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from sqlalchemy import Engine, delete, select, update

from allpool.errors import ConfigError
from allpool.etl.linkage import link_patients, waiting_links
from allpool.etl.linkage.links import decide, link_id, links
from allpool.etl.linkage.persons import SCHEMA, read_persons
from allpool.models import Base, PatientLink
from tests.linkage.hospital import TWICE, filled

AT = datetime(2026, 11, 20, tzinfo=UTC)
PAIRS = {tuple(sorted((f"P-{one}", f"P-{other}"))) for one, other in TWICE.items()}


@pytest.fixture
def hospital(store: Engine) -> Engine:
    return filled(store)


def night(engine: Engine, run: int) -> None:
    with engine.begin() as connection:
        link_patients(connection, run=run)


def rows(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as connection:
        table = PatientLink.__table__
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(table.c.id))]


def say(
    engine: Engine, link: str, verdict: str, *, by: str = "data manager", comment: str | None = None
) -> bool:
    with engine.begin() as connection:
        return decide(connection, link, verdict, by=by, comment=comment, at=AT)  # type: ignore[arg-type]


def test_persons_are_read_as_far_as_they_are_known(hospital: Engine) -> None:
    with hospital.begin() as connection:
        tables = Base.metadata.tables
        patient = tables["patient"]
        doses = tables["medication_administration"]
        connection.execute(
            update(patient)
            .where(patient.c.id == "P-001-00")
            .values(birth_precision="year", gender="unknown", linkage_token="a1 b2")
        )
        connection.execute(
            update(doses).where(doses.c.subject_id == "P-001-01").values(effective_start_precision="month")
        )
        persons = read_persons(connection)
    assert dict(persons.schema) == SCHEMA
    assert persons["id"].to_list() == sorted(persons["id"].to_list())
    vague, monthly, known = persons.head(3).to_dicts()
    assert vague["token"] == ["a1", "b2"]
    assert (vague["sex"], vague["birth_month"], vague["birth_date"]) == (None, None, None)
    assert vague["birth_year"] > 1900
    assert monthly["first_dose"] is None  # known to its month
    assert known["first_dose"] > known["diagnosis"] > (date(2017, 12, 31) - date(1970, 1, 1)).days
    assert known["birth_month"] // 12 == known["birth_year"]
    dosed = date.fromordinal(date(1970, 1, 1).toordinal() + known["first_dose"])
    assert known["age"] in (dosed.year - known["birth_year"], dosed.year - known["birth_year"] - 1)


def test_the_planted_pairs_are_found_with_evidence_and_no_values(hospital: Engine) -> None:
    night(hospital, 1)
    found = rows(hospital)
    assert {(row["first_patient"], row["second_patient"]) for row in found} == PAIRS
    by_method = {row["method"]: row for row in found}
    assert set(by_method) == {"deterministic", "probabilistic"}
    near = by_method["probabilistic"]["evidence"]
    assert near["first_dose"] == "near"  # type: ignore[index]
    for row in found:
        assert row["id"] == link_id(str(row["first_patient"]), str(row["second_patient"]))
        assert row["id"] == link_id(str(row["second_patient"]), str(row["first_patient"]))
        assert set(row["evidence"].values()) <= {"equal", "near", "differs", "unknown"}  # type: ignore[attr-defined]
        assert row["status"] == "candidate"
        assert row["match_weight"] > 0  # type: ignore[operator]
        assert 0.5 < row["match_probability"] <= 1  # type: ignore[operator]


def test_running_again_changes_nothing_but_the_run_that_saw_it(hospital: Engine) -> None:
    night(hospital, 1)
    first = rows(hospital)
    night(hospital, 2)
    again = rows(hospital)
    assert [row.pop("last_run") for row in again] == [2, 2]
    assert again == [{name: value for name, value in row.items() if name != "last_run"} for row in first]


def test_decisions_survive_nights(hospital: Engine) -> None:
    night(hospital, 1)
    one, other = (str(row["id"]) for row in rows(hospital))
    assert say(hospital, one, "same", comment="both centres agree")
    assert say(hospital, other, "different", by="principal investigator")
    assert not say(hospital, one, "same", comment="both centres agree")  # said before
    night(hospital, 2)
    found = {row["id"]: row for row in rows(hospital)}
    assert (found[one]["status"], found[one]["decided_by"]) == ("same", "data manager")
    assert found[one]["comment"] == "both centres agree"
    assert (found[other]["status"], found[other]["decided_by"]) == ("different", "principal investigator")
    with hospital.connect() as connection:
        assert waiting_links(connection) == 0
    assert say(hospital, one, "candidate")
    [taken_back] = [row for row in rows(hospital) if row["id"] == one]
    assert (taken_back["status"], taken_back["decided_by"], taken_back["decided_at"]) == (
        "candidate",
        None,
        None,
    )


def test_what_is_no_longer_found_is_gone_and_comes_back(hospital: Engine) -> None:
    night(hospital, 1)
    first, second = rows(hospital)
    say(hospital, str(first["id"]), "same")
    patients = Base.metadata.tables["patient"]
    with hospital.begin() as connection:
        kept = connection.execute(select(patients).where(patients.c.id == second["second_patient"])).one()
        connection.execute(
            delete(patients).where(patients.c.id.in_([first["second_patient"], second["second_patient"]]))
        )
    night(hospital, 2)
    assert [row["status"] for row in rows(hospital)] == ["same", "gone"]  # what is decided stays decided
    with hospital.connect() as connection:
        [shown] = links(connection, status="gone")
        assert shown["second_pseudonym"] is None
    with hospital.begin() as connection:
        connection.execute(patients.insert().values(**kept._mapping))
    night(hospital, 3)
    back = rows(hospital)[1]
    assert (back["status"], back["first_run"], back["last_run"]) == ("candidate", 1, 3)


def test_a_pair_is_asked_for_by_study_and_centre(hospital: Engine) -> None:
    night(hospital, 1)
    with hospital.connect() as connection:
        everything = links(connection)
        assert len(everything) == 2
        assert [row["match_weight"] for row in everything] == sorted(
            (row["match_weight"] for row in everything), reverse=True
        )
        [of_two] = links(connection, study="002")
        assert {of_two["first_study"], of_two["second_study"]} == {"001", "002"}
        [of_three] = links(connection, centre="003-north", status="candidate")
        assert {of_three["first_centre"], of_three["second_centre"]} == {"001-north", "003-north"}
        assert links(connection, status="same") == []


def test_a_pair_that_nobody_has_seen_cannot_be_decided(hospital: Engine) -> None:
    with pytest.raises(ConfigError, match="no pair 'feedfacefeedface'"):
        say(hospital, "feedfacefeedface", "same")


def test_an_empty_store_has_no_candidates(store: Engine) -> None:
    night(store, 1)
    assert rows(store) == []
    with store.connect() as connection:
        assert read_persons(connection).is_empty()
        assert isinstance(read_persons(connection), pl.DataFrame)
