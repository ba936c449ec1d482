"""Meta-analysis against metafor 3.8, number by number.

Tolerances: 1e-8 (observed 1e-14), but for three things that R itself knows less well. The Q-profile
interval: metafor's confint searches to .Machine$double.eps^0.25 = 1.2e-4, so that its limits are off
by up to 3e-5; ours solve the same equation to 1e-14, which test_meta.py shows. The
leave-one-out fits: metafor's leave1out stops Fisher scoring when tau2 moves by less than 1e-5 in a step. The
binomial-normal model: lme4's optimiser and numerical Hessian, compared to 1e-4 as the oracles ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from allpool.analysis.estimators.synthesis import PooledProportion, Synthesis
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.proportions import proportion

from .conftest import Grid

TRANSFORMS = {"PLO": "logit", "PFT": "freeman-tukey", "PAS": "arcsine", "PR": "raw"}
TESTS = {"z": "z", "knha": "hksj", "t": "t"}
UNIROOT = 1.3e-4
GLMM = 1e-4
FISHER_SCORING = 5e-5
COUNTS = ("cr_amlsg_45_centres", "edge_k2", "edge_all_zero", "pritz1997")
EFFECTS = ("loghr_age_by_center", "bcg_logRR")


def test_meta(grid: Callable[[str], Grid]) -> None:
    oracle = grid("meta")
    for name in COUNTS:
        _counts(oracle, name)
    for name in EFFECTS:
        studies = oracle.data[name]["input"]
        oracle.is_input(f"{name}/input/*")
        y, v = [study["yi"] for study in studies], [study["vi"] for study in studies]
        _models(oracle, name, lambda y=y, v=v, **how: random_effects(y, v, **how))
        _leave_one_out(oracle, name, y, v)
    oracle.is_complete(
        {
            "*/Qprofile_ci/I2_*": "the API promises the interval of tau2; that of I2 follows from it",
            "*/egger/*": "Egger's test is not promised by the API",
            "*/GLMM_nAGQ1_*": "Laplace's approximation; the API promises adaptive quadrature",
            "*/glmer_laplace/*": "Laplace's approximation; the API promises adaptive quadrature",
            "*/QE*_Wld": "the Wald test of homogeneity has no value where a study has 0 or n",
            "*/loglik": "shifted by lme4's deviance convention, which the API does not promise",
        }
    )


def _counts(oracle: Grid, name: str) -> None:
    studies = oracle.data[name]["data"]
    oracle.is_input(f"{name}/data/*")
    x, n = [study["x"] for study in studies], [study["n"] for study in studies]
    for code, transform in TRANSFORMS.items():
        path = f"{name}/{code}"

        def pooled(transform: str = transform, **how: Any) -> PooledProportion:
            return pool_proportions(x, n, transform=transform, **how)

        _models(oracle, path, pooled)
        oracle.is_input(f"{path}/input/*")
        inputs = oracle.data[name][code]["input"]
        _leave_one_out(oracle, path, [study["yi"] for study in inputs], [study["vi"] for study in inputs])
    for quadrature in ("nAGQ7", "nAGQ15"):
        for test in ("z", "t"):
            fit = pool_proportions(x, n, transform="glmm", test=test, prediction="metafor")
            _binomial_normal(oracle, f"{name}/GLMM_{quadrature}_{test}", fit)
    together = proportion(sum(x), sum(n))
    oracle.same(f"{name}/naive_pooled/p", together.estimate)
    oracle.same(f"{name}/naive_pooled/cp/0", together.lower)
    oracle.same(f"{name}/naive_pooled/cp/1", together.upper)


def _models(oracle: Grid, path: str, pool: Callable[..., Synthesis]) -> None:
    node: Any = oracle.data
    for key in path.split("/"):
        node = node[key]
    oracle.same(f"{path}/k", pool(method="FE").k)
    oracle.same(f"{path}/I2_Higgins_from_Q_pct", pool(method="FE").i2)
    for name in node:
        if not name.endswith(("_z", "_knha")):
            continue
        method, test = name.split("_")
        how = {"method": method, "test": TESTS[test]}
        _model(oracle, f"{path}/{name}", pool(**how), pool(**how, prediction="metafor"))


def _model(oracle: Grid, path: str, hts: Synthesis, metafor: Synthesis) -> None:
    pairs = {
        "est": hts.estimate,
        "se": hts.standard_error,
        "ci_lb": hts.lower,
        "ci_ub": hts.upper,
        "stat": hts.estimate / hts.standard_error,
        "p": hts.p,
        "tau2": hts.tau2,
        "se_tau2": hts.tau2_standard_error,
        "I2_pct": hts.i2,
        "H2": hts.h2,
        "Q": hts.q,
        "Q_p": hts.q_p,
        "pi_metafor_lb": metafor.prediction_lower,
        "pi_metafor_ub": metafor.prediction_upper,
        "pi_HTS_t_kminus2/0": hts.prediction_lower,
        "pi_HTS_t_kminus2/1": hts.prediction_upper,
    }
    for name, value in pairs.items():
        if f"{path}/{name}" not in oracle.numbers:
            continue  # a data set without a field: the completeness of the grid is asserted at the end
        oracle.same(f"{path}/{name}", value)
    if hts.method == "FE":
        oracle.same(f"{path}/Qprofile_ci", hts.tau2_lower)
    else:
        oracle.same(f"{path}/Qprofile_ci/tau2_lo", hts.tau2_lower, within=UNIROOT)
        oracle.same(f"{path}/Qprofile_ci/tau2_hi", hts.tau2_upper, within=UNIROOT)
    if isinstance(metafor, PooledProportion):
        oracle.same(f"{path}/back/p", metafor.proportion)
        oracle.same(f"{path}/back/lb", metafor.proportion_lower)
        oracle.same(f"{path}/back/ub", metafor.proportion_upper)
        oracle.same(f"{path}/back/pi_lb", metafor.proportion_prediction_lower)
        oracle.same(f"{path}/back/pi_ub", metafor.proportion_prediction_upper)


def _leave_one_out(oracle: Grid, path: str, y: list[float], v: list[float]) -> None:
    for i in range(len(y)):
        if f"{path}/loo_REML/{i}/est" not in oracle.numbers:
            continue
        rest = random_effects(y[:i] + y[i + 1 :], v[:i] + v[i + 1 :])
        oracle.same(f"{path}/loo_REML/{i}/est", rest.estimate, within=FISHER_SCORING)
        oracle.same(f"{path}/loo_REML/{i}/se", rest.standard_error, within=FISHER_SCORING)
        oracle.same(f"{path}/loo_REML/{i}/tau2", rest.tau2, within=FISHER_SCORING)


def _binomial_normal(oracle: Grid, path: str, fit: PooledProportion) -> None:
    for name, value in {
        "logit": fit.estimate,
        "se": fit.standard_error,
        "tau2": fit.tau2,
        "p": fit.proportion,
        "lb": fit.proportion_lower,
        "ub": fit.proportion_upper,
        "pi_lb": fit.proportion_prediction_lower,
        "pi_ub": fit.proportion_prediction_upper,
    }.items():
        oracle.same(f"{path}/{name}", value, within=GLMM)
    oracle.same(f"{path}/I2", fit.i2, within=GLMM)
    oracle.same(f"{path}/QE_LRT", fit.q)
    oracle.same(f"{path}/QEp_LRT", fit.q_p)


@pytest.mark.parametrize("method", ["FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS"])
def test_the_grid_has_each_method(grid: Callable[[str], Grid], method: str) -> None:
    assert any(f"/{method}_z/est" in path for path in grid("meta").numbers)
