"""What leaves: statistics, pages and files of real patients without small counts; synthetic ones whole."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from allpool.analysis.ard import COLUMNS, to_ard
from allpool.analysis.disclosure import disclosed_counts, disclosed_statistics, minimum_for, quiet
from allpool.analysis.plans.night import analyse
from allpool.analysis.plans.steps.base import Statistic
from allpool.models import AnalysisResult
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

PLAN = """
plan: test
title: Test
steps:
  - {id: cr, question: CR, population: all_treated, endpoint: cr, by: study, estimator: proportion}
  - id: os
    question: OS
    population: all_treated
    endpoint: os
    by: study
    estimator: kaplan-meier
    times: [1, 6]
  - id: pooled
    question: CR pooled
    population: all_treated
    endpoint: cr
    estimator: synthesis
    model: logit
  - id: base
    question: Baseline
    population: all_treated
    by: study
    estimator: baseline-table
    variables: sex
"""


def store_of(*, synthetic: bool, url: str = "sqlite://") -> Engine:
    """Three studies of 20: responders 18, 10 and 12, so that two of study 001 did not respond."""
    built = HandBuilt()
    for study, responders in (("001", 18), ("002", 10), ("003", 12)):
        for number in range(20):
            answers = number < responders
            built.patient(
                f"{study}-{number:02}",
                study=study,
                first_dose="2022-01-01",
                response="cr 2022-01-29" if answers else "nr 2022-01-29",
                death=None if number < 12 else f"2022-0{1 + number % 8}-20",
                last_contact="2022-12-01",
                sex="female" if number < (3 if study == "001" else 9) else "male",
                synthetic=synthetic,
            )
    return built.into(connect(url))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Page and files of the same plan on synthetic and on real patients."""
    folder = tmp_path_factory.mktemp("disclosure")
    (folder / "plan.yaml").write_text(PLAN)
    found = {}
    for synthetic in (True, False):
        engine = store_of(synthetic=synthetic)
        found[synthetic] = folder / str(synthetic)
        analyse(engine, plans=[folder / "plan.yaml"], output=found[synthetic], files=True)
        engine.dispose()
    return found


def rows_of(folder: Path, step: str) -> list[dict[str, str]]:
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["step"] == step]


def test_synthetic_results_leave_whole(folders: dict[bool, Path]) -> None:
    values = {
        row["group_value"]: row["value"]
        for row in rows_of(folders[True], "cr")
        if row["statistic"] == "responders"
    }
    assert values == {"001": "18.0", "002": "10.0", "003": "12.0"}
    assert "withheld" not in (folders[True] / "index.html").read_text()


def test_real_results_leave_without_small_counts(folders: dict[bool, Path]) -> None:
    rows = {(row["group_value"], row["statistic"]): row for row in rows_of(folders[False], "cr")}
    assert rows["001", "responders"]["value"] == "", "18 of 20 tells of two who did not respond"
    assert rows["001", "proportion"]["value"] == rows["001", "proportion"]["lower"] == ""
    assert "small number of persons" in rows["001", "proportion"]["note"]
    assert rows["002", "responders"]["value"] == "10.0"
    data = json.loads((folders[False] / "results.json").read_text())
    assert {row["id"] for row in data} == {
        row["id"] for row in json.loads((folders[True] / "results.json").read_text())
    }, "the same results, fewer numbers"
    sexes = [row for row in rows_of(folders[False], "base") if row["variable_level"] == "female"]
    assert {row["group_value"]: row["value"] for row in sexes if row["stat_name"] == "n"}["001"] == ""


def test_a_pooled_share_gives_no_study_away(folders: dict[bool, Path]) -> None:
    rows = [row for row in rows_of(folders[False], "pooled") if row["statistic"] == "study_estimate"]
    hidden = {row["group_value"] for row in rows if row["value"] == ""}
    assert "001" in hidden
    assert len(hidden) >= 2, "the pooled estimate and all but one study would give the last away"


def test_the_page_of_real_patients(folders: dict[bool, Path]) -> None:
    page = (folders[False] / "index.html").read_text()
    assert "Counts of 1 to 4 persons, and what would tell them, are withheld" in page
    assert not (folders[False] / "figures" / "test-pooled.svg").exists(), "a forest plot shows every study"
    assert (folders[True] / "figures" / "test-pooled.svg").is_file()
    assert "90.0 %" not in page


