"""Meta-regression, subgroups and one-stage models against R (metafor 3.8, lme4 1.1-31, survival 3.5-3).

`r/pooling.json` is what `r/pooling.R` wrote, with the data it was computed on (dat.bcg of metafor, and
synthetic patients of five studies). Tolerances: 1e-8 for metafor. 2e-5 for lme4, whose optimiser and
numerical Hessian are the looser side (seen: 6e-6). The frailty variance 1e-4, since R's outer search stops
earlier: its log-likelihood is the lower one, by 5e-9; coefficients at those variances 1e-5. The errors of a
glm 1e-7, of its last but one iteration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.meta import meta_regression, pool_proportions, random_effects, subgroups
from allpool.analysis.one_stage import one_stage_logistic, one_stage_survival

R = json.loads((Path(__file__).parent / "r" / "pooling.json").read_text(encoding="utf-8"))
BCG = pd.DataFrame(R["bcg"])
PATIENTS = pd.DataFrame(R["patients"])
TESTS = {"z": "z", "knha": "hksj", "t": "t"}
MODERATORS = {"two": ["ablat", "year"], "factor": ["alloc"]}


def same(value: Any, expected: Any, *, within: float = 1e-8) -> None:
    told = np.array(expected, dtype=float)  # null is nan
    assert np.asarray(value, dtype=float) == pytest.approx(told, rel=within, abs=within, nan_ok=True)


@pytest.mark.parametrize("key", sorted(R["regression"]))
@pytest.mark.parametrize("which", sorted(MODERATORS))
def test_meta_regression(key: str, which: str) -> None:
    method, test = key.split("_")
    fit = meta_regression(BCG.y, BCG.v, BCG[MODERATORS[which]], method=method, test=TESTS[test])
    expected = R["regression"][key][which]
    columns = {name for name in expected if name in fit.table.columns}
    for name, value in expected.items():
        same(fit.table[name] if name in columns else getattr(fit, name), value)
    assert columns == {"coefficient", "standard_error", "statistic", "p", "lower", "upper"}
    assert len(expected) == 15


def test_all_methods_and_tests_were_compared() -> None:
    methods = ("FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS")
    assert set(R["regression"]) == {f"{method}_{test}" for method in methods for test in TESTS}


def test_subgroups() -> None:
    found = subgroups(BCG.y, BCG.v, BCG.alloc)
    for row in found.to_frame().to_dict("records"):
        expected = R["subgroups"][row["group"]]
        for name in ("estimate", "standard_error", "tau2", "q"):
            same(row[name], expected[name])
    same(found.between.chi2, R["between"]["separate"])
    same(found.between.p, R["between"]["separate_p"])


def test_subgroups_of_one_tau2_are_the_meta_regression() -> None:
    found = subgroups(BCG.y, BCG.v, BCG.alloc, tau2="common")
    same(found.between.chi2, R["regression"]["REML_z"]["factor"]["qm"])
    same(found.groups["tau2"], [R["regression"]["REML_z"]["factor"]["tau2"]] * 3)
    same(found.groups["estimate"].iloc[0], R["regression"]["REML_z"]["factor"]["coefficient"][0])


def test_a_regression_on_nothing_but_a_centred_zero_sum_is_the_synthesis() -> None:
    """With a moderator orthogonal under equal variances, the intercept is the plain mean."""
    y, v = np.array([0.1, 0.9, 0.4, 0.6]), np.full(4, 0.04)
    fit = meta_regression(y, v, pd.DataFrame({"m": [-1.0, -1.0, 1.0, 1.0]}), method="FE")
    assert fit.table["coefficient"].iloc[0] == pytest.approx(random_effects(y, v, method="FE").estimate)


def test_random_study_intercepts() -> None:
    fit = one_stage_logistic(PATIENTS, "y", ["age", "arm"], study="study", effect="random")
    same(fit.table["coefficient"], R["random"]["coefficient"], within=2e-5)
    same(fit.table["standard_error"], R["random"]["standard_error"], within=2e-5)
    same(fit.between, R["random"]["tau2"], within=2e-5)


def test_without_covariates_it_is_the_binomial_normal_model() -> None:
    fit = one_stage_logistic(PATIENTS, "y", study="study", effect="random")
    same(fit.table["coefficient"], [R["random_alone"]["coefficient"]], within=2e-5)
    same(fit.between, R["random_alone"]["tau2"], within=2e-5)
    pooled = pool_proportions(fit.studies["events"], fit.studies["n"], transform="glmm")
    same(fit.coefficients[0], pooled.estimate, within=1e-7)
    same(fit.table["standard_error"].iloc[0], pooled.standard_error, within=1e-6)
    same(fit.between, pooled.tau2, within=1e-6)


def test_fixed_study_intercepts() -> None:
    fit = one_stage_logistic(PATIENTS, "y", ["age", "arm"], study="study")
    same(fit.table["coefficient"], R["stratified"]["coefficient"])
    same(fit.table["standard_error"], R["stratified"]["standard_error"], within=1e-7)
    same(-2 * fit.log_likelihood, R["stratified"]["deviance"])


@pytest.mark.parametrize(("key", "ties"), [("frailty", "efron"), ("frailty_breslow", "breslow")])
def test_shared_frailty(key: str, ties: str) -> None:
    expected = R[key]
    fit = one_stage_survival(
        PATIENTS, "time", "event", ["age", "arm"], study="study", effect="frailty", ties=ties
    )
    # R lists the studies' effects after the covariates
    same(fit.table["coefficient"], expected["coefficient"][:3], within=1e-5)
    same(fit.table["standard_error"], expected["standard_error"][:3], within=1e-5)
    same(fit.between, expected["theta"], within=1e-4)
    same(fit.log_likelihood, expected["log_likelihood"], within=1e-9)
    assert fit.log_likelihood >= expected["log_likelihood"]
