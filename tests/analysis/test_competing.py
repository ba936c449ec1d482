"""Competing risks where the data are awkward, against R on a dozen subjects, and what must always hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.competing import cumulative_incidence, fine_gray, gray
from allpool.analysis.estimators.subdistribution import Censoring, SubdistributionLikelihood, censoring
from allpool.analysis.survival import MonotoneLikelihoodWarning, cox, kaplan_meier
from allpool.errors import AnalysisError

VARIANCES = ["infinitesimal-jackknife", "aalen"]
subjects = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from("ab")), min_size=2, max_size=60
)

# the dozen that R (survival 3.5-3, cmprsk 2.2-11) was asked about; a comment at each use says how
DOZEN = pd.DataFrame(
    {
        "entry": [0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 4],
        "time": [2, 3, 3, 3, 5, 5, 6, 4, 4, 7, 8, 9],
        "cause": [1, 0, 2, 1, 3, 1, 0, 2, 1, 1, 2, 0],
        "group": list("abababababab"),
        "x": [0.5, -1, 0, 2, 1, -0.5, 0.3, 0.8, -1.2, 0.1, 1.5, -0.3],
        "centre": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2],
    }
)


def simulated(seed: int, n: int = 200, *, days: int | None = None) -> pd.DataFrame:
    """Two covariates, three causes (0 censored), two centres; whole days (many ties) or continuous times."""
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=n), rng.choice(["control", "drug"], n)
    time = rng.exponential(10, n) * np.exp(-0.4 * x)
    if days is not None:
        time = np.minimum(np.floor(time * days / 20), days)
    cause = rng.choice([0, 1, 1, 2, 3], n)
    return pd.DataFrame(
        {"time": time, "cause": cause, "x": x, "arm": arm, "centre": rng.integers(0, 2, n), "id": range(n)}
    )


class TestCumulativeIncidence:
    def test_a_table_made_by_hand(self) -> None:
        # at 2: 1 of 4 has cause 1; at 3: 1 of 3 has cause 2 and one is censored, still at risk then;
        # at 5 the last has cause 1
        curves = cumulative_incidence([2, 3, 3, 5], [1, 2, 0, 1])
        at = curves.at([1, 2, 3, 4, 5, 9])
        assert at.columns.tolist() == [
            *["group", "cause", "time", "at_risk"],
            *["incidence", "standard_error", "lower", "upper"],
        ]
        assert at["group"].unique().tolist() == ["all"]
        one, two = (at[at["cause"] == k] for k in (1, 2))
        assert one["at_risk"].tolist() == [4, 4, 3, 1, 1, 0]
        expected = [
            Fraction(0),
            Fraction(1, 4),
            Fraction(1, 4),
            Fraction(1, 4),
            Fraction(3, 4),
            Fraction(3, 4),
        ]
        assert one["incidence"].tolist() == pytest.approx([float(value) for value in expected])
        assert two["incidence"].tolist() == pytest.approx([0, 0, 0.25, 0.25, 0.25, 0.25])
        assert curves.event_free([1, 2, 3, 5])["survival"].tolist() == pytest.approx([1, 0.75, 0.5, 0])
        assert (curves.n, curves.events, curves.causes, curves.groups) == (4, 3, (1, 2), ("all",))
        assert curves.counts["events"].tolist() == [2, 1]

    def test_delayed_entry_is_rs(self) -> None:
        # summary(survfit(Surv(entry, time, factor(cause, 0:3)) ~ 1, id = id, conf.type = "log-log"),
        #         times = c(3, 5, 8, 10), extend = TRUE)
        curves = cumulative_incidence(DOZEN.time, DOZEN.cause, entry=DOZEN.entry)
        at = curves.at([3, 5, 8, 10])
        assert at["at_risk"].tolist() == [9, 6, 2, 0] * 3
        columns = {
            "incidence": [
                *[0.222222222222222, 0.400462962962963, 0.508487654320988, 0.508487654320988],
                *[0.0972222222222222, 0.1944444444444444, 0.3024691358024691, 0.3024691358024691],
                *[0, 0.0810185185185185, 0.0810185185185185, 0.0810185185185185],
            ],
            "standard_error": [
                *[0.136397406135706, 0.151999481532656, 0.159294844813665, 0.159294844813665],
                *[0.0929823970759024, 0.1247425331972915, 0.1473875400776587, 0.1473875400776587],
                *[0, 0.0807455473975425, 0.0807455473975425, 0.0807455473975425],
            ],
            "lower": [
                *[0.035196463837822, 0.127055071280977, 0.187009110765699, 0.187009110765699],
                *[0.00546582058582946, 0.02933028000119031, 0.07010486353517024, 0.07010486353517024],
                *[math.nan, 0.00422258506476338, 0.00422258506476338, 0.00422258506476338],
            ],
            "upper": [
                *[0.508677081902097, 0.666362632151734, 0.761233592818556, 0.761233592818556],
                *[0.352451043663813, 0.467716777602101, 0.583914084861277, 0.583914084861277],
                *[math.nan, 0.315010391749428, 0.315010391749428, 0.315010391749428],
            ],
        }
        for name, expected in columns.items():
            np.testing.assert_allclose(at[name], expected, rtol=1e-12, err_msg=name)

    def test_the_log_interval_and_aalens_variance_are_rs(self) -> None:
        # summary(survfit(Surv(time, factor(cause, 0:3)) ~ 1, conf.type = "log"), times = c(3, 8))
        at = cumulative_incidence(DOZEN.time, DOZEN.cause, ci="log").at([3, 8])
        errors = [0.107582870727984, 0.159060373903422, 0.0797855923130282, 0.1476051835807517]
        np.testing.assert_allclose(at["standard_error"], [*errors, 0, 0.0890762050858701], rtol=1e-12)
        lower = [0.0470327655353929, 0.2499933589879222, 0.0127601365614755, 0.1159335712897086]
        np.testing.assert_allclose(at["lower"], [*lower, math.nan, 0.0145614752119854], rtol=1e-12)
        upper = [0.590604814783314, 0.918427174921622, 0.544229633514318, 0.787126103876681]
        np.testing.assert_allclose(at["upper"], [*upper, math.nan, 0.60358324771695], rtol=1e-12)
        # sqrt(timepoints(cuminc(time, cause), c(3, 5, 7))$var)
        aalen = cumulative_incidence(DOZEN.time, DOZEN.cause, variance="aalen").at([3, 5, 7])
        errors = [
            *[0.1126217329342311, 0.1514070992556313, 0.1758690123240653],
            *[0.0836769774029338, 0.1203061550239185, 0.1203061550239185],
            *[0, 0.0973423785711012, 0.0973423785711012],
        ]
        np.testing.assert_allclose(aalen["standard_error"], errors, rtol=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(subjects)
    def test_one_cause_is_one_minus_kaplan_meier(self, rows: list[tuple[int, int, str]]) -> None:
        time = [row[0] for row in rows]
        event = [min(row[1], 1) for row in rows]
        curve = kaplan_meier(time, event).to_frame()
        found = cumulative_incidence(time, event).to_frame()
        for column in ("time", "at_risk", "events", "censored"):
            assert found[column].tolist() == curve[column].tolist()
        np.testing.assert_allclose(found["incidence"], 1 - curve["survival"], atol=1e-12)
        # Greenwood's; where S is 0 Kaplan-Meier has no error and the incidence is 1 without one
        alive = curve["survival"] > 0
        np.testing.assert_allclose(
            found["standard_error"][alive], curve["standard_error"][alive], rtol=1e-9, atol=1e-12
        )

    @settings(max_examples=40, deadline=None)
    @given(subjects, st.lists(st.integers(1, 10), min_size=60, max_size=60))
    def test_one_cause_with_delayed_entry_is_one_minus_kaplan_meier(
        self, rows: list[tuple[int, int, str]], waits: list[int]
    ) -> None:
        time = [row[0] + 1 for row in rows]
        entry = [max(end - wait, 0) for end, wait in zip(time, waits, strict=False)]
        event = [min(row[1], 1) for row in rows]
        curve = kaplan_meier(time, event, entry=entry).to_frame()
        found = cumulative_incidence(time, event, entry=entry).to_frame()
        assert found["at_risk"].tolist() == curve["at_risk"].tolist()
        np.testing.assert_allclose(found["incidence"], 1 - curve["survival"], atol=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(subjects, st.sampled_from(VARIANCES))
    def test_incidences_and_event_free_survival_add_up_to_one(
        self, rows: list[tuple[int, int, str]], variance: str
    ) -> None:
        time, cause, group = zip(*rows, strict=True)
        curves = cumulative_incidence(time, cause, group=group, variance=variance)
        asked = np.arange(0, 33)
        total = curves.at(asked).groupby(["group", "time"])["incidence"].sum()
        free = curves.event_free(asked).set_index(["group", "time"])["survival"]
        np.testing.assert_allclose((total + free).to_numpy(), 1, atol=1e-12)
        steps = curves.to_frame()
        assert (steps["standard_error"] >= 0).all()
        assert steps.groupby(["group", "cause"])["incidence"].is_monotonic_increasing.all()
        inside = steps["lower"].notna()
        assert (steps["lower"] <= steps["incidence"] + 1e-12)[inside].all()
        assert (steps["upper"] >= steps["incidence"] - 1e-12)[inside].all()

    @settings(max_examples=40, deadline=None)
    @given(subjects, st.sampled_from(VARIANCES), st.randoms(use_true_random=False))
    def test_order_and_time_unit_change_nothing(
        self, rows: list[tuple[int, int, str]], variance: str, random: object
    ) -> None:
        time, cause, group = zip(*rows, strict=True)
        before = cumulative_incidence(time, cause, group=group, variance=variance).to_frame()
        random.shuffle(rows)  # type: ignore[attr-defined]
        time, cause, group = zip(*rows, strict=True)
        months = np.array(time) / 30.4375
        after = cumulative_incidence(months, cause, group=group, variance=variance).to_frame()
        pd.testing.assert_frame_equal(before.drop(columns="time"), after.drop(columns="time"), rtol=1e-12)

    def test_each_group_is_estimated_by_itself_and_text_sorts(self) -> None:
        frame = simulated(1, days=30)
        whole = cumulative_incidence(frame.time, frame.cause, group=frame.arm)
        assert whole.groups == ("control", "drug")
        for arm, subset in frame.groupby("arm"):
            alone = cumulative_incidence(subset.time, subset.cause).to_frame().drop(columns="group")
            found = whole.to_frame()
            found = found[found.group == arm].drop(columns="group").reset_index(drop=True)
            pd.testing.assert_frame_equal(found, alone)

    def test_a_cause_nobody_of_a_group_had_stays_at_zero_there(self) -> None:
        at = cumulative_incidence([1, 2, 3, 1, 2, 3], [1, 2, 0, 1, 1, 0], group=list("aaabbb")).at([1, 3])
        absent = at[(at.group == "b") & (at.cause == 2)]
        assert absent["incidence"].tolist() == [0, 0]
        assert absent["standard_error"].tolist() == [0, 0]
        assert absent[["lower", "upper"]].isna().all(axis=None)  # log-log, as in R
        plain = cumulative_incidence([1, 2, 3], [1, 2, 0], ci="plain").at(0.5)
        assert plain[["lower", "upper"]].to_numpy().tolist() == [[0, 0], [0, 0]]

    @pytest.mark.parametrize("variance", VARIANCES)
    def test_all_censored_and_a_group_of_one(self, variance: str) -> None:
        nobody = cumulative_incidence([3, 5], [0, 0], variance=variance)
        assert nobody.causes == (1,)
        assert nobody.at([1, 9])["incidence"].tolist() == [0, 0]
        assert nobody.at([1, 9])["at_risk"].tolist() == [2, 0]
        assert nobody.events == 0
        alone = cumulative_incidence([3, 5, 7], [2, 1, 1], group=["x", "y", "y"], variance=variance).at(4)
        assert alone["incidence"].tolist() == [0, 1, 0, 0]
        # of one subject survfit says 0, cuminc 1; an incidence of 1 has no log-log interval in R either
        assert alone["standard_error"].tolist() == [0, {"aalen": 1}.get(variance, 0), 0, 0]
        assert alone["lower"].isna().tolist() == [True, True, False, False]  # nobody has left y by 4

    def test_causes_can_be_named_but_not_left_out(self) -> None:
        curves = cumulative_incidence([1, 2], [1, 0], causes=[1, 2, 5])
        assert curves.causes == (1, 2, 5)
        assert curves.at(2)["incidence"].tolist() == [0.5, 0, 0]
        with pytest.raises(AnalysisError, match=r"every cause that occurs.*missing: 2"):
            cumulative_incidence([1, 2], [1, 2], causes=[1])
        with pytest.raises(AnalysisError, match="not 0"):
            cumulative_incidence([1, 2], [1, 2], causes=[0, 1, 2])

    def test_long_tails_do_not_cancel(self) -> None:
        # everybody dies; the variance near the end is F (1 - F) / n, with no censoring
        time = np.arange(1, 100_001)
        cause = np.where(time % 3 == 0, 2, 1)
        for variance, within in (("infinitesimal-jackknife", 1e-9), ("aalen", 1e-3)):
            at = cumulative_incidence(time, cause, variance=variance).at([10, 50_000, 99_990])
            exact = np.sqrt(at["incidence"] * (1 - at["incidence"]) / time.size)
            np.testing.assert_allclose(at["standard_error"], exact, rtol=within)

    def test_results_are_frozen(self) -> None:
        curves = cumulative_incidence([1, 2], [1, 2])
        with pytest.raises(AttributeError):
            curves.n = 3  # type: ignore[misc]
        with pytest.raises(ValueError, match="read-only"):
            curves.curves[0].incidence[0] = 0.5

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (lambda: cumulative_incidence([], []), "empty"),
            (lambda: cumulative_incidence([1, 2], [1]), "differ in length"),
            (lambda: cumulative_incidence([1, 2], [1, 0], group=["a"]), "differ in length"),
            (lambda: cumulative_incidence([-1, 2], [1, 0]), "1 negative"),
            (lambda: cumulative_incidence([1, math.nan], [1, 0]), "1 missing"),
            (lambda: cumulative_incidence([1, 2], [1, math.nan]), "cause has 1 missing"),
            (lambda: cumulative_incidence([1, 2], [1, 0.5]), "whole number of a cause"),
            (lambda: cumulative_incidence([1, 2], [1, -1]), "whole number of a cause"),
            (lambda: cumulative_incidence([1, 2], ["relapse", "death"]), "cause must be numbers"),
            (lambda: cumulative_incidence([1, 2], [1, 0], group=["a", None]), "group has 1 missing"),
            (lambda: cumulative_incidence([1, 2], [1, 0], entry=[1, 0]), "entry must lie before time"),
            (lambda: cumulative_incidence([1, 2], [1, 0], variance="delta"), "unknown variance"),
            (lambda: cumulative_incidence([1, 2], [1, 0], ci="logit"), "unknown ci"),
            (lambda: cumulative_incidence([1, 2], [1, 0], level=95), "between 0 and 1"),
            (lambda: cumulative_incidence([1, 2], [1, 0]).at(-1), "must not be negative"),
        ],
    )
    def test_what_is_wrong_is_said(self, call: Callable[[], object], sentence: str) -> None:
        with pytest.raises(AnalysisError, match=sentence):
            call()


class TestGray:
    def test_three_causes_plain_and_stratified_are_rs(self) -> None:
        # cuminc(time, cause, group)$Tests and cuminc(time, cause, group, strata = centre)$Tests
        plain = [0.138945715022148, 0.431497471502867, 0.733908009815643]
        stratified = [0.0851054231387009, 0.4197875918513106, 0.375]
        for of in (1, 2, 3):
            test = gray(DOZEN.time, DOZEN.cause, DOZEN.group, of=of)
            assert test.chi2 == pytest.approx(plain[of - 1], rel=1e-12)
            test = gray(DOZEN.time, DOZEN.cause, DOZEN.group, of=of, strata=DOZEN.centre)
            assert test.chi2 == pytest.approx(stratified[of - 1], rel=1e-12)
            assert test.df == 1
        assert gray(DOZEN.time, DOZEN.cause, DOZEN.group).p == pytest.approx(0.709331371726551, rel=1e-12)
        assert test.to_frame()["group"].tolist() == ["a", "b"]

    @pytest.mark.parametrize("days", [None, 30])
    def test_identical_groups_do_not_differ(self, days: int | None) -> None:
        frame = simulated(3, days=days)
        twice = pd.concat([frame.assign(half="a"), frame.assign(half="b")], ignore_index=True)
        for of in (1, 2, 3):
            test = gray(twice.time, twice.cause, twice.half, of=of, strata=twice.centre)
            assert test.chi2 == pytest.approx(0, abs=1e-18)
            assert test.p == pytest.approx(1, abs=1e-8)

    def test_order_unit_names_and_the_numbers_of_other_causes_change_nothing(self) -> None:
        frame = simulated(4, days=40)
        base = gray(frame.time, frame.cause, frame.arm)
        mixed = frame.sample(frac=1, random_state=1)
        others = mixed.cause.replace({2: 7, 3: 7})
        names = mixed.arm.map({"control": "z", "drug": "y"})  # the order of the groups turns round
        again = gray(mixed.time / 365.25, others, names)
        assert again.chi2 == pytest.approx(base.chi2, rel=1e-10)
        assert again.n == base.n[::-1]
        assert sum(base.events) == int((frame.cause == 1).sum())

    def test_a_stratum_without_the_cause_says_nothing(self) -> None:
        frame = simulated(5, days=40)
        more = frame.assign(centre=9, cause=frame.cause.replace({1: 2}))
        both = pd.concat([frame, more], ignore_index=True)
        alone = gray(frame.time, frame.cause, frame.arm, strata=frame.centre)
        assert gray(both.time, both.cause, both.arm, strata=both.centre).chi2 == pytest.approx(alone.chi2)

    def test_a_group_without_the_cause_and_a_group_of_one(self) -> None:
        # cuminc(c(1,2,3,4,1,2,3,4,2.5), c(1,1,0,1,2,0,2,0,1), c("a","a","a","a","b","b","b","b","c"))$Tests
        test = gray([1, 2, 3, 4, 1, 2, 3, 4, 2.5], [1, 1, 0, 1, 2, 0, 2, 0, 1], list("aaaabbbbc"))
        assert test.chi2 == pytest.approx(4.6219504572337655, rel=1e-12)
        assert test.events == (3, 0, 1)
        assert test.df == 2

    def test_all_of_a_group_first(self) -> None:
        # the pooled incidence reaches 1 before the last event: cuminc gives 3 all the same
        assert gray([1, 1, 2, 3], [1, 1, 1, 1], list("aabb")).chi2 == pytest.approx(3, rel=1e-12)

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (lambda: gray([1, 2], [1, 0], ["a", "a"]), "at least two groups"),
            (lambda: gray([1, 2], [2, 0], ["a", "b"]), "no events of cause 1"),
            (lambda: gray([1, 2], [0, 0], ["a", "b"]), "no events of cause 1"),
            (lambda: gray([1, 2], [1, 0], ["a", "b"], of=0), "0 means censored"),
            (lambda: gray([1, 2], [1, 0], ["a", "b"], of="relapse"), "whole number of a cause"),
            (lambda: gray([5, 6, 1, 1], [1, 1, 0, 0], list("aabb")), "never at risk together"),
            (lambda: gray([1, 2, 3], [1, 1, 0], ["a", "b"]), "differ in length"),
            (lambda: gray([1, 1, 1, 1, 2, 2, 4, 4], [1] * 8, list("aaaabbbc")), "incidence reaches 1"),
            (lambda: gray([1, 2], [1, 1], ["a", "b"], strata=[1, 2]), "never at risk together"),
        ],
    )
    def test_what_is_wrong_is_said(self, call: Callable[[], object], sentence: str) -> None:
        with pytest.raises(AnalysisError, match=sentence):
            call()


class TestFineGray:
    def test_two_causes_are_rs(self) -> None:
        # crr(time, cause, cbind(x, group == "b"), failcode = 1, and 2)
        expected = {
            1: (
                [-0.167995360673865, 0.315003345463260, -10.653361216859100, -10.783042969350964],
                [0.609904877478284, 0.910396178091272],
            ),
            2: (
                [0.475253171179407, -0.661683482496872, -6.204501621518359, -6.658276237367081],
                [0.162577857072420, 1.281265025245337],
            ),
        }
        for of, (values, variances) in expected.items():
            model = fine_gray(DOZEN, "time", "cause", ["x", "group"], of=of)
            found = [*model.coefficients, model.log_likelihood, model.log_likelihood_null]
            np.testing.assert_allclose(found, values, rtol=1e-12)
            np.testing.assert_allclose(model.table["standard_error"] ** 2, variances, rtol=1e-12)
            assert model.terms == ("x", "group=b")
            assert (model.n, model.events, model.competing) == (12, [5, 3][of - 1], [4, 6][of - 1])

    def test_censoring_strata_are_rs(self) -> None:
        # crr(time, cause, x, cengroup = centre)
        model = fine_gray(DOZEN, "time", "cause", "x", censoring_strata="centre")
        found = [*model.coefficients, model.log_likelihood, model.log_likelihood_null]
        np.testing.assert_allclose(
            found, [-0.211975626800699, -10.361567596652513, -10.433433217748398], rtol=1e-12
        )
        assert model.table["standard_error"][0] == pytest.approx(0.700808158276080, rel=1e-12)

    @pytest.mark.parametrize("days", [None, 12])
    def test_without_competing_events_it_is_coxs_model_of_breslow(self, days: int | None) -> None:
        frame = simulated(6, days=days)
        frame["cause"] = frame.cause.clip(upper=1)
        model = fine_gray(frame, "time", "cause", ["x", "arm"])
        reference = cox(frame, "time", "cause", ["x", "arm"], ties="breslow", cluster="id")
        # the two searches stop by different rules, each within a millionth of a standard error
        np.testing.assert_allclose(model.coefficients, reference.coefficients, atol=1e-6)
        np.testing.assert_allclose(model.variance, reference.variance, rtol=1e-5)
        np.testing.assert_allclose(model.naive_variance, reference.naive_variance, rtol=1e-5)
        assert model.log_likelihood == pytest.approx(reference.log_likelihood, abs=1e-8)
        assert model.log_likelihood_null == pytest.approx(reference.log_likelihood_null, abs=1e-9)

    def test_without_censoring_those_who_had_another_cause_stay_for_ever(self) -> None:
        frame = simulated(7)
        frame["cause"] = frame.cause.clip(lower=1)
        model = fine_gray(frame, "time", "cause", "x")
        for_ever = frame.assign(
            time=frame.time.where(frame.cause == 1, frame.time.max() + 1),
            event=(frame.cause == 1).astype(int),
        )
        reference = cox(for_ever, "time", "event", "x", ties="breslow")
        assert model.coefficients[0] == pytest.approx(reference.coefficients[0], abs=1e-6)
        assert model.log_likelihood == pytest.approx(reference.log_likelihood, abs=1e-8)

    def test_the_influence_is_the_derivative_of_the_score(self) -> None:
        frame = simulated(8, n=40)  # without ties, at which crr's sums are not quite the derivative
        x, stratum = frame.x.to_numpy(), np.zeros(len(frame), dtype=np.int64)
        values, codes = np.unique(frame.time, return_inverse=True)
        kind = frame.cause.clip(upper=2).to_numpy()
        weights = censoring(values, codes, kind, stratum)
        beta = np.array([0.3])
        likelihood = SubdistributionLikelihood(x[:, None], codes, kind, weights)
        found = likelihood.influence(beta)[:, 0]
        np.testing.assert_allclose(found.sum(), likelihood.derivatives(beta).gradient[0], atol=1e-10)
        for i in range(len(frame)):
            own = _residual(x, codes, kind, weights, beta[0], subject=i)
            through = _through_the_weights(x, codes, kind, weights, beta[0], subject=i)
            assert found[i] == pytest.approx(own + through, abs=1e-7)

    def test_order_unit_and_the_numbers_of_other_causes_change_nothing(self) -> None:
        frame = simulated(9, days=20)
        base = fine_gray(frame, "time", "cause", ["x", "arm"])
        mixed = frame.sample(frac=1, random_state=1)
        mixed = mixed.assign(time=mixed.time / 30.4375, cause=mixed.cause.replace({2: 5, 3: 5}))
        again = fine_gray(mixed, "time", "cause", ["x", "arm"])
        pd.testing.assert_frame_equal(base.table, again.table, rtol=1e-9)
        assert base.to_frame().equals(base.table)

    def test_categories_keep_their_order_and_booleans_enter_as_they_are(self) -> None:
        frame = simulated(10)
        ordered = pd.Categorical(frame.arm, categories=["drug", "control"])
        first = fine_gray(frame, "time", "cause", ["x", "arm"])
        turned = fine_gray(frame.assign(arm=ordered), "time", "cause", ["x", "arm"])
        flag = fine_gray(frame.assign(arm=frame.arm == "drug"), "time", "cause", ["x", "arm"])
        assert turned.terms == ("x", "arm=control")
        assert flag.terms == ("x", "arm")
        np.testing.assert_allclose(turned.coefficients, first.coefficients * [1, -1], atol=1e-9)
        np.testing.assert_allclose(flag.coefficients, first.coefficients, atol=1e-12)

    def test_an_infinite_coefficient_is_said_and_the_others_stand(self) -> None:
        frame = simulated(11)
        frame["cause"] = frame.cause.where(frame.arm == "drug", frame.cause.replace({1: 0}))
        with pytest.warns(MonotoneLikelihoodWarning, match="arm=drug"):
            model = fine_gray(frame, "time", "cause", ["x", "arm"])
        assert model.monotone == ("arm=drug",)
        table = model.table.set_index("term")
        assert np.isnan(
            table.loc["arm=drug", ["standard_error", "lower", "upper", "z", "p"]].astype(float)
        ).all()
        assert np.isfinite(table.loc["x"].astype(float)).all()

    @pytest.mark.parametrize(
        ("change", "covariates", "sentence"),
        [
            ({}, ["age"], "no column age"),
            ({}, [], "at least one covariate"),
            ({"cause": 0}, ["x"], "no events of cause 1"),
            ({"cause": 2}, ["x"], "no events of cause 1"),
            ({"cause": 1.5}, ["x"], "cause must be 0"),
            ({"x": 1.0}, ["x"], "does not vary"),
            ({"arm": "drug"}, ["arm"], "only one level"),
            ({"x": math.nan}, ["x"], r"missing values \(NaN\) in x"),
            ({"time": -1.0}, ["x"], "negative"),
            ({"y": simulated(12).x * 2}, ["x", "y"], "y is a combination"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, change: dict[str, object], covariates: list[str], sentence: str
    ) -> None:
        with pytest.raises(AnalysisError, match=sentence):
            fine_gray(simulated(12).assign(**change), "time", "cause", covariates)


def _weight(j: int, t: int, codes: np.ndarray, kind: np.ndarray, weights: Censoring) -> float:
    """The weight of a subject at an event time, as the paper writes it."""
    if codes[j] >= t:
        return 1.0
    if kind[j] != 2:
        return 0.0
    stay = weights.uncensored[weights.stratum[j]]
    return float(stay[t] / stay[codes[j]])


def _residual(
    x: np.ndarray, codes: np.ndarray, kind: np.ndarray, weights: Censoring, beta: float, *, subject: int
) -> float:
    """A subject's residual with the weights taken as known, in loops."""
    total = 0.0
    for i in np.flatnonzero(kind == 1):
        risk = np.array([_weight(j, codes[i], codes, kind, weights) for j in range(x.size)]) * np.exp(
            beta * x
        )
        mean = (risk @ x) / risk.sum()
        total -= (x[subject] - mean) * risk[subject] / risk.sum()
        if i == subject:
            total += x[subject] - mean
    return float(total)


