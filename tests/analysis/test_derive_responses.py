"""Responses and MRD, as tables that a data manager can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.analysis.derivation.derive import derive
from allpool.models import Adae, Admrd, Adrs, Adsl
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

DOSE = "2022-01-01"


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = connect("sqlite://")
    yield found
    found.dispose()


def answer(engine: Engine, built: HandBuilt, endpoint: str, definition: str) -> tuple[str | None, str | None]:
    derive(built.into(engine))
    with engine.connect() as connection:
        found = connection.execute(
            select(Adrs.__table__).where(
                Adrs.usubjid == "S-a", Adrs.paramcd == endpoint, Adrs.definition == definition
            )
        ).one()
    return found.avalc, found.reason


CR: list[tuple[str, str, str | None, str | None]] = [
    # response, definition, CR?, why not
    ("cr 2022-02-01", "common", "Y", None),
    ("nr 2022-02-01", "common", "N", None),
    ("nr 2022-01-15; cr 2022-03-01", "common", "Y", None),
    ("cri 2022-02-01", "common", "N", None),
    ("cri 2022-02-01", "composite", "Y", None),
    ("crc 2022-02-01", "common", None, "reported as crc, which may be either"),
    ("crc 2022-02-01; cr 2022-03-01", "common", "Y", None),
    ("crc 2022-02-01", "composite", "Y", None),
    ("", "common", "N", None),
    ("", "assessed", None, "not assessed"),
    ("not_evaluable 2022-02-01", "assessed", None, "not assessed"),
    ("cr 2022-02-12", "day42", "Y", None),
    ("cr 2022-02-13", "day42", "N", None),
    ("cr", "day42", None, "an assessment without visit, date or course to place it"),
]


def test_a_study_that_sends_no_response_has_no_failures(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    expected = (None, "not assessed: the study sends no such assessments")
    assert answer(engine, built, "cr", "common") == expected


MRD: list[tuple[dict[str, Any], str | None, str | None]] = [
    # the measurement, 1e-4 asked                                          below?  why not
    ({"interpretation": "undetectable", "lod": 1e-4}, "Y", None),
    (
        {"interpretation": "undetectable", "lod": 1e-3},
        None,
        "MRD negative by an assay that does not reach 0.0001",
    ),
    ({"interpretation": "undetectable", "lod": None}, None, "MRD negative without a stated sensitivity"),
    ({"interpretation": "positive_not_quantifiable", "lod": 1e-5, "lloq": 1e-4}, "Y", None),
    ({"interpretation": "positive_not_quantifiable", "lod": 1e-4}, "Y", None),
    (
        {"interpretation": "positive_not_quantifiable", "lod": 1e-4, "lloq": 1e-3},
        None,
        "MRD negative by an assay that does not reach 0.0001",
    ),
    ({"interpretation": "quantifiable", "lloq": 1e-4}, "N", None),
    (
        {"interpretation": "quantifiable", "lod": 1e-5},
        None,
        "an MRD level that cannot be placed against 0.0001",
    ),
    ({"value_quantity": 5e-5, "lod": None}, "Y", None),
    ({"value_quantity": 1e-4}, "N", None),
    ({"value_quantity": 0.0, "lod": None}, None, "MRD negative without a stated sensitivity"),
    ({"value_quantity": 0.0}, "Y", None),
    ({"value_quantity": 1e-4, "value_quantity_comparator": "<"}, "Y", None),
    (
        {"value_quantity": 1e-3, "value_quantity_comparator": "<"},
        None,
        "an MRD level that cannot be placed against 0.0001",
    ),
    ({"value_quantity": 1e-4, "value_quantity_comparator": ">"}, "N", None),
    ({"interpretation": "not_evaluable"}, None, "MRD not evaluable, as the laboratory says"),
]


WINDOW: list[tuple[dict[str, Any], str | None]] = [
    ({"at": "2022-01-29"}, "Y"),
    ({"at": "2022-02-12"}, "Y"),
    ({"at": "2022-02-13"}, None),
    ({"at": DOSE}, None),
    ({"at": "first-dose+28"}, "Y"),
    ({"timepoint": "day_28"}, "Y"),
    ({"timepoint": "week_11"}, None),
    ({"timepoint": "week_11", "at": "2022-03-15"}, None),
    ({"course_number": 1}, "Y"),
    ({"course_number": 2}, None),
]


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str, str], Any]:
    """All patients of the tables in one store, derived once: adrs by subject, endpoint and definition."""
    built = HandBuilt()
    for number, (response, *_) in enumerate(CR):
        built.patient(f"cr{number}", first_dose=DOSE, response=response)
    for number, (measurement, *_) in enumerate(MRD):
        built.mrd(built.patient(f"mrd{number}", first_dose=DOSE), "2022-01-29", **measurement)
    for number, (where, _) in enumerate(WINDOW):
        at = where.get("at")
        place = {name: value for name, value in where.items() if name != "at"}
        built.mrd(
            built.patient(f"window{number}", first_dose=DOSE), at, interpretation="undetectable", **place
        )
    engine = built.into(connect("sqlite://"))
    derive(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(Adrs.__table__)).all()
    engine.dispose()
    return {(row.usubjid, row.paramcd, row.definition): row for row in rows}


@pytest.mark.parametrize("number", range(len(CR)))
def test_cr(cases: dict[tuple[str, str, str], Any], number: int) -> None:
    response, definition, expected, reason = CR[number]
    found = cases[f"S-cr{number}", "cr", definition]
    assert (found.avalc, found.reason) == (expected, reason), response


@pytest.mark.parametrize("number", range(len(MRD)))
def test_mrd_below_1e4(cases: dict[tuple[str, str, str], Any], number: int) -> None:
    measurement, expected, reason = MRD[number]
    found = cases[f"S-mrd{number}", "mrd", "common"]
    assert (found.avalc, found.reason) == (expected, reason), measurement


@pytest.mark.parametrize("number", range(len(WINDOW)))
def test_mrd_by_the_end_of_the_first_course(cases: dict[tuple[str, str, str], Any], number: int) -> None:
    where, expected = WINDOW[number]
    assert cases[f"S-window{number}", "mrd", "common"].avalc == expected, where


@pytest.mark.parametrize(
    ("key", "measurements", "undetectable", "below"),
    [
        (
            "detected at week 11",
            [("day_40", "undetectable"), ("week_11", "positive_not_quantifiable")],
            "N",
            "Y",
        ),
        ("cleared by week 11", [("day_40", "quantifiable"), ("week_11", "undetectable")], "Y", "N"),
    ],
)
def test_the_same_patient_as_published_and_under_the_common_definition(
    engine: Engine, key: str, measurements: list[tuple[str, str]], undetectable: str, below: str
) -> None:
    built = HandBuilt()
    built.patient("a", study="004", first_dose=DOSE, response="cr 2022-01-29")
    for visit, category in measurements:
        built.mrd("a", timepoint=visit, interpretation=category, lloq=1e-4, method="igtr_qpcr")
    assert answer(engine, built, "mrd", "study_004")[0] == undetectable, key
    with engine.connect() as connection:
        common = select(Adrs.avalc).where(Adrs.paramcd == "mrd", Adrs.definition == "common")
        assert connection.execute(common).scalar_one() == below, key


def test_mrd_within_two_weeks_after_the_first_course(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, course_end="2022-01-29")
    how = {"method": "mfc", "specimen": "bm_specimen"}
    built.mrd("a", "2022-01-08", value_quantity=1e-2, **how)
    built.mrd("a", "2022-02-12", interpretation="undetectable", **how)
    assert answer(engine, built, "mrd", "study_001") == ("Y", None)


def test_one_yes_settles_it_and_a_no_waits_for_quarantine(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    built.patient("b", first_dose=DOSE)
    built.mrd("a", "2022-01-29", value_quantity=1e-2)
    built.mrd("b", "2022-01-29", value_quantity=1e-5)
    for key in ("a", "b"):
        built.quarantined(key, "mrd_value")
    assert answer(engine, built, "mrd", "common") == (None, "a cell of the assessment waits in quarantine")
    with engine.connect() as connection:
        other = select(Adrs.avalc).where(
            Adrs.usubjid == "S-b", Adrs.paramcd == "mrd", Adrs.definition == "common"
        )
        assert connection.execute(other).scalar_one() == "Y"


def test_the_subject_level(engine: Engine) -> None:
    built = HandBuilt()
    built.patient(
        "a", first_dose=DOSE, status="rr_overt", sex="female", evaluable_response=True, actual_arm="mono"
    )
    built.observation("a", "age_at_index", None, value_quantity=44.0)
    built.observation("a", "ph_status", None, value_concept="positive")
    built.observation("a", "wbc", "2021-12-01", value_quantity=10.0)
    built.observation("a", "wbc", "2021-12-20", value_quantity=20.0)
    built.observation("a", "wbc", "2022-01-20", value_quantity=30.0)
    derive(built.into(engine))
    with engine.connect() as connection:
        found = connection.execute(select(Adsl.__table__)).one()
    assert (found.studyid, found.siteid, found.patient_id, found.synthetic) == ("001", "north", "P-a", True)
    assert (found.age, found.sex, found.arm, found.evaluable_response) == (44.0, "female", "mono", True)
    assert (found.disease_status, found.ph_status, str(found.trtsdt), found.clock) == (
        "rr_overt",
        "positive",
        DOSE,
        "calendar",
    )
    values = found.baseline if isinstance(found.baseline, dict) else json.loads(found.baseline)
    assert values["wbc"] == 20.0, "the last value at or before the first dose"
    assert values["drug_blinatumomab"] is True


def test_adverse_events_and_measurements_keep_their_days(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    built.event(
        "adverse_event",
        "a",
        "ae_term",
        "date",
        "2022-01-03",
        term="crs",
        grade=3,
        actuality="actual",
        seriousness="Serious",
    )
    built.mrd("a", "2022-01", value_quantity=2e-3)
    derive(built.into(engine))
    with engine.connect() as connection:
        event = connection.execute(select(Adae.__table__)).one()
        level = connection.execute(select(Admrd.__table__)).one()
    assert (event.aedecod, event.aetoxgr, event.ady, str(event.astdt), event.aeser) == (
        "crs",
        3,
        2,
        "2022-01-03",
        "Y",
    )
    assert (level.aval, level.lod, level.ady, level.adt) == (2e-3, 1e-4, None, None), (
        "known to the month only"
    )
