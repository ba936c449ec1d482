"""Each kind of rule finds the row that breaks it, and nothing in a patient in whom nothing is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from allpool.etl.audit import Audited, Rule, Thresholds, rules_for
from allpool.mappings.dictionary import Dictionary
from allpool.mappings.terminology import Terminology
from allpool.models import STAGING
from tests.etl.audit.cases import BROKEN, sound

Stage = Callable[[dict[str, list[dict[str, Any]]]], None]


def broken_id(rule: str) -> str:
    return f"broken: {rule}"


def all_broken() -> dict[str, list[dict[str, Any]]]:
    """Return the sound rows, and per rule a copy of one of them, broken."""
    rows = sound()
    originals = {row["id"]: row for found in rows.values() for row in found}
    for rule, (table, name, change) in BROKEN.items():
        rows[table].append({**originals[name], "id": broken_id(rule), **change})
    return rows


def test_sound_rows_pass(stage: Stage, run: Callable[..., Audited]) -> None:
    stage(sound())
    audited = run()
    assert [result.rule for result in audited.results if not result.success] == []
    assert audited.failures.is_empty()
    assert {result.table for result in audited.results} == set(STAGING)


def test_broken_rows_fail_and_sound_rows_do_not(stage: Stage, run: Callable[..., Audited]) -> None:
    stage(all_broken())
    audited = run(thresholds=Thresholds(rows=1000))
    results = {result.rule: result for result in audited.results}
    for rule in BROKEN:
        found = audited.failures.filter(rule=rule)
        assert broken_id(rule) in found["id"].to_list(), rule
        assert found.height == results[rule].failed, rule
        assert set(found["column"]) == {results[rule].column}, rule
        assert set(found["severity"]) == {results[rule].severity}, rule
    originals = {row["id"] for found in sound().values() for row in found}
    # a broken row can contradict a sound one, which the clinical rules then find too
    generated = audited.failures.filter(~pl.col("rule").str.starts_with("clinical."))
    assert originals.isdisjoint(generated["id"])


def test_what_is_impossible_is_not_called_implausible_too(stage: Stage, run: Callable[..., Audited]) -> None:
    stage(all_broken())
    failures = run(thresholds=Thresholds(rows=1000)).failures
    impossible = failures.filter(pl.col("rule").str.contains(".possible.", literal=True))
    implausible = failures.filter(pl.col("rule").str.contains(".plausible.", literal=True))
    assert impossible.height
    assert implausible.height
    assert implausible.join(impossible, on=["table", "id", "column"]).is_empty()


def test_twice_the_same_record_blocks(stage: Stage, run: Callable[..., Audited]) -> None:
    rows = sound()
    rows["specimen"] *= 2
    stage(rows)
    audited = run()
    assert [result.rule for result in audited.blocked] == ["specimen.id.unique"]
    assert audited.failures["id"].to_list() == ["m1", "m1"]


def every_rule(dictionary: Dictionary, terminology: Terminology) -> tuple[Rule, ...]:
    staged = {table: {element.id: 1 for element in dictionary} for table in STAGING}
    return rules_for(staged, dictionary=dictionary, terminology=terminology, today=date(2026, 1, 15))


def clinical(rule: str) -> bool:
    return rule.startswith("clinical.")


def kind(rule: str) -> str:
    """Return what is asked by a rule, apart from table, column and element."""
    return rule.split(".")[2]


def test_every_kind_of_rule_has_a_broken_row(dictionary: Dictionary, terminology: Terminology) -> None:
    generated = [rule.id for rule in every_rule(dictionary, terminology) if not clinical(rule.id)]
    kinds = {kind(rule) for rule in generated}
    # clinical rules have their patients beside them; these have tests of their own
    apart = {"unique", "magnitude", "same-person"}
    assert kinds - apart == {kind(rule) for rule in BROKEN if not clinical(rule)}


def test_rules_are_sentences_with_known_columns(dictionary: Dictionary, terminology: Terminology) -> None:
    for rule in every_rule(dictionary, terminology):
        assert re.search(r"[.]$", rule.expected), rule.id
        assert rule.column in STAGING[rule.table].c or rule.column == "value", rule.id
        assert rule.element is None or rule.element in dictionary, rule.id
        if rule.severity == "warn" and rule.category == "plausibility":
            assert rule.source, rule.id
