"""Candidates among invented people: planted duplicates are found, others are not, order does not matter."""

from __future__ import annotations

from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from allpool.errors import MappingError
from allpool.etl.linkage.candidates import find_candidates
from allpool.etl.linkage.chance import shares_by_chance, weights
from allpool.etl.linkage.parameters import Parameters, load_parameters
from allpool.etl.linkage.persons import SCHEMA
from allpool.mappings.positions import read_yaml
from tests.linkage.people import consortium, frame

PARAMETERS = load_parameters()
SIZES = (100, 100, 60, 40)
BIRTHS = {
    "month": ("month",) * 4,
    "year": ("year",) * 4,
    "some the month, some the year": ("month", "year", "month", "year"),
    "day": ("day",) * 4,
}


def pairs_of(found: pl.DataFrame) -> set[tuple[str, str]]:
    return set(zip(found["first"], found["second"], strict=True))


@pytest.mark.parametrize("births", BIRTHS.values(), ids=BIRTHS)
def test_planted_duplicates_are_found_and_nobody_else(births: tuple[str, ...]) -> None:
    planted = found = false = 0
    for seed in range(3):
        persons, true = consortium(Random(seed), sizes=SIZES, births=births, twice=12)
        got = pairs_of(find_candidates(persons, PARAMETERS))
        planted, found, false = planted + len(true), found + len(got & true), false + len(got - true)
    # a tenth of the days has a slip and a twentieth is not told, so that some pairs agree in next to nothing
    assert found / planted >= 0.85
    assert false == 0


def test_among_different_people_there_are_no_more_than_chance_makes() -> None:
    for seed in range(4):
        persons, none = consortium(Random(100 + seed), sizes=SIZES, births=BIRTHS["year"], twice=0)
        assert not none
        assert find_candidates(persons, PARAMETERS).is_empty()


def test_a_thousand_people_are_told_apart() -> None:
    persons, true = consortium(Random(7), sizes=(500, 500), births=("month", "month"), twice=40)
    found = find_candidates(persons, PARAMETERS)
    got = pairs_of(found)
    assert len(got & true) / len(true) >= 0.8
    assert len(got - true) <= 2
    # what the probabilities say is about what is so
    assert abs(len(got & true) - found["match_probability"].sum()) <= 3


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), shuffle=st.integers(0, 10_000))
def test_the_order_of_patients_and_feeds_does_not_matter(seed: int, shuffle: int) -> None:
    persons, _ = consortium(Random(seed), sizes=(30, 20), births=("month", "year"), twice=5)
    other = persons.sample(fraction=1, shuffle=True, seed=shuffle)
    assert_frame_equal(find_candidates(persons, PARAMETERS), find_candidates(other, PARAMETERS))


TWIN = {
    "sex": "female",
    "birth_month": 23500,
    "birth_year": 1958,
    "age": 62.0,
    "diagnosis": 18500,
    "first_dose": 18560,
    "transplant": None,
    "death": None,
    "ph_status": "negative",
    "body_weight": 61.0,
    "token": None,
    "birth_date": None,
}


def crowd(*rows: dict[str, object]) -> pl.DataFrame:
    """Some hundred others, and rows of their own."""
    persons, _ = consortium(Random(3), sizes=(80, 80), births=("month", "month"), twice=0)
    return pl.concat([persons, frame(list(rows))]).sort("id")


def one(id_: str, study: str, centre: str, **more: object) -> dict[str, object]:
    return {
        **dict.fromkeys(SCHEMA),
        **TWIN,
        "id": id_,
        "study": study,
        "centre": centre,
        "number": id_,
        **more,
    }


def found_pair(*rows: dict[str, object]) -> dict[str, object] | None:
    found = find_candidates(crowd(*rows), PARAMETERS).filter(pl.col("first").str.starts_with("x-"))
    assert found.height <= 1
    return found.row(0, named=True) if found.height else None


