"""Times to event, as tables that a data manager can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.analysis.derivation.derive import derive
from allpool.models import Adsl, Adtte
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = connect("sqlite://")
    yield found
    found.dispose()


def row(engine: Engine, built: HandBuilt, endpoint: str, definition: str, key: str = "a") -> Any:
    """Derive and return one row of adtte."""
    derive(built.into(engine))
    with engine.connect() as connection:
        return connection.execute(
            select(Adtte.__table__).where(
                Adtte.usubjid == f"S-{key}", Adtte.paramcd == endpoint, Adtte.definition == definition
            )
        ).one()


DOSE = "2022-01-01"
TIMES: list[tuple[str, dict[str, Any], str, float | None, int | None, str]] = [
    # endpoint, the patient, definition, days, censored, description
    ("os", {"death": "2022-03-02", "last_contact": "2022-02-01"}, "common", 60, 0, "death of any cause"),
    ("os", {"last_contact": "2022-03-02"}, "common", 60, 1, "last contact"),
    ("os", {"death": DOSE}, "common", 0, 0, "death of any cause"),
    ("os", {"last_contact": DOSE}, "common", 0, 1, "last contact"),
    ("os", {}, "common", None, None, "no event, and no last contact"),
    ("os", {"death": "?"}, "common", None, None, "known to have happened, without a date"),
    ("os", {"death": "2022-03"}, "common", None, None, "less precise than the definition asks (day)"),
    ("os", {"death": "2021-12-31"}, "common", None, None, "before first dose of blinatumomab"),
    ("os", {"last_contact": "2021-12-31"}, "common", None, None, "before first dose of blinatumomab"),
    ("os", {"death": "study-entry+60"}, "common", None, None, "known on another clock"),
    ("os", {"death": "first-dose+60"}, "common", 60, 0, "death of any cause"),
    ("os", {"last_contact": "first-dose+61", "death": "2022-03-02"}, "common", 60, 0, "death of any cause"),
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "haematological 2022-02-11", "death": "2022-03-01"},
        "common",
        10,
        0,
        "relapse of any kind",
    ),
    # the same day: what the definition names first
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "haematological 2022-02-11", "death": "2022-02-11"},
        "common",
        10,
        0,
        "relapse of any kind",
    ),
    # a relapse is dated and the death is not: the relapse came first
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "cns 2022-02-11", "death": "?"},
        "common",
        10,
        0,
        "relapse",
    ),
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "cns", "death": "2022-03-01"},
        "common",
        None,
        None,
        "without a date",
    ),
    (
        "rfs",
        {"relapse": "cns 2022-02-11", "last_contact": "2022-03-01"},
        "common",
        None,
        None,
        "no complete remission",
    ),
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "cns 2022-01-11", "last_contact": "2022-03-01"},
        "common",
        None,
        None,
        "relapse of any kind: before complete remission",
    ),
    # molecular relapse is an event of one definition and not of the other
    (
        "rfs",
        {"response": "cr 2022-02-01", "relapse": "molecular 2022-02-11", "last_contact": "2022-03-01"},
        "overt",
        28,
        1,
        "last contact",
    ),
    # 001 counts from the first dose, in patients in CR
    ("rfs", {"response": "cr 2022-02-01", "last_contact": "2022-03-02"}, "study_001", 60, 1, "last contact"),
    (
        "rfs",
        {"response": "nr 2022-02-01", "last_contact": "2022-03-02"},
        "study_001",
        None,
        None,
        "no complete remission",
    ),
    # no remission is an event on the first day
    ("efs", {"response": "nr 2022-02-01", "death": "2022-03-02"}, "common", 0, 0, "counted at the origin"),
    (
        "efs",
        {"response": "nr 2022-01-15; cr 2022-03-01", "last_contact": "2022-03-02"},
        "common",
        60,
        1,
        "last contact",
    ),
    (
        "efs",
        {"response": "nr 2022-01-15; cr 2022-03-01", "last_contact": "2022-03-02"},
        "day42",
        0,
        0,
        "at the origin",
    ),
    ("efs", {"response": "cri 2022-02-01", "last_contact": "2022-03-02"}, "common", 60, 1, "last contact"),
    ("efs", {"death": "2022-03-02"}, "common", 60, 0, "death of any cause"),
    ("efs", {"last_contact": "2022-03-02"}, "common", None, None, "no response assessment"),
]


STUDY_004: list[tuple[str, dict[str, Any], str, float | None, int | None, str]] = [
    ("efs", {"response": "nr 2022-02-01", "death": "2022-03-02"}, "study_004", 0, 0, "counted at the origin"),
    (
        "efs",
        {"response": "cr 2022-02-01", "relapse": "molecular 2022-02-21", "death": "2022-03-02"},
        "study_004",
        20,
        0,
        "molecular relapse",
    ),
    ("efs", {"response": "cr 2022-02-01", "death": "2022-03-02"}, "study_004", 29, 0, "death of any cause"),
    ("efs", {"last_contact": "2022-03-02"}, "study_004", None, None, "no complete remission"),
]
CASES = [("001", *case) for case in TIMES]
CASES += [
    ("004", endpoint, patient | {"evaluable_response": True}, *rest) for endpoint, patient, *rest in STUDY_004
]


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str, str], Any]:
    """All patients of the tables in one store, derived once: adtte by subject, endpoint and definition."""
    built = HandBuilt()
    for number, (study, _, patient, *_) in enumerate(CASES):
        built.patient(f"{number}", study=study, first_dose=DOSE, **patient)
    engine = built.into(connect("sqlite://"))
    derive(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(Adtte.__table__)).all()
    engine.dispose()
    return {(row.usubjid, row.paramcd, row.definition): row for row in rows}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_one_patient(cases: dict[tuple[str, str, str], Any], number: int) -> None:
    _, endpoint, patient, definition, days, censored, says = CASES[number]
    found = cases[f"S-{number}", endpoint, definition]
    assert (found.aval, found.cnsr) == (days, censored), patient
    assert says in found.evntdesc, patient


def test_relative_times_need_no_calendar(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", study="amlsg", death="study-entry+400", response="cr study-entry+30")
    built.observation("a", "last_contact_date", "study-entry+400")
    found = row(engine, built, "os", "study_entry")
    assert (found.aval, found.cnsr, found.clock, found.startdt, found.adt) == (
        400,
        0,
        "study-entry",
        None,
        None,
    )
    relapse_free = row_again(engine, "rfs", "common")
    assert (relapse_free.aval, relapse_free.cnsr, relapse_free.evntdesc) == (370, 0, "death of any cause")
    assert row_again(engine, "os", "common").evntdesc == "no first dose of blinatumomab"
    with engine.connect() as connection:
        subject = connection.execute(select(Adsl.__table__)).one()
    assert (subject.clock, subject.trtsdt, subject.dthfl) == ("study-entry", None, "Y")


def test_an_anchor_without_a_date_is_day_zero_of_its_clock(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", study="target", death="diagnosis+400")
    built.event("condition", "a", "diagnosis", "onset", "?")
    found = row(engine, built, "os", "diagnosis")
    assert (found.aval, found.cnsr, found.clock) == (400, 0, "diagnosis")


def row_again(engine: Engine, endpoint: str, definition: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            select(Adtte.__table__).where(Adtte.paramcd == endpoint, Adtte.definition == definition)
        ).one()


def test_dates_and_source_of_a_calendar_time(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, death="2022-03-02")
    found = row(engine, built, "os", "common")
    assert (str(found.startdt), str(found.adt), found.clock) == (DOSE, "2022-03-02", "calendar")
    assert (found.srcdom, found.srcid, found.definition_version) == ("patient", "P-a", "1")


@pytest.mark.parametrize(
    ("element", "record", "status", "evaluable"),
    [
        ("death_date", None, "open", False),
        ("death_date", None, "mended", True),
        ("course_start", None, "open", False),
        (None, "patient", "open", False),
        ("wbc", None, "open", True),
    ],
)
def test_a_quarantined_cell_that_the_endpoint_needs(
    engine: Engine, element: str | None, record: str | None, status: str, evaluable: bool
) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, last_contact="2022-03-02")
    built.quarantined("a", element, record=record, status=status)
    found = row(engine, built, "os", "common")
    assert (found.aval == 60) is evaluable
    assert ("waits in quarantine" in found.evntdesc) is not evaluable
    assert "secret" not in found.evntdesc


def test_a_quarantined_last_contact_does_not_matter_to_the_dead(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, death="2022-03-02")
    built.quarantined("a", "last_contact_date")
    assert row(engine, built, "os", "common").aval == 60


def test_the_first_dose_is_of_the_first_course(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", last_contact="2022-03-02")
    built.dose("a", "?", course=1)
    built.dose("a", "2022-02-01", course=2)
    assert "first dose of blinatumomab: without a date" in row(engine, built, "os", "common").evntdesc


def test_deriving_again_changes_nothing(engine: Engine) -> None:
    built = HandBuilt()
    for number in range(20):
        built.patient(f"p{number}", first_dose=DOSE, last_contact="2022-03-02", response="cr 2022-02-01")
    built.into(engine)

    def content() -> list[Any]:
        derive(engine)
        with engine.connect() as connection:
            return [
                connection.exec_driver_sql(f"SELECT * FROM {name}").all()
                for name in ("adsl", "adrs", "adtte")
            ]

    assert content() == content()
