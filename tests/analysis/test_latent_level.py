"""Levels known between limits: equal to R's survreg, and what has no answer says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.latent_level import latent_level
from allpool.errors import AnalysisError

N = 0.0  # nothing is known below
OPEN = np.inf
LIMITS = {
    "a": [(2e-3, 2e-3), (N, 1e-4), (N, 1e-4), (5e-4, 5e-4), (N, 1e-4), (1e-4, 1e-3), (N, 1e-5), (3e-2, 3e-2)],
    "b": [(N, 1e-4), (N, 1e-4), (1e-3, 1e-3), (N, 1e-4), (N, 1e-5), (N, 1e-4), (2e-4, 2e-4), (N, 1e-4)],
    "c": [(1e-2, 1e-2), (4e-1, OPEN), (N, 1e-4), (1e-5, 1e-4), (N, 1e-4), (7e-3, 7e-3), (N, 1e-4),
          (6e-2, 6e-2)],
}  # fmt: skip


def levels() -> pd.DataFrame:
    rows = [(study, low, high) for study, limits in LIMITS.items() for low, high in limits]
    return pd.DataFrame(rows, columns=["study", "low", "high"])


def test_equals_survreg() -> None:
    """R 4.2.2, survival 3.5-3: survreg(Surv(lo, hi, type="interval2") ~ study, dist="lognormal",
    control=survreg.control(rel.tolerance=1e-13)), coefficients, errors and scale over log(10).
    """
    model = latent_level(levels(), "low", "high", ["study"])
    expected = [-4.32544327104659, -1.37077304214038, 1.15864646156470]
    np.testing.assert_allclose([model.intercept, *model.table["coefficient"]], expected, rtol=1e-8)
    np.testing.assert_allclose(
        model.table["standard_error"], [1.242519374045772, 1.103438245368213], rtol=1e-8
    )
    np.testing.assert_allclose(model.spread, 2.00942759403389, rtol=1e-8)
    assert (model.n, model.censored) == (24, 16)


def test_shares_below_a_threshold_lie_between_what_is_sure() -> None:
    frame = levels()
    model = latent_level(frame, "low", "high", ["study"])
    shares = model.below(1e-4, frame).groupby(frame["study"]).mean()
    assert shares["b"] > shares["a"] > shares["c"]
    assert ((shares > 0) & (shares < 1)).all()


def test_the_unit_of_the_level_does_not_matter() -> None:
    frame = levels()
    percent = frame.assign(low=100 * frame["low"], high=100 * frame["high"])
    first, second = (latent_level(own, "low", "high", ["study"]) for own in (frame, percent))
    np.testing.assert_allclose(first.table["coefficient"], second.table["coefficient"], rtol=1e-9)
    np.testing.assert_allclose(first.intercept + 2, second.intercept, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"low": 0.0, "high": 1e-4}, "no measurement found a level"),
        ({"low": 1.0, "high": 1e-4}, "the lower not above the upper"),
        ({"low": 0.0, "high": OPEN}, "says nothing"),
    ],
)
def test_what_has_no_answer(change: dict[str, float], sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        latent_level(levels().assign(**change), "low", "high", ["study"])


def test_a_study_without_any_level_has_no_ratio() -> None:
    frame = levels()
    frame.loc[frame["study"] == "b", ["low", "high"]] = (0.0, 1e-4)
    with pytest.raises(AnalysisError, match="study=b"):
        latent_level(frame, "low", "high", ["study"])
