"""AMLSG from the store through its plan: transplant as it comes, competing risks and more equal R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from allpool.analysis.plans.plan import load_plan
from allpool.analysis.plans.run import StepResult, run_step
from allpool.analysis.plans.steps.base import Statistic
from allpool.analysis.store import Store
from tests.nights.conftest import ROOT

pytestmark = pytest.mark.xdist_group("real")  # one worker: the night is run once
CLOSE = {"rtol": 1e-8, "atol": 1e-10}  # R prints 15 digits; both maximise the same likelihood
STUDIES = {"amlsg-hd98a": "AMLHD98A", "amlsg-hd98b": "AMLHD98B", "amlsg-0704": "AMLSG0704"}


@pytest.fixture(scope="module")
def results(real_store: Store) -> Mapping[str, StepResult]:
    plan = load_plan(ROOT / "examples" / "real" / "plans" / "amlsg.yaml", real_store.catalogue)
    return {step.id: run_step(plan, step, real_store.tables, real_store.catalogue) for step in plan.steps}


def one(result: StepResult, statistic: str, group: str | None = None, at: float | None = None) -> Statistic:
    [found] = [
        item for item in result.statistics if (item.statistic, item.group, item.at) == (statistic, group, at)
    ]
    return found


def assert_term(result: StepResult, term: str, expected: Any, name: str) -> None:
    [row] = [row for row in expected["hr_ci95"] if row["term"] == name]
    found = one(result, "hazard_ratio", term)
    np.testing.assert_allclose(
        [found.value, found.lower, found.upper], [row["hr"], row["lower"], row["upper"]], **CLOSE
    )


@pytest.mark.parametrize(
    ("step", "model"), [("transplant", "rfs"), ("transplant_within_studies", "rfs_strata_study")]
)
def test_transplant_as_it_comes(
    results: Mapping[str, StepResult], amlsg_oracle: Any, step: str, model: str
) -> None:
    expected = amlsg_oracle["td_cox"][model]
    assert one(results[step], "events").value == expected["nevent"]
    assert one(results[step], "exposed").value == amlsg_oracle["td_cox"]["n_switch"]
    assert_term(results[step], "exposed", expected, "allo")
    assert_term(results[step], "age", expected, "AOD")


def test_from_time_zero_it_is_refused(results: Mapping[str, StepResult]) -> None:
    [refused] = results["transplant_naive"].statistics
    assert refused.statistic == "refused"
    assert refused.value is None
    assert "known only after time zero" in (refused.note or "")
    assert "time-dependent" in (refused.note or "")


def test_overridden_it_is_the_wrong_answer_and_says_so(real_store: Store, amlsg_oracle: Any) -> None:
    plan = load_plan(ROOT / "examples" / "real" / "plans" / "amlsg.yaml", real_store.catalogue)
    [step] = [step for step in plan.steps if step.id == "transplant_naive"]
    asked = step.model_copy(update={"override": "to show the bias"})
    found = run_step(plan, asked, real_store.tables, real_store.catalogue)
    expected = amlsg_oracle["td_cox"]["naive_ever_allo_WRONG"]
    assert_term(found, "hsct/first_remission_status", expected, "I(!is.na(allo_t))TRUE")
    assert all("a guard was overridden: to show the bias" in (item.note or "") for item in found.statistics)


def test_landmark(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    expected = amlsg_oracle["landmark180"]
    found = results["transplant_landmark"]
    assert one(found, "events", "exposed").n == expected["n_allo"]
    assert one(found, "logrank_p").n == expected["n"]
    np.testing.assert_allclose(one(found, "logrank_p").value, expected["logrank"]["p"], rtol=1e-8)
    assert_term(found, "exposed", expected["cox"], "al")


def test_competing_risks(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    expected = amlsg_oracle["cuminc_from_cr"]
    [one_cause] = [row for row in expected["gray"] if row["cause"] == "1"]
    gray = results["relapse_by_study"]
    np.testing.assert_allclose(one(gray, "gray_chi2").value, one_cause["stat"], rtol=1e-8)
    np.testing.assert_allclose(one(gray, "gray_p").value, one_cause["pv"], rtol=1e-8)
    curves = {row["curve"]: row for row in expected["cmprsk_est"]}
    for study, name in STUDIES.items():
        for at in (365, 730, 1826):
            found = one(results["relapse"], "incidence", study, at)
            np.testing.assert_allclose(found.value, curves[f"{name} 1"][str(at)], rtol=1e-12)


def test_gray_within_studies(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    rows = amlsg_oracle["cuminc_gender_strata_study"]["gray_stratified_by_Study"]
    [expected] = [row for row in rows if row["cause"] == "1"]
    found = results["relapse_by_sex"]
    np.testing.assert_allclose(one(found, "gray_chi2").value, expected["stat"], rtol=1e-8)


def test_fine_gray(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    rows = {row["term"]: row for row in amlsg_oracle["finegray"]["relapse"]["shr"]}
    age = one(results["relapse_model"], "hazard_ratio", "age")
    np.testing.assert_allclose(
        [age.value, age.lower, age.upper],
        [rows["AOD"]["exp(coef)"], rows["AOD"]["2.5%"], rows["AOD"]["97.5%"]],
        **CLOSE,
    )
    # the set codes sex as 1 (male) and 2 (female), the store as words: the ratio is of male to female
    sex = one(results["relapse_model"], "hazard_ratio", "sex=male")
    np.testing.assert_allclose(1 / (sex.value or np.nan), rows["gender"]["exp(coef)"], **CLOSE)


def test_restricted_mean(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    [expected] = [
        row for row in amlsg_oracle["rmst_0704_vs_98A"]["unadjusted"] if row["contrast"].endswith("-(arm=0)")
    ]
    # the difference is second less first in sorted order: HD98A less 07-04
    found = one(
        results["os_restricted_mean"], "restricted_mean_difference", "amlsg-hd98a less amlsg-0704", 1826
    )
    np.testing.assert_allclose(
        [-(found.value or np.nan), -(found.upper or np.nan), -(found.lower or np.nan)],
        [expected["Est."], expected["lower..95"], expected["upper..95"]],
        **CLOSE,
    )


def test_within_centres(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    expected = amlsg_oracle["logrank"]["os_study_strata_center"]
    found = results["os_by_study_centres"]
    np.testing.assert_allclose(one(found, "logrank_chi2").value, expected["chisq"], rtol=1e-8)


def test_cr_compared(results: Mapping[str, StepResult], amlsg_oracle: Any) -> None:
    found = one(results["cr_by_study"], "p")
    np.testing.assert_allclose(found.value, amlsg_oracle["cr_tests"]["fisher_study"], rtol=1e-6)


def test_only_what_must_be_is_refused(results: Mapping[str, StepResult]) -> None:
    refused = [name for name, result in results.items() if result.statistics[0].statistic == "refused"]
    assert refused == ["transplant_naive"]
