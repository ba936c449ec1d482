"""Response rules: graded events, CR from marrow and counts, MRD conversion, denominators, as tables."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, select

from allpool.analysis.definitions.rules import Limit
from allpool.analysis.derivation.derive import derive
from allpool.analysis.derivation.marrow import met
from allpool.models import Adrs
from allpool.models.engine import connect
from tests.analysis.hand_built import SENT, HandBuilt

DOSE = "2022-01-01"
CRS, ASTCT, CTCAE = "cytokine_release_syndrome", "astct", "ctcae_5"
OTHER_SYSTEM = "an adverse event graded by a system that is not stated, not by astct"
Answer = tuple[str | None, str | None]
YES: Answer = ("Y", None)
NO: Answer = ("N", None)

# adverse events (term, grade, system, day); endpoint, definition, answer
GRADED: list[tuple[list[tuple[str, int | None, str | None, str | None]], str, str, Answer]] = [
    ([], "crs", "common", NO),
    ([], "ae_any", "common", NO),
    ([("headache", 1, CTCAE, None)], "ae_any", "common", YES),
    ([("headache", 1, CTCAE, None)], "crs", "common", NO),
    ([(CRS, 1, None, None)], "crs", "common", YES),
    ([(CRS, None, None, None)], "crs", "common", YES),
    # the worst grade counts
    ([(CRS, 1, ASTCT, None), (CRS, 3, ASTCT, None)], "crs_g3", "common", YES),
    ([(CRS, 2, ASTCT, None)], "crs_g3", "common", NO),
    # asked by ASTCT, graded by another or an unknown system: open, unless any system will do
    ([(CRS, 3, "unknown", None)], "crs_g3", "common", (None, OTHER_SYSTEM)),
    (
        [(CRS, 3, CTCAE, None)],
        "crs_g3",
        "common",
        (None, "an adverse event graded by ctcae_5, not by astct"),
    ),
    ([(CRS, 3, "unknown", None)], "crs_g3", "any_system", YES),
    ([(CRS, 1, "unknown", None)], "crs_g3", "any_system", NO),
    ([(CRS, None, ASTCT, None)], "crs_g3", "common", (None, "an adverse event without a grade")),
    ([(CRS, 3, ASTCT, None), (CRS, 4, "unknown", None)], "crs_g3", "common", YES),
    # in the first course
    ([(CRS, 3, ASTCT, "2022-02-12")], "crs_g3", "first_course", YES),
    ([(CRS, 3, ASTCT, "2022-02-13")], "crs_g3", "first_course", NO),
    ([(CRS, 3, ASTCT, "2022-02-13")], "crs", "first_course", NO),
    (
        [(CRS, 3, ASTCT, None)],
        "crs_g3",
        "first_course",
        (None, "an assessment without visit, date or course to place it"),
    ),
    # kinds of events
    ([("icans", 2, ASTCT, None)], "icans", "common", YES),
    ([("headache", 2, CTCAE, None)], "icans", "common", NO),
    ([("icans", 3, ASTCT, None)], "icans_g3", "common", YES),
    ([("seizure", 3, CTCAE, None)], "neurotoxicity", "common", YES),
    ([("seizure", 3, CTCAE, None)], "neurotoxicity_g3", "common", YES),
    ([("seizure", 2, CTCAE, None)], "neurotoxicity_g3", "common", NO),
    ([("febrile_neutropenia", 3, CTCAE, None)], "febrile_neutropenia", "common", YES),
    ([("febrile_neutropenia", 3, CTCAE, None)], "febrile_neutropenia_g3", "common", YES),
    ([("febrile_neutropenia", 3, None, None)], "febrile_neutropenia_g3", "any_system", YES),
    ([("febrile_neutropenia", 3, CTCAE, None)], "infection", "common", NO),
    ([("sepsis", None, None, None)], "infection", "common", YES),
    ([("pneumonia", 3, CTCAE, None)], "infection_g3", "common", YES),
    ([("alt_increased", 1, CTCAE, None)], "liver", "common", YES),
    ([("alt_increased", 4, CTCAE, None)], "liver_g3", "common", YES),
    ([("alt_increased", 4, CTCAE, None)], "ae_g3", "common", YES),
    ([("alt_increased", 4, "unknown", None)], "ae_g3", "any_system", YES),
]
GRADED_004: list[tuple[list[tuple[str, int | None, str | None, str | None]], str, str, Answer]] = [
    ([("febrile_neutropenia", 3, "unknown", None)], "infection", "study_004", YES),
    ([("febrile_neutropenia", 3, "unknown", None)], "infection_g3", "study_004", YES),
    ([("muscle_cramp", 1, "unknown", None)], "neurotoxicity", "study_004", YES),
    ([("muscle_cramp", 1, "unknown", None)], "neurotoxicity_g3", "study_004", NO),
    ([("ggt_increased", 3, "unknown", None)], "liver", "study_004", YES),
    ([("ggt_increased", 3, "unknown", None)], "liver_g3", "study_004", YES),
]

# marrow (blasts, day) and counts (neutrophils, platelets, day); endpoint, definition, answer
NEAR = "no neutrophils or platelets within 7 days before or 7 after the marrow"
MARROW: list[tuple[tuple[float, str], tuple[float, float, str] | None, str, str, Answer]] = [
    ((4.9, "2022-01-29"), (1.0, 100, "2022-01-29"), "cr", "derived", YES),
    ((5.0, "2022-01-29"), (1.0, 100, "2022-01-29"), "cr", "derived", NO),
    ((1, "2022-01-29"), (0.9, 100, "2022-01-29"), "cr", "derived", NO),
    ((1, "2022-01-29"), (1.0, 99, "2022-01-29"), "cr", "derived", NO),
    # a count within a week of the marrow counts, a later one does not
    ((1, "2022-01-29"), (1.0, 100, "2022-02-05"), "cr", "derived", YES),
    ((1, "2022-01-29"), (1.0, 100, "2022-02-06"), "cr", "derived", (None, NEAR)),
    ((1, "2022-01-29"), None, "cr", "derived", (None, NEAR)),
    # enough blasts to say no without counts
    ((50, "2022-01-29"), None, "cr", "derived", NO),
    # after day 42: not assessed, a failure among all treated, left out of the assessed
    ((1, "2022-02-13"), (1.0, 100, "2022-02-13"), "cr", "derived", NO),
    ((1, "2022-02-13"), (1.0, 100, "2022-02-13"), "cr", "derived_assessed", (None, "not assessed")),
    ((1, "2022-01-29"), (1.0, 100, "2022-01-29"), "cr", "derived_assessed", YES),
    # CRh and CRi are what falls short of CR, and no better
    ((1, "2022-01-29"), (0.5, 50, "2022-01-29"), "crh", "derived", YES),
    ((1, "2022-01-29"), (1.0, 100, "2022-01-29"), "crh", "derived", NO),
    ((1, "2022-01-29"), (0.4, 50, "2022-01-29"), "crh", "derived", NO),
    ((1, "2022-01-29"), (0.5, 50, "2022-01-29"), "cri", "derived", YES),
    ((1, "2022-01-29"), (0.5, 50, "2022-01-29"), "cri", "derived_short_of_crh", NO),
    ((1, "2022-01-29"), (0.4, 50, "2022-01-29"), "cri", "derived_short_of_crh", YES),
    ((1, "2022-01-29"), (1.0, 100, "2022-01-29"), "cri", "derived", NO),
    ((1, "2022-01-29"), None, "cri", "derived", (None, NEAR)),
    # the composite asks for the marrow alone
    ((1, "2022-01-29"), None, "crc", "derived", YES),
    ((6, "2022-01-29"), None, "crc", "derived", NO),
]

# MRD before (level or category) and after, status; endpoint, definition, answer
Level = dict[str, Any]
POSITIVE: Level = {"value_quantity": 0.1}
UNDETECTABLE: Level = {"interpretation": "undetectable"}
LOW: Level = {"value_quantity": 5e-5}
CHANGE: list[tuple[Level | None, Level | None, str, str, str, Answer]] = [
    (POSITIVE, UNDETECTABLE, "cr_mrd_pos", "mrd_conversion", "common", YES),
    (POSITIVE, LOW, "cr_mrd_pos", "mrd_conversion", "common", YES),
    (POSITIVE, POSITIVE, "cr_mrd_pos", "mrd_conversion", "common", NO),
    (
        POSITIVE,
        UNDETECTABLE | {"lod": 1e-3},
        "cr_mrd_pos",
        "mrd_conversion",
        "common",
        (None, "MRD negative by an assay that does not reach 0.0001"),
    ),
    (
        LOW,
        UNDETECTABLE,
        "cr_mrd_pos",
        "mrd_conversion",
        "common",
        (None, "not evaluable: MRD was below 0.0001 before"),
    ),
    (None, UNDETECTABLE, "cr_mrd_pos", "mrd_conversion", "common", (None, "no MRD measurement before")),
    (
        UNDETECTABLE | {"lod": None},
        UNDETECTABLE,
        "cr_mrd_pos",
        "mrd_conversion",
        "common",
        (None, "before: MRD negative without a stated sensitivity"),
    ),
    (POSITIVE, None, "cr_mrd_pos", "mrd_conversion", "common", (None, "not assessed")),
    (
        POSITIVE,
        UNDETECTABLE,
        "rr_overt",
        "mrd_conversion",
        "common",
        (None, "not evaluable: no remission at the first dose"),
    ),
    (POSITIVE, UNDETECTABLE, "rr_overt", "mrd_conversion", "any_status", YES),
    (UNDETECTABLE, POSITIVE, "cr_mrd_neg", "mrd_reversion", "common", YES),
    (UNDETECTABLE, POSITIVE, "cr_mrd_neg", "mrd_reversion", "first_course", YES),
    (UNDETECTABLE, UNDETECTABLE, "cr_mrd_neg", "mrd_reversion", "common", NO),
    (
        POSITIVE,
        POSITIVE,
        "cr_mrd_neg",
        "mrd_reversion",
        "common",
        (None, "not evaluable: MRD was not below 0.0001 before"),
    ),
]

# how it was measured after the first course (undetectable); definition of mrd, answer
BLOOD, BONE = {"specimen": "blood_specimen"}, {"specimen": "bm_specimen"}
HOW: list[tuple[Level, str, Answer]] = [
    (BONE, "bone_marrow", YES),
    (BLOOD, "bone_marrow", (None, "not assessed")),
    ({}, "bone_marrow", (None, "an MRD measurement in a sample whose kind is not stated")),
    ({"method": "mfc"}, "flow_cytometry", YES),
    ({"method": "igtr_qpcr"}, "flow_cytometry", (None, "not assessed")),
    (
        {"method": "unknown"},
        "flow_cytometry",
        (None, "an MRD measurement by an assay that is not stated"),
    ),
    ({"method": "ngs"}, "ig_tr", YES),
    ({"method": "bcr_abl1_rtqpcr"}, "bcr_abl1", YES),
    ({"lod": 1e-5}, "threshold_1e5", YES),
    ({"lod": 1e-4}, "threshold_1e5", (None, "MRD negative by an assay that does not reach 1e-05")),
    ({"value_quantity": 5e-5, "interpretation": None}, "undetectable", NO),
    ({}, "undetectable", YES),
]

# response and MRD after the first course; definition of mrd, answer: who is in the denominator
DENOMINATOR: list[tuple[str, Level | None, str, Answer]] = [
    ("nr 2022-01-29", UNDETECTABLE, "common", YES),
    (
        "nr 2022-01-29",
        UNDETECTABLE,
        "of_remission",
        (None, "not evaluable: no complete remission, with or without full recovery of counts"),
    ),
    ("cri 2022-01-29", UNDETECTABLE, "of_remission", YES),
    ("cr 2022-01-29", None, "common", (None, "not assessed")),
    ("cr 2022-01-29", None, "all_treated", NO),
    (
        "cr 2022-01-29",
        UNDETECTABLE | {"lod": None},
        "all_treated",
        (None, "MRD negative without a stated sensitivity"),
    ),
]

# study, the patient, responses (code, where), MRD (where and what), endpoint, definition, answer
FIRST, DAY_40 = {"timepoint": "end_of_course_1"}, {"timepoint": "day_40"}
MFC = {"method": "mfc", "specimen": "bm_specimen"}
PCR = {"method": "igtr_qpcr"}
BEFORE = {"timepoint": "baseline", "value_quantity": 0.1, **MFC}
NOT_ASSESSED: Answer = (None, "not assessed")
Founding = tuple[str, dict[str, Any], list[tuple[str, Level]], list[Level], str, str, Answer]
FOUNDING: list[Founding] = [
    ("001", {}, [("crh", {})], [], "crh", "common", YES),
    ("001", {}, [("cri", {})], [], "crh", "common", NO),
    ("001", {}, [("cri", {})], [], "cri", "common", YES),
    ("001", {}, [("crc", {})], [], "cri", "common", (None, "reported as crc, which may be either")),
    ("001", {}, [("cri", {})], [], "crc", "common", YES),
    ("001", {}, [], [], "crc", "common", NO),
    ("001", {}, [], [], "crc", "assessed", NOT_ASSESSED),
    ("001", {}, [("nr", {})], [], "crc", "assessed", NO),
    ("001", {}, [("cr", {})], [], "cr", "assessed", YES),
    ("001", {}, [("pr", {})], [], "orr", "common", YES),
    ("001", {}, [("cr", FIRST)], [], "cr", "study_001", YES),
    ("001", {}, [("cr", {"course_number": 2})], [], "cr", "study_001", NOT_ASSESSED),
    ("002", {}, [("nr", {"course_number": 1}), ("cr", {"course_number": 2})], [], "cr", "study_002", NO),
    ("004", {"evaluable_response": True}, [("cr", DAY_40)], [], "cr", "study_004", YES),
    (
        "004",
        {"evaluable_response": False},
        [("cr", DAY_40)],
        [],
        "cr",
        "study_004",
        (None, "not evaluable: no place among those whom the study evaluates for response"),
    ),
    ("000", {}, [("crc", FIRST)], [], "crc", "study_000", YES),
    ("000", {}, [("not_evaluable", FIRST)], [], "crc", "study_000", NOT_ASSESSED),
    ("003", {}, [("pr", {"course_number": 1})], [], "orr", "study_003", YES),
    ("000", {}, [("crc", FIRST)], [FIRST | UNDETECTABLE], "mrd", "study_000", YES),
    ("000", {}, [("crc", FIRST)], [FIRST | LOW], "mrd", "study_000", NO),
    ("003", {}, [], [{"course_number": 1} | UNDETECTABLE | MFC], "mrd", "study_003", YES),
    (
        "004",
        {},
        [("cr", DAY_40)],
        [DAY_40 | {"interpretation": "positive_not_quantifiable"} | PCR],
        "mrd",
        "study_004_day40",
        NO,
    ),
    (
        "004",
        {},
        [("cr", DAY_40)],
        [{"timepoint": "week_11", "interpretation": "positive_not_quantifiable"} | PCR],
        "mrd",
        "study_004_below",
        YES,
    ),
    (
        "001",
        {"course_end": "2022-01-29"},
        [],
        [BEFORE, {"at": "2022-02-05"} | UNDETECTABLE | MFC],
        "mrd_conversion",
        "study_001",
        YES,
    ),
    (
        "002",
        {"status": "cr_mrd_pos"},
        [],
        [BEFORE, FIRST | UNDETECTABLE],
        "mrd_conversion",
        "study_002",
        YES,
    ),
    ("002", {"status": "cr_mrd_pos"}, [], [BEFORE, FIRST | LOW], "mrd_conversion", "study_002", NO),
    ("003", {}, [], [BEFORE, {"course_number": 1} | UNDETECTABLE], "mrd_conversion", "study_003", YES),
    (
        "000",
        {"status": "cr_mrd_neg", "relapse": "molecular 2022-03-01"},
        [],
        [],
        "mrd_reversion",
        "study_000",
        YES,
    ),
    (
        "000",
        {"status": "cr_mrd_neg", "relapse": "haematological 2022-03-01"},
        [],
        [],
        "mrd_reversion",
        "study_000",
        NO,
    ),
    ("000", {"status": "cr_mrd_neg"}, [], [], "mrd_reversion", "study_000", NO),
]


class Cases:
    """All patients of the tables in one store, and what is expected of each."""

    def __init__(self) -> None:
        self.built = HandBuilt(sent=(*SENT, "adverse_event"))
        self.asked: dict[str, tuple[str, str, Answer]] = {}

    def patient(
        self, endpoint: str, definition: str, answer: Answer, *, study: str = "001", **more: Any
    ) -> str:
        key = f"{len(self.asked):03}"
        self.asked[f"S-{key}"] = (endpoint, definition, answer)
        return self.built.patient(key, study=study, first_dose=DOSE, **more)

    def graded(self, study: str, events: list[Any], endpoint: str, definition: str, answer: Answer) -> None:
        key = self.patient(endpoint, definition, answer, study=study)
        for term, grade, system, at in events:
            self.built.event(
                "adverse_event",
                key,
                "ae_term",
                "date",
                at or "?",
                term=term,
                grade=grade,
                grade_system=system,
                actuality="actual",
            )

    def marrow(self, marrow: Any, counts: Any, endpoint: str, definition: str, answer: Answer) -> None:
        key = self.patient(endpoint, definition, answer)
        self.built.observation(key, "bm_blasts", marrow[1], value_quantity=marrow[0])
        if counts:
            neutrophils, platelets, at = counts
            self.built.observation(key, "anc", at, value_quantity=neutrophils)
            self.built.observation(key, "platelets", at, value_quantity=platelets)

    def mrd(self, key: str, values: Level, at: str | None = None) -> None:
        self.built.mrd(key, values.get("at", at), **{name: it for name, it in values.items() if name != "at"})

    def founding(self, case: Founding) -> None:
        study, more, responses, levels, endpoint, definition, answer = case
        key = self.patient(endpoint, definition, answer, study=study, **more)
        for code, where in responses:
            self.built.observation(key, "response_as_reported", None, value_concept=code, **where)
        for values in levels:
            self.mrd(key, values)


def all_cases() -> Cases:
    cases = Cases()
    for events, *asked in GRADED:
        cases.graded("001", events, *asked)
    for events, *asked in GRADED_004:
        cases.graded("004", events, *asked)
    for marrow, counts, *asked in MARROW:
        cases.marrow(marrow, counts, *asked)
    for before, after, status, endpoint, definition, answer in CHANGE:
        key = cases.patient(endpoint, definition, answer, status=status)
        if before:
            cases.mrd(key, before, "2021-12-20")
        if after:
            cases.mrd(key, after, "2022-01-29")
    for how, definition, answer in HOW:
        cases.mrd(cases.patient("mrd", definition, answer), UNDETECTABLE | how, "2022-01-29")
    for response, level, definition, answer in DENOMINATOR:
        key = cases.patient("mrd", definition, answer, response=response)
        if level:
            cases.mrd(key, level, "2022-01-29")
    for case in FOUNDING:
        cases.founding(case)
    return cases


CASES = all_cases()


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, str], Any]:
    engine = CASES.built.into(connect("sqlite://"))
    derive(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(Adrs.__table__)).all()
    engine.dispose()
    return {(row.usubjid, row.paramcd, row.definition): row for row in rows}


@pytest.mark.parametrize("subject", CASES.asked)
def test_one_patient(answers: dict[tuple[str, str, str], Any], subject: str) -> None:
    endpoint, definition, expected = CASES.asked[subject]
    found = answers[subject, endpoint, definition]
    assert (found.avalc, found.reason) == expected, (endpoint, definition)


@pytest.mark.parametrize(
    ("limit", "written", "expected"),
    [
        ({"below": 5}, "4.9", True),
        ({"below": 5}, "5", False),
        ({"below": 5}, "<5", True),
        ({"below": 5}, "<=5", None),
        ({"below": 5}, "<6", None),
        ({"below": 5}, ">5", False),
        ({"below": 5}, ">=5", False),
        ({"below": 5}, ">4", None),
        ({"at_least": 1}, "1", True),
        ({"at_least": 1}, "0.9", False),
        ({"at_least": 1}, "<1", False),
        ({"at_least": 1}, "<=1", None),
        ({"at_least": 1}, ">=1", True),
        ({"at_least": 1}, ">0.5", None),
        ({"above": 0.5}, "0.5", False),
        ({"above": 0.5}, "0.6", True),
        ({"above": 0.5}, ">0.5", True),
        ({"above": 0.5}, ">=0.5", None),
        ({"above": 0.5}, "<0.5", False),
        ({"above": 0.5}, "<0.6", None),
        ({"above": 0.5}, "", None),
    ],
)
def test_a_value_against_a_limit(limit: dict[str, float], written: str, expected: bool | None) -> None:
    number = written.lstrip("<>=")
    sign = written.removesuffix(number)
    frame = pl.DataFrame(
        {"number": [float(number) if number else None], "comparator": [sign or None]},
        schema={"number": pl.Float64, "comparator": pl.String},
    )
    rule = Limit.model_validate({"element": "anc", **limit})
    assert frame.select(met(rule)).item() is expected


def of(engine: Engine, endpoint: str, definition: str = "common") -> dict[str, tuple[str | None, str | None]]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(Adrs.__table__).where(Adrs.paramcd == endpoint, Adrs.definition == definition)
        ).all()
    return {row.usubjid: (row.avalc, row.reason) for row in rows}


def test_adverse_events_that_a_centre_does_not_send_are_not_none(empty_store: Engine) -> None:
    silent = (None, "not collected: the centre sends no adverse events")
    built = HandBuilt(sent=())
    for key, study, centre in (
        ("sends", "001", "north"),
        ("none", "001", "north"),
        ("other centre", "001", "south"),
        ("not actively", "002", "north"),
    ):
        built.patient(key, study=study, centre=centre, first_dose=DOSE)
    built.study("002", ae_ascertainment=False)
    for key in ("sends", "not actively"):
        built.event("adverse_event", key, "ae_term", "date", "?", term=CRS, grade=1, actuality="actual")
    derive(built.into(empty_store))
    assert of(empty_store, "crs") == {
        "S-sends": YES,
        "S-none": NO,
        "S-other centre": silent,
        # an event that is there happened; that there was no other is not known
        "S-not actively": YES,
    }
    assert of(empty_store, "infection")["S-not actively"] == silent


def test_a_centre_that_never_sent_an_adverse_event_may_send_none(empty_store: Engine) -> None:
    built = HandBuilt(sent=("adverse_event",))  # its mapping has a rule; its file may be empty
    built.patient("a", first_dose=DOSE)
    derive(built.into(empty_store))
    assert of(empty_store, "crs")["S-a"] == (None, "not collected: the centre sends no adverse events")


def test_a_study_that_calls_nobody_crh_may_not_tell_it_apart(empty_store: Engine) -> None:
    built = HandBuilt()
    for key, study, called in (("a", "001", "cr"), ("b", "002", "crh"), ("c", "002", "nr")):
        built.patient(key, study=study, first_dose=DOSE, response=f"{called} 2022-01-29")
    derive(built.into(empty_store))
    found = of(empty_store, "crh")
    assert found["S-a"][0] is None
    assert "may not tell it apart" in (found["S-a"][1] or "")
    assert (found["S-b"][0], found["S-c"][0]) == ("Y", "N")
    assert of(empty_store, "cr")["S-a"][0] == "Y"


def test_a_grade_of_one_event_says_nothing_of_the_others(empty_store: Engine) -> None:
    built = HandBuilt(sent=("ae_astct_crs_grade",))
    for key, grade in (("none", 0), ("severe", 3)):
        built.patient(key, first_dose=DOSE)
        built.observation(key, "ae_astct_crs_grade", None, value_integer=grade)
    derive(built.into(empty_store))
    assert of(empty_store, "crs") == {"S-none": NO, "S-severe": YES}
    assert of(empty_store, "crs_g3") == {"S-none": NO, "S-severe": YES}
    assert of(empty_store, "ae_any")["S-none"] == (None, "not collected: the centre sends no adverse events")
    assert of(empty_store, "infection")["S-severe"][0] is None


def test_the_answer_leads_to_the_worst_event(empty_store: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    for grade, at in ((1, "2022-01-02"), (3, "2022-01-04"), (2, "2022-01-06")):
        built.event("adverse_event", "a", "ae_term", "date", at, term=CRS, grade=grade, actuality="actual")
    derive(built.into(empty_store))
    with empty_store.connect() as connection:
        row = connection.execute(
            select(Adrs.__table__).where(Adrs.paramcd == "crs", Adrs.definition == "common")
        ).one()
    assert (row.srcdom, row.srcid, row.ady) == ("adverse_event", "adv-a-003", 3)


def test_an_event_in_quarantine_leaves_a_no_open(empty_store: Engine) -> None:
    built = HandBuilt(sent=("adverse_event",))
    built.patient("a", first_dose=DOSE)
    built.quarantined("a", "ae_grade", record="adverse_event")
    derive(built.into(empty_store))
    assert of(empty_store, "crs")["S-a"] == (None, "a cell of the assessment waits in quarantine")
