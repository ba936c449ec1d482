"""The synthesis of a store's studies behind its guards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import allpool
from allpool.analysis.cohorts.cohort import Cohort
from allpool.analysis.cohorts.evidence import PublishedEstimate
from allpool.analysis.cohorts.synthesis import synthesis
from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.derivation.derive import derive
from allpool.errors import AnalysisError, DefinitionError
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cohort]:
    """Ten patients each of studies 001, 003 and 004, all called relapsed and overt; two are alike."""
    built = HandBuilt()
    for study, responders in (("001", 7), ("003", 4), ("004", 9)):
        for number in range(10):
            key = f"{study}-{number}"
            alike = number == 3 and study != "004"
            dose = "2022-05-05" if alike else f"2022-0{int(study) + 1}-{number + 10}"
            built.patient(
                key,
                study=study,
                sex="female",
                first_dose=dose,
                response="cr 2022-06-20" if number < responders else "nr 2022-06-20",
                last_contact="2023-06-01",
                status="rr_overt",
            )
            built.observation(key, "age_at_index", None, value_quantity=40.0 if alike else 20.0 + number)
            built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
    address = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
    engine = built.into(connect(address))
    derive(engine)
    engine.dispose()
    store = allpool.open(address)
    yield store.cohort("rr_overt")
    store.engine.dispose()


def paper(study: str, **more: Any) -> PublishedEstimate:
    about = {
        "endpoint": "cr",
        "population": "rr_overt",
        "definition": "common",
        "unit_of_analysis": "patient",
    }
    return PublishedEstimate(study, "cr_overt", "proportion", numerator=9, denominator=11, **(about | more))


def test_class_c_stops_it_before_anything_is_pooled(cohort: Cohort) -> None:
    with pytest.raises(
        AnalysisError, match=r"001, 003 and 004 may not be pooled.*May be pooled: 001 and 003"
    ):
        synthesis(cohort, "cr", outcome="cr_overt_rr")


def test_a_study_left_out_with_a_reason_is_named(cohort: Cohort) -> None:
    pooled, sample = synthesis(cohort, "cr", outcome="cr_overt_rr", excludes={"004": "untreated patients"})
    assert pooled.studies["study"].tolist() == ["001", "003"]
    assert "004: 10 left out: 10 untreated patients" in pooled.left_out
    assert set(sample.frame["studyid"]) == {"001", "003"}


def test_an_override_goes_on_and_is_printed(cohort: Cohort) -> None:
    pooled, _ = synthesis(cohort, "cr", outcome="cr_overt_rr", override="to show what it would hide")
    assert pooled.k == 3
    assert any("to show what it would hide" in note for note in pooled.notes)


def test_patients_alike_in_two_studies_are_told(cohort: Cohort) -> None:
    pooled, _ = synthesis(cohort, "cr", outcome="cr_overt_rr", excludes={"004": "untreated patients"})
    [told] = [note for note in pooled.notes if note.startswith("suspected overlap: 1 pair of patients")]
    assert "studies 001 and 003" in told
    assert "chance alone" in told


def test_without_an_outcome_nobody_judged(cohort: Cohort) -> None:
    pooled, _ = synthesis(cohort, "cr")
    assert pooled.k == 3
    assert any("was not asked" in note for note in pooled.notes)
    with pytest.raises(DefinitionError, match="no outcome 'cr'"):
        synthesis(cohort, "cr", outcome="cr")
    with pytest.raises(DefinitionError, match="may be pooled for os, not for cr"):
        synthesis(cohort, "cr", outcome="os")


def test_a_paper_of_class_b_cannot_stand_in_for_patients(cohort: Cohort) -> None:
    excludes = {"004": "untreated patients"}
    with pytest.raises(AnalysisError, match="Needs patient-level data of 002"):
        synthesis(cohort, "cr", outcome="cr_overt_rr", published=[paper("002")], excludes=excludes)
    pooled, _ = synthesis(cohort, "cr", outcome="cr_overt_rr", published=[paper("001")], excludes=excludes)
    assert pooled.studies["level"].tolist() == ["patient-level"] * 2
    asked, _ = synthesis(
        cohort,
        "cr",
        outcome="cr_overt_rr",
        published=[paper("002")],
        studies=["001", "003"],
        excludes=excludes,
    )
    assert asked.k == 2


def test_a_paper_of_another_definition_is_put_aside(cohort: Cohort) -> None:
    other = paper("002", definition=None, definition_note="criteria not stated")
    pooled, _ = synthesis(
        cohort, "cr", outcome="cr_overt_rr", published=[other], excludes={"004": "untreated patients"}
    )
    assert any(
        "002: 9/11 (cr_overt) put aside" in note and "criteria not stated" in note for note in pooled.notes
    )
    assert pooled.k == 2


def test_a_paper_stands_for_its_whole_population(cohort: Cohort) -> None:
    narrow = cohort.where(Condition.model_validate({"column": "ph_status", "in": "positive"}))
    with pytest.raises(AnalysisError, match="narrow it here"):
        synthesis(narrow, "cr", published=[paper("002")])
    with pytest.raises(AnalysisError, match="group by study"):
        synthesis(cohort, "cr", by="ph_status", published=[paper("002")])


def test_studies_under_their_own_definitions_are_mixed_denominators(cohort: Cohort) -> None:
    with pytest.raises(AnalysisError, match=r"mixed denominators.*`definition: common`"):
        synthesis(cohort, "rfs", definition="own", at=6)


def test_survival_needs_its_time(cohort: Cohort) -> None:
    with pytest.raises(AnalysisError, match="say `at`"):
        synthesis(cohort, "os")


def test_cohorts_ask_it(cohort: Cohort) -> None:
    with pytest.raises(AnalysisError, match="may not be pooled"):
        cohort.pooled("cr", outcome="cr_overt_rr")
    assert np.isfinite(cohort.pooled("cr").estimate)
