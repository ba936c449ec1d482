"""Each result says how many of its subjects have open queries, in the store and on the page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, insert, select

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.plans.night import load_plans
from allpool.analysis.plans.questions import Questioned, store_questions
from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.steps.base import Answer, Statistic
from allpool.models import Adsl, AnalysisQuality, Query
from tests.nights.conftest import ROOT

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLAN = ROOT / "examples" / "consortium" / "plans" / "q01_cr_rr_overt.yaml"


def result(subjects: int, *statistics: Statistic) -> StepResult:
    """A result that rests on the subjects u1, u2 and so on."""
    (plan,) = load_plans([Path(PLAN)], load_catalogue())
    people = pd.DataFrame({"usubjid": [f"u{number}" for number in range(1, subjects + 1)]})
    return StepResult(plan, plan.steps[0], Answer(statistics, people, people.iloc[:0]))


def ask(connection: Connection, id_: str, patient: str | None, severity: str, status: str = "open") -> None:
    connection.execute(
        insert(Query),
        {
            "id": id_,
            "feed": "one",
            "rule": "r",
            "severity": severity,
            "scope": "cell",
            "others": [],
            "records": [],
            "held_with": 0,
            "patient_id": patient,
            "status": status,
            "opened_run": 1,
            "last_run": 1,
            "opened_at": NOW,
        },
    )


def test_subjects_are_counted_by_their_queries(store: Engine) -> None:
    with store.begin() as connection:
        for number in range(1, 8):
            row = {"usubjid": f"u{number}", "patient_id": f"p{number}", "synthetic": True}
            row |= {"studyid": "s1", "baseline": {}}
            connection.execute(insert(Adsl), row)
        ask(connection, "a", "p1", "quarantine")
        ask(connection, "b", "p1", "warn")  # counts as held, once
        ask(connection, "c", "p2", "warn", "answered")
        ask(connection, "d", "p3", "warn", "waived")
        ask(connection, "e", "p3", "quarantine", "mended")
        ask(connection, "f", "p3", "quarantine", "accepted")
        ask(connection, "g", None, "quarantine")  # of nobody that is known
        ask(connection, "h", "p7", "quarantine")  # not behind the result
        found = store_questions(connection, [result(5)], release=None)
        again = store_questions(connection, [result(5)], release=None)
        stored = connection.execute(select(AnalysisQuality)).one()
    assert list(found.values()) == [Questioned(subjects=5, held=1, warned=1, clear=3)]
    assert again == found
    assert (stored.subjects, stored.held, stored.warned, stored.clear) == (5, 1, 1, 3)


ALL = "20 with data held back, 30 with data that are doubted, 50 with none; 100 in all"


@pytest.mark.parametrize(
    ("counts", "minimum", "said"),
    [
        (Questioned(100, 20, 30, 50), 5, ALL),
        (Questioned(100, 20, 30, 50), 1, ALL),
        (
            Questioned(10, 1, 0, 9),
            1,
            "1 with data held back, 0 with data that are doubted, 9 with none; 10 in all",
        ),
        (Questioned(0, 0, 0, 0), 5, "nobody is behind it"),
    ],
)
def test_the_line_beside_a_result(counts: Questioned, minimum: int, said: str) -> None:
    assert counts.said(result(0, Statistic("proportion", 0.5, n=100)), minimum=minimum) == said


def test_a_small_count_does_not_leave() -> None:
    said = Questioned(100, 2, 30, 68).said(result(0, Statistic("proportion", 0.5, n=100)), minimum=5)
    # a second count goes with it, or the sum would tell it
    assert said == (
        "withheld with data held back, withheld with data that are doubted, 68 with none; 100 in all"
    )


def test_the_total_does_not_tell_a_group_that_is_withheld() -> None:
    shown = result(0, Statistic("proportion", 0.5, n=97), Statistic("proportion", None, n=None))
    said = Questioned(100, 20, 30, 50).said(shown, minimum=5)
    assert said == "20 with data held back, 30 with data that are doubted, the others with none"
