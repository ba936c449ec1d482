"""Tables of a cohort: every number of a small store, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import allpool
from allpool.analysis.cohorts.adverse_events import adverse_event_table
from allpool.analysis.cohorts.balance import mean_difference, share_difference
from allpool.analysis.cohorts.flow import flow
from allpool.analysis.cohorts.summary import COUNTS, SummaryTable
from allpool.analysis.cohorts.tables import baseline_table, response_table
from allpool.analysis.derivation.derive import derive
from allpool.analysis.disclosure import disclosed
from allpool.analysis.pages.flow_plot import flow_figure
from allpool.analysis.store import Store
from allpool.errors import AnalysisError
from allpool.models.engine import connect
from tests.analysis.attacker import possible
from tests.analysis.hand_built import HandBuilt

AGES = {"001": [20, 30, 40, 50, 60, 70, 80, 90], "002": [25, 35, 45, 55, 65, 75]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Study 001: 8 treated, adverse events sent; 002: 6 treated and one not, none sent."""
    built = HandBuilt()
    for study, ages in AGES.items():
        for number, age in enumerate(ages):
            key = f"{study}-{number}"
            built.patient(
                key,
                study=study,
                first_dose="2022-01-01",
                response="cr 2022-01-29" if number < 5 else "nr 2022-01-29" if number < 6 else None,
                last_contact="2022-12-01",
                status="rr_overt" if number % 2 else "cr_mrd_pos" if number else None,
                sex="female" if number < 3 else "male",
            )
            built.observation(key, "age_at_index", "2022-01-01", value_quantity=float(age))
            if study == "001":
                ph = "positive" if number < 2 else "negative"
                built.observation(key, "ph_status", None, value_concept=ph)
    built.patient("002-9", study="002", last_contact="2022-12-01", sex="male")
    events = (  # patient, term, grade, system, course
        (0, "cytokine_release_syndrome", 1, "astct", 1),
        (0, "cytokine_release_syndrome", 3, "astct", 1),
        (1, "cytokine_release_syndrome", 2, "astct", 2),
        (1, "febrile_neutropenia", 3, "ctcae_5", 1),
        (2, "febrile_neutropenia", 5, "ctcae_5", 1),
        (3, "febrile_neutropenia", None, "ctcae_5", 1),
    )
    for number, term, grade, system, course in events:
        built.event(
            "adverse_event",
            f"001-{number}",
            "ae_term",
            "date",
            "2022-01-03",
            term=term,
            grade=grade,
            grade_system=system,
            course_number=course,
            actuality="actual",
        )
    built.dose("001-1", "2022-02-15", course=2)
    address = f"sqlite:///{tmp_path_factory.mktemp('tables') / 'store.db'}"
    engine = built.into(connect(address))
    derive(engine)
    engine.dispose()
    found = allpool.open(address)
    yield found
    found.engine.dispose()


def number(table: SummaryTable, group: str | None, variable: str, level: str | None, name: str) -> float:
    """Return one statistic of a table."""
    ard = table.ard
    chosen = ard[
        (ard["group1_level"].isna() if group is None else ard["group1_level"] == group)
        & (ard["variable"] == variable)
        & (ard["variable_level"].isna() if level is None else ard["variable_level"] == level)
        & (ard["stat_name"] == name)
    ]
    assert len(chosen) == 1, (group, variable, level, name)
    return float(chosen["stat"].iloc[0])


def shown(table: SummaryTable, column: str, variable: str, level: str = "") -> str:
    """Return one cell of the wide form."""
    wide = table.wide()
    (found,) = wide.loc[(wide["variable"] == variable) & (wide["level"] == level), column]
    return str(found)


def test_baseline(store: Store) -> None:
    table = baseline_table(store.cohort("all_treated"), by="study")
    assert number(table, "001", "subjects", None, "N") == 8
    assert number(table, "001", "sex", "female", "n") == 3
    assert number(table, "001", "sex", "female", "p") == 3 / 8
    assert number(table, None, "sex", "male", "n") == 8
    assert number(table, "001", "disease_status", "unknown", "N_miss") == 1
    assert number(table, "001", "disease_status", "rr_overt", "p") == 4 / 7, "of those known"
    assert [number(table, "002", "age", None, name) for name in ("median", "p25", "p75", "min", "max")] == [
        50,
        37.5,
        62.5,
        25,
        75,
    ]
    assert shown(table, "002", "Age at first dose (years)") == "50 (37.5 to 62.5; 25 to 75)"
    assert shown(table, "002", "Philadelphia chromosome", "Philadelphia positive") == "not collected"
    assert shown(table, "001", "Philadelphia chromosome", "Philadelphia positive") == "2 (25.0 %)"
    assert table.groups == ("001", "002")
    assert table.synthetic
    sample = [np.array(AGES[study], dtype=float) for study in ("001", "002")]
    spread = np.sqrt((sample[0].var(ddof=1) + sample[1].var(ddof=1)) / 2)
    assert number(table, None, "age", None, "smd_max") == pytest.approx(5 / spread)


