"""One planted error of each kind is found at its cell by a right rule, and clean files are left in peace.

The long form, a thousand errors in all feeds, is `make bench-quality`.
"""

from __future__ import annotations

import pytest

from benchmarks.quality.copies import copied, feeds
from benchmarks.quality.page import misses
from benchmarks.quality.planting import CATALOGUE
from benchmarks.quality.rounds import Report, run

pytestmark = pytest.mark.xdist_group("planted")  # one worker: errors are planted once

WITHIN = ("000-centre-a", "000-centre-b", "001-aerospace", "002-redcap", "003-hospital-01", "004-praha")
"""A feed of each study, with the layouts that kinds need: percentages and fractions, serials and dates."""


@pytest.fixture(scope="module")
def report() -> Report:
    return run(errors=len(CATALOGUE.kinds), seed=11, within=WITHIN, once=True)


def test_there_are_kinds_of_every_sort() -> None:
    assert len(CATALOGUE.kinds) >= 100
    assert len({kind.group for kind in CATALOGUE.kinds.values()}) >= 15


def test_each_kind_is_planted(report: Report) -> None:
    assert {score.kind.name for score in report.scores} == set(CATALOGUE.kinds)


def test_each_kind_is_found(report: Report) -> None:
    missed = [score for score in report.scores if score.outcome != "found"]
    assert len(missed) <= 0.02 * len(report.scores), misses(report)


def test_clean_files_are_left_in_peace(report: Report) -> None:
    cells = {(feed, finding.cell) for feed, finding in report.clean}
    assert len(cells) <= 0.01 * report.clean_cells
    rows = {(feed, finding.cell.file, finding.cell.sheet, finding.cell.row) for feed, finding in report.clean}
    assert len(rows) <= 0.01 * report.clean_rows


def test_a_planted_error_stays_with_its_row(report: Report) -> None:
    assert len(report.strays) <= 0.01 * report.untouched_rows


def test_copies_say_what_the_files_say() -> None:
    for feed in feeds():
        copy = copied(feed)
        assert copy.patients
        for role in copy.style["roles"]:
            table = copy.style["roles"][role].split(".", 1)[0]
            if copy.sheet_of(table) is not None:
                assert copy.place(role) is not None, (feed.id, role)
