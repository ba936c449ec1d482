"""Every kind of step over a store built by hand: its numbers are those of the public estimator called on
arrays that SQL takes from the derived tables (a path of its own), and no kind is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sqlalchemy import text

from allpool.analysis.cohorts.membership import DerivedTables
from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.derivation.derive import derive
from allpool.analysis.plans.outcomes import result_rows
from allpool.analysis.plans.plan import Plan
from allpool.analysis.plans.run import StepResult, run_step
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import Statistic
from allpool.analysis.store import read_derived
from allpool.models.engine import connect
from tests.analysis.hand_built import SENT, HandBuilt

STUDIES = ("000", "002", "003")
OF_EACH = 24
DAYS = 30.4375
SENDS = (
    *SENT,
    "adverse_event",
    "imm_cd3_abs",
    "drug_venetoclax",
    "drug_blinatumomab",
    "bm_blasts",
    "ph_status",
)


def written() -> HandBuilt:
    """Three studies of 24 patients, with ties, competing deaths, transplants and values left out."""
    built = HandBuilt(sent=SENDS)
    chance = np.random.default_rng(20261120)

    def later(days: float) -> str:
        return str(date(2021, 1, 1) + timedelta(days=int(days)))

    for study in STUDIES:
        for number in range(OF_EACH):
            key = f"{study}-{number:02}"
            dose = int(chance.integers(0, 200))
            followed = dose + int(chance.integers(200, 900))
            responds = chance.random() < 0.7
            cr = dose + int(chance.choice([14, 28, 29, 42]))
            relapse = cr + int(chance.exponential(300)) + 5 if responds else 10**6
            death = dose + 60 + int(chance.exponential(500))
            transplant = cr + int(chance.integers(20, 120)) if responds and chance.random() < 0.5 else 10**6
            end = min(followed, death)
            built.patient(
                key,
                study=study,
                centre=f"{study}-{number % 2}",
                first_dose=later(dose),
                course_end=later(dose + 27),
                response=f"{'cr' if responds else 'nr'} {later(cr)}",
                relapse=f"haematological {later(relapse)}" if relapse < end else None,
                death=later(death) if death <= followed else None,
                last_contact=later(end),
                status="rr_overt",
                sex=["female", "male"][number % 2],
            )
            if transplant < end:
                built.event("procedure", key, "hsct_date", "performed", later(transplant), status="completed")
            built.observation(key, "age_at_index", None, value_quantity=float(chance.integers(30, 36)))
            if number:  # the first of each study has neither
                ph = ["positive", "negative", "negative"][int(chance.integers(3))]
                built.observation(key, "ph_status", None, value_concept=ph)
                built.observation(
                    key, "bm_blasts", later(dose - 2), value_quantity=float(chance.integers(5, 95))
                )
            before, after = np.exp(chance.normal(0, 0.5)), np.exp(chance.normal(0.4, 0.5))
            built.observation(key, "imm_cd3_abs", None, timepoint="baseline", value_quantity=float(before))
            if number % 8:
                built.observation(
                    key, "imm_cd3_abs", None, timepoint="end_of_course_1", value_quantity=float(after)
                )
            level = float(10 ** chance.normal(-3.6 if responds else -2, 0.8))
            low = level < 1e-4
            built.mrd(
                key,
                later(dose + 28),
                **({"interpretation": "undetectable"} if low else {"value_quantity": level}),
            )
            grade = int(chance.integers(0, 4))
            if grade:
                built.event(
                    *("adverse_event", key, "ae_term", "date", later(dose + 3)),
                    actuality="actual",
                    term="cytokine_release_syndrome",
                    grade=grade,
                    grade_system="astct",
                    course_number=1,
                )
    return built


class Asked:
    """The store, and what a step gives over it."""

    def __init__(self, built: HandBuilt | None = None) -> None:
        self.engine = connect("sqlite://")
        derive((built or written()).into(self.engine))
        with self.engine.connect() as connection:
            self.tables: DerivedTables = read_derived(connection)

    def step(self, *, unit: str = "day", **form: Any) -> StepResult:
        """Run one step; all treated and an id unless it says otherwise."""
        whole = {"id": "a", "question": "q", "population": "all_treated", **form}
        step: Any = TypeAdapter(Step).validate_python(whole)
        plan = Plan.model_validate({"plan": "p", "title": "t", "unit": unit, "steps": [whole]})
        return run_step(plan, step, self.tables, load_catalogue())

    def sql(self, query: str, **parameters: Any) -> pd.DataFrame:
        with self.engine.connect() as connection:
            return pd.read_sql_query(text(query), connection, params=parameters)

    def times(self, endpoint: str, definition: str = "common") -> pd.DataFrame:
        """Time to an event of the evaluable, with event, cause, entry and what adsl says."""
        return self.sql(
            "SELECT t.usubjid, t.studyid, t.aval AS time, CASE t.cnsr WHEN 0 THEN 1 ELSE 0 END AS event, "
            "CASE t.cnsr WHEN 0 THEN 1 WHEN 2 THEN 2 ELSE 0 END AS cause, s.sex, s.ph_status, "
            "json_extract(s.baseline, '$.bm_blasts') AS bm_blasts "
            "FROM adtte t JOIN adsl s ON s.usubjid = t.usubjid "
            "WHERE t.paramcd = :endpoint AND t.definition = :definition AND t.cnsr IS NOT NULL "
            "ORDER BY t.usubjid",
            endpoint=endpoint,
            definition=definition,
        )

    def answers(self, endpoint: str, definition: str = "common") -> pd.DataFrame:
        """Yes (1) or no (0) of the evaluable, with what adsl says."""
        return self.sql(
            "SELECT r.usubjid, r.studyid, r.srcid, CASE r.avalc WHEN 'Y' THEN 1 ELSE 0 END AS yes, s.sex, "
            "s.ph_status, json_extract(s.baseline, '$.bm_blasts') AS bm_blasts "
            "FROM adrs r JOIN adsl s ON s.usubjid = r.usubjid "
            "WHERE r.paramcd = :endpoint AND r.definition = :definition AND r.avalc IS NOT NULL "
            "ORDER BY r.usubjid",
            endpoint=endpoint,
            definition=definition,
        )


@cache
def asked() -> Asked:
    """One store for all tests that only read it."""
    return Asked()


@pytest.fixture(name="asked", scope="module")
def _asked() -> Iterator[Asked]:
    found = asked()
    yield found
    found.engine.dispose()
    asked.cache_clear()


def one(found: StepResult, statistic: str, group: str | None = None, at: float | None = None) -> Statistic:
    """Return the one statistic of this name, group and time."""
    [item] = [
        item
        for item in found.statistics
        if (item.statistic, item.group, item.at) == (statistic, group, at if at is None else float(at))
    ]
    return item


def same(item: Statistic, value: float, lower: float | None = None, upper: float | None = None) -> None:
    """Compare, to rounding: the two ways call one estimator; what is not a number is stored as nothing."""
    told = [(item.value, value)]
    if lower is not None and upper is not None:
        told += [(item.lower, lower), (item.upper, upper)]
    for found, expected in told:
        assert found == (pytest.approx(expected, rel=1e-9) if np.isfinite(expected) else None)


Test = Callable[[Asked], StepResult]
TESTS: dict[str, Test] = {}


def kind(name: str) -> Callable[[Test], Test]:
    """Say which kind of step a test is of."""

    def own(test: Test) -> Test:
        TESTS[name] = test
        return test

    return own


@kind("proportion")
def proportions(asked: Asked) -> StepResult:
    from allpool.analysis.proportions import proportion

    found = asked.step(estimator="proportion", endpoint="cr", by="study", method="wilson", level=0.9)
    for study, rows in asked.answers("cr").groupby("studyid"):
        own = proportion(rows["yes"].sum(), len(rows), method="wilson", level=0.9)
        item = one(found, "proportion", str(study))
        same(item, own.estimate, own.lower, own.upper)
        assert item.n == len(rows)
        assert one(found, "responders", str(study)).value == rows["yes"].sum()
    return found


@kind("compare-proportions")
def comparison(asked: Asked) -> StepResult:
    from allpool.analysis.proportions import chi_square, fisher, risk_difference, trend

    form: dict[str, Any] = {"estimator": "compare-proportions", "endpoint": "cr"}
    rows = asked.answers("cr")
    x, n = (rows.groupby("sex")["yes"].agg(what) for what in ("sum", "count"))
    table = [[int(x[sex]), int(n[sex] - x[sex])] for sex in ("female", "male")]
    for test, p in (
        ("fisher", fisher(table)),
        ("chi-square", chi_square(table, correction=False).p),
        ("chi-square-corrected", chi_square(table, correction=True).p),
        ("trend", trend(x.to_numpy(), n.to_numpy())),
    ):
        found = asked.step(**form, by="sex", test=test)
        same(one(found, "p"), p)
    own = risk_difference(x["male"], n["male"], x["female"], n["female"])
    same(one(found, "risk_difference", "male less female"), own.estimate, own.lower, own.upper)
    # groups of a number stand by size, so that a trend is one: "below 9" before "9 to below 50"
    cut = asked.step(**form, by={"element": "bm_blasts", "cut": [9, 50]}, test="trend")
    place = pd.cut(rows["bm_blasts"].astype(float), [-1, 9, 50, 101], right=False)
    x, n = (rows.groupby(place, observed=False)["yes"].agg(what) for what in ("sum", "count"))
    same(one(cut, "p"), trend(x.to_numpy(), n.to_numpy()))
    groups = [item.group for item in cut.statistics if item.statistic == "proportion"]
    assert groups == ["below 9", "9 to below 50", "50 or more"]
    return found


@kind("kaplan-meier")
def survival(asked: Asked) -> StepResult:
    from allpool.analysis.survival import kaplan_meier

    found = asked.step(
        estimator="kaplan-meier", endpoint="os", by="study", times=[6, 12], ci="plain", unit="month"
    )
    for study, rows in asked.times("os").groupby("studyid"):
        curve = kaplan_meier(rows["time"] / DAYS, rows["event"], ci="plain")
        assert one(found, "events", str(study)).value == rows["event"].sum()
        for row in curve.at([6, 12]).to_dict("records"):
            item = one(found, "survival", str(study), row["time"])
            same(item, row["survival"], row["lower"], row["upper"])
            assert (
                one(found, "at_risk", str(study), row["time"]).value
                == (rows["time"] / DAYS >= row["time"]).sum()
            )
        median = curve.quantile(0.5)
        same(one(found, "median", str(study)), median.estimate)
    return found


@kind("log-rank")
def log_rank(asked: Asked) -> StepResult:
    from allpool.analysis.survival import logrank

    rows = asked.times("os")
    plain = asked.step(estimator="log-rank", endpoint="os", by="sex")
    same(one(plain, "logrank_p"), logrank(rows["time"], rows["event"], rows["sex"]).p)
    found = asked.step(estimator="log-rank", endpoint="os", by="sex", strata="ph_status")
    known = rows[rows["ph_status"].notna()]
    own = logrank(known["time"], known["event"], known["sex"], strata=known["ph_status"])
    same(one(found, "logrank_p"), own.p)
    same(one(found, "logrank_chi2"), own.chi2)
    assert one(found, "logrank_p").n == len(known) == len(rows) - 3
    assert "stratified by ph_status; 3 left out: ph_status unknown" in (one(found, "logrank_p").note or "")
    assert [one(found, "observed", sex).value for sex in own.groups] == list(own.observed)
    return found


@kind("restricted-mean")
def restricted_mean(asked: Asked) -> StepResult:
    from allpool.analysis.survival import kaplan_meier, restricted_mean_difference

    form: dict[str, Any] = {"estimator": "restricted-mean", "endpoint": "os", "by": "sex", "unit": "month"}
    found = asked.step(**form, tau=6)
    rows = asked.times("os")
    time = rows["time"] / DAYS
    for sex, own in rows.groupby("sex"):
        mean = kaplan_meier(own["time"] / DAYS, own["event"]).restricted_mean(6)
        same(one(found, "restricted_mean", str(sex), 6), mean.estimate, mean.lower, mean.upper)
    difference = restricted_mean_difference(time, rows["event"], rows["sex"], 6)
    item = one(found, "restricted_mean_difference", "male less female", 6)
    same(item, difference.estimate, difference.lower, difference.upper)
    # past the last time of a group there is no difference; each group's mean is told all the same
    late = asked.step(**form, tau=500)
    assert one(late, "restricted_mean_difference", "male less female", 500).value is None
    assert one(late, "restricted_mean_difference", "male less female", 500).note
    assert one(late, "restricted_mean", "male", 500).value
    return found


@kind("follow-up")
def follow_up_time(asked: Asked) -> StepResult:
    from allpool.analysis.survival import follow_up

    found = asked.step(estimator="follow-up", endpoint="os", by="study")
    for study, rows in asked.times("os").groupby("studyid"):
        median = follow_up(rows["time"], rows["event"]).quantile(0.5)
        same(one(found, "median_follow_up", str(study)), median.estimate)
    return found


@kind("cox")
def cox_model(asked: Asked) -> StepResult:
    from allpool.analysis.survival import cox

    found = asked.step(
        estimator="cox",
        endpoint="os",
        covariates=["sex", "bm_blasts"],
        per={"bm_blasts": 10},
        strata="study",
        ties="breslow",
    )
    rows = asked.times("os").dropna(subset="bm_blasts")
    rows["bm_blasts"] = rows["bm_blasts"].astype(float) / 10
    own = cox(rows, "time", "event", ["sex", "bm_blasts"], strata=["studyid"], ties="breslow")
    for row in own.table.to_dict("records"):
        same(one(found, "hazard_ratio", row["term"]), row["hazard_ratio"], row["lower"], row["upper"])
        same(one(found, "p", row["term"]), row["p"])
    note = one(found, "events").note or ""
    assert "bm_blasts per 10" in note
    assert "3 left out: a covariate or stratum is unknown" in note
    return found


@kind("fine-gray")
def fine_gray_model(asked: Asked) -> StepResult:
    from allpool.analysis.competing import fine_gray

    found = asked.step(estimator="fine-gray", endpoint="relapse", population="in_cr", covariates="sex")
    own = fine_gray(asked.times("relapse"), "time", "cause", ["sex"])
    [row] = own.table.to_dict("records")
    same(one(found, "hazard_ratio", row["term"]), row["hazard_ratio"], row["lower"], row["upper"])
    return found


@kind("logistic")
def logistic_model(asked: Asked) -> StepResult:
    from allpool.analysis.logistic import logistic
    from allpool.analysis.one_stage import one_stage_logistic

    form: dict[str, Any] = {"estimator": "logistic", "endpoint": "cr", "covariates": ["bm_blasts", "sex"]}
    rows = asked.answers("cr").dropna(subset="bm_blasts").astype({"bm_blasts": float})
    names = ["bm_blasts", "sex"]
    random = asked.step(**form, study="random")
    pooled = one_stage_logistic(rows, "yes", names, study="studyid", effect="random")
    for row in pooled.table.to_dict("records"):
        same(one(random, "odds_ratio", row["term"]), row["odds_ratio"], row["lower"], row["upper"])
    firth = asked.step(**form, penalty="firth", interactions=[])
    for row in logistic(rows, "yes", names, penalty="firth").table.to_dict("records"):
        same(one(firth, "odds_ratio", row["term"]), row["odds_ratio"], row["lower"], row["upper"])
    found = asked.step(**form, study="stratified")
    for row in logistic(rows, "yes", names, strata="studyid").table.to_dict("records"):
        same(one(found, "odds_ratio", row["term"]), row["odds_ratio"], row["lower"], row["upper"])
    return found


@kind("restricted-mean-regression")
def adjusted_mean(asked: Asked) -> StepResult:
    from allpool.analysis.survival import restricted_mean_regression

    found = asked.step(
        estimator="restricted-mean-regression",
        endpoint="os",
        covariates=["sex", "bm_blasts"],
        per={"bm_blasts": 10},
        strata="study",
        tau=6,
        unit="month",
    )
    rows = asked.times("os").dropna(subset="bm_blasts")
    rows = rows.assign(bm_blasts=rows["bm_blasts"].astype(float) / 10, time=rows["time"] / DAYS)
    own = restricted_mean_regression(rows, "time", "event", ["sex", "bm_blasts"], tau=6, strata="studyid")
    for row in own.table.to_dict("records"):
        item = one(found, "restricted_mean_difference", row["term"], 6)
        same(item, row["difference"], row["lower"], row["upper"])
        assert item.unit == "month"
        same(one(found, "p", row["term"]), row["p"])
    assert "within study; bm_blasts per 10; 3 left out" in (one(found, "events").note or "")
    return found


@kind("overlap-weighted")
def weighted(asked: Asked) -> StepResult:
    from allpool.analysis.weighting import overlap_weighted

    found = asked.step(estimator="overlap-weighted", endpoint="cr", by="sex", covariates=["bm_blasts"])
    rows = asked.answers("cr").dropna(subset="bm_blasts").astype({"bm_blasts": float})
    own = overlap_weighted(rows, "yes", "sex", "bm_blasts")
    item = one(found, "risk_difference", "male less female")
    same(item, own.difference.estimate, own.difference.lower, own.difference.upper)
    for sex, share, size in zip(own.groups, own.shares, own.effective_n, strict=True):
        same(one(found, "proportion", sex), share.estimate, share.lower, share.upper)
        same(one(found, "effective_n", sex), size)
    return found


@kind("one-stage-survival")
def one_curve(asked: Asked) -> StepResult:
    from allpool.analysis.one_stage import one_stage_curve

    found = asked.step(
        estimator="one-stage-survival", endpoint="os", times=[6, 12], cuts=[3, 6], unit="month", test="z"
    )
    rows = asked.times("os")
    rows["time"] /= DAYS
    own = one_stage_curve(rows, "time", "event", study="studyid", cuts=[3, 6], test="z")
    for row in own.at([6, 12]).to_dict("records"):
        same(one(found, "survival", None, row["time"]), row["survival"], row["lower"], row["upper"])
    same(one(found, "tau2"), own.between)
    assert one(found, "events").value == rows["event"].sum()
    return found


def test_a_spline_and_its_interaction(asked: Asked) -> None:
    from allpool.analysis.estimators.splines import restricted_cubic
    from allpool.analysis.survival import cox

    found = asked.step(
        estimator="cox",
        endpoint="os",
        covariates=["bm_blasts", "age"],
        splines="bm_blasts",
        interactions=[["bm_blasts", "age"]],
    )
    rows = asked.times("os").dropna(subset="bm_blasts").astype({"bm_blasts": float})
    ages = asked.sql("SELECT usubjid, age FROM adsl").set_index("usubjid")["age"]
    rows["age"] = rows["usubjid"].map(ages).astype(float)
    bend, knots = restricted_cubic(rows["bm_blasts"], name="bm_blasts")
    rows["bm_blasts bend"] = bend
    for part in ("bm_blasts", "bm_blasts bend"):
        rows[f"{part} x age"] = rows[part] * rows["age"]
    terms = ["bm_blasts", "age", "bm_blasts bend", "bm_blasts x age", "bm_blasts bend x age"]
    for row in cox(rows, "time", "event", terms).table.to_dict("records"):
        same(one(found, "hazard_ratio", row["term"]), row["hazard_ratio"], row["lower"], row["upper"])
    told = ", ".join(f"{knot:g}" for knot in knots)
    assert f"spline of bm_blasts with knots at {told}" in (one(found, "events").note or "")
    wrong = asked.step(estimator="cox", endpoint="os", covariates="sex", splines="sex")
    assert "no covariate that is a number" in (wrong.statistics[0].note or "")


@kind("cumulative-incidence")
def incidence(asked: Asked) -> StepResult:
    from allpool.analysis.competing import cumulative_incidence

    found = asked.step(
        estimator="cumulative-incidence",
        endpoint="relapse",
        population="in_cr",
        by="study",
        times=[30, 180],
        at_risk_minimum=1,
    )
    rows = asked.times("relapse")
    own = cumulative_incidence(rows["time"], rows["cause"], group=rows["studyid"])
    names = {1: "incidence", 2: "competing_incidence"}
    for row in own.at([30, 180]).to_dict("records"):
        item = one(found, names[row["cause"]], row["group"], row["time"])
        same(item, row["incidence"], row["lower"], row["upper"])
    for study, part in rows.groupby("studyid"):
        assert one(found, "events", str(study)).value == (part["cause"] == 1).sum()
        assert one(found, "competing_events", str(study)).value == (part["cause"] == 2).sum()
    return found


@kind("gray")
def grays_test(asked: Asked) -> StepResult:
    from allpool.analysis.competing import gray

    rows = asked.times("relapse")
    found = asked.step(estimator="gray", endpoint="relapse", population="in_cr", by="sex", strata="study")
    own = gray(rows["time"], rows["cause"], rows["sex"], strata=rows["studyid"])
    same(one(found, "gray_p"), own.p)
    same(one(found, "gray_chi2"), own.chi2)
    plain = asked.step(estimator="gray", endpoint="relapse", population="in_cr", by="sex")
    same(one(plain, "gray_p"), gray(rows["time"], rows["cause"], rows["sex"]).p)
    return found


EXPOSED = {"event": {"endpoint": "hsct", "definition": "response"}}


def with_transplant(asked: Asked) -> pd.DataFrame:
    rows = asked.times("os", "response")
    transplants = asked.times("hsct", "response").query("event == 1").set_index("usubjid")["time"]
    return rows.assign(wait=rows["usubjid"].map(transplants))


@kind("landmark")
def landmark_step(asked: Asked) -> StepResult:
    from allpool.analysis.survival import cox, kaplan_meier, logrank

    found = asked.step(
        estimator="landmark",
        endpoint="os",
        definition="response",
        population="in_cr",
        exposure=EXPOSED,
        at=90,
        times=[100],
        strata="study",
    )
    rows = with_transplant(asked).query("time > 90")  # without the estimator: past the landmark
    rows = rows.assign(time=rows["time"] - 90, exposed=(rows["wait"] <= 90).astype(float))
    for name, part in rows.groupby(rows["exposed"].map({0.0: "not exposed", 1.0: "exposed"})):
        [row] = kaplan_meier(part["time"], part["event"]).at(100).to_dict("records")
        same(one(found, "survival", str(name), 100), row["survival"], row["lower"], row["upper"])
    own = logrank(rows["time"], rows["event"], rows["exposed"], strata=rows["studyid"])
    same(one(found, "logrank_p"), own.p)
    [row] = cox(rows, "time", "event", ["exposed"], strata=["studyid"]).table.to_dict("records")
    same(one(found, "hazard_ratio", "exposed"), row["hazard_ratio"], row["lower"], row["upper"])
    return found


@kind("time-dependent")
def time_dependent(asked: Asked) -> StepResult:
    from allpool.analysis.survival import cox
    from allpool.analysis.time_dependent import mantel_byar

    found = asked.step(
        estimator="time-dependent",
        endpoint="os",
        definition="response",
        population="in_cr",
        exposure=EXPOSED,
        covariates="sex",
    )
    rows = with_transplant(asked)
    parts = []
    for row in rows.to_dict("records"):  # split by hand
        moved = row["wait"] < row["time"]
        cut = row["wait"] if moved else row["time"]
        parts.append(
            {**row, "start": 0.0, "stop": cut, "exposed": 0.0, "event": 0 if moved else row["event"]}
        )
        if moved:
            parts.append({**row, "start": cut, "stop": row["time"], "exposed": 1.0})
    split = pd.DataFrame(parts).query("start < stop")
    own = cox(split, "stop", "event", ["exposed", "sex"], entry="start")
    for row in own.table.to_dict("records"):
        same(one(found, "hazard_ratio", row["term"]), row["hazard_ratio"], row["lower"], row["upper"])
    assert one(found, "exposed").value == (rows["wait"] < rows["time"]).sum()
    test = mantel_byar(rows["time"], rows["event"], rows["wait"])
    same(one(found, "mantel_byar_p"), test.p)
    return found


@kind("synthesis")
def synthesis(asked: Asked) -> StepResult:
    from allpool.analysis.meta import pool_proportions, random_effects
    from allpool.analysis.survival import kaplan_meier

    rows = asked.answers("cr")
    x, n = (rows.groupby("studyid")["yes"].agg(what) for what in ("sum", "count"))
    logit = asked.step(estimator="synthesis", endpoint="cr", model="logit", method="DL", test="z")
    own = pool_proportions(x.to_numpy(), n.to_numpy(), transform="logit", method="DL")
    same(one(logit, "pooled"), own.proportion, own.proportion_lower, own.proportion_upper)
    late = asked.step(estimator="synthesis", endpoint="os", at=365, method="DL", test="z")
    effects, variances = [], []
    for _, part in asked.times("os").groupby("studyid"):
        [row] = kaplan_meier(part["time"], part["event"]).at(365).to_dict("records")
        s, error = row["survival"], row["standard_error"]
        effects.append(np.log(-np.log(s)))
        variances.append((error / (s * np.log(s))) ** 2)
    pooled = random_effects(effects, variances, method="DL")
    same(one(late, "pooled", None, 365), float(np.exp(-np.exp(pooled.estimate))))
    found = asked.step(estimator="synthesis", endpoint="cr", test="z")
    own = pool_proportions(x.to_numpy(), n.to_numpy(), transform="glmm")
    same(one(found, "pooled"), own.proportion, own.proportion_lower, own.proportion_upper)
    assert [one(found, "study_estimate", study).value for study in STUDIES] == list(x / n)
    return found


@kind("rare-events")
def rare_events(asked: Asked) -> StepResult:
    from allpool.analysis.meta import beta_binomial, exact_common

    found = asked.step(estimator="rare-events", endpoint="crs_g3")
    counts = asked.answers("crs_g3").groupby("studyid")["yes"]
    x, n = counts.sum().to_numpy(), counts.count().to_numpy()
    together, apart = exact_common(x, n), beta_binomial(x, n)
    same(one(found, "pooled_common_effect"), together.estimate, together.lower, together.upper)
    same(one(found, "pooled"), apart.estimate)
    return found


@kind("latent-level")
def latent(asked: Asked) -> StepResult:
    from allpool.analysis.latent_level import latent_level

    found = asked.step(estimator="latent-level", endpoint="mrd", covariates="studyid")
    rows = asked.sql(
        "SELECT r.usubjid, r.studyid, CASE m.avalc WHEN 'undetectable' THEN 0 ELSE m.aval END AS low, "
        "CASE m.avalc WHEN 'undetectable' THEN m.lod ELSE m.aval END AS high "
        "FROM adrs r JOIN admrd m ON m.usubjid = r.usubjid AND m.srcid = r.srcid "
        "WHERE r.paramcd = 'mrd' AND r.definition = 'common' AND r.avalc IS NOT NULL ORDER BY r.usubjid"
    )
    own = latent_level(rows, "low", "high", ["studyid"])
    same(one(found, "spread"), own.spread)
    for row in own.table.to_dict("records"):
        same(one(found, "ratio", row["term"]), row["ratio"], row["lower"], row["upper"])
    return found


@kind("paired")
def paired(asked: Asked) -> StepResult:
    from allpool.analysis.mixed import mixed
    from allpool.analysis.paired import wilcoxon

    pair = {"before": "imm_cd3_abs_before", "after": "imm_cd3_abs_after_course_1"}
    found = asked.step(estimator="paired", **pair, by="study", model="mixed", studies="002")
    value = "AND {0}.data_element = 'imm_cd3_abs' AND {0}.timepoint = '{1}'"
    rows = asked.sql(
        "SELECT s.id AS usubjid, s.study AS studyid, b.value_quantity AS before, a.value_quantity AS after "
        "FROM research_subject s "
        f"JOIN observation b ON b.subject_id = s.individual_id {value.format('b', 'baseline')} "
        f"JOIN observation a ON a.subject_id = s.individual_id {value.format('a', 'end_of_course_1')} "
        "WHERE s.study = '002' ORDER BY s.id"
    )
    for study, own in rows.groupby("studyid"):
        same(one(found, "wilcoxon_p", str(study)), float(wilcoxon(own["before"], own["after"]).p))
        same(one(found, "median_before", str(study)), own["before"].median())
        same(one(found, "median_after", str(study)), own["after"].median())
        assert one(found, "median_after", str(study)).note == "limits are quartiles; 3 without a pair"
    long = pd.concat(
        [
            rows.assign(value=np.log(rows["before"]), later=0.0),
            rows.assign(value=np.log(rows["after"]), later=1.0),
        ]
    )
    model = mixed(long, "value", ["later"], subject="usubjid").table.set_index("term").loc["later"]
    item = one(found, "mean_ratio")
    assert item.value == pytest.approx(float(np.exp(model["coefficient"])), rel=1e-6)
    return found


@kind("overlap")
def overlap(asked: Asked) -> StepResult:
    found = asked.step(estimator="overlap")
    own = asked.sql("SELECT usubjid, siteid, sex, trtsdt, disease_status, age FROM adsl")
    pairs = own.merge(own, on=["sex", "trtsdt", "disease_status"])
    near = (pairs["age_x"] - pairs["age_y"]).abs() <= 1
    once = (pairs["usubjid_x"] < pairs["usubjid_y"]) & (pairs["siteid_x"] != pairs["siteid_y"])
    pairs = pairs[near & once]
    assert one(found, "suspected_pairs").value == len(pairs)
    assert one(found, "suspected_pairs").n == len(own)
    assert [one(found, "compared", study).n for study in STUDIES] == [OF_EACH] * 3
    return found


@kind("baseline-table")
def baseline_table(asked: Asked) -> StepResult:
    found = asked.step(estimator="baseline-table", by="study", variables=["sex", "bm_blasts"])
    for study, rows in asked.answers("cr").groupby("studyid"):
        own = cells(found, str(study))
        assert own["sex", "female", "n"] == (rows["sex"] == "female").sum()
        assert own["bm_blasts", None, "median"] == pytest.approx(rows["bm_blasts"].astype(float).median())
    return found


def cells(found: StepResult, group: str) -> dict[tuple[str | None, str | None, str], float | None]:
    """Return the numbers of one group of a table by variable, level and statistic."""
    return {
        (item.variable, item.variable_level, item.statistic): item.value
        for item in found.statistics
        if item.group == group
    }


@kind("response-table")
def response_table(asked: Asked) -> StepResult:
    found = asked.step(estimator="response-table", endpoints=["cr", "mrd/common"], by="study")
    for endpoint in ("cr", "mrd"):
        for study, rows in asked.answers(endpoint).groupby("studyid"):
            own = cells(found, str(study))
            assert own[f"{endpoint}/common", "Y", "n"] == rows["yes"].sum()
            assert own[f"{endpoint}/common", "Y", "N"] == len(rows)
    return found


@kind("adverse-events")
def adverse_events(asked: Asked) -> StepResult:
    found = asked.step(estimator="adverse-events", by="study")
    for study, rows in asked.sql("SELECT * FROM adae").groupby("studyid"):
        worst, own = rows.groupby("usubjid")["aetoxgr"].max(), cells(found, str(study))
        assert own["any adverse event", "any", "n"] == len(worst)
        assert own["cytokine_release_syndrome", "astct: 1-2", "n"] == worst.isin([1, 2]).sum()
        assert own["cytokine_release_syndrome", "astct: 3-4", "n"] == worst.isin([3, 4]).sum()
    return found


@kind("flow")
def flow(asked: Asked) -> StepResult:
    found = asked.step(estimator="flow", endpoint="relapse", population="in_cr")
    evaluable = asked.times("relapse").groupby("studyid").size()
    inside = asked.answers("cr", "composite").groupby("studyid")["yes"].sum()
    for study in STUDIES:
        own = cells(found, study)
        assert own["in_store", None, "n"] == OF_EACH
        assert own["population", None, "n"] == inside[study]
        assert own["evaluable", None, "n"] == evaluable[study]
    return found


def test_every_kind_of_step_has_a_test() -> None:
    kinds = {
        get_args(member.model_fields["estimator"].annotation)[0] for member in get_args(get_args(Step)[0])
    }
    assert set(TESTS) == kinds


@pytest.mark.parametrize("name", sorted(TESTS))
def test_the_numbers_are_the_estimators(name: str, asked: Asked) -> None:
    """Beside the numbers: each statistic has an id of its own, the subjects are behind it, a run repeats."""
    found = TESTS[name](asked)
    assert found.step.estimator == name
    assert found.synthetic
    rows = result_rows(found, load_catalogue(), release=None)
    assert len({row["id"] for row in rows}) == len(rows)
    assert found.answer.subjects["usubjid"].is_unique or name in ("adverse-events",)
    assert not set(found.answer.subjects["usubjid"]) & set(found.answer.left_out["usubjid"])
    again = run_step(found.plan, found.step, asked.tables, load_catalogue())
    assert result_rows(again, load_catalogue(), release=None) == rows
