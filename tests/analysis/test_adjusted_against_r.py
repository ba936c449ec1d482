"""One-stage curves, regression of the restricted mean, overlap weights and splines against R.

`r/adjusted.json` is what `r/adjusted.R` wrote, with the patients it was computed on. Tolerances: 1e-9 where
both solve the same equations; 1e-6 for the errors of overlap weights, whose derivatives R takes numerically,
and for lme4, whose optimiser and numerical Hessian are the looser side; 1e-7 for a glm's P, of its last but
one iteration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.estimators.splines import restricted_cubic
from allpool.analysis.logistic import logistic
from allpool.analysis.one_stage import one_stage_curve
from allpool.analysis.survival import restricted_mean_difference, restricted_mean_regression
from allpool.analysis.weighting import overlap_weighted
from allpool.errors import AnalysisError

R = json.loads((Path(__file__).parent / "r" / "adjusted.json").read_text(encoding="utf-8"))
PATIENTS = pd.DataFrame(R["patients"])


def same(value: Any, expected: Any, *, within: float = 1e-9) -> None:
    told = np.array(expected, dtype=float)
    assert np.asarray(value, dtype=float) == pytest.approx(told, rel=within, abs=within)


@pytest.mark.parametrize(("which", "cuts"), [("plain", ()), ("cut", (3, 6))])
def test_one_stage_curve(which: str, cuts: tuple[float, ...]) -> None:
    curve = one_stage_curve(PATIENTS, "time", "event", study="study", cuts=cuts, entry="entry", test="z")
    expected = R["curve"][which]
    same(curve.log_hazards, expected["log_hazard"], within=1e-6)
    same(curve.variance, expected["variance"], within=1e-6)
    same(curve.between, expected["tau2"], within=1e-6)
    at = curve.at([0, 6, 12]).set_index("time")
    assert at.loc[0, "survival"] == 1
    assert at["survival"].is_monotonic_decreasing
    assert (at.loc[6:, "lower"] < at.loc[6:, "survival"]).all()
    assert (at.loc[6:, "survival"] < at.loc[6:, "upper"]).all()
    assert curve.n == len(PATIENTS)
    assert curve.events == PATIENTS["event"].sum()
    wider = one_stage_curve(PATIENTS, "time", "event", study="study", cuts=cuts, entry="entry").at(12)
    assert wider["lower"].item() < at.loc[12, "lower"], "t on four degrees of freedom is wider than z"


def test_a_curve_of_studies_that_do_not_differ_is_events_over_time() -> None:
    twins = pd.concat([PATIENTS.assign(study="a"), PATIENTS.assign(study="b")])
    curve = one_stage_curve(twins, "time", "event", study="study", test="z")
    assert curve.between == 0
    hazard = PATIENTS["event"].sum() / PATIENTS["time"].sum()
    same(curve.at(5)["survival"].item(), np.exp(-5 * hazard))
    same(curve.variance.item(), 1 / (2 * PATIENTS["event"].sum()))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cuts": [6, 3]}, "rise"),
        ({"cuts": [99]}, "beyond the last time"),
        ({"cuts": [0.05]}, "no events in the interval from 0; leave out a cut"),
        ({"study": "one"}, "needs two studies"),
        ({"test": "hksj"}, "unknown test"),
        ({"entry": "late"}, "enter after they leave"),
        ({"duration": "nowhere"}, "no column nowhere"),
    ],
)
def test_what_a_curve_refuses(options: dict[str, Any], says: str) -> None:
    frame = PATIENTS.assign(one="s", late=99.0)
    asked = {"duration": "time", "event": "event", "study": "study", **options}
    with pytest.raises(AnalysisError, match=says):
        one_stage_curve(frame, **asked)


def test_no_curve_beyond_the_last_follow_up() -> None:
    curve = one_stage_curve(PATIENTS, "time", "event", study="study")
    with pytest.raises(AnalysisError, match="nobody is followed beyond"):
        curve.at(PATIENTS["time"].max() + 1)


def test_regression_of_the_restricted_mean() -> None:
    expected = R["restricted_mean"]
    model = restricted_mean_regression(
        PATIENTS, "time", "event", ["ph", "age"], tau=expected["tau"], strata="study"
    )
    assert model.terms == ("ph=positive", "age")
    same(model.table["difference"], expected["coefficient"])
    same(model.table["standard_error"], expected["standard_error"])


def test_of_one_group_indicator_it_is_nearly_the_difference_of_the_means() -> None:
    """Pseudo-values of one curve are not those of two, and yet the difference comes out within its error."""
    model = restricted_mean_regression(PATIENTS, "time", "event", "ph", tau=8)
    plain = restricted_mean_difference(PATIENTS["time"], PATIENTS["event"], PATIENTS["ph"], 8)
    assert abs(model.coefficients.item() - plain.estimate) < 0.1 * plain.standard_error


def test_without_censoring_a_pseudo_value_is_the_time_itself() -> None:
    frame = PATIENTS.assign(event=1)
    model = restricted_mean_regression(frame, "time", "event", "age", tau=8)
    slope, _ = np.polyfit(frame["age"], np.minimum(frame["time"], 8), 1)
    same(model.coefficients.item(), slope)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tau": 99}, "beyond the follow-up of a stratum"),
        ({"covariates": []}, "at least one covariate"),
        ({"covariates": ["age", "twice"]}, "determine each other"),
        ({"strata": "alone"}, "two subjects in each stratum"),
    ],
)
def test_what_the_regression_refuses(options: dict[str, Any], says: str) -> None:
    frame = PATIENTS.assign(twice=2 * PATIENTS["age"], alone=range(len(PATIENTS)))
    with pytest.raises(AnalysisError, match=says):
        restricted_mean_regression(frame, "time", "event", **{"covariates": "age", "tau": 8, **options})


def test_overlap_weights() -> None:
    found = overlap_weighted(PATIENTS, "y", "given", ["age", "ph"])
    expected = R["overlap"]
    same([own.estimate for own in found.shares], expected["shares"])
    same([own.standard_error for own in found.shares], expected["standard_error"], within=1e-6)
    same(found.difference.estimate, expected["difference"])
    same(found.difference.standard_error, expected["difference_error"], within=1e-6)
    assert found.contrast == "1 less 0"
    for own in found.shares:
        assert 0 < own.lower < own.estimate < own.upper < 1
    assert found.n == (int((PATIENTS["given"] == 0).sum()), int(PATIENTS["given"].sum()))
    assert list(found.to_frame()["group"]) == ["0", "1", "1 less 0"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_overlap_weights_make_each_covariate_equal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"x": rng.normal(size=60), "sex": rng.choice(["f", "m"], 60), "y": rng.integers(0, 2, 60)}
    )
    frame["group"] = np.where(rng.random(60) < 1 / (1 + np.exp(-frame["x"])), "b", "a")
    found = overlap_weighted(frame, "y", "group", ["x", "sex"])
    same(found.balance["a"], found.balance["b"])
    assert all(0 < size <= n for size, n in zip(found.effective_n, found.n, strict=True))
    assert all(0 <= own.estimate <= 1 for own in found.shares)


def test_where_all_of_a_group_respond_there_is_no_interval() -> None:
    frame = PATIENTS.assign(y=PATIENTS["y"].where(PATIENTS["given"] == 0, 1))
    found = overlap_weighted(frame, "y", "given", ["age", "ph"])
    assert found.shares[1].estimate == 1
    assert np.isnan([found.shares[1].upper, found.difference.lower, found.difference.standard_error]).all()
    assert found.difference.estimate == pytest.approx(1 - found.shares[0].estimate)
    assert "no interval: in 1 the outcome is the same in all" in found.difference.method
    assert found.shares[0].lower > 0


@pytest.mark.parametrize(
    ("group", "covariates", "says"),
    [
        ("study", "age", "exactly two groups; study has 5"),
        ("given", "tells", "nobody might have been in either group"),
        ("given", [], "at least one covariate"),
    ],
)
def test_what_overlap_weights_refuse(group: str, covariates: Any, says: str) -> None:
    frame = PATIENTS.assign(tells=PATIENTS["given"])
    with pytest.raises(AnalysisError, match=says):
        overlap_weighted(frame, "y", group, covariates)


def test_a_spline_of_three_knots() -> None:
    bend, knots = restricted_cubic(PATIENTS["age"], name="age")
    expected = R["spline"]
    same(knots, expected["knots"])
    model = logistic(PATIENTS.assign(bend=bend), "y", ["given", "age", "bend"])
    same(model.log_likelihood, expected["log_likelihood"])
    same(model.table.set_index("term").loc["bend", "p"], expected["p"], within=1e-7)
    straight = np.polyfit(
        PATIENTS.loc[PATIENTS["age"] <= knots[0], "age"], bend[PATIENTS["age"] <= knots[0]], 1
    )
    same(straight, [0, 0])
    beyond = PATIENTS["age"] >= knots[2]
    slope = np.polyfit(PATIENTS.loc[beyond, "age"], bend[beyond], 2)
    same(slope[0], 0)


def test_a_number_of_few_values_has_no_spline() -> None:
    with pytest.raises(AnalysisError, match="too few values for a spline"):
        restricted_cubic(np.repeat([1.0, 2.0], 20), name="age")
