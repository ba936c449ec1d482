"""Meta-analysis where the studies are few, alike or without events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtri

from allpool.analysis.estimators.heterogeneity import METHODS, cochran_q
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.errors import AnalysisError

Y = [0.3, -0.1, 0.8, 0.45]
V = [0.04, 0.09, 0.02, 0.10]
studies = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 2)), min_size=3, max_size=8)


def _residual(tau2: float, *, method: str) -> float:
    """The estimating equation of each iterated method, written with matrices; 0 at its solution."""
    y, k = np.array(Y), len(Y)
    W = np.diag(1 / (np.array(V) + tau2))
    one = np.ones((k, 1))
    P = W - W @ one @ one.T @ W / W.sum()
    return {
        "ML": y @ P @ P @ y - np.trace(W),
        "REML": y @ P @ P @ y - np.trace(P),
        "EB": y @ P @ y - (k - 1),
        "PM": y @ P @ y - (k - 1),
    }[method]


@pytest.mark.parametrize("method", ["ML", "REML", "EB", "PM"])
def test_iterated_estimators_solve_their_equation(method: str) -> None:
    tau2 = random_effects(Y, V, method=method).tau2
    assert tau2 > 0
    assert _residual(tau2, method=method) == pytest.approx(0, abs=1e-10)


def test_the_q_profile_limits_are_where_q_meets_chi_square() -> None:
    found = random_effects([0.1, 1.9, -1.2, 0.7], V)
    y, v = np.array([0.1, 1.9, -1.2, 0.7]), np.array(V)
    assert cochran_q(y, v, found.tau2_lower) == pytest.approx(chdtri(3, 0.025), rel=1e-9)
    assert cochran_q(y, v, found.tau2_upper) == pytest.approx(chdtri(3, 0.975), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_one_study_speaks_for_itself(method: str) -> None:
    found = random_effects([0.4], [0.04], method=method)
    assert (found.estimate, found.standard_error, found.k) == (0.4, 0.2, 1)
    assert found.lower == pytest.approx(0.4 - 1.959963984540054 * 0.2)
    assert np.isnan([found.prediction_lower, found.i2, found.tau2_upper]).all()
    assert np.isnan(random_effects([0.4], [0.04], method=method, test="hksj").lower)


def test_two_studies_predict_nothing_by_hts() -> None:
    found = random_effects(Y[:2], V[:2], test="hksj")
    assert np.isnan([found.prediction_lower, found.prediction_upper]).all()
    assert not np.isnan(random_effects(Y[:2], V[:2], prediction="metafor").prediction_lower)


def test_identical_studies_have_no_heterogeneity() -> None:
    for method in METHODS:
        found = random_effects([0.2] * 3, [0.1] * 3, method=method)
        assert (found.tau2, found.i2) == pytest.approx((0, 0), abs=1e-12)
        assert found.estimate == pytest.approx(0.2)


def test_t_is_wider_than_z_by_its_quantile_alone() -> None:
    z, t = random_effects(Y, V), random_effects(Y, V, test="t")
    assert t.standard_error == z.standard_error
    assert (t.upper - t.estimate) / (z.upper - z.estimate) == pytest.approx(
        3.182446305284263 / 1.959963984540054
    )


def test_weights_add_up_to_a_hundred() -> None:
    assert sum(random_effects(Y, V).weights) == pytest.approx(100)
    assert list(random_effects(Y, V, method="FE").to_frame()["k"]) == [4]


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (([], []), {}, "too little data"),
        ((Y, V[:2]), {}, "differ in length"),
        (([0.1, np.nan], [1, 1]), {}, "missing"),
        (([0.1, 0.2], [1, 0]), {}, "above 0"),
        ((Y, V), {"method": "reml"}, "unknown method"),
        ((Y, V), {"test": "knha"}, "unknown test"),
        ((Y, V), {"prediction": "none"}, "unknown prediction"),
        ((Y, V), {"level": 0}, "between 0 and 1"),
    ],
)
def test_bad_input_is_named(arguments: tuple, options: dict, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        random_effects(*arguments, **options)


@pytest.mark.parametrize("x", [[0, 0, 0], [10, 20, 5]])
def test_nobody_or_everybody_in_each_study(x: list[int]) -> None:
    n = [10, 20, 5]
    for transform in ("logit", "freeman-tukey", "arcsine", "raw"):
        found = pool_proportions(x, n, transform=transform)
        distance = found.proportion if sum(x) == 0 else 1 - found.proportion
        assert 0 <= distance < 0.1
    with pytest.raises(AnalysisError, match="no estimate"):
        pool_proportions(x, n, transform="glmm")


def test_studies_of_all_or_nothing_have_no_glmm() -> None:
    with pytest.raises(AnalysisError, match="without bound"):
        pool_proportions([0, 30, 30, 0], [30, 30, 30, 30], transform="glmm")


def test_one_study_of_proportions() -> None:
    found = pool_proportions([3], [10], transform="arcsine")
    assert found.proportion == pytest.approx(0.3)
    with pytest.raises(AnalysisError, match="at least two studies"):
        pool_proportions([3], [10], transform="glmm")


def test_alike_studies_pool_to_the_plain_proportion_by_glmm() -> None:
    found = pool_proportions([5, 10, 20], [10, 20, 40], transform="glmm")
    assert found.tau2 == 0
    assert found.proportion == pytest.approx(0.5)
    assert found.standard_error == pytest.approx(np.sqrt(1 / (70 * 0.25)), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (([1], [0]), {}, "n = 0"),
        (([3], [2]), {}, "must not exceed"),
        (([1.5], [2]), {}, "whole numbers"),
        (([1], [2]), {"transform": "probit"}, "unknown transform"),
        (([1, 2], [2, 3]), {"transform": "glmm", "test": "hksj"}, "unknown test for the glmm"),
    ],
)
def test_bad_counts_are_named(arguments: tuple, options: dict, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        pool_proportions(*arguments, **options)


@settings(max_examples=40)
@given(studies, st.sampled_from(METHODS), st.randoms(use_true_random=False))
def test_the_order_of_studies_does_not_matter(data: list, method: str, random: object) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    try:
        first = random_effects(*zip(*data, strict=True), method=method)
    except AnalysisError:
        return
    again = random_effects(*zip(*shuffled, strict=True), method=method)
    assert again.estimate == pytest.approx(first.estimate, rel=1e-6, abs=1e-6)
    assert again.tau2 == pytest.approx(first.tau2, rel=1e-5, abs=1e-6)
    assert min(y for y, _ in data) - 1e-9 <= first.estimate <= max(y for y, _ in data) + 1e-9


def test_restricted_likelihood_settles_where_rounding_moves_the_last_digit():
    # of 15 in each of four studies 13, 15, 15 and 15 respond; logits with metafor's correction
    pooled = pool_proportions([13, 15, 15, 15], [15] * 4, transform="logit", method="REML")
    assert pooled.tau2 == pytest.approx(0.003875242945, abs=1e-10)
