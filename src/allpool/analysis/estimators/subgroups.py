"""What a synthesis rests on: each study left out in turn, and studies apart by what they differ in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from allpool.analysis.estimators.arrays import labels, numbers, one_of, same_length
from allpool.analysis.estimators.heterogeneity import cochran_q
from allpool.analysis.estimators.meta_regression import meta_regression
from allpool.analysis.estimators.random_effects import random_effects
from allpool.analysis.estimators.results import ChiSquareTest
from allpool.errors import AnalysisError

SHOWN = ["k", "estimate", "standard_error", "lower", "upper", "p", "tau2", "i2", "q", "q_p"]
SHARING = ("separate", "common")


@dataclass(frozen=True, eq=False)
class Subgroups:
    """A synthesis per group (`groups`: group and the columns of a synthesis), and their difference.

    `between` is the test that the groups share one effect, `tau2` how the groups' heterogeneity was
    taken: "separate" or "common".
    """

    groups: pd.DataFrame
    between: ChiSquareTest
    tau2: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group."""
        return self.groups


def leave_one_out(
    y: Any,
    v: Any,
    *,
    studies: Sequence[str] | None = None,
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return one synthesis per study left out: omitted, k, estimate, standard_error, lower, upper, p, tau2...

    `studies` names the rows; without them they are numbered from 1. Two studies leave each other's own
    estimate.

    Raises
    ------
    AnalysisError
        as `random_effects`; fewer than two studies; names that are not as many as the studies.
    """
    effects, variances = numbers(y, name="y"), numbers(v, name="v")
    names = [str(i + 1) for i in range(effects.size)] if studies is None else [str(name) for name in studies]
    k = same_length(y=effects, v=variances, studies=names)
    if k < 2:
        raise AnalysisError("too little data: with one study there is none to leave out")
    rows = []
    for i, name in enumerate(names):
        kept = np.arange(k) != i
        rest = random_effects(effects[kept], variances[kept], method=method, test=test, level=level)
        rows.append({"omitted": name, **{column: getattr(rest, column) for column in SHOWN}})
    return pd.DataFrame(rows, columns=["omitted", *SHOWN])


def subgroups(
    y: Any,
    v: Any,
    group: Any,
    *,
    method: str = "REML",
    test: str = "z",
    tau2: str = "separate",
    level: float = 0.95,
) -> Subgroups:
    """Pool the studies of each group, and test whether the groups differ.

    Parameters
    ----------
    group
        a label per study.
    tau2
        "separate": each group has a tau2 of its own, and `between` is Cochran's Q of the groups' pooled
        estimates (Borenstein and Higgins 2013); a group of one study then counts without heterogeneity.
        "common": one tau2 for all groups, as in a meta-regression on the group; better with few studies.
    test
        of the groups' own intervals, which a group of one study has by "z" only; `between` is a chi-square
        of the plain standard errors whatever the test.

    Raises
    ------
    AnalysisError
        as `random_effects`; fewer than two groups.
    """
    one_of(tau2, SHARING, name="tau2")
    effects, variances = numbers(y, name="y"), numbers(v, name="v")
    found, codes = labels(group, name="group")
    same_length(y=effects, v=variances, group=codes)
    if len(found) < 2:
        raise AnalysisError("all studies are of one group; there is nothing to compare")
    shared = 0.0
    if tau2 == "common" and method != "FE":
        whole = meta_regression(effects, variances, pd.DataFrame({"group": codes.astype(str)}), method=method)
        shared = whole.tau2
    rows, plain = [], []
    for code, label in enumerate(found):
        mine = codes == code
        how = method if tau2 == "separate" else "FE"
        part = random_effects(effects[mine], variances[mine] + shared, method=how, test=test, level=level)
        row = {"group": str(label), **{column: getattr(part, column) for column in SHOWN}}
        if tau2 == "common":
            own = cochran_q(effects[mine], variances[mine])
            row |= {"tau2": shared, "i2": float("nan"), "q": own, "q_p": _tail(own, int(mine.sum()) - 1)}
        rows.append(row)
        plain.append(1 / (1 / (variances[mine] + (part.tau2 if tau2 == "separate" else shared))).sum())
    frame = pd.DataFrame(rows, columns=["group", *SHOWN])
    q = cochran_q(frame["estimate"].to_numpy(float), np.array(plain))
    return Subgroups(frame, ChiSquareTest(q, len(found) - 1, _tail(q, len(found) - 1)), tau2)


def _tail(q: float, df: int) -> float:
    return float(chdtrc(df, q)) if df > 0 else 1.0
