"""The twenty question plans over the example consortium: what they answer, what they refuse, and of whom."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from sqlalchemy import Engine

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.plans.outcomes import result_rows
from allpool.analysis.plans.plan import Plan, load_plan
from allpool.analysis.plans.run import run_step
from allpool.analysis.store import read_derived
from allpool.models.engine import connect
from tests.nights.conftest import ROOT, ExampleNight

pytestmark = pytest.mark.xdist_group("example")  # one worker: the night is run once

REFUSED = {
    ("q04_mrd_conversion", "all_five"): "may not be pooled",
    ("q06_14_vs_28", "all_studies"): "may not be pooled",
    ("q09_ph_effect", "with_004"): "may not be pooled",
    ("q10_hsct", "naive"): "immortal time",
    ("q11_os_12m", "frontline_pooled"): "a synthesis needs two studies",
    ("q11_os_12m", "mrd_positive_pooled"): "a synthesis needs two studies",
    ("q12_efs", "own_pooled"): "mixed denominators",
    ("q14_crs_g3", "per_course"): "no adverse event says in which course",
}
"""Steps that are refused, and by which guard; all others answer."""


@pytest.fixture(scope="module")
def engine(example_night: ExampleNight) -> Iterator[Engine]:
    found = connect(example_night.url, read_only=True)
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def results(engine: Engine) -> pd.DataFrame:
    with engine.connect() as connection:
        found = pd.read_sql_table("analysis_result", connection)
    return found[found["plan"].str.match(r"q\d\d_")]


@pytest.fixture(scope="module")
def subjects(engine: Engine, results: pd.DataFrame) -> pd.DataFrame:
    """Those behind the results, with their study."""
    with engine.connect() as connection:
        behind = pd.read_sql_table("analysis_subject", connection)
        adsl = pd.read_sql_query("SELECT usubjid, studyid FROM adsl", connection)
    steps = results.drop_duplicates("analysis_id")[["analysis_id", "plan", "step", "estimator"]]
    return behind.merge(steps, on="analysis_id").merge(adsl, on="usubjid")


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    folder = ROOT / "examples" / "consortium" / "plans"
    return [load_plan(path, load_catalogue()) for path in sorted(folder.glob("q*.yaml"))]


def test_every_step_answers_or_says_why_not(results: pd.DataFrame, plans: list[Plan]) -> None:
    asked = {(plan.plan, step.id) for plan in plans for step in plan.steps}
    assert set(zip(results["plan"], results["step"], strict=True)) == asked
    refused = results[results["statistic"] == "refused"].set_index(["plan", "step"])["note"].to_dict()
    assert set(refused) == set(REFUSED)
    for place, why in REFUSED.items():
        assert why in refused[place], place
    headlines = {(plan.plan, step.id) for plan in plans for step in plan.steps if step.headline}
    assert not headlines & set(refused)


def test_every_statistic_is_told_from_every_other(results: pd.DataFrame) -> None:
    assert results["id"].is_unique
    names = ["plan", "step", "statistic", "group_value", "at", "variable", "variable_level"]
    assert not results.duplicated(names).any()
    silent = results[results["value"].isna() & results["note"].isna() & results["variable"].isna()]
    silent = silent[~silent["statistic"].isin(["standard_error", "prediction"])]
    assert silent.empty, "a number that is not told says why"


def test_studies_that_may_not_enter_do_not(subjects: pd.DataFrame, plans: list[Plan]) -> None:
    """What a plan says of each study holds for the numbers that lead it."""
    for plan in plans:
        entering = {study for study, level in plan.studies.items() if level.startswith("patient-level")}
        leading = [step.id for step in plan.steps if step.headline]
        own = subjects[(subjects["plan"] == plan.plan) & subjects["step"].isin(leading)]
        behind = set(own.loc[own["event"].notna() | (own["estimator"] == "overlap"), "studyid"])
        assert behind <= entering | ({"000"} if plan.plan == "q18_genomics" else set()), plan.plan


def test_the_subjects_give_the_numbers(results: pd.DataFrame, subjects: pd.DataFrame) -> None:
    """Counts of each group are those of the rows behind them: shares, responders and events."""
    kinds = {"proportion": "responders", "kaplan-meier": "events", "cumulative-incidence": "events"}
    compared = 0
    for estimator, statistic in kinds.items():
        told = results[(results["estimator"] == estimator) & (results["statistic"] == statistic)]
        for row in told.itertuples():
            own = subjects[(subjects["analysis_id"] == row.analysis_id)]
            own = own[(own["group_value"] == row.group_value) & own["event"].notna()]
            assert (len(own), own["event"].sum()) == (row.n, row.value), (row.plan, row.step, row.group_value)
            compared += 1
    assert compared > 100


def test_subjects_stand_once_in_a_step(subjects: pd.DataFrame) -> None:
    tables = subjects["estimator"].isin(["adverse-events", "response-table", "baseline-table", "flow"])
    assert not subjects[~tables].duplicated(["analysis_id", "usubjid"]).any()


def test_run_again_they_say_the_same(engine: Engine, results: pd.DataFrame, plans: list[Plan]) -> None:
    with engine.connect() as connection:
        tables = read_derived(connection)
    catalogue = load_catalogue()
    for plan in plans[::4]:  # a night compares all of them; here each estimator once or so
        rows = [
            row
            for step in plan.steps
            for row in result_rows(run_step(plan, step, tables, catalogue), catalogue, release=None)
        ]
        again = pd.DataFrame(rows).set_index("id").sort_index()
        before = results[results["plan"] == plan.plan].set_index("id").sort_index()
        assert list(again.index) == list(before.index)
        for name in ("value", "lower", "upper", "n", "note"):
            both = again[name].astype(object).where(again[name].notna(), None)
            assert list(both) == list(before[name].astype(object).where(before[name].notna(), None)), name
