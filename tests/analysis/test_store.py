"""The store as an analyst opens it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, insert

import allpool
from allpool.analysis.cohorts.samples import Grouping
from allpool.analysis.definitions.conditions import Condition, Population
from allpool.analysis.derivation.derive import derive
from allpool.analysis.store import Store
from allpool.errors import AnalysisError, DefinitionError, StoreError
from allpool.models import Base, FeedRun, Release
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

DOSE = "2022-01-01"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of two studies, eight patients each, with round numbers."""
    built = HandBuilt()
    for study, responders in (("001", 6), ("002", 4)):
        for number in range(8):
            key = f"{study}-{number}"
            answers = number < responders
            built.patient(
                key,
                study=study,
                first_dose=DOSE,
                response="cr 2022-01-29" if answers else "nr 2022-01-29",
                death=None if answers else f"2022-0{number}-01",
                last_contact=f"2022-1{number % 3}-15",
                status="rr_overt" if number else "unknown" if study == "001" else None,
                synthetic=study == "001",
            )
            built.observation(key, "ph_status", None, value_concept="positive" if number % 2 else "negative")
    built.mrd("001-0", "2022-01-29", interpretation="undetectable")
    built.event("adverse_event", "001-0", "ae_term", "date", "2022-01-03", term="crs", actuality="actual")
    address = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
    engine = built.into(connect(address))
    derive(engine)
    engine.dispose()
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = allpool.open(url)
    yield found
    found.engine.dispose()


def test_frames(store: Store) -> None:
    assert len(store.subjects()) == 16
    assert {"cr", "mrd"} <= set(store.responses()["paramcd"])
    assert {"os", "efs", "rfs"} <= set(store.times_to_event()["paramcd"])
    assert store.mrd()["avalc"].tolist() == ["undetectable"]
    assert store.adverse_events()["aedecod"].tolist() == ["crs"]
    found = store.sql("SELECT count(*) AS n FROM adsl WHERE studyid = :study", {"study": "001"})
    assert found["n"].tolist() == [8]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM adsl",
        "UPDATE adsl SET sex = 'x'",
        "PRAGMA query_only = OFF",
        "SELECT 1; DELETE FROM adsl",
        "WITH a AS (SELECT 1) DELETE FROM adsl",
        "",
    ],
)
def test_the_store_is_read_only(store: Store, statement: str) -> None:
    with pytest.raises(AnalysisError):
        store.sql(statement)
    assert len(store.sql("SELECT usubjid FROM adsl WHERE studyid <> ';'")) == 16


def test_response_by_study(store: Store) -> None:
    found = store.cohort("all_treated").response("cr", by="study")
    assert found[["group", "responders", "n"]].to_numpy().tolist() == [["001", 6, 8], ["002", 4, 8]]
    assert found["proportion"].tolist() == [0.75, 0.5]
    assert found["lower"].iloc[1] == pytest.approx(0.15701, abs=1e-5)  # Clopper-Pearson, 4 of 8


def test_a_subject_of_unknown_status_is_counted_and_not_guessed(store: Store) -> None:
    cohort = store.cohort("rr_overt")
    assert (cohort.n, cohort.unknown) == (14, 2)
    with pytest.raises(AnalysisError, match="no subjects of study 009 in the store; it has 001, 002"):
        store.cohort("rr_overt", studies=["009"])
    with pytest.raises(DefinitionError, match="no population 'nobody'"):
        store.cohort("nobody")


def test_a_population_of_ones_own(store: Store) -> None:
    own = Population(
        id="ph",
        version="1",
        title="Ph positive",
        where=(Condition.model_validate({"column": "ph_status", "in": "positive"}),),
        source="test",
    )
    assert store.cohort(own, studies=["001"]).n == 4


def test_survival_curves(store: Store) -> None:
    curves = store.cohort("all_treated").survival("os", by="ph_status")
    assert list(curves) == ["negative", "positive"]
    assert (curves.n, curves.events, curves.synthetic) == (16, 6, True)
    at = curves.at([6])
    assert at["at_risk"].tolist() == [
        curves["negative"].at(6)["at_risk"].item(),
        curves["positive"].at(6)["at_risk"].item(),
    ]
    assert isinstance(curves.median(), pd.DataFrame)
    assert 0 < curves.logrank().p <= 1
    figure = curves.plot()
    words = " ".join(text.get_text() for text in figure.texts)
    assert "SYNTHETIC" in words
    assert "Overall survival" in words


def test_time_is_in_the_unit_asked(store: Store) -> None:
    cohort = store.cohort("all_treated")
    days, months = (cohort.survival("os", unit=unit)["all"].time for unit in ("day", "month"))
    assert (months * 30.4375) == pytest.approx(days)
    with pytest.raises(AnalysisError, match="no unit of time 'moon'"):
        cohort.survival("os", unit="moon")


