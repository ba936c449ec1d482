"""Who belongs: three-valued logic (hypothesis), and populations that cannot be meant."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from allpool.analysis.cohorts.cohort import cohort_of
from allpool.analysis.cohorts.membership import DerivedTables, all_of, members
from allpool.analysis.definitions.catalogue import Catalogue, load_catalogue
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.errors import AnalysisError, DefinitionError

Truth = bool | None
ROWS = ("usubjid", "paramcd", "definition", "studyid", "siteid")


def tables(
    adsl: dict[str, list[Any]],
    *,
    facts: dict[str, list[Any]] | None = None,
    cr: list[str | None] | None = None,
    os: list[int | None] | None = None,
) -> DerivedTables:
    """Derived tables of subjects S0, S1...: what adsl says of them, their facts, CR and death."""
    n = len(next(iter(adsl.values())))
    who = [f"S{number}" for number in range(n)]
    level = {"usubjid": who, "studyid": ["001"] * n, "siteid": ["north"] * n, "synthetic": [True] * n}
    frame = pd.DataFrame(level | {"baseline": [{} for _ in who]} | adsl)
    rows = []
    for name, values in (facts or {}).items():
        for subject, value in zip(who, values, strict=True):
            code = value if isinstance(value, str) else None
            number = None if isinstance(value, str) else value
            rows.append({"usubjid": subject, "paramcd": name, "aval": number, "avalc": code})
    adfact = pd.DataFrame(rows, columns=["usubjid", "paramcd", "aval", "avalc"]).astype({"avalc": object})
    own = [(subject, "cr", "common", value) for subject, value in zip(who, cr or [], strict=False)]
    adrs = pd.DataFrame(own, columns=["usubjid", "paramcd", "definition", "avalc"])
    timed = [(subject, "os", "common", value) for subject, value in zip(who, os or [], strict=False)]
    adtte = pd.DataFrame(timed, columns=["usubjid", "paramcd", "definition", "cnsr"])
    nothing = pd.DataFrame()
    return DerivedTables(frame, adrs, adtte, adfact, nothing, nothing, nothing, nothing)


def catalogue_of(*populations: Population) -> Catalogue:
    own = load_catalogue()
    return replace(own, populations={item.id: item for item in populations})


def population(
    name: str, where: list[Condition] | None = None, any_of: list[Condition] | None = None
) -> Population:
    return Population(
        id=name, version="1", title=name, where=tuple(where or ()), any_of=tuple(any_of or ()), source="test"
    )


def condition(**form: Any) -> Condition:
    return Condition.model_validate(form)


def told(found: pd.Series) -> list[Truth]:
    return [None if pd.isna(value) else bool(value) for value in found]


def and_(values: list[Truth]) -> Truth:
    """Kleene's conjunction: one no settles it, then one unknown leaves it open."""
    return False if False in values else None if None in values else True


def or_(values: list[Truth]) -> Truth:
    return True if True in values else None if None in values else False


WORD: dict[Truth, str | None] = {True: "Y", False: "N", None: None}
truths = st.sampled_from([True, False, None])


@settings(deadline=None, max_examples=50)  # a busy machine is not an error
@given(
    where=st.lists(st.tuples(truths, truths, truths), max_size=4),
    any_of=st.lists(st.tuples(truths, truths, truths), max_size=4),
)
def test_where_and_any_of_are_kleenes(
    where: list[tuple[Truth, ...]], any_of: list[tuple[Truth, ...]]
) -> None:
    """Each condition is a column of three subjects; who belongs is what the tables of truth say."""
    columns = {f"c{number}": [WORD[value] for value in row] for number, row in enumerate((*where, *any_of))}
    frames = tables({"sex": [None] * 3, **columns})
    asked = [condition(column=name, **{"in": "Y"}) for name in columns]
    own = population("p", asked[: len(where)], asked[len(where) :])
    found = told(members(own, frames.adsl, tables=frames, catalogue=catalogue_of(own)))
    for subject in range(3):
        both = and_([row[subject] for row in where])
        either = or_([row[subject] for row in any_of]) if any_of else True
        assert found[subject] == and_([both, either])


@settings(deadline=None, max_examples=50)  # a busy machine is not an error
@given(values=st.lists(truths, min_size=1, max_size=6), depth=st.integers(1, 3))
def test_a_population_within_a_population(values: list[Truth], depth: int) -> None:
    """However deep, unknown stays unknown; its opposite is told of whom it is told."""
    frames = tables({"x": [WORD[value] for value in values]})
    inner = population("p0", [condition(column="x", **{"in": "Y"})])
    outer = [
        population(f"p{level + 1}", [condition(population=f"p{level}", **{"in": "Y"})])
        for level in range(depth)
    ]
    catalogue = catalogue_of(
        inner,
        *outer,
        population("outside", [condition(population=f"p{depth}", **{"in": "N"})]),
        population("told", [condition(population=f"p{depth}", known=True)]),
    )

    def found(name: str) -> list[Truth]:
        return told(members(catalogue.populations[name], frames.adsl, tables=frames, catalogue=catalogue))

    assert found(f"p{depth}") == values
    assert found("outside") == [None if value is None else not value for value in values]
    assert found("told") == [value is not None for value in values]


