"""Failing rows that are waived, and the cells that contradict a failing row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from sqlalchemy import literal, select

from allpool.etl.audit import RELATED_SCHEMA, Audited, findings, generated
from allpool.models import STAGING
from tests.etl.audit.cases import quantity, sound

Stage = Callable[[dict[str, list[dict[str, Any]]]], None]
Run = Callable[..., Audited]
POSSIBLE = "observation.value_quantity.possible.wbc"


def waivers(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["rule", "id", "content_hash"], orient="row")


def negative_counts(number: int) -> dict[str, list[dict[str, Any]]]:
    rows = sound()
    rows["observation"] += [quantity(f"bad{i}", "wbc", -31.25, "10*9/L") for i in range(number)]
    return rows


def test_a_waived_row_passes_and_is_counted_apart(stage: Stage, run: Run) -> None:
    stage(negative_counts(3))
    audited = run(waived=waivers((POSSIBLE, "bad1", "0" * 64), (POSSIBLE, "wbc1", "0" * 64)))
    found = next(result for result in audited.results if result.rule == POSSIBLE)
    assert (found.rows, found.failed, found.waived) == (4, 2, 1)
    assert audited.failures.filter(rule=POSSIBLE)["id"].to_list() == ["bad0", "bad2"]


@pytest.mark.parametrize(
    "waiver",
    [
        pytest.param((POSSIBLE, "bad0", "1" * 64), id="the row says something else now"),
        pytest.param(("observation.value.given", "bad0", "0" * 64), id="another rule is waived"),
    ],
)
def test_a_waiver_holds_for_its_rule_and_content_alone(
    stage: Stage, run: Run, waiver: tuple[str, str, str]
) -> None:
    stage(negative_counts(1))
    audited = run(waived=waivers(waiver))
    found = next(result for result in audited.results if result.rule == POSSIBLE)
    assert (found.failed, found.waived) == (1, 0)


def test_the_cells_of_a_contradiction_stand_beside_the_failing_row(
    stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = sound()
    rows["observation"].append({**rows["observation"][6], "id": "late", "effective_date": None})
    rows["observation"][-1].update(quantity("late", "bm_blasts", -1.0, "%"))
    stage(rows)
    rules = generated.rules_for
    row, patient = STAGING["observation"].alias(), STAGING["patient"].alias()
    others = select(
        row.c.id, literal("patient"), patient.c.id.label("other_id"), literal("deceased_date").label("column")
    ).select_from(row.join(patient, patient.c.id == row.c.subject_id))

    def with_others(*args: Any, **kwargs: Any) -> Any:
        wanted = "observation.value_quantity.possible.bm_blasts"
        return [
            replace(rule, others=others) if rule.id == wanted else rule for rule in rules(*args, **kwargs)
        ]

    monkeypatch.setattr(findings, "rules_for", with_others)
    related = run().related
    assert related.schema == RELATED_SCHEMA
    assert related.rows() == [
        (
            "observation",
            "late",
            "observation.value_quantity.possible.bm_blasts",
            "patient",
            "p1",
            "deceased_date",
        )
    ]


def test_where_nothing_fails_nothing_is_related(stage: Stage, run: Run) -> None:
    stage(sound())
    assert run().related.is_empty()
