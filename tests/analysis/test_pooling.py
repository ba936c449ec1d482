"""Syntheses over studies: patients and papers together, few studies, none or all responding, overlap."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.cohorts.evidence import PublishedEstimate, read_published, select
from allpool.analysis.cohorts.overlap import comparable, distinct_patients, expected_by_chance, suspected
from allpool.analysis.cohorts.pooling import pool_responses, pool_survival
from allpool.analysis.cohorts.samples import Sample
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.survival import kaplan_meier
from allpool.errors import AnalysisError
from allpool.models import PublishedEstimate as EstimateRow

NOBODY = pd.DataFrame(columns=["usubjid", "studyid", "group", "reason"])


def responses(counts: dict[str, tuple[int, int]], **more: object) -> Sample:
    rows = [
        {"usubjid": f"{study}-{i}", "studyid": study, "group": study, "event": int(i < x), "synthetic": True}
        for study, (x, n) in counts.items()
        for i in range(n)
    ]
    return Sample("response", "study", pd.DataFrame(rows).assign(**more), NOBODY)


def survival(sizes: dict[str, int]) -> Sample:
    rng = np.random.default_rng(3)
    frames = [
        pd.DataFrame(
            {
                "usubjid": [f"{study}-{i}" for i in range(n)],
                "studyid": study,
                "group": study,
                "aval": np.ceil(rng.exponential(900, n)),
                "event": rng.binomial(1, 0.8, n),
                "synthetic": False,
            }
        )
        for study, n in sizes.items()
    ]
    return Sample("time-to-event", "study", pd.concat(frames, ignore_index=True), NOBODY)


def printed(study: str, x: int, n: int, **more: object) -> PublishedEstimate:
    about: dict[str, object] = {"endpoint": "crs", "population": "all_treated", "definition": "common"}
    about |= {"record": "r", "unit_of_analysis": "patient"} | more
    return PublishedEstimate(study, kind="proportion", numerator=x, denominator=n, **about)  # type: ignore[arg-type]


def test_a_published_study_enters_at_its_level() -> None:
    """Question q15: 001 11/19 from patients, 004 19/29 as printed."""
    pooled = pool_responses(
        responses({"001": (11, 19)}), title="CRS", published={"004": printed("004", 19, 29)}
    )
    assert pooled.studies[["study", "level", "events", "n"]].to_numpy().tolist() == [
        ["001", "patient-level", 11, 19],
        ["004", "published", 19, 29],
    ]
    together = pool_proportions([11, 19], [19, 29], transform="glmm")
    assert pooled.estimate == pytest.approx(together.proportion)
    assert any("004: published 19/29 (r) entered as published" in note for note in pooled.notes)


def test_patients_win_over_print() -> None:
    sample = responses({"001": (11, 19), "004": (18, 29)})
    pooled = pool_responses(
        sample, title="CRS", published={"004": printed("004", 19, 29, flags=("F004-01",))}
    )
    assert pooled.studies["level"].tolist() == ["patient-level"] * 2
    assert pooled.studies["events"].tolist() == [11, 18]
    assert any("19/29 (flags F004-01) (r) did not enter" in note for note in pooled.notes)


def test_few_studies_are_treated_as_few() -> None:
    pooled = pool_responses(responses({"a": (6, 21), "b": (18, 23)}), title="")
    assert np.isnan([pooled.tau2_lower, pooled.tau2_upper, pooled.prediction_lower]).all()
    assert any(
        note.startswith("2 studies: how much studies differ can hardly be told") for note in pooled.notes
    )
    assert (pooled.fixed.estimate, pooled.fixed.lower) == pytest.approx((24 / 44, 0.388), abs=5e-4)
    knapp = pool_proportions([6, 18], [21, 23], test="hksj")
    assert (pooled.hartung_knapp.lower, pooled.hartung_knapp.upper) == pytest.approx(
        (knapp.proportion_lower, knapp.proportion_upper)
    )
    assert pooled.leave_one_out["note"].tolist() == ["b alone", "a alone"]
    assert pooled.leave_one_out["estimate"].tolist() == pytest.approx([18 / 23, 6 / 21])


def test_five_studies_have_an_interval_of_tau2() -> None:
    counts = {"a": (6, 21), "b": (18, 23), "c": (9, 20), "d": (11, 30), "e": (5, 25)}
    pooled = pool_responses(responses(counts), title="", model="logit")
    assert pooled.tau2_lower <= pooled.tau2 <= pooled.tau2_upper
    assert pooled.prediction_lower < pooled.lower
    x, n = zip(*list(counts.values())[1:], strict=True)
    assert pooled.leave_one_out["estimate"].iloc[0] == pytest.approx(pool_proportions(x, n).proportion)


def test_one_study_is_no_synthesis() -> None:
    with pytest.raises(AnalysisError, match="needs two studies, and 1 can be told"):
        pool_responses(responses({"a": (6, 21)}), title="")


@pytest.mark.parametrize(("x", "estimate"), [(0, 0.0), (1, 1.0)])
def test_none_or_all_responding_have_an_exact_common_effect(x: int, estimate: float) -> None:
    sample = responses({"a": (12 * x, 12), "b": (20 * x, 20), "c": (18 * x, 18)})
    pooled = pool_responses(sample, title="")
    assert np.isnan([pooled.estimate, pooled.tau2, pooled.i2]).all()
    assert pooled.fixed.estimate == estimate
    assert (pooled.fixed.upper if x == 0 else 1 - pooled.fixed.lower) == pytest.approx(1 - 0.025 ** (1 / 50))
    assert "no estimate" in pooled.notes[0]
    assert "exact" in pooled.notes[0]
    assert pooled.forest() is not None


def test_courses_do_not_stand_beside_patients() -> None:
    """Question q05: 002 prints 73/74 courses, 000 52/54 patients."""
    courses = printed("002", 73, 74, unit_of_analysis="course")
    sample = responses({"000": (52, 54)})
    with pytest.raises(AnalysisError, match=r"mixed units of analysis.*000: patient; 002: course"):
        pool_responses(sample, title="", published={"002": courses})
    pooled = pool_responses(sample, title="", published={"002": courses}, override="a rough look")
    assert any("a rough look" in note for note in pooled.notes)
    by_course = responses({"a": (3, 9), "b": (2, 8)}, unit_of_analysis="course")
    assert pool_responses(by_course, title="").k == 2


def test_survival_from_patients_and_a_printed_interval() -> None:
    sample = survival({"a": 40, "b": 35})
    paper = PublishedEstimate(
        "c",
        "os_1y",
        "survival",
        endpoint="os",
        definition="common",
        value=0.642,
        standard_error=0.121,
        at=12,
        time_unit="month",
        denominator=19,
        unit_of_analysis="patient",
    )
    pooled = pool_survival(sample, title="", at=12, published={"c": paper})
    y, v = [], []
    for _, frame in sample.groups():
        point = kaplan_meier(frame["aval"] / 30.4375, frame["event"]).at([12]).iloc[0]
        y.append(np.log(-np.log(point["survival"])))
        v.append((point["standard_error"] / (point["survival"] * np.log(point["survival"]))) ** 2)
    y.append(np.log(-np.log(0.642)))
    v.append((0.121 / (0.642 * np.log(0.642))) ** 2)
    both = random_effects(y, v)
    assert pooled.estimate == pytest.approx(np.exp(-np.exp(both.estimate)))
    last = pooled.studies.iloc[2]
    assert (last["level"], last["n"]) == ("published", 19)
    assert last["lower"] < 0.642 < last["upper"]
    assert pooled.leave_one_out["omitted"].tolist() == ["a", "b", "c"]


def test_a_study_without_deaths_cannot_enter_and_the_bias_is_told() -> None:
    sample = survival({"a": 40, "b": 35, "c": 20})
    frame = sample.frame.assign(event=sample.frame["event"].where(sample.frame["studyid"] != "c", 0))
    frame["aval"] = frame["aval"].where(frame["studyid"] != "c", 1000.0)
    pooled = pool_survival(Sample(sample.kind, sample.group_by, frame, NOBODY), title="", at=12)
    assert pooled.studies["study"].tolist() == ["a", "b"]
    assert any(line.startswith("c: survival is 1, of which") for line in pooled.left_out)
    assert any("c could not enter" in note and "too low" in note for note in pooled.notes)


@pytest.mark.parametrize(
    ("value", "lower", "upper", "error"),
    [
        # 004 prints a plain interval: 85.7 (72.8 to 98.7)
        (0.857, 0.728, 0.987, 0.0661),
        # the log-log interval of 64.2 % with Greenwood's error 12.1 %
        (0.642375, 0.361142, 0.825039, 0.1213),
    ],
)
def test_an_error_comes_from_the_printed_interval(
    value: float, lower: float, upper: float, error: float
) -> None:
    found = PublishedEstimate(
        "s", "r", "survival", value=value, lower=lower, upper=upper, at=24, time_unit="month"
    )
    assert found.error == pytest.approx(error, abs=5e-4)


def test_what_is_put_aside_says_why() -> None:
    offered = [
        printed("001", 11, 19),
        printed("002", 73, 74, unit_of_analysis="course"),
        printed("003", 5, 9, unit_of_analysis=None),
        printed("004", 19, 29, definition=None, definition_note="the scale is not stated"),
        printed("005", 1, 9, endpoint="cr"),
    ]
    ask = {"endpoint": "crs", "population": "all_treated", "definition": "common"}
    found = select(offered, **ask)  # type: ignore[arg-type]
    assert list(found.entering) == ["001"]
    text = "; ".join(found.put_aside)
    assert "002: 73/74 (r) put aside: it counts courses, not patients" in text
    assert "003: 5/9 (r) put aside: the paper does not say whether it counts patients" in text
    assert "its definition is not stated or not ours (the scale is not stated)" in text
    assert "005" not in text
    wide = select(offered, **ask, any_definition="class A")  # type: ignore[arg-type]
    assert list(wide.entering) == ["001", "004"]
    assert "class A" in wide.notes[0]


def test_two_arms_of_a_study_are_not_the_study() -> None:
    """003 prints 7/7 with venetoclax and 16/18 without, both in remission with MRD."""
    arms = [printed("003", 7, 7, record="combo"), printed("003", 16, 18, record="mono")]
    found = select(arms, endpoint="crs", population="all_treated", definition="common")
    assert not found.entering
    assert found.put_aside == (
        "003: 7/7 (combo) and 16/18 (mono) put aside: which stands for the study is not said",
    )


def test_survival_of_another_time_is_another_question() -> None:
    def at(time: float, unit: str) -> PublishedEstimate:
        return PublishedEstimate(
            "s", "r", "survival", endpoint="os", population="p", definition="common", value=0.8,
            standard_error=0.1, at=time, time_unit=unit, denominator=20, unit_of_analysis="patient",
        )  # fmt: skip

    ask = {"endpoint": "os", "population": "p", "definition": "common", "at": 24.0}
    assert list(select([at(2, "year")], **ask).entering) == ["s"]  # type: ignore[arg-type]
    assert not select([at(12, "month")], **ask).entering  # type: ignore[arg-type]


def test_rows_of_the_store_become_estimates() -> None:
    row: dict[str, object] = dict.fromkeys(column.name for column in EstimateRow.__table__.columns)
    crs = {"record": "ae_crs_any", "statistic": "ae_count", "numerator": 11.0, "denominator": 19.0}
    os = {"record": "os_1y", "statistic": "km_probability", "value": 0.642, "at": 12.0, "time_unit": "month"}
    os |= {"standard_error": 0.121, "flags": '["F001-02"]'}
    age = {"record": "age", "statistic": "median_range"}
    rows = [row | {"study": "001"} | more for more in (crs, os, age)]
    found = read_published(pd.DataFrame(rows))
    assert [(item.record, item.kind, item.said) for item in found] == [
        ("ae_crs_any", "proportion", "11/19"),
        ("os_1y", "survival", "64.2% at 12 months (flags F001-02)"),
    ]


@pytest.mark.parametrize(
    "numbers",
    [
        {"numerator": 5, "denominator": 0},
        {"numerator": 6, "denominator": 5},
        {"numerator": None, "denominator": 5},
    ],
)
def test_impossible_proportions_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(AnalysisError, match="published estimate s/r"):
        PublishedEstimate("s", "r", "proportion", **numbers)  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.integers(2, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=5
    ),
    st.sampled_from(["glmm", "logit", "freeman-tukey", "arcsine"]),
)
def test_a_synthesis_lies_among_its_studies(rows: list[tuple[int, int]], model: str) -> None:
    pooled = pool_responses(responses({f"s{i}": row for i, row in enumerate(rows)}), title="", model=model)
    assert pooled.k == len(rows) == len(pooled.leave_one_out)
    assert pooled.studies["weight"].sum() == pytest.approx(100)
    assert pooled.fixed.lower <= pooled.fixed.estimate <= pooled.fixed.upper
    own = pooled.studies["estimate"]
    if model == "glmm":
        assert own.min() - 1e-9 <= pooled.fixed.estimate <= own.max() + 1e-9
    assert np.isnan(pooled.prediction_lower) or pooled.k >= 3


def subjects(*rows: tuple[str, str, str, float | None, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["usubjid", "studyid", "sex", "age", "trtsdt", "disease_status"])
    frame["trtsdt"] = [dt.date.fromisoformat(day) for day in frame["trtsdt"]]
    return frame.assign(siteid="north")


def test_patients_alike_in_two_studies_are_suspected_once() -> None:
    adsl = subjects(
        ("a", "001", "female", 34.0, "2022-03-01", "rr_overt"),
        ("b", "003", "female", 34.6, "2022-03-01", "rr_overt"),
        ("c", "003", "female", 35.2, "2022-03-01", "rr_overt"),  # a year older
        ("d", "003", "male", 34.0, "2022-03-01", "rr_overt"),
        ("e", "002", "female", 34.0, "2022-03-01", "cr_mrd_pos"),  # another disease status
        ("f", "002", "female", None, "2022-03-01", "rr_overt"),  # no age
        ("g", "001", "female", 34.0, "2022-03-01", "rr_overt"),  # of one study and centre
    )
    found = suspected(adsl)
    assert found[["usubjid", "other_usubjid"]].to_numpy().tolist() == [["a", "b"], ["b", "g"]]
    assert comparable(adsl).set_index("studyid")["compared"].to_dict() == {"001": 2, "002": 1, "003": 3}


def test_a_token_is_enough() -> None:
    adsl = subjects(
        ("a", "001", "female", 34.0, "2022-03-01", None), ("b", "003", "female", 60.0, "2023-03-01", None)
    ).assign(linkage_token=["t1", "t1"])
    assert suspected(adsl)["alike_in"].tolist() == ["pseudonymous token"]
    with pytest.raises(AnalysisError, match="pseudonymous token"):
        distinct_patients(adsl)
    [note] = distinct_patients(adsl, override="the centres say twins")
    assert "the centres say twins" in note
    assert distinct_patients(subjects(("a", "001", "female", 34.0, "2022-03-01", None))) == ()


def random_patients(n: int, *, days: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "usubjid": [f"p{i:05}" for i in range(n)],
            "studyid": draw.choice(["001", "002"], n),
            "siteid": "north",
            "sex": draw.choice(["female", "male"], n),
            "age": draw.integers(20, 70, n).astype(float),
            "trtsdt": [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in draw.integers(0, days, n)],
            "disease_status": draw.choice(["rr_overt", "cr_mrd_pos", None], n),
        }
    )


def test_chance_is_told_from_overlap() -> None:
    strangers = random_patients(1500, days=1000, seed=1)
    found, expected = len(suspected(strangers)), expected_by_chance(strangers)
    assert abs(found - expected) < 4 * np.sqrt(expected)
    [note] = distinct_patients(strangers)
    assert f"{found} pairs" in note
    twice = strangers.head(40).assign(studyid="003", usubjid=lambda own: "q" + own["usubjid"])
    with pytest.raises(AnalysisError, match="They may be counted twice"):
        distinct_patients(pd.concat([strangers, twice], ignore_index=True))


def test_a_message_on_overlap_names_nobody() -> None:
    adsl = subjects(
        ("a", "001", "female", 34.0, "2022-03-01", "rr_overt"),
        ("b", "003", "female", 34.6, "2022-03-01", "rr_overt"),
        ("c", "003", "male", 61.0, "2020-07-15", "rr_overt"),
        ("d", "001", "male", 25.0, "2024-02-11", "rr_overt"),
    )
    with pytest.raises(AnalysisError) as stopped:
        distinct_patients(adsl)
    assert "1 pair of patients (studies 001 and 003)" in str(stopped.value)
    assert not any(name in str(stopped.value) for name in ("usubjid", "2022", "34"))


def test_the_forest_shows_level_and_both_pooled_rows() -> None:
    sample = responses({"001": (11, 19), "002": (3, 9)})
    pooled = pool_responses(sample, title="CRS", published={"004": printed("004", 19, 29)})
    words = [text.get_text() for text in pooled.forest(hartung_knapp=True).axes[0].texts]
    for word in ("patient-level", "published", "Random effects", "Common effect", "Hartung-Knapp", "19/29"):
        assert word in words
    assert "Hartung-Knapp" not in [text.get_text() for text in pooled.forest().axes[0].texts]
