"""A few of the variants of `make fuzz`, each kind of file among them; and what the harness would see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fuzz.harness import commands, verdicts, verdicts_on
from tests.fuzz.judging import judged
from tests.fuzz.planting import leaks, mark
from tests.fuzz.process import LostError, Worker
from tests.fuzz.variants import Variant, examples, of_format, variant

SEED = 4
SAMPLE = 12
SLOW = ("zip_bomb", "cell_bomb", "string_bomb", "deep_nesting", "table_bomb", "many_members")
"""Corruptions that take a second or more to make."""
FORMATS = (
    *("001-aerospace", "000-centre-b"),
    *("jsonl", "parquet", "xpt", "sas7bdat", "odm", "redcap", "redcap_json", "fhir_bundle"),
)


def whole(name: str) -> Variant:
    """Return an example as it is, corrupted by nothing; of its files the last by name."""
    example = next(item for of_a_kind in examples() for item in of_a_kind if item.name == name)
    file = sorted(example.files)[-1]
    return Variant(SEED, 1, example, file, (), example.files[file])


def test_sample_of_variants_is_checked_without_a_fault():
    found = list(verdicts(SEED, range(SAMPLE)))
    assert [(item.variant.number, item.wrong) for item in found if item.wrong] == []
    assert {item.outcome for item in found} >= {"findings", "refused"}
    assert sum(item.counted for item in found) > SAMPLE


def test_each_format_as_it_is_has_the_cells_that_other_programs_count():
    found = list(verdicts_on(map(whole, FORMATS)))
    assert [(item.variant.example.name, item.wrong) for item in found if item.wrong] == []
    assert {item.outcome for item in found} <= {"all well", "findings"}
    uncounted = {item.variant.example.name for item in found if not item.counted}
    # nothing else here reads the one; in the other planted dates are faults, which count as one leaf each
    assert uncounted == {"sas7bdat", "fhir_bundle"}


def test_the_same_seed_and_number_make_the_same_bytes():
    for number in range(40):
        one, two = variant(SEED, number), variant(SEED, number)
        assert one == two
        assert one.corruptions


@pytest.mark.parametrize("name", FORMATS)
def test_every_corruption_can_corrupt_a_whole_file(name: str):
    made, tries = whole(name), 2 if name == "000-centre-b" else 6
    for change in of_format(made.example, made.file):
        if change.__name__ not in SLOW:
            changed = [change(Random(seed), made.content) for seed in range(tries)]
            assert all(isinstance(content, bytes) for content in changed), change.__name__
            if tries > 2:
                assert any(content != made.content for content in changed), change.__name__


def test_planted_texts_stand_in_every_column_and_are_told_apart_from_names():
    content = whole("redcap").example.files["records.csv"].decode()
    header = content.split("\n")[0].split(",")
    assert content.count(mark(0)[:3]) >= len(header) - 4  # numeric columns have digits instead
    assert leaks(f"column {mark(3)} is unknown") == ["QZX", "KVJ"]
    assert leaks(f"column {mark(3)} is unknown", names=[mark(3)]) == []
    assert leaks("of F-1048: no date", keys=["F-1048"]) == ["a patient's key"]
    assert leaks("of F-10481: no date", keys=["F-1048"]) == []


TOLD: Mapping[str, Any] = {"seconds": 0.1, "wall": 0.1, "beneath": "", "peak": 2**28, "resident": 2**28}
ACCOUNT = dict.fromkeys(("loaded", "unchanged", "quarantined", "ignored", "empty"), 0)
PAGE = "<html></html>"


def run(*, findings: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    account = {"file": "visits.jsonl", "read": 120, **ACCOUNT, "loaded": 120, "ignored_by": {}}
    said = {"findings": findings or [], "cells": [account | more.pop("account", {})]}
    code = 1 if findings else 0
    return {"code": code, "crash": None, "out": json.dumps(said), "err": "", "warnings": [], **more}


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"seconds": 11.0}, "took 11.0 s of the processor"),
        ({"peak": 2**30 + 2**20}, "took 1025 MiB"),
        ({"beneath": "thread panicked at lib.rs"}, "a library printed 25 characters past Python (1 panics)"),
        ({"runs": [run(warnings=["DeprecationWarning at x.py:1"])]}, "warned: DeprecationWarning at x.py:1"),
        ({"runs": [run(code=None, crash="PanicException at x.py:1")]}, "PanicException at x.py:1"),
        ({"runs": [run(code=4, err="allpool: a bug")]}, "exit code 4: allpool: a bug"),
        ({"runs": [run(code=1)]}, "exit code 1 with 0 findings"),
        ({"runs": [run(account={"loaded": 119})]}, "visits.jsonl: the account is not balanced"),
        (
            {"runs": [run(account={"ignored": 20, "loaded": 100})]},
            "visits.jsonl: cells ignored without a rule's name",
        ),
        ({"runs": [run(account={"read": 60, "loaded": 60})]}, "visits.jsonl: 60 cells read, 120 counted"),
        (
            {"runs": [run(account={"quarantined": 1, "loaded": 119})]},
            "visits.jsonl: cells in quarantine without a finding",
        ),
        (
            {
                "runs": [
                    run(findings=[{"file": "visits.jsonl", "column": None, "rule": "x", "said": mark(7)}])
                ]
            },
            "findings: told QZX",
        ),
    ],
)
def test_what_a_variant_must_not_do_is_seen(tmp_path: Path, told: dict[str, Any], fault: str):
    made = whole("jsonl")
    made.write(tmp_path)
    assert fault in judged(made, tmp_path, {**TOLD, "runs": [run()], **told}, PAGE)["wrong"]
    assert judged(made, tmp_path, {**TOLD, "runs": [run()]}, PAGE)["wrong"] == ()


def test_a_worker_that_dies_or_hangs_is_told_and_replaced(tmp_path: Path):
    made = whole("jsonl")
    made.write(tmp_path)
    (check, *_) = commands(made, tmp_path, tmp_path / "page.html")
    with Worker() as worker:
        assert worker.run([["--version"]], audited=False)["runs"][0]["code"] == 0
        assert worker.pid is not None
        worker.patience = 0.0
        with pytest.raises(LostError, match="hang"):
            worker.run([check], audited=False)
        assert worker.pid is None
