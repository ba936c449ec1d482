"""Which counts of a table have to be withheld so that no small one can be read or worked out.

Primary suppression withholds counts below the minimum; secondary suppression withholds more of them until
nothing that is still printed tells more of a small count than that it is small. Source of the two steps, and
of the audit by the interval that the printed totals leave: Hundepool et al., Statistical Disclosure Control,
Wiley 2012.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, TypeVar

import numpy as np

ROUNDING: Final = 1e-6
"""What the linear programmes may be off by; counts are whole numbers."""


Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Sum:
    """A total and the parts that a reader knows it to hold; what the parts leave over is a count too."""

    total: Hashable
    parts: tuple[Hashable, ...]


def withheld_cells(counts: Mapping[Name, int], sums: Iterable[Sum], *, minimum: int) -> frozenset[Name]:
    """Return the counts to withhold: those of 1 to `minimum` - 1, and those that would give one of them away.

    A small count (also one that is printed nowhere, as those who did not respond among those who could) is
    safe where the printed counts leave it anything from 1 to `minimum` - 1 at least, and more than one value.
    Zero is no small count.
    `ValueError` where the parts of a sum exceed its total.
    """
    numbers: dict[Hashable, int] = dict(counts.items())
    table = _Table(numbers, tuple(sums), minimum)
    small = [cell for cell, count in table.counts.items() if 0 < count < minimum]
    withheld: set[Hashable] = {cell for cell in small if cell in table.printed}
    added: list[Hashable] = []
    for cell in small:
        while not table.is_safe(cell, withheld):
            more = table.next_to(cell, withheld)
            withheld.add(more)
            added.append(more)
    for cell in reversed(added):  # what turned out not to be needed is printed after all
        fewer = withheld - {cell}
        near = table.near(cell, withheld)
        if all(table.is_safe(other, fewer) for other in small if other in near):
            withheld = fewer
    return frozenset(cell for cell in counts if cell in withheld)


class _Table:
    """Counts with the sums that bind them, and the counts that no one prints."""

    def __init__(self, counts: dict[Hashable, int], sums: Sequence[Sum], minimum: int) -> None:
        self.minimum = minimum
        self.printed = frozenset(counts)
        self.counts = counts
        self.rows: list[dict[Hashable, float]] = []
        for index, known in enumerate(sums):
            left = counts[known.total] - sum(counts[part] for part in known.parts)
            if left < 0:
                raise ValueError("the parts of a sum exceed its total")
            row: dict[Hashable, float] = {known.total: -1.0}
            for part in known.parts:
                row[part] = row.get(part, 0.0) + 1.0
            if left:
                self.counts[_Left(index)] = left
                row[_Left(index)] = 1.0
            self.rows.append(row)
        self.hidden = frozenset(self.counts) - self.printed

    def is_safe(self, cell: Hashable, withheld: set[Hashable]) -> bool:
        """Return whether what is printed leaves `cell` all small values, and two values at least."""
        rows, unknown = self._around(cell, self.hidden | withheld)
        if not rows:
            return True
        low = self._bound(cell, rows, unknown, 1)
        if low > 1 + ROUNDING:
            return False
        # where the minimum is 2 the only small value is 1, and a reader must not know that it is that
        return -self._bound(cell, rows, unknown, -1) >= max(self.minimum - 1, low + 1) - ROUNDING

    def next_to(self, cell: Hashable, withheld: set[Hashable]) -> Hashable:
        """Return the printed count to withhold next: near `cell`, a part rather than a total, a low one."""
        rows, _ = self._around(cell, self.hidden | withheld)
        candidates = {
            (cell not in row, row[name] < 0, self.counts[name] == 0, self.counts[name], str(name)): name
            for row in rows
            for name in row
            if name in self.printed and name not in withheld
        }
        return candidates[min(candidates)]

    def near(self, cell: Hashable, withheld: set[Hashable]) -> frozenset[Hashable]:
        """Return the counts that what is known of `cell` bears on."""
        return frozenset(self._around(cell, self.hidden | withheld)[1])

    def _around(
        self, cell: Hashable, unknown: frozenset[Hashable] | set[Hashable]
    ) -> tuple[list[dict[Hashable, float]], list[Hashable]]:
        """Return the sums that bear on `cell` through unknown counts, and these counts."""
        reached: dict[Hashable, None] = {cell: None}
        rows: list[dict[Hashable, float]] = []
        waiting = list(self.rows)
        grown = True
        while grown:
            grown = False
            for row in list(waiting):
                if not reached.keys() & row.keys():
                    continue
                rows.append(row)
                waiting.remove(row)
                reached.update(dict.fromkeys(name for name in row if name in unknown))
                grown = True
        return rows, list(reached)

    def _bound(
        self, cell: Hashable, rows: Sequence[Mapping[Hashable, float]], unknown: list[Hashable], sign: int
    ) -> float:
        """Return the least value of `sign` times `cell` that the sums allow, with no count below zero."""
        from scipy.optimize import linprog

        place = {name: at for at, name in enumerate(unknown)}
        left = np.zeros((len(rows), len(unknown)))
        right = np.zeros(len(rows))
        for at, row in enumerate(rows):
            for name, factor in row.items():
                if name in place:
                    left[at, place[name]] = factor
                else:
                    right[at] -= factor * self.counts[name]
        cost = np.zeros(len(unknown))
        cost[place[cell]] = sign
        found = linprog(cost, A_eq=left, b_eq=right, bounds=(0, None), method="highs")
        return float(found.fun) if found.status == 0 and found.fun is not None else -inf


@dataclass(frozen=True)
class _Left:
    """What the parts of a sum leave over."""

    index: int
