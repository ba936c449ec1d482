"""What an earlier night has published stands beside a staged row, but for what the staged rows replace."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from allpool.etl.audit.clinical import clinical_rules, published_beside
from allpool.etl.audit.rules import Rule
from allpool.mappings.dictionary import load_dictionary
from allpool.models import STAGING, Base

BRNO = {"centre": "brno", "study": "004", "content_hash": "0", "version": 1, "run": 1}
DEATH = {"deceased_date": date(2024, 5, 1), "deceased_precision": "day"}
AFTER = {"effective_date": date(2024, 6, 1), "effective_precision": "day"}


def rule(engine: Engine, name: str, feed: str = "004-brno") -> Rule:
    with engine.connect() as connection:
        published = published_beside(connection, feeds=[feed])
    found = {item.id: item for item in clinical_rules(load_dictionary(), published=published)}
    return found[f"clinical.{name}"]


def failing(engine: Engine, name: str) -> list[str]:
    asked = rule(engine, name)
    assert asked.keys is not None
    with engine.connect() as connection:
        return sorted(row.id for row in connection.execute(asked.keys))


def put(engine: Engine, staged: bool, table: str, **row: Any) -> None:
    target = STAGING[table] if staged else Base.metadata.tables[table]
    with engine.begin() as connection:
        connection.execute(insert(target).values({**BRNO, "feed": "004-brno", **row}))


def feed(engine: Engine, name: str, mode: str, centre: str | None = "brno") -> None:
    with engine.begin() as connection:
        table = Base.metadata.tables["feed"]
        connection.execute(insert(table).values(id=name, mapping="m", mode=mode, centre=centre))


@pytest.fixture
def contact_after_death(store: Engine) -> Engine:
    """Staged is a contact; the death was published before, in another row of the patient."""
    put(store, True, "observation", id="o1", subject_id="p1", data_element="last_contact_date", **AFTER)
    return store


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("append", ["o1"]),
        ("snapshot", []),  # a snapshot without the patient takes the patient's death back
    ],
)
def test_rows_of_the_feed_itself(contact_after_death: Engine, mode: str, expected: list[str]) -> None:
    feed(contact_after_death, "004-brno", mode)
    put(contact_after_death, False, "patient", id="p1", identifier="x", **DEATH)
    assert failing(contact_after_death, "after-death") == expected


def test_rows_of_another_feed_of_the_centre(contact_after_death: Engine) -> None:
    feed(contact_after_death, "004-brno", "snapshot")
    feed(contact_after_death, "004-brno-registry", "snapshot")
    put(contact_after_death, True, "patient", id="p2", identifier="y")
    put(
        contact_after_death,
        False,
        "patient",
        id="p1",
        identifier="x",
        **{**DEATH, "feed": "004-brno-registry"},
    )
    assert failing(contact_after_death, "after-death") == ["o1"]


def test_a_row_that_is_staged_again_counts_as_staged(contact_after_death: Engine) -> None:
    feed(contact_after_death, "004-brno", "append")
    put(contact_after_death, False, "patient", id="p1", identifier="x", **DEATH)
    put(contact_after_death, True, "patient", id="p1", identifier="x")
    assert failing(contact_after_death, "after-death") == []


def test_the_other_side_is_found_where_it_is_published(contact_after_death: Engine) -> None:
    feed(contact_after_death, "004-brno", "append")
    put(contact_after_death, False, "patient", id="p1", identifier="x", **DEATH)
    asked = rule(contact_after_death, "after-death")
    assert asked.others is not None
    with contact_after_death.connect() as connection:
        others = [tuple(row) for row in connection.execute(asked.others)]
    assert others == [("o1", "patient", "p1", "deceased_date")]


def test_a_first_dose_that_was_published_is_the_first(store: Engine) -> None:
    feed(store, "004-brno", "append")
    drug = {"subject_id": "p1", "status": "completed", "data_element": "drug_blinatumomab"}
    start = {"effective_start_precision": "day"}
    put(
        store,
        False,
        "medication_administration",
        id="b1",
        **drug,
        effective_start_date=date(2022, 1, 1),
        **start,
    )
    put(
        store,
        True,
        "medication_administration",
        id="b2",
        **drug,
        effective_start_date=date(2024, 7, 1),
        **start,
    )
    put(store, True, "observation", id="o1", subject_id="p1", data_element="relapse_type", **AFTER)
    assert failing(store, "relapse-before-treatment") == []


def test_studies_are_published_on_their_own(store: Engine) -> None:
    feed(store, "004-brno", "snapshot")
    study = {"identifier": "004", "status": "completed", "period_start_precision": "month"}
    put(
        store, False, "research_study", id="s1", **study, period_start_date=date(2024, 7, 1),
        feed="consortium",
    )  # fmt: skip
    subject = {"identifier": "x", "individual_id": "p1", "period_start_precision": "day"}
    put(store, True, "research_subject", id="r1", **subject, period_start_date=date(2024, 6, 30))
    put(store, True, "research_subject", id="r2", **subject, period_start_date=date(2024, 7, 30))
    assert failing(store, "enrolment-before-study") == ["r1"]


def test_nothing_is_looked_for_where_nothing_can_be(contact_after_death: Engine) -> None:
    feed(contact_after_death, "004-brno", "snapshot")
    feed(contact_after_death, "004-praha", "snapshot", centre="praha")
    with contact_after_death.connect() as connection:
        assert not published_beside(connection, feeds=["004-brno"]).patients
    asked = rule(contact_after_death, "after-death")
    assert "FROM patient " not in str(asked.keys)