def test_baseline_without_groups_and_with_names(store: Store) -> None:
    table = baseline_table(store.cohort("all_subjects"), variables=["age", "sex"])
    assert set(table.wide().columns) == {"variable", "level", "All"}
    assert number(table, None, "age", "unknown", "N_miss") == 1
    with pytest.raises(AnalysisError, match="'colour' is no variable"):
        baseline_table(store.cohort("all_subjects"), variables=["colour"])


def test_differences() -> None:
    # two shares: (p1 - p2) over the root of the mean of p (1 - p)
    assert share_difference([30, 70], [50, 50]) == pytest.approx(0.2 / np.sqrt((0.21 + 0.25) / 2))
    # three: by the formula of Yang and Dalton, inverted by hand for shares (.5 .3 .2) and (.2 .3 .5)
    covariance = np.array([[(0.25 + 0.16) / 2, -0.5 * (0.15 + 0.06)], [-0.5 * (0.15 + 0.06), 0.21]])
    apart = np.array([0.3, 0.0])
    expected = float(np.sqrt(apart @ np.linalg.inv(covariance) @ apart))
    assert share_difference([50, 30, 20], [20, 30, 50]) == pytest.approx(expected)
    assert share_difference([5, 0], [9, 0]) == 0
    assert np.isnan(share_difference([0, 0], [1, 2]))
    assert np.isnan(share_difference([4, 0], [0, 4])), "nothing varies within the groups"
    assert mean_difference(np.array([1.0, 3.0]), np.array([3.0, 5.0])) == pytest.approx(np.sqrt(2))
    assert np.isnan(mean_difference(np.array([1.0]), np.array([3.0, 5.0])))


def test_responses(store: Store) -> None:
    table = response_table(store.cohort("all_treated"), ["cr"], by="study")
    variable = "cr/common"
    evaluable = number(table, "001", variable, "Y", "N")
    missing = table.ard[
        (table.ard["variable"] == variable)
        & (table.ard["group1_level"] == "001")
        & (table.ard["stat_name"] == "N_miss")
    ]["stat"].sum()
    assert number(table, "001", variable, "Y", "n") == 5
    assert evaluable + missing == 8, "everybody is evaluable or left out for a reason"
    assert number(table, "002", variable, "Y", "p") == pytest.approx(5 / 6)
    assert number(table, "002", variable, "Y", "conf.low") == pytest.approx(0.35877, abs=1e-5)


def test_adverse_events_per_patient(store: Store) -> None:
    table = adverse_event_table(store.cohort("all_treated"), store.adverse_events(), by="study")
    crs, fever = "cytokine_release_syndrome", "febrile_neutropenia"
    assert number(table, "001", crs, "any", "n") == 2
    assert number(table, "001", crs, "astct: 1-2", "n") == 1, "the worst grade counts, once"
    assert number(table, "001", crs, "astct: 3-4", "n") == 1
    assert number(table, "001", fever, "ctcae_5: 5", "n") == 1
    assert number(table, "001", fever, "ctcae_5: not stated", "n") == 1
    assert number(table, "001", fever, "any", "p") == 3 / 8
    assert number(table, None, "any adverse event", "any", "n") == 4
    assert number(table, None, "any adverse event", "any", "p") == 4 / 8, "002 is in no denominator"
    assert shown(table, "002", "Febrile neutropenia", "any grade") == "not collected"
    assert any("Not collected, and in no denominator: 002/north (6 patients)" in note for note in table.notes)
    assert any("ASTCT consensus 2019, CTCAE 5.0" in note for note in table.notes)


def test_adverse_events_per_course(store: Store) -> None:
    courses = pd.DataFrame(
        {
            "usubjid": [f"S-001-{number}" for number in (*range(8), 1)],
            "course": [1] * 8 + [2],
        }
    )
    cohort = store.cohort("all_treated")
    table = adverse_event_table(cohort, store.adverse_events(), per="course", by="study", courses=courses)
    assert number(table, "001", "units", None, "N") == 9
    assert number(table, "001", "cytokine_release_syndrome", "any", "n") == 2
    assert number(table, "001", "any adverse event", "any", "n") == 5
    nowhere = store.adverse_events().assign(aecourse=None)
    with pytest.raises(AnalysisError, match="no adverse event says in which course"):
        adverse_event_table(cohort, nowhere, per="course", courses=courses)
    with pytest.raises(AnalysisError, match="needs `courses`"):
        adverse_event_table(cohort, store.adverse_events(), per="course")


