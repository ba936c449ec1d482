"""The random-intercept model: R's nlme and lmerTest, the paired t test, a dense computation, awkward data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from allpool.analysis.mixed import mixed
from allpool.errors import AnalysisError

# R's lme4::sleepstudy: subject, then the reaction time of days 0 to 9
SLEEP = """
308 249.56 258.7047 250.8006 321.4398 356.8519 414.6901 382.2038 290.1486 430.5853 466.3535
309 222.7339 205.2658 202.9778 204.707 207.7161 215.9618 213.6303 217.7272 224.2957 237.3142
310 199.0539 194.3322 234.32 232.8416 229.3074 220.4579 235.4208 255.7511 261.0125 247.5153
330 321.5426 300.4002 283.8565 285.133 285.7973 297.5855 280.2396 318.2613 305.3495 354.0487
331 287.6079 285 301.8206 320.1153 316.2773 293.3187 290.075 334.8177 293.7469 371.5811
332 234.8606 242.8118 272.9613 309.7688 317.4629 309.9976 454.1619 346.8311 330.3003 253.8644
333 283.8424 289.555 276.7693 299.8097 297.171 338.1665 332.0265 348.8399 333.36 362.0428
334 265.4731 276.2012 243.3647 254.6723 279.0244 284.1912 305.5248 331.5229 335.7469 377.299
335 241.6083 273.9472 254.4907 270.8021 251.4519 254.6362 245.4523 235.311 235.7541 237.2466
337 312.3666 313.8058 291.6112 346.1222 365.7324 391.8385 404.2601 416.6923 455.8643 458.9167
349 236.1032 230.3167 238.9256 254.922 250.7103 269.7744 281.5648 308.102 336.2806 351.6451
350 256.2968 243.4543 256.2046 255.5271 268.9165 329.7247 379.4445 362.9184 394.4872 389.0527
351 250.5265 300.0576 269.8939 280.5891 271.8274 304.6336 287.7466 266.5955 321.5418 347.5655
352 221.6771 298.1939 326.8785 346.8555 348.7402 352.8287 354.4266 360.4326 375.6406 388.5417
369 271.9235 268.4369 257.2424 277.6566 314.8222 317.2135 298.1353 348.1229 340.28 366.5131
370 225.264 234.5235 238.9008 240.473 267.5373 344.1937 281.1481 347.5855 365.163 372.2288
371 269.8804 272.4428 277.8989 281.7895 279.1705 284.512 259.2658 304.6306 350.7807 369.4692
372 269.4117 273.474 297.5968 310.6316 287.1726 329.6076 334.4818 343.2199 369.1417 364.1236
"""
# R's nlme::Orthodont: child, sex, then the distance at 8, 10, 12 and 14 years
GROWTH = """
M01 M 26 25 29 31
M02 M 21.5 22.5 23 26.5
M03 M 23 22.5 24 27.5
M04 M 25.5 27.5 26.5 27
M05 M 20 23.5 22.5 26
M06 M 24.5 25.5 27 28.5
M07 M 22 22 24.5 26.5
M08 M 24 21.5 24.5 25.5
M09 M 23 20.5 31 26
M10 M 27.5 28 31 31.5
M11 M 23 23 23.5 25
M12 M 21.5 23.5 24 28
M13 M 17 24.5 26 29.5
M14 M 22.5 25.5 25.5 26
M15 M 23 24.5 26 30
M16 M 22 21.5 23.5 25
F01 F 21 20 21.5 23
F02 F 21 21.5 24 25.5
F03 F 20.5 24 24.5 26
F04 F 23.5 24.5 25 26.5
F05 F 21.5 23 22.5 23.5
F06 F 20 21 21 22.5
F07 F 21.5 22.5 23 25
F08 F 23 23 23.5 24
F09 F 20 21 22 21.5
F10 F 16.5 19 19 19.5
F11 F 24.5 25 28 28
"""


@pytest.fixture(scope="module")
def sleep() -> pd.DataFrame:
    rows = [line.split() for line in SLEEP.strip().splitlines()]
    return pd.DataFrame(
        [(row[0], day, float(time)) for row in rows for day, time in enumerate(row[1:])],
        columns=["subject", "day", "reaction"],
    )


@pytest.fixture(scope="module")
def growth() -> pd.DataFrame:
    rows = [line.split() for line in GROWTH.strip().splitlines()]
    return pd.DataFrame(
        [(row[0], 8 + 2 * i, row[1], float(d)) for row in rows for i, d in enumerate(row[2:])],
        columns=["child", "age", "sex", "distance"],
    ).assign(sex=lambda frame: pd.Categorical(frame.sex, ["M", "F"]))


def test_sleepstudy_equals_r(sleep: pd.DataFrame) -> None:
    model = mixed(sleep, "reaction", "day", subject="subject")
    assert model.terms == ("(intercept)", "day")
    # nlme 3.1-162: lme(Reaction ~ Days, random = ~ 1 | Subject), tolerance = msTol = 1e-12
    assert model.coefficients == pytest.approx([251.405104848485, 10.467285959596], rel=1e-12)
    assert model.table["standard_error"].to_numpy() == pytest.approx(
        [9.746716254209133, 0.804221429099433], rel=1e-9
    )
    assert model.table["t"][1] == pytest.approx(13.0154278173329, rel=1e-9)
    assert model.log_likelihood == pytest.approx(-893.232542697461, rel=1e-12)
    # lme4 1.1-31 and lmerTest 3.1-3, whose optimiser is the looser side
    assert model.between_variance == pytest.approx(1378.17840310179, rel=1e-6)
    assert model.within_variance == pytest.approx(960.456586124196, rel=1e-6)
    assert model.df == pytest.approx([22.8102019445026, 160.9999993792412], rel=1e-6)
    assert model.table["p"].to_numpy() == pytest.approx(
        [2.24134108236020e-18, 6.41260378069608e-27], rel=1e-5
    )
    assert (model.n, model.subjects, model.note) == (180, 18, "")


def test_orthodont_equals_r(growth: pd.DataFrame) -> None:
    model = mixed(growth, "distance", ["age", "sex"], subject="child")
    assert model.terms == ("(intercept)", "age", "sex=F")
    # nlme 3.1-162: lme(distance ~ age + Sex, random = ~ 1 | Subject)
    assert model.coefficients == pytest.approx(
        [17.706712962962964, 0.660185185185185, -2.321022727272727], rel=1e-12
    )
    assert model.table["standard_error"].to_numpy() == pytest.approx(
        [0.833922474038328, 0.061605916295323, 0.761416848738883], rel=1e-8
    )
    assert model.log_likelihood == pytest.approx(-218.756253914003, rel=1e-12)
    # lme4 and lmerTest: age has the degrees of freedom within children, sex those between
    assert model.df == pytest.approx([99.3523606759293, 80, 25], rel=1e-6)
    assert model.between_variance == pytest.approx(3.26678401179933, rel=1e-6)
    assert model.within_variance == pytest.approx(2.04945597150678, rel=1e-6)
    assert model.intraclass == pytest.approx(
        3.26678401179933 / (3.26678401179933 + 2.04945597150678), rel=1e-6
    )


def test_unbalanced_equals_r(sleep: pd.DataFrame) -> None:
    # sleepstudy without these rows (counted from 1)
    gone = [
        1,
        2,
        3,
        15,
        16,
        17,
        18,
        30,
        *range(45, 50),
        *range(60, 68),
        *range(101, 110),
        150,
        *range(170, 179),
    ]
    model = mixed(sleep.drop(index=[row - 1 for row in gone]), "reaction", ["day"], subject="subject")
    assert model.coefficients == pytest.approx([255.5980354114783, 10.5825936524547], rel=1e-11)
    assert model.table["standard_error"].to_numpy() == pytest.approx(
        [10.575135578553288, 0.947033551905058], rel=1e-9
    )
    assert model.log_likelihood == pytest.approx(-696.599722983822, rel=1e-12)
    assert model.df == pytest.approx([25.7124752843216, 126.1654192990677], rel=1e-6)


def test_no_variance_between_subjects_is_said() -> None:
    # R: lmer reports a singular fit; its estimates, and df, are those of lm
    frame = pd.DataFrame(
        {
            "who": np.repeat(range(6), 2),
            "time": [0, 1] * 6,
            "value": [1, 6, 2, 4.5, 3, 4, 4, 3.2, 5, 2, 6, 1.1],
        }
    )
    model = mixed(frame, "value", "time", subject="who")
    assert model.between_variance == 0
    assert model.intraclass == 0
    assert model.note.startswith("the variance between subjects is 0")
    assert model.table["standard_error"].to_numpy() == pytest.approx([0.742667863553793, 1.050290964976426])
    assert model.df.tolist() == [10, 10]
    assert model.table["p"].to_numpy() == pytest.approx([0.000825468450976187, 0.975306109947013611])
    assert model.log_likelihood == pytest.approx(-21.9648785974458)


def test_complete_pairs_are_the_paired_t_test() -> None:
    # depression scores of R's ?wilcox.test (Hollander and Wolfe 1973)
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    frame = pd.DataFrame(
        {"who": [*range(9)] * 2, "late": [False] * 9 + [True] * 9, "value": np.concatenate((before, after))}
    )
    model, plain = mixed(frame, "value", "late", subject="who"), ttest_rel(after, before)
    row = model.table.iloc[1]
    assert row["t"] == pytest.approx(plain.statistic, rel=1e-10)
    assert row["df"] == pytest.approx(8, rel=1e-9)
    assert row["p"] == pytest.approx(plain.pvalue, rel=1e-9)
    # R 4.2.2: t.test(after, before, paired = TRUE)$conf.int
    assert (row["lower"], row["upper"]) == pytest.approx((-0.759999065505609, -0.103778712272169), rel=1e-9)


def test_the_mean_alone_and_values_of_any_scale(sleep: pd.DataFrame) -> None:
    alone = mixed(sleep, "reaction", [], subject="subject")
    assert alone.coefficients == pytest.approx([sleep.reaction.mean()])  # balanced
    plain = mixed(sleep, "reaction", "day", subject="subject")
    moved = sleep.assign(reaction=sleep.reaction * 1e-6 + 5, day=sleep.day * 1e5 + 2e6)
    other = mixed(moved, "reaction", "day", subject="subject")
    assert other.table["t"][1] == pytest.approx(plain.table["t"][1], rel=1e-6)
    assert other.df[1] == pytest.approx(161, rel=1e-5)
    assert list(plain.to_frame()) == [
        *["term", "coefficient", "standard_error", "lower", "upper", "df", "t", "p"]
    ]


BASE = pd.DataFrame(
    {"y": [1, 2, 4, 3, 5, 7.0], "t": [0, 1] * 3, "u": [0, 2] * 3, "one": 1, "who": list("aabbcc")}
)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: mixed(BASE, "q", "t", subject="who"), "no column q"),
        (lambda: mixed(BASE, "y", "t", subject="whose"), "no column whose"),
        (lambda: mixed(BASE[:0], "y", "t", subject="who"), "no rows"),
        (lambda: mixed(BASE.assign(y=[1, None, 2, 3, 4, 5]), "y", "t", subject="who"), r"in y \(1\)"),
        (lambda: mixed(BASE.assign(y="a"), "y", "t", subject="who"), "y must be numbers"),
        (lambda: mixed(BASE.assign(y=3), "y", "t", subject="who"), "y is the same in all rows"),
        (lambda: mixed(BASE.assign(who="a"), "y", "t", subject="who"), "here are 1 subjects with 6 values"),
        (lambda: mixed(BASE, "y", "t", subject="y"), "here are 6 subjects with 6 values"),
        (lambda: mixed(BASE, "y", "one", subject="who"), "covariate one does not vary"),
        (lambda: mixed(BASE, "y", ["t", "u"], subject="who"), "covariate u is a combination"),
        (lambda: mixed(BASE[:3], "y", ["t", "who"], subject="who"), "3 values for 3 coefficients"),
        (lambda: mixed(BASE, "y", "t", subject="who", level=0), "between 0 and 1"),
        (lambda: mixed(BASE.assign(y=BASE.t * 2.5), "y", "t", subject="who"), "gives each value exactly"),
        (
            lambda: mixed(BASE.assign(y=[1, 1, 4, 4, 9, 9.0]), "y", "t", subject="who"),
            "values of the same subject do not differ",
        ),
    ],
)
def test_errors_are_sentences(ask: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        ask()  # type: ignore[operator]


VALUES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-3, 3), st.integers(-20, 20)), min_size=5, max_size=25
).map(lambda rows: pd.DataFrame(rows, columns=["who", "t", "y"]))


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_no_other_variances_are_likelier(frame: pd.DataFrame) -> None:
    try:
        model = mixed(frame, "y", "t", subject="who")
    except AnalysisError:
        return
    X = np.column_stack((np.ones(len(frame)), frame.t))
    Z = pd.get_dummies(frame.who).to_numpy(dtype=float)
    y = frame.y.to_numpy(dtype=float)
    best = _restricted(X, Z, y, model.within_variance, model.between_variance)
    assert model.log_likelihood == pytest.approx(best, rel=1e-8, abs=1e-7)
    total = model.within_variance + model.between_variance
    for within in (0.5, 0.9, 1, 1.1, 2):
        for between in (0, 0.3, 0.9, 1, 1.1, 3):
            variances = (within * model.within_variance, between * model.between_variance)
            assert _restricted(X, Z, y, *variances) <= best + 1e-8
        assert _restricted(X, Z, y, 0.99 * model.within_variance, 0.01 * total) <= best + 1e-8
    assert (model.df > 0).all()
    assert (model.table["p"].between(0, 1)).all()


def _restricted(X: np.ndarray, Z: np.ndarray, y: np.ndarray, within: float, between: float) -> float:
    """The restricted log-likelihood, written out with full matrices."""
    V = within * np.eye(len(y)) + between * Z @ Z.T
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    left = y - X @ np.linalg.solve(information, X.T @ inverse @ y)
    determinants = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
    return float(-0.5 * ((len(y) - X.shape[1]) * np.log(2 * np.pi) + determinants + left @ inverse @ left))
