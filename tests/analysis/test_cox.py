"""Cox's model where the data are awkward, and against a partial likelihood written out in loops."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.survival import MonotoneLikelihoodWarning, cox
from allpool.errors import AnalysisError


def _frame(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "start": rng.integers(0, 3, n),
            "time": rng.integers(3, 12, n),
            "event": (rng.random(n) < 0.7).astype(int),
            "x": rng.normal(size=n),
            "z": rng.integers(0, 2, n),
            "s": rng.choice(["p", "q"], n),
        }
    )


def _log_likelihood(frame: pd.DataFrame, beta: np.ndarray, *, ties: str, entry: bool) -> float:
    """Efron's or Breslow's partial likelihood as the textbook writes it."""
    total = 0.0
    for _, stratum in frame.groupby("s"):
        linear = stratum[["x", "z"]].to_numpy() @ beta
        start = stratum["start"].to_numpy() if entry else np.full(len(stratum), -1)
        time, event = stratum["time"].to_numpy(), stratum["event"].to_numpy()
        for t in np.unique(time[event == 1]):
            dead = (time == t) & (event == 1)
            at_risk = (time >= t) & (start < t)
            total += linear[dead].sum()
            for i in range(dead.sum()):
                share = i / dead.sum() if ties == "efron" else 0.0
                total -= math.log(np.exp(linear[at_risk]).sum() - share * np.exp(linear[dead]).sum())
    return total


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_likelihood_is_the_textbooks_and_the_maximum_is_one(ties: str, entry: bool) -> None:
    frame = _frame(1)
    model = cox(frame, "time", "event", ["x", "z"], strata="s", ties=ties, entry="start" if entry else None)
    beta = model.coefficients

    def value(at: np.ndarray) -> float:
        return _log_likelihood(frame, at, ties=ties, entry=entry)

    assert model.log_likelihood == pytest.approx(value(beta), abs=1e-9)
    assert model.log_likelihood_null == pytest.approx(value(np.zeros(2)), abs=1e-9)
    step = 1e-4
    hessian = np.empty((2, 2))
    for i in range(2):
        up, down = beta + step * np.eye(2)[i], beta - step * np.eye(2)[i]
        assert abs(value(up) - value(down)) / (2 * step) < 1e-3
        for j in range(2):
            other = step * np.eye(2)[j]
            hessian[i, j] = (
                value(up + other) - value(up - other) - value(down + other) + value(down - other)
            ) / (4 * step**2)
    np.testing.assert_allclose(model.variance, np.linalg.inv(-hessian), rtol=1e-4)


def test_each_row_its_own_cluster_is_the_sandwich_and_duplicates_add_up() -> None:
    frame = _frame(2).assign(id=range(60))
    single = cox(frame, "time", "event", ["x", "z"], cluster="id")
    assert not np.allclose(single.variance, single.naive_variance)
    twice = pd.concat([frame, frame], ignore_index=True)
    # Breslow's likelihood is exactly doubled; clustering by subject undoes the pretended information
    once = cox(frame, "time", "event", ["x", "z"], cluster="id", ties="breslow")
    pooled = cox(twice, "time", "event", ["x", "z"], cluster="id", ties="breslow")
    np.testing.assert_allclose(pooled.coefficients, once.coefficients, rtol=1e-8)
    np.testing.assert_allclose(pooled.variance, once.variance, rtol=1e-8)
    np.testing.assert_allclose(pooled.naive_variance, once.naive_variance / 2, rtol=1e-8)


def test_a_subject_split_in_intervals_is_one_subject() -> None:
    frame = _frame(3).assign(start=0)
    early, late = frame.assign(time=2, event=0), frame.assign(start=2)
    split = pd.concat([early, late], ignore_index=True)
    whole = cox(frame, "time", "event", ["x", "z"], strata="s")
    parts = cox(split, "time", "event", ["x", "z"], strata="s", entry="start")
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-10)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-10)


def test_text_becomes_one_term_per_level_but_the_first() -> None:
    frame = _frame(4)
    by_text = cox(frame.assign(arm=np.where(frame.z == 1, "new", "standard")), "time", "event", "arm")
    by_number = cox(frame.assign(arm=1 - frame.z), "time", "event", "arm")
    assert by_text.terms == ("arm=standard",)
    assert by_text.coefficients == pytest.approx(by_number.coefficients)


def test_scale_and_origin_of_a_covariate_do_not_matter() -> None:
    frame = _frame(5)
    plain = cox(frame, "time", "event", ["x", "z"])
    moved = cox(frame.assign(x=1e6 + frame.x * 1e-3), "time", "event", ["x", "z"])
    assert moved.table["z"].tolist() == pytest.approx(plain.table["z"].tolist(), rel=1e-5)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)


def test_separation_is_said_in_a_warning_and_in_the_result() -> None:
    frame = _frame(6)
    frame["early"] = frame["event"]
    with pytest.warns(MonotoneLikelihoodWarning, match="early"):
        model = cox(frame, "time", "event", ["x", "early"])
    assert model.monotone == ("early",)
    table = model.table.set_index("term")
    assert table.loc["early", "coefficient"] > 5
    assert table.loc["early", ["standard_error", "lower", "upper", "p"]].isna().all()
    assert table.loc["x"].notna().all()
    assert np.isnan(model.wald.p)
    assert model.likelihood_ratio.p < 0.05


def test_one_event_whose_subject_has_the_highest_value_is_monotone() -> None:
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "event": [1, 0, 0, 0], "x": [9.0, 1.0, 2.0, 3.0]})
    with pytest.warns(MonotoneLikelihoodWarning):
        assert cox(frame, "time", "event", "x").monotone == ("x",)


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        ({"z": 1}, {}, "z does not vary"),
        ({"z": lambda f: 2 * f.x}, {}, "z is a combination"),
        ({"z": lambda f: (f.s == "p") * 1.0}, {"strata": "s"}, "z does not vary"),
        ({"event": 0}, {}, "no events"),
        ({"x": np.nan}, {}, r"missing values \(NaN\) in x \(60\)"),
        ({"time": -1}, {}, "negative"),
        ({"start": 99}, {"entry": "start"}, "entry must lie before"),
        ({}, {"strata": "nowhere"}, "no column nowhere"),
        ({}, {"ties": "exact"}, "unknown ties"),
        ({"z": "same"}, {}, "only one level"),
        ({"event": 7}, {}, "1 .* or 0"),
    ],
)
def test_bad_input_is_named(change: dict, options: dict, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        cox(_frame(7).assign(**change), "time", "event", ["x", "z"], **options)


def test_an_empty_frame_and_no_covariates_are_named() -> None:
    with pytest.raises(AnalysisError, match="no rows"):
        cox(_frame(8).iloc[:0], "time", "event", "x")
    with pytest.raises(AnalysisError, match="at least one covariate"):
        cox(_frame(8), "time", "event", [])
