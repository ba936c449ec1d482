"""Plans: what they say, what the night stores of them, and that a second night changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.plans.night import Headline, analyse
from allpool.analysis.plans.plan import load_plan
from allpool.errors import DefinitionError
from allpool.models import AnalysisResult, AnalysisSubject
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

DOSE = "2022-01-01"
PLAN = """
plan: test
title: A plan
unit: day
steps:
  - id: cr
    question: CR
    population: all_treated
    endpoint: cr
    by: study
    estimator: proportion
    headline: true
  - id: os
    question: OS
    population: all_treated
    endpoint: os
    estimator: kaplan-meier
    times: [30, 300]
  - id: few
    question: OS
    population: all_treated
    endpoint: os
    estimator: kaplan-meier
    times: 300
    at_risk_minimum: 1
  - {id: guard, question: OS by CR, population: all_treated, endpoint: os, by: cr, estimator: log-rank}
  - id: overridden
    question: OS by CR
    population: all_treated
    endpoint: os
    by: cr
    override: as printed
    estimator: log-rank
  - id: ph
    question: OS by Ph
    population: all_treated
    endpoint: os
    by: ph_status
    estimator: log-rank
    strata: study
  - id: cox
    question: OS by Ph
    population: all_treated
    endpoint: os
    estimator: cox
    covariates: ph_status
    strata: study
  - id: pooled
    question: CR pooled
    population: all_treated
    endpoint: cr
    estimator: synthesis
    model: logit
  - id: alone
    question: CR pooled without 002
    population: all_treated
    endpoint: cr
    estimator: synthesis
    excludes: {"002": its criteria are not stated}
  - {id: nobody, question: CR, population: untreated, endpoint: cr, estimator: proportion}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    built = HandBuilt()
    for study, responders in (("001", 6), ("002", 4)):
        for number in range(8):
            answers = number < responders
            key = built.patient(
                f"{study}-{number}",
                study=study,
                first_dose=DOSE,
                response="cr 2022-01-29" if answers else "nr 2022-01-29",
                death=None if answers else f"2022-0{number}-01",
                last_contact=f"2022-0{number + 1}-15",
                status="rr_overt",
                synthetic=study == "001",
            )
            built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
    built.patient("001-x", study="001", first_dose=DOSE, response="cr 2022-01-29", death="?")
    found = built.into(connect("sqlite://"))
    yield found
    found.dispose()


def rows(engine: Engine, step: str, statistic: str | None = None) -> list[Any]:
    query = select(AnalysisResult.__table__).where(AnalysisResult.step == step)
    if statistic:
        query = query.where(AnalysisResult.statistic == statistic)
    with engine.connect() as connection:
        return list(connection.execute(query.order_by(AnalysisResult.group_value, AnalysisResult.at)).all())


@pytest.fixture
def night(engine: Engine, plan: Path, tmp_path: Path) -> list[Headline]:
    return analyse(engine, plans=[plan], output=None, disclosure_minimum=1)


def test_proportions(engine: Engine, night: list[Headline]) -> None:
    found = rows(engine, "cr", "proportion")
    assert [(row.group_value, row.value, row.n, row.group_by) for row in found] == [
        ("001", 7 / 9, 9, "study"),
        ("002", 0.5, 8, "study"),
    ]
    assert (found[0].definition, found[0].definition_version, found[0].level) == ("common", "1", 0.95)
    assert [(line.step, line.group, line.value, line.n) for line in night] == [
        ("cr", "001", "77.8 %", 9),
        ("cr", "002", "50.0 %", 8),
    ]


def test_too_few_at_risk_withholds_the_estimate(engine: Engine, night: list[Headline]) -> None:
    early, late = rows(engine, "os", "survival")
    assert (early.at, early.n, early.unit) == (30, 16, "day")
    assert early.value is not None
    assert early.note == "1 left out: 1 death of any cause: known to have happened, without a date"
    assert (late.value, late.lower) == (None, None)
    assert late.note == "withheld: 0 at risk, fewer than 5"
    assert "0 at risk, fewer than 1" in rows(engine, "few", "survival")[0].note


def test_the_guard_of_time_zero(engine: Engine, night: list[Headline]) -> None:
    refused = rows(engine, "guard")
    assert [(row.statistic, row.value) for row in refused] == [("refused", None)]
    assert "immortal time" in refused[0].note
    [p] = rows(engine, "overridden", "logrank_p")
    assert 0 < p.value < 1
    assert "a guard was overridden: as printed" in p.note


def test_log_rank_cox_and_synthesis(engine: Engine, night: list[Headline]) -> None:
    [p] = rows(engine, "ph", "logrank_p")
    assert 0 < p.value < 1
    assert p.note.startswith("stratified by study")
    [ratio] = rows(engine, "cox", "hazard_ratio")
    assert (ratio.group_value, ratio.n) == ("ph_status=positive", 16)
    assert ratio.lower < ratio.value < ratio.upper
    [pooled] = rows(engine, "pooled", "pooled")
    assert pooled.lower < pooled.value < pooled.upper
    assert [row.n for row in rows(engine, "pooled", "study_estimate")] == [9, 8]
    assert rows(engine, "pooled", "prediction")[0].note == "a prediction interval needs three studies"


