"""Logistic models: R's glm, sandwich and Firth's penalty as published, closed forms, and awkward data."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.estimators import binary_likelihood
from allpool.analysis.estimators.separation import separating_columns
from allpool.analysis.logistic import logistic
from allpool.errors import AnalysisError

# the endometrial cancer data of Heinze and Schemper (2002), NV:PI:EH:HG, as in R's brglm2
ENDOMETRIAL = (
    "0:13:1.64:0 0:16:2.26:0 0:8:3.14:0 0:34:2.68:0 0:20:1.28:0 0:5:2.31:0 0:17:1.8:0 0:10:1.68:0 "
    "0:26:1.56:0 0:17:2.31:0 0:8:2.01:0 0:7:1.89:0 0:20:3.15:0 0:10:1.23:0 0:18:1.27:0 0:16:1.76:0 "
    "0:18:2:0 0:8:2.64:1 0:29:0.88:1 0:12:1.27:1 0:20:1.37:1 1:38:0.97:1 1:22:1.14:1 1:7:0.88:1 "
    "1:25:0.91:1 1:15:0.58:1 0:7:0.97:1 0:28:1.5:0 0:11:1.33:0 0:19:2.37:0 0:10:1.82:0 0:10:3.13:0 "
    "0:18:1.31:0 0:14:1.92:0 0:21:1.64:0 0:11:2.01:0 0:17:1.88:0 0:25:1.93:0 0:16:2.11:0 0:19:1.29:0 "
    "0:15:1.72:0 0:33:0.75:0 0:24:1.92:0 0:48:1.84:1 0:12:1.11:1 0:19:1.61:1 0:2:1.18:1 1:22:1.44:1 "
    "1:40:1.18:1 1:5:0.93:1 1:0:1.17:1 0:21:1.19:1 0:15:1.06:1 0:29:2.02:0 0:15:2.29:0 0:12:2.33:0 "
    "0:3:2.9:0 0:20:1.7:0 0:23:1.41:0 0:12:2.25:0 0:22:1.54:0 0:42:1.97:0 0:15:1.75:0 0:13:2.16:0 "
    "0:14:2.57:0 0:19:1.37:0 0:12:3.61:0 0:13:2.04:0 0:10:2.17:0 0:12:1.69:1 1:49:0.27:1 0:6:1.84:1 "
    "0:5:1.3:1 0:17:0.96:1 1:11:1.01:1 1:21:0.98:1 0:5:0.35:1 1:19:1.02:1 0:33:0.85:1 "
)
# R's mtcars, am:vs:cyl:gear:carb:hp:wt
CARS = (
    "1:0:6:4:4:110:2.62 1:0:6:4:4:110:2.875 1:1:4:4:1:93:2.32 0:1:6:3:1:110:3.215 0:0:8:3:2:175:3.44 "
    "0:1:6:3:1:105:3.46 0:0:8:3:4:245:3.57 0:1:4:4:2:62:3.19 0:1:4:4:2:95:3.15 0:1:6:4:4:123:3.44 "
    "0:1:6:4:4:123:3.44 0:0:8:3:3:180:4.07 0:0:8:3:3:180:3.73 0:0:8:3:3:180:3.78 0:0:8:3:4:205:5.25 "
    "0:0:8:3:4:215:5.424 0:0:8:3:4:230:5.345 1:1:4:4:1:66:2.2 1:1:4:4:2:52:1.615 1:1:4:4:1:65:1.835 "
    "0:1:4:3:1:97:2.465 0:0:8:3:2:150:3.52 0:0:8:3:2:150:3.435 0:0:8:3:4:245:3.84 0:0:8:3:2:175:3.845 "
    "1:1:4:4:1:66:1.935 1:0:4:5:2:91:2.14 1:1:4:5:2:113:1.513 1:0:8:5:4:264:3.17 1:0:6:5:6:175:2.77 "
    "1:0:8:5:8:335:3.57 1:1:4:4:2:109:2.78 "
)


def _frame(rows: str, columns: str) -> pd.DataFrame:
    return pd.DataFrame([[float(x) for x in row.split(":")] for row in rows.split()], columns=columns.split())


@pytest.fixture(scope="module")
def endometrial() -> pd.DataFrame:
    return _frame(ENDOMETRIAL, "NV PI EH HG")


@pytest.fixture(scope="module")
def cars() -> pd.DataFrame:
    frame = _frame(CARS, "am vs cyl gear carb hp wt")
    return frame.assign(cyl=frame.cyl.map("{:.0f}".format))


def test_firth_equals_r_and_the_published_analysis(endometrial: pd.DataFrame) -> None:
    model = logistic(endometrial, "HG", ["NV", "PI", "EH"])
    assert model.penalty == "firth"
    assert model.note.startswith("NV separates the outcomes")
    table = model.table.set_index("term")
    # brglm2 0.9: glm(HG ~ NV + PI + EH, binomial, method = "brglmFit", type = "AS_mean", epsilon = 1e-12)
    assert table.coefficient.to_numpy() == pytest.approx(
        [3.7745597136, 2.9292733532, -0.0347517599, -2.6041639253], rel=1e-8
    )
    assert table.standard_error.to_numpy() == pytest.approx(
        [1.4886916634, 1.5507637295, 0.0395781473, 0.7760176425], rel=1e-8
    )
    # the profile as Heinze and Schemper print it (logistf), for NV, PI and EH
    printed = np.array([[0.61, 7.85], [-0.12, 0.04], [-4.37, -1.23]])
    assert np.log(table[["lower", "upper"]].to_numpy()[1:]).round(2) == pytest.approx(printed)
    # more digits: R 4.2.2, uniroot and optim on the penalised likelihood written out
    assert model.lower == pytest.approx([1.0825371, 0.6097244, -0.1244587, -4.3651832], abs=1e-6)
    assert model.upper == pytest.approx([7.2092805, 7.8546317, 0.0404555, -1.2327211], abs=1e-6)
    assert model.z**2 == pytest.approx([8.1980136, 6.7984572, 0.7468285, 17.7593175], abs=1e-6)
    assert model.p == pytest.approx([0.004193628, 0.009123668, 0.3874822, 2.506867e-05], rel=1e-6)
    assert model.log_likelihood == pytest.approx(-24.0372678006979, rel=1e-10)
    assert model.likelihood_ratio.chi2 == pytest.approx(43.6558184657446, rel=1e-9)


@pytest.mark.parametrize(
    ("outcome", "covariates", "options", "expected", "log_likelihood"),
    [
        # R 4.2.2: glm(..., binomial, mtcars, control = list(epsilon = 1e-15, maxit = 100))
        (
            *("am", ["wt", "hp"], {}),
            {
                "(intercept)": (18.8662987172040957, 7.4435580602052740),
                "wt": (-8.0834751824446283, 3.0686751130546961),
                "hp": (0.0362555960822165, 0.0177341536507693),
            },
            -5.02955523613349,
        ),
        (
            *("am", ["wt", "cyl"], {}),
            {
                "(intercept)": (20.85278313772749, 8.03186414714952),
                "wt": (-7.85934263700563, 3.05501676240968),
                "cyl=6": (3.10462643208240, 2.42484999948508),
                "cyl=8": (5.37942092452557, 3.20065760565594),
            },
            -7.33052972681148,
        ),
        # strata are intercepts: am ~ wt + factor(cyl), vs ~ wt + factor(gear)
        ("am", "wt", {"strata": "cyl"}, {"wt": (-7.85934263700563, 3.05501676240968)}, -7.33052972681148),
        ("vs", "wt", {"strata": ["gear"]}, {"wt": (-2.68068423944103, 1.30713712025255)}, -11.4471440052968),
        # sandwich 3.0-2: sqrt(diag(vcovCL(fit, cluster = mtcars$carb)))
        (
            *("am", ["wt", "hp"], {"cluster": "carb"}),
            {
                "(intercept)": (18.8662987172040957, 8.76696869313589),
                "wt": (-8.0834751824446283, 2.75055306049956),
                "hp": (0.0362555960822165, 0.00652086082015812),
            },
            -5.02955523613349,
        ),
        (
            *("vs", "wt", {"cluster": "carb", "strata": "am"}),
            {"wt": (-6.32969487501409, 3.32877892984596)},
            -10.765874076355,
        ),
    ],
)
def test_maximum_likelihood_equals_r(
    cars: pd.DataFrame,
    outcome: str,
    covariates: str | list[str],
    options: dict[str, str],
    expected: dict[str, tuple[float, float]],
    log_likelihood: float,
) -> None:
    for penalty in ("auto", "none"):
        model = logistic(cars, outcome, covariates, penalty=penalty, **options)
        assert list(model.terms) == list(expected)
        coefficients, errors = np.array(list(expected.values())).T
        assert model.coefficients == pytest.approx(coefficients, rel=1e-9)
        # R takes the weights of the last step but one: its errors are good to some 1e-7
        assert model.table["standard_error"].to_numpy() == pytest.approx(errors, rel=3e-7)
        assert model.log_likelihood == pytest.approx(log_likelihood, rel=1e-10)
        assert (model.penalty, model.note, model.n) == ("none", "", 32)


def test_wald_interval_and_likelihood_ratio_equal_r(cars: pd.DataFrame) -> None:
    model = logistic(cars, "am", ["wt", "hp"])
    # R 4.2.2: confint.default(fit), and null.deviance - deviance
    assert np.log(model.table["lower"]).to_numpy() == pytest.approx(
        [4.27719300236893396, -14.09796788428620928, 0.00149729363040912], rel=1e-6
    )
    assert np.log(model.table["upper"]).to_numpy() == pytest.approx(
        [33.455404432039259, -2.068982480603046, 0.071013898534024], rel=1e-6
    )
    assert model.p == pytest.approx([0.01125819871661369, 0.00843381259970702, 0.04091464645902994], rel=1e-6)
    assert model.likelihood_ratio.chi2 == pytest.approx(33.1706228045908, rel=1e-10)
    assert model.likelihood_ratio.df == 2
    stratified = logistic(cars, "vs", "wt", strata="am")
    assert stratified.likelihood_ratio.chi2 == pytest.approx(2 * 10.7106294752086, rel=1e-10)


def test_centres_of_amlsg_equal_r(amlsg: pd.DataFrame) -> None:
    frame = amlsg[["AOD", "gender", "Center", "Study"]].assign(cr=amlsg.CR_date.notna())
    # R 4.2.2: glm(cr ~ AOD + gender + factor(Center), binomial, control = list(epsilon = 1e-14));
    # ten of the 45 centres have one outcome only
    by_centre = logistic(frame, "cr", ["AOD", "gender"], strata="Center")
    assert by_centre.coefficients == pytest.approx([-0.060915635781687, 0.249446122528929], rel=1e-10)
    assert by_centre.table["standard_error"].to_numpy() == pytest.approx(
        [0.0069530303803232, 0.1470611965819751], rel=1e-9
    )
    assert by_centre.log_likelihood == pytest.approx(-619.57785317556, rel=1e-12)
    assert by_centre.note.startswith("10 strata with one outcome only")
    # ... + factor(Study), and sandwich's vcovCL(fit, cluster = Center)
    clustered = logistic(frame, "cr", ["AOD", "gender"], strata="Study", cluster="Center")
    assert clustered.coefficients == pytest.approx([-0.055976853950757, 0.261496236058885], rel=1e-10)
    assert clustered.table["standard_error"].to_numpy() == pytest.approx(
        [0.0082745952492786, 0.1828670090127440], rel=1e-9
    )


def test_strata_with_one_outcome_only_change_nothing(cars: pd.DataFrame) -> None:
    # gear 3 has no am, gear 5 no other; with gear 4 alone wt separates
    with pytest.raises(AnalysisError, match="wt separates"):
        logistic(cars, "am", "wt", strata="gear", penalty="none")
    more = pd.concat([cars.assign(place=cars.cyl), cars[cars.am == 1].assign(place="x")], ignore_index=True)
    model, without = logistic(more, "am", "wt", strata="place"), logistic(cars, "am", "wt", strata="cyl")
    assert model.coefficients == pytest.approx(without.coefficients)
    assert model.likelihood_ratio.chi2 == pytest.approx(without.likelihood_ratio.chi2)
    assert model.log_likelihood == pytest.approx(without.log_likelihood)
    assert model.note == "1 strata with one outcome only say nothing of the covariates"
    assert (model.n, model.events) == (45, 26)


def test_separation_within_strata_takes_firth(cars: pd.DataFrame) -> None:
    model = logistic(cars, "am", "wt", strata="gear")
    assert model.penalty == "firth"
    assert model.terms == ("wt",)
    assert np.isfinite([*model.lower, *model.upper, *model.z]).all()


@pytest.mark.parametrize("cells", [(5, 0, 3, 4), (0, 6, 4, 0), (1, 0, 0, 1), (7, 2, 0, 3)])
def test_firth_of_a_2_x_2_table_adds_a_half_to_each_cell(cells: tuple[int, int, int, int]) -> None:
    # the saturated model: Jeffreys' prior is half an observation per cell (Firth 1993)
    a, b, c, d = (cell + 0.5 for cell in cells)
    model = logistic(_table(*cells), "y", "x")
    assert model.penalty == "firth"
    assert model.table["odds_ratio"][1] == pytest.approx(a * d / (b * c), rel=1e-8)
    assert model.table["odds_ratio"][0] == pytest.approx(c / d, rel=1e-8)
    assert math.log(model.table["odds_ratio"][1]) == pytest.approx(model.coefficients[1])


def test_odds_ratio_of_a_2_x_2_table() -> None:
    model = logistic(_table(5, 2, 3, 4), "y", "x")
    assert model.table["odds_ratio"][1] == pytest.approx(5 * 4 / (2 * 3), rel=1e-10)
    assert model.table["standard_error"][1] == pytest.approx(np.sqrt(1 / 5 + 1 / 2 + 1 / 3 + 1 / 4), rel=1e-9)


def test_the_two_climbs_of_the_penalised_likelihood_meet(
    endometrial: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = logistic(endometrial, "HG", ["NV", "PI", "EH"])
    monkeypatch.setattr(binary_likelihood, "SMALL", 0)
    monkeypatch.setattr(binary_likelihood, "LARGEST", 0)
    other = logistic(endometrial, "HG", ["NV", "PI", "EH"])
    assert other.coefficients == pytest.approx(exact.coefficients, rel=1e-8)
    assert other.upper == pytest.approx(exact.upper, rel=1e-8)


def test_covariates_of_any_type_and_scale(cars: pd.DataFrame) -> None:
    plain = logistic(cars, "am", ["wt", "hp"])
    odd = cars.assign(wt=cars.wt / 1e7 + 3, hp=cars.hp * 1e6)
    scaled = logistic(odd, "am", ["wt", "hp"])
    assert scaled.z[1:] == pytest.approx(plain.z[1:], rel=1e-5)
    ordered = cars.assign(cyl=pd.Categorical(cars.cyl, ["8", "6", "4"]), am=cars.am == 1)
    model = logistic(ordered, "am", ["cyl", "wt"])
    assert model.terms == ("(intercept)", "cyl=6", "cyl=4", "wt")
    assert model.coefficients[3] == pytest.approx(-7.85934263700563)
    nullable = cars.assign(am=cars.am.astype("Int64"), wt=cars.wt.astype("Float64"))
    assert logistic(nullable, "am", "wt").z == pytest.approx(logistic(cars, "am", "wt").z)


def test_a_far_centre_does_not_spoil_firth(endometrial: pd.DataFrame) -> None:
    near = logistic(endometrial, "HG", ["NV", "PI", "EH"], level=0.9)
    far = logistic(endometrial.assign(PI=endometrial.PI + 20_000), "HG", ["NV", "PI", "EH"], level=0.9)
    assert far.lower[1:] == pytest.approx(near.lower[1:], rel=1e-6)
    assert far.upper[1:] == pytest.approx(near.upper[1:], rel=1e-6)
    # 20 000 times the slope is what the intercept moved: its interval is now that of the slope
    assert far.upper[0] == pytest.approx(-20_000 * near.lower[2], rel=1e-2)


BASE = pd.DataFrame(
    {
        "y": [0, 1, 0, 1, 1, 0],
        "x": [1, 2, 3, 4, 5, 6.0],
        "g": list("aabbcc"),
        "one": 1,
        "z": [2, 4, 6, 8, 10, 12],
    }
)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: logistic(BASE, "y", []), "at least one covariate"),
        (lambda: logistic(BASE, "q", "x"), "no column q"),
        (lambda: logistic(BASE, "x", "y"), "x must be 1"),
        (lambda: logistic(BASE.assign(y=0), "y", "x"), "y is the same in all 6"),
        (lambda: logistic(BASE.assign(y=1), "y", "x", penalty="firth"), "y is the same in all 6"),
        (lambda: logistic(BASE, "y", "one"), "covariate one does not vary"),
        (lambda: logistic(BASE.assign(one="a"), "y", "one"), "covariate one has only one level"),
        (lambda: logistic(BASE, "y", ["x", "z"]), "covariate z is a combination of the covariates before"),
        (lambda: logistic(BASE, "y", ["x", "g"], strata="g"), "combination of the strata and the covariates"),
        (
            lambda: logistic(BASE.assign(x=[1, None, 3, 4, 5, 6]), "y", "x"),
            r"missing values \(NaN\) in x \(1\)",
        ),
        (lambda: logistic(BASE.assign(g=list("abcdef")), "y", "x", strata="g"), "within every stratum"),
        (lambda: logistic(BASE, "y", "x", cluster="one"), "at least two clusters"),
        (lambda: logistic(BASE, "y", "x", cluster="g", penalty="firth"), "robust errors do not exist"),
        (lambda: logistic(BASE.assign(y=BASE.x > 3), "y", "x", cluster="g"), "x separates .* robust errors"),
        (lambda: logistic(BASE.assign(y=BASE.x > 3), "y", "x", penalty="none"), "x separates the outcomes"),
        (lambda: logistic(BASE, "y", "x", penalty="ridge"), "unknown penalty"),
        (lambda: logistic(BASE, "y", "x", level=2), "between 0 and 1"),
        (lambda: logistic(BASE[:0], "y", "x"), "no rows"),
    ],
)
def test_errors_are_sentences(ask: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        ask()  # type: ignore[operator]


ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(-2, 2)), min_size=4, max_size=30).map(
    lambda rows: pd.DataFrame(rows, columns=["y", "x", "w"])
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_every_answer_is_a_maximum(rows: pd.DataFrame) -> None:
    try:
        model = logistic(rows, "y", ["x", "w"])
    except AnalysisError:  # constant, aliased, or one outcome only
        return
    X = np.column_stack((np.ones(len(rows)), rows[["x", "w"]]))
    sign = np.where(rows.y, 1, -1)
    value = _value(X, sign, model.coefficients, penalised=model.penalty == "firth")
    assert model.log_likelihood == pytest.approx(value, abs=1e-8)
    assert np.isfinite(model.table.select_dtypes("number").to_numpy()).all()
    assert (model.lower < model.coefficients).all()
    assert (model.coefficients < model.upper).all()
    for nudge in product((-1e-3, 0, 1e-3), repeat=3):
        beside = _value(X, sign, model.coefficients + nudge, penalised=model.penalty == "firth")
        assert beside <= value + 1e-9
    opposite = logistic(rows.assign(y=~rows.y), "y", ["x", "w"])
    assert opposite.coefficients == pytest.approx(-model.coefficients, abs=1e-6)
    assert opposite.penalty == model.penalty


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_separation_is_what_no_line_of_a_grid_contradicts(rows: pd.DataFrame) -> None:
    if rows.y.all() or not rows.y.any() or rows.x.nunique() < 2:
        return
    X = np.column_stack((np.ones(len(rows)), rows.x))
    separated = bool(separating_columns(X, rows.y.to_numpy(), first=1))
    # with one covariate: a threshold such that outcomes lie on either side or on it
    low, high = rows.x[rows.y], rows.x[~rows.y]
    assert separated == (low.max() <= high.min() or high.max() <= low.min())


def _table(a: int, b: int, c: int, d: int) -> pd.DataFrame:
    """a events and b others with x = 1, c and d with x = 0."""
    y, x = np.repeat([1, 0, 1, 0], [a, b, c, d]), np.repeat([1, 1, 0, 0], [a, b, c, d])
    return pd.DataFrame({"y": y, "x": x})


def _value(X: np.ndarray, sign: np.ndarray, beta: np.ndarray, *, penalised: bool) -> float:
    linear = X @ beta
    value = -np.logaddexp(0, -sign * linear).sum()
    if penalised:
        weight = 1 / (2 + np.exp(linear) + np.exp(-linear))
        value += np.linalg.slogdet(X.T @ (X * weight[:, None]))[1] / 2
    return float(value)
