"""The catalogue of 45 flags: what arithmetic finds again, from what the five papers print alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from allpool.analysis.published.arithmetic.entries import READ
from allpool.analysis.published.arithmetic.findings import RULES
from allpool.analysis.published.arithmetic.report import Report, check_papers

SOURCE = Path(__file__).resolve().parents[3] / "src" / "allpool" / "analysis" / "published" / "arithmetic"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "published-arithmetic.md"

FOUND = {
    "F000-01": {("ind_phpos_cmr", "share-of-no-count")},
    "F000-02": {("ind_phneg_crc", "share-of-other-group")},
    "F000-03": {("ind_phneg_mrdneg", "share-of-other-group")},
    "F000-04": {("ind_followup", "beyond-follow-up")},
    "F000-05": {
        (f"con_{group}_{endpoint}_2y_{kind}", rule)
        for group in ("phpos", "phneg")
        for endpoint in ("os", "efs")
        for kind, rule in (("28d", "curve-of-no-data"), ("p", "labels-swapped"))
    },
    "F000-08": {("con_phpos_efs_2y_28d", "repeated-survival")},
    "F001-05": {("cycles_1", "parts-below-whole")},
    "F002-01": {("status_at_start_rr", "two-sizes")},
    "F002-02": {("cr_mrdpos", "state-of-its-own-group")},
    "F002-05": {("efs_1y_mrdpos", "curve-of-other-groups")},
    "F002-06": {("os_p", "p-needs-later-deaths")},
    "F003-02": {("age", "quartiles-too-wide")},
    "F003-04": {("hi_orr_p", "p-of-few-expected"), ("hi_mrd_p", "p-of-few-expected")},
    "F003-05": {("mrdneg_74_combo", "split-of-no-group")},
    "F004-02": {("t1_karyo_t2_8", "share-of-other-count")},
    "F004-04": {("efs_2y", "clocks-in-conflict")},
}
"""Flag -> the records and rules by which it is found again."""

BESIDE = {
    ("002", "efs_p", "p-needs-later-deaths"),
    ("003", "mrdneg_74_p", "p-of-few-expected"),
}
"""True findings that no flag names: the EFS log-rank P needs later events, as its record's own check says;
and P 0.956 is Pearson's without correction with 4.9 expected in a cell, like the two of F003-04."""

NOT_ARITHMETIC = (
    *("F000-06", "F000-07", "F000-09"),
    *("F001-01", "F001-02", "F001-03", "F001-04", "F001-06", "F001-07", "F001-08", "F001-09", "F001-10"),
    *("F001-11", "F001-12", "F001-13"),
    *("F002-03", "F002-04", "F002-07"),
    *("F003-01", "F003-03", "F003-06", "F003-07", "F003-08", "F003-09"),
    *("F004-01", "F004-03", "F004-05", "F004-06", "F004-07"),
)
"""Of design, definitions and words; docs/published-arithmetic.md says for each why."""


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "seeds" / "published"


@pytest.fixture(scope="module")
def flags(shared: Path) -> dict[str, dict[str, str]]:
    found = yaml.safe_load((shared / "seeds" / "flags.yaml").read_text(encoding="utf-8"))
    return {flag["code"]: flag for flag in found}


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return check_papers([folder])


def keys(report: Report) -> set[tuple[str, str, str]]:
    return {(f.entry.study, f.entry.id, f.rule) for f in report.findings}


def test_each_flag_is_found_or_is_no_arithmetic(flags: dict[str, dict[str, str]]) -> None:
    assert len(flags) == 45
    assert sorted([*FOUND, *NOT_ARITHMETIC]) == sorted(flags)


def test_every_flag_of_an_error_is_found(flags: dict[str, dict[str, str]]) -> None:
    errors = {code for code, flag in flags.items() if flag["severity"] == "error"}
    assert errors == {"F000-01", "F000-05", "F002-02", "F002-05", "F003-02", "F003-05", "F004-02", "F004-04"}
    assert errors | {"F000-02"} <= set(FOUND)


@pytest.mark.parametrize("code", FOUND)
def test_a_flag_is_found_at_its_records(code: str, flags: dict[str, dict[str, str]], report: Report) -> None:
    study = flags[code]["document"]
    assert {(study, record, rule) for record, rule in FOUND[code]} <= keys(report)


def test_nothing_else_is_found_but_what_is_true(flags: dict[str, dict[str, str]], report: Report) -> None:
    expected = {(flags[code]["document"], *where) for code, found in FOUND.items() for where in found}
    assert keys(report) == expected | BESIDE
    assert report.undecided == ()
    assert report.unread == ()


