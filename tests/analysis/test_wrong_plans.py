"""What a statistician may write amiss, and what is said of it: where, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.plans.plan import Plan, load_plan
from allpool.analysis.plans.run import StepResult
from allpool.analysis.store import read_derived
from allpool.errors import DefinitionError
from tests.analysis.hand_built import HandBuilt
from tests.analysis.test_steps import Asked

STEP: dict[str, Any] = {"id": "s", "question": "q", "population": "all_treated"}
OS: dict[str, Any] = {"endpoint": "os", "estimator": "kaplan-meier", "times": [12]}


def load(tmp_path: Path, **form: Any) -> Plan:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"plan": "p", "title": "t", "steps": [{**STEP, **form}]}, sort_keys=False))
    return load_plan(path, load_catalogue())


@pytest.mark.parametrize(
    ("form", "line", "says"),
    [
        (
            OS | {"estimator": "kaplan_meier"},
            8,
            "there is no estimator 'kaplan_meier'; there are: proportion, ",
        ),
        ({"endpoint": "os"}, 4, "`estimator` is missing"),
        (OS | {"by": {"column": "age", "cut": [60, 18]}}, 11, "the limits of `cut` rise"),
        (OS | {"by": {"column": "age", "fact": "transplanted"}}, 11, "a grouping names exactly one of"),
        (OS | {"where": [{"response": {"endpoint": "cr"}, "in": "yes"}]}, 12, "are Y or N, not 'yes'"),
        (OS | {"where": [{"population": "adults", "above": 1}]}, 12, "are Y or N, not 'above 1'"),
        (OS | {"where": [{"column": "age", "in": "old"}]}, 12, "age is a number; ask with `at_least`"),
        (OS | {"where": [{"column": "sex", "above": 3}]}, 12, "sex holds codes of sex, which have no size"),
        (OS | {"where": [{"element": "wbc", "in": "high"}]}, 12, "wbc is a number"),
        (OS | {"times": []}, 9, "at least one time is asked"),
        ({"endpoint": "os", "estimator": "fine-gray", "covariates": "sex"}, 8, "has no competing events"),
    ],
)
def test_what_is_said_at_load(tmp_path: Path, form: dict[str, Any], line: int, says: str) -> None:
    with pytest.raises(DefinitionError) as failed:
        load(tmp_path, **form)
    assert f"file plan.yaml, line {line}: " in str(failed.value)
    assert says in str(failed.value)
    assert "more)" not in str(failed.value) or "function-after" not in str(failed.value)


@pytest.fixture(name="asked", scope="module")
def _asked() -> Iterator[Asked]:
    built = HandBuilt()
    for number in range(15):
        said = "crc 2022-01-29" if number < 9 else "nr 2022-01-29"
        key = built.patient(
            f"a{number}",
            first_dose="2022-01-01",
            response=said,
            last_contact=f"2022-{number % 6 + 3:02}-15",
            death="2022-02-20" if number in (0, 9) else None,
            sex="female" if number % 2 else "male",
        )
        built.observation(key, "age_at_index", "2022-01-01", value_quantity=20.0 + number)
    found = Asked(built)
    yield found
    found.engine.dispose()


def refused(found: StepResult) -> str:
    [item] = found.statistics
    assert item.statistic == "refused"
    return item.note or ""


def test_answers_that_may_be_yes_make_no_share_of_those_that_are_no(asked: Asked) -> None:
    """9 of 15 are told as a composite remission: CR was reached by 0 to 9, never by 0 of 6."""
    [item] = asked.step(endpoint="cr", definition="assessed", estimator="proportion").statistics
    assert (item.statistic, item.value, item.n) == ("proportion", None, 15)
    assert (item.note or "").startswith("between 0 and 9 of 15: 9 left out: 9 reported as crc")


def test_what_cannot_show_answers_that_stay_open_refuses_them(asked: Asked) -> None:
    form: dict[str, Any] = {"endpoint": "cr", "definition": "assessed"}
    for more in (
        {"estimator": "compare-proportions", "by": "sex"},
        {"estimator": "logistic", "covariates": "age"},
        {"estimator": "overlap-weighted", "by": "sex", "covariates": "age"},
        {"estimator": "synthesis"},
    ):
        said = refused(asked.step(**form, **more))
        assert "answers stay open: 9 of 001 may be either yes or no as reported" in said, more
        assert "ask the wider endpoint (crc, orr)" in said
        overridden = asked.step(**form, **more, override="to show what it would hide").statistics[0]
        assert "answers stay open" not in (overridden.note or "")


def test_a_number_without_cut_makes_no_groups(asked: Asked) -> None:
    said = refused(asked.step(**OS, by="age"))
    assert "age is a number of 15 values; say where to `cut` it" in said
    cut = asked.step(**OS, by={"column": "age", "cut": [30]})
    assert {item.group for item in cut.statistics} == {"below 30", "30 or more"}


def test_a_study_left_out_is_one_of_the_store(asked: Asked) -> None:
    assert "study 009, of which the store has nobody" in refused(asked.step(**OS, excludes={"009": "why"}))


def test_an_interval_without_width_is_none(asked: Asked) -> None:
    found = {
        item.at: item
        for item in asked.step(**OS | {"times": [10, 60]}).statistics
        if item.statistic == "survival"
    }
    assert (found[10].value, found[10].lower, found[10].upper) == (1.0, None, None)
    assert found[60].lower is not None


def test_a_restricted_mean_beyond_all_follow_up_says_so(asked: Asked) -> None:
    form = {"endpoint": "os", "estimator": "restricted-mean"}
    assert "carried on level" in (asked.step(**form, tau=3000).statistics[0].note or "")
    assert asked.step(**form, tau=60).statistics[0].note is None


def test_a_trend_over_names_says_so(asked: Asked) -> None:
    form = {"endpoint": "crc", "estimator": "compare-proportions", "test": "trend"}
    names = asked.step(**form, by="sex").statistics[0]
    numbers = asked.step(**form, by={"column": "age", "cut": [25, 30]}).statistics[0]
    assert "the groups are no numbers" in (names.note or "")
    assert "the groups are no numbers" not in (numbers.note or "")


def test_other_kinds_of_endpoint_and_unknown_terms(asked: Asked) -> None:
    assert "is not judged by a level" in refused(asked.step(endpoint="cr", estimator="latent-level"))
    assert "a table of responses takes none" in refused(
        asked.step(endpoints=["os"], estimator="response-table")
    )
    said = refused(asked.step(terms=["crss"], estimator="adverse-events"))
    assert "crss is no adverse event" in said


def test_overlap_counts_those_it_could_compare() -> None:
    """One of study 002 has no age: nobody can be found to be her."""
    built = HandBuilt()
    for study in ("001", "002"):
        key = built.patient(f"{study}-a", study=study, first_dose="2022-01-01", sex="female")
        if study == "001":
            built.observation(key, "age_at_index", "2022-01-01", value_quantity=40.0)
    asked = Asked(built)
    found = asked.step(estimator="overlap").statistics[0]
    assert (found.value, found.n) == (0, 1)
    assert "1 could not be compared" in (found.note or "")
    with asked.engine.connect() as connection:
        assert len(read_derived(connection).adsl) == 2
    asked.engine.dispose()