def test_analysis_results_data(folders: dict[bool, Path]) -> None:
    with (folders[True] / "ard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS
    (found,) = [
        row
        for row in rows
        if row["step"] == "cr" and row["group1_level"] == "001" and row["stat_name"] == "p"
    ]
    assert (found["group1"], found["variable"], found["context"], found["stat"]) == (
        "study",
        "cr/common",
        "proportion",
        "0.9",
    )
    limits = [row for row in rows if row["id"] == found["id"] and row["stat_name"].startswith("conf.")]
    assert {row["stat_name"] for row in limits} == {"conf.low", "conf.high", "conf.level"}
    with (folders[True] / "results.csv").open(encoding="utf-8", newline="") as file:
        names = csv.DictReader(file).fieldnames or []
    assert list(AnalysisResult.__table__.columns.keys()) == list(
        names[: len(AnalysisResult.__table__.columns)]
    )
    assert set(COLUMNS) <= set(names)


def test_terms_of_a_model_are_variables() -> None:
    row = dict.fromkeys(AnalysisResult.__table__.columns.keys())
    row |= {
        "id": "x",
        "estimator": "cox",
        "endpoint": "os",
        "definition": "common",
        "group_value": "age",
        "statistic": "hazard_ratio",
        "value": 1.5,
        "lower": 1.1,
        "upper": 2.0,
        "n": 30,
    }
    ard = to_ard(pd.DataFrame([row]))
    assert ard["variable"].unique().tolist() == ["age"]
    assert ard["group1_level"].isna().all()
    assert dict(zip(ard["stat_name"], ard["stat"], strict=True)) == {
        "estimate": 1.5,
        "conf.low": 1.1,
        "conf.high": 2.0,
        "N": 30.0,
    }


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.tuples(st.integers(0, 25), st.floats(0, 1)), min_size=1, max_size=4),
    minimum=st.sampled_from([3, 5, 11]),
)
def test_no_printed_share_tells_of_few(groups: list[tuple[int, float]], minimum: int) -> None:
    statistics = []
    for index, (n, part) in enumerate(groups):
        x = round(n * part)
        statistics.append(Statistic("responders", x, group=f"g{index}", n=n, note=f"{x} left out: {x} late"))
        if n:
            statistics.append(Statistic("proportion", x / n, group=f"g{index}", lower=0.0, upper=1.0, n=n))
    for old, new in zip(statistics, disclosed_statistics(statistics, minimum=minimum), strict=True):
        assert old.n is not None
        x = round((old.value or 0) * (old.n if old.statistic == "proportion" else 1))
        if 0 < x < minimum or 0 < old.n - x < minimum:
            assert new.value is None or new.n is None
            assert new.lower is None or new.n is None
        if new.n is not None:
            assert new.n == old.n
            assert not 0 < new.n < minimum
    assert disclosed_statistics(statistics, minimum=1) == tuple(statistics)


def test_survival_that_tells_of_few() -> None:
    rows = [
        Statistic("events", 12, group="a", n=40),
        Statistic("survival", 0.95, group="a", at=6, lower=0.8, upper=0.99, n=40),
        Statistic("standard_error", 0.03, group="a", at=6, n=40),
        Statistic("at_risk", 38, group="a", at=6, n=40),
        Statistic("survival", 0.6, group="a", at=24, n=40),
        Statistic("at_risk", 3, group="a", at=24, n=40),
    ]
    left = disclosed_statistics(rows, minimum=5)
    assert [item.value for item in left] == [12, None, None, 38, None, None], "2 events; then 3 at risk"


def test_notes_and_counts() -> None:
    assert (
        quiet("3 left out: 2 no CR; 1 late", minimum=5)
        == "[withheld] left out: [withheld] no CR; [withheld] late"
    )
    assert (
        quiet("12 left out: 12 no CR; tau2 0.31, study 001", minimum=5)
        == "12 left out: 12 no CR; tau2 0.31, study 001"
    )
    assert quiet(None, minimum=5) is None
    rows = [{"study": "001", "subjects": 20, "dead": 2}, {"study": "002", "subjects": 3, "dead": 0}]
    left = disclosed_counts(rows, total="subjects", parts=["dead"], minimum=5)
    assert [(row["subjects"], row["dead"]) for row in left] == [(20, "withheld"), ("withheld", 0)]


def test_only_a_wholly_synthetic_store_is_exempt() -> None:
    built = HandBuilt()
    for number in range(2):
        built.patient(f"{number}", first_dose="2022-01-01", synthetic=number == 0)
    engine = built.into(connect("sqlite://"))
    from allpool.analysis.derivation.derive import derive

    derive(engine)
    with engine.connect() as connection:
        assert minimum_for(connection, 5) == 5
    engine.dispose()
