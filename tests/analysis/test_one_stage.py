"""One-stage models, the beta-binomial and the sums of all studies: what they refuse, and rules that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.meta import (
    beta_binomial,
    exact_common,
    leave_one_out,
    meta_regression,
    random_effects,
    subgroups,
)
from allpool.analysis.one_stage import one_stage_logistic, one_stage_survival
from allpool.analysis.proportions import proportion
from allpool.analysis.survival import cox
from allpool.errors import AnalysisError


def patients(seed: int = 1, sizes: tuple[int, ...] = (30, 40, 50)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    study = np.repeat([f"s{i}" for i in range(len(sizes))], sizes)
    x = rng.normal(size=study.size)
    y = rng.binomial(1, 1 / (1 + np.exp(-0.5 * x)))
    time = np.ceil(rng.exponential(400, study.size))
    return pd.DataFrame(
        {"study": study, "x": x, "y": y, "time": time, "event": rng.binomial(1, 0.7, study.size)}
    )


def test_a_study_in_which_all_respond_says_nothing_and_is_named() -> None:
    frame = patients()
    alone = one_stage_logistic(frame, "y", "x", study="study")
    more = pd.concat([frame, pd.DataFrame({"study": "s9", "x": [0.1, 2.0, -1.0], "y": 1})], ignore_index=True)
    fit = one_stage_logistic(more, "y", "x", study="study")
    assert fit.table["coefficient"].iloc[0] == pytest.approx(alone.table["coefficient"].iloc[0], abs=1e-12)
    assert fit.left_out == ("s9: all 3 responded, which says nothing of the covariates within the study",)
    assert list(fit.studies["study"]) == ["s0", "s1", "s2"]
    assert (fit.n, fit.events) == (120, int(frame["y"].sum()))


def test_a_covariate_that_separates_is_refused_with_the_alternative() -> None:
    frame = patients().assign(y=lambda f: (f["x"] > 0).astype(int))
    for effect in ("stratified", "random"):
        with pytest.raises(AnalysisError, match="Firth"):
            one_stage_logistic(frame, "y", "x", study="study", effect=effect)


def test_a_covariate_that_is_the_study_cannot_be_told_from_it() -> None:
    """Question q16: where age is the study, no comparison within studies exists."""
    frame = patients().assign(child=lambda f: (f["study"] == "s0").astype(float))
    with pytest.raises(AnalysisError, match="within the studies"):
        one_stage_logistic(frame, "y", "child", study="study")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"study": "x9"}, "no column x9"),
        ({"study": "study", "effect": "fixed"}, "stratified, random"),
        ({"study": "study", "covariates": ()}, "each study's own proportion"),
    ],
)
def test_wrong_use_is_told(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        one_stage_logistic(patients(), "y", **({"covariates": "x"} | arguments))  # type: ignore[arg-type]


def test_one_study_is_no_synthesis() -> None:
    frame = patients(sizes=(60,))
    with pytest.raises(AnalysisError, match="two studies"):
        one_stage_logistic(frame, "y", "x", study="study")
    with pytest.raises(AnalysisError, match="two studies"):
        one_stage_survival(frame, "time", "event", "x", study="study")


def test_stratified_survival_is_cox_with_strata() -> None:
    frame = patients()
    fit = one_stage_survival(frame, "time", "event", "x", study="study")
    pd.testing.assert_frame_equal(fit.table, cox(frame, "time", "event", "x", strata="study").table)


def test_studies_that_do_not_differ_have_no_frailty() -> None:
    frame = patients(seed=4)
    shuffled = frame.assign(study=np.tile(["a", "b"], 60))
    fit = one_stage_survival(shuffled, "time", "event", "x", study="study", effect="frailty")
    plain = cox(shuffled, "time", "event", "x")
    assert fit.between < 0.02
    if fit.between == 0:
        assert fit.table["coefficient"].iloc[0] == pytest.approx(plain.coefficients[0], abs=1e-6)
        assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)


# R 4.2.2, an independent search over (mean, correlation) with lbeta, optimize and uniroot:
# for each mean the likelihood is maximised over rho; the interval is where it drops by qchisq(.95, 1) / 2
@pytest.mark.parametrize(
    ("x", "n", "estimate", "lower", "upper", "log_likelihood"),
    [
        ((1, 1), (19, 29), 0.04166666666667, 0.00705136747872, 0.18098397236817, -8.31384992396050),
        ((6, 18), (21, 23), 0.536567151648, 0.186125228739, 0.850089195986, -27.317068780653),
        ((0, 0, 0, 0), (12, 20, 18, 19), 0.0, 0.0, 0.38132934504, 0.0),
        ((2, 14, 5, 30), (25, 30, 41, 60), 0.293188935189, 0.133765663376, 0.542595484616, -90.358642417690),
        ((0, 3, 1), (19, 29, 40), 0.0454318478416, 0.0103290279928, 0.2110564956839, -16.2608951144312),
    ],
)
def test_beta_binomial_as_in_r(
    x: tuple[int, ...], n: tuple[int, ...], estimate: float, lower: float, upper: float, log_likelihood: float
) -> None:
    fit = beta_binomial(x, n)
    found = (fit.estimate, fit.lower, fit.upper, fit.log_likelihood)
    assert found == pytest.approx((estimate, lower, upper, log_likelihood), abs=1e-6)


def test_grade_3_crs_of_two_studies() -> None:
    """Question q14: 1/19 and 1/29; 2/48 is 4.2 %, Clopper-Pearson 0.5 to 14.3."""
    together = exact_common([1, 1], [19, 29])
    assert [round(100 * value, 1) for value in (together.estimate, together.lower, together.upper)] == [
        4.2,
        0.5,
        14.3,
    ]
    assert beta_binomial([1, 1], [19, 29]).upper > together.upper


studies = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=5
)


@settings(max_examples=40, deadline=None)
@given(studies)
def test_beta_binomial_holds_its_estimate_and_mirrors(found: list[tuple[int, int]]) -> None:
    x, n = zip(*found, strict=True)
    fit = beta_binomial(x, n)
    assert 0 <= fit.lower <= fit.estimate <= fit.upper <= 1
    mirror = beta_binomial([b - a for a, b in found], n)
    assert (mirror.estimate, mirror.lower, mirror.upper) == pytest.approx(
        (1 - fit.estimate, 1 - fit.upper, 1 - fit.lower), abs=2e-4
    )


@settings(max_examples=40, deadline=None)
@given(studies)
def test_the_sums_of_all_studies(found: list[tuple[int, int]]) -> None:
    x, n = zip(*found, strict=True)
    together, own = exact_common(x, n), proportion(sum(x), sum(n))
    assert (together.estimate, together.lower, together.upper) == (own.estimate, own.lower, own.upper)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 2)), min_size=3, max_size=6),
    st.sampled_from(["FE", "DL", "PM", "REML"]),
)
def test_leaving_one_out_is_the_synthesis_of_the_rest(rows: list[tuple[float, float]], method: str) -> None:
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    frame = leave_one_out(y, v, method=method)
    for i, row in enumerate(frame.to_dict("records")):
        rest = random_effects(np.delete(y, i), np.delete(v, i), method=method)
        assert row["omitted"] == str(i + 1)
        assert (row["estimate"], row["tau2"], row["k"]) == (rest.estimate, rest.tau2, len(rows) - 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 1)), min_size=5, max_size=8), st.floats(-3, 3))
def test_a_regression_follows_a_shift_of_its_estimates(rows: list[tuple[float, float]], shift: float) -> None:
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    moderators = pd.DataFrame({"m": np.arange(len(rows), dtype=float)})
    fit = meta_regression(y, v, moderators, method="DL")
    moved = meta_regression(y + shift, v, moderators, method="DL")
    assert moved.coefficients == pytest.approx(fit.coefficients + np.array([shift, 0.0]), abs=1e-8)
    assert (moved.tau2, moved.qe) == pytest.approx((fit.tau2, fit.qe), abs=1e-8)


def test_moderators_that_cannot_be_told_are_refused() -> None:
    y, v = [0.1, 0.4, 0.3, 0.8], [0.1, 0.1, 0.2, 0.1]
    for columns, words in (
        ({"a": [1, 2, 3, 4], "b": [1, 0, 1, 1], "c": [0, 0, 1, 2]}, "4 studies cannot tell 4 coefficients"),
        ({"a": [1, 1, 1, 1]}, "the same in all studies"),
        ({"a": [1, 2, 3, 4], "b": [2, 4, 6, 8]}, "combination"),
        ({"a": [1, 2, 3, None]}, "missing"),
    ):
        with pytest.raises(AnalysisError, match=words):
            meta_regression(y, v, pd.DataFrame(columns))
    with pytest.raises(AnalysisError, match="one group"):
        subgroups(y, v, ["a"] * 4)
    with pytest.raises(AnalysisError, match="none to leave out"):
        leave_one_out([0.1], [0.2])
    with pytest.raises(AnalysisError, match="differ in length"):
        leave_one_out(y, v, studies=["a"])
