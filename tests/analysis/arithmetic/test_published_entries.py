"""Reading what papers print: nothing is refused silently, everything has its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allpool.analysis.published.arithmetic.entries import read_papers
from allpool.analysis.published.arithmetic.populations import arms, said, size
from allpool.analysis.published.arithmetic.report import Report, check_papers
from allpool.analysis.published.arithmetic.words import group_words, measured_state, text_words
from allpool.errors import DefinitionError

Paper = Callable[..., Report]


@pytest.mark.parametrize(
    ("population", "n"),
    [
        ("28 evaluable", 28),
        ("all 19 with a marrow", 19),
        ("first 7", 7),
        ("R/R (30)", 30),
        ("Ph+ patients (n=11)", 11),
        ("16 in CR after one cycle (12 overt + 4 already in CR)", 16),
        ("immune substudy (9 patients; of which cohort is not stated)", 9),
        ("5 % marrow blasts or more", None),
        ("2 centres", None),
        ("4 weeks after the drug", None),
        ("all patients", None),
        ("A (22) vs B (6)", None),
        ("induction (as part of it)", None),
    ],
)
def test_how_many_a_population_is_said_to_have(population: str, n: int | None) -> None:
    assert size(population) == n


@pytest.mark.parametrize(
    ("population", "found"),
    [
        ("consolidation Ph+ 14-day (22) vs 28-day (6)", [("consolidation Ph+ 14-day", 22), ("28-day", 6)]),
        ("19 vs 39", [("19", 19), ("39", 39)]),
        ("Ph+ 9 vs Ph- 10", [("Ph+", 9), ("Ph-", 10)]),
        ("combo versus mono", []),
    ],
)
def test_groups_that_are_compared(population: str, found: list[tuple[str, int]]) -> None:
    assert [(arm.label, arm.n) for arm in arms(population)] == found


def test_what_a_reader_supposed_is_not_what_the_paper_says() -> None:
    assert said("printed: MRD-positive patients; implied: all (19)") == "MRD-positive patients"
    assert said("induction Ph-, most likely the 32 with CRc") == "induction Ph-"


def test_spellings_become_words() -> None:
    assert text_words("MRD-positive R/R, 14-day course") == ("mrdpos", "rr", "14d", "course")
    assert group_words("con_phneg_os_2y_14d") == {"con", "phneg", "14d"}
    assert measured_state("crc_phneg") == "cr"
    assert measured_state("hsct_of_cr") is None


def test_a_finding_stands_at_its_line(paper: Paper) -> None:
    report = paper(
        "id: n, population: all, statistic: count, value: 20",
        "id: cr, population: 11 treated, statistic: proportion, percent: 90.1",
    )
    (finding,) = report.findings
    assert (finding.entry.file, finding.entry.line, finding.entry.study) == ("made.yaml", 5, "made")
    assert finding.line()["record"] == "cr"


def test_what_is_no_number_is_named_and_the_rest_is_checked(paper: Paper) -> None:
    report = paper(
        "id: a, population: 11 treated, statistic: proportion, percent: ninety",
        "id: b, population: 11 treated, statistic: proportion, percent: 90.9, numerator: 10.5",
    )
    assert {(item.entry.id, item.reason) for item in report.unread} == {
        ("a", "percent is no number"),
        ("b", "numerator is no whole number"),
    }
    assert report.not_checked == ()


def test_every_record_without_a_check_has_a_reason(paper: Paper) -> None:
    report = paper(
        "id: rule, population: study, statistic: definition, value: words",
        "id: other, population: elsewhere, statistic: proportion, percent: 12, scope: external",
        "id: mine, population: all, statistic: proportion, percent: 12, scope: derived",
        "id: p, population: all, statistic: logrank_p, value: 0.2",
        "id: lone, population: all, statistic: count, value: 3",
        "id: os_median, population: all, statistic: km_median, value: not reached",
        "id: hr, population: all, statistic: hazard_ratio, value: 0.7",
        "id: odd, population: all, statistic: unheard_of, value: text",
    )
    reasons = {item.entry.id: item.reason for item in report.not_checked}
    assert len(reasons) == len(set(reasons.values())) == 8
    assert reasons["other"] == "a figure of other studies"
    assert report.findings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("document: x\n", "a list `records` is expected"),
        ("- id: a\n", "a list `records` is expected"),
        ("records: [words]\n", "a record is a mapping"),
        ("records:\n- {statistic: count}\n", "a record has an `id`"),
        ("records:\n- {id: a}\n- {id: a}\n", "'a' stands here twice"),
        ("records: [\n", "not YAML"),
    ],
)
def test_a_file_that_is_none_says_where_and_what(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=expected) as caught:
        check_papers([tmp_path / "x.yaml"])
    assert "x.yaml" in str(caught.value)


def test_a_folder_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no file of published figures"):
        check_papers([tmp_path])


def test_our_own_form_is_read_with_its_parts(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        """
study: "7"
title: t
source: s
records:
  - record: cr
    location: abstract
    population: treated (11)
    statistic: proportion
    at: "12"
    printed: {numerator: "10", denominator: "11", percent: "90.1", lower: "58.7", upper: "99.8"}
  - record: cells
    location: abstract
    population: all
    statistic: median_range
    parts:
      before: {printed: {median: "0.96", min: "1.03", max: "3.79"}}
      after: {printed: {median: "1.13", min: "0.26", max: "7.74"}}
  - record: age
    location: abstract
    population: all
    statistic: count
    words: a text
""",
        encoding="utf-8",
    )
    (paper,) = read_papers([tmp_path / "own.yaml"])
    assert [entry.id for entry in paper.entries] == ["cr", "cells_before", "cells_after", "age"]
    report = check_papers([tmp_path])
    assert {(f.entry.id, f.rule) for f in report.findings} == {
        ("cr", "share-of-other-count"),
        ("cells_before", "summary-out-of-order"),
    }


def test_a_small_p_value_is_read_as_a_limit(paper: Paper) -> None:
    report = paper(
        "id: a, population: A (40), statistic: proportion, percent: 90.0",
        "id: b, population: B (40), statistic: proportion, percent: 30.0",
        "id: p, population: both, statistic: fisher_p, value: '<0.001', table: {a: [36, 4], b: [12, 28]}",
    )
    assert report.findings == ()
    assert report.held["p-of-no-test"] == 1