@settings(deadline=None, max_examples=50)  # a busy machine is not an error
@given(values=st.lists(truths, min_size=1, max_size=8))
def test_everybody_is_counted_once(values: list[Truth]) -> None:
    """In, out or unknown; a condition put on later counts only the unknown among those inside."""
    frames = tables({"x": [WORD[value] for value in values], "y": [None] * len(values)})
    own = population("p", [condition(column="x", **{"in": "Y"})])
    cohort = cohort_of(frames, catalogue_of(own), "p")
    assert (cohort.n, cohort.unknown) == (values.count(True), values.count(None))
    narrowed = cohort.where(condition(column="y", **{"in": "Y"}), condition(column="x", **{"in": "Y"}))
    assert (narrowed.n, narrowed.unknown) == (0, values.count(None) + values.count(True))
    again = narrowed.where(condition(column="y", **{"in": "Y"}))
    assert again.unknown == narrowed.unknown


# what is known of a subject; what is asked; belongs?
ASKED: list[tuple[Any, dict[str, Any], Truth]] = [
    ("male", {"in": "male"}, True),
    ("male", {"in": ["female", "male"]}, True),
    ("male", {"not_in": "male"}, False),
    (None, {"in": "male"}, None),
    (None, {"not_in": "male"}, None),
    ("unknown", {"not_in": "male"}, None),
    ("unknown", {"known": True}, False),
    (None, {"known": False}, True),
    ("male", {"known": False}, False),
    (True, {"in": "true"}, True),
    (False, {"in": "true"}, False),
    (18.0, {"at_least": 18}, True),
    (18.0, {"above": 18}, False),
    (18.0, {"at_most": 18}, True),
    (18.0, {"below": 18}, False),
    (18.0, {"at_least": 10, "below": 20}, True),
    (None, {"at_least": 18}, None),
    # a whole number is written without its point; a code keeps its zeros
    (2.0, {"in": "2"}, True),
    (2.5, {"in": "2"}, False),
    ("000", {"in": "000"}, True),
    ("000", {"in": "0"}, False),
]


@pytest.mark.parametrize(("value", "asked", "expected"), ASKED)
def test_what_is_asked_of_a_value(value: Any, asked: dict[str, Any], expected: Truth) -> None:
    """The same of a column of adsl, a baseline element, and a fact."""
    frames = tables({"x": [value], "baseline": [{"wbc": value}]})
    on = {"column": "x"}, {"element": "wbc"}
    for what in on:
        found = all_of([condition(**what, **asked)], frames.adsl, tables=frames, catalogue=load_catalogue())
        assert told(found) == [expected], what
    if isinstance(value, bool):
        return
    frames = tables({"sex": [None]}, facts={"cause_of_death": [value]})
    asks = condition(fact="cause_of_death", **asked)
    assert told(all_of([asks], frames.adsl, tables=frames, catalogue=load_catalogue())) == [expected]


def test_responses_and_events() -> None:
    frames = tables({"sex": [None] * 4}, cr=["Y", "N", None], os=[0, 1, 2, None])
    catalogue = load_catalogue()

    def found(**form: Any) -> list[Truth]:
        return told(all_of([condition(**form)], frames.adsl, tables=frames, catalogue=catalogue))

    assert found(response={"endpoint": "cr"}, **{"in": "Y"}) == [True, False, None, None]
    assert found(event={"endpoint": "os"}, **{"in": "Y"}) == [True, False, False, None]
    assert found(event={"endpoint": "os"}, known=True) == [True, True, True, False]


def test_a_fact_of_a_study_that_is_not_in_the_store() -> None:
    """It is unknown of everybody, and a population that may rest on it still has members."""
    frames = tables({"disease_status": ["untreated", "rr_overt", None]})
    asked = condition(fact="first_course_setting", **{"in": "induction"})
    first = population(
        "first_line", any_of=[condition(column="disease_status", **{"in": "untreated"}), asked]
    )
    own = load_catalogue()
    fact = own.fact("first_course_setting").model_copy(update={"studies": ("000",)})
    catalogue = replace(catalogue_of(first), facts={**own.facts, fact.fact: fact})
    found = members(first, frames.adsl, tables=frames, catalogue=catalogue)
    assert told(found) == [True, None, None]