def test_what_cannot_be_told_says_why(engine: Engine, night: list[Headline]) -> None:
    [alone] = rows(engine, "alone")
    assert alone.statistic == "refused"
    assert "its criteria are not stated" in alone.note
    [nobody] = rows(engine, "nobody")
    assert nobody.note == "too little data: nobody is evaluable (the cohort is empty)"


def test_the_subjects_behind_a_result(engine: Engine, night: list[Headline]) -> None:
    key = rows(engine, "os")[0].analysis_id
    with engine.connect() as connection:
        found = connection.execute(
            select(AnalysisSubject.__table__).where(AnalysisSubject.analysis_id == key)
        ).all()
    assert len(found) == 17
    by_subject = {row.usubjid: row for row in found}
    assert (by_subject["S-001-7"].event, by_subject["S-001-7"].srcdom) == (1, "patient")
    out = by_subject["S-001-x"]
    assert (out.aval, out.event) == (None, None)
    assert "without a date" in out.description


def test_a_second_night_changes_nothing(engine: Engine, plan: Path, night: list[Headline]) -> None:
    def content() -> list[Any]:
        with engine.connect() as connection:
            return [
                connection.exec_driver_sql(f"SELECT * FROM {name}").all()
                for name in ("adsl", "adrs", "adtte", "analysis_result", "analysis_subject")
            ]

    before = content()
    assert analyse(engine, plans=[plan], output=None, disclosure_minimum=1) == night
    assert content() == before
    assert len({row.id for row in rows(engine, "pooled")}) == len(rows(engine, "pooled"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("population: untreated", "population: nobody", "no population 'nobody'"),
        ("endpoint: os\n    estimator: kaplan", "endpoint: pfs\n    estimator: kaplan", "no endpoint 'pfs'"),
        ("estimator: synthesis\n", "estimator: synthesiss\n", "synthesiss"),
        ("endpoint: cr\n    by: study", "endpoint: os\n    by: study", "os is a time to an event"),
        ("id: cox", "id: ph", "stands here twice"),
        ("unit: day", "unit: moon", "unit"),
        ("    model: logit", "    outcome: os", "may be pooled for os, not for cr"),
        ("times: 300", "tmes: 300", "tmes: is not a word of this language here"),
    ],
)
def test_a_wrong_plan(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(PLAN.replace(old, new, 1))
    with pytest.raises(DefinitionError) as caught:
        load_plan(path, load_catalogue())
    assert caught.value.place is not None
    assert caught.value.place.file == "wrong.yaml"
    changed = PLAN[: PLAN.index(old)].count("\n") + 1
    assert abs((caught.value.place.line or 0) - changed) <= 5, "within the same step"
    assert says in caught.value.message


def test_a_definition_meant_for_another_study(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "plan: p\ntitle: t\nsteps:\n  - {id: a, question: q, population: all_treated, studies: ['001'], "
        "endpoint: mrd, definition: study_004, estimator: proportion}\n"
    )
    with pytest.raises(DefinitionError, match="meant for study 004, not for 001"):
        load_plan(path, load_catalogue())


def test_two_plans_of_one_name(engine: Engine, plan: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(plan.read_text())
    with pytest.raises(DefinitionError, match="stands in two files"):
        analyse(engine, plans=[plan, other], output=None)


def test_every_database_gives_the_same(store: Engine, plan: Path, tmp_path: Path) -> None:
    """`store` is a migrated store, once in SQLite and once in PostgreSQL."""
    built = HandBuilt()
    for study in ("001", "002"):
        for number in range(6):
            key = built.patient(
                f"{study}-{number}",
                study=study,
                first_dose=DOSE,
                response="cr 2022-01-29" if number else "nr 2022-01-29",
                death="2022-02-20" if number == 1 else None,
                last_contact="2022-05-15",
                evaluable_response=True,
            )
            built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
            built.mrd(key, "2022-01-29", interpretation="undetectable")
    built.quarantined("001-3", "death_date")
    lines = analyse(built.into(store), plans=[plan], output=tmp_path / "page", disclosure_minimum=1)
    assert [(line.group, line.value, line.n) for line in lines] == [
        ("001", "83.3 %", 6),
        ("002", "83.3 %", 6),
    ]
    early = rows(store, "os", "survival")[0]
    assert (early.n, early.value) == (11, 1.0)
    assert "waits in quarantine" in early.note
    assert rows(store, "os", "events")[0].value == 2
    assert "unreadable date" in (tmp_path / "page" / "index.html").read_text()


def test_the_plans_of_the_example_consortium() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "consortium" / "plans"
    plans = [load_plan(path, load_catalogue()) for path in sorted(folder.glob("*.yaml"))]
    assert {"study_001", "study_004"} <= {plan.plan for plan in plans}
    answered = [plan.question for plan in plans if plan.question]
    assert answered == [f"q{number:02}" for number in range(1, 21)]
    for plan in plans:
        if plan.question:
            assert plan.estimand
            assert plan.model
            assert set(plan.studies) == {"000", "001", "002", "003", "004"}
            assert plan.traps
            assert any(step.headline for step in plan.steps)