def test_flow(store: Store) -> None:
    table = flow(store.cohort("rr_overt"), endpoint="cr")
    assert [number(table, None, step, None, "n") for step in ("in_store", "treated", "population")] == [
        15,
        14,
        7,
    ]
    reasons = table.ard[(table.ard["context"] == "excluded") & table.ard["group1_level"].isna()]
    by_step = reasons.groupby("variable")["stat"].sum()
    assert by_step["treated"] == 1
    assert by_step["population"] == 7
    assert sum("not known" in str(reason) for reason in reasons["variable_level"]) >= 1
    for step, before in (("treated", "in_store"), ("population", "treated"), ("evaluable", "population")):
        for group in ("001", "002"):
            own = table.ard[(table.ard["variable"] == step) & (table.ard["group1_level"] == group)][
                "stat"
            ].sum()
            assert own == number(table, group, before, None, "n"), "nobody is lost on the way"
    assert len(table.subjects) == 15
    words = " ".join(text.get_text() for axes in flow_figure(table).axes for text in axes.texts)
    assert "In the store: 15" in words
    assert "001: 8, 002: 7" in words


def every_table(store: Store) -> list[SummaryTable]:
    cohort = store.cohort("all_treated")
    return [
        baseline_table(cohort, by="study"),
        response_table(cohort, ["cr", "mrd"], by="study"),
        adverse_event_table(cohort, store.adverse_events(), by="study"),
        flow(store.cohort("rr_overt"), endpoint="cr"),
    ]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("minimum", [3, 5])
def test_no_small_count_leaves_a_table(store: Store, index: int, minimum: int) -> None:
    table = every_table(store)[index]
    left = disclosed(table, minimum=minimum)
    old, new = table.ard.to_dict("records"), left.ard.to_dict("records")
    counts = {
        table.key(row): int(row["stat"])
        for row in old
        if row["stat_name"] in COUNTS and row["stat"] == row["stat"]
    }
    gone = {
        table.key(row)
        for row, now in zip(old, new, strict=True)
        if row["stat_name"] in COUNTS and row["stat"] == row["stat"] and now["stat"] != now["stat"]
    }
    assert gone, "these tables have small counts"
    for key, count in counts.items():
        if 0 < count < minimum:
            assert key in gone
            for value in {1, minimum - 1}:
                assert possible(key, value, counts=counts, sums=table.sums, withheld=gone), key
    for row, now in zip(old, new, strict=True):
        line = (row["group1_level"], row["variable"], row["variable_level"])
        if row["stat_name"] in ("p", "conf.low", "conf.high") and any(key[:3] == line for key in gone):
            assert now["stat"] != now["stat"]
            assert now["warning"]
        if row["stat_name"] in ("min", "max"):
            assert now["stat"] != now["stat"], "one person's value"
    assert left.subjects.empty
    assert "withheld" in left.wide().to_string()
    assert disclosed(table, minimum=1) is table


def test_a_flow_diagram_shows_no_small_count(store: Store) -> None:
    left = disclosed(flow(store.cohort("rr_overt"), endpoint="cr"), minimum=5)
    words = " ".join(text.get_text() for axes in flow_figure(left).axes for text in axes.texts)
    assert "withheld" in words
    assert "1 left out" not in words


def test_columns_are_those_of_analysis_results_data(store: Store) -> None:
    table = baseline_table(store.cohort("all_treated"), by="study")
    assert list(table.ard.columns[:10]) == [
        "group1",
        "group1_level",
        "variable",
        "variable_level",
        "context",
        "stat_name",
        "stat_label",
        "stat",
        "stat_fmt",
        "warning",
    ]
    keys = ["group1_level", "variable", "variable_level", "stat_name"]
    for each in every_table(store):
        assert not each.ard.duplicated(keys).any()
        assert set(each.ard["group1"].dropna()) <= {"study"}
        assert not each.subjects["usubjid"].duplicated().any()
    assert replace(table, notes=()).wide().equals(table.wide())


def test_real_figure_is_written(store: Store, tmp_path: Path) -> None:
    from allpool.analysis.pages.plots import write_figure

    table = flow(store.cohort("rr_overt"), endpoint="cr")
    first = write_figure(flow_figure(table), tmp_path / "a")[0].read_bytes()
    assert write_figure(flow_figure(table), tmp_path / "b")[0].read_bytes() == first
