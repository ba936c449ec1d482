"""What a step refuses, with its sentence, and what it does where the refusal is overridden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.plans.plan import load_plan
from allpool.errors import DefinitionError
from tests.analysis.hand_built import HandBuilt
from tests.analysis.test_steps import EXPOSED, Asked, one

WHY = "shown to say why not"
OS: dict[str, Any] = {"endpoint": "os"}
RESPONSE: dict[str, Any] = {"endpoint": "os", "definition": "response", "population": "in_cr"}
CIR: dict[str, Any] = {"endpoint": "relapse", "population": "in_cr"}
IMMORTAL = "known only after time zero"
TRANSPLANT = {"event": "hsct", "definition": "response"}


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    found = Asked()
    yield found
    found.engine.dispose()


def refusal(asked: Asked, **form: Any) -> str:
    """Return the sentence of a step that is refused as a whole."""
    found = asked.step(**form)
    [item] = found.statistics
    assert (item.statistic, item.value) == ("refused", None), found.statistics
    assert found.answer.subjects.empty
    return item.note or ""


def overridden(asked: Asked, **form: Any) -> None:
    """The same step answers with `override`, and every number of it bears the reason."""
    found = asked.step(**form, override=WHY)
    assert "refused" not in {item.statistic for item in found.statistics}, found.statistics[0].note
    assert all(WHY in (item.note or "") for item in found.statistics)


@pytest.mark.parametrize(
    "form",
    [
        {**OS, "estimator": "kaplan-meier", "by": "cr", "times": 30},
        {**OS, "estimator": "log-rank", "by": "transplanted"},
        {**OS, "estimator": "kaplan-meier", "by": "dthfl", "times": 30},
        {**OS, "estimator": "restricted-mean", "by": "transplanted", "tau": 60},
        {**OS, "estimator": "follow-up", "by": "cr"},
        {**OS, "estimator": "log-rank", "by": "sex", "strata": "transplanted"},
        {**CIR, "estimator": "gray", "by": "sex", "strata": "transplanted"},
        {**CIR, "estimator": "gray", "by": "transplanted"},
        {**CIR, "estimator": "cumulative-incidence", "by": TRANSPLANT, "times": 30},
        {**OS, "estimator": "cox", "covariates": "transplanted"},
        {**OS, "estimator": "cox", "covariates": "sex", "strata": "cr"},
        {**CIR, "estimator": "fine-gray", "covariates": "transplanted"},
        {**RESPONSE, "estimator": "time-dependent", "exposure": EXPOSED, "covariates": "relapse_reported"},
        {**RESPONSE, "estimator": "landmark", "exposure": EXPOSED, "at": 90, "strata": "relapse_reported"},
    ],
)
def test_what_is_known_only_later(asked: Asked, form: dict[str, Any]) -> None:
    assert IMMORTAL in refusal(asked, **form)
    assert "`override`" in refusal(asked, **form)
    overridden(asked, **form)


@pytest.mark.parametrize(
    "form",
    [
        {**OS, "estimator": "kaplan-meier", "population": "in_cr", "times": 30},
        {**OS, "estimator": "cox", "covariates": "sex", "where": [{"fact": "transplanted", "in": "Y"}]},
        {**OS, "estimator": "log-rank", "by": "sex", "where": [{"response": {"endpoint": "cr"}, "in": "Y"}]},
    ],
)
def test_subjects_chosen_by_what_comes_after_they_are_followed(asked: Asked, form: dict[str, Any]) -> None:
    said = refusal(asked, **form)
    assert "the subjects are chosen by" in said
    assert "immortal time" in said
    overridden(asked, **form)


def test_responders_followed_from_their_response_are_no_selection(asked: Asked) -> None:
    found = asked.step(**RESPONSE, estimator="kaplan-meier", times=30)
    assert "refused" not in {item.statistic for item in found.statistics}


NEVER = {"studies": ["000", "003"], "outcome": "course_14_28"}


@pytest.mark.parametrize(
    "form",
    [
        {"endpoint": "cr", "estimator": "proportion"},
        {"endpoint": "cr", "estimator": "compare-proportions", "by": "sex"},
        {**OS, "estimator": "kaplan-meier", "times": 30},
        {**OS, "estimator": "log-rank", "by": "sex"},
        {**OS, "estimator": "restricted-mean", "tau": 60},
        {**OS, "estimator": "follow-up"},
        {**OS, "estimator": "cox", "covariates": "sex", "strata": "study"},
        {**CIR, "estimator": "fine-gray", "covariates": "sex"},
        {**CIR, "estimator": "cumulative-incidence", "times": 30},
        {**CIR, "estimator": "gray", "by": "sex"},
        {**RESPONSE, "estimator": "time-dependent", "exposure": EXPOSED},
        {**RESPONSE, "estimator": "landmark", "exposure": EXPOSED, "at": 90},
        {"endpoint": "cr", "estimator": "logistic", "covariates": "sex"},
        {"endpoint": "cr", "estimator": "synthesis"},
        {"endpoint": "crs_g3", "estimator": "rare-events"},
        {"endpoint": "mrd", "estimator": "latent-level"},
    ],
)
def test_studies_that_never_stand_together(asked: Asked, form: dict[str, Any]) -> None:
    """Class C of the poolability matrix, whatever the estimator; study by study nothing is pooled."""
    said = refusal(asked, **form, **NEVER)
    assert "000 and 003 may not be pooled" in said
    overridden(asked, **form, **NEVER)
    apart = asked.step(**form, outcome="course_14_28", studies="000")
    if form["estimator"] not in ("synthesis", "rare-events", "latent-level"):  # these need two studies
        assert apart.statistics[0].statistic != "refused"


def test_groups_that_are_studies_are_not_pooled(asked: Asked) -> None:
    for form in (
        {"endpoint": "cr", "estimator": "proportion"},
        {**OS, "estimator": "kaplan-meier", "times": 30},
        {**CIR, "estimator": "cumulative-incidence", "times": 30},
    ):
        found = asked.step(**form, **NEVER, by="study")
        assert "refused" not in {item.statistic for item in found.statistics}


def test_an_exposure_on_another_clock(asked: Asked) -> None:
    form = {**RESPONSE, "estimator": "time-dependent", "exposure": {"event": {"endpoint": "hsct"}}}
    assert "hsct/common counts from first_dose, the endpoint from remission" in refusal(asked, **form)
    form["exposure"] = {"response": {"endpoint": "cr"}}
    assert "dated from first_dose, the endpoint from remission" in refusal(asked, **form)


def test_an_exposure_of_whom_nobody_knows(asked: Asked) -> None:
    """MRD not assessed is not MRD never reached: those subjects are named, not counted as unexposed."""
    built = HandBuilt()
    for number in range(12):
        assessed = number % 4
        built.patient(
            f"{number:02}",
            first_dose="2022-01-01",
            response="cr 2022-01-29" if assessed else "",
            death=f"2022-{number + 1:02}-20" if number % 2 else None,
            last_contact="2023-01-01",
        )
    own = Asked(built)
    form = {
        **OS,
        "estimator": "landmark",
        "at": 30,
        "exposure": {"response": {"endpoint": "cr", "definition": "assessed"}},
    }
    said = refusal(own, **form)
    assert "of 3 subjects it cannot be told whether cr was reached (not assessed)" in said
    known = {"response": {"endpoint": "cr", "definition": "assessed"}, "known": True}
    assert "refused" not in {item.statistic for item in own.step(**form, where=[known]).statistics} or (
        "all are" in refusal(own, **form, where=[known])
    )
    own.engine.dispose()


@pytest.mark.parametrize(("at", "says"), [(1, "all are not exposed"), (100_000, "")])
def test_a_landmark_with_nobody_on_one_side(asked: Asked, at: float, says: str) -> None:
    said = refusal(asked, **RESPONSE, estimator="landmark", exposure=EXPOSED, at=at)
    assert says in said
    assert said


def late() -> Asked:
    """Patients in remission before their first dose: they come under observation after their origin."""
    built = HandBuilt()
    for number in range(20):
        built.patient(
            f"{number:02}",
            study=("001", "003")[number % 2],
            first_dose="2022-03-01",
            response="cr 2022-01-29",
            relapse=f"haematological 2022-{4 + number % 6:02}-10" if number % 3 else None,
            death=f"2022-{7 + number % 6:02}-20" if number % 4 else None,
            last_contact="2023-01-01",
            sex=["female", "male"][number // 2 % 2],
        )
    return Asked(built)


@pytest.fixture(scope="module")
def delayed() -> Iterator[Asked]:
    found = late()
    yield found
    found.engine.dispose()


@pytest.mark.parametrize(
    "form",
    [
        {**CIR, "estimator": "gray", "by": "sex"},
        {**CIR, "estimator": "fine-gray", "covariates": "sex"},
        {**RESPONSE, "estimator": "restricted-mean", "tau": 60},
        {**RESPONSE, "estimator": "follow-up"},
    ],
)
def test_delayed_entry_where_there_is_no_room_for_it(delayed: Asked, form: dict[str, Any]) -> None:
    assert "takes no delayed entry" in refusal(delayed, **form)


def test_delayed_entry_where_there_is(delayed: Asked) -> None:
    """Nobody is at risk before they were observed, in the two-stage synthesis neither."""
    from allpool.analysis.survival import cox, kaplan_meier, logrank

    rows = delayed.sql(
        "SELECT t.studyid, t.aval, 1 - t.cnsr AS event, t.entry_day, s.sex FROM adtte t "
        "JOIN adsl s ON s.usubjid = t.usubjid WHERE paramcd = 'os' AND definition = 'response' ORDER BY 1, 2"
    )
    assert (rows["entry_day"] > 0).all()
    arrays = rows["aval"], rows["event"]
    found = delayed.step(**RESPONSE, estimator="kaplan-meier", times=[250])
    [row] = kaplan_meier(*arrays, entry=rows["entry_day"]).at(250).to_dict("records")
    assert one(found, "survival", "all", 250).value == pytest.approx(row["survival"])
    found = delayed.step(**RESPONSE, estimator="log-rank", by="sex")
    own = logrank(*arrays, rows["sex"], entry=rows["entry_day"])
    assert one(found, "logrank_p").value == pytest.approx(own.p)
    found = delayed.step(**RESPONSE, estimator="cox", covariates="sex")
    model = cox(rows, "aval", "event", ["sex"], entry="entry_day").table
    assert one(found, "hazard_ratio", "sex=male").value == pytest.approx(model["hazard_ratio"].iloc[0])
    found = delayed.step(**RESPONSE, estimator="synthesis", at=250)
    for study, part in rows.groupby("studyid"):
        [row] = kaplan_meier(part["aval"], part["event"], entry=part["entry_day"]).at(250).to_dict("records")
        assert one(found, "study_estimate", str(study), 250).value == pytest.approx(row["survival"])


def test_mixed_denominators(asked: Asked) -> None:
    form = {"estimator": "synthesis", "endpoint": "efs", "definition": "own", "at": 180}
    assert "mixed denominators" in refusal(asked, **form)
    overridden(asked, **form)


def test_too_few_at_risk(asked: Asked) -> None:
    found = asked.step(**OS, estimator="kaplan-meier", times=[10, 100_000])
    item = one(found, "survival", "all", 100_000)
    assert (item.value, item.lower, item.note) == (None, None, "withheld: 0 at risk, fewer than 5")
    assert one(found, "survival", "all", 10).value is not None
    found = asked.step(**CIR, estimator="cumulative-incidence", times=[30], at_risk_minimum=1000)
    for name in ("incidence", "competing_incidence"):
        assert "fewer than 1000" in (one(found, name, "all", 30).note or "")
    found = asked.step(**OS, estimator="synthesis", at=180, at_risk_minimum=1000)
    assert found.statistics[0].statistic == "refused"
    assert "fewer than 1000" in (found.statistics[0].note or "")


def test_groups_of_what_is_no_number(asked: Asked) -> None:
    cut = {"column": "studyid", "cut": [1]}
    assert "study does not hold numbers" in refusal(asked, estimator="proportion", endpoint="cr", by=cut)
    said = refusal(asked, estimator="cox", endpoint="os", covariates="study", per={"study": 10})
    assert "no covariate that is a number" in said, "000, 002 and 003 are codes"
    found = asked.step(estimator="cox", endpoint="os", covariates="study")
    assert {item.group for item in found.statistics if item.group} == {"study=002", "study=003"}


def test_empty_groups_and_unknown_ones(asked: Asked) -> None:
    """The unknown are left out and counted once; a group without an answer is shown, not dropped."""
    found = asked.step(estimator="proportion", endpoint="cr", by="ph_status")
    assert {item.group for item in found.statistics if item.value is not None} == {"negative", "positive"}
    unknown = one(found, "proportion", "unknown")
    assert (unknown.n, unknown.note) == (0, "3 left out: 3 ph_status unknown")
    assert set(found.answer.left_out["reason"]) == {"ph_status unknown"}
    assert len(found.answer.left_out) == 3
    pair = {"before": "imm_cd3_abs_before", "after": "imm_cd3_abs_after_course_1"}
    found = asked.step(estimator="paired", **pair, by="ph_status", studies="002")
    assert {item.group for item in found.statistics} == {"negative", "positive"}
    reasons = found.answer.left_out["reason"].value_counts().to_dict()
    assert reasons == {"ph_status unknown": 1, "no value before or after": 2}
    nothing = {"before": "imm_cd3_abs_before", "after": "imm_treg_pct_cd4_before"}
    assert "nobody has both" in refusal(asked, estimator="paired", **nothing)


def test_a_refusal_inside_one_group(asked: Asked) -> None:
    """Where one test cannot be made, the other numbers stand, and that one says why."""
    pair = {"before": "imm_cd3_abs_before", "after": "imm_cd3_abs_before"}  # no difference at all
    found = asked.step(estimator="paired", **pair, model="mixed", studies="002")
    assert one(found, "wilcoxon_p", "all").value is None
    assert one(found, "wilcoxon_p", "all").note
    assert one(found, "median_before", "all").value


def test_unknown_is_counted_once(asked: Asked) -> None:
    """Of the population and of `where` together; each note says it once."""
    found = asked.step(
        estimator="proportion",
        endpoint="cr",
        population="ph_positive",
        where=[{"element": "bm_blasts", "at_least": 50}],
    )
    note = one(found, "proportion", "all").note or ""
    assert note.count("3 of whom it is not known whether they belong") == 1


def test_studies_that_the_store_does_not_have(asked: Asked) -> None:
    said = refusal(asked, estimator="proportion", endpoint="cr", studies=["001"])
    assert said == "no subjects of study 001 in the store; it has 000, 002, 003"
    found = asked.step(estimator="proportion", endpoint="cr", by="study", excludes={"002": "its criteria"})
    assert {item.group for item in found.statistics if item.value is not None} == {"000", "003"}
    assert all("study 002 left out: its criteria" in (item.note or "") for item in found.statistics)


STEP = (
    "plan: p\ntitle: t\nsteps:\n"
    "  - {id: first, question: q, population: all_treated, endpoint: cr, estimator: proportion}\n"
    "  - id: second\n    question: q\n    population: all_treated\n"
)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("endpoint: cr\n    by: stduy\n    estimator: proportion", "'stduy' is nothing to group by"),
        ("endpoint: cr\n    by: {column: stduy}\n    estimator: proportion", "adsl has no column 'stduy'"),
        ("endpoint: cr\n    by: {fact: venetoklax}\n    estimator: proportion", "no fact 'venetoklax'"),
        ("endpoint: cr\n    by: {response: os}\n    estimator: proportion", "another kind of endpoint"),
        (
            "endpoint: cr\n    by: {response: cr, definition: x}\n    estimator: proportion",
            "definition of cr 'x'",
        ),
        (
            "endpoint: cr\n    by: {column: age, cut: [9, 3]}\n    estimator: proportion",
            "by",
        ),
        (
            "endpoint: cr\n    where: [{fact: venetoklax, in: Y}]\n    estimator: proportion",
            "no fact 'venetoklax'",
        ),
        ("endpoint: cr\n    where: [{population: x, in: Y}]\n    estimator: proportion", "no population 'x'"),
        (
            "endpoint: cr\n    where: [{column: ph_status, in: x}]\n    estimator: proportion",
            "'x' is not a code",
        ),
        ("endpoint: cr\n    outcome: kr\n    estimator: proportion", "has no outcome 'kr'"),
        ("endpoint: os\n    covariates: aeg\n    estimator: cox", "'aeg' is nothing to group by"),
        (
            "endpoint: os\n    covariates: age\n    strata: aeg\n    estimator: cox",
            "'aeg' is nothing to group by",
        ),
        (
            "endpoint: os\n    by: sex\n    strata: aeg\n    estimator: log-rank",
            "'aeg' is nothing to group by",
        ),
        (
            "endpoint: relapse\n    by: sex\n    strata: aeg\n    estimator: gray",
            "'aeg' is nothing to group by",
        ),
        ("endpoint: os\n    covariates: age\n    by: sex\n    estimator: cox", "takes no `by`"),
        ("endpoint: os\n    times: [30, 30]\n    estimator: kaplan-meier", "a time stands here twice"),
        ("endpoint: os\n    exposure: {event: {endpoint: hsctt}}\n    estimator: time-dependent", "'hsctt'"),
        ("endpoint: os\n    exposure: {}\n    estimator: time-dependent", "one of `event` and `response`"),
        ("before: imm_x\n    after: imm_cd3_abs_before\n    estimator: paired", "no fact 'imm_x'"),
        ("endpoints: [cr, crr]\n    estimator: response-table", "no endpoint 'crr'"),
        ("endpoint: oss\n    estimator: flow", "no endpoint 'oss'"),
        ("by: stduy\n    estimator: baseline-table", "'stduy' is nothing to group by"),
    ],
)
def test_a_wrong_step_is_said_with_file_and_line(tmp_path: Path, form: str, says: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"{STEP}    {form}\n")
    with pytest.raises(DefinitionError) as caught:
        load_plan(path, load_catalogue())
    assert says in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.file == "plan.yaml"
    assert (caught.value.place.line or 0) >= 5, "in the second step"


def test_the_flow_without_a_study(asked: Asked) -> None:
    found = asked.step(estimator="flow", endpoint="os", excludes={"002": "its criteria are not stated"})
    assert {item.group for item in found.statistics} == {"000", "003", None}
    [total] = [i for i in found.statistics if (i.group, i.variable) == (None, "in_store")]
    assert total.value == 48
    assert "study 002 left out: its criteria are not stated" in (total.note or "")


def test_the_flow_tells_unknown_from_not(asked: Asked) -> None:
    """Of a population that any of several conditions makes; and further conditions of the step alone."""
    found = asked.step(estimator="flow", population="frontline")
    reasons = {item.variable_level for item in found.statistics if item.statistic == "N_miss"}
    [not_known] = [reason for reason in reasons if reason and reason.startswith("not known")]
    assert "front line" in not_known
    found = asked.step(
        estimator="flow", population="ph_positive", where=[{"element": "bm_blasts", "at_least": 50}]
    )
    reasons = {item.variable_level for item in found.statistics if item.statistic == "N_miss"}
    assert "the further conditions asked are not met, or not known" in reasons
    assert not [reason for reason in reasons if reason and reason.startswith("not: ")]


def test_a_ratio_that_has_no_end_says_so() -> None:
    """Nobody exposed at the landmark dies: the hazard ratio is not told, and its note says why."""
    built = HandBuilt()
    for number in range(24):
        exposed = number % 2 == 0
        key = built.patient(
            f"{number:02}",
            first_dose="2022-01-01",
            response="cr 2022-01-29",
            death=None if exposed else f"2022-{6 + number % 6:02}-20",
            last_contact=f"2022-{6 + number % 6:02}-{20 + number // 4}",
        )
        if exposed:
            built.event("procedure", key, "hsct_date", "performed", "2022-03-01", status="completed")
    own = Asked(built)
    for form in ({"estimator": "landmark", "at": 60}, {"estimator": "time-dependent"}):
        found = own.step(**RESPONSE, exposure=EXPOSED, **form)
        assert one(found, "hazard_ratio", "exposed").value is None
        assert "monotone" in (one(found, "hazard_ratio", "exposed").note or "")
    own.engine.dispose()