def test_equal_days_make_a_deterministic_candidate_with_its_evidence() -> None:
    pair = found_pair(one("x-1", "s0", "c0"), one("x-2", "s1", "c0", ph_status=None, body_weight=64.0))
    assert pair is not None
    assert (pair["first"], pair["second"], pair["method"]) == ("x-1", "x-2", "deterministic")
    evidence = pair["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["diagnosis"] == evidence["first_dose"] == evidence["birth_month"] == "equal"
    assert evidence["body_weight"] == "near"
    assert evidence["ph_status"] == evidence["death"] == evidence["birth_date"] == "unknown"
    # where the months are known, years and ages say nothing more
    assert evidence["birth_year"] == evidence["age"] == "unknown"
    assert set(evidence.values()) <= {"equal", "near", "differs", "unknown"}


def test_two_centres_of_one_study_are_compared_and_one_centre_is_not() -> None:
    assert found_pair(one("x-1", "s0", "c0"), one("x-2", "s0", "c1")) is not None
    assert found_pair(one("x-1", "s0", "c0"), one("x-2", "s0", "c0")) is None


@pytest.mark.parametrize(
    "differing",
    [{"sex": "male"}, {"birth_month": 23300, "birth_year": 1941}, {"diagnosis": 18300}],
    ids=["sex", "birth", "diagnosis"],
)
def test_what_differs_is_no_deterministic_candidate(differing: dict[str, object]) -> None:
    pair = found_pair(one("x-1", "s0", "c0"), one("x-2", "s1", "c0", **differing))
    assert pair is None or pair["method"] == "probabilistic"


def test_what_is_unknown_is_no_agreement() -> None:
    nothing = dict.fromkeys(TWIN)
    assert found_pair(one("x-1", "s0", "c0", **nothing), one("x-2", "s1", "c0", **nothing)) is None
    # one day and a sex alone are many people's
    few = {**nothing, "sex": "female", "first_dose": 18560}
    assert found_pair(one("x-1", "s0", "c0", **few), one("x-2", "s1", "c0", **few)) is None


def test_an_equal_token_is_enough_and_a_constant_is_no_token() -> None:
    other = {"birth_month": 23000, "birth_year": 1916, "diagnosis": 17000, "first_dose": 17100, "age": 100.0}
    here, there = one("x-1", "s0", "c0", token=["aa", "bb"]), one("x-2", "s1", "c0", token=["bb"], **other)
    pair = found_pair(here, there)
    assert pair is not None
    assert pair["method"] == "token"
    assert pair["evidence"]["token"] == "equal"  # type: ignore[index]
    assert pair["match_weight"] < 0  # type: ignore[operator]  # what is compared speaks against it
    assert found_pair(here, {**there, "token": ["cc"]}) is None
    constant = [
        {**one(f"y-{n:02}", f"s{n % 2}", "c0", token=["none"]), **dict.fromkeys(set(TWIN) - {"token"})}
        for n in range(PARAMETERS.most_alike + 1)
    ]
    assert find_candidates(crowd(*constant), PARAMETERS).is_empty()


def test_weights_are_those_of_fellegi_and_sunter() -> None:
    persons = crowd(one("x-1", "s0", "c0"), one("x-2", "s1", "c0"))
    pair = find_candidates(persons, PARAMETERS).row(0, named=True)
    table = weights(PARAMETERS, shares_by_chance(persons, PARAMETERS))
    by_hand = {(name, level): weight for name, level, _, _, weight in table.iter_rows()}
    told = {name: level for name, level in pair["evidence"].items() if name in PARAMETERS.comparisons}
    expected = sum(by_hand[name, level] for name, level in told.items() if level != "unknown")
    assert pair["match_weight"] == pytest.approx(expected, abs=1e-9)


def test_chance_is_what_counting_says() -> None:
    """The share of pairs on one day, which is smoothed, is close to the one that is counted."""
    persons, _ = consortium(Random(5), sizes=(600, 600), births=("month", "month"), twice=0)
    u = shares_by_chance(persons, PARAMETERS)
    days = persons["first_dose"].drop_nulls()
    counts = days.value_counts()["count"]
    n = days.len()
    counted = float((counts * (counts - 1)).sum()) / (n * (n - 1))
    assert u["first_dose"]["equal"] == pytest.approx(counted, rel=0.15)
    sexes = persons["sex"].value_counts()["count"]
    m = persons.height
    assert u["sex"]["equal"] == pytest.approx(float((sexes * (sexes - 1)).sum()) / (m * (m - 1)), rel=1e-3)
    for levels in u.values():
        assert 0.99 <= sum(levels.values()) <= 1.01


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ("m: {equal: 0.98, differs: 0.02}", "m: {equal: 0.98, differs: 0.05}", "add up to 1"),
        ("unless: birth_date", "unless: birth_hour", "there is no comparison birth_hour"),
        ("near_within: 3\n", "near_within: 300\n", "equal_within < near_within < window"),
    ],
)
def test_a_wrong_file_of_comparisons_is_refused(tmp_path, said: str, instead: str, message: str) -> None:
    from importlib.resources import files

    text = files("allpool.etl.linkage").joinpath("comparisons.yaml").read_text(encoding="utf-8")
    assert said in text
    path = tmp_path / "comparisons.yaml"
    path.write_text(text.replace(said, instead), encoding="utf-8")
    with pytest.raises(MappingError, match=message):
        read_yaml(path).parse(Parameters)
