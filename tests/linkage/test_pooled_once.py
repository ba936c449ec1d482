"""One person counts once where studies share an estimate, with a sensitivity analysis; on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter
from sqlalchemy import Engine, select, update

from allpool.analysis.cohorts.cohort import cohort_of
from allpool.analysis.cohorts.duplicates import duplicates, load_keep, note
from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.derivation.derive import derive
from allpool.analysis.pages.wording import shown, word
from allpool.analysis.plans.night import analyse
from allpool.analysis.plans.plan import Plan
from allpool.analysis.plans.released import released
from allpool.analysis.plans.run import StepResult, run_step
from allpool.analysis.plans.steps import Step
from allpool.analysis.store import read_derived
from allpool.etl.linkage import link_patients
from allpool.etl.linkage.links import decide
from allpool.models import AnalysisResult, AnalysisSubject, PatientLink
from allpool.models.engine import connect
from tests.linkage.hospital import OF_EACH, STUDIES, TWICE, filled

CATALOGUE = load_catalogue()
STEP: TypeAdapter[Step] = TypeAdapter(Step)
EVERYBODY = OF_EACH * len(STUDIES) + len(TWICE)
AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def derived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The store after a night that found two candidates, derived; once for all tests here."""
    if request.param == "sqlite":
        template = request.getfixturevalue("upgraded_file")
        url = f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('hospital') / 'allpool.db')}"
    else:
        server = request.getfixturevalue("postgresql")
        url = server.fresh(server.upgraded)
    engine = filled(connect(url))
    with engine.begin() as connection:
        link_patients(connection, run=1)
    derive(engine, catalogue=CATALOGUE)
    yield engine
    engine.dispose()


@pytest.fixture
def linked(derived: Engine) -> Engine:
    """That store, with nothing decided."""
    with derived.begin() as connection:
        connection.execute(update(PatientLink).values(status="candidate", decided_by=None, decided_at=None))
    return derived


def say(engine: Engine, patient: str, verdict: Any) -> None:
    with engine.begin() as connection:
        own = PatientLink.__table__.c
        found = connection.execute(
            select(own.id).where((own.first_patient == patient) | (own.second_patient == patient))
        ).scalar_one()
        decide(connection, found, verdict, by="data manager", comment=None, at=AT)


def answer(engine: Engine, *, duplicates: str = "exclude", **words: object) -> StepResult:
    step = STEP.validate_python({"id": "s", "question": "q", "population": "all_subjects", **words})
    plan = Plan.model_validate({"plan": "p", "title": "t", "duplicates": duplicates, "steps": [step]})
    with engine.connect() as connection:
        return run_step(plan, step, read_derived(connection), CATALOGUE)


def sizes(result: StepResult) -> dict[str, int | None]:
    return {item.statistic: item.n for item in result.statistics if item.group in (None, "all")}


CR = {"estimator": "proportion", "endpoint": "cr"}


def test_candidates_alone_leave_everybody_in_and_are_told_beside_it(linked: Engine) -> None:
    found = answer(linked, **CR)
    assert sizes(found)["proportion"] == EVERYBODY
    assert sizes(found)["proportion_candidates_excluded"] == EVERYBODY - 2
    assert "proportion_duplicates_kept" not in sizes(found)


