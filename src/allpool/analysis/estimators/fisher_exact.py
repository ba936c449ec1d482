"""Fisher's exact test on tables of any size, by a network over the columns (Mehta and Patel 1983).

A table is built column by column. What matters for the columns still to come is only which row totals
remain, in any order: those are the nodes of a stage. Paths into a node carry the probability of the
columns so far; paths whose every completion is at least as extreme as the table observed are
counted at once, those none of whose completions is are dropped, and equal ones are merged.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from allpool.analysis.estimators.arrays import FloatArray, IntArray
from allpool.errors import AnalysisError

# as R's fisher.test: probabilities this close, relatively, are ties
RELATIVE_TIE = 1e-7
# paths kept at one time; beyond this the exact test would need hours or gigabytes
MOST_PATHS = 5_000_000

Node: TypeAlias = tuple[int, ...]
# per node: the column weights log(prod 1/x!) of its edges and the child each leads to
Edges: TypeAlias = tuple[FloatArray, list[Node], IntArray]


def table_probability(table: NDArray[np.int64]) -> float:
    """Return the probability, given the margins, of tables no likelier than `table`.

    Raises
    ------
    AnalysisError
        the network outgrows `MOST_PATHS`.
    """
    if table.shape[0] > table.shape[1]:
        table = table.T
    rows = tuple(sorted(int(total) for total in table.sum(axis=1)))
    columns = sorted((int(total) for total in table.sum(axis=0)), reverse=True)
    observed = -float(gammaln(table + 1.0).sum())
    stages = _network(rows, columns)
    longest, shortest = _bounds(stages, len(columns))
    log_tables = float(
        gammaln(table.sum() + 1.0)
        - gammaln(table.sum(axis=0) + 1.0).sum()
        - gammaln(table.sum(axis=1) + 1.0).sum()
    )
    total = _walk(
        stages, rows, columns, longest, shortest, limit=observed + np.log1p(RELATIVE_TIE), scale=log_tables
    )
    return min(float(total), 1.0)


def _network(rows: Node, columns: list[int]) -> list[dict[Node, Edges]]:
    """Return, for each column, the nodes before it with their edges to the nodes after it."""
    stages: list[dict[Node, Edges]] = []
    nodes: set[Node] = {rows}
    edges = 0
    for column in columns:
        stage: dict[Node, Edges] = {}
        for node in nodes:
            fillings = _fillings(node, column)
            edges += len(fillings)
            if edges > MOST_PATHS:
                raise _too_large()
            remaining = np.sort(np.asarray(node) - fillings, axis=1)
            children, child = np.unique(remaining, axis=0, return_inverse=True)
            weight = -gammaln(fillings + 1.0).sum(axis=1)
            stage[node] = (weight, [tuple(map(int, row)) for row in children], child.ravel())
        stages.append(stage)
        nodes = {child for _, children, _ in stage.values() for child in children}
    return stages


def _fillings(node: Node, column: int) -> IntArray:
    """Return all ways to share a column total among rows with these totals remaining."""
    room = np.cumsum(node[::-1])[::-1]  # how much the rows from here on can still take
    partial = np.zeros((1, 0), dtype=np.int64)
    left = np.array([column])
    for i, most in enumerate(node):
        after = int(room[i + 1]) if i + 1 < len(node) else 0
        low, high = np.maximum(left - after, 0), np.minimum(left, most)
        width = high - low + 1
        owner = np.repeat(np.arange(left.size), width)
        if owner.size > MOST_PATHS:
            raise _too_large()
        value = np.arange(owner.size) - np.repeat(np.cumsum(width) - width, width) + low[owner]
        partial = np.column_stack((partial[owner], value))
        left = left[owner] - value
    return partial


def _bounds(
    stages: list[dict[Node, Edges]], depth: int
) -> tuple[list[dict[Node, float]], list[dict[Node, float]]]:
    """Return the greatest and least log weight of completing a table from each node."""
    longest: list[dict[Node, float]] = [{} for _ in range(depth)]
    shortest: list[dict[Node, float]] = [{} for _ in range(depth)]
    for stage in range(depth - 1, -1, -1):
        for node, (weight, children, child) in stages[stage].items():
            if stage + 1 == depth:
                best = worst = np.zeros(len(children))
            else:
                best = np.array([longest[stage + 1][c] for c in children])
                worst = np.array([shortest[stage + 1][c] for c in children])
            longest[stage][node] = float((weight + best[child]).max())
            shortest[stage][node] = float((weight + worst[child]).min())
    return longest, shortest


def _walk(
    stages: list[dict[Node, Edges]],
    rows: Node,
    columns: list[int],
    longest: list[dict[Node, float]],
    shortest: list[dict[Node, float]],
    *,
    limit: float,
    scale: float,
) -> float:
    """Sum the probability of all tables whose log weight is at most `limit`."""
    if longest[0][rows] <= limit:
        return 1.0
    total = 0.0
    paths: dict[Node, tuple[FloatArray, FloatArray]] = {rows: (np.zeros(1), np.ones(1))}
    for stage in range(len(columns)):
        arriving: dict[Node, list[tuple[FloatArray, FloatArray]]] = {}
        rest = columns[stage + 1 :]
        kept = 0
        for node, (past, number) in paths.items():
            weight, children, child = stages[stage][node]
            for c, to in enumerate(children):
                steps = weight[child == c]
                reached = (past[:, None] + steps).ravel()
                copies = np.broadcast_to(number[:, None], (past.size, steps.size)).ravel()
                high = longest[stage + 1][to] if rest else 0.0
                low = shortest[stage + 1][to] if rest else 0.0
                counted = reached + high <= limit
                total += float(
                    (copies[counted] * np.exp(reached[counted] + _completions(to, rest) - scale)).sum()
                )
                open_ = ~counted & (reached + low <= limit)
                if open_.any():
                    arriving.setdefault(to, []).append((reached[open_], copies[open_]))
                    kept += int(open_.sum())
            if kept > MOST_PATHS:
                raise _too_large()
        paths = {node: _merged(parts) for node, parts in arriving.items()}
    return total


def _completions(node: Node, rest: list[int]) -> float:
    """Return the log of the summed weight of all tables with these margins: n! / (prod r! prod c!)."""
    if not rest:
        return 0.0
    margins = gammaln(np.array(node) + 1.0).sum() + gammaln(np.array(rest) + 1.0).sum()
    return float(gammaln(sum(rest) + 1.0) - margins)


def _merged(parts: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Join paths into one node; those of equal weight (but for rounding) become one."""
    past = np.concatenate([part[0] for part in parts])
    number = np.concatenate([part[1] for part in parts])
    order = np.argsort(past)
    past, number = past[order], number[order]
    first = np.concatenate(([True], np.diff(past) > 1e-12 * np.maximum(np.abs(past[1:]), 1)))
    return past[first], np.add.reduceat(number, np.flatnonzero(first))


def _too_large() -> AnalysisError:
    return AnalysisError(
        "the table is too large for Fisher's exact test; merge sparse categories or use a chi-square test"
    )
