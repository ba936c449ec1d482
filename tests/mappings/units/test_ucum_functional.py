"""UCUM's own functional tests: at least 99 in 100 of each part hold, and docs/ucum.md lists every miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ucum import PAGE, PARTS, Outcome, outcomes, page, share

FEWEST = {"validation": 500, "conversion": 30, "multiplication": 2, "division": 3}
"""Cases that the file has at least, so that a part that is not found is no success."""


@pytest.fixture(scope="module")
def found(shared: Path) -> list[Outcome]:
    return outcomes(shared / "sources" / "UcumFunctionalTests.xml")


@pytest.mark.parametrize("part", PARTS)
def test_at_least_99_in_100_hold(found: list[Outcome], part: str) -> None:
    assert sum(item.part == part for item in found) >= FEWEST[part]
    misses = [(item.case, item.asked, item.wanted, item.said) for item in found if not item.holds]
    assert share(found, part) >= 0.99, misses


def test_the_page_lists_every_miss(found: list[Outcome]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(found), "run python -m benchmarks.ucum --write"


def test_a_miss_would_be_counted_and_listed(found: list[Outcome]) -> None:
    broken = [Outcome("conversion", "3-0", "1 m in g", "1", "m is m, and g is g"), *found]
    assert share(broken, "conversion") < share(found, "conversion")
    assert "| conversion 3-0 | `1 m in g` | 1 | m is m, and g is g |" in page(broken)


@pytest.mark.parametrize(
    ("wanted", "said", "holds"),
    [
        ("25", "25.2", True),
        ("25.2", "25.2", True),
        ("25.2", "25.3", False),
        ("1.6", "1.575", True),
        ("1", "none", False),
    ],
)
def test_numbers_agree_to_the_last_digit_that_the_file_writes(wanted: str, said: str, *, holds: bool) -> None:
    assert Outcome("conversion", "0", "", wanted, said).holds == holds
