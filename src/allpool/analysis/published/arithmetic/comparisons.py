"""P values of two shares: which test of which counts, if any, gives the printed digits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, xlogy
from scipy.stats import hypergeom

from allpool.analysis.estimators.contingency import chi_square
from allpool.analysis.proportions import fisher
from allpool.analysis.published.arithmetic.printed import Printed
from allpool.analysis.published.arithmetic.shares import counts


@dataclass(frozen=True)
class TwoShares:
    """Counts of two groups."""

    first: int
    of_first: int
    second: int
    of_second: int

    @property
    def table(self) -> list[list[int]]:
        """The 2 x 2 table, groups in rows."""
        return [
            [self.first, self.of_first - self.first],
            [self.second, self.of_second - self.second],
        ]


def tests(shares: TwoShares, p: Printed) -> tuple[str, ...]:
    """Return the names of the tests whose P value of the table is printed so."""
    return tuple(name for name, value in p_values(shares).items() if p.holds(value))


def p_values(shares: TwoShares) -> dict[str, float]:
    """Return Fisher's and Pearson's P values of a table, the latter with and without Yates's correction.

    A table with an empty row or column says nothing of a difference: both are 1.
    """
    table = np.array(shares.table)
    if not (table.sum(axis=0).all() and table.sum(axis=1).all()):
        return {"Fisher": 1.0, "chi-square": 1.0, "chi-square with correction": 1.0}
    return {
        "Fisher": fisher(shares.table),
        "chi-square": chi_square(table).p,
        "chi-square with correction": chi_square(table, correction=True).p,
    }


def rarer_tests(shares: TwoShares, p: Printed) -> tuple[str, ...]:
    """Return the names of less usual tests whose P value is printed so.

    One-sided and mid-P Fisher (Lancaster 1961, JASA 56:223), the likelihood ratio, and Pearson's chi-square
    times (N - 1)/N (Campbell 2007, Stat Med 26:3661).
    """
    table = np.array(shares.table)
    if not (table.sum(axis=0).all() and table.sum(axis=1).all()):
        return ()
    n, hits = int(table.sum()), shares.first + shares.second
    drawn = hypergeom(n, hits, shares.of_first)
    below, here = float(drawn.cdf(shares.first)), float(drawn.pmf(shares.first))
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    ratio = 2 * float(xlogy(table, table / expected).sum())
    found = {
        "Fisher, less": below,
        "Fisher, greater": 1 - below + here,
        "Fisher mid-P": fisher(shares.table) - here / 2,
        "likelihood ratio": float(chdtrc(1, ratio)),
        "N - 1 chi-square": float(chdtrc(1, chi_square(table).chi2 * (n - 1) / n)),
    }
    return tuple(name for name, value in found.items() if p.holds(value))


def tables(first: Printed, second: Printed, *, most: int) -> int:
    """Return how many pairs of groups of up to `most` patients may be printed so."""
    return math.prod(sum(len(counts(share, of)) for of in range(1, most + 1)) for share in (first, second))


def groups(first: Printed, second: Printed, *, most: int, total: int | None = None) -> Iterator[TwoShares]:
    """Yield every two groups of up to `most` patients whose percentages may be printed so.

    Parameters
    ----------
    total
        how many both groups have together, where that is known.
    """
    for of_first in range(1, most + 1):
        sizes = range(1, most + 1) if total is None else [total - of_first]
        for a in counts(first, of_first):
            for of_second in sizes:
                if 1 <= of_second <= most:
                    for b in counts(second, of_second):
                        yield TwoShares(a, of_first, b, of_second)
