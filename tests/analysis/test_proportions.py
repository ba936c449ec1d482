"""Proportions and Fisher's test where the data are awkward."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.estimators import fisher_exact
from allpool.analysis.proportions import binomial, fisher, proportion, trend
from allpool.errors import AnalysisError


def _enumerated(table: np.ndarray) -> float:
    """Fisher's P by going through every table with these margins."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)

    def weight(cells: np.ndarray) -> float:
        return math.exp(-sum(math.lgamma(x + 1) for x in cells.ravel()))

    observed, total, extreme = weight(table), 0.0, 0.0
    free = [range(min(r, c) + 1) for r in rows[:-1] for c in columns[:-1]]
    for values in product(*free):
        cells = np.zeros(table.shape, dtype=int)
        cells[:-1, :-1] = np.array(values).reshape(len(rows) - 1, len(columns) - 1)
        cells[:-1, -1] = rows[:-1] - cells[:-1, :-1].sum(axis=1)
        cells[-1] = columns - cells[:-1].sum(axis=0)
        if (cells < 0).any():
            continue
        total += weight(cells)
        extreme += weight(cells) if weight(cells) <= observed * (1 + 1e-7) else 0.0
    return extreme / total


def test_known_tables_of_r() -> None:
    # the tea tasting and the job satisfaction tables of R's page on fisher.test
    assert fisher([[3, 1], [1, 3]]) == pytest.approx(0.4857142857142857, rel=1e-12)
    satisfaction = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]
    assert fisher(satisfaction) == pytest.approx(0.7827, abs=5e-5)


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=3))
def test_sparse_tables_equal_the_enumeration(cells: list[list[int]]) -> None:
    table = np.array(cells)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape, default=0) >= 2:
        assert fisher(cells) == pytest.approx(_enumerated(table), rel=1e-9)
        assert fisher(table.T) == pytest.approx(fisher(table), rel=1e-9)


def test_tables_without_a_question_have_p_one() -> None:
    assert fisher([[0, 0], [3, 4]]) == 1
    assert fisher([[5, 3]]) == 1


def test_a_table_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fisher_exact, "MOST_PATHS", 50)
    with pytest.raises(AnalysisError, match="too large"):
        fisher(np.full((4, 4), 6))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([1, 2], "two dimensions"),
        ([[0, 0], [0, 0]], "empty"),
        ([[1.5, 2], [3, 4]], "whole numbers"),
        ([[-1, 2], [3, 4]], "whole numbers"),
        ([[np.nan, 2], [3, 4]], "missing"),
    ],
)
def test_bad_tables_are_named(table: list, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        fisher(table)


@given(st.integers(1, 200), st.data())
def test_intervals_hold_the_proportion_and_mirror(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    for method in ("clopper-pearson", "wilson", "wilson-cc"):
        found, mirror = proportion(x, n, method=method), proportion(n - x, n, method=method)
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1
        assert found.lower == pytest.approx(1 - mirror.upper, abs=1e-12)
    assert proportion(0, n).lower == 0
    assert proportion(n, n).upper == 1


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: proportion(0, 0), "n is 0"),
        (lambda: proportion(3, 2), "must not exceed"),
        (lambda: proportion(-1, 2), "whole numbers"),
        (lambda: proportion(1.5, 2), "whole numbers"),
        (lambda: proportion(np.nan, 2), "missing"),
        (lambda: proportion(1, 2, method="wald"), "unknown method"),
        (lambda: proportion(1, 2, level=1), "between 0 and 1"),
        (lambda: binomial(1, 2, 1.2), "p0"),
        (lambda: binomial(1, 2, 0.5, "both"), "unknown alternative"),
        (lambda: trend([1], [2]), "at least two groups"),
        (lambda: trend([0, 0], [5, 5]), "no trend"),
        (lambda: trend([5, 5], [5, 5]), "no trend"),
        (lambda: trend([1, 2], [5, 5], [3, 3]), "no trend"),
        (lambda: trend([1, 2], [5, 0]), "at least one trial"),
        (lambda: trend([1, 2], [5, 5], [1]), "differ in length"),
    ],
)
def test_bad_input_is_named(ask: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        ask()  # type: ignore[operator]


def test_scores_default_to_their_order() -> None:
    assert trend([1, 3, 6], [10, 10, 10]) == trend([1, 3, 6], [10, 10, 10], [10, 20, 30])


def test_one_sided_binomial() -> None:
    assert binomial(8, 10, 0.5, "greater") == pytest.approx(56 / 1024)
    assert binomial(8, 10, 0.5, "less") == pytest.approx(1013 / 1024)
