"""Competing events, delayed entry, failure at the assessment, what a centre does not send: as tables."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.analysis.derivation.derive import derive
from allpool.models import Adtte
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

DOSE = "2022-01-01"
EVENT, CENSORED, COMPETING = 0, 1, 2
MRD_NEGATIVE = {"status": "cr_mrd_neg", "last_contact": "2022-06-01"}
# endpoint, definition, the patient (response, relapse, death, last contact, transplant, mrd), days, end, says
Case = tuple[str, str, dict[str, Any], float | None, int | None, str]
RELAPSE: list[Case] = [
    (
        "relapse",
        "common",
        {"response": "cr 2022-02-01", "relapse": "cns 2022-02-11", "death": "2022-03-01"},
        10,
        EVENT,
        "relapse",
    ),
    ("relapse", "common", {"response": "cr 2022-02-01", "death": "2022-02-11"}, 10, COMPETING, "death"),
    (
        "relapse",
        "common",
        {"response": "cr 2022-02-01", "last_contact": "2022-02-11"},
        10,
        CENSORED,
        "last contact",
    ),
    # on the same day: relapse counts for relapse, and competes with death without relapse
    (
        "relapse",
        "common",
        {"response": "cr 2022-02-01", "relapse": "cns 2022-02-11", "death": "2022-02-11"},
        10,
        EVENT,
        "relapse",
    ),
    (
        "nrm",
        "common",
        {"response": "cr 2022-02-01", "relapse": "cns 2022-02-11", "death": "2022-02-11"},
        10,
        COMPETING,
        "relapse",
    ),
    ("nrm", "common", {"response": "cr 2022-02-01", "death": "2022-02-11"}, 10, EVENT, "death"),
    # molecular relapse is a relapse, but no overt one
    (
        "relapse",
        "overt",
        {"response": "cr 2022-02-01", "relapse": "molecular 2022-02-11", "death": "2022-03-01"},
        28,
        COMPETING,
        "death",
    ),
    # a competing event that cannot be dated leaves the answer open
    (
        "relapse",
        "common",
        {"response": "cr 2022-02-01", "death": "2022-02"},
        None,
        None,
        "death of any cause: the date is less precise",
    ),
    # in remission at the first dose, without a date of that remission: from the first dose
    ("relapse", "first_dose", {"status": "cr_mrd_pos", "relapse": "cns 2022-01-11"}, 10, EVENT, "relapse"),
    (
        "relapse",
        "first_dose",
        {"status": "rr_overt", "relapse": "cns 2022-01-11"},
        None,
        None,
        "not evaluable: no remission at the first dose",
    ),
]
DELAYED: list[Case] = [
    # in remission since 31 days before the first dose: counted from then, at risk from the first dose
    ("rfs", "common", {"response": "cr 2021-12-01", "relapse": "cns 2022-01-11"}, 41, EVENT, "relapse"),
    (
        "rfs",
        "common",
        {"response": "cr 2021-12-01", "relapse": "cns 2021-12-11", "death": "2022-01-11"},
        None,
        None,
        "never at risk: observation ends before first dose of blinatumomab",
    ),
    ("os", "response", {"response": "cr 2022-02-01", "death": "2022-02-11"}, 10, EVENT, "death"),
]
FAILURE: list[Case] = [
    # no remission: an event on the day of the assessment, unless something came before
    (
        "efs",
        "failure_at_assessment",
        {"response": "nr 2022-02-01", "death": "2022-03-02"},
        31,
        EVENT,
        "no complete remission, with or without full recovery of counts, counted at the assessment",
    ),
    (
        "efs",
        "failure_at_assessment",
        {"response": "nr 2022-02-01", "death": "2022-01-21"},
        20,
        EVENT,
        "death of any cause",
    ),
    (
        "efs",
        "failure_at_assessment",
        {"response": "nr", "last_contact": "2022-03-02"},
        None,
        None,
        "no complete remission at an assessment: known to have happened, without a date",
    ),
    # a remission after day 42, without a failed assessment before: a failure on day 42
    (
        "efs",
        "day42_at_assessment",
        {"response": "cr 2022-03-01", "last_contact": "2022-06-01"},
        42,
        EVENT,
        "counted at the assessment",
    ),
    (
        "efs",
        "day42_at_assessment",
        {"response": "nr 2022-01-29; cr 2022-03-01", "last_contact": "2022-06-01"},
        28,
        EVENT,
        "counted at the assessment",
    ),
]
VARIANTS: list[Case] = [
    # a second malignancy is an event of one variant and not of the other
    (
        "efs",
        "common",
        {"response": "cr 2022-02-01", "mds": "2022-02-11", "last_contact": "2022-06-01"},
        41,
        EVENT,
        "secondary myelodysplastic syndrome",
    ),
    (
        "efs",
        "no_second_malignancy",
        {"response": "cr 2022-02-01", "mds": "2022-02-11", "last_contact": "2022-06-01"},
        151,
        CENSORED,
        "last contact",
    ),
    (
        "dfs",
        "common",
        {"response": "cr 2022-02-01", "mds": "2022-02-11", "last_contact": "2022-06-01"},
        10,
        EVENT,
        "secondary myelodysplastic syndrome",
    ),
    (
        "relapse",
        "second_malignancy",
        {"response": "cr 2022-02-01", "mds": "2022-02-11", "last_contact": "2022-06-01"},
        10,
        COMPETING,
        "secondary myelodysplastic syndrome",
    ),
    (
        "efs",
        "common_molecular",
        {"response": "cr 2022-02-01", "relapse": "molecular 2022-02-11", "last_contact": "2022-06-01"},
        41,
        EVENT,
        "molecular relapse",
    ),
    (
        "efs",
        "day42_molecular",
        {"response": "cr 2022-02-01", "relapse": "molecular 2022-02-11", "last_contact": "2022-06-01"},
        41,
        EVENT,
        "molecular relapse",
    ),
    ("rfs", "first_dose", {"status": "cr_mrd_pos", "relapse": "cns 2022-01-11"}, 10, EVENT, "relapse"),
    (
        "nrm",
        "first_dose",
        {"status": "cr_mrd_pos", "relapse": "cns 2022-01-11"},
        10,
        COMPETING,
        "relapse",
    ),
]
TRANSPLANT: list[Case] = [
    (
        "hsct",
        "common",
        {"hsct": {"at": "2022-02-10"}, "death": "2022-03-01"},
        40,
        EVENT,
        "allogeneic transplant",
    ),
    ("hsct", "common", {"death": "2022-02-10"}, 40, COMPETING, "death of any cause"),
    (
        "hsct",
        "common",
        {"hsct": {"at": "2022-02-10", "transplant_type": "auto"}, "last_contact": "2022-03-01"},
        59,
        CENSORED,
        "last contact",
    ),
    (
        "hsct",
        "common",
        {"hsct": {"at": "2022-02-10", "prior": True}, "last_contact": "2022-03-01"},
        59,
        CENSORED,
        "last contact",
    ),
    # from entry and from diagnosis, on the clock of the survival that it goes with
    (
        "hsct",
        "study_entry",
        {"entry": "2021-12-22", "hsct": {"at": "2022-02-10"}, "last_contact": "2022-03-01"},
        50,
        EVENT,
        "transplant",
    ),
    (
        "hsct",
        "diagnosis",
        {"diagnosis": "2021-12-02", "hsct": {"at": "2022-02-10"}, "last_contact": "2022-03-01"},
        70,
        EVENT,
        "transplant",
    ),
    # transplant ever, and transplant in first response, are two things
    (
        "hsct",
        "response",
        {
            "response": "cr 2022-02-01",
            "relapse": "cns 2022-02-06",
            "hsct": {"at": "2022-02-11"},
            "death": "2022-03-01",
        },
        10,
        EVENT,
        "transplant",
    ),
    (
        "hsct",
        "first_response",
        {
            "response": "cr 2022-02-01",
            "relapse": "cns 2022-02-06",
            "hsct": {"at": "2022-02-11"},
            "death": "2022-03-01",
        },
        5,
        COMPETING,
        "relapse",
    ),
    # a transplant in first remission is one after that remission, by the status that the centre states
    (
        "hsct",
        "first_remission_status",
        {
            "response": "cr 2022-02-01",
            "hsct": {"at": "2022-02-11", "remission_status": "cr1"},
            "death": "2022-03-01",
        },
        10,
        EVENT,
        "transplant in first remission",
    ),
    (
        "hsct",
        "first_remission_status",
        {
            "response": "cr 2022-02-01",
            "hsct": {"at": "2022-02-01", "remission_status": "cr1"},
            "death": "2022-03-01",
        },
        28,
        COMPETING,
        "death",
    ),
    (
        "hsct",
        "first_remission_status",
        {
            "response": "cr 2022-02-01",
            "hsct": {"at": "2022-02-11", "remission_status": "cr2"},
            "death": "2022-03-01",
        },
        28,
        COMPETING,
        "death",
    ),
]
MRD: list[Case] = [
    (
        "mrd_loss",
        "common",
        MRD_NEGATIVE | {"mrd": [("2022-01-29", {"value_quantity": 2e-4})]},
        28,
        EVENT,
        "MRD not below 1e-4",
    ),
    # below the threshold, before the first dose, or by an assay that is blind there: no event
    (
        "mrd_loss",
        "common",
        MRD_NEGATIVE | {"mrd": [("2022-01-29", {"value_quantity": 5e-5})]},
        151,
        CENSORED,
        "last contact",
    ),
    (
        "mrd_loss",
        "common",
        MRD_NEGATIVE | {"mrd": [("2021-12-01", {"value_quantity": 0.2})]},
        151,
        CENSORED,
        "last contact",
    ),
    ("mrd_loss", "common", MRD_NEGATIVE | {"relapse": "haematological 2022-01-29"}, 28, EVENT, "marrow"),
    ("mrd_loss", "common", MRD_NEGATIVE | {"relapse": "cns 2022-01-29"}, 28, COMPETING, "extramedullary"),
    ("mrd_loss", "common", MRD_NEGATIVE | {"hsct": {"at": "2022-01-29"}}, 28, COMPETING, "transplant"),
    ("mrd_loss", "measured", MRD_NEGATIVE | {"relapse": "molecular 2022-01-29"}, 28, COMPETING, "relapse"),
    (
        "mrd_loss",
        "common",
        {"status": "cr_mrd_pos", "last_contact": "2022-06-01"},
        None,
        None,
        "not evaluable: no MRD-negative remission",
    ),
]
RECOVERY: list[Case] = [
    (
        "recovery",
        "common",
        {"recovery": ("2022-01-09", None), "last_contact": "2022-06-01"},
        8,
        EVENT,
        "recovery of counts",
    ),
    # only the number of days
    (
        "recovery",
        "common",
        {"recovery": (None, 8.0), "last_contact": "first-dose+90"},
        8,
        EVENT,
        "recovery of counts",
    ),
    (
        "recovery",
        "from_counts",
        {
            "counts": [("2022-01-05", 0.4, 80), ("2022-01-09", 0.6, 40), ("2022-01-13", 0.6, 51)],
            "last_contact": "2022-06-01",
        },
        12,
        EVENT,
        "neutrophils above 0.5 and platelets above 50",
    ),
    (
        "recovery",
        "from_counts",
        {"counts": [("2022-01-05", 0.5, 80)], "last_contact": "2022-06-01"},
        151,
        CENSORED,
        "last contact",
    ),
]
FOUNDING: list[tuple[str, Case]] = [
    ("000", ("os", "study_000", {"death": "2022-01-31"}, 30, EVENT, "death")),
    ("002", ("os", "study_002", {"death": "2022-01-31"}, 30, EVENT, "death")),
    ("003", ("os", "study_003", {"death": "2022-01-31"}, 30, EVENT, "death")),
    ("001", ("os", "study_001", {"death": "2022-01-31"}, 30, EVENT, "death")),
    # 004 counts from the start of treatment, ten days before the first dose, in the evaluable
    (
        "004",
        (
            "os",
            "study_004",
            {"entry": "2021-12-22", "death": "2022-01-31", "evaluable_response": True},
            40,
            EVENT,
            "death",
        ),
    ),
    (
        "004",
        (
            "os",
            "study_004",
            {"entry": "2021-12-22", "death": "2022-01-31", "evaluable_response": False},
            None,
            None,
            "not evaluable: no place among those whom the study evaluates",
        ),
    ),
    # 000 and 002: a failure at the assessment; who was never assessed stays in
    ("000", ("efs", "study_000", {"response": "nr 2022-02-01"}, 31, EVENT, "at the assessment")),
    ("000", ("efs", "study_000", {"last_contact": "2022-02-01"}, 31, CENSORED, "last contact")),
    ("002", ("efs", "study_002", {"relapse": "cns 2022-02-01"}, 31, EVENT, "relapse")),
    ("003", ("dfs", "study_003", {"response": "nr 2022-01-29", "death": "2022-02-01"}, 31, EVENT, "death")),
    ("003", ("relapse", "study_003", {"death": "2022-02-01"}, 31, COMPETING, "death")),
    ("001", ("relapse", "study_001", {"relapse": "combined 2022-02-01"}, 31, EVENT, "relapse")),
    (
        "004",
        (
            "relapse",
            "study_004",
            {"evaluable_response": True, "response": "cr 2022-02-10", "mds": "2022-03-02"},
            20,
            COMPETING,
            "secondary myelodysplastic",
        ),
    ),
    (
        "001",
        (
            "hsct",
            "study_001",
            {"response": "cr 2022-02-01", "relapse": "cns 2022-02-06", "hsct": {"at": "2022-02-11"}},
            36,
            COMPETING,
            "relapse",
        ),
    ),
    (
        "000",
        (
            "mrd_loss",
            "study_000",
            {"status": "cr_mrd_neg", "relapse": "molecular 2022-02-01"},
            31,
            EVENT,
            "molecular",
        ),
    ),
]
CASES = [
    ("001", case)
    for part in (RELAPSE, DELAYED, FAILURE, VARIANTS, TRANSPLANT, MRD, RECOVERY)
    for case in part
]
CASES += FOUNDING


def write(built: HandBuilt, key: str, study: str, patient: dict[str, Any]) -> None:
    """Write one patient; `hsct`, `mds`, `diagnosis`, `mrd`, `counts` and `recovery` are rows of their own."""
    rest = dict(patient)
    hsct, mds, diagnosis = (rest.pop(name, None) for name in ("hsct", "mds", "diagnosis"))
    mrd, counts = rest.pop("mrd", []), rest.pop("counts", [])
    recovery = rest.pop("recovery", None)
    built.patient(key, study=study, first_dose=DOSE, **rest)
    if hsct:
        more = {name: value for name, value in hsct.items() if name != "at"}
        built.event("procedure", key, "hsct_date", "performed", hsct["at"], status="completed", **more)
    if mds:
        built.event("condition", key, "secondary_mds_date", "onset", mds)
    if diagnosis:
        built.event("condition", key, "diagnosis", "onset", diagnosis)
    for at, values in mrd:
        built.mrd(key, at, **values)
    for at, anc, platelets in counts:
        built.observation(key, "anc", at, value_quantity=anc)
        built.observation(key, "platelets", at, value_quantity=platelets)
    if recovery:
        at, days = recovery
        built.observation(key, "count_recovery_days", at, value_quantity=days)
        if days is not None:
            built.observation(key, "last_contact_date", "first-dose+90")


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str, str], Any]:
    """All patients of the tables in one store, derived once: adtte by subject, endpoint and definition."""
    built = HandBuilt()
    for number, (study, (_, _, patient, *_)) in enumerate(CASES):
        write(built, f"{number}", study, patient)
    engine = built.into(connect("sqlite://"))
    derive(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(Adtte.__table__)).all()
    engine.dispose()
    return {(row.usubjid, row.paramcd, row.definition): row for row in rows}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_one_patient(cases: dict[tuple[str, str, str], Any], number: int) -> None:
    _, (endpoint, definition, patient, days, end, says) = CASES[number]
    found = cases[f"S-{number}", endpoint, definition]
    assert (found.aval, found.cnsr) == (days, end), (patient, found.evntdesc)
    assert says in found.evntdesc, patient


def test_delayed_entry_is_told_and_only_where_there_is_one(cases: dict[tuple[str, str, str], Any]) -> None:
    first = next(number for number, (_, case) in enumerate(CASES) if case is DELAYED[0])
    assert cases[f"S-{first}", "rfs", "common"].entry_day == 31
    assert cases[f"S-{first}", "relapse", "common"].entry_day == 31
    assert cases[f"S-{first}", "os", "common"].entry_day is None
    later = next(number for number, (_, case) in enumerate(CASES) if case is DELAYED[2])
    assert cases[f"S-{later}", "os", "response"].entry_day is None


def test_relapse_and_death_without_it_add_up_to_relapse_free_survival(
    cases: dict[tuple[str, str, str], Any],
) -> None:
    for number in range(len(CASES)):
        rfs, relapse, nrm = (cases[f"S-{number}", name, "common"] for name in ("rfs", "relapse", "nrm"))
        assert rfs.aval == relapse.aval == nrm.aval
        ends = {None: (None, None), EVENT: {(EVENT, COMPETING), (COMPETING, EVENT)}, CENSORED: (1, 1)}
        both = (relapse.cnsr, nrm.cnsr)
        assert both in ends[rfs.cnsr] if rfs.cnsr == EVENT else both == ends[rfs.cnsr], number


def test_every_reason_is_a_sentence(cases: dict[tuple[str, str, str], Any]) -> None:
    for row in cases.values():
        if row.aval is None:
            assert len(row.evntdesc) > 8, row
            assert row.cnsr is None
            assert row.srcid is None


def test_what_a_centre_does_not_send_did_not_fail_to_happen(empty_store: Engine) -> None:
    built = HandBuilt(sent=("patient", "response"))
    built.patient("a", first_dose=DOSE, response="cr 2022-02-01", last_contact="2022-03-02")
    derive(built.into(empty_store))
    with empty_store.connect() as connection:
        rows = connection.execute(select(Adtte.__table__).where(Adtte.definition == "common")).all()
    found = {row.paramcd: row.evntdesc for row in rows if row.aval is None}
    assert found["hsct"] == "not collected: the centre sends no allogeneic transplant"
    assert found["rfs"] == "not collected: the centre sends no relapse of any kind"
    assert found["recovery"].startswith("not collected")
    assert "os" not in found


def test_one_relapse_says_that_the_centre_sends_relapses(empty_store: Engine) -> None:
    built = HandBuilt(sent=())
    built.patient("a", first_dose=DOSE, response="cr 2022-02-01", last_contact="2022-03-02")
    built.patient("b", first_dose=DOSE, response="cr 2022-02-01", relapse="cns 2022-02-11")
    built.patient("c", centre="south", first_dose=DOSE, response="cr 2022-02-01", last_contact="2022-03-02")
    derive(built.into(empty_store))
    with empty_store.connect() as connection:
        rows = connection.execute(
            select(Adtte.__table__).where(Adtte.paramcd == "rfs", Adtte.definition == "common")
        ).all()
    assert {row.usubjid: row.cnsr for row in rows} == {"S-a": CENSORED, "S-b": EVENT, "S-c": None}


def test_a_measurement_on_another_clock_than_the_first_dose_is_not_told_apart(empty_store: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, status="cr_mrd_neg", last_contact="2022-06-01")
    built.mrd("a", "study-entry+400", value_quantity=0.2)
    derive(built.into(empty_store))
    with empty_store.connect() as connection:
        row = connection.execute(
            select(Adtte.__table__).where(Adtte.paramcd == "mrd_loss", Adtte.definition == "common")
        ).one()
    assert (row.aval, row.cnsr) == (None, None)
    assert row.evntdesc == (
        "MRD not below 1e-4 after the first dose: known on another clock than first dose of blinatumomab"
    )
