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
        Statistic("survival", 0.75, group="a", at=12, n=40),
        Statistic("at_risk", 30, group="a", at=12, n=40),
        Statistic("survival", 0.6, group="a", at=24, n=40),
        Statistic("at_risk", 3, group="a", at=24, n=40),
    ]
    left = disclosed_statistics(rows, minimum=5)
    told = [12, None, None, None, 0.75, 30, None, None]
    assert [item.value for item in left] == told, "2 events, of 2 no longer at risk; then 3 at risk"


def told(*rows: Statistic) -> list[float | None]:
    """Return what is left of the values."""
    return [item.value for item in disclosed_statistics(rows, minimum=5)]


def test_a_pooled_share_of_few_is_withheld() -> None:
    """2 of 48 had it: neither study says so, nor the pooled share, nor what was computed from them."""
    rows = (
        Statistic("study_estimate", 1 / 19, group="001", n=19, note="weight 49.5 %, patient-level"),
        Statistic("study_estimate", 1 / 29, group="004", n=29, note="weight 50.5 %, patient-level"),
        Statistic("pooled", 2 / 48, n=48, lower=0.01, upper=0.14),
        Statistic("pooled_common_effect", 2 / 48, n=48),
        Statistic("pooled_hartung_knapp", 0.0426, n=48),
        Statistic("q", 0.09, n=48),
        Statistic("tau2", 0.0, n=48),
    )
    left = disclosed_statistics(rows, minimum=5)
    assert [item.value for item in left] == [None] * len(rows)
    assert not any("49.5" in (item.note or "") for item in left), "weights tell the counts"


def test_a_pooled_share_of_many_stays_in_two_digits() -> None:
    rows = (
        Statistic("study_estimate", 12 / 15, group="001", n=15, note="weight 21.1 %, patient-level"),
        Statistic("study_estimate", 9 / 11, group="002", n=11, note="weight 14.4 %, patient-level"),
        Statistic("study_estimate", 22 / 33, group="003", n=33, note="weight 64.5 %, patient-level"),
        Statistic("pooled", 43 / 59, n=59, lower=0.43256, upper=0.90453),
        Statistic("pooled_without", 21 / 26, group="003"),
        Statistic("i2", 0.0, n=59),
    )
    left = disclosed_statistics(rows, minimum=5)
    assert [item.value for item in left] == [None, None, 22 / 33, 0.73, None, None]
    assert (left[3].lower, left[3].upper) == (0.43, 0.90)
    assert left[2].note == "patient-level"


def test_a_difference_does_not_tell_the_group_that_is_withheld() -> None:
    """14 of 21 against 10 of 12, of whom 2 did not respond."""
    assert told(
        Statistic("p", 0.43, n=33),
        Statistic("proportion", 14 / 21, group="N", n=21),
        Statistic("proportion", 10 / 12, group="Y", n=12),
        Statistic("risk_difference", 10 / 12 - 14 / 21, group="Y less N", n=33),
    ) == [None, 14 / 21, None, None]
    assert told(
        Statistic("restricted_mean", 11.9, group="negative", n=101),
        Statistic("restricted_mean", 11.5, group="positive", n=4),
        Statistic("restricted_mean_difference", -0.4, group="positive less negative", n=105),
    ) == [None, None, None], "105 less 101 are 4"


def test_sizes_beside_a_contrast_do_not_tell_a_small_group() -> None:
    """46 of 48 are grown up: 2 children are neither printed nor left to subtraction."""
    rows = (
        Statistic("p", 1.0, n=48),
        Statistic("proportion", 1.0, group="below 18", n=2),
        Statistic("proportion", 32 / 46, group="18 or more", n=46),
        Statistic("risk_difference", 32 / 46 - 1, group="18 or more less below 18", n=48),
    )
    sizes = [item.n for item in disclosed_statistics(rows, minimum=5)]
    assert sizes[1] is None
    assert sizes[2] is None or (sizes[0] is None and sizes[3] is None)


def test_a_model_of_few_events_is_withheld() -> None:
    """With one covariate of two values the odds ratio and the intercept are the table."""
    assert told(
        Statistic("events", 26, n=28),
        Statistic("odds_ratio", 41.0, group="(intercept)", n=28),
        Statistic("odds_ratio", 0.06, group="ikzf1plus", n=28),
        Statistic("p", 0.04, group="ikzf1plus", n=28),
    ) == [None, None, None, None]
    assert None not in told(
        Statistic("events", 18, n=28), Statistic("odds_ratio", 0.06, group="ikzf1plus", n=28)
    )


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
