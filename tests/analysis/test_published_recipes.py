"""Recipes on a small store whose answers are counted on fingers."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.derivation.derive import derive
from allpool.analysis.published.forms import PublishedRecord
from allpool.analysis.published.recipes import Recipe
from allpool.analysis.published.recompute import RECIPES, recompute_record
from allpool.analysis.published.recomputed import Recomputed
from allpool.analysis.published.storing import plan_name, result_id, store_published
from allpool.analysis.published.subjects import Study, asked_of, study_of
from allpool.analysis.published.wording import figure_line
from allpool.analysis.store import read_derived
from allpool.errors import AnalysisError
from allpool.models import AnalysisResult, AnalysisSubject, PublishedEstimate
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

DOSE = "2022-01-01"
# ten patients: 0-5 answer, 6-9 do not; even ones are Ph-negative; 1, 3 and 5 are transplanted; 6-9 die
DEATHS = {6: "2022-02-01", 7: "2022-03-01", 8: "2022-04-01", 9: "2022-05-01"}
ADAPTER: TypeAdapter[Any] = TypeAdapter(Recipe)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = HandBuilt(
        sent=("patient", "response", "relapse", "transplant", "mrd", "course", "adverse_event", "bm_blasts")
    )
    for number in range(10):
        key = f"p{number}"
        built.patient(
            key,
            centre="north" if number < 7 else "south",
            first_dose=f"2022-01-{number + 1:02}",
            course_end=f"2022-01-{number + 15:02}",
            response=f"{'cr' if number < 6 else 'nr'} 2022-02-01" if number else None,
            death=DEATHS.get(number),
            last_contact=DEATHS.get(number, "2023-01-01"),
            sex="male" if number < 4 else "female",
        )
        built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
        built.observation(key, "bm_blasts", f"2022-01-{number + 1:02}", value_quantity=10.0 * number)
        if number in (1, 3, 5):
            built.event("procedure", key, "hsct_date", "performed", f"2022-03-0{number}", status="completed")
    built.dose("p1", "2022-02-10", end="2022-02-24", course=2)  # before the transplant of 1 March
    built.dose("p3", "2022-06-01", end="2022-06-15", course=2)  # after the transplant of 3 March
    for key, at, grade in (("p2", "2022-01-05", 1), ("p2", "2022-01-09", 3), ("p4", "2022-01-05", 2)):
        built.event(
            "adverse_event",
            key,
            "ae_term",
            "date",
            at,
            term="cytokine_release_syndrome",
            grade=grade,
            actuality="actual",
        )
    engine = built.into(connect(f"sqlite:///{tmp_path_factory.mktemp('recipes') / 'store.db'}"))
    derive(engine)
    with engine.begin() as found:
        yield found
    engine.dispose()


@pytest.fixture(scope="module")
def study(connection: Connection) -> Study:
    return study_of("001", read_derived(connection), load_catalogue())


def ask(study: Study, **recipe: Any) -> Recomputed:
    given = ADAPTER.validate_python(recipe)
    found: Recomputed = RECIPES[type(given)](given, asked_of(given, study))
    return found


RESPONSE = {"response": {"endpoint": "cr", "definition": "assessed"}}
CR, NR = {**RESPONSE, "in": ("Y",)}, {**RESPONSE, "in": ("N",)}
PH = {
    "positive": [{"column": "ph_status", "in": ("positive",)}],
    "negative": [{"column": "ph_status", "in": ("negative",)}],
}


def test_a_count_of_those_of_whom_it_is_known(study: Study) -> None:
    found = ask(study, kind="count", numerator=[CR])
    assert (found.figures["numerator"], found.figures["denominator"], found.n) == (5, 10, 10)
    assert found.notes == ("1 of whom the answer is not known count in the denominator only",)
    rows = found.subjects.set_index("usubjid")
    assert int(rows["event"].sum()) == 5
    assert rows.loc["S-p1", "srcdom"] == "observation"
    assert rows.loc["S-p0", "srcdom"] == "research_subject"  # never assessed: nothing to point at


def test_a_proportion_has_its_exact_interval(study: Study) -> None:
    found = ask(study, kind="proportion", where=[{**RESPONSE, "known": True}], numerator=[CR])
    assert figure_line({name: f"{found.figures[name]:.1f}" for name in ("percent", "lower", "upper")}) == (
        "55.6 % (21.2-86.3)"  # R: binom.test(5, 9)
    )


def test_nobody_in_the_denominator_is_refused(study: Study) -> None:
    with pytest.raises(AnalysisError, match="nobody is in the denominator"):
        ask(study, kind="proportion", where=[{"column": "age", "at_least": 200}])


def test_either_condition_is_enough_where_any_is_asked(study: Study) -> None:
    either = {"any_of": [{"fact": "transplanted", "in": ("Y",)}, {"column": "sex", "in": ("female",)}]}
    assert ask(study, kind="count", numerator=either).figures["value"] == 8


def test_the_first_by_a_date(study: Study) -> None:
    first = {"number": 3, "of": {"column": "trtsdt"}}
    found = ask(study, kind="count", earliest=first, numerator=[{"column": "ph_status", "in": ("negative",)}])
    assert (found.figures["numerator"], found.figures["denominator"]) == (2, 3)
    tied = {"number": 3, "of": {"column": "siteid"}}
    with pytest.raises(AnalysisError, match="does not tell who were the first 3"):
        ask(study, kind="count", earliest=tied)


def test_values_and_what_describes_them(study: Study) -> None:
    found = ask(study, kind="summary", of={"element": "bm_blasts"}).figures
    assert [found[name] for name in ("min", "q1", "median", "q3", "max", "mean", "sum", "value")] == [
        0, 22.5, 45, 67.5, 90, 45, 450, 10,
    ]  # fmt: skip
    assert ask(study, kind="distinct", of={"column": "siteid"}).figures["value"] == 2
    period = ask(study, kind="period", of={"column": "trtsdt"}).figures
    assert (f"{period['first']}", f"{period['last']}") == ("2022-01-01", "2022-01-10")


def test_a_course_after_transplant_does_not_count_before_it(study: Study) -> None:
    of = {"fact": "days_from_blinatumomab_to_transplant"}
    # 24 February to 1 March; 18 January to 3 March, not 15 June; 20 January to 5 March
    assert ask(study, kind="values", where=[{"fact": "transplanted", "in": ("Y",)}], of=of).figures[
        "values"
    ] == (5, 44, 44)
    steps = ask(study, kind="values", of={"fact": "days_to_crs"}).figures["values"]
    assert steps == (0, 2)  # the first event of p4 and of p2, days after each one's first dose


def test_units_are_courses_not_patients(study: Study) -> None:
    units = [
        {"where": [{"fact": "blinatumomab_courses", "at_least": 1}], "numerator": [CR]},
        {"where": [{"fact": "blinatumomab_courses", "at_least": 2}], "numerator": [CR]},
    ]
    found = ask(study, kind="units", units=units)
    assert (found.figures["numerator"], found.figures["denominator"]) == (7, 12)
    assert len(found.subjects) == 10


@pytest.mark.parametrize(("grade", "hits"), [(None, 2), ([1, 2], 2), ([3, 5], 1), ([4, 5], 0)])
def test_adverse_events_count_each_patient_once(study: Study, grade: list[int] | None, hits: int) -> None:
    found = ask(study, kind="adverse_events", terms="cytokine_release_syndrome", grade=grade)
    assert (found.figures["numerator"], found.figures["denominator"]) == (hits, 10)
    assert set(found.subjects.loc[found.subjects["event"] == 1, "srcdom"]) <= {"adverse_event"}


def test_survival_is_the_product_limit(study: Study) -> None:
    found = ask(study, kind="survival", endpoint="os", at=6, interval="plain").figures
    assert (found["percent"], found["numerator"], found["median"]) == (pytest.approx(60), 6, inf)
    assert found["standard_error"] == pytest.approx(100 * np.sqrt(0.6 * 0.4 / 10))
    early = ask(study, kind="survival", endpoint="os", at=6, where=[NR], override="a test")
    assert early.figures["percent"] == 0
    assert "counted although known only after time zero: a test" in early.notes


def test_groups_are_compared_and_must_not_share_subjects(study: Study) -> None:
    found = ask(study, kind="log_rank", endpoint="os", groups=PH)
    assert 0.5 < float(found.figures["p"]) <= 1  # type: ignore[arg-type]
    assert set(found.subjects["group_value"]) == {"positive", "negative"}
    with pytest.raises(AnalysisError, match="shares subjects"):
        ask(study, kind="log_rank", endpoint="os", groups={"a": PH["positive"], "b": []})
    nobody = [{"column": "age", "at_least": 200}]
    with pytest.raises(AnalysisError, match="nobody is in group b"):
        ask(study, kind="log_rank", endpoint="os", groups={"a": PH["positive"], "b": nobody})


def test_a_table_of_counts(study: Study) -> None:
    found = ask(study, kind="association", groups=PH, outcome=[CR], test="fisher")
    assert found.method == "Fisher's exact test: positive 3/5, negative 2/4"
    assert found.figures["p"] == pytest.approx(1)
    assert found.notes == ("1 of whom the outcome is not known are left out",)
    pearson = ask(study, kind="association", groups=PH, outcome=[CR], test="chi-square")
    assert pearson.figures["p"] == pytest.approx(0.7642, abs=1e-4)  # R: chisq.test(correct = FALSE)


def test_ranks(study: Study) -> None:
    of = {"element": "bm_blasts"}
    found = ask(study, kind="rank_sum", of=of, groups={"cr": [CR], "nr": [NR]})
    assert found.figures["p"] == pytest.approx(0.0143, abs=1e-4)  # R: wilcox.test(exact = F, correct = F)
    pairs = ask(study, kind="wilcoxon", before=of, after={"fact": "observed_months"})
    assert found.n == 9
    assert pairs.n == 10
    assert 0 < float(pairs.figures["p"]) < 1  # type: ignore[arg-type]


def test_models(study: Study) -> None:
    covariates = {"ph": {"chosen": PH["positive"]}, "blasts": {"of": {"element": "bm_blasts"}, "per": 10}}
    hazard = ask(study, kind="cox", endpoint="os", covariates={"ph": covariates["ph"]}, term="ph")
    assert 0.1 < float(hazard.figures["hazard_ratio"]) < 10  # type: ignore[arg-type]
    odds = ask(
        study,
        kind="logistic",
        outcome=[{"column": "sex", "in": ("male",)}],
        covariates={"ph": covariates["ph"]},
        term="ph",
    )
    assert odds.figures["odds_ratio"] == pytest.approx(1)  # 2 of 5 in either group
    assert odds.figures["p"] == pytest.approx(1)


def record(**fields: Any) -> PublishedRecord:
    base = {"record": "r", "location": "text", "population": "all", "statistic": "count"}
    return PublishedRecord.model_validate({**base, **fields})


@pytest.mark.parametrize(
    ("fields", "agreement"),
    [
        ({"printed": {"value": "10"}}, "reproduced"),
        ({"printed": {"value": "9"}}, "differs"),
        ({"printed": {"value": "9"}, "corrected": {"value": "10"}, "flags": ["F"]}, "corrected"),
        ({"printed": {"value": "9"}, "corrected": {"value": "11"}, "flags": ["F"]}, "differs"),
        ({"printed": {"value": "10", "median": "3"}}, "differs"),
    ],
)
def test_agreement_of_a_record(study: Study, fields: Mapping[str, Any], agreement: str) -> None:
    found = recompute_record(study, record(**fields, recompute={"kind": "count"}))
    assert (found.agreement, found.kind) == (agreement, agreement)


def test_what_the_data_refuse_differs_and_says_why(study: Study) -> None:
    asked = {"kind": "proportion", "where": [{"column": "age", "at_least": 200}]}
    found = recompute_record(study, record(printed={"percent": "10"}, recompute=asked))
    assert found.agreement == "differs"
    assert "nobody is in the denominator" in str(found.parts[0].refused)


def test_a_study_without_subjects_has_no_data(connection: Connection) -> None:
    nowhere = study_of("999", read_derived(connection), load_catalogue())
    found = recompute_record(nowhere, record(printed={"value": "10"}, recompute={"kind": "count"}))
    assert found.agreement == "no_data"
    assert found.parts[0].refused == "the store has no subjects of this study"


def test_storing_again_gives_the_same_rows(connection: Connection, study: Study) -> None:
    def sex(code: str, printed: str) -> dict[str, Any]:
        asked = {"kind": "count", "numerator": [{"column": "sex", "in": code}]}
        return {"printed": {"value": printed}, "recompute": asked}

    own = record(parts={"men": sex("male", "4"), "women": sex("female", "6")})
    found = [recompute_record(study, own)]
    tables = (PublishedEstimate, AnalysisResult, AnalysisSubject)
    before = None
    for _ in range(2):
        assert store_published(connection, found, load_catalogue()) == 1
        rows = [connection.execute(select(table.__table__)).all() for table in tables]
        assert before in (None, rows)
        before = rows
    plan = select(func.count()).where(AnalysisResult.plan == plan_name("001"))
    assert connection.execute(plan).scalar() == 2
    step = select(AnalysisResult.step, AnalysisResult.value).where(
        AnalysisResult.id == result_id("001", "r", "women", "value")
    )
    assert connection.execute(step).one() == ("r.women", 6)


def test_every_kind_of_recipe_can_be_run() -> None:
    kinds = get_args(get_args(Recipe)[0])
    assert set(RECIPES) == set(kinds)


def test_a_study_without_a_file_any_more_leaves_the_store(connection: Connection, study: Study) -> None:
    whole = record(printed={"value": "10"}, recompute={"kind": "count"})
    store_published(connection, [recompute_record(study, whole)], load_catalogue())
    store_published(connection, [], load_catalogue())
    for table in (PublishedEstimate, AnalysisResult, AnalysisSubject):
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
