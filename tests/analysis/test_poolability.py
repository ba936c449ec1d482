"""The poolability matrix, what it refuses, and the guards beside it."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.cohorts.mixtures import same_denominator, same_unit
from allpool.analysis.cohorts.poolability import check, load_poolability, matrix_frame, published_enough
from allpool.errors import AnalysisError, DefinitionError

STUDIES = ("000", "001", "002", "003", "004")
MATRIX = load_poolability()


def test_the_matrix_is_the_seed(shared: Path) -> None:
    with (shared / "seeds" / "poolability.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ours = {(row["outcome"], row["pair"]): row for row in matrix_frame().to_dict("records")}
    assert len(rows) == len(ours) == 180
    for row in rows:
        found = ours[row["outcome"], row["pair"]]
        outcome = MATRIX.outcome(row["outcome"])
        assert row["class"].split()[0] == found["class"], row
        assert row["common_definition"] == outcome.common_definition
        said = dict(part.split(":", 1) for part in row["reason"].split(" | "))
        for study, text in said.items():
            assert outcome.says[study.strip()] == text.strip()
        if row["class"].startswith("A now, "):
            assert row["class"].removeprefix("A now, ") in str(outcome.how)
        if "crude" in row["class"]:
            assert "crude proportions" in str(outcome.how)


def test_the_matrix_has_each_outcome_and_pair() -> None:
    assert len(MATRIX.outcomes) == 18
    assert len(matrix_frame()) == 18 * 10


def test_class_c_is_refused_in_words_a_haematologist_reads() -> None:
    verdict = check("cr_overt_rr", STUDIES)
    assert not verdict.allowed
    assert verdict.subsets == (("001", "002", "003"),)
    with pytest.raises(AnalysisError) as refused:
        verdict.require()
    text = refused.value.message
    assert text.startswith(
        "Complete remission in relapsed or refractory overt disease: 000, 001, 002, 003 and 004"
    )
    assert "Never together, whatever the data: 000 with 001, 002, 003 or 004, 001 with 004" in text
    assert "004 untreated" in text
    assert "May be pooled: 001, 002 and 003" in text
    assert "`override`" in text


def test_an_override_is_printed_with_the_advice_it_goes_against() -> None:
    notes = check("cr_overt_rr", ["001", "004"]).require(override="shown to a reader who asked")
    assert any(
        "pooled against this advice" in note and "shown to a reader who asked" in note for note in notes
    )


def test_class_b_needs_the_patients() -> None:
    patients = check("os", ["001", "004"])
    assert patients.allowed
    assert any("OS from first blinatumomab dose" in note for note in patients.notes)
    printed = check("os", ["001", "003", "004"], levels={"004": "published"})
    assert [objection.studies for objection in printed.objections] == [("001", "004"), ("003", "004")]
    assert "Needs patient-level data of 004" in printed.sentence
    assert printed.subsets == (("001", "003"),)


def test_class_a_may_be_pooled_as_published() -> None:
    levels = dict.fromkeys(("001", "004"), "published")
    verdict = check("mrd_lt1e4_after_overt", ["001", "004"], levels=levels)
    assert verdict.allowed
    assert "the matrix asks to heed: stratified (R/R vs untreated; MFC vs PCR)" in verdict.notes
    assert published_enough("mrd_lt1e4_after_overt", ["001", "004"])
    assert not published_enough("mrd_lt1e4_after_overt", ["001", "003"])


def test_what_was_not_reported_is_not_zero() -> None:
    verdict = check("crs_g3", ["001", "003"])
    assert verdict.allowed
    assert any("not reported is not zero" in note for note in verdict.notes)


def test_a_study_nobody_judged_is_refused() -> None:
    verdict = check("os", ["001", "AMLSG"])
    assert "Nobody has judged AMLSG" in verdict.sentence
    assert verdict.subsets == ()
    with pytest.raises(DefinitionError, match="it has cir, course_14_28"):
        check("overall_survival", ["001", "004"])
    with pytest.raises(AnalysisError, match="unknown level"):
        check("os", ["001", "004"], levels={"001": "abstract"})


@given(st.sampled_from(sorted(MATRIX.outcomes)), st.sets(st.sampled_from(STUDIES), min_size=1))
def test_what_is_offered_is_legitimate_and_the_largest(outcome: str, studies: set[str]) -> None:
    verdict = check(outcome, studies)
    if verdict.allowed:
        assert all(MATRIX.outcome(outcome).class_of(*pair) != "C" for pair in combinations(studies, 2))
        return
    for subset in verdict.subsets:
        assert check(outcome, subset).allowed
        for more in studies - set(subset):
            assert not check(outcome, (*subset, more)).allowed


def test_a_matrix_with_a_pair_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(
        "classes: {A: may}\noutcomes:\n  os:\n    title: OS\n    common_definition: OS\n"
        '    says: {"1": x, "2": y}\n    pairs:\n      A: ["1-2"]\n      C: ["1-2"]\n',
        encoding="utf-8",
    )
    with pytest.raises(DefinitionError, match="exactly one class"):
        load_poolability(path)


def test_mixtures_stop_and_an_override_is_printed() -> None:
    rules = {"001": "of all treated", "004": "of those in CR"}
    with pytest.raises(AnalysisError, match=r"mixed denominators.*001: of all treated; 004: of those in CR"):
        same_denominator(rules)
    assert same_denominator({"001": "of all", "004": "of all"}) == ()
    assert "asked for by the board" in same_denominator(rules, override="asked for by the board")[0]
    with pytest.raises(AnalysisError, match=r"mixed units of analysis.*002: course"):
        same_unit({"000": "patient", "002": "course"})
