"""Estimators on data that no reference file holds, against R 4.2.2: the command stands above each constant.

A review of 2026-11 compared some 560,000 numbers on 19 data sets of R's survival, 11 of metafor and 60 random
ones (ties everywhere, no events, one subject, delayed entry that empties the risk set, fractional weights,
strata without events, k = 1 and 2). What was found stands here, and one small data set of each kind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.competing import fine_gray
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.survival import MonotoneLikelihoodWarning, cox, kaplan_meier, logrank
from allpool.errors import AnalysisError

EXACT = {"rel": 1e-9, "abs": 0.0, "nan_ok": True}

# survival::ovarian (Edmunson et al. 1979)
OVARIAN = pd.DataFrame(
    {
        "time": [
            *[59, 115, 156, 421, 431, 448, 464, 475, 477, 563, 638, 744, 769, 770, 803, 855],
            *[1040, 1106, 1129, 1206, 1227, 268, 329, 353, 365, 377],
        ],
        "event": [1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, *[0] * 10, 1, 1, 1, 1, 0],
        "age": [
            *[72.3315, 74.4932, 66.4658, 53.3644, 50.3397, 56.4301, 56.937, 59.8548, 64.1753, 55.1781],
            *[56.7562, 50.1096, 59.6301, 57.0521, 39.2712, 43.1233, 38.8932, 44.6, 53.9068, 44.2055],
            *[59.589, 74.5041, 43.137, 63.2192, 64.4247, 58.3096],
        ],
        "residual": [2, 2, 2, 2, 2, 1, 2, 2, 2, 1, 1, 1, 2, 2, 1, 1, 2, 1, 1, 2, 1, 2, 2, 1, 2, 1],
        "rx": [1, 1, 1, 2, 1, 1, 2, 2, 1, 2, 1, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 1, 1, 2, 2, 2],
        "ecog": [1, 1, 2, 1, 1, 2, 2, 2, 1, 2, 2, 1, 2, 1, 1, 2, 2, 1, 1, 1, 2, 2, 1, 2, 1, 1],
    }
)
# metafor::dat.pritz1997
RESPONDED = [16, 10, 4, 43, 10, 25, 13, 12, 22, 4, 5, 18, 58, 6]
TREATED = [17, 12, 8, 58, 10, 42, 14, 12, 41, 5, 6, 23, 68, 10]


def test_a_curve_at_level_90() -> None:
    # f <- survfit(Surv(futime, fustat) ~ 1, ovarian, conf.type = "log-log", conf.int = 0.9)
    curve = kaplan_meier(OVARIAN["time"], OVARIAN["event"], level=0.9)
    # summary(f, times = c(100, 400, 1000, 2000), extend = TRUE)
    at = curve.at([100, 400, 1000, 2000])
    assert at["at_risk"].tolist() == [25, 18, 5, 0]
    error = [0.0377146413727277, 0.0869892924733086, 0.1051026606695948, 0.1051026606695948]
    assert at["standard_error"].tolist() == pytest.approx(error, **EXACT)
    lower = [0.816119422689420, 0.556800166560843, 0.316440488522720, 0.316440488522720]
    assert at["lower"].tolist() == pytest.approx(lower, **EXACT)
    # quantile(f, 0.4); survival:::survmean(f, rmean = 1500)
    share = curve.quantile(0.4)
    assert [share.estimate, share.lower, share.upper] == pytest.approx([475, 353, np.nan], **EXACT)
    mean = curve.restricted_mean(1500)
    assert [mean.estimate, mean.standard_error] == pytest.approx(
        [929.607139265963, 119.378783722030], **EXACT
    )


def test_groups_and_models_in_strata() -> None:
    # survdiff(Surv(futime, fustat) ~ resid.ds + strata(rx), ovarian)$chisq
    tested = logrank(OVARIAN["time"], OVARIAN["event"], OVARIAN["residual"], strata=OVARIAN["rx"])
    assert tested.chi2 == pytest.approx(3.43568627500961, **EXACT)
    # coxph(Surv(futime, fustat) ~ age + rx + strata(ecog.ps) + cluster(resid.ds), ovarian, ties = "breslow")
    model = cox(OVARIAN, "time", "event", ["age", "rx"], strata="ecog", cluster="residual", ties="breslow")
    assert model.coefficients.tolist() == pytest.approx([0.131024850087280, -0.790942352102027], **EXACT)
    robust = [0.0474310722809242, 0.2709701233238861]
    assert model.table["standard_error"].tolist() == pytest.approx(robust, **EXACT)
    assert model.log_likelihood == pytest.approx(-20.1662050358099, **EXACT)


# t <- c(2,3,3,5,7,8,8,9,11,12); w <- c(.7,1.3,2.1,.4,1.9,.6,1.1,2.2,.3,.8)
TIMES = [2, 3, 3, 5, 7, 8, 8, 9, 11, 12]
WEIGHTS = [0.7, 1.3, 2.1, 0.4, 1.9, 0.6, 1.1, 2.2, 0.3, 0.8]


def test_limits_under_fractional_weights_stay_flat_between_events() -> None:
    # f <- survfit(Surv(t, c(1,0,1,1,0,1,0,0,0,0)) ~ 1, weights = w, conf.type = "log-log")
    curve = kaplan_meier(TIMES, [1, 0, 1, 1, 0, 1, 0, 0, 0, 0], weights=WEIGHTS)
    # summary(f, censored = TRUE)$std.err, of which the last four are one number to the last bit
    first = [0.0617662469900416, 0.1652453687580391, 0.1676590013830660, 0.1676590013830660]
    assert curve.standard_error.tolist() == pytest.approx([*first, *[0.1807452057620901] * 4], **EXACT)
    assert len(set(curve.upper[-4:])) == len(set(curve.lower[-4:])) == 1
    # quantile(f, c(.1, .2, .3, .4))
    found = [curve.quantile(p) for p in (0.1, 0.2, 0.3, 0.4)]
    assert [q.estimate for q in found] == pytest.approx([3, 3, 8, np.nan], **EXACT)
    assert [q.lower for q in found] == pytest.approx([2, 2, 2, 3], **EXACT)
    assert [q.upper for q in found] == pytest.approx([8, np.nan, np.nan, np.nan], **EXACT)


def test_a_weighted_curve_that_ends_at_0() -> None:
    # f <- survfit(Surv(t, c(1,0,1,1,0,1,0,1,1,1)) ~ 1, weights = w, conf.type = "plain")
    curve = kaplan_meier(TIMES, [1, 0, 1, 1, 0, 1, 0, 1, 1, 1], weights=WEIGHTS, ci="plain")
    # summary(f, times = c(9, 12, 20), extend = TRUE): unlike Greenwood's, the robust error is 0 where S(t) is
    at = curve.at([9, 12, 20])
    assert at["standard_error"].tolist() == pytest.approx([0.170554591367318, 0, 0], **EXACT)
    assert at["upper"].tolist() == pytest.approx([0.543442115790554, 0, 0], **EXACT)
    # quantile(f, c(.5, .9))
    found = [curve.quantile(p) for p in (0.5, 0.9)]
    assert [(q.estimate, q.lower, q.upper) for q in found] == [(9, 3, 11), (12, 9, 12)]


def test_fine_gray_takes_its_last_step() -> None:
    # crr(t, c, x, failcode = 1) on the columns below: $coef, sqrt($var), $loglik. A step that raises the
    # likelihood by rounding alone still moves such a coefficient by 1e-6 of itself.
    frame = pd.DataFrame(
        {
            "t": [48, 6, 11, 14, 11, 48, 52, 35, 3, 6, 20, 26, 37, 29, 16, 10],
            "c": [1, 0, 1, 1, 1, 1, 1, 2, 0, 1, 1, 0, 0, 2, 0, 1],
            "x": [
                *[2300, 8200, 6600, 6000, 3700, 5200, 3300, 7400],
                *[5300, 2200, 3700, 6900, 5600, 4600, 3700, 2600],
            ],
        }
    )
    model = fine_gray(frame, "t", "c", "x")
    found = [model.coefficients[0], model.table["standard_error"][0], model.log_likelihood]
    assert found == pytest.approx([-3.29887457941555e-04, 2.11473189750755e-04, -17.4130968700525], **EXACT)


def test_covariates_that_foretell_every_event_are_named() -> None:
    # coxph(Surv(time, event) ~ x1 + x2 + x3): "Ran out of iterations and did not converge"; the
    # log-likelihood is 0, so that rounding alone tells where the search stands
    frame = pd.DataFrame(
        {
            "time": [0, 4, 10, 1, 3],
            "event": [1, 1, 0, 0, 1],
            "x1": [0.39, -1.02, -0.76, 0.71, -0.52],
            "x2": [1, 0, 1, 0, 1],
            "x3": [7, 16, 5, 5, 3],
        }
    )
    with pytest.warns(MonotoneLikelihoodWarning, match="x1, x2, x3"):
        model = cox(frame, "time", "event", ["x1", "x2", "x3"])
    assert model.monotone == ("x1", "x2", "x3")
    assert model.table[["standard_error", "lower", "upper", "p"]].isna().all(axis=None)


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
def test_heterogeneity_does_not_depend_on_the_unit(unit: float) -> None:
    # rma(c(1, 2, 5), c(.1, 1, 1), method = "PM", control = list(tol = 1e-15)); confint(., control = ...)
    y, v = np.array([1.0, 2.0, 5.0]) * unit, np.array([0.1, 1.0, 1.0]) * unit**2
    pooled = random_effects(y, v, method="PM")
    found = [pooled.estimate / unit, pooled.standard_error / unit, pooled.tau2 / unit**2]
    assert found == pytest.approx([2.54298219091373, 1.19694306623785, 3.64254452271568], **EXACT)
    assert pooled.tau2_lower / unit**2 == pytest.approx(0.536524857986865, **EXACT)


def test_proportions_of_fourteen_studies() -> None:
    # rma.glmm(measure = "PLO", xi = xi, ni = ni, data = dat.pritz1997, nAGQ = 25)
    exact = pool_proportions(RESPONDED, TREATED, transform="glmm")
    found = [exact.estimate, exact.standard_error, exact.tau2, exact.q]
    lme4 = [1.376587521418471, 0.288377373354770, 0.589299893531053, 42.232398025233671]
    assert found == pytest.approx(lme4, rel=1e-4)  # lme4's optimiser is the looser side
    # rma(measure = "PFT", xi = xi, ni = ni, data = dat.pritz1997, method = "PM", test = "knha",
    #     control = list(tol = 1e-15)); predict(., transf = transf.ipft.hm, targs = list(ni = ni))
    pooled = pool_proportions(RESPONDED, TREATED, transform="freeman-tukey", method="PM", test="hksj")
    found = [pooled.estimate, pooled.standard_error, pooled.tau2]
    assert found == pytest.approx([1.0845738382619186, 0.0541309520253058, 0.0253713025511707], **EXACT)
    found = [pooled.proportion, pooled.proportion_lower, pooled.proportion_upper]
    assert found == pytest.approx([0.802806658158841, 0.691786142228798, 0.896699551563877], **EXACT)


@pytest.mark.parametrize(("x", "n"), [([0, 10], [10, 10]), ([0, 3, 0], [4, 3, 2])])
def test_studies_of_all_or_none_have_no_binomial_normal_model(x: list[int], n: list[int]) -> None:
    # rma.glmm(measure = "PLO", xi = c(0, 10), ni = c(10, 10)) stops at tau2 = 551,676 without a word
    with pytest.raises(AnalysisError, match="grows without bound"):
        pool_proportions(x, n, transform="glmm")