@pytest.mark.parametrize("by", ["cr", "hsct", Grouping(response="cr", definition="assessed")])
def test_groups_of_after_time_zero_are_refused(store: Store, by: str | Grouping) -> None:
    cohort = store.cohort("all_treated")
    with pytest.raises(AnalysisError, match="immortal time"):
        cohort.survival("os", by=by)
    curves = cohort.survival("os", by=by, override="to show what the paper did")
    assert "to show what the paper did" in " ".join(text.get_text() for text in curves.plot().texts).replace(
        "\n", " "
    )


def test_pooled(store: Store) -> None:
    cohort = store.cohort("all_treated")
    pooled = cohort.pooled("cr", model="logit")
    assert pooled.k == 2
    assert pooled.studies["study"].tolist() == ["001", "002"]
    assert pooled.studies["weight"].sum() == pytest.approx(100)
    # logits log(3), 0 with variances 1/6+1/2, 1/4+1/4
    weights = (1 / (1 / 6 + 1 / 2), 1 / (1 / 4 + 1 / 4))
    logit = weights[0] * 1.0986123 / sum(weights)
    assert pooled.fixed.estimate == pytest.approx(1 / (1 + 2.718281828**-logit), abs=1e-6)
    assert pooled.lower < pooled.estimate < pooled.upper
    assert pooled.prediction_lower != pooled.prediction_lower, "two studies allow no prediction interval"
    words = {text.get_text() for text in pooled.forest().axes[0].texts}
    assert {"001", "002", "Random effects", "Common effect"} <= words
    assert "Prediction interval" not in words
    with pytest.raises(AnalysisError, match="say `at` which time"):
        cohort.pooled("os")
    survival = cohort.pooled("os", at=5.5)
    assert survival.measure == "survival at 5.5 months"
    assert survival.lower < survival.estimate < survival.upper


def test_what_is_no_response_or_no_time(store: Store) -> None:
    cohort = store.cohort("all_treated")
    with pytest.raises(AnalysisError, match="ask `survival`"):
        cohort.response("os")
    with pytest.raises(AnalysisError, match="ask `response`"):
        cohort.survival("cr")
    with pytest.raises(AnalysisError, match="nothing to group by"):
        cohort.response("cr", by="colour")
    with pytest.raises(DefinitionError, match="no endpoint 'pfs'"):
        cohort.survival("pfs")


def test_a_query_that_cannot_run_is_said(store: Store) -> None:
    with pytest.raises(AnalysisError, match="no_such_table"):
        store.sql("select * from no_such_table")


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (SELECT 1) UPDATE adsl AS a SET age = 1",
        "WITH x AS (SELECT 1) INSERT OR REPLACE INTO adsl SELECT * FROM adsl",
        "/* ' */ DELETE FROM adsl /* ' */",
        None,
    ],
)
def test_what_is_no_query_is_refused(store: Store, query: Any) -> None:
    with pytest.raises(AnalysisError, match="`sql` takes one SELECT"):
        store.sql(query)


def test_a_comment_and_an_absent_parameter(store: Store) -> None:
    assert len(store.sql("/* one; row */ SELECT 1 AS one")) == 1
    with pytest.raises(AnalysisError, match="bind parameter 'study'"):
        store.sql("SELECT count(*) FROM adsl WHERE studyid = :study")


def test_cohorts_that_cannot_be_meant(store: Store) -> None:
    with pytest.raises(AnalysisError, match="by the name of a population"):
        store.cohort(None)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="names no study"):
        store.cohort("all_subjects", studies=[])
    assert store.cohort("all_subjects", studies="001").n == store.cohort("all_subjects", studies=["001"]).n


def test_groups_are_named_or_written_out(store: Store) -> None:
    wrong: Any = {"response": "cr"}
    with pytest.raises(AnalysisError, match="Grouping"):
        store.cohort("all_treated").survival("os", by=wrong)


def test_releases(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    engine: Engine = connect(address)
    Base.metadata.create_all(engine)
    with pytest.raises(StoreError, match="no release '2024'; there are: none"):
        allpool.open(address, release="2024")
    with engine.begin() as connection:
        connection.execute(
            insert(Release).values(
                name="2024",
                created_at=datetime(2024, 1, 1, tzinfo=UTC),
                run=1,
                code_version="0",
                dictionary_hash="d",
                content_hash="c",
            )
        )
    allpool.open(address, release="2024").engine.dispose()
    with engine.begin() as connection:
        connection.execute(insert(FeedRun).values(run=2, feed="f", status="published", inserted=1))
    with pytest.raises(StoreError, match="has changed since release '2024'"):
        allpool.open(address, release="2024")
    engine.dispose()


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        allpool.open(f"sqlite:///{tmp_path / 'absent.db'}")


def test_a_store_of_another_version_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with connect(url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE adsl (usubjid VARCHAR)")
    with pytest.raises(StoreError, match="allpool db upgrade"):
        allpool.open(url).subjects()
