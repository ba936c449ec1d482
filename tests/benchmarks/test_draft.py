"""How good drafts are: the bars, on the example and on headers kept apart, and the page that reports them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.draft import PAGE, SETS, Answer, counted, every_answer, page

pytestmark = pytest.mark.xdist_group("draft")  # one worker: the example is drafted once

RIGHT = 0.9
"""Share of mapped columns whose first proposal is right, at least (issue 4)."""
PRECISION = 0.95
"""Share of the sure that are right, at least (issue 4)."""


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return every_answer()


def test_the_page_is_fresh(answers: Sequence[Answer]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(answers), "run `python -m benchmarks.draft --write`"


@pytest.mark.parametrize("kind", SETS)
def test_drafts_reach_their_bars_in_every_language(kind: str, answers: Sequence[Answer]) -> None:
    counts = {language: count for (set_, language), count in counted(answers).items() if set_ == kind}
    assert len(counts) > 3
    for language, count in counts.items():
        assert count.columns > 10
        assert count.right >= RIGHT * count.columns, language
        assert count.sure_right >= PRECISION * count.sure, language
        assert count.sure > 0.5 * count.columns, language


def test_most_that_no_mapping_reads_stays_open(answers: Sequence[Answer]) -> None:
    unmapped = [answer for answer in answers if not answer.right]
    sure = [answer for answer in unmapped if answer.said.element and answer.said.is_confident]
    assert len(unmapped) > 50
    assert len(sure) <= 0.05 * len(unmapped)
