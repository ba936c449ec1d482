"""No small count of a table can be read or worked out from what is still printed."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from allpool.analysis.cell_suppression import Sum, withheld_cells
from tests.analysis.attacker import possible


def two_way(cells: list[list[int]]) -> tuple[dict[Hashable, int], list[Sum]]:
    """Return the counts and sums of a table with the totals of its rows and columns."""
    rows, columns = range(len(cells)), range(len(cells[0]))
    counts: dict[Hashable, int] = {(r, c): cells[r][c] for r in rows for c in columns}
    counts |= {(r, "all"): sum(cells[r]) for r in rows}
    counts |= {("all", c): sum(cells[r][c] for r in rows) for c in columns}
    counts["all", "all"] = sum(map(sum, cells))
    sums = [Sum((r, "all"), tuple((r, c) for c in columns)) for r in rows]
    sums += [Sum(("all", c), tuple((r, c) for r in rows)) for c in columns]
    sums += [Sum(("all", "all"), tuple((r, "all") for r in rows))]
    sums += [Sum(("all", "all"), tuple(("all", c) for c in columns))]
    return counts, sums


@st.composite
def tables(draw: st.DrawFn) -> list[list[int]]:
    count = st.one_of(st.integers(0, 6), st.integers(0, 40))
    width = draw(st.integers(1, 3))
    return draw(st.lists(st.lists(count, min_size=width, max_size=width), min_size=1, max_size=3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=tables(), minimum=st.sampled_from([2, 5, 11]))
def test_whole_numbers_leave_every_small_value_possible(cells: list[list[int]], minimum: int) -> None:
    counts, sums = two_way(cells)
    withheld = withheld_cells(counts, sums, minimum=minimum)
    for cell, count in counts.items():
        if 0 < count < minimum:
            assert cell in withheld
            for value in {1, count, minimum - 1}:
                assert possible(cell, value, counts=counts, sums=sums, withheld=withheld)


@settings(max_examples=60, deadline=None)
@example(whole=3, share=0.5, minimum=2)  # one did not respond: 1 is the only small value there is
@given(whole=st.integers(0, 40), share=st.floats(0, 1, allow_nan=False), minimum=st.sampled_from([2, 5, 11]))
def test_who_did_not_respond_is_a_count_too(whole: int, share: float, minimum: int) -> None:
    part = round(whole * share)
    counts: dict[Hashable, int] = {"whole": whole, "part": part}
    withheld = withheld_cells(counts, [Sum("whole", ("part",))], minimum=minimum)
    if 0 < part < minimum or 0 < whole - part < minimum:
        assert "part" in withheld or "whole" in withheld
    else:
        assert not withheld - {name for name, count in counts.items() if 0 < count < minimum}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([[0, 20], [30, 40]], set()),  # zero tells of nobody
        ([[7, 20], [30, 40]], set()),
        # one small count goes with a rectangle of others
        ([[3, 20], [30, 40]], {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ([[3, 4], [30, 40]], {(0, 0), (0, 1), (1, 0), (1, 1)}),
    ],
)
def test_cases(cells: list[list[int]], expected: set[Hashable]) -> None:
    counts, sums = two_way(cells)
    assert withheld_cells(counts, sums, minimum=5) == expected


def test_no_more_than_needed_is_withheld() -> None:
    counts = {"a": 3, "b": 20, "c": 8, "d": 0, "all": 31}
    assert withheld_cells(counts, [Sum("all", ("a", "b", "c", "d"))], minimum=5) == {"a", "c"}


def test_parts_above_their_total_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="exceed"):
        withheld_cells({"a": 3, "all": 2}, [Sum("all", ("a",))], minimum=5)
