"""Samples: groups and their order, numbers and codes that look so, own definitions, who is left out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.cohorts.cohort import OWN, Cohort, cohort_of
from allpool.analysis.cohorts.samples import Grouping, Groups, grouped, grouping_of, holds_numbers, sample_of
from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.errors import AnalysisError, DefinitionError
from tests.analysis.test_membership import tables

CATALOGUE = load_catalogue()


def groups(values: list[Any], by: str | Grouping = "arm", *, on: str = "arm") -> list[str]:
    frames = tables({on: values})
    return grouped(frames.adsl, by, tables=frames, catalogue=CATALOGUE).of.tolist()


# what is known; how it is called
WORDS: list[tuple[Any, str]] = [
    ("000", "000"),
    (2.0, "2"),
    (2.5, "2.5"),
    (True, "Y"),
    (False, "N"),
    (None, "unknown"),
    (float("nan"), "unknown"),
    ("unknown", "unknown"),
]


@pytest.mark.parametrize(("value", "expected"), WORDS)
def test_what_a_group_is_called(value: Any, expected: str) -> None:
    found = groups(pd.Series([value, "other"], dtype=object).tolist())
    assert found == [expected, "other"]


AGE_CUT: list[tuple[float | None, str]] = [
    (17.9, "below 18"),
    (18, "18 to below 60"),
    (59.99, "18 to below 60"),
    (60, "60 or more"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("age", "expected"), AGE_CUT)
def test_limits(age: float | None, expected: str) -> None:
    assert groups([age, 30.0], Grouping(column="age", cut=(18, 60)), on="age")[0] == expected


@given(
    limits=st.lists(st.integers(0, 150), min_size=1, max_size=5, unique=True).map(sorted),
    values=st.lists(st.floats(0, 200), min_size=2, max_size=30),
)
@settings(deadline=None, max_examples=40)
def test_groups_of_a_number_stand_by_size(limits: list[int], values: list[float]) -> None:
    """The groups follow one another as their numbers do, however their names are spelt."""
    frames = tables({"age": values})
    own = grouped(frames.adsl, Grouping(column="age", cut=tuple(limits)), tables=frames, catalogue=CATALOGUE)
    sample = sample_of(frames.adsl, responses(frames.adsl), kind="response", group=own)
    age = dict(zip(frames.adsl["usubjid"], values, strict=True))
    spans = [[age[subject] for subject in frame["usubjid"]] for _, frame in sample.groups()]
    assert sum(len(span) for span in spans) == len(values)
    for lower, upper in pairwise(spans):
        assert max(lower) < min(upper)


def responses(adsl: pd.DataFrame, **more: Any) -> pd.DataFrame:
    own = adsl[["usubjid", "studyid", "siteid"]].assign(
        paramcd="cr", definition="common", avalc="Y", ady=28.0, reason=None, srcdom="observation", srcid="o"
    )
    return own.assign(**more)


def test_names_stand_in_their_order() -> None:
    """Codes of one width by their digits, other names by their letters, numbers before names."""
    frames = tables({"arm": ["b", "10", "9", "a", "2.5"]})
    own = grouped(frames.adsl, "arm", tables=frames, catalogue=CATALOGUE)
    sample = sample_of(frames.adsl, responses(frames.adsl), kind="response", group=own)
    assert [name for name, _ in sample.groups()] == ["2.5", "9", "10", "a", "b"]


def test_limits_are_of_numbers() -> None:
    with pytest.raises(AnalysisError, match="arm does not hold numbers"):
        groups(["000", "001"], Grouping(column="arm", cut=(1,)))
    assert groups([None, None], Grouping(column="arm", cut=(1,))) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2], True),
        ([1.0, None], True),
        (["000", "001"], False),
        ([None, None], False),
        ([True, False], False),
        ([1.0, "2"], False),
    ],
)
def test_what_holds_numbers(values: list[Any], expected: bool) -> None:
    frames = tables({"arm": pd.Series(values, dtype=object).tolist()})
    frames.adsl["arm"] = pd.Series(values, dtype=object)
    assert holds_numbers(frames.adsl, "arm", tables=frames, catalogue=CATALOGUE) is expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("study", Grouping(column="studyid")),
        ("centre", Grouping(column="siteid")),
        ("age", Grouping(column="age")),
        ("bm_blasts", Grouping(element="bm_blasts")),
        ("venetoclax", Grouping(fact="venetoclax")),
        ("cr", Grouping(response="cr")),
        ("cr/day42", Grouping(response="cr", definition="day42")),
        ("hsct", Grouping(event="hsct")),
    ],
)
def test_a_plain_word(by: str, expected: Grouping) -> None:
    assert grouping_of(by, CATALOGUE) == expected


@pytest.mark.parametrize("by", ["stduy", "baseline", "cr/day43", "", "/common"])
def test_a_word_for_nothing(by: str) -> None:
    with pytest.raises((AnalysisError, DefinitionError)):
        grouping_of(by, CATALOGUE)


def test_who_is_left_out_and_why() -> None:
    """No row of the definition, no answer, no group: each subject is left out once, for one reason."""
    frames = tables({"arm": ["a", "a", None, None, "b"]})
    rows = responses(
        frames.adsl.iloc[1:], avalc=["Y", None, "Y", "N"], reason=[None, "not assessed", None, None]
    )
    own = grouped(frames.adsl, "arm", tables=frames, catalogue=CATALOGUE)
    sample = sample_of(frames.adsl, rows, kind="response", group=own)
    assert sample.frame["usubjid"].tolist() == ["S1", "S4"]
    assert sample.left_out.set_index("usubjid")["reason"].to_dict() == {
        "S0": "the definition is not meant for this study",
        "S2": "not assessed",
        "S3": "arm unknown",
    }
    assert (
        sample.note()
        == "3 left out: 1 arm unknown; 1 not assessed; 1 the definition is not meant for this study"
    )
    without = sample.without({"001": "its criteria"})
    assert without.frame.empty
    assert len(without.left_out) == 5


def test_causes_and_entry() -> None:
    frames = tables({"sex": [None] * 4})
    rows = frames.adsl[["usubjid", "studyid", "siteid"]].assign(
        paramcd="relapse",
        definition="common",
        aval=[10.0, 20.0, 30.0, None],
        cnsr=[0, 1, 2, None],
        evntdesc=["relapse", "alive", "death", "no date"],
        entry_day=[None, 5.0, None, None],
        srcdom="observation",
        srcid="o",
    )
    sample = sample_of(frames.adsl, rows, kind="time-to-event", group=Groups("", pd.Series(["all"] * 4)))
    assert sample.frame["cause"].tolist() == [1, 0, 2]
    assert sample.frame["event"].tolist() == [1, 0, 0]
    assert sample.frame["entry"].tolist() == [0, 5, 0]
    assert sample.delayed
    assert sample.left_out["reason"].tolist() == ["no date"]


def test_own_definitions() -> None:
    """Each study under its own where it has one; of several the first; the common one elsewhere."""
    frames = tables({"sex": [None] * 3})
    frames.adsl["studyid"] = ["001", "004", "999"]
    cohort: Cohort = cohort_of(frames, CATALOGUE, "all_subjects")
    assert cohort.definitions_of("mrd") == {"001": "study_001", "004": "study_004", "999": "common"}
    names = [
        (subject, name) for subject in ("S0", "S1", "S2") for name in ("common", "study_001", "study_004")
    ]
    rows = pd.DataFrame(names, columns=["usubjid", "definition"]).merge(frames.adsl[["usubjid", "studyid"]])
    rows = rows.assign(siteid="north", paramcd="mrd", avalc="Y", ady=1.0, reason=None, srcdom="o", srcid="o")
    own = replace(cohort, tables=replace(frames, adrs=rows.assign(srcid=rows["definition"])))
    found = own.sample("mrd", definition=OWN).frame.set_index("usubjid")["srcid"].to_dict()
    assert found == {"S0": "study_001", "S1": "study_004", "S2": "common"}