def test_the_numbers_of_the_catalogue_come_out(report: Report) -> None:
    said = {(f.entry.id, f.rule): f"{f.why}; {f.possible}" for f in report.findings}
    assert "10 is 90.91 %" in said["ind_phpos_cmr", "share-of-no-count"]
    assert "64 of 71" in said["ind_phpos_cmr", "share-of-no-count"]
    assert "32 of 37" in said["ind_phneg_crc", "share-of-other-group"]
    for record, p in (
        ("con_phpos_os_2y_p", 0.56),
        ("con_phpos_efs_2y_p", 0.42),
        ("con_phneg_os_2y_p", 0.63),
        ("con_phneg_efs_2y_p", 0.40),
    ):
        match = re.search(r"then follows \((0\.\d+)", said[record, "labels-swapped"])
        assert match is not None
        assert float(match[1]) == pytest.approx(p, abs=0.0501 if p == 0.40 else 0.00501)
    assert "from the 21 of n_mrdpos" in said["efs_1y_mrdpos", "curve-of-other-groups"]
    assert "26 of 30 without censoring" in said["efs_1y_mrdpos", "curve-of-other-groups"]
    assert "14/19 and 29/39 (chi-square)" in said["mrdneg_74_combo", "split-of-no-group"]
    assert "at most 6 are by then" in said["efs_2y", "clocks-in-conflict"]
    assert "at least 78.6 %" in said["efs_2y", "clocks-in-conflict"]
    assert "29 would give 3 %" in said["t1_karyo_t2_8", "share-of-other-count"]


def test_each_record_is_checked_or_said_why_not(report: Report) -> None:
    assert report.records == 379
    checked = {entry for item in report.checked for entry in item.entries}
    assert len(checked) + len(report.not_checked) == 379
    assert all(item.reason for item in report.not_checked)
    assert "no figure that a check reads" not in {item.reason for item in report.not_checked}


def without_comments(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with nothing but what the paper prints; what a reader implied becomes nonsense."""
    kept = {key: value for key, value in record.items() if key in READ}
    if str(kept.get("denominator_source", "")).startswith("implied"):
        kept["numerator"] = kept["denominator"] = 9999
        kept["denominator_source"] = "implied"
    return kept


def test_what_readers_wrote_beside_the_figures_changes_nothing(
    folder: Path, report: Report, tmp_path: Path
) -> None:
    for path in sorted(folder.glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        del content["flags"]
        content["records"] = [without_comments(record) for record in content["records"]]
        (tmp_path / path.name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    bare = check_papers([tmp_path])

    def lines(of: Report) -> list[dict[str, Any]]:
        return [{**finding.line(), "line": 0} for finding in of.findings]

    assert lines(bare) == lines(report)


def test_a_study_is_judged_by_what_it_prints_not_by_its_name(
    folder: Path, report: Report, tmp_path: Path
) -> None:
    for path in sorted(folder.glob("*.yaml")):
        text = path.read_text(encoding="utf-8").replace(f"document: '{path.stem}'", f"document: x{path.stem}")
        (tmp_path / f"other-{path.name}").write_text(text, encoding="utf-8")
    other = check_papers([tmp_path])
    assert {(study.removeprefix("x"), *rest) for study, *rest in keys(other)} == keys(report)
    assert len(other.findings) == len(report.findings)


def test_the_checks_name_no_study_and_no_flag(flags: dict[str, dict[str, str]]) -> None:
    for path in SOURCE.rglob("*"):
        if path.suffix in {".py", ".yaml"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\bF00\d|['\"]00[0-4]|(?i:blina)", text), path.name


def test_the_page_says_of_each_flag_whether_it_is_found(flags: dict[str, dict[str, str]]) -> None:
    rows = {
        match[1]: match[0]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if (match := re.match(r"\| (F\d{3}-\d{2}) \|.*", line))
    }
    assert sorted(rows) == sorted(flags)
    for code, row in rows.items():
        assert flags[code]["severity"] in row
        assert ("| found |" in row) == (code in FOUND), code
        for _, rule in FOUND.get(code, set()):
            assert f"`{rule}`" in row


def test_the_page_says_what_each_rule_asks() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule.severity} | {rule.must} |" in text, name


def test_the_example_is_checked_in_its_own_form(report: Report, tmp_path: Path) -> None:
    """The consortium's own files say in our words whom a figure is of; what rests on digits is found."""
    own = Path(__file__).resolve().parents[3] / "examples" / "consortium" / "published"
    shutil.copytree(own, tmp_path / "published")
    found = keys(check_papers([tmp_path / "published"]))
    assert found <= keys(report)
    for code in ("F000-01", "F000-05", "F002-02", "F002-05", "F004-02"):
        assert {(code[1:4], *where) for where in FOUND[code]} <= found, code
