"""One estimate by allpool, as survival_speed.py asks for it: survival_run.py TASK TIMES DIR SUBJECTS.

Reads the columns survival_speed.py wrote (little-endian doubles), warms up on the first thousand subjects,
times the estimation alone, and writes what is compared to
DIR/TASK-TIMES-allpool.bin. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GRID = np.arange(0.0, 3651, 10)

Columns = Callable[[str], np.ndarray]


def estimate(task: str, times: str, folder: Path, subjects: int) -> None:
    """Run one task in this process: print its seconds and peak memory, write what is compared."""

    def columns(name: str) -> np.ndarray:
        return np.fromfile(folder / f"{name}.bin", dtype="<f8", count=subjects)

    run = ESTIMATES[task](columns, times)
    run(slice(0, 1000))
    before = time.perf_counter()
    statistics_of = run(slice(None))
    seconds = time.perf_counter() - before
    np.concatenate(statistics_of()).astype("<f8").tofile(folder / f"{task}-{times}-allpool.bin")
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(json.dumps({"seconds": seconds, "mib": int(peak.split()[1]) / 1024}))


def _kaplan_meier(column: Columns, times: str) -> Callable[[slice], Any]:
    from allpool.analysis.survival import kaplan_meier

    exits, event = column(times), column("event")

    def run(part: slice) -> Any:
        curve = kaplan_meier(exits[part], event[part])
        return lambda: [curve.survival, curve.standard_error, curve.lower, curve.upper, curve.at_risk]

    return run


def _logrank(column: Columns, times: str) -> Callable[[slice], Any]:
    from allpool.analysis.survival import logrank

    exits, event, group = column(times), column("event"), column("group")

    def run(part: slice) -> Any:
        test = logrank(exits[part], event[part], group[part])
        return lambda: [test.observed, test.expected, [test.chi2]]

    return run


def _incidence(column: Columns, times: str) -> Callable[[slice], Any]:
    from allpool.analysis.competing import cumulative_incidence

    exits, cause = column(times), column("cause")

    def run(part: slice) -> Any:
        curves = cumulative_incidence(exits[part], cause[part])

        def compared() -> list[Any]:
            table = curves.at(GRID)
            wanted = ("incidence", "standard_error")
            return [table.loc[table["cause"] == j, name].to_numpy() for name in wanted for j in (1, 2)]

        return compared

    return run


def _cox(column: Columns, times: str) -> Callable[[slice], Any]:
    import pandas as pd

    from allpool.analysis.survival import cox

    names = [f"x{j}" for j in range(1, 9)]
    frame = pd.DataFrame({name: column(name) for name in [times, "event", "stratum", *names]})

    def run(part: slice) -> Any:
        model = cox(frame[part], times, "event", names, strata="stratum")
        return lambda: [
            model.coefficients,
            np.sqrt(np.diag(model.variance)),
            [model.log_likelihood_null, model.log_likelihood],
        ]

    return run


ESTIMATES: dict[str, Callable[[Columns, str], Callable[[slice], Any]]] = {
    "kaplan_meier": _kaplan_meier,
    "logrank": _logrank,
    "incidence": _incidence,
    "cox": _cox,
}


if __name__ == "__main__":
    estimate(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