def test_a_fact_that_the_store_was_derived_without() -> None:
    frames = tables({"sex": [None]})
    asked = condition(fact="cause_of_death", known=True)
    with pytest.raises(
        AnalysisError, match="the store has no fact 'cause_of_death'; run a night to derive it"
    ):
        all_of([asked], frames.adsl, tables=frames, catalogue=load_catalogue())


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"in": "Y"}, "exactly one of column, element, fact, response, event, population"),
        ({"column": "sex", "fact": "venetoclax", "in": "Y"}, "exactly one of"),
        ({"column": "sex"}, "says `in`, `not_in`"),
        ({"column": "sex", "in": "male", "known": True}, "says `in`, `not_in`"),
        ({"colum": "sex", "in": "male"}, "Extra inputs"),
    ],
)
def test_a_condition_that_cannot_be_meant(form: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Condition.model_validate(form)


POPULATION = """  - id: {name}
    version: "1"
    title: A population
    source: a test
    {word}:
      - {condition}
"""


@pytest.mark.parametrize("word", ["where", "any_of"])
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("{column: aeg, below: 3}", "adsl has no column 'aeg'"),
        ("{element: wbcs, below: 3}", "'wbcs' is not in baseline.yaml"),
        ("{fact: venetoklax, in: Y}", "there is no fact 'venetoklax'"),
        ("{response: {endpoint: crr}, in: Y}", "there is no response 'crr'"),
        ("{response: {endpoint: os}, in: Y}", "there is no response 'os'"),
        ("{event: {endpoint: cr}, in: Y}", "there is no time to event 'cr'"),
        ("{event: {endpoint: os, definition: mine}, in: Y}", "os has no definition 'mine'"),
        ("{population: nobody, in: Y}", "there is no population 'nobody'"),
        ("{population: wrong, in: Y}", "population 'wrong' rests on itself"),
        ("{population: other, in: Y}", "population 'wrong' rests on itself"),
        ("{column: ph_status, in: plus}", "'plus' is not a code of ph_status"),
        ("{column: age, at_leest: 3}", "at_leest: is not a word of this language here"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, word: str, asked: str, says: str) -> None:
    folder = definitions(tmp_path)
    text = "populations:\n" + POPULATION.format(name="wrong", word=word, condition=asked)
    text += POPULATION.format(name="other", word="where", condition="{population: third, in: Y}")
    text += POPULATION.format(name="third", word="any_of", condition="{population: wrong, in: N}")
    (folder / "populations" / "mine.yaml").write_text(
        text if "other" in asked else text.split("  - id: other")[0]
    )
    with pytest.raises(DefinitionError) as caught:
        load_catalogue(folder)
    assert says in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.file == "mine.yaml"
    assert 2 <= (caught.value.place.line or 0) <= 7


FACT = "{fact: mine, title: t, known: later, kind: rows, table: observation, element: wbc, take: first}"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("element: wbc", "element: wbcs", "the dictionary has no element 'wbcs'"),
        ("take: first", "take: middle", "take"),
        ("take: first", "take: any, where: {kolor: red}", "table observation has no column 'kolor'"),
        ("take: first", "take: first, of: kolor", "table observation has no column 'kolor'"),
        ("take: first", "take: most, of: timepoint", "'timepoint' of observation is no number"),
        ("take: first", "take: any, of: timepoint, below: 3", "'timepoint' of observation is no number"),
        ("take: first", "take: first, window: {since: dose, days: [0, 3]}", "there is no moment 'dose'"),
        ("take: first", "take: first, window: {timepoints: never}", "'never' is not a code of timepoint"),
        ("take: first", "take: first, of: days_since", "needs a window that says since when"),
        ("table: observation", "table: procedure", "a row of procedure has no value; say `of` which column"),
        (
            "table: observation, element: wbc, take: first",
            "table: procedure, element: hsct_date, take: any, window: {courses: 1}",
            "table procedure has no column 'course_number'",
        ),
        (
            FACT[1:-1],
            "fact: mine, title: t, known: later, kind: interval, start: birth, end: death",
            "'birth'",
        ),
        (FACT[1:-1], "fact: mine, title: t, known: later, kind: happened, moment: party", "'party'"),
        (
            FACT[1:-1],
            "fact: mine, title: t, known: later, kind: happened, moment: death, since: first_dose",
            "`since` and `days` go together",
        ),
        (
            FACT[1:-1],
            "fact: mine, title: t, known: later, kind: computed, operation: ratio, of: [mine, venetoklax]",
            "no number read",
        ),
        ("fact: mine", "fact: venetoclax", "fact 'venetoclax' is defined twice"),
        ("known: later", "known: sometimes", "known"),
    ],
)
def test_a_fact_that_cannot_be_meant(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = definitions(tmp_path)
    assert old in FACT
    (folder / "facts" / "x_mine.yaml").write_text(f"facts:\n  - {FACT.replace(old, new)}\n")
    with pytest.raises(DefinitionError) as caught:
        load_catalogue(folder)
    assert says in caught.value.message
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == ("x_mine.yaml", 2)


def test_no_two_things_bear_one_name() -> None:
    """A plain word in a plan (`by: venetoclax`) is one thing only."""
    catalogue = load_catalogue()
    columns = set(tables({"sex": [None]}).adsl.columns) | {"study", "centre"}
    elements = {item.element for item in catalogue.baseline.baseline}
    kinds = [set(catalogue.facts), set(catalogue.endpoints), elements, columns]
    for number, names in enumerate(kinds):
        for others in kinds[number + 1 :]:
            assert not names & others


def definitions(folder: Path) -> Path:
    """A copy of the shipped definitions."""
    own = Path(str(files("allpool.analysis.definitions")))
    for name in ("moments.yaml", "baseline.yaml"):
        shutil.copy(own / name, folder / name)
    for name in ("endpoints", "populations", "facts"):
        shutil.copytree(own / name, folder / name)
    return folder