def test_who_is_the_same_counts_once(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    found = answer(linked, **CR)
    assert sizes(found)["proportion"] == EVERYBODY - 1
    assert sizes(found)["proportion_candidates_excluded"] == EVERYBODY - 2
    assert sizes(found)["proportion_duplicates_kept"] == EVERYBODY
    kept = "1 subject is left out as the same person as another one who is counted (studies 001 and 002)"
    assert all(kept in (item.note or "") for item in found.statistics if item.statistic == "proportion")
    gone = found.answer.left_out[found.answer.left_out["usubjid"] == "S-002-again"]
    assert gone["reason"].tolist() == ["the same person as S-001-03 (study 001), who is counted"]
    assert "S-002-again" not in set(found.answer.subjects["usubjid"])
    assert "S-001-03" in set(found.answer.subjects["usubjid"])


def test_numbers_are_those_of_a_store_without_the_duplicate(linked: Engine) -> None:
    everybody = answer(linked, **CR)
    say(linked, "P-002-again", "same")
    once = answer(linked, **CR)
    with linked.connect() as connection:
        tables = read_derived(connection)
    rows = tables.adrs[(tables.adrs["paramcd"] == "cr") & (tables.adrs["definition"] == "common")]
    without = rows[rows["usubjid"] != "S-002-again"]
    value = {item.statistic: item.value for item in once.statistics}
    assert value["proportion"] == pytest.approx((without["avalc"] == "Y").mean())
    [before] = [item.value for item in everybody.statistics if item.statistic == "proportion"]
    assert value["proportion_duplicates_kept"] == before == pytest.approx((rows["avalc"] == "Y").mean())


def test_who_is_different_is_asked_no_more(linked: Engine) -> None:
    for patient in ("P-002-again", "P-003-again"):
        say(linked, patient, "different")
    found = answer(linked, **CR)
    assert sizes(found)["proportion"] == EVERYBODY
    assert not [item for item in found.statistics if item.statistic.endswith(("_excluded", "_kept"))]


def test_a_study_of_its_own_keeps_everybody(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    alone = answer(linked, **CR, studies="002")
    assert sizes(alone)["proportion"] == OF_EACH + 1
    by_study = answer(linked, **CR, by="study")
    own = {item.group: item.n for item in by_study.statistics if item.statistic == "proportion"}
    assert own == {"001": OF_EACH, "002": OF_EACH + 1, "003": OF_EACH + 1}
    flow = answer(linked, estimator="flow", endpoint="cr")
    in_store = {item.group: item.value for item in flow.statistics if item.variable == "in_store"}
    assert in_store == {"001": OF_EACH, "002": OF_EACH + 1, "003": OF_EACH + 1, None: EVERYBODY}


def test_a_study_that_is_left_out_takes_nobody_with_it(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    found = answer(linked, **CR, excludes={"001": "another question"})
    assert sizes(found)["proportion"] == 2 * OF_EACH + 2


def test_a_plan_may_keep_duplicates(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    found = sizes(answer(linked, duplicates="keep", **CR))
    assert found["proportion"] == EVERYBODY
    assert not [name for name in found if name.endswith(("_excluded", "_kept"))]
    kept = answer(linked, duplicates="keep", estimator="synthesis", endpoint="cr")
    assert sizes(kept)["pooled"] == EVERYBODY


@pytest.mark.parametrize(
    ("words", "statistic"),
    [
        ({"estimator": "synthesis", "endpoint": "cr"}, "pooled"),
        ({"estimator": "kaplan-meier", "endpoint": "os", "times": [1]}, "survival"),
        ({"estimator": "log-rank", "endpoint": "os", "by": "sex"}, "logrank_p"),
    ],
    ids=["synthesis", "kaplan-meier", "log-rank"],
)
def test_every_kind_of_estimate_counts_once(linked: Engine, words: dict[str, object], statistic: str) -> None:
    say(linked, "P-002-again", "same")
    found = sizes(answer(linked, **words))
    assert found[statistic] == EVERYBODY - 1
    assert found[f"{statistic}_candidates_excluded"] == EVERYBODY - 2
    assert found[f"{statistic}_duplicates_kept"] == EVERYBODY


def test_a_cohort_pools_each_person_once(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    with linked.connect() as connection:
        tables = read_derived(connection)
    cohort = cohort_of(tables, CATALOGUE, "all_subjects")
    pooled = cohort.pooled("cr")
    assert pooled.studies["n"].sum() == EVERYBODY - 1
    assert any("left out as the same person" in said for said in pooled.notes)
    assert cohort.distinct("none").pooled("cr").studies["n"].sum() == EVERYBODY
    without = replace(tables, links=tables.links.iloc[:0])
    assert cohort_of(without, CATALOGUE, "all_subjects").pooled("cr").studies["n"].sum() == EVERYBODY


def test_results_stand_in_the_store_and_are_the_same_again(linked: Engine, tmp_path) -> None:
    say(linked, "P-002-again", "same")
    plan = tmp_path / "cr.yaml"
    plan.write_text(
        "plan: cr\ntitle: t\nsteps:\n"
        "  - {id: a, question: q, population: all_subjects, estimator: proportion, endpoint: cr}\n"
        "  - {id: b, question: q, population: all_subjects, estimator: overlap}\n",
        encoding="utf-8",
    )

    def stored() -> tuple[list[Any], list[Any]]:
        analyse(linked, plans=[plan], output=tmp_path / "page", derived=True)
        with linked.connect() as connection:
            results, subjects = AnalysisResult.__table__, AnalysisSubject.__table__
            found = connection.execute(select(results).order_by(results.c.id)).all()
            behind = connection.execute(
                select(subjects.c.usubjid, subjects.c.description).order_by(
                    subjects.c.analysis_id, subjects.c.usubjid
                )
            ).all()
        return found, behind

    found, behind = stored()
    n = {row.statistic: row.n for row in found if row.step == "a"}
    assert n["proportion"] == EVERYBODY - 1
    assert n["proportion_duplicates_kept"] == EVERYBODY
    assert ("S-002-again", "the same person as S-001-03 (study 001), who is counted") in behind
    value = {row.statistic: row.value for row in found if row.step == "b" and row.group_value is None}
    assert value == {"suspected_pairs": 2, "candidate_pairs": 1, "same_pairs": 1, "different_pairs": 0}
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "proportion, duplicates kept" in page
    assert "proportion, candidates counted once too" in page
    assert stored() == (found, behind)


def test_what_leaves_tells_of_no_few_duplicates(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    left = {item.statistic: item for item in released(answer(linked, **CR), minimum=5).statistics}
    kept = left["proportion_duplicates_kept"]
    assert kept.n is None
    assert kept.value == round(kept.value or 0, 2)
    assert "1 subject" not in (left["proportion"].note or "")
    assert left["proportion"].n == EVERYBODY - 1


def test_numbers_are_shown_in_the_scale_of_what_they_repeat(linked: Engine) -> None:
    say(linked, "P-002-again", "same")
    [item] = [i for i in answer(linked, **CR).statistics if i.statistic == "proportion_duplicates_kept"]
    assert shown(item).endswith(" %")
    assert word("pooled_candidates_excluded") == "pooled, candidates counted once too"


def subjects(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["usubjid", "studyid", "trtsdt"], dtype=object)
    return frame.assign(patient_id="P" + frame["usubjid"])


def same(*pairs: tuple[str, str]) -> pd.DataFrame:
    rows = [(f"P{one}", f"P{other}", "token", "same") for one, other in pairs]
    return pd.DataFrame(rows, columns=["first_patient", "second_patient", "method", "status"], dtype=object)


def test_the_earliest_first_dose_is_kept_and_sameness_is_passed_on() -> None:
    assert [item.column for item in load_keep().keep] == ["trtsdt", "studyid", "usubjid"]
    adsl = subjects(
        ("a", "3", "2022-01-05"), ("b", "1", "2022-01-04"), ("c", "2", None), ("d", "2", "2022-01-01")
    )
    out = duplicates(adsl, same(("a", "b"), ("a", "c")))
    assert out[["usubjid", "kept", "kept_study"]].to_numpy().tolist() == [["a", "b", "1"], ["c", "b", "1"]]
    assert note(out) == (
        "2 subjects are left out as the same person as another one who is counted (studies 1 and 2; 1 and 3)"
    )
    tied = subjects(("a", "3", None), ("b", "1", None))
    assert duplicates(tied, same(("a", "b")))["usubjid"].tolist() == ["a"]  # by study, where days say nothing


def test_links_to_nobody_here_change_nothing() -> None:
    adsl = subjects(("a", "3", "2022-01-05"), ("b", "1", "2022-01-04"))
    assert duplicates(adsl, same(("a", "z"))).empty
    assert duplicates(adsl.iloc[:0], same(("a", "b"))).empty
    one_study = adsl.assign(studyid="1")
    assert duplicates(one_study, same(("a", "b"))).empty
    assert note(duplicates(adsl, same())) is None
