"""What the audit does with what it finds: severities, thresholds, withdrawal, broken rules, silence."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, literal_column, select

from allpool.errors import BrokenRuleError
from allpool.etl.audit import HELD_WITH, Audited, Thresholds, findings, generated, withdraw
from allpool.etl.audit.suite import preload
from allpool.models import STAGING, Base, QualityResult
from tests.etl.audit.cases import quantity, sound
from tests.etl.audit.conftest import FEED

Stage = Callable[[dict[str, list[dict[str, Any]]]], None]
Run = Callable[..., Audited]


def bad_counts(bad: int, good: int) -> dict[str, list[dict[str, Any]]]:
    rows = sound()
    rows["observation"] += [quantity(f"bad{i:03}", "wbc", -31.25, "10*9/L") for i in range(bad)]
    rows["observation"] += [quantity(f"good{i:03}", "wbc", 3.0, "10*9/L") for i in range(good)]
    return rows


def severity_of(audited: Audited, rule: str) -> str:
    return {result.rule: result.severity for result in audited.results}[rule]


def test_threshold_turns_quarantine_into_block(stage: Stage, run: Run) -> None:
    stage(bad_counts(bad=25, good=10))
    rule = "observation.value_quantity.possible.wbc"
    assert severity_of(run(), rule) == "block"
    assert severity_of(run(thresholds=Thresholds(rules={rule: 0.9})), rule) == "quarantine"
    assert severity_of(run(thresholds=Thresholds(rows=26)), rule) == "quarantine"


def test_all_failing_rows_are_selected_beyond_any_list(stage: Stage, run: Run) -> None:
    stage(bad_counts(bad=300, good=400))
    audited = run()
    held = audited.held.filter(rule="observation.value_quantity.possible.wbc")
    assert held["id"].to_list() == [f"bad{i:03}" for i in range(300)]
    assert held["source_file"].to_list() == ["f" * 16] * 300
    assert held["source_row"].to_list() == list(range(11, 311))


def test_quality_rows_fill_the_table(stage: Stage, run: Run, store: Engine) -> None:
    stage(bad_counts(bad=2, good=1))
    rows = run().quality_rows()
    with store.begin() as connection:
        connection.execute(insert(QualityResult), rows)
        wanted = select(QualityResult).where(QualityResult.rule == "observation.value_quantity.possible.wbc")
        found = connection.execute(wanted).one()
        assert connection.execute(select(func.count()).select_from(QualityResult)).scalar_one() == len(rows)
    assert (found.rows, found.failed, found.success, found.element) == (4, 2, False, "wbc")
    assert (found.run, found.feed) == (7, "004-brno")


def test_withdrawal_takes_along_what_refers(stage: Stage, run: Run, store: Engine) -> None:
    rows = sound()
    rows["patient"].append({"id": "p2", "identifier": "x2", "gender": "F"})
    rows["specimen"].append({**rows["specimen"][0], "id": "m2", "subject_id": "p2"})
    rows["observation"].append(quantity("mrd3", "mrd_value", 1e-4, "1", subject_id="p2", specimen_id="m2"))
    rows["observation_component"].append(
        {**rows["observation_component"][0], "id": "k2", "observation_id": "mrd3"}
    )
    stage(rows)
    audited = run()
    assert audited.held["id"].unique().to_list() == ["p2"]
    with store.begin() as connection:
        withdrawn = withdraw(connection, audited, appends=True)
    gone = withdrawn.rows
    assert set(gone["id"]) == {"p2", "m2", "mrd3", "k2"}
    assert set(gone.filter(rule=HELD_WITH)["id"]) == {"m2", "mrd3", "k2"}
    assert withdrawn.holders.rows() == [("patient", "p2", 3)]
    assert all(result.success for result in run().results)


def test_withdrawal_leaves_what_was_published_before(stage: Stage, run: Run, store: Engine) -> None:
    rows = sound()
    rows["patient"][0]["gender"] = "F"
    stage(rows)
    with store.begin() as connection:
        published = {"version": 1, "content_hash": "-", "feed": "004-brno", "run": 1}
        connection.execute(
            insert(Base.metadata.tables["patient"]), {"id": "p1", "identifier": "x1", **published}
        )
    audited = run()
    with store.begin() as connection:
        gone = withdraw(connection, audited, appends=True).rows
        left = connection.execute(select(func.count()).select_from(STAGING["observation"])).scalar_one()
    assert set(gone["id"]) == {"p1"}
    assert left == len(rows["observation"])


def test_reference_to_a_published_row_holds(stage: Stage, run: Run, store: Engine) -> None:
    with store.begin() as connection:
        published = {"version": 1, "content_hash": "-", "feed": "004-brno", "run": 1}
        connection.execute(
            insert(Base.metadata.tables["patient"]), {"id": "p9", "identifier": "x9", **published}
        )
    rows = sound()
    rows["observation"].append(quantity("wbc9", "wbc", 3.0, "10*9/L", subject_id="p9"))
    stage(rows)
    assert run().failures.is_empty()


def test_nothing_staged_is_nothing_found(run: Run) -> None:
    audited = run()
    assert audited.results == ()
    assert audited.failures.is_empty()


def test_another_feeds_rows_are_a_bug(stage: Stage, run: Run) -> None:
    rows = sound()
    rows["specimen"][0]["feed"] = "000-one"
    stage(rows)
    with pytest.raises(BrokenRuleError, match="another feed"):
        run()


def test_counts_that_the_caller_knows_are_judged_as_those_that_are_counted(
    stage: Stage, run: Run, store: Engine
) -> None:
    stage(bad_counts(bad=25, good=10))
    with store.connect() as connection:
        known = findings.staged_rows(connection, feeds=[FEED])
    counted = run()
    assert run(staged=known).results == counted.results
    assert run(staged=known).failures.equals(counted.failures)


def test_another_feeds_rows_are_a_bug_also_where_the_counts_are_known(stage: Stage, run: Run) -> None:
    rows = sound()
    rows["specimen"][0]["feed"] = "000-one"
    stage(rows)
    with pytest.raises(BrokenRuleError, match="stage_specimen holds rows of another feed"):
        run(staged={FEED: {"specimen": {None: 1}}})


def test_rule_that_cannot_be_evaluated_is_a_bug(
    stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(sound())
    rules = generated.rules_for

    def with_a_broken_one(*args: Any, **kwargs: Any) -> Any:
        found = rules(*args, **kwargs)
        predicate: Any = literal_column("no_such_function(value_quantity) > 1")
        return (
            *found,
            replace(found[-1], id="broken.rule", table="observation", keys=None, predicate=predicate),
        )

    monkeypatch.setattr(findings, "rules_for", with_a_broken_one)
    with pytest.raises(BrokenRuleError, match=r"cannot evaluate broken\.rule \(\w+Error\)"):
        run()


def test_disagreement_is_a_bug(stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(bad_counts(bad=2, good=1))
    counts = findings.failing_counts
    rule = "observation.value_quantity.possible.wbc"
    monkeypatch.setattr(findings, "failing_counts", lambda *given: {**counts(*given), rule: 3})
    with pytest.raises(BrokenRuleError, match="counts 3 failing rows, our query 2"):
        run()


def test_no_value_is_told_and_no_file_written(
    stage: Stage,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(elsewhere))
    stage(bad_counts(bad=2, good=1))
    with caplog.at_level(logging.DEBUG):
        audited = run()
    output = capfd.readouterr()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("great_expectations")]
    assert told == []
    assert output.out == output.err == ""
    assert "31.25" not in str(audited)
    assert list(elsewhere.iterdir()) == []


def test_library_loads_only_where_it_is_needed() -> None:
    asked = "import sys, allpool.etl.audit; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
    preload().join(timeout=120)
    assert "allpool.etl.audit.expectations" in sys.modules
