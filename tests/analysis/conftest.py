"""The oracle grid: every number of a reference file is compared, or left out with a reason."""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


def walk(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each number (None stands for nan) with its path, keys joined by '/'."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, (*path, str(index)))
    elif node is None or (isinstance(node, int | float) and not isinstance(node, bool)):
        yield "/".join(path), math.nan if node is None else float(node)


class Grid:
    """A reference file, and which of its numbers have been compared."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.numbers = dict(walk(data))
        self.compared: set[str] = set()

    def same(self, path: str, value: float, *, within: float = 1e-8) -> None:
        """Compare one number, absolutely near 0 and relatively away from it; nan equals nan."""
        expected = self.numbers[path]
        if math.isnan(expected):
            assert math.isnan(value), f"{path}: {value} where R has none"
        else:
            assert value == pytest.approx(expected, rel=within, abs=within), path
        self.compared.add(path)

    def is_input(self, *patterns: str) -> None:
        """Mark numbers that went into the computation."""
        for pattern in patterns:
            found = fnmatch.filter(self.numbers, pattern)
            assert found, f"no number at {pattern}"
            self.compared.update(found)

    def is_complete(self, left_out: dict[str, str]) -> None:
        """Assert that each number was compared or is left out with a reason, and no reason is idle."""
        excused: set[str] = set()
        for pattern, reason in left_out.items():
            assert len(reason) > 10
            found = set(fnmatch.filter(self.numbers, pattern))
            assert found - self.compared, f"nothing is left out by {pattern}"
            excused |= found
        missed = sorted(set(self.numbers) - self.compared - excused)
        assert not missed, f"{len(missed)} numbers were never compared, such as {missed[:5]}"


@pytest.fixture
def grid(shared: Path) -> Callable[[str], Grid]:
    return lambda name: Grid(json.loads((shared / "oracles" / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def amlsg(shared: Path) -> pd.DataFrame:
    frame = pd.read_csv(shared / "real" / "AMLSG_1540.csv", low_memory=False)
    frame["log_wbc"] = np.log10(frame["wbc"] + 0.1)
    frame["decade"] = frame["AOD"] / 10
    # the oracle's own derivation of relapse-free survival from complete remission
    frame["rfs2"] = frame[["Recurrence_date", "OS"]].min(axis=1) - frame["CR_date"]
    frame["rfsstat2"] = (frame["Recurrence_date"].notna() | (frame["Status"] == 1)).astype(int)
    allografted = (frame["TPL_o"] == 1) & (frame["TPL_type"] != "AUTO") & (frame["TPL_Phase"] == "CR1")
    wait = (frame["TPL_date"] - frame["CR_date"]).where(allografted)
    frame["allo_t"] = wait.where(wait > 0)
    return frame


@pytest.fixture
def bmt(shared: Path) -> pd.DataFrame:
    frame = pd.read_csv(shared / "real" / "KMsurv_bmt.csv")
    frame["group"] = frame["group"].astype(str)
    frame["cr"] = np.where(frame["d2"] == 1, 1, np.where(frame["d1"] == 1, 2, 0))
    return frame.rename(columns={"z9": "hospital"})
