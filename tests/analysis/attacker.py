"""An attacker on a printed table: which values of a withheld count are possible, in whole numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from allpool.analysis.cell_suppression import Sum


def possible(
    cell: Hashable,
    value: int,
    *,
    counts: Mapping[Hashable, int],
    sums: Iterable[Sum],
    withheld: Iterable[Hashable],
) -> bool:
    """Return whether some table of whole numbers with `cell` = `value` agrees with all that is printed.

    What the parts of a sum leave over is a count of its own that nobody prints.
    """
    gone = set(withheld)
    names: list[Hashable] = [*counts]
    rows = []
    for index, known in enumerate(sums):
        if counts[known.total] != sum(counts[part] for part in known.parts):
            names.append(("left over", index))
        rows.append((index, known))
    place = {name: at for at, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)))
    for at, (index, known) in enumerate(rows):
        matrix[at, place[known.total]] = -1
        for part in known.parts:
            matrix[at, place[part]] += 1
        if ("left over", index) in place:
            matrix[at, place["left over", index]] = 1
    low, high = np.zeros(len(names)), np.full(len(names), 10_000.0)
    for name, count in counts.items():
        if name not in gone:
            low[place[name]] = high[place[name]] = count
    low[place[cell]] = high[place[cell]] = value
    found = milp(
        np.zeros(len(names)),
        constraints=LinearConstraint(matrix, 0, 0) if rows else (),
        bounds=Bounds(low, high),
        integrality=np.ones(len(names)),
    )
    return bool(found.status == 0)
