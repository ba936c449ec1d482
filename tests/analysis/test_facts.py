"""Facts of a subject, as tables that a data manager can read: what was sent, what is asked, what is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.definitions.subject_facts import AnyFact
from allpool.analysis.derivation.courses import derive_courses
from allpool.analysis.derivation.facts import derive_facts
from allpool.analysis.derivation.subject_level import read_subjects
from allpool.analysis.derivation.timeline import Timeline, build_timeline, read_waiting
from allpool.mappings.dictionary import load_dictionary
from allpool.models.engine import connect
from tests.analysis.hand_built import SENT, HandBuilt

DOSE = "2022-01-01"
NOT_COLLECTED = "not collected by the centre"
NO_VALUE = "no value"
WAITS = "a cell that it needs waits in quarantine"
NOWHERE = "a row without visit, date or course to place it"
WHICH = "several values, and nothing tells which"
UNDATED = "one of its two dates is not known"
Known = tuple[Any, str | None]

SENDS = (*SENT, "wbc", "drug_blinatumomab", "cart_date", "adverse_event", "cyto_risk", "cause_of_death")
COLUMNS = {
    "drug_blinatumomab": ("interruption_reason", "setting", "planned_days", "course_number", "dose_rate"),
    "adverse_event": ("term", "grade"),
    "cart_date": ("performed", "prior"),
}


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = connect("sqlite://")
    yield found
    found.dispose()


def timeline_of(connection: Connection) -> Timeline:
    who = read_subjects(connection).select("usubjid", "patient_id")
    moments = {n: m for n, m in load_catalogue().moments.items() if m.measured is None and not m.counts}
    entries = read_waiting(connection, who)
    return build_timeline(connection, who, moments, entries=entries, dictionary=load_dictionary())


def known(engine: Engine, built: HandBuilt, *forms: dict[str, Any]) -> dict[tuple[str, str], Known]:
    """Return (subject, fact) -> its value, or why it has none; a fact is called f unless it says."""
    adapter: TypeAdapter[AnyFact] = TypeAdapter(AnyFact)
    asked = [adapter.validate_python({"fact": "f", "title": "t", "known": "later", **form}) for form in forms]
    with built.into(engine).connect() as connection:
        subjects = read_subjects(connection)
        frame = derive_facts(
            connection,
            subjects,
            {fact.fact: fact for fact in asked},
            moments=load_catalogue().moments,
            timeline=timeline_of(connection),
            entries=read_waiting(connection, subjects.select("usubjid", "patient_id")),
            dictionary=load_dictionary(),
        )
    found = {}
    for row in frame.iter_rows(named=True):
        value = row["avalc"] if row["avalc"] is not None else row["aval"]
        assert (value is None) == (row["reason"] is not None), "a value, or the reason why there is none"
        assert value is not None or row["srcid"] is None, "what is unknown was read from no row"
        found[row["usubjid"].removeprefix("S-"), row["paramcd"]] = (value, row["reason"])
    return found


def one_patient(*, first_dose: str = DOSE) -> HandBuilt:
    built = HandBuilt(sent=SENDS, columns=COLUMNS)
    built.patient("a", first_dose=first_dose)
    return built


WBC: dict[str, Any] = {"kind": "rows", "table": "observation", "element": "wbc"}
AROUND: dict[str, Any] = {"since": "first_dose", "days": (-7, 28)}

# white cells (value, when); what is taken; what is known
TAKES: list[tuple[list[tuple[float, str]], dict[str, Any], Known]] = [
    ([(8, "2022-02-01"), (12, "2022-01-03")], {"take": "first"}, (12, None)),
    ([(8, "2022-02-01"), (12, "2022-01-03")], {"take": "last"}, (8, None)),
    ([(8, "2022-02-01"), (12, "2022-01-03")], {"take": "least"}, (8, None)),
    ([(8, "2022-02-01"), (12, "2022-01-03")], {"take": "most"}, (12, None)),
    ([(8, "2022-02-01"), (12, "2022-01-03")], {"take": "any"}, ("Y", None)),
    ([(8, "2022-02-01"), (8, "2022-01-03"), (9, "")], {"take": "count"}, (3, None)),
    ([(8, "2022-02-01"), (8, "2022-01-03"), (9, "")], {"take": "distinct"}, (2, None)),
    # none, and the centre sends white cells: none is a finding for any and count, a gap for a value
    ([], {"take": "any"}, ("N", None)),
    ([], {"take": "count"}, (0, None)),
    ([], {"take": "distinct"}, (0, None)),
    ([], {"take": "first"}, (None, NO_VALUE)),
    ([], {"take": "most"}, (None, NO_VALUE)),
    # bounds: at least counts the bound itself, below does not
    ([(10, "2022-01-03")], {"take": "any", "at_least": 10}, ("Y", None)),
    ([(10, "2022-01-03")], {"take": "any", "below": 10}, ("N", None)),
    (
        [(9, "2022-01-03"), (10, "2022-01-04"), (20, "2022-01-05")],
        {"take": "count", "at_least": 10},
        (2, None),
    ),
    ([(9, "2022-01-03"), (10, "2022-01-04")], {"take": "first", "at_least": 10}, (10, None)),
    # no date at all: a value only where all agree
    ([(8, ""), (8, "")], {"take": "first"}, (8, None)),
    ([(8, ""), (9, "")], {"take": "first"}, (None, WHICH)),
    ([(8, ""), (9, "")], {"take": "last"}, (None, WHICH)),
    ([(8, ""), (9, "")], {"take": "most"}, (9, None)),
    ([(8, ""), (9, "2022-01-03")], {"take": "first"}, (9, None)),
    # two on the first day: no date tells which is the first; the last stays plain
    ([(8, "2022-01-03"), (9, "2022-01-03"), (7, "2022-01-09")], {"take": "first"}, (None, WHICH)),
    ([(8, "2022-01-03"), (9, "2022-01-03"), (7, "2022-01-09")], {"take": "last"}, (7, None)),
    ([(8, "2022-01-03"), (8, "2022-01-03")], {"take": "first"}, (8, None)),
    # days of two clocks have no order
    ([(8, "2022-01-03"), (9, "study-entry+40")], {"take": "first"}, (None, WHICH)),
    ([(8, "2022-01-03"), (9, "study-entry+40")], {"take": "last"}, (None, WHICH)),
    ([(8, "2022-01-03"), (8, "study-entry+40")], {"take": "last"}, (8, None)),
    ([(9, "study-entry+40"), (8, "study-entry+3")], {"take": "first"}, (8, None)),
    # a month stands for its middle
    ([(8, "2022-01"), (9, "2022-01-03")], {"take": "first"}, (9, None)),
    ([(8, "2022-01"), (9, "2022-01-30")], {"take": "first"}, (8, None)),
    # windows: both ends count
    ([(8, "2021-12-24"), (9, "2021-12-25")], {"take": "count", "window": AROUND}, (1, None)),
    ([(8, "2022-01-29"), (9, "2022-01-30")], {"take": "count", "window": AROUND}, (1, None)),
    ([(8, "2022-03-01")], {"take": "any", "window": AROUND}, ("N", None)),
    ([(8, "2022-03-01")], {"take": "first", "window": AROUND}, (None, NO_VALUE)),
    ([(8, "")], {"take": "any", "window": AROUND}, (None, NOWHERE)),
    ([(8, ""), (9, "2022-01-03")], {"take": "any", "window": AROUND}, ("Y", None)),
    ([(8, ""), (9, "2022-01-03")], {"take": "first", "window": AROUND}, (None, NOWHERE)),
    ([(8, "2022-01")], {"take": "any", "window": AROUND}, (None, NOWHERE)),
    ([(8, "study-entry+3")], {"take": "any", "window": AROUND}, (None, NOWHERE)),
    # on the dose's own clock without a dated dose
    ([(8, "first-dose+3")], {"take": "any", "window": AROUND}, ("Y", None)),
    ([(8, "first-dose+29")], {"take": "any", "window": AROUND}, ("N", None)),
    # how long after the first dose
    (
        [(8, "2022-01-04"), (9, "2022-01-11")],
        {"take": "least", "of": "days_since", "window": AROUND},
        (3, None),
    ),
    (
        [(8, "2022-01-04"), (9, "2022-01-11")],
        {"take": "last", "of": "days_since", "window": AROUND},
        (10, None),
    ),
    ([], {"take": "least", "of": "days_since", "window": AROUND}, (None, NO_VALUE)),
]


def test_what_is_taken_of_rows() -> None:
    """All cases in one store, a patient each: a case is known by its place in the table."""
    for number, (rows, form, expected) in enumerate(TAKES):
        built = one_patient()
        for value, at in rows:
            built.observation("a", "wbc", at, value_quantity=value)
        engine = connect("sqlite://")
        found = known(engine, built, {**WBC, **form})
        engine.dispose()
        assert found == {("a", "f"): expected}, f"case {number}: {rows} {form}"


def test_both_databases_agree(empty_store: Engine) -> None:
    built = one_patient()
    built.observation("a", "wbc", "2022-01-03", value_quantity=8.5)
    built.observation("a", "wbc", "2022-01-09", value_quantity=3)
    built.event("procedure", "a", "cart_date", "performed", "2021-06-01", status="completed", prior=True)
    found = known(
        empty_store,
        built,
        {**WBC, "fact": "first", "take": "first"},
        {**WBC, "fact": "low", "take": "any", "below": 4},
        {"fact": "before", **CART, "where": {"prior": "true"}},
        {"fact": "after", **CART, "unless": {"prior": "true"}},
        {"fact": "course", **DRUG, "of": "course_number", "take": "distinct"},
        {"fact": "days", "kind": "interval", "start": "first_dose", "end": "death"},
    )
    assert {name: value for (_, name), (value, _) in found.items()} == {
        "first": 8.5,
        "low": "Y",
        "before": "Y",
        "after": "N",
        "course": 1,
        "days": None,
    }


CART: dict[str, Any] = {"kind": "rows", "table": "procedure", "element": "cart_date", "take": "any"}
DRUG: dict[str, Any] = {
    "kind": "rows",
    "table": "medication_administration",
    "element": "drug_blinatumomab",
}
AE: dict[str, Any] = {"kind": "rows", "table": "adverse_event", "element": "ae_term"}


@pytest.mark.parametrize(
    ("prior", "before", "after"),
    [(True, "Y", "N"), (False, "N", "Y"), (None, "N", "Y")],  # `unless` keeps a row that does not say
)
def test_where_and_unless(engine: Engine, prior: bool | None, before: str, after: str) -> None:
    built = one_patient()
    built.event("procedure", "a", "cart_date", "performed", "2021-06-01", status="completed", prior=prior)
    found = known(
        engine,
        built,
        {**CART, "fact": "before", "where": {"prior": "true"}},
        {**CART, "fact": "after", "unless": {"prior": "true"}},
    )
    assert found == {("a", "before"): (before, None), ("a", "after"): (after, None)}


def test_values_of_other_tables(engine: Engine) -> None:
    built = one_patient()
    built.event(
        "adverse_event", "a", "ae_term", "date", "2022-01-04", actuality="actual", grade=2, term="crs"
    )
    built.event(
        "adverse_event", "a", "ae_term", "date", "2022-01-09", actuality="actual", grade=4, term="rash"
    )
    found = known(
        engine,
        built,
        {**AE, "fact": "worst", "take": "most"},
        {**AE, "fact": "worst_crs", "take": "most", "where": {"term": "crs"}},
        {**AE, "fact": "severe", "take": "count", "at_least": 3},
        {**AE, "fact": "terms", "take": "distinct", "of": "term"},
        {
            **AE,
            "fact": "day",
            "take": "least",
            "of": "days_since",
            "window": AROUND,
            "where": {"term": "rash"},
        },
        {**DRUG, "fact": "courses", "take": "distinct", "of": "course_number"},
    )
    assert {name: value for (_, name), (value, _) in found.items()} == {
        "worst": 4,
        "worst_crs": 2,
        "severe": 1,
        "terms": 2,
        "day": 8,
        "courses": 1,
    }


def test_an_observation_of_any_type(engine: Engine) -> None:
    built = one_patient()
    built.observation("a", "cyto_risk", None, value_concept="poor")
    built.observation("a", "cause_of_death", None, value_string="sepsis")
    built.observation("a", "wbc", None, value_integer=7)
    forms = [
        {**WBC, "fact": name, "element": name, "take": "first"} for name in ("cyto_risk", "cause_of_death")
    ]
    found = known(engine, built, *forms, {**WBC, "fact": "wbc", "take": "first"})
    assert [found["a", name] for name in ("cyto_risk", "cause_of_death", "wbc")] == [
        ("poor", None),
        ("sepsis", None),
        (7, None),
    ]


def test_not_collected_is_not_none(engine: Engine) -> None:
    """A study whose mapping has no rule for white cells does not say that there are none."""
    built = HandBuilt(sent=("patient",))
    built.patient("a", first_dose=DOSE)
    forms = [{**WBC, "fact": take, "take": take} for take in ("any", "count", "distinct", "first", "most")]
    found = known(engine, built, *forms)
    assert set(found.values()) == {(None, NOT_COLLECTED)}


def test_a_column_that_is_never_sent(engine: Engine) -> None:
    """The record is sent, but nothing ever fills the column that the fact asks by."""
    built = HandBuilt(sent=("drug_blinatumomab",), columns={"drug_blinatumomab": ("setting",)})
    built.patient("a", first_dose=DOSE)
    interrupted = {**DRUG, "take": "count", "where": {"interruption_reason": ["crs"]}}
    induction = {**DRUG, "take": "any", "where": {"setting": ["induction"]}}
    found = known(engine, built, {**interrupted, "fact": "interrupted"}, {**induction, "fact": "induction"})
    assert found == {("a", "interrupted"): (None, NOT_COLLECTED), ("a", "induction"): ("N", None)}


def test_a_cell_in_quarantine_leaves_it_open(engine: Engine) -> None:
    built = one_patient()
    built.patient("b", first_dose=DOSE)
    built.observation("a", "wbc", "2022-01-03", value_quantity=8)
    for key in ("a", "b"):
        built.quarantined(key, "wbc")
    forms = [{**WBC, "fact": take, "take": take} for take in ("any", "count", "first", "least")]
    found = known(engine, built, *forms)
    assert found.pop(("a", "any")) == ("Y", None), "one more row would change nothing"
    assert set(found.values()) == {(None, WAITS)}


def test_a_settled_quarantine_does_not(engine: Engine) -> None:
    built = one_patient()
    built.quarantined("a", "wbc", status="resolved")
    assert known(engine, built, {**WBC, "take": "count"}) == {("a", "f"): (0, None)}


def test_facts_of_some_studies(engine: Engine) -> None:
    built = HandBuilt(sent=SENDS)
    built.patient("a", study="000", first_dose=DOSE)
    built.patient("b", study="001", first_dose=DOSE)
    form = {**WBC, "take": "count"}
    own = {**form, "fact": "own", "studies": ["000"]}
    nobody = {**form, "fact": "nobody", "studies": ["004"]}
    found = known(engine, built, form, own, nobody)
    assert set(found) == {("a", "f"), ("b", "f"), ("a", "own")}


# (death, last contact...), the interval asked, days
INTERVALS: list[tuple[dict[str, Any], str, Known]] = [
    ({"first_dose": DOSE, "death": "2022-01-31"}, "day", (30, None)),
    ({"first_dose": DOSE, "death": "2022-01-15"}, "week", (2, None)),
    ({"first_dose": DOSE, "death": "2023-01-01"}, "month", (365 / 30.4375, None)),
    ({"first_dose": DOSE, "death": "2021-12-31"}, "day", (-1, None)),
    ({"first_dose": DOSE, "death": "2022-02"}, "day", (46, None)),
    ({"first_dose": DOSE}, "day", (None, UNDATED)),
    ({"first_dose": DOSE, "death": "?"}, "day", (None, UNDATED)),
    ({"first_dose": DOSE, "death": "study-entry+30"}, "day", (None, UNDATED)),
    ({"first_dose": "study-entry+10", "death": "study-entry+30"}, "day", (20, None)),
    ({"death": "first-dose+30"}, "day", (30, None)),
]


@pytest.mark.parametrize(("said", "unit", "expected"), INTERVALS)
def test_intervals(engine: Engine, said: dict[str, Any], unit: str, expected: Known) -> None:
    built = HandBuilt()
    built.patient("a", **said)
    form = {"kind": "interval", "start": "first_dose", "end": "death", "unit": unit}
    [(value, reason)] = known(engine, built, form).values()
    assert (value, reason) == (pytest.approx(expected[0]), expected[1])


AGAINST = "its time against the other moment is not known"
# relapse, death; asked; known
HAPPENED: list[tuple[dict[str, Any], dict[str, Any], Known]] = [
    ({"death": "2022-03-01"}, {}, ("Y", None)),
    ({"death": "?"}, {}, ("Y", None)),
    ({}, {}, ("N", None)),
    ({"death": "2022-01-30"}, {"since": "first_dose", "days": (0, 30)}, ("Y", None)),
    ({"death": "2022-01-31"}, {"since": "first_dose", "days": (0, 30)}, ("Y", None)),
    ({"death": "2022-02-01"}, {"since": "first_dose", "days": (0, 30)}, ("N", None)),
    ({}, {"since": "first_dose", "days": (0, 30)}, ("N", None)),
    ({"death": "?"}, {"since": "first_dose", "days": (0, 30)}, (None, AGAINST)),
    ({"death": "study-entry+10"}, {"since": "first_dose", "days": (0, 30)}, (None, AGAINST)),
    ({"death": "2022-03-01"}, {"before": "relapse"}, ("Y", None)),
    ({"death": "2022-03-01", "relapse": "haematological 2022-02-01"}, {"before": "relapse"}, ("N", None)),
    ({"death": "2022-03-01", "relapse": "haematological 2022-03-01"}, {"before": "relapse"}, ("Y", None)),
    ({"relapse": "haematological 2022-02-01"}, {"before": "relapse"}, ("N", None)),
    ({"death": "2022-03-01", "relapse": "haematological"}, {"before": "relapse"}, (None, AGAINST)),
]


@pytest.mark.parametrize(("said", "form", "expected"), HAPPENED)
def test_what_happened(engine: Engine, said: dict[str, Any], form: dict[str, Any], expected: Known) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE, **said)
    assert known(engine, built, {"kind": "happened", "moment": "death", **form}) == {("a", "f"): expected}


def test_what_a_centre_does_not_send_did_not_fail_to_happen(engine: Engine) -> None:
    """No rule for transplants: no N; where the centre sent one all the same, the others have none."""
    built = HandBuilt(sent=("patient",))
    for key, centre in (("a", "north"), ("b", "south"), ("c", "south")):
        built.patient(key, first_dose=DOSE, centre=centre)
    built.event("procedure", "b", "hsct_date", "performed", "2022-03-01", status="completed")
    found = known(engine, built, {"kind": "happened", "moment": "transplant"})
    assert found == {("a", "f"): (None, NOT_COLLECTED), ("b", "f"): ("Y", None), ("c", "f"): ("N", None)}


def test_a_moment_that_waits(engine: Engine) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    built.patient("b", first_dose=DOSE, death="2022-03-01")
    built.quarantined("a", "death_date")
    built.quarantined("b", "relapse_date")
    dead = {"kind": "happened", "moment": "death", "fact": "dead"}
    found = known(engine, built, dead, {**dead, "fact": "first", "before": "relapse"})
    assert found["a", "dead"] == (None, WAITS)
    assert found["b", "dead"] == ("Y", None)
    assert found["b", "first"] == (None, WAITS), "a relapse may have come before"


@pytest.mark.parametrize(
    ("operation", "after", "before", "expected"),
    [
        ("difference", 3, 8, (-5, None)),
        ("ratio", 3, 8, (0.375, None)),
        ("ratio", 0, 8, (0, None)),
        ("ratio", 3, 0, (None, "not defined where a value is 0 or less")),
        ("log_ratio", 8, 8, (0, None)),
        ("log_ratio", 0, 8, (None, "not defined where a value is 0 or less")),
        ("difference", 3, None, (None, NO_VALUE)),
        ("difference", None, 8, (None, NO_VALUE)),
    ],
)
def test_computed(
    engine: Engine, operation: str, after: float | None, before: float | None, expected: Known
) -> None:
    built = one_patient()
    for value, at in ((before, "2021-12-30"), (after, "2022-01-20")):
        if value is not None:
            built.observation("a", "wbc", at, value_quantity=value)
    found = known(
        engine,
        built,
        {**WBC, "fact": "before", "take": "first", "window": {"since": "first_dose", "days": (-7, 0)}},
        {**WBC, "fact": "after", "take": "first", "window": {"since": "first_dose", "days": (1, 40)}},
        {"kind": "computed", "operation": operation, "of": ("after", "before")},
    )
    assert found["a", "f"] == expected


# rows of one course (day, what it says); date, day since the first dose, planned days
COURSES: list[tuple[list[tuple[str, dict[str, Any]]], tuple[Any, Any, Any]]] = [
    ([("2022-01-01", {"planned_days": 28})], ("2022-01-01", 0, 28)),
    ([("2022-02-05", {"planned_days": 28}), ("2022-02-01", {})], ("2022-02-01", 31, 28)),
    ([("2022-02-05", {"planned_days": 28}), ("2022-02-01", {"planned_days": 14})], ("2022-02-01", 31, None)),
    ([("2022-02", {})], (None, None, None)),
    ([("", {"planned_days": 14})], (None, None, 14)),
    # a row on another clock does not hide the date
    ([("study-entry+3", {}), ("2022-02-01", {})], ("2022-02-01", 31, None)),
]


@pytest.mark.parametrize(("rows", "expected"), COURSES)
def test_courses(
    engine: Engine, rows: list[tuple[str, dict[str, Any]]], expected: tuple[Any, Any, Any]
) -> None:
    built = HandBuilt()
    built.patient("a", first_dose=DOSE)
    for at, said in rows:
        built.event(
            *("medication_administration", "a", "drug_blinatumomab", "effective_start", at),
            course_number=2,
            status="completed",
            **said,
        )
    with built.into(engine).connect() as connection:
        subjects = read_subjects(connection)
        frame = derive_courses(connection, subjects, timeline_of(connection), element="drug_blinatumomab")
    first, second = frame.sort("course").iter_rows(named=True)
    assert (first["course"], str(first["astdt"]), first["ady"]) == (1, DOSE, 0)
    date, day, planned = expected
    assert (second["astdt"] and str(second["astdt"]), second["ady"], second["planned_days"]) == (
        date,
        day,
        planned,
    )
