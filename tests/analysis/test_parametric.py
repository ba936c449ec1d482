"""Parametric survival by lifelines, and lifelines as a second witness of our own estimators."""

from __future__ import annotations

import numpy as np
import pytest

from allpool.analysis.parametric import parametric_survival
from allpool.analysis.survival import cox, kaplan_meier, logrank
from allpool.errors import AnalysisError

# R's survival::aml, maintained group (Miller 1997), weeks; 1 = relapse
TIME = np.array([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], dtype=float)
EVENT = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])


def test_exponential_is_events_over_time_at_risk() -> None:
    found = parametric_survival(TIME, EVENT, family="exponential")
    rate = EVENT.sum() / TIME.sum()  # the closed form of its maximum likelihood
    assert found.parameters["estimate"].item() == pytest.approx(1 / rate, rel=1e-6)
    assert found.log_likelihood == pytest.approx(EVENT.sum() * np.log(rate) - rate * TIME.sum(), rel=1e-8)
    assert found.aic == pytest.approx(2 - 2 * found.log_likelihood, rel=1e-8)
    assert found.at([0.0, 10.0])["survival"].to_numpy() == pytest.approx([1, np.exp(-10 * rate)], rel=1e-6)
    assert found.median == pytest.approx(np.log(2) / rate, rel=1e-6)


def test_weibull_contains_the_exponential() -> None:
    wide, narrow = (parametric_survival(TIME, EVENT, family=family) for family in ("weibull", "exponential"))
    assert wide.log_likelihood >= narrow.log_likelihood
    frame = wide.to_frame()
    assert set(frame["parameter"]) == {"lambda", "rho"}
    assert (frame["lower"] < frame["estimate"]).all()
    assert (frame["estimate"] < frame["upper"]).all()


def test_the_unit_of_time_moves_the_scale_and_nothing_else() -> None:
    weeks, days = parametric_survival(TIME, EVENT), parametric_survival(TIME * 7, EVENT)
    assert days.median == pytest.approx(7 * weeks.median, rel=1e-4)
    assert days.at(70)["survival"].item() == pytest.approx(weeks.at(10)["survival"].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("time", "event", "family", "message"),
    [
        ([0, 1], [1, 1], "weibull", "above zero"),
        ([1, 2], [0, 0], "weibull", "at least one event"),
        ([1, 2], [1, 1], "gompertz", "family"),
        ([1, 2, 3], [1, 1], "weibull", "time"),
    ],
)
def test_what_cannot_be_fitted_is_said(time: list[int], event: list[int], family: str, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        parametric_survival(time, event, family=family)  # type: ignore[arg-type]


# lifelines 0.30 calls pandas in a way that pandas 4 will refuse
@pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0")
def test_lifelines_agrees_where_it_is_right() -> None:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test

    group = np.arange(TIME.size) % 2
    curve = kaplan_meier(TIME, EVENT).at(TIME)["survival"].to_numpy()
    theirs = KaplanMeierFitter().fit(TIME, EVENT).survival_function_at_times(TIME).to_numpy()
    assert curve == pytest.approx(theirs, abs=1e-12)
    test = logrank_test(TIME[group == 0], TIME[group == 1], EVENT[group == 0], EVENT[group == 1])
    assert logrank(TIME, EVENT, group).chi2 == pytest.approx(test.test_statistic, abs=1e-10)
    frame = pd.DataFrame({"time": TIME, "event": EVENT, "group": group.astype(float)})
    fitted = CoxPHFitter().fit(frame, "time", "event")
    ours = cox(frame, "time", "event", ["group"]).table["coefficient"].item()
    # lifelines stops its Newton iteration 1e-7 short of the maximum; ours is pinned to R at 1e-8 elsewhere
    assert ours == pytest.approx(fitted.params_["group"], abs=1e-6)
