"""Which candidate each column takes, where a patient has one of a thing and two columns claim it."""

from __future__ import annotations

from collections.abc import Sequence

STEEP = 4
"""Power of the scores that are summed: one claim without doubt outweighs two halves."""
Claim = tuple[str, float, bool]
"""Target, score, and whether only one column of a table can be it."""


def chosen(columns: Sequence[Sequence[Claim]]) -> list[int | None]:
    """Return the place of the candidate that each column takes, None where it has none.

    Candidates stand best first. Columns that claim the same single target are told apart together, so that
    the sum of their scores (each to a power) is greatest; the others take their best.
    """
    picked: list[int | None] = [0 if claims else None for claims in columns]
    firsts = [claims[0][0] for claims in columns if claims and claims[0][2]]
    if len(set(firsts)) == len(firsts):
        return picked
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    singles = sorted({name for claims in columns for name, _, single in claims if single})
    place = {name: at for at, name in enumerate(singles)}
    gain = np.zeros((len(columns), len(singles) + len(columns)))
    which: dict[tuple[int, int], int] = {}
    for row, claims in enumerate(columns):
        own = len(singles) + row
        for at, (name, score, single) in enumerate(claims):
            column = place[name] if single else own
            if score**STEEP > gain[row, column]:
                gain[row, column] = score**STEEP
                which[row, column] = at
    rows, taken = linear_sum_assignment(gain, maximize=True)
    for row, column in zip(rows.tolist(), taken.tolist(), strict=True):
        picked[row] = which.get((row, column))
    return picked