def _through_the_weights(
    x: np.ndarray, codes: np.ndarray, kind: np.ndarray, weights: Censoring, beta: float, *, subject: int
) -> float:
    """How the score changes with the weight of one subject in its stratum's censoring distribution.

    The cumulative censoring hazard before t rises by [censored before t] / Y less the sum of c / Y^2.
    """
    s, step = weights.stratum[subject], 1e-5
    stratum = weights.stratum == s
    rise = np.zeros(weights.uncensored.shape[1])
    for t in range(rise.size):
        for u in range(min(t, codes[subject] + 1)):
            ended = ((codes == u) & (kind == 0) & stratum).sum()
            rise[t] -= ended / max(weights.at_risk[s, u], 1) ** 2
        if kind[subject] == 0 and codes[subject] < t:
            rise[t] += 1 / weights.at_risk[s, codes[subject]]

    def score(change: float) -> float:
        uncensored = weights.uncensored.copy()
        uncensored[s] *= np.exp(-change * rise)
        moved = Censoring(uncensored=uncensored, at_risk=weights.at_risk, stratum=weights.stratum)
        gradient = (
            SubdistributionLikelihood(x[:, None], codes, kind, moved).derivatives(np.array([beta])).gradient
        )
        return float(gradient[0])

    return (score(step) - score(-step)) / (2 * step)
